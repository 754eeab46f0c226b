//! What a teardown does, in which order, and what it leaves.

use std::time::Duration;

use super::super::{
    Check, Evidence, ForeignSecret, ObservedAccessKey, OwnershipProof, SecretContent, Step,
    Subject, Subjects, TeardownOptions, TeardownPlan, UseRecord, UserKeys, plan_teardown,
};
use super::sample::{NOW, at, entry, key, model, observed_of, resource, stack, tags};
use crate::model::{Content, Names};
use crate::port::{Deletion, Key, Secret, StackResource};

const WINDOW: TeardownOptions = TeardownOptions {
    deletion: Deletion::Window(7),
    keep_keys: false,
    keep_users: false,
    delete_keys: false,
};

/// What was seen of the user, and whether the secret is the stack's.
#[derive(Clone)]
struct Seen {
    seen: ObservedAccessKey,
    ours: bool,
    unread: Option<String>,
}

impl Seen {
    fn subject(&self) -> Subject<'static> {
        Subject {
            seen: observed_of(model(""), self.seen.clone()),
            ours: self.ours,
            unread: self.unread.clone(),
        }
    }
}

fn subject() -> Seen {
    Seen {
        seen: entry(),
        ours: true,
        unread: None,
    }
}

fn only(subject: &Seen) -> Subjects<'static> {
    Subjects {
        entries: vec![subject.subject()],
        ..Subjects::default()
    }
}

/// Returns the record of the uses of keys at a moment. IAM shows a use up to 20 minutes later.
fn uses(observed: &str) -> UseRecord {
    UseRecord {
        observed: at(observed),
        delay: Duration::from_secs(20 * 60),
    }
}

/// Plans the teardown of a stack that is deployed, with its KMS keys.
fn plan_of(
    resources: &[StackResource],
    subjects: &Subjects<'_>,
    options: TeardownOptions,
) -> TeardownPlan {
    plan_at(NOW, resources, subjects, options)
}

fn plan_at(
    observed: &str,
    resources: &[StackResource],
    subjects: &Subjects<'_>,
    options: TeardownOptions,
) -> TeardownPlan {
    let stack = stack("CREATE_COMPLETE");
    let evidence = Evidence::new(Some(&stack), resources, "keys", "111122223333", "eu-west-1");
    let keys: Vec<String> = evidence.listed_keys().map(str::to_owned).collect();
    let id = Some("stack/keys/1");
    let uses = uses(observed);
    plan_teardown(id, resources, &evidence, &keys, subjects, uses, options)
}

fn plan(resources: &[StackResource], subject: &Seen, options: TeardownOptions) -> TeardownPlan {
    plan_of(resources, &only(subject), options)
}

/// Plans what is left of a stack that is not deployed any more.
fn plan_without_stack(
    keys: &[&str],
    subjects: &Subjects<'_>,
    options: TeardownOptions,
) -> TeardownPlan {
    let evidence = Evidence::new(None, &[], "keys", "111122223333", "eu-west-1");
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let uses = uses(NOW);
    plan_teardown(None, &[], &evidence, &keys, subjects, uses, options)
}

/// Returns how a key goes that a version with a label names.
fn proven(key: &Key, label: Option<&'static str>, unless_current: bool) -> Step {
    Step::DeleteKey {
        user: "ada".to_owned(),
        id: key.id.clone(),
        check: Some(Check {
            secret: "arn:own".to_owned(),
            names: Names::default(),
            unless_current,
            proof: label.map(|label| OwnershipProof {
                label,
                user_arn: "arn:aws:iam::111122223333:user/ada".to_owned(),
                key: key.clone(),
            }),
        }),
    }
}

fn notes(items: &[super::super::Item], kind: &str) -> Vec<String> {
    let items = items.iter().filter(|item| item.kind == kind);
    items
        .map(|item| format!("{}: {}", item.name, item.note.as_deref().unwrap_or("")))
        .collect()
}

