//! Database users that the function creates: what a teardown does with them, and what keeps a
//! bootstrap from creating them.

use std::time::Duration;

use super::super::{
    Evidence, Observed, ObservedDatabase, ObservedEntry, ObservedLogin, Preflight, SecretContent,
    Step, Subject, Subjects, TeardownOptions, TeardownPlan, UseRecord, check, check_unset,
    plan_teardown,
};
use super::sample::{at, entry, observed, resource, stack};
use crate::model::{self, Content, Login, Model, Names};
use crate::port::{Deletion, Secret, StackResource};

const NOW: &str = "2026-12-02T12:00:00Z";
const LOGIN: &str = r#"{"engine":"postgres","host":"db","port":5432,"username":"app","password":"hush","masterarn":"arn:ops"}"#;
const PASSWORDLESS: &str =
    r#"{"engine":"postgres","host":"db","port":5432,"username":"app","masterarn":"arn:ops"}"#;

fn model(settings: &str) -> &'static Model {
    let text = format!(
        "version: 1\nstack: keys\ndatabases:\n  - {{ secret: prod/orders, engine: postgres, \
         host: db, username: app, rotate_as: ops{settings} }}\n"
    );
    Box::leak(Box::new(model::load(&text, None).unwrap().model))
}

const CREATED: &str = ", create_user: true, roles: [readers]";

fn secret() -> Secret {
    Secret {
        arn: "arn:own".to_owned(),
        name: "prod/orders".to_owned(),
        versions: [("one".to_owned(), vec!["AWSCURRENT".to_owned()])].into(),
        ..Secret::default()
    }
}

