//! What a teardown does, in which order, and what it leaves.

use super::super::{
    SecretContent, Step, Subject, Subjects, TeardownOptions, TeardownPlan, encryption_keys,
    plan_teardown,
};
use super::sample::{at, entry, key, resource, tags};
use crate::model::Content;
use crate::port::{Deletion, StackResource};

const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    delete_keys: false,
};

fn subject() -> Subject {
    Subject {
        seen: entry(),
        ours: true,
        owns_user: false,
        made_user: false,
    }
}

fn plan(resources: &[StackResource], subject: &Subject, options: TeardownOptions) -> TeardownPlan {
    let subjects = std::slice::from_ref(subject);
    let subjects = Subjects {
        access_keys: subjects.to_vec(),
        databases: Vec::new(),
    };
    let keys: Vec<String> = encryption_keys(resources, &subjects).into_iter().collect();
    plan_teardown(Some("stack/keys/1"), resources, &keys, &subjects, options)
}

fn only(subject: &Subject) -> Subjects {
    Subjects {
        access_keys: vec![subject.clone()],
        databases: Vec::new(),
    }
}

/// Names the steps in short.
fn steps(plan: &TeardownPlan) -> Vec<String> {
    let short = |step: &Step| match step {
        Step::CancelRotation { secret } => format!("cancel {secret}"),
        Step::NoteEncryptionKey { id, .. } => format!("note {id}"),
        Step::DeleteKey { id, .. } => format!("delete {id}"),
        Step::DeleteStack { retain, .. } => format!("delete stack but {retain:?}"),
        Step::DeleteSecret { deletion, .. } => format!("delete secret, {deletion:?}"),
        Step::DeleteEncryptionKey { id, days } => format!("delete {id} in {days}"),
    };
    plan.steps.iter().map(short).collect()
}

fn kms() -> Vec<StackResource> {
    vec![resource("AWS::KMS::Key", "kms-1")]
}

#[test]
fn the_stack_goes_before_the_secrets_and_the_kms_key_last() {
    let plan = plan(&kms(), &subject(), WINDOW);
    assert_eq!(
        steps(&plan),
        [
            "cancel keys/ada",
            "delete AKIAPREVIOUS",
            "note kms-1",
            "delete stack but []",
            "delete secret, Window(7)",
            "delete kms-1 in 30",
        ]
    );
    let [kept] = plan.retained.as_slice() else {
        panic!("{:?}", plan.retained);
    };
    assert_eq!(kept.name, "AKIACURRENT");
    assert!(kept.note.as_ref().unwrap().contains("keys/ada"));
}

#[test]
fn a_secret_without_a_window_goes_after_the_kms_key() {
    let options = TeardownOptions {
        deletion: Deletion::Forced,
        ..WINDOW
    };
    let steps = steps(&plan(&kms(), &subject(), options));
    assert_eq!(steps[4..], ["delete kms-1 in 30", "delete secret, Forced"]);
}

#[test]
fn keys_are_kept_or_deleted_as_asked() {
    let keep = TeardownOptions {
        keep_keys: true,
        ..WINDOW
    };
    let kept = plan(&[], &subject(), keep);
    assert!(!steps(&kept).iter().any(|step| step.contains("AKIA")));
    assert_eq!(kept.retained.len(), 2);
    let delete = TeardownOptions {
        delete_keys: true,
        ..WINDOW
    };
    let deleted = steps(&plan(&[], &subject(), delete));
    assert_eq!(deleted[1..3], ["delete AKIACURRENT", "delete AKIAPREVIOUS"]);
}

#[test]
fn a_user_of_the_stacks_own_loses_every_key_or_stays_with_them() {
    let mut own = subject();
    own.owns_user = true;
    own.seen.keys.push(key("AKIAOTHER"));
    let resources = [resource("AWS::IAM::User", "ada")];
    let deleted = steps(&plan(&resources, &own, WINDOW));
    let expected = [
        "delete AKIACURRENT",
        "delete AKIAPREVIOUS",
        "delete AKIAOTHER",
    ];
    assert_eq!(deleted[1..4], expected);
    let keep = TeardownOptions {
        keep_keys: true,
        ..WINDOW
    };
    let kept = plan(&resources, &own, keep);
    assert!(steps(&kept).contains(&"delete stack but [\"AWSIAMUser\"]".to_owned()));
    assert!(kept.retained.iter().any(|item| item.kind == "user"));
    // A user that the stack made once and holds no more loses what the secret names.
    let mut former = subject();
    former.made_user = true;
    former.seen.keys.push(key("AKIAOTHER"));
    let steps = steps(&plan(&[], &former, WINDOW));
    assert_eq!(steps[1..3], expected[..2]);
    assert!(!steps.contains(&expected[2].to_owned()));
}

