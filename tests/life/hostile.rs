//! Values that somebody else wrote: no command shows what they hold unless it has
//! the form of what belongs there, and nothing in them acts on a terminal.

use serde_json::json;

use crate::environment::{CommandOutput, TestEnvironment};

/// A secret access key in the wrong field (the example of AWS's documentation).
const PASTED: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The same without slashes, which has the form of an IAM user's name.
const PASTED_WORD: &str = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY";

/// Clears a line, sets a title, hides, reorders, and tries to begin a line.
const HOSTILE: &str =
    "x\nFORGED\r\u{1b}[2K\u{1b}]0;title\u{7}\u{1b}[8m\u{9b}1m\u{7f}\u{202e}\u{200b}";

/// What is stored, by what each of the value's fields becomes.
const CASES: [(&str, &str); 6] = [
    ("accesskey", PASTED),
    ("accesskey", HOSTILE),
    ("username", PASTED),
    ("username", PASTED_WORD),
    ("username", HOSTILE),
    ("secretarn", HOSTILE),
];

const COMMANDS: [&str; 7] = [
    "status",
    "doctor",
    "plan --function-zip function.zip",
    "rotate app",
    "bootstrap --yes --function-zip function.zip",
    "credentials app",
    "exec app -- true",
];

const FORMS: [&str; 3] = ["--verbose --format json", "--verbose", "--color always"];

/// Fails where a terminal would obey anything but a line feed or a style of ours.
#[track_caller]
fn expect_plain(ran: &CommandOutput, styled: bool) {
    for text in [&ran.stdout, &ran.stderr] {
        let mut plain = text.clone();
        if styled {
            for style in ["0", "1", "2", "31", "32", "33", "36"] {
                plain = plain.replace(&format!("\u{1b}[{style}m"), "");
            }
        }
        let acts =
            |it: char| (it.is_control() && it != '\n') || matches!(it, '\u{202e}' | '\u{200b}');
        assert!(!plain.contains(acts), "{:?}\n{ran}", plain);
        assert!(
            !plain.lines().any(|line| line.starts_with("FORGED")),
            "{ran}"
        );
        for secret in [PASTED, PASTED_WORD] {
            assert!(!plain.contains(secret), "{ran}");
        }
    }
}

async fn try_commands(test: &TestEnvironment, commands: &[&str]) {
    for command in commands {
        for form in FORMS {
            let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
            let ran = test.keyrota(&format!("{verb} {form} {rest}")).await;
            expect_plain(&ran, form.contains("always"));
            if form.contains("json") && !command.starts_with("exec") {
                ran.json();
            }
        }
    }
}

#[tokio::test]
async fn nothing_acts_on_a_terminal_and_no_pasted_secret_is_shown() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest("version: 1\nstack: keys\naccess_keys: [{ user: ci-deployer, secret: app }]\n");
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);
    let current = test.current_key("app").await;
    let keys = test.keys("ci-deployer").await;
    let described = test.secretsmanager.describe_secret().secret_id("app");
    let described = described.send().await.expect("the secret");
    let good = json!({
        "accesskey": current.id, "secretkey": current.secret, "username": "ci-deployer",
        "secretarn": described.arn().expect("an ARN"),
    });

    for (field, held) in CASES {
        let mut value = good.clone();
        value[field] = held.into();
        test.store("app", &value).await;
        let status = test.keyrota("status --format json").await.exits(0);
        let secret = &status.json()["secrets"][0];
        assert_eq!(secret["state"], "broken", "{status}");
        try_commands(&test, &COMMANDS).await;
        for command in ["credentials app", "exec app -- true"] {
            let ran = test.keyrota(&format!("{command} --format json")).await;
            let refused = ran.code != Some(0);
            assert!(
                refused || field == "username" && held == PASTED_WORD,
                "{ran}"
            );
        }
        // Nothing was stored over it, and no key was made or deleted.
        assert_eq!(test.value("app", "AWSCURRENT").await, Some(value));
        assert_eq!(test.keys("ci-deployer").await, keys);
    }
    // What AWS says of a name repeats it.
    for form in FORMS {
        let mut command = test.program(&format!("credentials {form}"));
        command.arg(HOSTILE);
        let ran = test.run("credentials", command).await.exits(1);
        expect_plain(&ran, form.contains("always"));
        let escape = match form.contains("json") {
            true => "\\u001b[8m\\u009b1m\\u007f\\u202e\\u200b",
            false => "\\u{1b}[8m\\u{9b}1m\\u{7f}\\u{202e}\\u{200b}",
        };
        assert!(format!("{ran}").contains(escape), "{ran}");
    }
    try_commands(&test, &["teardown --yes"]).await;
}
