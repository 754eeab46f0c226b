//! What people see at a terminal, and what a pipe gets instead. The terminal is a
//! pseudo-terminal of the operating system.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::environment::{CommandOutput, TestEnvironment};

/// Runs a command at a terminal of 40 lines and 140 columns, and copies what it shows to stdout.
const TERMINAL: &str = r"
import fcntl, pty, struct, sys, termios
def run(arguments):
    size = struct.pack('HHHH', 40, 140, 0, 0)
    for stream in (0, 1, 2):
        fcntl.ioctl(stream, termios.TIOCSWINSZ, size)
    import os
    os.execv(arguments[0], arguments)
import os
child, terminal = pty.fork()
if child == 0:
    run(sys.argv[1:])
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

const MANIFEST: &str = "\
version: 1
stack: keys
access_keys:
  - { user: alice, secret: prod/alice, create_user: true }
";

/// Returns a command that runs the program at a terminal.
fn at_a_terminal(test: &TestEnvironment, arguments: &str) -> Command {
    let program = test.program(arguments);
    let program = program.as_std();
    let mut command = Command::new("python3");
    command
        .args(["-c", TERMINAL])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(test.home.path())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("TERM", "xterm")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null());
    command
}

/// Returns the lines that remain at a terminal, without control sequences.
fn remaining(shown: &str) -> Vec<String> {
    // Everything before was drawn, and then erased.
    let left = shown.rsplit("\u{1b}[2K").next().unwrap_or_default();
    let plain = console::strip_ansi_codes(left);
    plain
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

type Lines = tokio::io::Lines<BufReader<tokio::process::ChildStdout>>;

/// Returns the program's lines in a pipe as they arrive.
fn lines(child: &mut Child) -> Lines {
    BufReader::new(child.stdout.take().expect("a pipe")).lines()
}

async fn logical_ids(test: &TestEnvironment) -> Vec<String> {
    let request = test.cloudformation.list_stack_resources();
    let answer = request.stack_name("keys").send().await;
    let resources = answer
        .expect("the stack")
        .stack_resource_summaries
        .unwrap_or_default();
    let ids = resources
        .into_iter()
        .filter_map(|it| it.logical_resource_id);
    ids.collect()
}

fn expect_tree(ran: &CommandOutput, ids: &[String], status: &str) {
    let lines = remaining(&ran.stdout);
    for id in ids {
        let is_row = |line: &String| {
            let row = line.split_once(&format!("{id} "));
            row.is_some_and(|(left, right)| {
                !left.ends_with(char::is_alphanumeric) && right.contains(status)
            }) && line.ends_with('s')
        };
        assert!(lines.iter().any(is_row), "{id}\n{lines:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("├─ ")), "{ran}");
    assert!(ran.stdout.contains('\u{1b}'), "{ran}");
}

/// Reads lines until one is as expected, and returns it.
async fn until(lines: &mut Lines, is_expected: impl Fn(&str) -> bool) -> String {
    let mut read = Vec::new();
    loop {
        let line = tokio::time::timeout(Duration::from_secs(120), lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("no other line follows\n{read:#?}"));
        let line = line
            .expect("a line")
            .unwrap_or_else(|| panic!("it ended\n{read:#?}"));
        if is_expected(&line) {
            return line;
        }
        read.push(line);
    }
}

#[tokio::test]
async fn a_deployment_and_a_teardown_are_a_live_tree_at_a_terminal_and_lines_in_a_pipe() {
    let test = TestEnvironment::new().await;
    test.manifest(MANIFEST);
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    let ran = test.run(bootstrap, at_a_terminal(&test, bootstrap)).await;
    let ran = ran.exits(0);
    let ids = logical_ids(&test).await;
    assert!(ids.len() > 10, "{ids:?}");
    expect_tree(&ran, &ids, "CREATE_COMPLETE");
    let lines = remaining(&ran.stdout);
    let is_verified = |line: &String| line.contains("prod/alice") && line.contains("verified");
    assert!(lines.iter().any(is_verified), "{lines:#?}");

    // The secret and the log group are kept by CloudFormation, and removed by the program.
    let teardown = "teardown --yes";
    let ran = test.run(teardown, at_a_terminal(&test, teardown)).await;
    expect_tree(&ran.exits(0), &["keys".to_owned()], "DELETE_COMPLETE");

    let ran = test.keyrota(bootstrap).await.exits(0);
    assert!(!ran.stderr.contains(['\u{1b}', '├', '└']), "{ran}");
    for id in &ids {
        let line = |line: &str| line.contains("_COMPLETE") && line.contains(&format!(" {id} ("));
        assert!(ran.stderr.lines().any(line), "{id}\n{ran}");
    }
}

#[tokio::test]
async fn a_watch_is_a_tree_at_a_terminal_and_tells_changes_in_a_pipe() {
    let test = TestEnvironment::new().await;
    test.manifest(MANIFEST);
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);

    let watch = |arguments: &str| {
        let mut command = test.program(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().expect("keyrota can be started")
    };
    let (mut human, mut json) = (
        watch("status --watch"),
        watch("status --watch --format json"),
    );
    let (mut told, mut documents) = (lines(&mut human), lines(&mut json));
    let first = until(&mut documents, |_| true).await;
    let first: Value = serde_json::from_str(&first).expect("one document on a line");
    assert_eq!(first["secrets"][0]["state"], "ok", "{first}");
    until(&mut told, |line| line.contains("current")).await;
    let mut screen = at_a_terminal(&test, "status --watch");
    screen.stdout(Stdio::piped()).kill_on_drop(true);
    let mut screen = screen.spawn().expect("keyrota can be started");
    let mut drawn = lines(&mut screen);

    test.keyrota("rotate").await.exits(0);
    let key = test.current_key("prod/alice").await;
    let is_new = format!("prod/alice: the key {} is new: ", key.id);
    let line = until(&mut told, |line| line.contains(&is_new)).await;
    assert!(!line.contains('\u{1b}'), "{line}");
    until(&mut documents, |line| {
        let document: Value = serde_json::from_str(line).expect("one document on a line");
        let keys = document["secrets"][0]["keys"].as_array();
        keys.is_some_and(|keys| {
            let mut keys = keys.iter();
            keys.any(|held| held["id"] == *key.id && held["role"] == "current")
        })
    })
    .await;
    until(&mut drawn, |line| {
        line.contains("─ ") && line.contains(&key.id) && line.contains("current")
    })
    .await;

    // It ends when it is interrupted, and a check needs an end.
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &human.id().expect("a process").to_string()]);
    assert!(
        interrupt
            .status()
            .await
            .expect("kill can be started")
            .success()
    );
    let ended = tokio::time::timeout(Duration::from_secs(60), human.wait_with_output()).await;
    let ended = ended.expect("the command ends").expect("its output");
    assert_eq!(ended.status.code(), Some(130));
    let told = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(told, "", "nothing is unfinished");
    test.keyrota("status --watch --check").await.exits(2);
}
