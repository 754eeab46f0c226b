//! Secrets with access keys, and the keys.

use super::super::super::{Administrator, Fix, Lookup, Proof, SecretContent};
use super::super::sample::{NOW, at, key, tags};
use super::{Changed, expect, found, found_of, ids};
use crate::model::{AccessKeyId, Content, Credential};
use crate::port::EncryptionKey;

/// What is done first if the previous key is active.
const BACK: &str =
    "makes the version with AWSPREVIOUS current if its key AKIAPREVIOUS authenticates";
const CREATE: &str = "creates a new key of `ada` with your credentials";
const RECOVER: Option<Fix> = Some(Fix::Recover);

#[test]
fn the_secret_is_not_there() {
    let gone = found(|it| it.seen.secret = None);
    expect(&gone, "secret-missing", None, &["arn:own"], "asks whether");
    let never = found(|it| {
        it.seen.secret = None;
        it.stack
            .outputs
            .retain(|name, _| !name.starts_with("Secret"));
    });
    expect(&never, "secret-missing", None, &[], "`keyrota bootstrap`");
    let another = found(|it| it.secret().arn = "arn:another".to_owned());
    let evidence = ["arn:own", "arn:another"];
    expect(
        &another,
        "secret-not-in-stack",
        None,
        &evidence,
        "keyrota bootstrap",
    );
}

#[test]
fn the_secret_awaits_deletion() {
    let delete = |it: &mut Changed| it.secret().deleted = Some(at(NOW));
    let remedy = "aws secretsmanager restore-secret --secret-id keys/ada";
    let ours = found(delete);
    expect(&ours, "secret-deleted", Some(Fix::Restore), &[NOW], remedy);
    // It may be one that another principal abandoned.
    let theirs = found(|it| {
        delete(it);
        it.secret().arn = "arn:another".to_owned();
    });
    expect(&theirs, "secret-deleted", None, &[NOW], remedy);
}

#[test]
fn there_is_no_credential_yet() {
    let empty = |it: &mut Changed| {
        let missing = vec!["accesskey", "secretkey"];
        it.held().current = SecretContent::Held(Content::Incomplete(missing));
        it.held().previous_key = None;
        it.secret().last_rotated = None;
    };
    let seed = found(empty);
    expect(
        &seed,
        "no-credential",
        None,
        &["no key"],
        "`keyrota bootstrap`",
    );
    let interrupted = found(|it| {
        empty(it);
        let tag = [("keyrota:seeding", "2026-11-02T08:00:00Z AKIAOLD")];
        it.seen.user.as_mut().unwrap().tags = tags(&tag);
    });
    expect(
        &interrupted,
        "no-credential",
        None,
        &["2026-11-02T08:00:00Z"],
        "bootstrap",
    );
}

/// A value without a key where there was one.
#[test]
fn the_key_is_gone_from_the_value() {
    let lost = found(|it| {
        let missing = vec!["accesskey", "secretkey"];
        it.held().current = SecretContent::Held(Content::Incomplete(missing));
    });
    expect(&lost, "no-credential", RECOVER, &["no key"], BACK);
}

#[test]
fn the_value_is_not_one_that_clients_can_use() {
    let with = |content: SecretContent| found(|it| it.held().current = content);
    let torn = SecretContent::Held(Content::Incomplete(vec!["secretkey"]));
    expect(
        &with(torn),
        "value-unusable",
        RECOVER,
        &["lacks secretkey"],
        BACK,
    );
    let text = SecretContent::Held(Content::Foreign);
    expect(
        &with(text),
        "value-unusable",
        RECOVER,
        &["not a JSON object"],
        BACK,
    );
    let sealed = with(SecretContent::Sealed);
    expect(
        &sealed,
        "value-undecryptable",
        None,
        &["KMS"],
        "aws kms enable-key",
    );
    // Clients may read the key where the manifest does not look for it.
    let misnamed = with(SecretContent::Held(Content::Misnamed));
    expect(&misnamed, "value-unusable", None, &[], "`fields`");
    // Where nothing can be brought back, a key is created.
    let alone = found(|it| {
        it.held().current = SecretContent::Held(Content::Foreign);
        it.seen.keys.remove(1);
    });
    expect(&alone, "value-unusable", RECOVER, &[], CREATE);
}

