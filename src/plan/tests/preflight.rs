//! Each finding appears exactly when it should.

use std::fmt::Write as _;

use super::super::{
    Administrator, FirstKey, Lookup, Observed, ObservedAccessKey, ObservedEntry, Preflight,
    SecretContent, UnusableKey, check,
};
use super::sample::{
    self, NOW, at, entry, key, model, observed, observed_of, resource, stack, tags, untouched,
};
use crate::model::{AccessKeyId, Content, Credential, Finding, Model, NoStoredKey};
use crate::port::{EncryptionKey, Error, ErrorKind, Key, UsedIn};

fn findings(model: &Model, observed: &Observed<'_>) -> Vec<Finding> {
    findings_of(model, observed, true)
}

/// Returns what is found of an account where the manifest is another than the sample's.
fn findings_of(model: &Model, observed: &Observed<'_>, rotates: bool) -> Vec<Finding> {
    let observed = Observed {
        entries: vec![observed_of(model, seen(observed).clone())],
        ..observed.clone()
    };
    check(model, &observed, Preflight { rotates }, at(NOW))
}

fn seen<'a>(observed: &'a Observed<'_>) -> &'a ObservedAccessKey {
    match &observed.entries[0] {
        ObservedEntry::AccessKey(_, seen) => seen,
        ObservedEntry::Database(..) | ObservedEntry::Service(..) => panic!("it is no access key"),
    }
}

/// Returns the kinds of what is found for an entry of the manifest.
fn kinds(entry: &str, seen: &Observed<'_>) -> Vec<&'static str> {
    let found = findings(model(entry), seen);
    found.iter().map(|finding| finding.kind).collect()
}

fn with(change: impl FnOnce(&mut ObservedAccessKey)) -> Observed<'static> {
    let mut seen = entry();
    change(&mut seen);
    observed(seen)
}

fn before(change: impl FnOnce(&mut ObservedAccessKey)) -> Observed<'static> {
    let mut seen = untouched();
    change(&mut seen);
    Observed {
        stack: None,
        resources: Vec::new(),
        ..observed(seen)
    }
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(kinds("", &with(|_| {})), [""; 0]);
    assert_eq!(kinds("", &before(|_| {})), [""; 0]);
    assert_eq!(kinds("", &before(|seen| seen.keys.clear())), [""; 0]);
    let created = before(|seen| seen.user = None);
    assert_eq!(kinds(", create_user: true", &created), [""; 0]);
}

#[test]
fn the_account_and_the_stack() {
    let mut elsewhere = with(|_| {});
    elsewhere.caller.account = "999900001111".to_owned();
    assert_eq!(kinds("", &elsewhere), ["wrong-account"]);

    let status = |status: &str| {
        let mut seen = with(|_| {});
        seen.stack = Some(stack(status));
        kinds("", &seen)
    };
    for fine in [
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "REVIEW_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
    ] {
        assert_eq!(status(fine), [""; 0], "{fine}");
    }
    for stuck in [
        "ROLLBACK_COMPLETE",
        "ROLLBACK_FAILED",
        "CREATE_FAILED",
        "DELETE_FAILED",
        "UPDATE_ROLLBACK_FAILED",
    ] {
        assert_eq!(status(stuck), ["stack-state"], "{stuck}");
    }
    let mut foreign = with(|_| {});
    foreign.stack.as_mut().unwrap().tags.clear();
    assert_eq!(kinds("", &foreign), ["foreign-stack"]);
    // A stack that was only reviewed has no tags yet that count.
    foreign.stack.as_mut().unwrap().status.0 = "REVIEW_IN_PROGRESS".to_owned();
    assert_eq!(kinds("", &foreign), [""; 0]);
}

