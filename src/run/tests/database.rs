//! Passwords of databases: `bootstrap`, `rotate`, `teardown`, interrupted
//! everywhere, over a server in memory.

use secrecy::ExposeSecret as _;

use super::super::fake::{AwsState, FakeAws, Fault, FaultKind, Step};
use super::super::{Bootstrapped, Error, Proven, Values, status};
use super::scenario::{Scenario, explore, tell};
use crate::plan::{SETTING, State, TeardownOptions};
use crate::port::{CURRENT, Deletion, PENDING, PREVIOUS};

const SECRET: &str = "prod/orders";

const ONE: &str = "\
databases:
  - { secret: prod/orders, engine: postgres, host: db.internal, dbname: orders, username: app, first_rotation: now }
";

const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: false,
};

fn account(state: &mut AwsState) {
    state.add_server("db.internal:5432", "app", "hush-first");
}

fn with_password(mut scenario: Scenario) -> Scenario {
    let password = "hush-first".into();
    scenario.passwords.insert(SECRET.to_owned(), password);
    scenario
}

fn scenario() -> Scenario {
    with_password(Scenario::of(ONE, account))
}

/// Returns another manifest over what the first has deployed.
fn after(first: &FakeAws, entries: &str) -> Scenario {
    let mut second = Scenario::of(entries, |_| {});
    second.state = first.state.borrow().clone();
    second
}

fn deployed(scenario: &Scenario) -> FakeAws {
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    fake
}

fn check(fake: &FakeAws, done: &Bootstrapped) {
    let state = fake.state.borrow();
    let holds_key = |proven: &Proven| proven.verified.access_key_id.is_some();
    let (_, logins): (Vec<_>, Vec<_>) = done.secrets.iter().partition(|it| holds_key(it));
    assert!(!logins.is_empty());
    for proven in logins {
        let secret = state.find_secret(&proven.arn).unwrap();
        assert!(secret.last_rotated.is_some() && !secret.in_rotation());
        let version = secret.labelled(CURRENT).unwrap();
        assert_eq!(version, proven.verified.version);
        let password = secret.field(CURRENT, "password").unwrap();
        assert_eq!(state.servers["db.internal:5432"].users["app"], password);
        let mut labels = secret.versions.values().flat_map(|one| &one.labels);
        assert!(labels.all(|label| label.starts_with("AWS")), "{secret:?}");
    }
    assert!(state.change_sets.is_empty());
}

fn survives(name: &str, scenario: &Scenario) {
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        check,
    );
    tell(&format!("bootstrap, {name}"), explored);
}

fn field(fake: &FakeAws, label: &str, name: &str) -> Option<String> {
    fake.state.borrow().secrets[SECRET].field(label, name)
}

#[test]
fn a_user_that_changes_its_own_password() {
    let scenario = scenario();
    survives("a database", &scenario);
    let fake = deployed(&scenario);
    let value = |name| field(&fake, CURRENT, name);
    assert_eq!(value("dbname").as_deref(), Some("orders"));
    assert_eq!(value("engine").as_deref(), Some("postgres"));
    assert_eq!(value("masterarn"), None);
    // Once more there is nothing to do, and nothing is asked for.
    let mut again = after(&fake, ONE);
    again.passwords.clear();
    let fake = again.fake();
    let done = again.bootstrap(&fake, None).unwrap().unwrap();
    assert_eq!((done.deployed.changes, done.secrets[0].rotated), (0, false));
}

#[test]
fn a_user_whose_password_an_administrator_changes() {
    let entries = ONE.replace("username: app", "username: app, rotate_as: ops/master");
    let scenario = with_password(Scenario::of(&entries, |state| {
        account(state);
        state.add_master("ops/master", "db.internal", 5432);
    }));
    survives("a database and its administrator", &scenario);
    let fake = deployed(&scenario);
    let arn = fake.state.borrow().secrets["ops/master"].arn.clone();
    assert_eq!(field(&fake, CURRENT, "masterarn"), Some(arn));
}