#[test]
fn the_value_is_another_users_or_anothers_to_rotate() {
    let of = |user: &str, origin: &str| {
        let (user, origin) = (user.to_owned(), origin.to_owned());
        let held = Credential::new(
            AccessKeyId::of_iam("AKIACURRENT"),
            "hush".into(),
            user,
            origin,
        );
        SecretContent::Held(Content::Complete(held))
    };
    let another = found(|it| it.held().current = of("bob", "arn:own"));
    expect(
        &another,
        "value-of-another-user",
        RECOVER,
        &["`bob`", "`ada`"],
        BACK,
    );
    let outdated = found(|it| it.held().current = of("ada", "arn:administrator"));
    let evidence = ["arn:administrator", "arn:own"];
    expect(
        &outdated,
        "value-outdated",
        None,
        &evidence,
        "`keyrota bootstrap`",
    );
}

#[test]
fn the_user_is_gone() {
    let none = |it: &mut Changed| {
        it.seen.user = None;
        it.seen.keys.clear();
    };
    let gone = found(none);
    let remedy = "aws iam create-user --user-name ada";
    expect(&gone, "user-missing", None, &["`ada`"], remedy);
    let made = found_of(", create_user: true", none);
    expect(
        &made,
        "user-missing",
        Some(Fix::Revert),
        &[],
        "creates the user again",
    );
}

#[test]
fn the_user_has_another_path() {
    let move_it = |it: &mut Changed| it.seen.user.as_mut().unwrap().path = "/ci/".to_owned();
    let moved = found(move_it);
    let evidence = ["path /ci/", "says /"];
    let written = "write `path: /ci/`";
    expect(&moved, "user-path-differs", None, &evidence, written);
    assert_eq!(found_of(", path: /ci/", move_it), []);
    let back = "--user-name ada --new-path /";
    let made = found_of(", create_user: true", move_it);
    expect(&made, "user-path-differs", None, &evidence, back);
}

#[test]
fn the_current_key_does_not_work() {
    let missing = found(|it| it.seen.keys[0] = key("AKIAOTHER"));
    // What is there instead may as well be the one that should be in the secret.
    let expected = [("current-key-missing", RECOVER), ("foreign-key", None)];
    assert_eq!(ids(&missing), expected);
    assert!(missing[0].evidence.contains("AKIACURRENT"));
    assert!(missing[0].remedy.contains(BACK), "{missing:#?}");
    let inactive = found(|it| {
        it.seen.keys[0].active = false;
        it.seen.keys[0].last_used = Some(at("2026-11-02T07:00:00Z"));
    });
    let evidence = ["AKIACURRENT", "inactive", "2026-11-02T07:00:00Z"];
    let remedy = "--status Active --user-name ada --access-key-id AKIACURRENT";
    let fix = Some(Fix::ReplaceInactive);
    expect(&inactive, "current-key-inactive", fix, &evidence, remedy);
    assert!(inactive[0].remedy.contains(BACK), "{inactive:#?}");
    let why = "sts:GetCallerIdentity: SignatureDoesNotMatch: no".to_owned();
    let same = why.clone();
    let refused = found(|it| it.proof = Proof::Refused(why));
    let evidence = ["AKIACURRENT", "SignatureDoesNotMatch"];
    expect(&refused, "credential-refused", RECOVER, &evidence, BACK);
    // Stored by hand over itself, it is in the version before as well.
    let mistyped = found(|it| {
        it.proof = Proof::Refused(same);
        it.held().previous_key = Some("AKIACURRENT".to_owned());
        it.seen.keys.remove(1);
    });
    let remedy = "current if its key AKIACURRENT authenticates, and otherwise creates";
    expect(&mistyped, "credential-refused", RECOVER, &evidence, remedy);
}