/// Names the steps in short.
fn steps(plan: &TeardownPlan) -> Vec<String> {
    let short = |step: &Step| match step {
        Step::CancelRotation { secret, .. } => format!("cancel {secret}"),
        Step::DeleteKey { id, .. } => format!("delete {id}"),
        Step::ForgetMark { tag, .. } => format!("forget {tag}"),
        Step::AllowSessions { user } => format!("allow sessions of {user}"),
        Step::DropUser { user, .. } => format!("drop {user}"),
        Step::DeleteStack { retain, .. } => format!("delete stack but {retain:?}"),
        Step::RemoveReplica { region, .. } => format!("remove replica {region}"),
        Step::DeleteSecret { deletion, .. } => format!("delete secret, {deletion:?}"),
        Step::DeleteEncryptionKey {
            id,
            days,
            of_secrets,
        } => {
            let of = if *of_secrets { "" } else { ", of no secret" };
            format!("delete {id} in {days}{of}")
        }
    };
    plan.steps.iter().map(short).collect()
}

fn kms() -> Vec<StackResource> {
    vec![resource("AWS::KMS::Key", "kms-1")]
}

/// A secret that the stack's KMS key encrypts.
fn encrypted() -> Seen {
    let mut subject = subject();
    let secret = &mut subject.seen.secret.as_mut().unwrap().secret;
    secret.kms_key = Some("arn:aws:kms:eu-west-1:111122223333:key/kms-1".to_owned());
    subject
}