#[test]
fn both_kinds_in_one_stack() {
    let entries = format!("access_keys:\n  - {{ user: app, secret: prod/app }}\n{ONE}");
    let scenario = with_password(Scenario::of(&entries, |state| {
        account(state);
        state.add_user("app");
    }));
    let fake = scenario.fake();
    let done = scenario.bootstrap(&fake, None).unwrap().unwrap();
    check(&fake, &done);
    let codes: Vec<&str> = done.functions.iter().map(|one| &*one.code_sha256).collect();
    let digest = |zip: &[u8]| crate::bundle::sha256_base64(zip);
    let expected = [
        digest(b"the function"),
        digest(b"the function of databases"),
    ];
    assert_eq!(codes, expected);
    assert_ne!(done.functions[0].arn, done.functions[1].arn);
    let holds_key = |proven: &Proven| proven.verified.access_key_id.is_some();
    let kinds: Vec<bool> = done.secrets.iter().map(holds_key).collect();
    assert_eq!(kinds, [true, false]);
}

/// One secret does not serve all accounts of the user's name. Nothing is stored that clients read, and
/// a secret is not called verified whose password does not serve them.
#[test]
fn a_password_that_does_not_serve_all_accounts_never_becomes_current_or_verified() {
    const WHY: &str = "has several accounts of one name: 'app'@'127.0.0.1', 'app'@'%'";
    let several = |state: &mut AwsState| {
        let mut servers = state.servers.values_mut();
        servers.next().expect("the server").accounts = Some(WHY);
    };
    let scenario = scenario();
    let fake = scenario.fake();
    several(&mut fake.state.borrow_mut());
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::Seed { .. }), "{error}");
    assert!(error.to_string().contains(WHY), "{error}");
    assert_eq!(field(&fake, CURRENT, "password"), None);

    let fake = deployed(&scenario);
    several(&mut fake.state.borrow_mut());
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::NotVerified { .. }), "{error}");
    assert!(error.to_string().contains(WHY), "{error}");
}

/// The password may be right, so the advice is about what keeps the function from testing it.
#[test]
fn a_first_password_that_was_not_tested_has_the_remedy_for_the_cause() {
    let scenario = scenario();
    let fake = scenario.fake();
    for server in fake.state.borrow_mut().servers.values_mut() {
        server.down = true;
    }
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    let text = error.to_string();
    for expected in [
        "the password was not tested",
        "check that the server runs",
        "`network`",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_wrong_first_password_never_becomes_current() {
    let mut scenario = scenario();
    scenario
        .passwords
        .insert(SECRET.to_owned(), "hush-wrong".into());
    let fake = scenario.fake();
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::Seed { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("password is wrong") && !text.contains("hush"),
        "{text}"
    );
    assert_eq!(field(&fake, CURRENT, "password"), None);
    assert_eq!(
        fake.state.borrow().secrets[SECRET].labelled("KEYROTA_FIRST"),
        None
    );
    // The next run brings the right one.
    let right = with_password(Scenario::of(ONE, |_| {}));
    let done = right.bootstrap(&fake, None).unwrap().unwrap();
    check(&fake, &done);
}

#[test]
fn a_server_that_is_down_is_told_from_a_wrong_password() {
    let scenario = scenario();
    let fake = scenario.fake();
    let server = |fake: &FakeAws, down| {
        let mut state = fake.state.borrow_mut();
        state.servers.get_mut("db.internal:5432").unwrap().down = down;
    };
    server(&fake, true);
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("nothing listens"), "{error}");
    server(&fake, false);
    check(&fake, &scenario.bootstrap(&fake, None).unwrap().unwrap());
}

#[test]
fn without_a_first_password_nothing_is_stored() {
    let scenario = Scenario::of(ONE, account);
    let fake = scenario.fake();
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("no first password"), "{error}");
}

