//! Faults of the next rotation.

use keyrota_contract::check::{CallResult, CheckAnswer, CheckedCall, PasswordExpiry, Signer, call};

use super::super::super::{
    CallOutcome, Fix, Principals, Proof, Quarantine, Rehearsal, SecretContent, TestMethod,
    simulations,
};
use super::{expect, found, found_of, ids};
use crate::port::{PolicyDecision, Simulated};

const ROLE: &str = "arn:aws:iam::111122223333:role/keys-FunctionRole-1";

fn principals(key: Option<&str>) -> Principals {
    Principals {
        role: ROLE.to_owned(),
        user: Some(("arn:aws:iam::111122223333:user/ada".into(), "ada".into())),
        secret: "arn:own".to_owned(),
        key: key.map(str::to_owned),
        via: "secretsmanager.eu-west-1.amazonaws.com".to_owned(),
    }
}

fn checked(call: &str, by: Signer, result: CallResult, code: Option<&str>) -> CheckedCall {
    CheckedCall {
        result,
        code: code.map(str::to_owned),
        reason: code.map(|code| format!("{call} failed ({code})")),
        ..CheckedCall::untried(call, by)
    }
}

fn simulated(action: &str, by: Signer, allowed: bool) -> Simulated {
    Simulated {
        action: action.to_owned(),
        by,
        of: None,
        decision: match allowed {
            true => PolicyDecision::Allowed,
            false => PolicyDecision::NotAllowed,
        },
        is_conclusive: true,
    }
}

fn rehearsal(
    calls: Vec<CheckedCall>,
    key: Option<&str>,
    simulated: &[Simulated],
) -> Option<Rehearsal> {
    let answer = CheckAnswer {
        calls,
        ..CheckAnswer::default()
    };
    Some(Rehearsal::of(
        "keys/ada",
        answer,
        &principals(key),
        simulated,
    ))
}

fn denied(call: &str, by: Signer) -> CheckedCall {
    checked(call, by, CallResult::Failed, Some("AccessDenied"))
}

const ID: &str = "rotation-rehearsal-failed";

#[test]
fn nothing_is_found_where_no_refusal_is_known() {
    let calls = vec![
        checked(
            call::DESCRIBE_SECRET,
            Signer::Role,
            CallResult::Allowed,
            None,
        ),
        checked(
            call::LIST_ACCESS_KEYS,
            Signer::User,
            CallResult::Busy,
            Some("Throttling"),
        ),
        CheckedCall::untried(call::PUT_SECRET_VALUE, Signer::Role),
        CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::Administrator),
        CheckedCall::untried(call::TAG_USER, Signer::Role),
    ];
    let inconclusive = Simulated {
        is_conclusive: false,
        ..simulated(call::TAG_USER, Signer::Role, false)
    };
    let put = simulated(call::PUT_SECRET_VALUE, Signer::Role, true);
    let one = rehearsal(calls, None, &[put, inconclusive]).unwrap();
    let how = |it: &super::super::super::RehearsedCall| (it.how, it.result);
    let all: Vec<_> = one.calls.iter().map(how).collect();
    let expected = [
        (TestMethod::Tested, CallOutcome::Ok),
        (TestMethod::NotTestable, CallOutcome::Unknown),
        (TestMethod::Simulated, CallOutcome::Ok),
        (TestMethod::NotTestable, CallOutcome::Unknown),
        (TestMethod::NotTestable, CallOutcome::Unknown),
    ];
    assert_eq!(all, expected);
    assert_eq!(found(|it| it.rehearsal = Some(one)), []);
}

#[test]
fn each_refusal_names_the_call_who_makes_it_the_code_and_the_policy() {
    let by_role = found(|it| {
        let calls = vec![denied(call::DESCRIBE_SECRET, Signer::Role)];
        it.rehearsal = rehearsal(
            calls,
            None,
            &[simulated(call::DESCRIBE_SECRET, Signer::Role, false)],
        );
    });
    let evidence = ["secretsmanager:DescribeSecret by the function's role (tested, AccessDenied)"];
    expect(&by_role, ID, None, &evidence, ROLE);
    assert!(
        by_role[0]
            .remedy
            .contains("restore the policies of the role")
    );

    let by_user = found(|it| {
        let calls = vec![
            denied(call::LIST_ACCESS_KEYS, Signer::User),
            CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::User),
        ];
        it.rehearsal = rehearsal(
            calls,
            None,
            &[simulated(call::CREATE_ACCESS_KEY, Signer::User, false)],
        );
    });
    let evidence = [
        "iam:ListAccessKeys by the user `ada` (tested, AccessDenied)",
        "iam:CreateAccessKey by the user `ada` (simulated, implicitDeny)",
    ];
    expect(
        &by_user,
        ID,
        None,
        &evidence,
        "keyrota-ManageOwnAccessKeys of the user `ada`",
    );

    let unreached = found(|it| {
        let lost = checked(
            call::DESCRIBE_SECRET,
            Signer::Role,
            CallResult::Failed,
            Some("unreachable"),
        );
        it.rehearsal = rehearsal(vec![lost], None, &[]);
    });
    expect(
        &unreached,
        ID,
        None,
        &["unreachable"],
        "`network` in the manifest",
    );

    let failed = found(|it| {
        let error = "the function keys-Function does not exist".to_owned();
        it.rehearsal = Some(Rehearsal::failed("keys/ada", error, &principals(None)));
    });
    expect(
        &failed,
        ID,
        None,
        &["does not exist"],
        "`keyrota bootstrap`",
    );
}

