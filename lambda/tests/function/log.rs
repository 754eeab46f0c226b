//! The log, and the messages of errors.

use keyrota_function::arn::SecretArn;
use keyrota_function::error::{Error, RequestError};
use keyrota_function::log::{Level, Lines, Note};
use keyrota_function::port::{CallError, CallErrorKind, Journal, LastUsed, Moment, RefusalDetails};
use serde_json::Value;

use crate::fake::{FakeAws, SECRET_ARN, TOKEN, key_id, rotate};

#[test]
fn a_line_is_an_object_with_the_fields_that_are_allowed() {
    let aws = FakeAws::new("self", true);
    aws.give_key(crate::fake::USER, false);
    assert_eq!(rotate(&aws, TOKEN).name(), "done");
    let aws_with_error = FakeAws::new("self", true);
    aws_with_error.give_foreign_key(true);
    assert_eq!(rotate(&aws_with_error, TOKEN).name(), "ForeignKey");

    let said = aws.output.said().clone();
    let mut decisions = Vec::new();
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let fields = line.as_object().expect("an object");
        if fields.contains_key("_aws") {
            let known = [
                "CredentialAge",
                "Failures",
                "FunctionName",
                "KeysHeldBack",
                "Rotations",
                "RotationsOverdue",
                "RotationsStuck",
                "_aws",
                "level",
                "requestId",
                "timestamp",
            ];
            assert!(fields.keys().all(|field| known.contains(&field.as_str())));
            continue;
        }
        for (field, value) in fields {
            match field.as_str() {
                "timestamp" | "level" | "requestId" | "secret" | "step" | "reason" => {}
                "decision" => decisions.push(value.as_str().expect("text").to_owned()),
                "accessKeyIds" => assert!(value.is_array()),
                other => panic!("{other} is not allowed"),
            }
        }
        assert_eq!(line["secret"], "prod/ci-deployer");
        assert_eq!(line["requestId"], "r-1");
    }
    assert_eq!(
        decisions,
        [
            "delete",
            "created",
            "nothing to set",
            "passed",
            "passed",
            "promote"
        ]
    );

    let said = aws_with_error.output.said().clone();
    let line = said
        .lines()
        .find(|line| line.starts_with('{'))
        .expect("a line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["errorType"], "ForeignKey");
    assert!(
        line["errorMessage"]
            .as_str()
            .expect("text")
            .starts_with("failed to make room for a new key of ci-deployer: ")
    );
}

#[test]
fn the_level_can_be_raised() {
    for (setting, lines) in [
        (None, 1),
        (Some("TRACE"), 1),
        (Some("INFO"), 1),
        (Some("ERROR"), 0),
    ] {
        let level = Level::from_setting(setting);
        let log = Lines::<Vec<u8>>::new(Vec::new(), level, String::new, "r-1".to_owned());
        log.note(Note::new("wait", "for a test").about(&key_id(1)));
        let written = String::from_utf8(log.into_writer()).expect("UTF-8");
        assert_eq!(written.lines().count(), lines, "{setting:?}");
    }
}

#[test]
fn a_failed_call_says_what_is_known() {
    let answer = RefusalDetails {
        code: Some("AccessDenied".to_owned()),
        request_id: Some("abc".to_owned()),
        denial: Some("no policy allows it".to_owned()),
    };
    let error = CallError {
        action: "iam:CreateAccessKey",
        kind: CallErrorKind::NotAuthorised,
        answer: Some(Box::new(answer)),
    };
    assert_eq!(
        error.to_string(),
        "iam:CreateAccessKey failed, it is not allowed (AccessDenied, request abc): no policy \
         allows it"
    );
    let error = CallError {
        action: "iam:CreateAccessKey",
        kind: CallErrorKind::Unclear,
        answer: None,
    };
    assert_eq!(
        error.to_string(),
        "iam:CreateAccessKey failed, no clear answer came"
    );
}

#[test]
fn a_line_of_a_sweep_says_which_secret_and_which_use() {
    let log =
        Lines::<Vec<u8>>::new(Vec::new(), Level::Info, String::new, "r-1".to_owned()).sweeping();
    let secret = SecretArn::parse(SECRET_ARN).expect("an ARN");
    let used = LastUsed {
        at: Moment(1_795_305_600),
        service: "s3\u{1b}[31m\n\"}".to_owned(),
        region: "e".repeat(500),
    };
    let note = Note::new("hold", "still in use").of(&secret);
    let mut note = note.about(&key_id(1));
    note.details.last_used = Some(used);
    log.note(note);
    let error = RequestError::SweepTooShort {
        subject: "prod/ci-deployer".to_owned(),
    };
    log.trouble(&secret, &Error::from(error));
    let written = String::from_utf8(log.into_writer()).expect("UTF-8");
    let lines: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "timestamp": "",
            "level": "INFO",
            "requestId": "r-1",
            "secret": "prod/ci-deployer",
            "step": "sweep",
            "decision": "hold",
            "reason": "still in use",
            "accessKeyIds": [key_id(1).as_str()],
            "lastUsed": "2026-11-22T00:00:00Z",
            "lastUsedService": "s331m",
            "lastUsedRegion": "e".repeat(64),
        })
    );
    assert_eq!(lines[1]["level"], "ERROR");
    assert_eq!(lines[1]["secret"], "prod/ci-deployer");
    assert_eq!(lines[1]["errorType"], "SweepTooShort");
    assert_eq!(lines.len(), 2);
}