#[test]
fn nothing_is_rotated_that_does_not_work() {
    let found = found(|it| {
        it.proof = Proof::Refused("no".to_owned());
        let secret = it.secret();
        secret.rotation_enabled = false;
        let pending = ("three".to_owned(), vec!["AWSPENDING".to_owned()]);
        secret.versions.extend([pending]);
    });
    let expected = [
        ("credential-refused", None),
        ("rotation-unfinished", None),
        ("rotation-off", None),
    ];
    assert_eq!(ids(&found), expected);
}

#[test]
fn a_key_that_is_not_ours_is_a_persons_to_decide() {
    let foreign = |it: &mut Changed| {
        it.seen.keys[1] = key("AKIAFOREIGN");
        it.seen.keys[1].last_used = Some(at("2026-11-02T07:00:00Z"));
        // It would be in the way of this.
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    };
    let theirs = found(foreign);
    let expected = [("foreign-key", None), ("rotation-overdue", None)];
    assert_eq!(ids(&theirs), expected);
    for text in [
        "AKIAFOREIGN",
        "2026-11-01T09:00:00Z",
        "2026-11-02T07:00:00Z",
    ] {
        assert!(theirs[0].evidence.contains(text), "{theirs:#?}");
    }
    let remedy = "delete-access-key --user-name ada --access-key-id AKIAFOREIGN";
    assert!(theirs[0].remedy.contains(remedy), "{theirs:#?}");
    // A user of the stack's own has no keys but ours; an inactive one is in nobody's way.
    let ours = found_of(", create_user: true", foreign);
    let fix = Some(Fix::Rotate);
    expect(
        &ours,
        "rotation-overdue",
        fix,
        &[],
        "keyrota rotate keys/ada",
    );
    let inactive = found(|it| {
        foreign(it);
        it.seen.keys[1].active = false;
    });
    expect(&inactive, "rotation-overdue", fix, &[], "");
}

#[test]
fn what_helps_an_entry_is_missing() {
    let more = ", rotate_as: ops/administrator";
    let administrator = |administrator: Administrator| {
        found_of(more, |it| it.seen.administrator = Some(administrator))
    };
    let missing = administrator(Administrator::Unusable("does not exist".to_owned()));
    let evidence = ["ops/administrator", "does not exist"];
    expect(
        &missing,
        "administrator-unusable",
        None,
        &evidence,
        "`accesskey`",
    );
    let empty = administrator(Administrator::Unusable("has no value".to_owned()));
    expect(
        &empty,
        "administrator-unusable",
        None,
        &["has no value"],
        "",
    );
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/6f7a8b9c-1234-4567-89ab-1234567890ab";
    let more = format!(", kms_key: '{arn}'");
    let key =
        |state: Lookup<EncryptionKey>| found_of(&more, |it| it.seen.encryption_key = Some(state));
    let disabled = EncryptionKey {
        symmetric: true,
        enabled: false,
        state: "PendingDeletion".to_owned(),
    };
    let found = key(Lookup::Found(disabled));
    expect(
        &found,
        "kms-key-unusable",
        None,
        &["PendingDeletion", arn],
        "cancel-key-deletion",
    );
    expect(
        &key(Lookup::Missing),
        "kms-key-unusable",
        None,
        &["does not exist"],
        "`kms_key:`",
    );
}

/// An old key that was replaced on 1 November at 09:00, looked at a day later.
fn old_key(policy: &str, change: impl FnOnce(&mut Changed)) -> Vec<super::Diagnosis> {
    let mut found = found(|it| {
        it.secret()
            .tags
            .extend(tags(&[("keyrota:old-key", policy)]));
        change(it);
    });
    // The manifest of these tests has another policy.
    found.retain(|it| it.fault.id != "tags-changed");
    found
}

