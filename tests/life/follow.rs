//! `follow`: a host that holds nothing but its first key, through many rotations.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::environment::{ACCOUNT, CommandOutput, Fault, Key, Proxy, TestEnvironment};

/// Every treatment of an old key that leaves a grace period. The periods are short, because a test
/// lets the function sweep when the host has followed.
const USERS: [(&str, &str); 3] = [
    ("waits", "until_next_rotation"),
    (
        "timed",
        "{ deactivate_after: 1s, delete_after: 2s, hold_if_used_within: 1s }",
    ),
    (
        "forced",
        "{ deactivate_after: 1s, delete_after: 1h, hold_if_used_within: 1h, force_after: 1s }",
    ),
];

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const ROTATIONS: u32 = 20;

fn manifest() -> String {
    let entries = USERS.map(|(user, old_key)| {
        format!("  - {{ user: {user}, secret: {user}, readers: [self], old_key: {old_key} }}\n")
    });
    format!(
        "version: 1\nstack: plant\naccess_keys:\n{}",
        entries.concat()
    )
}

/// Returns the text of a host's credentials file, with the first key of each user.
fn credentials(keys: &BTreeMap<&str, Key>) -> String {
    let mut text = "# Managed by hand\r\n[default]\r\nregion = us-east-1\r\n\r\n".to_owned();
    for (user, Key { id, secret }) in keys {
        text.push_str(&format!(
            "[{user}]\r\naws_secret_access_key={secret}\r\n; of the plant\r\naws_access_key_id = {id}\r\n\r\n"
        ));
    }
    text
}

/// Returns the program on the host, which has no key but that in its file.
fn follow(test: &TestEnvironment, user: &str, options: &str) -> Command {
    let mut command = test.program(&format!("--profile {user} follow {user} {options}"));
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_SHARED_CREDENTIALS_FILE", test.home.file("credentials"));
    command
}

fn text(test: &TestEnvironment) -> String {
    String::from_utf8(test.home.bytes("credentials")).expect("UTF-8")
}

/// Returns the key of a profile in the host's file.
fn held(test: &TestEnvironment, user: &str) -> Key {
    let text = text(test);
    let section = text.split(&format!("[{user}]")).nth(1).expect("a profile");
    let section = section.split('[').next().unwrap_or_default();
    let value = |name: &str| {
        let line = section.lines().find(|line| line.starts_with(name));
        let line = line.expect("the line");
        line.split_once('=').expect("a value").1.trim().to_owned()
    };
    Key {
        id: value("aws_access_key_id"),
        secret: value("aws_secret_access_key"),
    }
}

/// A client on the host, which keeps the key that it has read until it is refused.
struct Client {
    user: &'static str,
    key: Key,
    refreshed: u32,
}

impl Client {
    /// Makes a request, and a second one with a refreshed key if the first is refused.
    async fn request(&mut self, test: &TestEnvironment, when: &str) {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{}", self.user);
        if test.holder(&self.key).await == Ok(arn.clone()) {
            return;
        }
        self.key = held(test, self.user);
        self.refreshed += 1;
        assert_eq!(test.holder(&self.key).await, Ok(arn), "{when}");
    }
}

/// Runs `follow` until its n-th call, and kills it there. Returns whether there was such a call.
async fn kill_at(test: &TestEnvironment, user: &str, number: u32) -> bool {
    let proxy = Proxy::start(test.endpoint(), Fault::Hold(number, None)).await;
    let mut command = follow(test, user, "--once");
    command.env("AWS_ENDPOINT_URL", proxy.endpoint());
    let child = command.spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs").to_string();
    let ended = child.wait_with_output();
    tokio::pin!(ended);
    let was_held = tokio::select! {
        _ = &mut ended => false,
        () = proxy.stopped() => {
            signal("-KILL", &id).await;
            let output = ended.await.expect("its output");
            test.check_for_secrets(&CommandOutput::new("follow", output)).await;
            true
        }
    };
    proxy.release();
    was_held
}