fn seen(model: &'static Model, secret: Secret, value: &str) -> ObservedEntry<'static> {
    let entry = model.entries[0].as_database().unwrap();
    let content: Content<Login> = Login::read(&value.into(), Names::default_names());
    let held = ObservedLogin {
        current: SecretContent::Held(content),
        ..ObservedLogin::unread(secret)
    };
    ObservedEntry::Database(entry, Box::new(ObservedDatabase::of(Some(held))))
}

fn function() -> StackResource {
    StackResource {
        logical_id: "DatabaseFunction".to_owned(),
        ..resource("AWS::Lambda::Function", "keys-function")
    }
}

/// Returns what becomes of the user: the step, and each item about it by its list.
fn torn_down(
    subject: (ObservedEntry<'static>, bool),
    resources: Option<&[StackResource]>,
    keep_users: bool,
) -> Vec<String> {
    let (seen, ours) = subject;
    let subjects = Subjects {
        entries: vec![Subject {
            seen,
            ours,
            unread: None,
        }],
        ..Subjects::default()
    };
    let deployed = stack("CREATE_COMPLETE");
    let stack = resources.map(|_| &deployed);
    let resources = resources.unwrap_or_default();
    let evidence = Evidence::new(stack, resources, "keys", "111122223333", "eu-west-1");
    let options = TeardownOptions {
        deletion: Deletion::Window(30),
        keep_keys: false,
        keep_users,
        delete_keys: false,
    };
    let uses = UseRecord {
        observed: at(NOW),
        delay: Duration::from_secs(20 * 60),
    };
    let id = stack.map(|_| "stack/keys/1");
    let plan = plan_teardown(id, resources, &evidence, &[], &subjects, uses, options);
    told(&plan)
}

fn told(plan: &TeardownPlan) -> Vec<String> {
    let steps = plan.steps.iter().filter_map(|step| match step {
        Step::DropUser { user, function, .. } => Some(format!("drop {user} with {function}")),
        Step::DeleteStack { .. } => Some("delete the stack".to_owned()),
        _ => None,
    });
    let items = |list: &str, items: &[super::super::Item]| {
        let of_user = items
            .iter()
            .filter(|item| ["database user", "password"].contains(&item.kind));
        let line = |item: &super::super::Item| format!("{list} {}", item.kind);
        of_user.map(line).collect::<Vec<_>>()
    };
    steps
        .chain(items("retained", &plan.retained))
        .chain(items("left over", &plan.left_over))
        .collect()
}

#[test]
fn a_user_that_the_function_created_is_dropped_before_the_stack() {
    let model = model(CREATED);
    let with = [function()];
    let dropped = ["drop app at db:5432 with keys-function", "delete the stack"];
    let login = || seen(model, secret(), LOGIN);
    assert_eq!(torn_down((login(), true), Some(&with), false), dropped);
    // Its first rotation may have been interrupted.
    let mut begun = secret();
    begun
        .versions
        .insert("two".to_owned(), vec!["KEYROTA_SETTING".to_owned()]);
    let begun = seen(model, begun, PASSWORDLESS);
    assert_eq!(torn_down((begun, true), Some(&with), false), dropped);
    // Nobody has created it yet.
    let unused = seen(model, secret(), PASSWORDLESS);
    assert_eq!(
        torn_down((unused, true), Some(&with), false),
        ["delete the stack"]
    );
    assert_eq!(
        torn_down((login(), true), Some(&with), true),
        ["delete the stack", "retained password"]
    );
    // Someone else's secret says nothing about the user.
    assert_eq!(
        torn_down((login(), false), Some(&with), false),
        ["delete the stack"]
    );
    // Nothing else reaches the server.
    assert_eq!(
        torn_down((login(), true), Some(&[]), false),
        ["delete the stack", "left over database user"]
    );
    assert_eq!(
        torn_down((login(), true), None, false),
        ["retained database user"]
    );
    let mut deleted = secret();
    deleted.deleted = Some(at(NOW));
    let deleted = seen(model, deleted, LOGIN);
    assert_eq!(
        torn_down((deleted, true), Some(&with), false),
        ["delete the stack", "left over database user"]
    );
}

#[test]
fn a_user_that_existed_before_is_not_dropped() {
    for settings in ["", ", initial_password: set"] {
        let login = seen(model(settings), secret(), LOGIN);
        assert_eq!(
            torn_down((login, true), Some(&[function()]), false),
            ["delete the stack", "retained password"]
        );
    }
}

/// Observes an entry whose secret is in the stack.
fn deployed(
    settings: &str,
    tags: &[(&str, &str)],
    value: &str,
) -> (&'static Model, Observed<'static>) {
    let model = model(settings);
    let tags = tags.iter().map(|(key, tag)| ((*key).into(), (*tag).into()));
    let secret = Secret {
        tags: tags.collect(),
        ..secret()
    };
    let in_stack = resource("AWS::SecretsManager::Secret", "arn:own");
    let observed = Observed {
        resources: vec![in_stack],
        entries: vec![seen(model, secret, value)],
        ..observed(entry())
    };
    (model, observed)
}

#[test]
fn a_user_with_a_password_cannot_be_created() {
    let findings = |settings: &str, tags: &[(&str, &str)], value: &str| {
        let (model, observed) = deployed(settings, tags, value);
        let found = check(model, &observed, Preflight { rotates: true }, at(NOW));
        let kinds = found.iter().map(|found| found.kind.to_owned());
        kinds.collect::<Vec<_>>()
    };
    let owns: &[_] = &[("keyrota:owns-user", "true")];
    assert_eq!(findings(CREATED, &[], LOGIN), ["user-exists"]);
    assert_eq!(findings(CREATED, owns, LOGIN), [""; 0]);
    assert_eq!(findings(CREATED, &[], PASSWORDLESS), [""; 0]);
    assert_eq!(findings("", &[], LOGIN), [""; 0]);
}

#[test]
fn only_a_rotation_sets_the_first_password() {
    let unset = |settings: &str, value: &str| {
        let (_, observed) = deployed(settings, &[], value);
        check_unset(&observed.entries).len()
    };
    let set = ", initial_password: set";
    assert_eq!(unset(set, PASSWORDLESS), 1);
    assert_eq!(unset(CREATED, PASSWORDLESS), 1);
    assert_eq!(unset(set, LOGIN), 0);
    assert_eq!(unset("", PASSWORDLESS), 0);
}