#[test]
fn the_stack_goes_before_the_secrets_and_the_kms_key_last() {
    let plan = plan(&kms(), &encrypted(), WINDOW);
    assert_eq!(
        steps(&plan),
        [
            "cancel keys/ada",
            "delete AKIAPREVIOUS",
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
    let steps = steps(&plan(&kms(), &encrypted(), options));
    assert_eq!(steps[3..], ["delete kms-1 in 30", "delete secret, Forced"]);
}

#[test]
fn a_kms_key_that_no_secret_leads_to_goes_while_the_stack_tells_of_it() {
    let steps = steps(&plan(&kms(), &subject(), WINDOW));
    assert_eq!(
        steps[2..4],
        ["delete kms-1 in 30, of no secret", "delete stack but []"]
    );
}

#[test]
fn keys_are_kept_or_deleted_as_asked() {
    let keep = TeardownOptions {
        keep_keys: true,
        keep_users: false,
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
        keep_users: false,
        ..WINDOW
    };
    let kept = plan(&resources, &own, keep);
    assert!(steps(&kept).contains(&"delete stack but [\"AWSIAMUser\"]".to_owned()));
    assert!(kept.retained.iter().any(|item| item.kind == "user"));
    // A user that the manifest names no more is the stack's all the same.
    let former = Subjects {
        users: vec![UserKeys {
            user: "bob".to_owned(),
            keys: vec![key("AKIABOB")],
        }],
        ..Subjects::default()
    };
    let resources = [resource("AWS::IAM::User", "bob")];
    let steps = steps(&plan_of(&resources, &former, WINDOW));
    assert_eq!(steps, ["delete AKIABOB", "delete stack but []"]);
    let kept = plan_of(&resources, &former, keep);
    let retained = self::steps(&kept);
    assert_eq!(retained, ["delete stack but [\"AWSIAMUser\"]"]);
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

/// The key was replaced at 9:00, and IAM shows each use until then by 9:20.
#[test]
fn a_previous_key_that_was_replaced_recently_is_left_over() {
    for last_used in [None, Some(at("2026-11-01T08:55:00Z"))] {
        let mut recent = subject();
        recent.seen.keys[1].last_used = last_used;
        let planned =
            |observed: &str, seen: &Seen, options| plan_at(observed, &[], &only(seen), options);
        let step = "delete AKIAPREVIOUS".to_owned();
        let early = planned("2026-11-01T09:19:59Z", &recent, WINDOW);
        assert!(!steps(&early).contains(&step));
        assert_eq!(early.uses_known, Some(at("2026-11-01T09:20:00Z")));
        let [left] = &notes(&early.left_over, "access key")[..] else {
            panic!("{:?}", early.left_over);
        };
        for part in [
            "replaced at 2026-11-01 09:00 UTC",
            "after 2026-11-01 09:21 UTC",
            "aws iam get-access-key-last-used --access-key-id AKIAPREVIOUS",
            "aws iam delete-access-key --user-name ada --access-key-id AKIAPREVIOUS",
        ] {
            assert!(left.contains(part), "{left}");
        }
        let late = planned("2026-11-01T09:20:00Z", &recent, WINDOW);
        assert!(steps(&late).contains(&step));
        assert_eq!((late.uses_known, late.left_over.len()), (None, 0));
        // No client can use an inactive key, and `--delete-keys` deletes a used one too.
        let forced = TeardownOptions {
            delete_keys: true,
            ..WINDOW
        };
        let forced = planned("2026-11-01T09:00:00Z", &recent, forced);
        assert!(steps(&forced).contains(&step));
        recent.seen.keys[1].active = false;
        let inactive = planned("2026-11-01T09:00:00Z", &recent, WINDOW);
        assert!(steps(&inactive).contains(&step));
        assert_eq!(inactive.uses_known, None);
    }
}

#[test]
fn what_is_somebody_elses_stays() {
    let mut foreign = subject();
    foreign.ours = false;
    // It says that it is ours, which everybody can have it say.
    let plan = plan(&[], &foreign, WINDOW);
    assert_eq!(steps(&plan), ["delete stack but []"]);
    let kinds: Vec<&str> = plan.retained.iter().map(|item| item.kind).collect();
    assert_eq!(kinds, ["access key", "access key"]);
    let note = plan.retained[0].note.as_ref().unwrap();
    assert!(note.contains("does not belong to this stack"), "{note}");
    let [left] = &notes(&plan.left_over, "secret")[..] else {
        panic!("{:?}", plan.left_over);
    };
    assert!(left.contains("delete-secret --secret-id arn:own"), "{left}");
    // Where it does not even say so, it is no business of a teardown's.
    let secret = foreign.seen.secret.as_mut().unwrap();
    secret.secret.tags.clear();
    let plan = self::plan(&[], &foreign, WINDOW);
    assert!(plan.left_over.is_empty());
    assert!(notes(&plan.retained, "secret")[0].contains("does not belong to this stack"));
}

#[test]
fn a_secret_that_only_says_that_it_is_ours_is_left_and_told() {
    let foreign = |deleted| Subjects {
        foreign: vec![ForeignSecret {
            name: "mine".to_owned(),
            arn: "arn:mine".to_owned(),
            deleted,
        }],
        ..Subjects::default()
    };
    for plan in [
        plan_of(&[], &foreign(false), WINDOW),
        plan_without_stack(&[], &foreign(false), WINDOW),
    ] {
        assert!(!steps(&plan).iter().any(|step| step.contains("secret")));
        let [left] = &notes(&plan.left_over, "secret")[..] else {
            panic!("{:?}", plan.left_over);
        };
        assert!(left.contains("--secret-id arn:mine"), "{left}");
    }
    let plan = plan_of(&[], &foreign(true), WINDOW);
    assert!(notes(&plan.retained, "secret")[0].contains("already"));
    assert!(plan.left_over.is_empty());
}

#[test]
fn a_secret_that_cannot_be_looked_at_is_told_and_keeps_nothing_up() {
    let mut unread = subject();
    unread.ours = false;
    unread.unread = Some("AccessDenied".to_owned());
    unread.seen.secret = None;
    let subjects = Subjects {
        entries: vec![unread.subject(), encrypted().subject()],
        ..Subjects::default()
    };
    let plan = plan_of(&kms(), &subjects, WINDOW);
    let expected = [
        "cancel keys/ada",
        "delete AKIAPREVIOUS",
        "delete stack but []",
        "delete secret, Window(7)",
    ];
    assert_eq!(steps(&plan), expected);
    assert!(notes(&plan.left_over, "secret")[0].contains("AccessDenied"));
    // It may need the KMS key.
    assert!(notes(&plan.left_over, "KMS key")[0].contains("schedule-key-deletion"));
}

#[test]
fn what_the_manifest_names_no_more_goes_before_the_stack_with_no_key() {
    let mut secret = entry().secret.unwrap().secret;
    secret.arn = "arn:earlier".to_owned();
    secret.name = "earlier".to_owned();
    let forgotten = |secret: &Secret| Subjects {
        forgotten: vec![secret.clone()],
        ..Subjects::default()
    };
    let plan = plan_of(&[], &forgotten(&secret), WINDOW);
    let expected = [
        "cancel earlier",
        "delete secret, Window(7)",
        "delete stack but []",
    ];
    assert_eq!(steps(&plan), expected);
    let [left] = &notes(&plan.left_over, "access key")[..] else {
        panic!("{:?}", plan.left_over);
    };
    assert!(left.contains("list-access-keys --user-name ada"), "{left}");
    // What is no name of a user is in no command.
    let hostile = tags(&[("keyrota:user", "ada; rm -rf /")]);
    secret.tags.extend(hostile);
    let plan = plan_of(&[], &forgotten(&secret), WINDOW);
    assert!(!notes(&plan.left_over, "access key")[0].contains("rm"));
    // One that the stack lists still has its schedule there.
    let listed = [resource("AWS::SecretsManager::Secret", "arn:earlier")];
    let plan = plan_of(&listed, &forgotten(&secret), WINDOW);
    assert_eq!(
        steps(&plan)[1..],
        ["delete stack but []", "delete secret, Window(7)"]
    );
}

#[test]
fn a_key_that_a_version_names_is_proven_first() {
    let seen = plan(&[], &subject(), WINDOW);
    let previous = key("AKIAPREVIOUS");
    let step = proven(&previous, Some("AWSPREVIOUS"), true);
    assert!(seen.steps.contains(&step), "{:?}", seen.steps);
    let delete = TeardownOptions {
        delete_keys: true,
        ..WINDOW
    };
    let current = plan(&[], &subject(), delete);
    let step = proven(&key("AKIACURRENT"), Some("AWSCURRENT"), false);
    assert!(current.steps.contains(&step), "{:?}", current.steps);
    // An inactive key authenticates nobody, and counts as spent.
    let mut spent = subject();
    spent.seen.keys[1].active = false;
    let inactive = spent.seen.keys[1].clone();
    let step = proven(&inactive, None, true);
    assert!(plan(&[], &spent, WINDOW).steps.contains(&step));
}

#[test]
fn a_pending_key_is_spared_where_it_has_become_current() {
    let mut pending = subject();
    pending.seen.keys[1] = key("AKIAPENDING");
    let secret = pending.seen.secret.as_mut().unwrap();
    secret.pending_key = Some("AKIAPENDING".to_owned());
    let plan = plan(&[], &pending, WINDOW);
    let step = proven(&key("AKIAPENDING"), Some("AWSPENDING"), true);
    assert!(plan.steps.contains(&step), "{:?}", plan.steps);
}

#[test]
fn what_an_unfinished_rotation_left_goes_with_the_same_care() {
    let mut left = subject();
    left.seen.keys[1] = key("AKIAORPHAN");
    let moment = at("2026-11-01T09:00:00Z").as_second();
    // A label proves nothing: a principal that may write the secret can put it there.
    let secret = left.seen.secret.as_mut().unwrap();
    let labels = secret.secret.versions.get_mut("two").unwrap();
    labels.push(format!("KEYROTA_MAKING_{moment}"));
    let unknown = plan(&[], &left, WINDOW);
    assert!(!steps(&unknown).iter().any(|step| step.contains("AKIA")));
    let tag = tags(&[("keyrota:making", &moment.to_string())]);
    left.seen.user.as_mut().unwrap().tags = tag;
    let orphaned = plan(&[], &left, WINDOW);
    let step = proven(&key("AKIAORPHAN"), None, true);
    assert!(orphaned.steps.contains(&step));
    // Once the secret awaits deletion nothing is known of its keys.
    let secret = left.seen.secret.as_mut().unwrap();
    secret.secret.deleted = Some(at("2026-12-01T09:00:00Z"));
    (secret.current, secret.read) = (SecretContent::Absent, false);
    let late = plan(&[], &left, WINDOW);
    assert!(!steps(&late).iter().any(|step| step.contains("AKIA")));
}

#[test]
fn what_was_recorded_on_a_user_does_not_outlive_its_keys() {
    let mut marked = subject();
    let user = marked.seen.user.as_mut().unwrap();
    user.tags = tags(&[
        ("keyrota:seeding", "x"),
        ("keyrota:making", "1"),
        ("a", "b"),
    ]);
    let forgotten = ["forget keyrota:seeding", "forget keyrota:making"];
    assert_eq!(steps(&plan(&[], &marked, WINDOW))[2..4], forgotten);
    let gone = plan_without_stack(&[], &only(&marked), WINDOW);
    assert_eq!(steps(&gone)[1..3], forgotten);
    // Without a stack and a secret of its own it may be another stack's record.
    let elsewhere = Seen {
        ours: false,
        ..marked.clone()
    };
    let elsewhere = plan_without_stack(&[], &only(&elsewhere), WINDOW);
    assert_eq!(elsewhere.steps, []);
    // A user of the stack's own goes with its tags.
    let resources = [resource("AWS::IAM::User", "ada")];
    assert!(!steps(&plan(&resources, &marked, WINDOW)).contains(&forgotten[0].to_owned()));
}

#[test]
fn without_a_stack_no_key_goes_and_each_is_told() {
    let options = [
        (WINDOW, vec!["AKIAPREVIOUS"]),
        (
            TeardownOptions {
                delete_keys: true,
                ..WINDOW
            },
            vec!["AKIACURRENT", "AKIAPREVIOUS"],
        ),
    ];
    for (options, keys) in options {
        let plan = plan_without_stack(&[], &only(&subject()), options);
        assert_eq!(
            steps(&plan),
            ["cancel keys/ada", "delete secret, Window(7)"]
        );
        let left = notes(&plan.left_over, "access key");
        assert_eq!(left.len(), keys.len());
        for (left, key) in left.iter().zip(keys) {
            let command =
                format!("aws iam delete-access-key --user-name ada --access-key-id {key}");
            assert!(left.contains(&command), "{left}");
        }
    }
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
    let mut deleted = encrypted();
    let secret = deleted.seen.secret.as_mut().unwrap();
    secret.secret.deleted = Some(at("2026-12-01T09:00:00Z"));
    secret.current = SecretContent::Absent;
    secret.previous_key = None;
    let again = plan_without_stack(&["kms-1"], &only(&deleted), WINDOW);
    assert_eq!(steps(&again), ["delete kms-1 in 30"]);
    assert!(notes(&again.retained, "secret")[0].contains("restore-secret"));
    assert!(
        notes(&again.retained, "access key")[0]
            .contains("scheduled for deletion and cannot be read")
    );
    let forced = TeardownOptions {
        deletion: Deletion::Forced,
        ..WINDOW
    };
    let again = plan_without_stack(&["kms-1"], &only(&deleted), forced);
    assert_eq!(
        steps(&again),
        ["delete kms-1 in 30", "delete secret, Forced"]
    );
}

/// IAM deletes no user with an inline policy, and a response to a leaked key may have put one there.
#[test]
fn a_user_whose_key_leaked_loses_the_policy_that_denies_sessions() {
    let mut subject = subject();
    let user = subject.seen.user.as_mut().unwrap();
    user.tags = tags(&[("keyrota:leaked", "AKIAPREVIOUS00000001=1")]);
    let made = [resource("AWS::IAM::User", "ada")];
    let allows = |resources: &[StackResource], options| {
        let steps = steps(&plan(resources, &subject, options));
        steps.contains(&"allow sessions of ada".to_owned())
    };
    assert!(allows(&made, WINDOW));
    // A user that stays keeps its policies.
    assert!(!allows(&[], WINDOW));
    let keep_keys = TeardownOptions {
        keep_keys: true,
        keep_users: false,
        ..WINDOW
    };
    assert!(!allows(&made, keep_keys));
}