async fn signal(name: &str, id: &str) {
    let status = Command::new("kill").args([name, id]).status().await;
    assert!(status.expect("kill can be started").success());
}

#[tokio::test]
async fn a_host_with_nothing_but_its_first_key_lives_through_twenty_rotations() {
    let test = TestEnvironment::new().await;
    for (user, _) in USERS {
        test.make_user(user).await;
    }
    test.manifest(&manifest());
    test.keyrota(BOOTSTRAP).await.exits(0);
    let mut first = BTreeMap::new();
    for (user, _) in USERS {
        first.insert(user, test.current_key(user).await);
    }
    test.home.write("credentials", credentials(&first));
    let mut clients = USERS.map(|(user, _)| Client {
        user,
        key: first[user].clone(),
        refreshed: 0,
    });

    let mut killed = 0;
    for rotation in 1..=ROTATIONS {
        test.keyrota("rotate").await.exits(0);
        let mut expected = BTreeMap::new();
        for client in &mut clients {
            let user = client.user;
            client.request(&test, "after the rotation").await;
            for number in 1.. {
                let was_killed = kill_at(&test, user, number).await;
                client.request(&test, "after a kill").await;
                if !was_killed {
                    break;
                }
                killed += 1;
            }
            let ran = follow(&test, user, "--once --format json");
            let ran = test.run("follow", ran).await.exits(0);
            test.check_for_secrets(&ran).await;
            let current = test.current_key(user).await;
            assert_eq!(ran.json()["access_key_id"], current.id.as_str());
            assert_eq!(held(&test, user), current, "rotation {rotation}");
            expected.insert(user, current);
        }
        // Everything else in the file is as it was, and nothing is left beside it.
        assert_eq!(text(&test), credentials(&expected));
        // The grace periods end.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        test.sweep().await;
        for client in &mut clients {
            client.request(&test, "after the grace period").await;
        }
    }
    let refreshed: Vec<u32> = clients.iter().map(|client| client.refreshed).collect();
    println!(
        "{ROTATIONS} rotations of {} users: follow was killed {killed} times, and clients refreshed their key {refreshed:?} times",
        USERS.len()
    );
    // The old key was really gone each time, except where only the next rotation deletes it.
    assert!(refreshed[0] >= ROTATIONS - 1, "{refreshed:?}");
    assert!(
        refreshed[1..].iter().all(|count| *count == ROTATIONS),
        "{refreshed:?}"
    );
    assert!(killed >= ROTATIONS * 3 * 3, "{killed}");
    let left = std::fs::read_dir(test.home.path()).expect("the home");
    let names = left.map(|entry| entry.expect("an entry").file_name());
    let left: Vec<_> = names
        .filter(|name| name.to_string_lossy().starts_with(".credentials"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn a_host_may_read_its_own_secret_only_and_is_told_when_it_missed_a_rotation() {
    let test = TestEnvironment::new().await;
    for user in ["ada", "bob"] {
        test.make_user(user).await;
    }
    let entries = "  - { user: ada, secret: ada, readers: [self], rotate_as: role, kms_key: create }\n  - { user: bob, secret: bob }\n";
    test.manifest(&format!(
        "version: 1\nstack: plant\naccess_keys:\n{entries}"
    ));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let ran = test.keyrota("status").await.exits(0);
    for part in ["ada: a host", "keyrota follow", "29 days and 21 hours"] {
        assert!(ran.stdout.contains(part), "{part}\n{ran}");
    }
    let keys = BTreeMap::from([
        ("ada", test.current_key("ada").await),
        ("bob", test.current_key("bob").await),
    ]);
    test.home.write("credentials", credentials(&keys));

    let ran = test
        .run("follow", follow(&test, "ada", "--once"))
        .await
        .exits(0);
    assert!(ran.stdout.contains("has the current key"), "{ran}");
    // Without `self`, and with the key of another user.
    let refused = test
        .run("follow", follow(&test, "bob", "--once --format json"))
        .await;
    refused.exits(1).fails("denied", &["bob", "readers"]);
    let mut other = test.program("--profile ada follow bob --once --format json");
    other
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_SHARED_CREDENTIALS_FILE", test.home.file("credentials"));
    test.run("follow", other)
        .await
        .exits(1)
        .fails("denied", &["bob"]);

    // It missed two rotations: its key is gone.
    for _ in 0..2 {
        test.keyrota("rotate ada").await.exits(0);
    }
    let before = text(&test);
    let ran = test
        .run("follow", follow(&test, "ada", "--once --format json"))
        .await;
    let ran = ran
        .exits(1)
        .fails("refused-key", &["keyrota credentials", "old_key"]);
    test.check_for_secrets(&ran).await;
    assert_eq!(text(&test), before);

    // The manifest that would let this happen each time is refused.
    let entries = entries.replace("kms_key", "old_key: { delete_after: 0 }, kms_key");
    test.manifest(&format!(
        "version: 1\nstack: plant\naccess_keys:\n{entries}"
    ));
    let ran = test.keyrota("generate --format json").await.exits(3);
    assert!(ran.stdout.contains("no-grace"), "{ran}");
}

/// Waits until a file of the host has a text.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a process catches SIGHUP, which would end it otherwise: `SigCgt` in
/// proc_pid_status(5).
async fn until_it_catches_hangups(id: &str) {
    #[expect(clippy::disallowed_methods, reason = "the state of a process")]
    let catches = || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & 1 != 0)
    };
    until("it catches SIGHUP", catches).await;
}

/// Deploys a secret that its user can read, and writes its key into the profile `ada`.
async fn host_of_ada() -> TestEnvironment {
    let test = TestEnvironment::new().await;
    test.make_user("ada").await;
    test.manifest(
        "version: 1\nstack: plant\naccess_keys: [{ user: ada, secret: ada, readers: [self] }]\n",
    );
    test.keyrota(BOOTSTRAP).await.exits(0);
    let keys = BTreeMap::from([("ada", test.current_key("ada").await)]);
    test.home.write("credentials", credentials(&keys));
    test
}

#[tokio::test]
async fn a_daemon_follows_and_runs_its_command_after_each_change() {
    let test = host_of_ada().await;
    // A pipe would stay open as long as the command that outlives the daemon.
    let start = |script: &str| -> Child {
        let log = std::fs::File::create(test.home.file("log")).expect("a file");
        let mut command = follow(&test, "ada", "--interval 1d");
        command.args(["--on-change", script]).stderr(log);
        command.spawn().expect("keyrota can be started")
    };
    // It is killed in the middle of its command, which then runs again.
    let script = "echo $$ > command; tr '\\0' ' ' < /proc/$$/cmdline >> ran; env >> ran; \
                  test -e ready || exec sleep 600";
    let mut daemon = start(script);
    let id = daemon.id().expect("it runs").to_string();
    test.keyrota("rotate").await.exits(0);
    let current = test.current_key("ada").await;
    until_it_catches_hangups(&id).await;
    // It checks at once, without waiting for the interval.
    signal("-HUP", &id).await;
    until("the command begins", || test.home.file("ran").exists()).await;
    assert_eq!(held(&test, "ada"), current);
    signal("-KILL", &id).await;
    let ended = daemon.wait().await.expect("it ends");
    assert_eq!(ended.signal(), Some(9));
    signal("-KILL", test.home.read("command").trim()).await;

    test.home.write("ready", "");
    std::fs::remove_file(test.home.file("ran")).expect("it is there");
    let mut daemon = start(script);
    let id = daemon.id().expect("it runs").to_string();
    until("the command runs again", || test.home.file("ran").exists()).await;
    test.keyrota("rotate").await.exits(0);
    let current = test.current_key("ada").await;
    signal("-HUP", &id).await;
    until("the key is replaced", || held(&test, "ada") == current).await;
    until("the command runs", || {
        let ran = String::from_utf8(test.home.bytes("ran")).expect("UTF-8");
        ran.matches("PATH=").count() >= 2
    })
    .await;
    signal("-TERM", &id).await;
    let ended = daemon.wait().await.expect("it ends");
    assert!(ended.success(), "{ended}");
    // Neither its arguments nor its environment had the credential, and no log has it.
    let log = test.home.read("log");
    let ran = String::from_utf8(test.home.bytes("ran")).expect("UTF-8");
    for secret in test.concealed() {
        assert!(!ran.contains(&secret) && !log.contains(&secret));
    }
}

/// A command may start a process that stays in the background with the command's output.
#[tokio::test]
async fn a_command_may_leave_a_process_in_the_background() {
    let test = host_of_ada().await;
    test.keyrota("rotate").await.exits(0);
    let mut command = follow(&test, "ada", "--once --on-change");
    // A pipe would stay open as long as the process in the background.
    let output = std::fs::File::create(test.home.file("output")).expect("a file");
    let copy = output.try_clone().expect("a copy");
    command
        .args(["sleep 600 & echo $! > background; echo started"])
        .stdout(copy)
        .stderr(output);
    let limit = Duration::from_secs(120);
    let ended = tokio::time::timeout(limit, command.status()).await;
    let background = test.home.read("background");
    signal("-KILL", background.trim()).await;
    let status = ended.expect("it ends before the process in the background");
    let output = test.home.read("output");
    assert!(status.expect("it runs").success(), "{output}");
    assert!(output.contains("started"), "{output}");
    assert_eq!(held(&test, "ada"), test.current_key("ada").await);
}

/// A daemon that has succeeded warns about a file that is half written, and goes on.
#[tokio::test]
async fn a_daemon_goes_on_after_a_failure_and_ends_when_its_key_is_refused() {
    let test = host_of_ada().await;
    let log = std::fs::File::create(test.home.file("log")).expect("a file");
    let mut command = follow(&test, "ada", "--interval 1d --on-change");
    command.arg("echo >> ran").stdout(Stdio::null()).stderr(log);
    let mut daemon = command.spawn().expect("keyrota can be started");
    let id = daemon.id().expect("it runs").to_string();
    test.keyrota("rotate").await.exits(0);
    until_it_catches_hangups(&id).await;
    signal("-HUP", &id).await;
    until("it follows", || test.home.file("ran").exists()).await;
    let whole = text(&test);
    test.home.write("credentials", "[ada]\n");
    signal("-HUP", &id).await;
    until("it warns", || {
        test.home.read("log").contains("has no aws_access_key_id")
    })
    .await;
    assert!(daemon.try_wait().expect("it is ours").is_none());
    test.home.write("credentials", whole);
    for _ in 0..2 {
        test.keyrota("rotate").await.exits(0);
    }
    signal("-HUP", &id).await;
    let status = daemon.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(1));
    let log = test.home.read("log");
    assert!(log.contains("AWS refuses the key"), "{log}");
}

#[tokio::test]
async fn the_units_are_printed_without_a_call_and_name_file_region_and_endpoint() {
    let test = TestEnvironment::without_function().await;
    let mut command = test.program("--profile plant follow plant/gateway --systemd --interval 1h");
    command.env("AWS_SHARED_CREDENTIALS_FILE", "host-credentials");
    let ran = test.run("follow", command).await.exits(0);
    let endpoint = format!("\"--endpoint-url\" \"{}\"", test.endpoint());
    for part in [
        "keyrota-follow-plant.service",
        "/host-credentials\" \"--region\" \"us-east-1\" \"--endpoint-url\"",
        &format!("{endpoint} --once"),
        "OnUnitInactiveSec=1800s",
    ] {
        assert!(ran.stdout.contains(part), "{part}\n{ran}");
    }
    test.keyrota("follow plant/gateway --once").await.exits(2);
}
