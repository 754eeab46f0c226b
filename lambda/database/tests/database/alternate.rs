//! Two users that alternate: which of them a rotation changes.

use keyrota_database_function::check::CheckAnswer;
use keyrota_database_function::event::Step;
use keyrota_database_function::server::ServerFault;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::json;

use crate::fake::AnyFault::{Server, Unsent};
use crate::fake::{
    ADMINISTRATOR_ARN, FakeServices, Mishap, OTHER, Outcome, SECRET, Setting, TOKEN, USER, User,
    check, rehearse, rotate, run, sweep,
};
use crate::set::{asked, created};

/// Returns the message of a request that failed.
fn error(ended: &Outcome) -> String {
    match ended {
        Outcome::Failed(error) => error.to_string(),
        _ => panic!("{} is no failure", ended.name()),
    }
}

/// Returns the answer to a check.
fn answer(ended: Outcome<CheckAnswer>) -> CheckAnswer {
    match ended {
        Outcome::Done(answer) => answer,
        _ => panic!("{}", ended.name()),
    }
}

const BOTH: [Setting; 2] = [Setting::ALTERNATING, Setting::ALTERNATING_WITH_HOSTS];

#[test]
fn the_users_take_turns_and_no_login_is_refused_before_its_time() {
    for setting in BOTH {
        let services = FakeServices::new(setting);
        for (round, user) in [OTHER, USER, OTHER, USER].into_iter().enumerate() {
            let before = services.fields(CURRENT);
            assert_eq!(rotate(&services, &format!("token-{round}")).name(), "done");
            assert_eq!(services.fields(CURRENT)["username"], user);
            assert_eq!(services.fields(PREVIOUS), before);
            assert!(services.works(CURRENT) && services.works(PREVIOUS));
        }
    }
}

#[test]
fn a_rotation_takes_these_calls() {
    let services = FakeServices::new(Setting::ALTERNATING);
    assert_eq!(rotate(&services, TOKEN).name(), "done");
    let calls: Vec<String> = services
        .calls
        .borrow()
        .iter()
        .map(|call| call.replace("secretsmanager:", ""))
        .collect();
    assert_eq!(
        calls.join(" "),
        "DescribeSecret GetSecretValue GetSecretValue GetRandomPassword PutSecretValue \
         DescribeSecret GetSecretValue GetSecretValue GetSecretValue inspect DescribeSecret \
         prepare \
         DescribeSecret GetSecretValue GetSecretValue authenticate \
         DescribeSecret GetSecretValue GetSecretValue authenticate UpdateSecretVersionStage"
    );
    let said = services.output.said();
    assert!(!said.contains(USER) && !said.contains(SECRET));
}

#[test]
fn the_value_keeps_its_other_fields() {
    let services = created(Setting::ALTERNATING);
    let (mut current, pending) = (services.fields(CURRENT), services.fields(PENDING));
    assert_ne!(pending["password"], current["password"]);
    current["password"] = pending["password"].clone();
    current["username"] = json!(OTHER);
    assert_eq!(pending, current);
}

#[test]
fn a_retry_prepares_the_user_again() {
    for setting in BOTH {
        let services = created(setting);
        for _ in 0..2 {
            services.calls.borrow_mut().clear();
            assert_eq!(run(&services, Step::Set).name(), "done");
            assert!(services.works(PENDING) && services.works(CURRENT));
        }
        let expected: &[&str] = match setting.engine.has_hosts() {
            true => &["inspect", "grant", "prepare"],
            false => &["inspect", "prepare"],
        };
        assert_eq!(asked(&services), expected);
        assert!(
            !services
                .stages()
                .values()
                .flatten()
                .any(|it| it.starts_with("KEYROTA"))
        );
    }
}

/// PostgreSQL gives the second user its rights through the first one, which owns the objects.
#[test]
fn the_first_user_is_made_again_only_where_that_gives_it_its_rights() {
    for setting in BOTH {
        let services = FakeServices::new(setting);
        assert_eq!(rotate(&services, "token-1").name(), "done");
        services.user.replace(None);
        services.allow_breakage();
        let ended = rotate(&services, TOKEN);
        match setting.engine.has_hosts() {
            true => assert_eq!(ended.name(), "done"),
            false => {
                assert_eq!(ended.name(), "NotChanged");
                assert!(error(&ended).contains("create the user on the server"));
            }
        }
        assert!(services.works(CURRENT));
    }
}

/// A principal that may write the secret can make a pending version name any user. The one that
/// clients log in as is not changed.
#[test]
fn the_user_that_is_current_is_never_changed() {
    for setting in BOTH {
        let services = FakeServices::new(setting);
        services.begin(TOKEN);
        let value = services.value(&services.make_password());
        services.store(TOKEN, &[PENDING], &value);
        for step in [Step::Create, Step::Set] {
            services.store(TOKEN, &[PENDING], &value);
            let ended = run(&services, step);
            assert_eq!(ended.name(), "GivenUp");
            assert!(error(&ended).contains("the user that AWSCURRENT names too"));
            assert!(services.works(CURRENT));
            assert_eq!(services.carrier(PENDING), None);
        }
        assert_eq!(asked(&services), [""; 0]);
    }
}

