//! The result of `survey`.

use std::collections::BTreeMap;

use super::{script, shown};
use crate::plan::KeyUse;
use crate::plan::{
    InspectedSecret, LastUse, ObservedUser, Origin, Survey, SurveyInputs, assemble, origin,
};
use crate::port::{Key, ListedSecret, TrailEvent, User};
use crate::view::{Show, SurveyResult, WrittenManifest, survey_page};

const NOW: &str = "2026-11-28T12:00:00Z";

fn user(name: &str, keys: &[(&str, &str)]) -> ObservedUser {
    let key = |(id, created): &(&str, &str)| Key {
        id: (*id).to_owned(),
        active: true,
        created: Some(created.parse().unwrap()),
        last_used: None,
        used_in: None,
    };
    ObservedUser {
        user: User {
            arn: format!("arn:aws:iam::111122223333:user/{name}"),
            path: "/".to_owned(),
            tags: BTreeMap::new(),
            boundary: None,
        },
        keys: Some(keys.iter().map(key).collect()),
    }
}

fn last_use(at: &str, service: &str) -> LastUse {
    LastUse::At(KeyUse {
        at: at.parse().unwrap(),
        service: service.to_owned(),
        region: "eu-west-1".to_owned(),
    })
}

fn proven() -> Origin {
    origin(
        "eu-west-1",
        &[TrailEvent {
            id: "e-1".to_owned(),
            action: "PutParameter".to_owned(),
            at: "2026-11-27T00:00:00Z".parse().unwrap(),
            user_agent: "exec-env/AWS_Lambda_python3.12".to_owned(),
            invoked_by: None,
            ..TrailEvent::default()
        }],
    )
}

fn survey(secret: &str) -> Survey {
    assemble(SurveyInputs {
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        now: NOW.parse().unwrap(),
        report: None,
        users: vec![
            user("ada", &[("AKIAONE", "2026-01-01T00:00:00Z")]),
            user("bob", &[("AKIATWO", "2026-01-01T00:00:00Z")]),
            user("=cy", &[("AKIATHREE", "2026-11-27T00:00:00Z")]),
            user("dee", &[]),
        ],
        last_uses: BTreeMap::from([
            ("AKIAONE".to_owned(), LastUse::Never),
            (
                "AKIATWO".to_owned(),
                last_use("2026-11-27T00:00:00Z", "ssm"),
            ),
            ("AKIATHREE".to_owned(), LastUse::Unknown),
        ]),
        secrets: vec![InspectedSecret {
            listed: ListedSecret {
                name: secret.to_owned(),
                arn: format!("arn:{secret}"),
                rotated_by: Some("arn:aws:lambda:eu-west-1:111122223333:function:f".to_owned()),
                ..ListedSecret::default()
            },
            key_ids: None,
        }],
        origins: BTreeMap::from([("AKIATWO".to_owned(), proven())]),
        warnings: vec!["iam:GetCredentialReport is not allowed: <b>no</b> report".to_owned()],
    })
}

fn result(secret: &str) -> SurveyResult {
    SurveyResult {
        survey: survey(secret),
        manifest: Some(WrittenManifest {
            path: Some("new.yaml".to_owned()),
            users: 1,
            left_out: vec![("eve".to_owned(), "the stack keys has its key".to_owned())],
        }),
        page: Some("keys.html".to_owned()),
    }
}

