//! A folder that the program is run in, which is its home, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::CommandOutput;

/// A folder that goes with the test.
pub struct Home(TempDir);

impl Home {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns where a file in it is, or would be.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.file(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a folder");
        }
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        fs::write(path, content).expect("a file that can be written");
    }

    /// Reads a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        fs::read(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads a text file.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("UTF-8")
    }

    /// Returns the program, ready to be run: its environment is what is set here
    /// and nothing else, and there is no terminal.
    pub fn program(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrota"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("PATH is set"))
            .env("HOME", self.path())
            .env("TMPDIR", self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs the program without an AWS.
    pub async fn keyrota(&self, arguments: &str) -> CommandOutput {
        let output = self.program(arguments).output().await;
        CommandOutput::new(arguments, output.expect("keyrota can be started"))
    }
}