/// Someone stores a login of the user that a rotation has just prepared.
#[test]
fn a_rotation_whose_user_became_current_by_hand_is_given_up() {
    for step in [Step::Test, Step::Finish] {
        let services = created(Setting::ALTERNATING);
        assert!(run(&services, Step::Set).is_done());
        let password = services.make_password();
        services.other.replace(Some(User::new(&password)));
        let mut value = services.value(&password);
        value["username"] = json!(OTHER);
        services.store("by-hand", &[CURRENT], &value);
        services.allow_breakage();
        assert_eq!(run(&services, step).name(), "GivenUp");
        assert!(services.works(CURRENT));
        assert_eq!(rotate(&services, "token-2").name(), "done");
        assert_eq!(services.fields(CURRENT)["username"], USER);
    }
}

#[test]
fn another_user_is_not_accepted() {
    let services = FakeServices::new(Setting::ALTERNATING);
    let mut value = services.value("made up");
    value["username"] = json!("postgres");
    services.store("by-hand", &[CURRENT], &value);
    services.allow_breakage();
    assert_eq!(rotate(&services, TOKEN).name(), "Stray");
    assert_eq!(asked(&services), [""; 0]);
}

/// AWSCURRENT may move between the moment in which it is read and the change.
#[test]
fn nothing_is_sent_if_another_version_is_current_by_now() {
    let services = FakeServices::new(Setting::ALTERNATING);
    assert_eq!(rotate(&services, "token-1").name(), "done");
    services.begin(TOKEN);
    assert!(run(&services, Step::Create).is_done());
    services.calls.borrow_mut().clear();
    // Before the labels are read again.
    services.inject(5, Mishap::Forged(crate::fake::Forgery::OnPrevious(CURRENT)));
    assert_eq!(run(&services, Step::Set).name(), "LabelsMoved");
    assert_eq!(asked(&services), ["inspect"]);
    assert!(services.works(CURRENT));
}

#[test]
fn rights_that_are_missing_are_not_taken_for_a_password_that_works() {
    let services = created(Setting::ALTERNATING_WITH_HOSTS);
    let create = 6;
    services.inject(create, Mishap::After(Unsent(ServerFault::RightsNotGranted)));
    let ended = run(&services, Step::Set);
    assert_eq!(ended.name(), "NotPrepared");
    let error = error(&ended);
    assert!(
        error.contains(&format!("{USER} was not changed")),
        "{error}"
    );
    assert!(error.contains("WITH GRANT OPTION"), "{error}");
    assert!(!services.works(PENDING) && services.works(CURRENT));
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.works(PENDING));
}

#[test]
fn an_error_is_followed_by_a_look_at_the_password() {
    for (mishap, expected) in [
        (Mishap::After(Server(ServerFault::Refused)), "done"),
        (Mishap::Before(Server(ServerFault::Refused)), "NotChanged"),
        (
            Mishap::Before(Server(ServerFault::PasswordRefused)),
            "GivenUp",
        ),
        (Mishap::After(Server(ServerFault::PasswordRefused)), "done"),
    ] {
        let services = created(Setting::ALTERNATING);
        services.inject(6, mishap);
        assert_eq!(run(&services, Step::Set).name(), expected, "{mishap:?}");
        assert!(services.works(CURRENT));
    }
}

#[test]
fn a_sweep_leaves_the_labels_of_one_user_alone() {
    let services = FakeServices::new(Setting::ALTERNATING);
    let value = services.value(&services.make_password());
    services.store("left", &["KEYROTA_SETTING"], &value);
    let before = services.stages();
    services.calls.borrow_mut().clear();
    assert_eq!(sweep(&services).name(), "done");
    assert_eq!(services.stages(), before);
    assert_eq!(asked(&services), [""; 0]);
}

#[test]
fn a_check_logs_in_as_the_user_in_the_value() {
    for setting in BOTH {
        let services = FakeServices::new(setting);
        assert_eq!(rotate(&services, "token-1").name(), "done");
        let version = services.carrier(CURRENT).expect("a version");
        for ended in [check(&services, version.as_str()), rehearse(&services)] {
            let answer = answer(ended);
            let refused = answer.calls.iter().find(|call| call.code.is_some());
            assert!(refused.is_none(), "{SECRET}: {refused:?}");
        }
    }
}

#[test]
fn an_existing_user_receives_what_it_lacks() {
    let services = created(Setting::ALTERNATING_WITH_HOSTS);
    services.other.replace(Some(User {
        has_rights: false,
        ..User::new("before")
    }));
    assert_eq!(run(&services, Step::Set).name(), "done");
    assert!(services.works(PENDING));
}

#[test]
fn the_administrator_is_not_one_of_the_two_users() {
    let services = created(Setting::ALTERNATING);
    let mut value = services.value(&services.administrator_password());
    value["username"] = json!(OTHER);
    let value = Some(value.to_string());
    services.store_in(ADMINISTRATOR_ARN, "only", &[CURRENT], value);
    services.calls.borrow_mut().clear();
    let ended = run(&services, Step::Set);
    assert_eq!(ended.name(), "AdministratorUnfit");
    assert!(error(&ended).contains("names one of the two users that alternate"));
    assert_eq!(asked(&services), [""; 0]);
}

#[test]
fn a_pin_that_does_not_fit_two_users_is_refused() {
    for (field, value) in [
        ("rotate_as", json!("self")),
        ("sets_first", json!(true)),
        ("create_user", json!({ "roles": ["readers"] })),
        ("alternate", json!(USER)),
        ("alternate", json!("")),
    ] {
        let services = FakeServices::new(Setting::ALTERNATING);
        services.pin(field, value);
        assert_eq!(rotate(&services, TOKEN).name(), "PinInvalid", "{field}");
    }
}
