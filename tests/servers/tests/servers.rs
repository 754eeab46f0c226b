//! Each engine starts, keeps its data after a restart, and leaves nothing behind.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use keyrota_test_servers::{Certificate, Engine, Options, Server};

fn listens(server: &Server) -> bool {
    TcpStream::connect(("127.0.0.1", server.port())).is_ok()
}

fn check(engine: Engine, version: &str) {
    let mut server = Server::start(engine, Options::default()).expect("a server");
    let version = server.sql(version).expect("a version");
    assert!(version.chars().any(|digit| digit.is_ascii_digit()));
    server.sql("CREATE DATABASE kept;").expect("a database");
    assert!(listens(&server));
    server.stop();
    assert!(!listens(&server));
    server.start_again().expect("it starts again");
    server.kill();
    assert!(!listens(&server));
    server.start_again().expect("it starts again");
    let message = server
        .sql("CREATE DATABASE kept;")
        .expect_err("it is there already")
        .to_string();
    assert!(message.contains("exists"), "{message}");
    assert!(server.log().contains("CREATE DATABASE kept"));
    let folder = server.authority().parent().expect("a folder").to_owned();
    assert!(folder.exists());
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn postgres() {
    check(Engine::Postgres, "SHOW server_version");
}

#[test]
fn mariadb() {
    check(Engine::MariaDb, "SELECT version()");
}

#[test]
fn mysql() {
    check(Engine::MySql, "SELECT version()");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let options = Options {
        certificate: Certificate::None,
        settings: vec!["no_such_setting=1".to_owned()],
    };
    let Err(error) = Server::start(Engine::Postgres, options) else {
        panic!("it started");
    };
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

/// Not a test by itself: the next test runs it in a separate process, which it ends abnormally.
#[test]
#[ignore = "it aborts its process"]
fn aborted() {
    let server = Server::start(Engine::MariaDb, Options::default()).unwrap();
    println!("\nat {} {}", server.port(), server.folder().display());
    std::process::abort();
}

#[test]
fn a_process_that_ends_without_a_word_leaves_nothing_behind() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "aborted", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("at "));
    let (port, folder) = line.expect("it started").split_once(' ').unwrap();
    let (port, folder): (u16, _) = (port.parse().unwrap(), PathBuf::from(folder));
    while folder.exists() || TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
    }
}