#[test]
fn an_old_key_stays_longer_than_it_should() {
    let hours = |deactivate: u32, delete: u32| {
        format!("deactivate_after={deactivate}h delete_after={delete}h hold_if_used_within=1d")
    };
    // The rule comes every hour, so that two are a fault.
    assert_eq!(old_key(&hours(22, 48), |_| {}), []);
    let late = old_key(&hours(21, 48), |_| {});
    let evidence = ["AKIAPREVIOUS", "2026-11-02T06:00:00Z", "never used"];
    let fix = Some(Fix::Sweep);
    expect(
        &late,
        "old-key-overdue",
        fix,
        &evidence,
        "`keyrota doctor --fix`",
    );
    let inactive = |it: &mut Changed| it.seen.keys[1].active = false;
    assert_eq!(old_key(&hours(1, 22), inactive), []);
    let left = old_key(&hours(1, 21), inactive);
    let evidence = ["AKIAPREVIOUS", "2026-11-02T06:00:00Z"];
    expect(
        &left,
        "old-key-left",
        fix,
        &evidence,
        "`keyrota doctor --fix`",
    );
    // The next rotation removes it.
    assert_eq!(old_key("until_next_rotation", |_| {}), []);
    // Where the current key does not work, the old one may be all that there is.
    let broken = old_key(&hours(1, 2), |it| it.seen.keys[0].active = false);
    let replaced = ("current-key-inactive", Some(Fix::ReplaceInactive));
    let expected = [replaced, ("old-key-overdue", None)];
    assert_eq!(ids(&broken), expected);
}

#[test]
fn an_old_key_is_still_in_use() {
    let policy = "deactivate_after=1h delete_after=2h hold_if_used_within=1d";
    let used = |it: &mut Changed| it.seen.keys[1].last_used = Some(at("2026-11-02T07:00:00Z"));
    let held = old_key(policy, used);
    let evidence = ["AKIAPREVIOUS", "2026-11-02T07:00:00Z"];
    expect(
        &held,
        "old-key-in-use",
        None,
        &evidence,
        "AttributeValue=AKIAPREVIOUS",
    );
    // A use that IAM may not have recorded holds the key back too, but names no client to find.
    let policy = "deactivate_after=1h delete_after=2h hold_if_used_within=7d";
    let possibly = |it: &mut Changed| it.seen.keys[1].last_used = Some(at("2026-11-01T08:59:00Z"));
    assert_eq!(old_key(policy, possibly), []);
    // A rotation would take its place; it is for a person to begin that.
    let overdue = old_key("until_next_rotation", |it| {
        used(it);
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    });
    let evidence = ["AKIAPREVIOUS", "2026-11-02T07:00:00Z"];
    expect(
        &overdue,
        "rotation-overdue",
        None,
        &evidence,
        "keyrota rotate keys/ada",
    );
    // Used before it was replaced is how every old key was.
    let idle = old_key("until_next_rotation", |it| {
        it.seen.keys[1].last_used = Some(at("2026-11-01T08:00:00Z"));
        it.secret().next_rotation = Some(at("2026-10-01T09:00:00Z"));
    });
    expect(&idle, "rotation-overdue", Some(Fix::Rotate), &[], "");
}

#[test]
fn tags_are_not_as_the_manifest_has_them() {
    let changed = found(|it| {
        let tags = &mut it.secret().tags;
        tags.extend(self::tags(&[
            ("keyrota:user", "victim"),
            ("keyrota:probe", "x"),
        ]));
        tags.insert("owner".to_owned(), "somebody".to_owned());
    });
    let evidence = ["`keyrota:user` is `victim`, not `ada`", "`keyrota:probe`"];
    let fix = Some(Fix::Revert);
    expect(&changed, "tags-changed", fix, &evidence, "bootstrap");
    assert!(!changed[0].evidence.contains("owner"), "{changed:?}");
}