#[test]
fn a_previous_key_that_is_in_use_is_left_over() {
    let mut busy = subject();
    busy.seen.keys[1].last_used = Some(at("2026-11-01T10:00:00Z"));
    let used = plan(&[], &busy, WINDOW);
    assert!(!steps(&used).contains(&"delete AKIAPREVIOUS".to_owned()));
    assert_eq!(used.left_over[0].name, "AKIAPREVIOUS");
    // Used before it was replaced, it is not.
    busy.seen.keys[1].last_used = Some(at("2026-11-01T08:00:00Z"));
    assert!(plan(&[], &busy, WINDOW).left_over.is_empty());
}

#[test]
fn what_is_somebody_elses_stays() {
    let mut foreign = subject();
    foreign.ours = false;
    let plan = plan(&[], &foreign, WINDOW);
    assert_eq!(steps(&plan), ["delete stack but []"]);
    let kinds: Vec<&str> = plan.retained.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, ["access key", "access key", "secret"]);
    assert!(plan.left_over.is_empty());
    assert!(
        plan.retained[0]
            .note
            .as_ref()
            .unwrap()
            .contains("not this stack's")
    );
}

#[test]
fn a_pending_key_is_spared_where_it_has_become_current() {
    let mut pending = subject();
    pending.seen.keys[1] = key("AKIAPENDING");
    let secret = pending.seen.secret.as_mut().unwrap();
    secret.pending_key = Some("AKIAPENDING".to_owned());
    let plan = plan(&[], &pending, WINDOW);
    let step = Step::DeleteKey {
        user: "ada".to_owned(),
        id: "AKIAPENDING".to_owned(),
        unless_current_in: Some("keys/ada".to_owned()),
    };
    assert!(plan.steps.contains(&step), "{:?}", plan.steps);
}

#[test]
fn what_an_unfinished_rotation_left_goes_with_the_same_care() {
    let mut left = subject();
    left.seen.keys[1] = key("AKIAORPHAN");
    let secret = left.seen.secret.as_mut().unwrap();
    let labels = secret.secret.versions.get_mut("two").unwrap();
    let moment = at("2026-11-01T09:00:00Z").as_second();
    labels.push(format!("KEYROTA_MAKING_{moment}"));
    let step = |id: &str| Step::DeleteKey {
        user: "ada".to_owned(),
        id: id.to_owned(),
        unless_current_in: Some("keys/ada".to_owned()),
    };
    let orphaned = plan(&[], &left, WINDOW);
    assert!(orphaned.steps.contains(&step("AKIAORPHAN")));
    // Once the secret awaits deletion nothing is known of its keys.
    let secret = left.seen.secret.as_mut().unwrap();
    secret.secret.deleted = Some(at("2026-12-01T09:00:00Z"));
    (secret.current, secret.read) = (SecretContent::Absent, false);
    let late = plan(&[], &left, WINDOW);
    assert!(!steps(&late).iter().any(|step| step.contains("AKIA")));
}

#[test]
fn a_secret_that_never_held_a_key_goes_at_once() {
    let mut empty = subject();
    empty.seen.keys.clear();
    let secret = empty.seen.secret.as_mut().unwrap();
    let missing = vec!["accesskey", "secretkey"];
    secret.current = SecretContent::Held(Content::Incomplete(missing));
    let steps = steps(&plan(&[], &empty, WINDOW));
    assert!(
        steps.contains(&"delete secret, Forced".to_owned()),
        "{steps:?}"
    );
    // Half a key may be all there is of one.
    let secret = empty.seen.secret.as_mut().unwrap();
    secret.current = SecretContent::Held(Content::Incomplete(vec!["accesskey"]));
    let kept = plan(&[], &empty, WINDOW);
    assert!(self::steps(&kept).contains(&"delete secret, Window(7)".to_owned()));
}

#[test]
fn the_second_time_finds_what_the_first_left() {
    let mut deleted = subject();
    let secret = deleted.seen.secret.as_mut().unwrap();
    secret.secret.deleted = Some(at("2026-12-01T09:00:00Z"));
    secret.current = SecretContent::Absent;
    secret.previous_key = None;
    let note = [("keyrota:encryption-key", "kms-1")];
    secret.secret.tags.extend(tags(&note));
    let keys = encryption_keys(&[], &only(&deleted));
    let keys: Vec<String> = keys.into_iter().collect();
    let again = plan_teardown(None, &[], &keys, &only(&deleted), WINDOW);
    assert_eq!(steps(&again), ["delete kms-1 in 30"]);
    let noted = |kind: &str, text: &str| {
        let mut items = again.retained.iter().filter(|item| item.kind == kind);
        items.any(|item| item.note.as_ref().unwrap().contains(text))
    };
    assert!(noted("secret", "restore-secret"));
    assert!(noted("access key", "awaits deletion"));
    let forced = TeardownOptions {
        deletion: Deletion::Forced,
        ..WINDOW
    };
    let again = plan_teardown(None, &[], &keys, &only(&deleted), forced);
    assert_eq!(
        steps(&again),
        ["delete kms-1 in 30", "delete secret, Forced"]
    );
    // Somebody else's secret can name no key of ours.
    deleted.ours = false;
    assert!(encryption_keys(&[], &only(&deleted)).is_empty());
}
