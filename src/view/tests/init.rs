//! Tests the result of `init`.

use jiff::Timestamp;

use super::super::InitResult;
use super::{script, shown};
use crate::model::{Draft, DraftEntry, StackName, UserName};
use crate::plan::Candidate;
use crate::port::Key;

#[test]
fn init() {
    let key = |id: &str, active: bool, created: &str| Key {
        id: id.to_owned(),
        active,
        created: Some(created.parse().unwrap()),
        last_used: None,
        used_in: None,
    };
    let candidate = |name: &str, path: Option<&str>, keys: Vec<Key>| Candidate {
        name: name.to_owned(),
        path: path.map(str::to_owned),
        keys: Some(keys),
    };
    let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let users = ["ada", "bob", "cy", "dee"];
    let mut result = InitResult {
        manifest: "keyrota.yaml".to_owned(),
        draft: Draft {
            stack: StackName::parse("keys").unwrap(),
            account: None,
            region: None,
            email: Vec::new(),
            schedule: "rate(30 days)".to_owned(),
            rotate_as: "role".to_owned(),
            kms_key: None,
            entries: users
                .iter()
                .map(|user| DraftEntry::new(UserName::parse(user).unwrap()))
                .collect(),
        },
        candidates: vec![
            candidate(
                "ada",
                Some("/"),
                vec![key("AKIAONE", true, "2025-01-14T08:00:00Z")],
            ),
            candidate(
                "bob",
                Some("/"),
                vec![
                    key("AKIATWO", true, "2026-03-01T12:00:00Z"),
                    key("AKIATHREE", true, "2026-03-02T11:00:00Z"),
                ],
            ),
            candidate("cy", Some("/c*/"), Vec::new()),
        ],
        now,
    };
    insta::assert_snapshot!(shown(&result), @"
    USER  KEY        STATUS  CREATED               AGE
    ada   AKIAONE    active  2025-01-14 08:00 UTC  412 days
    bob   AKIATWO    active  2026-03-01 12:00 UTC  1 day
    bob   AKIATHREE  active  2026-03-02 11:00 UTC  0 days

    ada: clients use its key: `initial_key: profile:NAME` adopts that key as the first value of the secret
    warning: bob: it has two active keys, and rotation needs a free key slot: delete the key that is not in use
    warning: cy: keyrota cannot manage it because of its path: `/c*/` contains '*'; a path can contain printable ASCII characters except spaces, *, ?, and $
    Wrote keyrota.yaml: stack keys with 4 users.
    Next: run keyrota generate, keyrota plan, and keyrota bootstrap.
    ");
    result.candidates.truncate(1);
    result.draft.entries.truncate(1);
    insta::assert_snapshot!(script(&result), @r#"
    {
      "account": null,
      "manifest": "keyrota.yaml",
      "region": null,
      "stack": "keys",
      "users": [
        {
          "keys": [
            {
              "age_days": 412,
              "created": "2025-01-14T08:00:00Z",
              "id": "AKIAONE",
              "status": "active"
            }
          ],
          "name": "ada",
          "obstacle": null,
          "path": "/"
        }
      ]
    }
    "#);
}
