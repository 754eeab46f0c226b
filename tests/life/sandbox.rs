//! The process of `keyrota sandbox`: its output, and its end.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use crate::environment::{Home, Key, Signed, holder, options};

struct RunningSandbox {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    exports: BTreeMap<String, String>,
}

/// Starts it and reads its output.
async fn start(home: &Home, arguments: &str) -> RunningSandbox {
    let program = home.program(arguments);
    // Core dumps are allowed, so that it must disable them itself.
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -Sc 7; exec "$0" "$@""#])
        .arg(program.as_std().get_program())
        .args(program.as_std().get_args())
        .env_clear()
        .envs(
            program
                .as_std()
                .get_envs()
                .map(|(name, value)| (name, value.expect("a value"))),
        )
        .env("XDG_CACHE_HOME", options().cache)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("keyrota can be started");
    let output = child.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines();
    let mut exports = BTreeMap::new();
    for expected in [
        "AWS_ENDPOINT_URL",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ] {
        let Some(line) = lines.next_line().await.expect("its output") else {
            let mut said = String::new();
            let mut stderr = child.stderr.take().expect("stderr");
            stderr.read_to_string(&mut said).await.expect("stderr");
            panic!("it ended: {said}");
        };
        let pair = line
            .strip_prefix("export ")
            .and_then(|line| line.split_once('='));
        let (name, value) = pair.unwrap_or_else(|| panic!("{line}"));
        assert_eq!(name, expected);
        exports.insert(name.to_owned(), value.to_owned());
    }
    RunningSandbox {
        child,
        lines,
        exports,
    }
}

impl RunningSandbox {
    fn address(&self) -> String {
        let url = &self.exports["AWS_ENDPOINT_URL"];
        url.strip_prefix("http://").expect("http").to_owned()
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill").args([signal, &id]).status().await;
        assert!(status.expect("kill can be started").success());
    }

    async fn expect_silence(&mut self) {
        assert_eq!(self.lines.next_line().await.expect("its output"), None);
    }
}

/// Fails if any process on this machine has the key in its arguments or environment.
fn expect_unseen(key: &Key) {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return;
    };
    for process in processes.flatten() {
        for file in ["cmdline", "environ"] {
            #[expect(clippy::disallowed_methods, reason = "a test looks at processes")]
            let Ok(seen) = std::fs::read(process.path().join(file)) else {
                continue;
            };
            let seen = String::from_utf8_lossy(&seen);
            assert!(!seen.contains(&key.secret), "{file} of {process:?}");
        }
    }
}

/// Fails if a process may leave a core dump.
fn expect_no_core(process: &Child) {
    let folder = std::path::PathBuf::from(format!("/proc/{}", process.id().expect("it runs")));
    #[expect(clippy::disallowed_methods, reason = "a test looks at a process")]
    let Ok(limits) = std::fs::read_to_string(folder.join("limits")) else {
        return;
    };
    let limit = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .expect("a limit");
    assert_eq!(limit.split_whitespace().next(), Some("0"), "{limits}");
}

/// Sends a raw request, and returns the status and the headers of the response.
async fn ask(address: &str, method: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let text = format!(
        "{method} /_ministack/health HTTP/1.1\r\n{headers}connection: close\r\n\
         content-length: 0\r\n\r\n"
    );
    let sent = stream.write_all(text.as_bytes()).await;
    sent.expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.to_ascii_lowercase()
}

#[tokio::test]
async fn it_refuses_web_pages_and_foreign_hosts() {
    let sandbox = start(&Home::new(), "sandbox").await;
    let address = sandbox.address();
    let own = format!("host: {address}\r\n");
    let answer = ask(&address, "GET", &own).await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    assert!(!answer.contains("access-control-"), "{answer}");
    let page = "origin: https://attacker.example\r\n";
    let preflight = "access-control-request-method: POST\r\n";
    for (method, headers) in [
        ("GET", "host: attacker.example\r\n".to_owned()),
        ("GET", format!("{own}{page}")),
        ("OPTIONS", format!("{own}{page}{preflight}")),
        ("OPTIONS", own.clone()),
    ] {
        let answer = ask(&address, method, &headers).await;
        assert!(answer.starts_with("http/1.1 403"), "{headers}{answer}");
        assert!(!answer.contains("access-control-"), "{answer}");
    }
}

