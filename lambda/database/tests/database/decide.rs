//! The decisions, for all possible inputs.

use std::collections::BTreeSet;
use std::time::Duration;

use keyrota_database_function::decide::{
    AccountsDecision, ChangeEnd, Found, PasswordCheck, Repair, accounts, after_asking,
    may_be_partial, may_discard, may_try_another_login, may_try_replaced, repair,
};
use keyrota_database_function::mark::{RETAINED, SETTING, broken_off};
use keyrota_database_function::moment::Moment;
use keyrota_database_function::pin::Hosts;
use keyrota_database_function::server::{
    Account, Accounts, ChangeError, Engine, FailureLimit, Inspection, LoginLimits, PasswordExpiry,
    ServerError, ServerFault,
};
use keyrota_database_function::stage::{CURRENT, PENDING, Stages, VersionId};

const FAULTS: [ServerFault; 19] = [
    ServerFault::WrongCredentials,
    ServerFault::LoginForbidden,
    ServerFault::PasswordExpired,
    ServerFault::UserLimit,
    ServerFault::Pooler,
    ServerFault::NameUnknown,
    ServerFault::Unreachable,
    ServerFault::TimedOut,
    ServerFault::NoTls,
    ServerFault::Untrusted,
    ServerFault::Busy,
    ServerFault::PasswordRefused,
    ServerFault::NotAllowed,
    ServerFault::NoCreateRole,
    ServerFault::NoAdminOption,
    ServerFault::SuperuserNeeded,
    ServerFault::UserUnknown,
    ServerFault::Unclear,
    ServerFault::Refused,
];

fn error(fault: ServerFault) -> ServerError {
    ServerError { fault, code: None }
}

#[test]
fn only_a_wrong_password_is_followed_by_another_and_only_before_a_change_was_sent() {
    for fault in FAULTS {
        let is_wrong = fault == ServerFault::WrongCredentials;
        let unsent = ChangeError::Unsent(error(fault));
        assert_eq!(may_try_another_login(&unsent), is_wrong, "{fault:?}");
        let sent = ChangeError::Sent(error(fault));
        assert!(!may_try_another_login(&sent), "{fault:?}");
    }
}

/// What a login shows counts, and never the error of the change.
#[test]
fn a_change_ends_as_the_logins_show() {
    for fault in FAULTS {
        let end = |found, partial| after_asking(fault, found, partial);
        assert_eq!(end(Found::New, false), ChangeEnd::Set);
        assert_eq!(end(Found::New, true), ChangeEnd::Unknown);
        assert_eq!(end(Found::Neither, false), ChangeEnd::NoPasswordWorks);
        let refused = fault == ServerFault::PasswordRefused;
        for found in [Found::Old, Found::NotNew] {
            for (partial, otherwise) in [(false, ChangeEnd::NotChanged), (true, ChangeEnd::Unknown)]
            {
                let expected = if refused {
                    ChangeEnd::GiveUp
                } else {
                    otherwise
                };
                assert_eq!(end(found, partial), expected, "{fault:?} {found:?}");
            }
        }
        for why in FAULTS {
            assert_eq!(end(Found::Unknown(why), false), ChangeEnd::Unknown);
        }
    }
}

/// Returns what a session says that sees these accounts, if it sees any but its own.
fn inspection(own: Option<&str>, all: Option<&[&str]>) -> Inspection {
    Inspection {
        expiry: None,
        accounts: Accounts {
            own: own.map(Account::new),
            all: all.map(|hosts| hosts.iter().map(|host| Account::new(*host)).collect()),
        },
        limits: LoginLimits::default(),
    }
}