#[test]
fn the_user() {
    assert_eq!(kinds("", &before(|seen| seen.user = None)), ["no-user"]);
    let there = before(|_| {});
    assert_eq!(kinds(", create_user: true", &there), ["user-exists"]);
    let mut ours = with(|_| {});
    ours.resources.push(resource("AWS::IAM::User", "ada"));
    assert_eq!(kinds(", create_user: true", &ours), [""; 0]);
    ours.resources.last_mut().unwrap().status = "CREATE_FAILED".to_owned();
    assert_eq!(kinds(", create_user: true", &ours), ["user-exists"]);
    let at = |path: &str| {
        let path = path.to_owned();
        with(move |seen| {
            let user = seen.user.as_mut().unwrap();
            user.arn = format!("arn:aws:iam::111122223333:user{path}ada");
            user.path = path;
        })
    };
    assert_eq!(kinds(", path: /apps/", &at("/apps/")), [""; 0]);
    for (given, has, hint) in [
        ("", "/apps/", "`path: /apps/`"),
        (", path: /apps/", "/", "`path: /`"),
        (", path: /apps/", "/Apps/", "`path: /Apps/`"),
        ("", "/a*b/", "'*'"),
    ] {
        let found = findings(model(given), &at(has));
        assert_eq!(found[0].kind, "user-path", "{found:?}");
        let told = found[0].hint.as_deref().unwrap();
        assert!(found[0].is_error() && told.contains(hint), "{found:?}");
    }
    // The stack moves a user of its own, which changes the user's ARN.
    let mut moved = at("/apps/");
    moved.resources.push(resource("AWS::IAM::User", "ada"));
    let found = findings(model(", create_user: true, path: /ci/"), &moved);
    let [found] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(!found.is_error() && found.kind == "user-path", "{found:?}");
    let arns =
        "from arn:aws:iam::111122223333:user/apps/ada to arn:aws:iam::111122223333:user/ci/ada";
    assert!(found.message.contains(arns), "{found:?}");
}

#[test]
fn the_secret() {
    let deleted = with(|seen| {
        let secret = seen.secret.as_mut().unwrap();
        secret.secret.deleted = Some(at("2026-12-01T09:00:00Z"));
        secret.current = SecretContent::Absent;
        seen.keys.clear();
    });
    assert_eq!(kinds("", &deleted), ["scheduled-for-deletion"]);
    // The hint concerns that one secret, and not the rest of the stack.
    let mut elsewhere = deleted.clone();
    elsewhere.resources.clear();
    for (seen, way_on) in [(&deleted, "restore it"), (&elsewhere, "another name")] {
        let hint = findings(model(""), seen)[0].hint.clone().unwrap();
        let restores = hint.contains(way_on) && hint.contains("restore-secret");
        assert!(restores, "{hint}");
        let deletes = hint.contains("run `keyrota teardown`") || hint.contains("delete-secret");
        assert!(!deletes, "{hint}");
    }
    let mut foreign = with(|_| {});
    foreign.resources.clear();
    let hint = |seen: &Observed| {
        let found = findings(model(""), seen);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].kind, "secret-exists");
        found[0].hint.clone().unwrap()
    };
    assert!(hint(&foreign).contains("others can write"));
    let mut foreign = with(|seen| seen.secret.as_mut().unwrap().secret.tags.clear());
    foreign.resources.clear();
    assert!(hint(&foreign).contains("adopt: true"));
}

/// Returns a value with the current key that names a user.
fn named_for(user: &str) -> SecretContent {
    let credential = Credential::new(
        AccessKeyId::of_iam("AKIACURRENT"),
        "hush".into(),
        user.into(),
        "arn:own".into(),
    );
    SecretContent::Held(Content::Complete(credential))
}

/// The user of a secret cannot change. What others write on the secret does not look like that.
#[test]
fn the_secret_of_another_user() {
    let of = |tag: &str, named: &str| {
        let seen = with(|seen| {
            let held = seen.secret.as_mut().unwrap();
            held.secret
                .tags
                .insert("keyrota:user".to_owned(), tag.to_owned());
            held.current = named_for(named);
        });
        kinds("", &seen)
    };
    assert_eq!(of("bob", "bob"), ["other-user"]);
    assert_eq!(of("ada", "ada"), [""; 0]);
    assert_eq!(of("bob", "ada"), [""; 0]);
    assert!(!of("ada", "bob").contains(&"other-user"));
}