#[test]
fn a_server_that_moved_is_followed_with_the_same_password() {
    let fake = deployed(&scenario());
    let password = field(&fake, CURRENT, "password").unwrap();
    fake.state
        .borrow_mut()
        .add_server("new.internal:6432", "app", &password);
    let moved = ONE.replace("host: db.internal", "host: new.internal, port: 6432");
    let scenario = after(&fake, &moved);
    let explored = explore(
        || scenario.fake(),
        |fake, fault| scenario.bootstrap(fake, fault),
        |fake, done| {
            assert_eq!(field(fake, CURRENT, "host").unwrap(), "new.internal");
            let state = fake.state.borrow();
            let users = &state.servers["new.internal:6432"].users;
            assert_eq!(
                users["app"],
                state.secrets[SECRET].field(CURRENT, "password").unwrap()
            );
            assert!(done.secrets[0].arn.contains("prod/orders"));
        },
    );
    tell("bootstrap, another host", explored);
    // Where the login is not good there, clients keep the one that is.
    fake.state.borrow_mut().servers.remove("new.internal:6432");
    let scenario = after(&fake, &moved);
    let fake = scenario.fake();
    let error = scenario.bootstrap(&fake, None).unwrap().unwrap_err();
    assert!(matches!(error, Error::Seed { .. }), "{error}");
    assert_eq!(field(&fake, CURRENT, "host").unwrap(), "db.internal");
}

#[test]
fn another_user_for_a_secret_is_refused() {
    let fake = deployed(&scenario());
    let other = ONE.replace("username: app", "username: other");
    let scenario = after(&fake, &other);
    let Error::Refused(findings) = scenario.bootstrap(&fake, None).unwrap().unwrap_err() else {
        panic!("refused");
    };
    assert_eq!(findings[0].kind, "other-login");
}

#[test]
fn an_administrator_of_another_server_is_refused() {
    let entries = ONE.replace("username: app", "username: app, rotate_as: ops/master");
    for (host, port, field) in [("elsewhere", 5432, "host"), ("db.internal", 5433, "port")] {
        let scenario = with_password(Scenario::of(&entries, |state| {
            account(state);
            state.add_master("ops/master", host, port);
        }));
        let fake = scenario.fake();
        let Error::Refused(findings) = scenario.bootstrap(&fake, None).unwrap().unwrap_err() else {
            panic!("refused");
        };
        assert_eq!(findings[0].kind, "no-administrator");
        let text = format!("has another `{field}` than the server in the manifest");
        assert!(findings[0].message.contains(&text), "{findings:?}");
        assert!(!findings[0].message.contains("elsewhere"));
        assert!(fake.state.borrow().stacks.is_empty());
    }
}

#[test]
fn a_rotation_interrupted_anywhere() {
    let scenario = scenario();
    let start = deployed(&scenario).state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.rotate(fake, fault),
        |fake, verified| {
            let state = fake.state.borrow();
            let secret = &state.secrets[SECRET];
            assert!(!secret.in_rotation());
            assert_eq!(secret.labelled(CURRENT), Some(verified.version.as_str()));
        },
    );
    tell("rotate a password", explored);
}

#[test]
fn an_unfinished_rotation_is_resumed_and_abandoned_only_before_the_change() {
    for step in [Step::Create, Step::Set, Step::Test, Step::Finish] {
        let scenario = scenario();
        let fake = deployed(&scenario);
        let token = {
            let mut state = fake.state.borrow_mut();
            state.failing.insert(step, usize::MAX);
            let token = state.token();
            state.rotate(SECRET, &token).unwrap();
            state.next_day();
            assert_eq!(state.secrets[SECRET].labelled(PENDING), Some(&*token));
            token
        };
        let sent = fake.state.borrow().secrets[SECRET].labelled(SETTING) == Some(&*token);
        assert_eq!(sent, matches!(step, Step::Test | Step::Finish));
        // It still fails: the password that was sent must not be lost.
        let error = scenario.rotate(&fake, None).unwrap().unwrap_err();
        assert!(error.to_string().contains("fault was injected"), "{error}");
        let kept = fake.state.borrow().secrets[SECRET].labelled(PENDING) == Some(&*token);
        assert_eq!(kept, sent, "{step:?}");
        fake.state.borrow_mut().failing.clear();
        let start = fake.state.into_inner();
        let explored = explore(
            || FakeAws::new(start.clone()),
            |fake, fault| scenario.rotate(fake, fault),
            |fake, _| assert!(!fake.state.borrow().secrets[SECRET].in_rotation()),
        );
        tell(
            &format!("rotate a password, unfinished at {step:?}"),
            explored,
        );
    }
}

