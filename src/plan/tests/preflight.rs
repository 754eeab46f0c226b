//! Each finding appears exactly when it should.

use super::super::{
    Administrator, Lookup, Observed, ObservedAccessKey, ObservedEntry, Preflight, Profile,
    SecretContent, check,
};
use super::sample::{
    self, at, entry, key, model, observed, observed_of, resource, stack, tags, untouched,
};
use crate::model::{Credential, Finding, Model};
use crate::port::EncryptionKey;

fn findings(model: &Model, observed: &Observed<'_>) -> Vec<Finding> {
    findings_of(model, observed, true)
}

/// Returns what is found of an account where the manifest is another than the sample's.
fn findings_of(model: &Model, observed: &Observed<'_>, rotates: bool) -> Vec<Finding> {
    let observed = Observed {
        entries: vec![observed_of(model, seen(observed).clone())],
        ..observed.clone()
    };
    check(model, &observed, Preflight { rotates })
}

fn seen<'a>(observed: &'a Observed<'_>) -> &'a ObservedAccessKey {
    match &observed.entries[0] {
        ObservedEntry::AccessKey(_, seen) => seen,
        ObservedEntry::Database(..) => panic!("it is an access key"),
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
    let below = with(|seen| seen.user.as_mut().unwrap().path = "/apps/".to_owned());
    assert_eq!(kinds("", &below), ["user-path"]);
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
        let deletes = hint.contains("teardown") || hint.contains("delete-secret");
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
    assert!(hint(&foreign).contains("keyrota teardown"));
    let mut foreign = with(|seen| seen.secret.as_mut().unwrap().secret.tags.clear());
    foreign.resources.clear();
    assert!(hint(&foreign).contains("delete that secret"));
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

    let profile = |profile: Profile| {
        let seen = before(|seen| {
            seen.keys = vec![key("AKIAADOPTED")];
            seen.profile = Some(profile);
        });
        kinds(", initial_key: 'profile:ada'", &seen)
    };
    let held_by = |user: &str| Profile::Usable {
        id: "AKIAADOPTED".to_owned(),
        holder: format!("arn:aws:iam::111122223333:user/{user}"),
    };
    assert_eq!(profile(held_by("ada")), [""; 0]);
    assert_eq!(profile(held_by("bob")), ["profile-key"]);
    let unusable = Profile::Unusable("no such profile".to_owned());
    assert_eq!(profile(unusable), ["foreign-key", "profile-key"]);
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
