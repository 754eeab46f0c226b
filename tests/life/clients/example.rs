//! An example of a client that runs.

use std::path::{Path, PathBuf};
use std::process::{Command as StdCommand, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use keyrota_test_servers::{Node, Python};
use tokio::process::{Child, Command};

use crate::environment::{CommandOutput, Key, REGION, TestEnvironment};

/// Its output, in the test's folder.
const OUTPUT: &str = "client.out";
/// Its errors.
const ERRORS: &str = "client.err";
/// How many requests it makes after a rotation. One can have begun before the rotation ended.
const REQUESTS: usize = 3;
/// A client that waits longer than this for its credential hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The language of an example.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    Python,
    NodeJs,
    Rust,
}

/// A mistake in an example.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub file: &'static str,
    /// The text that is replaced.
    pub from: &'static str,
    pub to: &'static str,
}

/// An example to start.
pub struct Program {
    /// Its name, with hyphens.
    pub name: &'static str,
    pub secret: &'static str,
    pub change: Option<Change>,
}

/// An example that runs.
pub struct Example {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Example {
    /// Starts an example with the identity that reads the secret, and with the authority of a
    /// server's certificate.
    pub fn start(
        test: &TestEnvironment,
        language: Language,
        program: Program,
        reader: &Key,
        authority: Option<PathBuf>,
    ) -> Self {
        let folder = copy(test, language, program.change);
        let mut command = command(language, &folder, program.name);
        let file = |name| std::fs::File::create(test.home.file(name)).expect("a file");
        command
            .arg(program.secret)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("PATH is set"))
            .env("HOME", test.home.path())
            .env("AWS_ENDPOINT_URL", test.endpoint())
            .env("AWS_ACCESS_KEY_ID", &reader.id)
            .env("AWS_SECRET_ACCESS_KEY", &reader.secret)
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .stdin(Stdio::null())
            .stdout(file(OUTPUT))
            .stderr(file(ERRORS))
            .kill_on_drop(true);
        if let Some(authority) = authority {
            command
                .env("PGSSLROOTCERT", &authority)
                .env("DATABASE_CA", &authority);
        }
        Self {
            child: command.spawn().expect("the example can be started"),
            output: test.home.file(OUTPUT),
            errors: test.home.file(ERRORS),
        }
    }

    /// Waits until it has made some more requests.
    pub async fn makes_requests(&mut self) {
        self.makes_requests_or_ends().await;
        assert!(self.is_running(), "{}\n{}", self.output(), self.errors());
    }

    /// Waits until it has made some more requests, or has ended.
    pub async fn makes_requests_or_ends(&mut self) {
        let wanted = self.count("request ") + REQUESTS;
        let deadline = Instant::now() + PATIENCE;
        while self.count("request ") < wanted && self.is_running() {
            assert!(Instant::now() < deadline, "it hangs\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state")
    }

    /// Stops it, expects that each request was answered for a user, and returns how often it refreshed its
    /// credential.
    #[expect(clippy::print_stdout, reason = "the figures are what one looks for")]
    pub async fn stop(mut self, test: &TestEnvironment, user: &str) -> usize {
        self.child.kill().await.expect("it is killed");
        self.check_for_secrets(test).await;
        let output = self.output();
        for line in output.lines().filter(|line| line.starts_with("request ")) {
            assert!(line.ends_with(&format!(": {user}")), "{line}");
        }
        let [requests, refreshed] = ["request ", "refreshed: "].map(|it| self.count(it));
        println!("{requests} requests, the credential was refreshed {refreshed} times");
        refreshed
    }

    /// Expects that it has ended with an error that contains a text.
    pub async fn failed_with(mut self, test: &TestEnvironment, text: &str) {
        let status = self.status().expect("it has ended");
        assert!(!status.success(), "{}", self.output());
        self.check_for_secrets(test).await;
        assert!(self.errors().contains(text), "{}", self.errors());
    }

    async fn check_for_secrets(&self, test: &TestEnvironment) {
        let ran = CommandOutput {
            command: "(the example)".to_owned(),
            code: None,
            stdout: self.output(),
            stderr: self.errors(),
        };
        test.check_for_secrets(&ran).await;
    }

    fn output(&self) -> String {
        read(&self.output)
    }

    fn errors(&self) -> String {
        read(&self.errors)
    }

    /// Counts the complete lines of its output that begin with a text.
    pub fn count(&self, start: &str) -> usize {
        let output = self.output();
        let lines = output.split_inclusive('\n');
        let lines = lines.filter(|line| line.ends_with('\n'));
        lines.filter(|line| line.starts_with(start)).count()
    }
}

fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    std::fs::read_to_string(path).expect("UTF-8")
}

fn examples(language: Language) -> PathBuf {
    let folder = match language {
        Language::Python => "python",
        Language::NodeJs => "nodejs",
        Language::Rust => "rust",
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/clients")
        .join(folder)
}

/// Copies the files of the examples of a language to the test's folder, with a mistake.
fn copy(test: &TestEnvironment, language: Language, change: Option<Change>) -> PathBuf {
    let entries = std::fs::read_dir(examples(language)).expect("the examples");
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut is_changed = change.is_none();
    for entry in files {
        let name = entry.file_name().into_string().expect("UTF-8");
        let mut text = read(&entry.path());
        if let Some(change) = change.filter(|change| change.file == name) {
            assert!(text.contains(change.from), "{name} has no {}", change.from);
            text = text.replace(change.from, change.to);
            is_changed = true;
        }
        test.home.write(&format!("client/{name}"), text);
    }
    assert!(is_changed, "{change:?}");
    test.home.file("client")
}

/// Returns the command of an example in a folder, with what it needs.
fn command(language: Language, folder: &Path, name: &str) -> Command {
    match language {
        Language::Python => {
            let mut command = Command::new(python());
            command.arg(format!("{}.py", name.replace('-', "_")));
            command
        }
        Language::NodeJs => {
            let node = node();
            std::os::unix::fs::symlink(node.modules(), folder.join("node_modules"))
                .expect("a link to the packages");
            let mut command = Command::new(node.program());
            command.arg(format!("{name}.mjs"));
            command
        }
        Language::Rust => Command::new(built().join(name.replace('-', "_"))),
    }
}

fn python() -> PathBuf {
    let requirements = read(&examples(Language::Python).join("requirements.txt"));
    let environment = Python::with("client-examples", &requirements);
    environment
        .expect("an environment for the examples")
        .program()
}

fn node() -> Node {
    let file = |name| read(&examples(Language::NodeJs).join(name));
    let node = Node::with(
        "client-examples-npm",
        &file("package.json"),
        &file("package-lock.json"),
    );
    node.expect("packages for the examples")
}

/// Returns the folder with the built examples.
fn built() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients");
        // Not `env!("CARGO")`: rustup's cargo tells its rustc which toolchain to use. Without that, if this
        // program runs by itself, rustc obeys the rust-toolchain.toml of each dependency, such as `ff`.
        let mut command = StdCommand::new("cargo");
        // Those of this test's package would make build scripts of dependencies run again.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        let output = command
            .args(["build", "--locked", "--quiet", "--manifest-path"])
            .arg(examples(Language::Rust).join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .stdin(Stdio::null())
            .output()
            .expect("cargo can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "cargo build: {said}");
        target.join("debug")
    })
}