/// Secrets Manager answers alike, whether the role's policy or the key policy refuses.
#[test]
fn the_key_policy_is_named_where_the_role_may() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    let of = |allowed| {
        found(|it| {
            let calls = vec![
                denied(call::GET_SECRET_VALUE, Signer::Role),
                CheckedCall::untried(call::PUT_SECRET_VALUE, Signer::Role),
            ];
            let all = [
                simulated(call::GET_SECRET_VALUE, Signer::Role, allowed),
                simulated(call::PUT_SECRET_VALUE, Signer::Role, true),
                simulated(call::GENERATE_DATA_KEY, Signer::Role, true),
            ];
            it.rehearsal = rehearsal(calls, Some(key), &all);
        })
    };
    let by_key = of(true);
    expect(
        &by_key,
        ID,
        None,
        &["AccessDenied"],
        &format!("the key policy of {key}"),
    );
    for text in [
        ROLE,
        "kms:Decrypt",
        "secretsmanager.eu-west-1.amazonaws.com",
    ] {
        assert!(by_key[0].remedy.contains(text), "{by_key:#?}");
    }
    expect(
        &of(false),
        ID,
        None,
        &[],
        "restore the policies of the role",
    );
}

#[test]
fn an_administrators_secret_is_named() {
    let of = |code: &str, allowed: bool| {
        found_of(", rotate_as: ops/admin", |it| {
            let call = CheckedCall {
                resource: Some("ops/admin".to_owned()),
                ..checked(
                    call::GET_SECRET_VALUE,
                    Signer::Role,
                    CallResult::Failed,
                    Some(code),
                )
            };
            let one = Simulated {
                of: Some("ops/admin".to_owned()),
                ..simulated(call::GET_SECRET_VALUE, Signer::Role, allowed)
            };
            it.rehearsal = rehearsal(vec![call], None, &[one]);
            it.secret()
                .tags
                .insert("keyrota:rotate-as".into(), "ops/admin".into());
        })
    };
    let only = |found: Vec<super::Diagnosis>| {
        let found: Vec<_> = found.into_iter().filter(|it| it.fault.id == ID).collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found[0].remedy.clone()
    };
    assert!(only(of("AccessDenied", false)).contains("check the role's policy"));
    assert!(only(of("AccessDenied", true)).contains("resource policy of `ops/admin`"));
    assert!(only(of("no_key", false)).contains("store the administrator's credential"));
    assert!(
        only(of("ResourceNotFoundException", false)).contains("create the administrator's secret")
    );
}

#[test]
fn the_consequence_of_a_fault_that_is_found_is_not_reported() {
    let refused = || {
        rehearsal(
            vec![denied(call::LIST_ACCESS_KEYS, Signer::User)],
            None,
            &[],
        )
    };
    let missing = found(|it| {
        it.rehearsal = refused();
        it.seen.keys.retain(|key| key.id != "AKIACURRENT");
    });
    assert_eq!(ids(&missing), [("current-key-missing", Some(Fix::Recover))]);
    let wrong = found(|it| {
        it.rehearsal = refused();
        it.proof = Proof::Refused("no".to_owned());
    });
    assert_eq!(ids(&wrong), [("credential-refused", Some(Fix::Recover))]);
    let broken = found(|it| {
        it.rehearsal = refused();
        it.held().current = SecretContent::Sealed;
    });
    assert_eq!(ids(&broken), [("value-undecryptable", None)]);
}

fn quarantine() -> Option<Quarantine> {
    Quarantine::of(&["arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3".to_owned()])
}