#[test]
fn the_keys() {
    let lost = with(|seen| seen.keys.retain(|key| key.id != "AKIACURRENT"));
    assert_eq!(kinds("", &lost), ["lost-key"]);
    let both = before(|seen| seen.keys = vec![key("AKIAONE"), key("AKIATWO")]);
    assert_eq!(kinds("", &both), ["no-room"]);
    let one = before(|seen| seen.keys = vec![key("AKIAONE")]);
    assert_eq!(kinds("", &one), ["foreign-key"]);
    let without_rotation = findings_of(model(""), &one, false);
    assert_eq!(without_rotation[0].kind, "foreign-key");
    assert!(
        !without_rotation[0].is_error(),
        "a warning where nothing rotates yet"
    );
    let inactive = before(|seen| {
        seen.keys = vec![key("AKIAONE")];
        seen.keys[0].active = false;
    });
    let found = findings(model(""), &inactive);
    assert_eq!(found[0].kind, "inactive-key");
    assert!(!found[0].is_error());
    let beside = with(|seen| seen.keys[1] = key("AKIAOTHER"));
    assert_eq!(kinds("", &beside), ["foreign-key"]);
    // What an unfinished rotation made is the next one's to remove.
    let unfinished = |moment: &str| {
        let tag = at(moment).as_second().to_string();
        with(|seen| {
            seen.keys[1] = key("AKIAOTHER");
            seen.user.as_mut().unwrap().tags = tags(&[("keyrota:making", &tag)]);
        })
    };
    assert_eq!(kinds("", &unfinished("2026-11-01T09:00:00Z")), [""; 0]);
    let other = unfinished("2026-11-01T10:00:00Z");
    assert_eq!(kinds("", &other), ["foreign-key"]);
    // What an interrupted run must have made is ours, what was there before is not.
    let seeding = |tag: &str| {
        with(|seen| {
            seen.keys = vec![key("AKIANEW")];
            let secret = seen.secret.as_mut().unwrap();
            secret.current = SecretContent::Absent;
            secret.previous_key = None;
            seen.user.as_mut().unwrap().tags = tags(&[("keyrota:seeding", tag)]);
        })
    };
    assert_eq!(kinds("", &seeding("2026-11-01T09:00:00Z")), [""; 0]);
    let known = seeding("2026-11-01T09:00:00Z AKIANEW");
    assert_eq!(kinds("", &known), ["foreign-key"]);
    assert_eq!(kinds("", &seeding("2026-10-01T09:00:00Z")), ["foreign-key"]);
    assert_eq!(kinds("", &seeding("what")), ["foreign-key"]);
}

#[test]
fn what_helps_the_entry() {
    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";
    let kms = |key: Option<(bool, &str)>| {
        let seen = with(|seen| {
            seen.encryption_key = Some(match key {
                None => Lookup::Missing,
                Some((enabled, state)) => Lookup::Found(EncryptionKey {
                    enabled,
                    state: state.to_owned(),
                    symmetric: true,
                }),
            });
        });
        kinds(&format!(", kms_key: '{ARN}'"), &seen)
    };
    assert_eq!(kms(Some((true, "Enabled"))), [""; 0]);
    assert_eq!(kms(Some((false, "PendingDeletion"))), ["kms-key"]);
    assert_eq!(kms(None), ["kms-key"]);

    let administrator = |administrator: Administrator| {
        let seen = with(|seen| seen.administrator = Some(administrator));
        kinds(", rotate_as: ops/admin", &seen)
    };
    let arn = "arn:admin".to_owned();
    assert_eq!(administrator(Administrator::Usable { arn }), [""; 0]);
    let lacks = Administrator::Unusable("lacks secretkey".to_owned());
    assert_eq!(administrator(lacks), ["no-administrator"]);

    let profile = |profile: FirstKey| {
        let seen = before(|seen| {
            seen.keys = vec![key("AKIAADOPTED")];
            seen.first_key = Some(profile);
        });
        kinds(", initial_key: 'profile:ada'", &seen)
    };
    let held_by = |user: &str| FirstKey::Usable {
        id: "AKIAADOPTED".to_owned(),
        holder: format!("arn:aws:iam::111122223333:user/{user}"),
    };
    assert_eq!(profile(held_by("ada")), [""; 0]);
    assert_eq!(profile(held_by("bob")), ["profile-key"]);
    let unusable = FirstKey::Unusable(UnusableKey::Profile("no such profile".to_owned()));
    assert_eq!(profile(unusable), ["foreign-key", "profile-key"]);
}

