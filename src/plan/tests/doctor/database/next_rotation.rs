//! What a rehearsal says about the next rotation of a login.

use super::*;

/// Returns what is found if the server says when the password expires.
fn expiring(expiry: PasswordExpiry, since: &str) -> Vec<Diagnosis> {
    found(|it| {
        let answer = CheckAnswer {
            expiry: Some(expiry),
            ..CheckAnswer::default()
        };
        it.rehearsal = Some(Rehearsal::of(
            "prod/orders",
            answer,
            &Principals::default(),
            &[],
        ));
        it.held().current_since = Some(at(since));
    })
}

#[test]
fn a_password_that_expires_before_the_next_rotation_is_found() {
    // The next rotation is due on December 1.
    let until = |text: &str| PasswordExpiry::At(at(text).as_second());
    let since = "2026-11-01T08:59:00Z";
    let found = expiring(until("2026-11-05T09:00:00Z"), since);
    let evidence = ["2026-11-05T09:00:00Z", "2026-12-01T09:00:00Z", "`app`"];
    expect(&found, "password-expires", None, &evidence, "VALID UNTIL");
    // No rotation moves this date.
    let found = expiring(until("2026-12-01T20:00:00Z"), since);
    expect(&found, "password-expires", None, &[], "VALID UNTIL");
    assert_eq!(expiring(until("2027-01-05T09:00:00Z"), since), []);

    let days = PasswordExpiry::DaysAfterChange;
    let found = expiring(days(20), since);
    expect(
        &found,
        "password-expires",
        None,
        &["20 days", "2026-11-21"],
        "`schedule:`",
    );
    // A rotation comes first.
    assert_eq!(expiring(days(31), since), []);
    let found = expiring(PasswordExpiry::Expired, since);
    expect(
        &found,
        "password-expires",
        None,
        &["has expired"],
        "`keyrota rotate prod/orders`",
    );
}

/// What counts is that clients log in, and not that the function does.
#[test]
fn accounts_that_one_secret_does_not_serve_are_a_fault_although_the_login_works() {
    let of = |result: CallResult, code: &str| {
        let login = CheckedCall {
            result: CallResult::Allowed,
            ..CheckedCall::untried(call::LOG_IN, Signer::User)
        };
        let accounts = CheckedCall {
            result,
            code: Some(code.to_owned()),
            reason: Some("'app'@'127.0.0.1', 'app'@'%'".to_owned()),
            ..CheckedCall::untried(call::READ_ACCOUNTS, Signer::User)
        };
        let answer = CheckAnswer {
            calls: vec![login, accounts],
            ..CheckAnswer::default()
        };
        let rehearsal = Rehearsal::of("prod/orders", answer, &Principals::default(), &[]);
        let reason = rehearsal.calls[1].reason.clone();
        assert_eq!(reason.as_deref(), Some("'app'@'127.0.0.1', 'app'@'%'"));
        found(|it| it.rehearsal = Some(rehearsal))
    };
    for (code, remedy) in [
        ("several_accounts", "`hosts: all`"),
        ("accounts_unseen", "set `hosts` in the manifest"),
    ] {
        let evidence = [
            &*format!("database:ReadAccounts by the user `app` (tested, {code})"),
            "'app'@'127.0.0.1', 'app'@'%'",
        ];
        let found = of(CallResult::Failed, code);
        expect(&found, "rotation-rehearsal-failed", None, &evidence, remedy);
    }
    assert_eq!(of(CallResult::Untried, "not_checked"), []);
}

#[test]
fn a_server_that_is_not_reached_says_nothing_about_the_password() {
    let of = |code: &str| {
        let call = CheckedCall {
            result: CallResult::Failed,
            code: Some(code.to_owned()),
            reason: Some(
                "there is no route to the host, or nothing listens on the port".to_owned(),
            ),
            ..CheckedCall::untried(call::LOG_IN, Signer::User)
        };
        let answer = CheckAnswer {
            calls: vec![call],
            ..CheckAnswer::default()
        };
        let rehearsal = Rehearsal::of("prod/orders", answer, &Principals::default(), &[]);
        let proof = Proof::of_login(&rehearsal);
        found(|it| {
            it.proof = proof;
            it.rehearsal = Some(rehearsal);
        })
    };
    let evidence = ["database:LogIn by the user `app` (tested, unreachable)"];
    expect(
        &of("unreachable"),
        "rotation-rehearsal-failed",
        None,
        &evidence,
        "db.internal:5432",
    );
    expect(
        &of("untrusted"),
        "rotation-rehearsal-failed",
        None,
        &[],
        "`tls_ca`",
    );
    expect(
        &of("wrong_credentials"),
        "credential-refused",
        RECOVER,
        &[],
        BACK,
    );
}
