//! Tests each result in both formats. Without color, the meaning must survive.

#[cfg(feature = "aws")]
mod adapter;
mod cost;
mod credential;
mod doctor;
mod file;
mod hostile;
mod init;
mod schedule;
pub mod status;
mod survey;

use super::{Failure, Show, human, json};
use crate::model::Finding;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(&super::text::finish(text)).to_string()
}

fn shown(result: &dyn Show) -> String {
    plain(&result.human())
}

fn script(result: &dyn Show) -> String {
    format!("{:#}", result.json())
}

#[test]
fn findings_and_failures() {
    let findings = vec![
        Finding::error("unknown-key", "access_keys[0].usr", "unknown key `usr`")
            .at(4)
            .hint("did you mean `user`?"),
        Finding::warning(
            "inactive-key",
            "user app",
            "the inactive key AKIAOLD will be deleted",
        ),
        Finding::error("yaml", "", "the file is empty"),
    ];
    insta::assert_snapshot!(plain(&human::findings(&findings)), @"
    error[unknown-key] line 4: access_keys[0].usr: unknown key `usr`
      hint: did you mean `user`?
    warning[inactive-key] user app: the inactive key AKIAOLD will be deleted
    error[yaml] the file is empty
    ");
    let mut failure = Failure {
        kind: "refused",
        message: "keyrota.yaml was refused: 2 errors".to_owned(),
        hint: None,
        findings,
    };
    insta::assert_snapshot!(format!("{:#}", json::failure(&failure)), @r#"
    {
      "findings": [
        {
          "hint": "did you mean `user`?",
          "kind": "unknown-key",
          "line": 4,
          "message": "unknown key `usr`",
          "path": "access_keys[0].usr",
          "severity": "error"
        },
        {
          "hint": null,
          "kind": "inactive-key",
          "line": null,
          "message": "the inactive key AKIAOLD will be deleted",
          "path": "user app",
          "severity": "warning"
        },
        {
          "hint": null,
          "kind": "yaml",
          "line": null,
          "message": "the file is empty",
          "path": "",
          "severity": "error"
        }
      ]
    }
    "#);
    failure.findings.clear();
    failure.hint = Some("repair it".to_owned());
    insta::assert_snapshot!(format!("{:#}", json::failure(&failure)), @r#"
    {
      "error": {
        "hint": "repair it",
        "kind": "refused",
        "message": "keyrota.yaml was refused: 2 errors"
      }
    }
    "#);
}