#[test]
fn people_see_a_table_and_what_was_written() {
    insta::assert_snapshot!(shown(&result("prod/=cy")), @"
    USER  KEY        STATUS  AGE    LAST USED                           CONSOLE  SECRET                   ROTATED BY                                        VERDICT   REASON
    ada   AKIAONE    Active  331 d  never                               unknown  -                        -                                                 delete    331 days old, never used
    bob   AKIATWO    Active  331 d  2026-11-27 00:00 UTC ssm eu-west-1  unknown  -                        -                                                 use_role  used by AWS Lambda, whose role can have the permissions: the user agent of PutParameter at 2026-11-27T00:00:00Z in eu-west-1 (event e-1) contains `exec-env/AWS_Lambda_python3.12`
    =cy   AKIATHREE  Active  1 d    unknown                             unknown  prod/=cy (by name only)  arn:aws:lambda:eu-west-1:111122223333:function:f  rotate    1 day old, last use unknown; origin unknown (--cloudtrail looks for it); the secret prod/=cy is matched by its name only, which does not prove that it holds the key (--read-values checks), and arn:aws:lambda:eu-west-1:111122223333:function:f rotates that secret

    Account 111122223333 has 4 users. 3 of them have 3 keys: delete 1, use a role for 1, rotate 1.
    Wrote keys.html.
    eve: left out of the manifest, because the stack keys has its key
    Wrote new.yaml with 1 user.
    Next: edit it, and run keyrota generate, keyrota plan, and keyrota bootstrap.
    ");
    let empty = SurveyResult {
        survey: Survey {
            keys: Vec::new(),
            ..survey("x")
        },
        manifest: Some(WrittenManifest {
            path: None,
            users: 0,
            left_out: Vec::new(),
        }),
        page: None,
    };
    insta::assert_snapshot!(shown(&empty), @"
    Account 111122223333 has 4 users. 3 of them have 0 keys: delete 0, use a role for 0, rotate 0.
    Wrote no manifest, because no user has a key for it.
    ");
}

#[test]
fn scripts_get_every_field() {
    let document = result("prod/=cy").json();
    insta::assert_snapshot!(format!("{:#}", document["keys"][1]), @r#"
    {
      "access_key_id": "AKIATWO",
      "age_days": 331,
      "arn": "arn:aws:iam::111122223333:user/bob",
      "console_password": null,
      "created": "2026-01-01T00:00:00Z",
      "evidence": {
        "client": "AWS Lambda",
        "event_id": "e-1",
        "event_name": "PutParameter",
        "events": 1,
        "other_events": 0,
        "region": "eu-west-1",
        "time": "2026-11-27T00:00:00Z",
        "user_agent": "exec-env/AWS_Lambda_python3.12"
      },
      "keyrota_stack": null,
      "last_used": {
        "date": "2026-11-27T00:00:00Z",
        "region": "eu-west-1",
        "service": "ssm"
      },
      "other_secrets": [],
      "path": "/",
      "reason": "used by AWS Lambda, whose role can have the permissions: the user agent of PutParameter at 2026-11-27T00:00:00Z in eu-west-1 (event e-1) contains `exec-env/AWS_Lambda_python3.12`",
      "rotated_by": null,
      "secret": null,
      "secret_arn": null,
      "secret_matched_by": null,
      "status": "Active",
      "user": "bob",
      "verdict": "use_role"
    }
    "#);
    assert_eq!(document["account"], "111122223333");
    assert_eq!(document["manifest"]["left_out"][0]["user"], "eve");
    assert_eq!(document["html"], "keys.html");
    // Never used, and unknown.
    assert!(document["keys"][0]["last_used"]["date"].is_null());
    assert!(document["keys"][0]["last_used"].is_object());
    assert!(document["keys"][2]["last_used"].is_null());
    assert!(script(&result("x")).contains("\"warnings\""));
}

#[test]
fn a_table_has_a_line_for_each_key() {
    let table = result("prod/=cy").csv().unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("user,arn,access_key_id,"));
    assert!(lines[1].contains(",never,"), "{table}");
    assert!(lines[2].contains(",use_role,") && lines[2].ends_with(",e-1"));
    assert!(lines[3].starts_with("\"'=cy\","), "{table}");
    assert!(lines[3].contains(",unknown,") && lines[3].contains(",name,"));
}

#[test]
fn the_page_escapes_what_others_wrote_and_runs_nothing() {
    let hostile = "</td><script>alert(1)</script>/=cy/'\"&\u{202e}x";
    let page = survey_page(&survey(hostile)).unwrap();
    assert!(
        !page.contains("<script") && !page.contains("<b>no"),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("&#39;&quot;&amp;\\u{202e}x"));
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    assert!(!page.contains("script-src"));
    for id in ["AKIAONE", "AKIATWO", "AKIATHREE"] {
        assert_eq!(page.matches(id).count(), 1, "{id}");
    }
    for section in ["delete", "use-role", "rotate", "warnings"] {
        assert!(page.contains(&format!("<section id=\"{section}\"")));
        assert!(page.contains(&format!("href=\"#{section}\"")));
    }
    assert!(!page.contains("://"), "nothing is loaded");
}