#[test]
fn a_quarantine_is_reported_and_what_it_denies_is_not_reported_again() {
    let refused = || {
        let call = CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::User);
        rehearsal(
            vec![call],
            None,
            &[simulated(call::CREATE_ACCESS_KEY, Signer::User, false)],
        )
    };
    let by_itself = found(|it| {
        it.quarantine = quarantine();
        it.rehearsal = refused();
    });
    let evidence = [
        "AWSCompromisedKeyQuarantineV3",
        "iam:CreateAccessKey",
        "`rotate_as: self`",
    ];
    let remedy = "`keyrota rotate --compromised keys/ada`";
    expect(&by_itself, "key-quarantined", None, &evidence, remedy);
    assert_eq!(by_itself[0].subject, "user ada");
    assert!(by_itself[0].remedy.contains("do not detach"));

    // The role's calls do not fail because of it.
    let by_role = found_of(", rotate_as: role", |it| {
        it.quarantine = quarantine();
        it.rehearsal = rehearsal(
            vec![denied(call::LIST_ACCESS_KEYS, Signer::Role)],
            None,
            &[],
        );
    });
    assert_eq!(ids(&by_role), [("key-quarantined", None), (ID, None)]);
    assert!(!by_role[0].evidence.contains("`rotate_as: self`"));
}

/// The simulated requests contain what the rendered policies ask for.
#[test]
fn what_the_function_does_not_try_is_simulated_with_its_context() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    let answer = CheckAnswer {
        calls: vec![
            checked(
                call::DESCRIBE_SECRET,
                Signer::Role,
                CallResult::Allowed,
                None,
            ),
            checked(
                call::GET_CALLER_IDENTITY,
                Signer::User,
                CallResult::Failed,
                Some("x"),
            ),
            CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::User),
            CheckedCall::untried(call::TAG_USER, Signer::Role),
            CheckedCall::untried(call::PUT_SECRET_VALUE, Signer::Role),
            CheckedCall::untried(call::UPDATE_SECRET_VERSION_STAGE, Signer::Role),
            CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::Administrator),
            CheckedCall::untried(call::CHANGE_PASSWORD, Signer::User),
        ],
        expiry: Some(PasswordExpiry::Expired),
        limits: None,
        rotating: false,
    };
    let all = simulations(&answer, &principals(Some(key)));
    let told: Vec<_> = all
        .iter()
        .map(|it| {
            (
                it.actions.join(" "),
                it.resource.as_str(),
                it.context.keys().cloned().collect::<Vec<_>>().join(" "),
            )
        })
        .collect();
    let user = "arn:aws:iam::111122223333:user/ada";
    let expected = [
        (
            call::CREATE_ACCESS_KEY.to_owned(),
            user,
            "aws:username".to_owned(),
        ),
        (call::TAG_USER.to_owned(), user, "aws:TagKeys".to_owned()),
        (
            format!(
                "{} {}",
                call::PUT_SECRET_VALUE,
                call::UPDATE_SECRET_VERSION_STAGE
            ),
            "arn:own",
            String::new(),
        ),
        (
            call::GENERATE_DATA_KEY.to_owned(),
            key,
            "kms:EncryptionContext:SecretARN kms:ViaService".to_owned(),
        ),
    ];
    assert_eq!(told, expected);
}

/// A statement with a condition on a key that the simulation does not know may not matter.
#[test]
fn an_explicit_denial_is_one_whatever_the_simulation_does_not_know() {
    let of = |decision| {
        found(|it| {
            let call = CheckedCall::untried(call::CREATE_ACCESS_KEY, Signer::User);
            let one = Simulated {
                decision,
                is_conclusive: false,
                ..simulated(call::CREATE_ACCESS_KEY, Signer::User, false)
            };
            it.rehearsal = rehearsal(vec![call], None, &[one]);
        })
    };
    assert_eq!(of(PolicyDecision::NotAllowed), []);
    let explicit = of(PolicyDecision::DeniedExplicitly);
    expect(&explicit, ID, None, &["(simulated, explicitDeny)"], "ada");
}

/// Another policy cannot allow what one of these denies.
#[test]
fn the_remedy_names_the_policy_that_stands_against_a_call() {
    let of = |by, decision| {
        found(|it| {
            let call = CheckedCall::untried(call::CREATE_ACCESS_KEY, by);
            let one = Simulated {
                decision,
                ..simulated(call::CREATE_ACCESS_KEY, by, false)
            };
            it.rehearsal = rehearsal(vec![call], None, &[one]);
        })
    };
    for (decision, remedy) in [
        (PolicyDecision::DeniedExplicitly, "find that statement"),
        (PolicyDecision::OutsideOrganization, "AWS organization"),
        (PolicyDecision::OutsideBoundary, "permissions boundary of"),
    ] {
        for (by, whose) in [(Signer::Role, ROLE), (Signer::User, "the user `ada`")] {
            let found = of(by, decision);
            expect(&found, ID, None, &["iam:CreateAccessKey"], remedy);
            let remedy = &found[0].remedy;
            assert!(remedy.contains(whose), "{remedy}");
            assert!(!remedy.contains("doctor --fix"), "{remedy}");
        }
    }
}