#[test]
fn the_version_before_comes_back_where_its_password_works() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    scenario.rotate(&fake, None).unwrap().unwrap();
    let error = scenario.restore(&fake, None).unwrap().unwrap_err();
    assert!(error.to_string().contains("password is wrong"), "{error}");
    // Somebody has set the old one on the server.
    let old = field(&fake, PREVIOUS, "password").unwrap();
    fake.state.borrow_mut().watch.meanwhile = true;
    fake.state
        .borrow_mut()
        .add_server("db.internal:5432", "app", &old);
    scenario.restore(&fake, None).unwrap().unwrap();
    assert_eq!(field(&fake, CURRENT, "password"), Some(old));
    fake.state.borrow_mut().watch.meanwhile = false;
    scenario.rotate(&fake, None).unwrap().unwrap();
}

#[test]
fn how_it_fares_is_told() {
    let scenario = scenario();
    let fake = deployed(&scenario);
    let state = |fake: &FakeAws| {
        let report = scenario.run(fake, None, async |context| {
            status(context, &scenario.model, Values::Read).await
        });
        let secrets = report.unwrap().unwrap().secrets;
        assert!(secrets[0].keys.is_empty() && secrets[0].username == "app");
        secrets[0].state
    };
    assert_eq!(state(&fake), State::Ok);
    {
        let mut state = fake.state.borrow_mut();
        state.failing.insert(Step::Test, usize::MAX);
        let token = state.token();
        state.rotate(SECRET, &token).unwrap();
        state.next_day();
    }
    assert_eq!(state(&fake), State::Stuck);
    fake.state.borrow_mut().secrets.clear();
    assert_eq!(state(&fake), State::Missing);
}

#[test]
fn a_teardown_leaves_the_server_alone() {
    // An IAM user of the same name has nothing to do with it.
    let scenario = scenario();
    let prepared = deployed(&scenario);
    {
        let mut state = prepared.state.borrow_mut();
        state.add_user("app");
        state.add_key("app", super::super::fake::Origin::Somebody);
        state.watch.teardown = true;
    }
    let before = prepared.state.borrow().servers["db.internal:5432"]
        .users
        .clone();
    let start = prepared.state.into_inner();
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.teardown(fake, fault, WINDOW),
        |fake, report| {
            let state = fake.state.borrow();
            assert!(state.secrets[SECRET].deleted.is_some());
            assert!(state.functions.is_empty() && state.logs.is_empty());
            assert_eq!(state.servers["db.internal:5432"].users, before);
            assert_eq!(state.keys_of("app").len(), 1);
            let _ = report;
        },
    );
    tell("teardown, a database", explored);
    let fake = FakeAws::new(start);
    let report = scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
    let password = report.retained.iter().find(|item| item.kind == "password");
    let note = password.unwrap().note.as_ref().unwrap();
    assert!(
        note.contains("stays valid") && note.contains(SECRET),
        "{note}"
    );
}

#[test]
fn what_was_interrupted_before_a_password_was_stored_goes_at_once() {
    let scenario = scenario();
    let fake = scenario.fake();
    scenario.bootstrap(&fake, None).unwrap().unwrap();
    for call in 1..=fake.calls() {
        let fake = scenario.fake();
        let kind = FaultKind::DiesAfter;
        let _ = scenario.bootstrap(&fake, Some(Fault { call, kind }));
        fake.state.borrow_mut().watch.teardown = true;
        scenario.teardown(&fake, None, WINDOW).unwrap().unwrap();
        let state = fake.state.borrow();
        let password = |name: &str| {
            let secret = state.secrets.get(name);
            secret.and_then(|secret| secret.field(CURRENT, "password"))
        };
        assert_eq!(
            state.secrets.contains_key(SECRET),
            password(SECRET).is_some()
        );
    }
    let first = &scenario.passwords[SECRET];
    assert_eq!(first.expose_secret(), "hush-first");
}

/// The entry with another first rotation.
fn first(value: &str) -> String {
    ONE.replace("first_rotation: now", &format!("first_rotation: {value}"))
}

/// Returns whether the clients' password is still the first one, in the secret and on the server.
fn is_untouched(fake: &FakeAws) -> bool {
    let state = fake.state.borrow();
    let password = state.secrets[SECRET].field(CURRENT, "password").unwrap();
    password == "hush-first" && state.servers["db.internal:5432"].users["app"] == password
}