/// Returns the name of a decision.
fn name(decision: AccountsDecision<'_>) -> &'static str {
    match decision {
        AccountsDecision::Only => "only",
        AccountsDecision::Unchecked => "unchecked",
        AccountsDecision::Every => "every",
        AccountsDecision::Several(all) => {
            assert_eq!(all.len(), 2);
            "several"
        }
        AccountsDecision::Unseen(_) => "unseen",
    }
}

#[test]
fn one_password_is_not_set_where_it_may_not_serve_all() {
    const BOTH: &[&str] = &["%", "127.0.0.1"];
    let choices = [None, Some(Hosts::Own), Some(Hosts::All)];
    for (own, all, expected) in [
        (Some("%"), Some(BOTH), ["several", "several", "every"]),
        (None, Some(BOTH), ["several", "several", "every"]),
        (
            Some("10.%"),
            Some(&["10.%"] as &[_]),
            ["only", "only", "every"],
        ),
        (None, Some(&["%"]), ["only", "only", "every"]),
        // The change says that the user does not exist.
        (None, Some(&[]), ["only", "only", "every"]),
        (Some("%"), None, ["unchecked", "only", "unseen"]),
        (Some(""), None, ["unchecked", "only", "unseen"]),
        (Some("127.0.0.1"), None, ["unseen", "only", "unseen"]),
        (None, None, ["unseen", "only", "unseen"]),
    ] {
        let seen = inspection(own, all);
        let found = choices.map(|hosts| name(accounts(hosts, &seen)));
        assert_eq!(found, expected, "{own:?} {all:?}");
        // An expired password lets the session read nothing, and a rotation is what it needs.
        let expired = Inspection {
            expiry: Some(PasswordExpiry::Expired),
            ..seen.clone()
        };
        if all.is_none() {
            assert_eq!(name(accounts(None, &expired)), "unchecked");
        }
    }
}

#[test]
fn an_account_is_shown_without_what_no_host_has() {
    let shown = |host: &str| Account::new(host).shown("o'rders");
    assert_eq!(shown("10.0.%"), "'o''rders'@'10.0.%'");
    assert_eq!(shown("a'; DROP\n\u{1b}[31m"), "'o''rders'@'aDROP31m'");
    assert_eq!(shown(&"x".repeat(300)).len(), 64 + "'o''rders'@''".len());
}

#[test]
fn only_mariadb_changes_a_part_of_several_accounts() {
    for engine in Engine::ALL {
        assert!(!may_be_partial(engine, None));
        assert!(!may_be_partial(engine, Some(Hosts::Own)));
        let partial = may_be_partial(engine, Some(Hosts::All));
        assert_eq!(partial, engine == Engine::MariaDb);
    }
}

#[test]
fn a_fault_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = FAULTS.into_iter().map(ServerFault::name).collect();
    assert_eq!(names.len(), FAULTS.len());
    for fault in FAULTS {
        let debug = format!("{fault:?}").to_lowercase();
        assert_eq!(fault.name().replace('_', ""), debug);
    }
}

#[test]
fn what_was_broken_off_becomes_current_only_where_it_alone_works() {
    use PasswordCheck::{Right, Wrong};
    assert_eq!(repair(Wrong, Right), Repair::Promote);
    assert_eq!(repair(Right, Wrong), Repair::Forget);
    assert_eq!(repair(Right, Right), Repair::Leave);
    assert_eq!(repair(Wrong, Wrong), Repair::Stop);
}

/// All combinations of labels on two versions, one of which is AWSCURRENT.
#[test]
fn the_server_forgets_nothing_but_what_is_before_awscurrent() {
    let places = [None, Some("current"), Some("other")];
    for pending in places {
        for setting in places {
            for retained in places {
                let mut stages = Stages::new();
                let mut put = |label: &str, place: Option<&str>| {
                    if let Some(place) = place {
                        let labels = stages.entry(VersionId::new(place)).or_default();
                        labels.insert(label.to_owned());
                    }
                };
                put(CURRENT, Some("current"));
                put(PENDING, pending);
                put(SETTING, setting);
                put(RETAINED, retained);
                let may =
                    |now| may_discard(&stages, Moment(100), Duration::from_secs(10), Moment(now));
                let settled = pending != Some("other") && setting != Some("other");
                assert_eq!(may(110), settled && retained == Some("current"));
                assert!(!may(109));
                let found = broken_off(&stages).is_some();
                assert_eq!(found, setting == Some("other") && pending != Some("other"));
            }
        }
    }
}

#[test]
fn the_replaced_password_is_tried_only_if_the_server_tolerates_it() {
    for (limit, failed, expected) in [
        (FailureLimit::Unlimited, 7, true),
        (FailureLimit::Unknown, 0, false),
        (FailureLimit::After(1), 0, false),
        (FailureLimit::After(2), 0, true),
        (FailureLimit::After(2), 1, false),
        (FailureLimit::After(3), 1, true),
        (FailureLimit::After(3), u32::MAX, false),
    ] {
        assert_eq!(
            may_try_replaced(limit, failed),
            expected,
            "{limit:?} {failed}"
        );
    }
}
