//! Lambda adapters as processes, on the mock service.

use std::ffi::OsString;

use keyrota_adapter_test::guarantee::Guarantee;
use keyrota_adapter_test::mock::Mock;
use keyrota_adapter_test::mock::samples::Samples;
use keyrota_adapter_test::passwords;
use keyrota_adapter_test::program::{Program, ProgramSubject};
use keyrota_adapter_test::report::{Report, State};
use keyrota_adapter_test::run::{PINNED_ARN, Test};
use keyrota_contract::pins::service::Adapter;

use crate::files;
use crate::trial::{exceptions, user};

async fn report(program: &str, arguments: Vec<OsString>) -> Report {
    let rule = passwords::usual_rule();
    let password = passwords::random(&rule).expect("a password");
    let mock = Mock::start(Samples::Usual, &password)
        .await
        .expect("a service");
    let subject = ProgramSubject::start(Program {
        program: program.into(),
        arguments,
        authorities: Some(mock.authority()),
    });
    let url = mock.url();
    let test = Test {
        subject: &subject.await.expect("a process"),
        user: &user(&[("url", &url)]),
        adapter: &Adapter::Function(PINNED_ARN.to_owned()),
        rule: &rule,
    };
    test.on_mock(&mock, password).await.expect("a report")
}

/// A program in Python that begins with the template, and replaces some of its text.
async fn python(replaced: &[(&str, &str)]) -> Report {
    let mut adapter = files::text("python", "adapter.py");
    for (from, to) in replaced {
        assert!(adapter.contains(from), "{from}");
        adapter = adapter.replace(from, to);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let local = files::write_python("python", &adapter, folder.path());
    report("python3", vec![local.into()]).await
}

#[tokio::test]
async fn the_python_template_keeps_every_guarantee() {
    let found = exceptions(&python(&[]).await);
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn an_adapter_that_logs_its_event_is_found() {
    let report = python(&[(
        "    if event[\"request\"] == \"authenticate\":",
        "    print(event, flush=True)\n    if event[\"request\"] == \"authenticate\":",
    )])
    .await;
    let verdict = report.verdict(Guarantee::OutputHasNoSecret);
    assert_eq!(verdict.state, State::Broken, "{:?}", verdict.reasons);
    assert!(report.verdict(Guarantee::RotationRecovers).state == State::Holds);
}

#[tokio::test]
async fn an_adapter_that_follows_redirects_is_found() {
    let report = python(&[
        ("method=\"POST\",", "method=\"GET\","),
        ("    NoRedirects(),\n", ""),
    ])
    .await;
    let verdict = report.verdict(Guarantee::RedirectIsNotFollowed);
    assert_eq!(verdict.state, State::Broken, "{:?}", verdict.reasons);
}

#[tokio::test]
async fn an_adapter_that_fails_or_answers_garbage_is_found() {
    for replaced in [
        ("if status == 200 and body is not None:", "if body[\"x\"]:"),
        (
            "{\"version\": VERSION, \"outcome\": outcome}",
            "{\"outcome\": outcome}",
        ),
        (
            "{\"version\": VERSION, \"outcome\": outcome}",
            "\"x\" * 20000",
        ),
    ] {
        let report = python(&[replaced]).await;
        let verdict = report.verdict(Guarantee::LoginTellsPasswordsApart);
        assert_eq!(verdict.state, State::Broken, "{replaced:?}");
        let searched = report.verdict(Guarantee::RotationRecovers);
        assert_eq!(searched.state, State::NotTested);
    }
}

/// It answers from what it remembers, and remembers a change before the service has made it.
#[tokio::test]
async fn an_adapter_that_keeps_something_between_requests_is_found() {
    let report = python(&[
        ("VERSION = 1\n", "VERSION = 1\nKEPT = []\n"),
        (
            "    \"\"\"Logs in, and changes nothing.\"\"\"\n",
            "    if KEPT and KEPT[-1] != event[\"password\"]:\n        return answer(\"refused\")\n",
        ),
        (
            "        f\"{event['settings']['url']}/password\",\n",
            "        KEPT.append(event[\"new_password\"]) or f\"{event['settings']['url']}/password\",\n",
        ),
    ])
    .await;
    for guarantee in [
        Guarantee::ChangeNeedsThePassword,
        Guarantee::RotationRecovers,
    ] {
        let verdict = report.verdict(guarantee);
        assert_eq!(verdict.state, State::Broken, "{:#?}", exceptions(&report));
    }
}