#[test]
fn a_key_that_keyrota_did_not_create_is_described() {
    let old = |active: bool| Key {
        active,
        created: Some(at("2024-11-02T08:00:00Z")),
        last_used: Some(at("2026-10-30T10:00:00Z")),
        used_in: Some(UsedIn {
            service: "s3".to_owned(),
            region: "eu-west-1".to_owned(),
        }),
        ..key("AKIAOLD")
    };
    let fresh = Key {
        created: Some(at("2026-11-01T08:00:00Z")),
        ..key("AKIAFRESH")
    };
    let told = |keys: &[Key]| {
        let keys = keys.to_vec();
        let found = findings(model(""), &before(|seen| seen.keys = keys));
        let [only] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert!(!only.is_error() || only.hint.as_ref().unwrap().contains("secret:NAME"));
        format!("{}: {}", only.kind, only.message)
    };
    insta::assert_snapshot!(told(&[old(true)]), @"foreign-key: keyrota did not create the user's active key AKIAOLD, 730 days old, last used 2026-10-30T10:00:00Z with s3 in eu-west-1, and rotation needs its key slot");
    insta::assert_snapshot!(told(&[old(false), fresh]), @"no-room: keyrota did not create either of the user's two keys (AKIAOLD, 730 days old, inactive, last used 2026-10-30T10:00:00Z with s3 in eu-west-1; AKIAFRESH, 1 day old, never used), and rotation needs a free key slot");
}