async fn expect_gone(address: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).await.is_ok() {
        assert!(Instant::now() < deadline, "it answers at {address} still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_prints_its_exports_serves_and_ends_by_ctrl_c() {
    let home = Home::new();
    let mut sandbox = start(&home, "sandbox").await;
    assert!(sandbox.address().starts_with("127.0.0.1:"));
    let key = Key {
        id: sandbox.exports["AWS_ACCESS_KEY_ID"].clone(),
        secret: sandbox.exports["AWS_SECRET_ACCESS_KEY"].clone(),
    };
    let answer = holder(&sandbox.exports["AWS_ENDPOINT_URL"], &key).await;
    assert_eq!(answer, Ok("arn:aws:iam::000000000000:root".into()));

    // This is root's only key, and no process of the sandbox reveals it.
    let endpoint = &sandbox.exports["AWS_ENDPOINT_URL"];
    for (id, secret) in [("test", "test"), (key.id.as_str(), "test")] {
        let guessed = Key {
            id: id.into(),
            secret: secret.into(),
        };
        let refused = holder(endpoint, &guessed).await.expect_err("a refusal");
        assert!(
            ["InvalidClientTokenId", "SignatureDoesNotMatch"].contains(&refused.as_str()),
            "{refused}"
        );
    }
    expect_unseen(&key);
    expect_no_core(&sandbox.child);

    // With this output, every other command works against it.
    home.write(
        "keyrota.yaml",
        "version: 1\nstack: a\naccess_keys: [{ user: b }]\n",
    );
    let mut status = home.program("status --format json");
    status.envs(&sandbox.exports);
    let output = status.output().await.expect("keyrota can be started");
    let ran = crate::environment::CommandOutput::new("status", output).exits(0);
    assert_eq!(ran.json()["secrets"][0]["state"], "missing");

    sandbox.signal("-INT").await;
    let status = sandbox.child.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(0));
    sandbox.expect_silence().await;
    expect_gone(&sandbox.address()).await;
}

#[tokio::test]
async fn like_aws_it_is_not_consistent_at_once() {
    let home = Home::new();
    let sandbox = start(&home, "sandbox --like-aws").await;
    let key = Key {
        id: sandbox.exports["AWS_ACCESS_KEY_ID"].clone(),
        secret: sandbox.exports["AWS_SECRET_ACCESS_KEY"].clone(),
    };
    let endpoint = &sandbox.exports["AWS_ENDPOINT_URL"];
    let request = Signed::new("keyrota", "POST", "/_ministack/advance?seconds=1");
    let answer = request.answer(endpoint, &key, "").await;
    assert!(answer.contains("Time is real here."), "{answer}");
    let create = "Action=CreateUser&Version=2010-05-08&UserName=new";
    let read = "Action=GetUser&Version=2010-05-08&UserName=new";
    let mut answers = Vec::new();
    for body in [create, read] {
        let kind = "application/x-www-form-urlencoded";
        let request = Signed::new("iam", "POST", "/").header("content-type", kind);
        answers.push(request.answer(endpoint, &key, body).await);
    }
    assert!(answers[0].starts_with("HTTP/1.1 200"), "{answers:?}");
    assert!(answers[1].contains("NoSuchEntity"), "{answers:?}");
}

#[tokio::test]
async fn its_emulator_does_not_outlive_it() {
    let home = Home::new();
    let mut sandbox = start(&home, "sandbox --region eu-west-1").await;
    assert_eq!(sandbox.exports["AWS_REGION"], "eu-west-1");
    assert_eq!(sandbox.exports["AWS_DEFAULT_REGION"], "eu-west-1");
    sandbox.child.start_kill().expect("it can be killed");
    sandbox.child.wait().await.expect("it ends");
    expect_gone(&sandbox.address()).await;
}

#[tokio::test]
async fn a_port_can_be_asked_for_and_a_taken_one_is_named() {
    let (one, two) = (Home::new(), Home::new());
    let mut first = start(&one, "sandbox").await;
    let other = start(&two, "sandbox").await;
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        assert_ne!(first.exports[name], other.exports[name]);
    }
    let address = first.address();
    let port = address.rsplit(':').next().expect("a port");
    let arguments = format!("sandbox --port {port} --format json");
    let mut command = two.program(&arguments);
    command.env("XDG_CACHE_HOME", options().cache);
    let output = command.output().await.expect("keyrota can be started");
    crate::environment::CommandOutput::new(&arguments, output)
        .exits(1)
        .fails("sandbox", &[port]);
    first.signal("-TERM").await;
    let status = first.child.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(0));
}
