//! Tests the virtual environment and the real emulator. They share one environment in the
//! user's cache. Tests that need a new one create it without packages.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::environment::Recipe;
use super::*;
use crate::tool::testing::{Recorder, script};

const EMPTY: Recipe = Recipe {
    requirements: "# nothing\n",
};

/// Set in the test that is started as another process.
const AS_CHILD: &str = "KEYROTA_TEST_SANDBOX_OF_A_CHILD";

pub fn options() -> Options {
    Options::of_this_process().unwrap()
}

/// Returns whether a process has ended, even if it has not been reaped.
pub fn is_gone(pid: &str) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_err()
}

fn address(endpoint: &str) -> &str {
    endpoint.strip_prefix("http://").unwrap()
}

async fn wait_until_gone(endpoint: &str) {
    while TcpStream::connect(address(endpoint)).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn it_starts_answers_and_stops() {
    let recorder = Recorder::default();
    let sandbox = start(&options(), &recorder).await.unwrap();
    assert_eq!(
        recorder.events().last(),
        Some(&Event::Stage(Stage::StartingSandbox))
    );
    assert!(sandbox.endpoint.starts_with("http://127.0.0.1:"));
    assert_eq!(sandbox.region, "us-east-1");
    let folder = sandbox.log().parent().unwrap().to_owned();
    assert!(folder.is_dir());
    TcpStream::connect(address(&sandbox.endpoint))
        .await
        .unwrap();

    let endpoint = sandbox.endpoint.clone();
    sandbox.stop().await.unwrap();
    assert!(TcpStream::connect(address(&endpoint)).await.is_err());
    assert!(!folder.exists());
}

#[tokio::test]
async fn two_run_side_by_side_and_end_when_they_are_dropped() {
    let (recorder, options) = (Recorder::default(), options());
    let (first, second) = tokio::join!(start(&options, &recorder), start(&options, &recorder));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.endpoint, second.endpoint);
    assert_ne!(first.root.id, second.root.id);
    let endpoint = first.endpoint.clone();
    drop(first);
    assert!(TcpStream::connect(address(&endpoint)).await.is_err());
    TcpStream::connect(address(&second.endpoint)).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_asked_for_is_used_and_missed_when_it_is_taken() {
    let recorder = Recorder::default();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let options = Options {
        port: Some(port),
        ..options()
    };
    let sandbox = start(&options, &recorder).await.unwrap();
    assert_eq!(sandbox.endpoint, format!("http://127.0.0.1:{port}"));
    let second = start(&options, &recorder).await;
    assert!(matches!(second, Err(Error::PortTaken(taken)) if taken == port));
}

#[tokio::test]
async fn its_end_is_noticed() {
    let recorder = Recorder::default();
    let mut sandbox = start(&options(), &recorder).await.unwrap();
    let pid = sandbox.process_id().unwrap().to_string();
    let killed = Command::new("kill").arg(&pid).status().await.unwrap();
    assert!(killed.success());
    let error = sandbox.wait().await;
    assert!(matches!(error, Error::Ended { .. }), "{error}");
}

/// Does nothing unless the next test starts it as a process of its own.
#[tokio::test]
async fn of_a_child() {
    if std::env::var_os(AS_CHILD).is_none() {
        return;
    }
    let recorder = Recorder::default();
    let sandbox = start(&options(), &recorder).await.unwrap();
    {
        println!("\nendpoint {}", sandbox.endpoint);
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn it_ends_with_its_parent_however_that_ends() {
    let temporary = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandbox::tests::of_a_child", "--nocapture"])
        .env(AS_CHILD, "1")
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let endpoint = loop {
        let line = lines.next_line().await.unwrap().expect("an endpoint");
        if let Some(endpoint) = line.strip_prefix("endpoint ") {
            break endpoint.to_owned();
        }
    };
    TcpStream::connect(address(&endpoint)).await.unwrap();
    // SIGKILL: the process cannot clean up.
    parent.kill().await.unwrap();
    wait_until_gone(&endpoint).await;
}

/// Returns options with their own cache, and with a Python that only pretends to create
/// environments: it records that it did, and pip runs the test's script.
fn options_with_made_up_python(folder: &Path, pip: &str) -> Options {
    let pip = script(folder, "pip", pip);
    let python = script(
        folder,
        "python3",
        &format!(
            "case $2 in -c) echo 3.13.0; echo $0; echo ;; \
             *) echo made >> {folder}/made; mkdir -p $3/bin; cp {pip} $3/bin/python ;; esac",
            folder = folder.display(),
            pip = pip.display()
        ),
    );
    Options {
        cache: folder.join("cache"),
        python: Some(python.into_os_string()),
        ..options()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn times_made(folder: &Path) -> usize {
    let made = std::fs::read_to_string(folder.join("made")).unwrap();
    made.lines().count()
}

#[tokio::test]
async fn first_uses_at_once_make_one_environment() {
    let folder = tempfile::tempdir().unwrap();
    let options = options_with_made_up_python(folder.path(), "sleep 0.2");
    let (first, second) = (Recorder::default(), Recorder::default());
    let (one, other) = tokio::join!(
        environment::prepare(&options, &EMPTY, &first),
        environment::prepare(&options, &EMPTY, &second),
    );
    assert_eq!(one.unwrap().home, other.unwrap().home);
    assert_eq!(times_made(folder.path()), 1);
    // Both had to wait, and reported it.
    let preparing = [Event::Stage(Stage::PreparingSandbox)];
    assert_eq!(first.events(), preparing);
    assert_eq!(second.events(), preparing);

    let again = Recorder::default();
    environment::prepare(&options, &EMPTY, &again)
        .await
        .unwrap();
    assert_eq!(again.events(), []);
    assert_eq!(times_made(folder.path()), 1);
}

#[tokio::test]
async fn an_interrupted_first_use_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let pip = format!("touch $0.left-over {0}; exec sleep 600", started.display());
    let options = options_with_made_up_python(folder.path(), &pip);
    let recorder = Recorder::default();
    {
        let prepare = environment::prepare(&options, &EMPTY, &recorder);
        let started = async {
            while !started.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = prepare => panic!("it ended"),
            () = started => {}
        }
    }
    let options = options_with_made_up_python(folder.path(), "");
    let anew = environment::prepare(&options, &EMPTY, &recorder)
        .await
        .unwrap();
    assert_eq!(times_made(folder.path()), 2);
    assert!(!anew.folder().join("bin/python.left-over").exists());

    // As if the Python that created it had been removed.
    std::fs::remove_file(anew.python()).unwrap();
    std::os::unix::fs::symlink("/nowhere/python", anew.python()).unwrap();
    let anew = environment::prepare(&options, &EMPTY, &recorder)
        .await
        .unwrap();
    assert_eq!(times_made(folder.path()), 3);
    assert!(anew.python().exists());
}

#[tokio::test]
async fn what_pip_says_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let pip = "echo 'ERROR: No matching distribution found for ministack' >&2; exit 1";
    let options = options_with_made_up_python(folder.path(), pip);
    let recorder = Recorder::default();
    let error = environment::prepare(&options, &EMPTY, &recorder)
        .await
        .unwrap_err();
    let Error::Environment { doing, tail } = &error else {
        panic!("{error}");
    };
    assert!(doing.contains("-m pip install "), "{doing}");
    // Only packages whose hashes are in the requirements are installed.
    assert!(doing.contains(" --require-hashes "), "{doing}");
    assert_eq!(
        tail,
        &["ERROR: No matching distribution found for ministack"]
    );
    insta::assert_snapshot!(error.hint().unwrap(), @"the packages are installed from PyPI, or as pip's own settings (PIP_INDEX_URL, PIP_CONFIG_FILE) and the proxy variables specify");
    // The environment does not count as complete.
    let error = environment::prepare(&options, &EMPTY, &recorder)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Environment { .. }), "{error}");
    assert_eq!(times_made(folder.path()), 2);
}

#[tokio::test]
async fn the_test_tools_are_installed_once() {
    let recorder = Recorder::default();
    let folder = test_tools(&options(), &recorder).await.unwrap();
    let linter = Command::new(folder.join("bin/cfn-lint"))
        .arg("--version")
        .output()
        .await
        .unwrap();
    assert!(linter.status.success());
    let again = Recorder::default();
    assert_eq!(test_tools(&options(), &again).await.unwrap(), folder);
    assert_eq!(again.events(), []);
}
