//! Measures the program alone: its start, `generate`, and `credentials`.
//!
//! It runs whole processes, like a person or a pipeline (`cargo bench --bench program`), and
//! prints the median of the runs, the fastest, and the slowest. With `-- --credentials`, it
//! measures only `--version` and `credentials`. With `-- --peer`, it also renders the same users
//! with an AWS CDK app, which needs node and npm. The results are in benches/generate/README.md.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark writes its manifests and prints its table"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use keyrota::port::{Event, Listener};
use keyrota::sandbox::{self, Options, Sandbox};
use secrecy::ExposeSecret as _;

const RUNS: usize = 31;
/// The number of runs of `credentials`.
const CALLS: usize = 50;
/// The secret that `credentials` reads.
const SECRET: &str = "bench/key";
/// The number of runs of `generate` for thousands of users, and of each side of a comparison.
const FEW: usize = 7;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!(
        "{:32} {:>11} {:>11} {:>11}",
        "", "median", "fastest", "slowest"
    );
    let is_asked = |option: &str| std::env::args().any(|argument| argument == option);
    if is_asked("--peer") {
        return beside_peer(folder.path());
    }
    measure("--version", folder.path(), &["--version"]);
    credentials(folder.path());
    if is_asked("--credentials") {
        return;
    }
    measure("--help", folder.path(), &["--help"]);
    for users in [1, 10, 100, 1_000, 10_000] {
        let manifest = format!("{users}.yaml");
        std::fs::write(folder.path().join(&manifest), manifest_of(users)).expect("a manifest");
        let name = format!("generate, {users} user(s)");
        measure(
            &name,
            folder.path(),
            &["-f", &manifest, "generate", "-o", &users.to_string()],
        );
        let name = format!("generate --check, {users} user(s)");
        let arguments = [
            "-f",
            &manifest,
            "generate",
            "--check",
            "-o",
            &users.to_string(),
        ];
        measure(&name, folder.path(), &arguments);
    }
}

struct SilentListener;

impl Listener for SilentListener {
    fn on(&self, _: Event) {}
}

/// Measures `credentials` on a local AWS, as an SDK runs it at each start of a program.
fn credentials(folder: &Path) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().expect("a runtime");
    let options = Options::of_this_process().expect("a cache folder");
    let sandbox = runtime.block_on(sandbox::start(&options, &SilentListener));
    let sandbox = sandbox.expect("the local AWS starts");
    runtime.block_on(make_secret(&sandbox));
    let call = || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_keyrota"));
        program
            .args(["credentials", SECRET])
            .current_dir(folder)
            .env("AWS_ENDPOINT_URL", &sandbox.endpoint)
            .env("AWS_ACCESS_KEY_ID", &sandbox.root.id)
            .env("AWS_SECRET_ACCESS_KEY", sandbox.root.secret.expose_secret())
            .env("AWS_REGION", &options.region);
        finish(&mut program)
    };
    report("credentials", (0..=CALLS).map(|_| call()).skip(1));
}

/// Creates the secret of an access key.
async fn make_secret(sandbox: &Sandbox) {
    let secret = sandbox.root.secret.expose_secret();
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .endpoint_url(&sandbox.endpoint)
        .credentials_provider(Credentials::new(
            &sandbox.root.id,
            secret,
            None,
            None,
            "bench",
        ))
        .build();
    let client = aws_sdk_secretsmanager::Client::from_conf(config);
    let value = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"bench","username":"bench"}"#;
    let request = client.create_secret().name(SECRET).secret_string(value);
    request.send().await.expect("the secret is created");
}

/// Renders with keyrota and with the CDK app alternately, and prints the ratio of each pair.
fn beside_peer(folder: &Path) {
    let app = folder.join("cdk");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/generate/cdk");
    std::fs::create_dir(&app).expect("a folder");
    for file in ["package.json", "package-lock.json", "app.js"] {
        std::fs::copy(source.join(file), app.join(file)).expect("the app");
    }
    let mut npm = Command::new("npm");
    finish(
        npm.args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&app),
    );
    for users in [1, 100, 1_000] {
        let manifest = format!("{users}.yaml");
        std::fs::write(folder.join(&manifest), manifest_of(users)).expect("a manifest");
        let output = users.to_string();
        let ours = || run(folder, &["-f", &manifest, "generate", "-o", &output]);
        let theirs = || {
            let mut synth = Command::new(app.join("node_modules/.bin/cdk"));
            synth
                .args([
                    "synth",
                    "--quiet",
                    "--app",
                    "node app.js",
                    "--no-version-reporting",
                ])
                .current_dir(&app)
                .env("USERS", &output)
                .env("CDK_DISABLE_VERSION_CHECK", "1");
            finish(&mut synth)
        };
        let _ = (ours(), theirs());
        let pairs: Vec<_> = (0..FEW).map(|_| (ours(), theirs())).collect();
        report(
            &format!("generate, {users} user(s)"),
            pairs.iter().map(|pair| pair.0),
        );
        report(
            &format!("cdk synth, {users} user(s)"),
            pairs.iter().map(|pair| pair.1),
        );
        let mut ratios: Vec<f64> = pairs
            .iter()
            .map(|(ours, theirs)| theirs.as_secs_f64() / ours.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{:32} {:9.0} × {:9.0} × {:9.0} ×",
            "  cdk ÷ keyrota",
            ratios[FEW / 2],
            ratios[0],
            ratios[FEW - 1]
        );
    }
}

fn manifest_of(users: usize) -> String {
    let mut text = "version: 1\nstack: bench\naccess_keys:\n".to_owned();
    for user in 0..users {
        writeln!(
            text,
            "  - {{ user: user-{user:05}, secret: bench/user-{user:05}/key }}"
        )
        .expect("text grows");
    }
    text
}

fn measure(name: &str, folder: &Path, arguments: &[&str]) {
    let runs = match name.contains("000 user") {
        true => FEW,
        false => RUNS,
    };
    report(name, (0..=runs).map(|_| run(folder, arguments)).skip(1));
}

fn report(name: &str, times: impl Iterator<Item = Duration>) {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    let milliseconds = |index: usize| times[index].as_secs_f64() * 1_000.0;
    println!(
        "{name:32} {:8.1} ms {:8.1} ms {:8.1} ms",
        milliseconds(times.len() / 2),
        milliseconds(0),
        milliseconds(times.len() - 1)
    );
}

fn run(folder: &Path, arguments: &[&str]) -> Duration {
    let mut program = Command::new(env!("CARGO_BIN_EXE_keyrota"));
    finish(program.args(arguments).current_dir(folder))
}

/// Runs a command to its end and returns its duration.
fn finish(command: &mut Command) -> Duration {
    let began = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("it can be started");
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    began.elapsed()
}
