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

/// A mistake in the template, and what it breaks.
pub struct Mistake {
    /// Texts of the template, and what replaces them.
    replaced: &'static [(&'static str, &'static str)],
    /// The guarantees whose state is another one than usual.
    pub found: &'static [(Guarantee, State)],
}

const NO_LOGIN: &[(Guarantee, State)] = &[
    (Guarantee::LoginTellsPasswordsApart, State::Broken),
    (Guarantee::RotationRecovers, State::NotTested),
];

pub const MISTAKES: [Mistake; 7] = [
    // It logs its event.
    Mistake {
        replaced: &[(
            "    if event[\"request\"] == \"authenticate\":",
            "    print(event, flush=True)\n    if event[\"request\"] == \"authenticate\":",
        )],
        found: &[
            (Guarantee::OutputHasNoSecret, State::Broken),
            (Guarantee::RotationRecovers, State::Holds),
        ],
    },
    // It follows redirects.
    Mistake {
        replaced: &[
            ("method=\"POST\",", "method=\"GET\","),
            ("    NoRedirects(),\n", ""),
        ],
        found: &[(Guarantee::RedirectIsNotFollowed, State::Broken)],
    },
    // It fails, or answers garbage.
    Mistake {
        replaced: &[("if status == 200 and body is not None:", "if body[\"x\"]:")],
        found: NO_LOGIN,
    },
    Mistake {
        replaced: &[(
            "{\"version\": VERSION, \"outcome\": outcome}",
            "{\"outcome\": outcome}",
        )],
        found: NO_LOGIN,
    },
    Mistake {
        replaced: &[(
            "{\"version\": VERSION, \"outcome\": outcome}",
            "\"x\" * 20000",
        )],
        found: NO_LOGIN,
    },
    // It answers from what it remembers, and remembers a change before the service has made it.
    Mistake {
        replaced: &[
            ("VERSION = 1\n", "VERSION = 1\nKEPT = []\n"),
            (
                "    \"\"\"Logs in, and changes nothing.\"\"\"\n",
                "    if KEPT and KEPT[-1] != event[\"password\"]:\n        return answer(\"refused\")\n",
            ),
            (
                "        f\"{event['settings']['url']}/password\",\n",
                "        KEPT.append(event[\"new_password\"]) or f\"{event['settings']['url']}/password\",\n",
            ),
        ],
        found: &[
            (Guarantee::ChangeNeedsThePassword, State::Broken),
            (Guarantee::RotationRecovers, State::Broken),
        ],
    },
    // It says that the old password still works, which the service refuses.
    Mistake {
        replaced: &[(
            "{\"version\": VERSION, \"outcome\": outcome}",
            "{\"version\": VERSION, \"outcome\": outcome, \"previous\": \"works\"}",
        )],
        found: &[(Guarantee::PreviousIsAsAnswered, State::Broken)],
    },
];

#[tokio::test]
async fn each_mistake_breaks_its_guarantees() {
    for Mistake { replaced, found } in &MISTAKES {
        let report = python(replaced).await;
        for (guarantee, state) in *found {
            let verdict = report.verdict(*guarantee);
            let exceptions = exceptions(&report);
            assert_eq!(verdict.state, *state, "{replaced:?}: {exceptions:#?}");
        }
    }
}
