//! The program, run in its own environment, and its output.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::{REGION, TestEnvironment};

/// The output of a command that ended.
#[derive(Debug)]
pub struct CommandOutput {
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// Returns the output of a process.
    pub fn new(command: &str, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            command: command.to_owned(),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Expects an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Returns the only JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Expects each text on stderr.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not said\n{self}");
        }
        self
    }

    /// Expects a failure of a kind, with each text in its message or hint. The command must use
    /// `--format json`.
    #[track_caller]
    pub fn fails(self, kind: &str, texts: &[&str]) -> Self {
        let document = self.json();
        let error = &document["error"];
        assert_eq!(error["kind"], kind, "{self}");
        assert!(error["message"].is_string(), "{self}");
        let told = error.to_string();
        for text in texts {
            assert!(told.contains(text), "`{text}` is not told\n{self}");
        }
        self
    }

    /// Returns the findings of a refusal, as `kind path`. The command must use `--format json`.
    #[track_caller]
    pub fn findings(&self) -> Vec<String> {
        assert_eq!(self.code, Some(3), "{self}");
        let document = self.json();
        let findings = document["findings"].as_array();
        let findings = findings.unwrap_or_else(|| panic!("no findings\n{self}"));
        for finding in findings {
            assert!(finding["message"].is_string(), "{self}");
            assert!(
                finding["severity"] == "error" || finding["severity"] == "warning",
                "{self}"
            );
        }
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        findings
            .iter()
            .map(|finding| format!("{} {}", text(&finding["kind"]), text(&finding["path"])))
            .collect()
    }
}

impl std::fmt::Display for CommandOutput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "keyrota {} ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}

impl TestEnvironment {
    /// Returns the program's command, for this account.
    pub fn program(&self, arguments: &str) -> Command {
        let caller = self.caller.borrow();
        let mut command = self.home.program(arguments);
        command
            .env("AWS_ENDPOINT_URL", self.endpoint())
            .env("AWS_ACCESS_KEY_ID", &caller.id)
            .env("AWS_SECRET_ACCESS_KEY", &caller.secret)
            .env("AWS_REGION", REGION);
        command
    }

    /// Runs a shell script with the program's environment.
    pub async fn shell(&self, script: &str) -> CommandOutput {
        let program = self.program("");
        let environment = program.as_std().get_envs();
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(self.home.path())
            .env_clear()
            .envs(environment.filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().await.expect("a shell can be started");
        CommandOutput::new(script, output)
    }

    /// Runs the program and expects that it changes nothing in the account.
    pub async fn changes_nothing(&self, arguments: &str) -> CommandOutput {
        self.until_rotations_end().await;
        let before = self.everything().await;
        let ran = self.keyrota(arguments).await;
        assert_eq!(self.everything().await, before, "{ran}");
        ran
    }

    /// Runs the program with arguments that are separated by spaces.
    pub async fn keyrota(&self, arguments: &str) -> CommandOutput {
        self.run(arguments, self.program(arguments)).await
    }

    /// Runs a prepared command, and searches its output for secrets: only `credentials` may
    /// print one.
    pub async fn run(&self, arguments: &str, mut command: Command) -> CommandOutput {
        let output = command.output().await.expect("keyrota can be started");
        let ran = CommandOutput::new(arguments, output);
        self.check_for_secrets(&ran).await;
        ran
    }

    /// Expects that the output contains none of the secrets that are or were in the account.
    pub async fn check_for_secrets(&self, ran: &CommandOutput) {
        self.learn_secrets().await;
        let may_tell = ran.command.starts_with("credentials");
        for secret in self.concealed.borrow().iter() {
            assert!(
                !ran.stderr.contains(secret.as_str()),
                "a secret is told on stderr\n{ran}"
            );
            assert!(
                may_tell || !ran.stdout.contains(secret.as_str()),
                "a secret is told on stdout\n{ran}"
            );
        }
    }

    /// Expects that no log contains any of them: neither the function's nor AWS's.
    pub async fn check_logs_for_secrets(&self) {
        self.learn_secrets().await;
        let mut lines = self.logged().await;
        lines.extend(self.emulator_log().lines().map(str::to_owned));
        for line in &lines {
            for secret in self.concealed.borrow().iter() {
                assert!(!line.contains(secret.as_str()), "a secret is logged");
            }
        }
    }
}
