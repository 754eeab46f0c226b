//! A service with an HTTPS API, as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use keyrota_test_servers::Certificate;
use serde_json::{Value, json};

/// The first password of the user.
pub const FIRST: &str = "F1rst 'o\" pass\\word $(x) %s";
/// The user.
pub const USER: &str = "billing@example.com";

const PROGRAM: &str = include_str!("portal.py");

/// A service with one user.
pub struct Portal {
    folder: tempfile::TempDir,
    process: Child,
    /// The TCP port on `localhost`.
    pub port: u16,
}

impl Portal {
    /// Starts a service whose user has the first password.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Certificate::Valid
            .write(folder.path())
            .expect("a certificate");
        let program = folder.path().join("portal.py");
        write(&program, PROGRAM);
        let state = json!({ "user": USER, "password": FIRST });
        write(&folder.path().join("state.json"), &state.to_string());
        let mut process = Command::new("python3")
            .args([&program, &folder.path().to_owned()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 can be started");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port");
        Self {
            folder,
            process,
            port,
        }
    }

    /// Returns the certificate of the authority that clients trust.
    pub fn authority(&self) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::read(self.folder.path().join("authority.pem")).expect("the authority")
    }

    /// Returns the password of the user.
    pub fn password(&self) -> String {
        let password = self.state()["password"].as_str().map(str::to_owned);
        password.expect("a password")
    }

    /// Refuses the next new passwords, this many.
    pub fn reject(&self, count: u32) {
        let mut state = self.state();
        state["reject"] = count.into();
        write(&self.state_file(), &state.to_string());
    }

    /// Sets the password, as somebody else does.
    pub fn set(&self, password: &str) {
        let mut state = self.state();
        state["password"] = password.into();
        write(&self.state_file(), &state.to_string());
    }

    fn state_file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn state(&self) -> Value {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        let text = std::fs::read_to_string(self.state_file()).expect("the state");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write(path: &std::path::Path, text: &str) {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::write(path, text).expect("a file that can be written");
}