#[test]
fn the_key_in_another_secret() {
    const SOURCE: &str = ", initial_key: 'secret:legacy/ada'";
    let of = |source: &str, key: FirstKey, active: bool| {
        let listed = Key {
            active,
            ..sample::key("AKIAADOPTED")
        };
        let seen = before(|seen| {
            seen.keys = vec![listed];
            seen.first_key = Some(key);
        });
        findings(model(source), &seen)
    };
    let held_by = |user: &str| FirstKey::Usable {
        id: "AKIAADOPTED".to_owned(),
        holder: format!("arn:aws:iam::111122223333:user/{user}"),
    };
    assert_eq!(of(SOURCE, held_by("ada"), true), []);
    let denied = |kms_key: Option<&str>| UnusableKey::Denied {
        error: Error {
            call: "secretsmanager:GetSecretValue",
            kind: ErrorKind::Denied,
            code: None,
            message: "no".to_owned(),
        },
        kms_key: kms_key.map(str::to_owned),
    };
    let mut told = String::new();
    let unusable = FirstKey::Unusable;
    let not_ours = |fault: NoStoredKey| unusable(UnusableKey::NoKey(fault));
    for (source, key, active) in [
        (SOURCE, held_by("bob"), true),
        (SOURCE, held_by("ci/ada"), true),
        (SOURCE, unusable(UnusableKey::NoSecret), true),
        (SOURCE, unusable(denied(None)), true),
        (SOURCE, unusable(denied(Some("arn:key"))), true),
        (SOURCE, unusable(UnusableKey::Deleted), true),
        (
            SOURCE,
            unusable(UnusableKey::Rotates { function: None }),
            true,
        ),
        (
            SOURCE,
            unusable(UnusableKey::Rotates {
                function: Some("arn:f".to_owned()),
            }),
            true,
        ),
        (SOURCE, unusable(UnusableKey::NoValue), true),
        (SOURCE, unusable(UnusableKey::Binary), true),
        (SOURCE, unusable(UnusableKey::Undecryptable), true),
        (SOURCE, not_ours(NoStoredKey::NotJson), true),
        (SOURCE, not_ours(NoStoredKey::Incomplete), true),
        (SOURCE, not_ours(NoStoredKey::Malformed("accesskey")), true),
        (SOURCE, not_ours(NoStoredKey::Temporary), true),
        (
            SOURCE,
            unusable(UnusableKey::Refused("AKIAADOPTED".to_owned())),
            true,
        ),
        (
            SOURCE,
            unusable(UnusableKey::Refused("AKIAADOPTED".to_owned())),
            false,
        ),
    ] {
        let found = of(source, key, active);
        // The key that cannot be adopted is in the way as well.
        let (last, others) = found.split_last().unwrap();
        let others: Vec<&str> = others.iter().map(|it| it.kind).collect();
        assert!(last.is_error() && last.path == "user ada", "{last:?}");
        assert!(
            others.is_empty() || others == ["foreign-key"] || others == ["inactive-key"],
            "{found:?}"
        );
        let message = last.message.split_once(": ").unwrap().1;
        writeln!(told, "{}: {message}", last.kind).unwrap();
        assert!(last.hint.is_some(), "{last:?}");
    }
    insta::assert_snapshot!(told, @"
    first-key-user: its key AKIAADOPTED belongs to arn:aws:iam::111122223333:user/bob
    first-key-user: its key AKIAADOPTED belongs to arn:aws:iam::111122223333:user/ci/ada
    first-key-missing: it does not exist in this account and Region
    first-key-denied: it cannot be read: secretsmanager:GetSecretValue: no
    first-key-denied: it cannot be read: secretsmanager:GetSecretValue: no
    first-key-deleted: it is scheduled for deletion
    first-key-rotates: it has rotation enabled, so that another service would replace the same key
    first-key-rotates: it has rotation enabled, so that arn:f would replace the same key
    first-key-empty: it has no value
    first-key-binary: its value is binary
    first-key-undecryptable: its value cannot be decrypted, because its KMS key is disabled or scheduled for deletion
    first-key-not-json: its value is not a JSON object
    first-key-fields: its value lacks the fields of an access key
    first-key-fields: in its value, `accesskey` is not an access key ID
    first-key-temporary: its value contains temporary credentials
    first-key-refused: AWS refuses its key AKIAADOPTED: the key is inactive or deleted, or the secret access key is another key's
    first-key-refused: its key AKIAADOPTED is inactive
    ");

    let arn = "arn:aws:secretsmanager:eu-west-1:444455556666:secret:legacy-AbCdEf";
    let source = format!(", initial_key: 'secret:{arn}'");
    let found = of(&source, unusable(UnusableKey::NoSecret), true);
    assert_eq!(found[1].kind, "first-key-elsewhere");
    assert!(found[1].message.ends_with("account 444455556666"));
    let ours = source.replace("444455556666", "111122223333");
    let found = of(&ours, unusable(UnusableKey::NoSecret), true);
    assert_eq!(found[1].kind, "first-key-missing");
    let mut other_region = before(|seen| {
        seen.first_key = Some(held_by("ada"));
    });
    other_region.region = "eu-west-2".to_owned();
    let found = findings(model(&ours), &other_region);
    assert_eq!(found[0].kind, "first-key-elsewhere");
    assert!(found[0].message.ends_with("the Region eu-west-1"));
}

#[test]
fn all_is_found_at_once() {
    let mut seen = before(|seen| {
        seen.user = None;
        seen.secret = sample::entry().secret;
        seen.administrator = Some(Administrator::Unusable("does not exist".to_owned()));
    });
    seen.stack = Some(stack("ROLLBACK_COMPLETE"));
    let found = kinds(", rotate_as: ops/admin", &seen);
    let all = [
        "stack-state",
        "no-user",
        "secret-exists",
        "no-administrator",
    ];
    assert_eq!(found, all);
}

#[test]
fn the_names_of_fields_are_told() {
    let renamed = model(", fields: { accesskey: ID, secretkey: KEY }");
    let names = &renamed.entries[0].fields;
    let held = |text: &str| {
        let content = Credential::read(&text.into(), names);
        let seen = with(|seen| {
            seen.secret.as_mut().unwrap().current = SecretContent::Held(content);
        });
        let found = findings_of(renamed, &seen, true);
        let found = found.into_iter().filter(|it| it.kind.contains("fields"));
        found.map(|it| it.message).collect::<Vec<_>>()
    };
    let id = "AKIA0123456789ABCDEF";
    assert_eq!(
        held(&format!(r#"{{"accesskey":"{id}","secretkey":"hush"}}"#)),
        [
            "the next rotation adds `ID`, `KEY` to the value, and the rotation after it removes the former names"
        ]
    );
    let both = format!(r#"{{"accesskey":"{id}","secretkey":"hush","ID":"{id}","KEY":"hush"}}"#);
    assert_eq!(
        held(&both),
        ["the next rotation removes `accesskey`, `secretkey` from the value"]
    );
    assert_eq!(held(&format!(r#"{{"ID":"{id}","KEY":"hush"}}"#)), [""; 0]);
    assert_eq!(
        held(&both.replace(r#""KEY":"hush""#, r#""KEY":"other""#)),
        ["the value has different values for `secretkey` in `KEY` and `secretkey`"]
    );
}