#[test]
fn a_first_rotation_that_is_held_back_is_proven_by_a_login_and_stays_held_back() {
    for value in ["null", "scheduled", "on_request"] {
        let scenario = with_password(Scenario::of(&first(value), account));
        let explored = explore(
            || scenario.fake(),
            |fake, fault| scenario.bootstrap(fake, fault),
            |fake, done| {
                assert!(is_untouched(fake) && !done.secrets[0].rotated, "{value}");
                let first = &done.secrets[0].verified.report.first_rotation;
                assert!(first.as_ref().unwrap().is_held_back());
                let secret = &fake.state.borrow().secrets[SECRET];
                assert_eq!(secret.rotates, value != "on_request");
            },
        );
        tell(&format!("bootstrap, first rotation {value}"), explored);
        let fake = deployed(&scenario);
        // Neither another run nor another entry rotates it, even if the server has moved.
        let more = format!(
            "access_keys:\n  - {{ user: app, secret: prod/app }}\n{}",
            first(value)
        );
        fake.state.borrow_mut().add_user("app");
        fake.state
            .borrow_mut()
            .add_server("new:5432", "app", "hush-first");
        let moved = first(value).replace("host: db.internal", "host: new");
        for entries in [&first(value), &more, &moved] {
            let again = after(&fake, entries);
            let fake = again.fake();
            let done = again.bootstrap(&fake, None).unwrap().unwrap();
            assert!(!done.secrets.last().unwrap().rotated, "{value}");
            assert!(is_untouched(&fake), "{value}");
        }
        // What the manifest says now counts.
        let again = after(&fake, &first("now"));
        let fake = again.fake();
        let done = again.bootstrap(&fake, None).unwrap().unwrap();
        assert!(done.secrets[0].rotated && !is_untouched(&fake), "{value}");
    }
}

#[test]
fn a_request_attaches_the_function_and_the_schedule() {
    let request = first("on_request");
    let scenario = with_password(Scenario::of(&request, account));
    let start = deployed(&scenario).state.into_inner();
    assert_eq!(start.secrets[SECRET].rotation.function, None);
    let explored = explore(
        || FakeAws::new(start.clone()),
        |fake, fault| scenario.rotate(fake, fault),
        |fake, _| {
            assert!(!is_untouched(fake));
            let secret = &fake.state.borrow().secrets[SECRET];
            assert!(secret.rotates && !secret.in_rotation());
            assert_eq!(secret.rotation.schedule.as_deref(), Some("rate(30 days)"));
        },
    );
    tell("rotate, on request", explored);
    let fake = FakeAws::new(start);
    scenario.rotate(&fake, None).unwrap().unwrap();
    fake.state.borrow_mut().next_day();
    let password = field(&fake, CURRENT, "password");
    let rotation = |fake: &FakeAws| {
        let secret = &fake.state.borrow().secrets[SECRET];
        (secret.rotates, secret.rotation.schedule.clone().unwrap())
    };
    // A deployment sets the manifest's schedule, which the stack does not have, and keeps it if
    // the schedule leaves the stack.
    let changed = request.replace("username", "schedule: rate(7 days), username");
    let scheduled = changed.replace("on_request", "scheduled");
    let mut fake = fake;
    for (entries, schedule) in [
        (&request, "rate(30 days)"),
        (&changed, "rate(7 days)"),
        (&scheduled, "rate(7 days)"),
        (&changed, "rate(7 days)"),
        (&request, "rate(30 days)"),
    ] {
        let next = after(&fake, entries);
        fake = next.fake();
        let done = next.bootstrap(&fake, None).unwrap().unwrap();
        assert!(!done.secrets[0].rotated);
        assert_eq!(rotation(&fake), (true, schedule.to_owned()));
        fake.state.borrow_mut().next_day();
    }
    assert_eq!(field(&fake, CURRENT, "password"), password);
}

#[test]
fn a_schedule_that_leaves_the_stack_before_the_first_rotation_is_not_kept() {
    let scenario = with_password(Scenario::of(&first("scheduled"), account));
    let fake = deployed(&scenario);
    assert!(fake.state.borrow().secrets[SECRET].rotates);
    let next = after(&fake, &first("on_request"));
    let fake = next.fake();
    next.bootstrap(&fake, None).unwrap().unwrap();
    assert!(!fake.state.borrow().secrets[SECRET].rotates && is_untouched(&fake));
}
