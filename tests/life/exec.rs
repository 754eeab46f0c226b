//! `exec`: a command with the current credential in its environment.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use aws_sdk_secretsmanager::types::Tag;
use tokio::process::Command;

use crate::environment::{CommandOutput, Fault, Proxy, TestEnvironment};

/// Returns the program with a shell script that gets a secret's credential.
fn with(test: &TestEnvironment, secret: &str, script: &str) -> Command {
    let mut command = test.program(&format!("exec {secret} -- sh -c"));
    command.arg(script);
    command
}

async fn run(test: &TestEnvironment, secret: &str, script: &str) -> CommandOutput {
    test.run("exec", with(test, secret, script)).await
}

#[tokio::test]
async fn a_command_has_the_current_key_and_no_other_credential() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest("version: 1\nstack: keys\naccess_keys: [{ user: ci-deployer, secret: app }]\n");
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);

    let script = r#"
        printf %s "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY" > held
        test -z "${AWS_SESSION_TOKEN+set}${AWS_PROFILE+set}${AWS_ROLE_ARN+set}" || exit 1
        test "$AWS_REGION" = us-east-1 || exit 2
        test -z "${AWS_DEFAULT_REGION+set}" || exit 3
        read -r line; test "$line" = "from outside" || exit 4
        exit 77"#;
    for _ in 0..2 {
        let mut command = with(&test, "app", script);
        command
            .env("AWS_PROFILE", "")
            .env("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/other")
            .stdin(Stdio::piped());
        let mut child = command.spawn().expect("keyrota can be started");
        let mut input = child.stdin.take().expect("its input");
        let line = tokio::io::AsyncWriteExt::write_all(&mut input, b"from outside\n");
        line.await.expect("it is read");
        let output = child.wait_with_output().await.expect("it ends");
        let ran = CommandOutput::new("exec", output).exits(77);
        test.check_for_secrets(&ran).await;
        let current = test.current_key("app").await;
        let held = String::from_utf8(test.home.bytes("held")).expect("UTF-8");
        assert_eq!(held, format!("{} {}", current.id, current.secret));
        test.keyrota("rotate").await.exits(0);
    }
}

#[tokio::test]
async fn a_command_takes_the_programs_place() {
    let test = TestEnvironment::new().await;
    let value = r#"{"accesskey":"AKIA0123456789ABCDEF","secretkey":"hush","username":"ada","secretarn":"arn:own"}"#;
    make(&test, "app", value, &[]).await;

    let mut command = with(&test, "app", "echo $$; tr '\\0' ' ' < /proc/$$/cmdline");
    command.stdout(Stdio::piped());
    let child = command.spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs");
    let output = child.wait_with_output().await.expect("it ends");
    let ran = CommandOutput::new("exec", output).exits(0);
    assert!(ran.stdout.starts_with(&format!("{id}\nsh -c ")), "{ran}");

    // The command keeps the caller's limit on core dumps.
    let exec = format!("exec {} exec app -- ", env!("CARGO_BIN_EXE_keyrota"));
    let dumpable = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))";
    let script = format!("ulimit -Sc 7; {exec} sh -c 'ulimit -Sc; ulimit -Hc'");
    let ran = test.shell(&script).await.exits(0);
    let hard = test.shell("ulimit -Hc").await.exits(0).stdout;
    assert_eq!(ran.stdout, format!("7\n{hard}"));
    let ran = test.shell(&format!("{exec} python3 -c '{dumpable}'")).await;
    assert_eq!(ran.exits(0).stdout, "1\n");

    let mut command = with(&test, "app", "kill -TERM $$");
    let status = command.status().await.expect("keyrota can be started");
    assert_eq!(status.signal(), Some(15));

    let ran = test.keyrota("exec app -- no-such-command").await;
    ran.exits(127).says(&["no-such-command", "PATH"]);
    test.home.write("plain", "no program");
    let ran = test.keyrota("exec app -- ./plain").await;
    ran.exits(126).says(&["./plain"]);
    test.keyrota("exec app").await.exits(2);
    let ran = test.keyrota("--format json exec other -- true").await;
    ran.exits(1).fails("secret", &["other", "does not exist"]);
}

fn value(id: &str) -> String {
    format!(r#"{{"accesskey":"{id}","secretkey":"hush-{id}","username":"ada"}}"#)
}

/// Waits until the file has these lines.
async fn until_held(test: &TestEnvironment, lines: &[&str]) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let held = || match test.home.file("held").exists() {
        true => test.home.read("held"),
        false => String::new(),
    };
    while held().lines().ne(lines.iter().copied()) {
        assert!(std::time::Instant::now() < deadline, "{}", held());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn send(signal: &str, id: u32) {
    let id = id.to_string();
    let sent = Command::new("kill").args([signal, &id]).status().await;
    assert!(sent.expect("kill can be started").success());
}

#[tokio::test]
async fn a_command_is_restarted_when_the_secret_changes() {
    let test = TestEnvironment::without_function().await;
    let ids = [
        "AKIA0123456789ABCDE1",
        "AKIA0123456789ABCDE2",
        "AKIA0123456789ABCDE3",
    ];
    make(&test, "app", &value(ids[0]), &[]).await;
    let restarting = |options: &str, script: &str| {
        let options = format!("exec --restart-on-rotation --interval 1s {options} app -- sh -c");
        let mut command = test.program(&options);
        command.arg(script);
        command
    };
    let store = async |id: &str| {
        let value = serde_json::from_str(&value(id)).expect("JSON");
        test.store("app", &value).await;
    };

    // It ends after SIGTERM, gets other signals, and its exit code is keyrota's.
    let script = r#"echo "$AWS_ACCESS_KEY_ID" >> held
        trap 'echo told >> held' USR1
        trap 'exit 7' TERM
        while :; do sleep 0.05; done"#;
    let child = restarting("", script)
        .spawn()
        .expect("keyrota can be started");
    let id = child.id().expect("it runs");
    until_held(&test, &ids[..1]).await;
    store(ids[1]).await;
    until_held(&test, &ids[..2]).await;
    send("-USR1", id).await;
    until_held(&test, &[ids[0], ids[1], "told"]).await;
    send("-TERM", id).await;
    let output = child.wait_with_output().await.expect("it ends");
    let ran = CommandOutput::new("exec", output).exits(7);
    test.check_for_secrets(&ran).await;

    // It does not end after SIGTERM. A signal that kills it kills keyrota too.
    std::fs::remove_file(test.home.file("held")).expect("it is there");
    let script = r#"trap '' TERM; echo $$ > id; echo "$AWS_ACCESS_KEY_ID" >> held; while :; do sleep 0.05; done"#;
    let child = restarting("--grace 1s", script)
        .spawn()
        .expect("keyrota can be started");
    until_held(&test, &ids[1..2]).await;
    store(ids[2]).await;
    until_held(&test, &ids[1..]).await;
    let id = test.home.read("id").trim().parse().expect("an ID");
    send("-KILL", id).await;
    let output = child.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.signal(), Some(9));

    let ran = test
        .keyrota("exec --restart-on-rotation app -- no-such-command")
        .await;
    ran.exits(127).says(&["no-such-command", "PATH"]);
    test.keyrota("exec --grace 1s app -- true").await.exits(2);
}

const IDS: [&str; 2] = ["AKIA0123456789ABCDE1", "AKIA0123456789ABCDE2"];

/// Signals that arrive more often than a check must not postpone it.
#[tokio::test]
async fn frequent_signals_do_not_postpone_the_restart() {
    let test = TestEnvironment::without_function().await;
    make(&test, "app", &value(IDS[0]), &[]).await;
    // It ends only when no signal is sent any more: one could kill the next command before its trap.
    let script = r#"trap : USR1
        trap 'echo ended >> held; until test -e quiet; do sleep 0.05; done; exit' TERM
        echo "$AWS_ACCESS_KEY_ID" >> held
        while :; do sleep 0.05; done"#;
    let mut command =
        test.program("exec --restart-on-rotation --interval 1s --grace 1h app -- sh -c");
    let child = command.arg(script).spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs");
    until_held(&test, &IDS[..1]).await;
    let new = serde_json::from_str(&value(IDS[1])).expect("JSON");
    test.store("app", &new).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !test.home.read("held").contains("ended") {
        assert!(std::time::Instant::now() < deadline, "no restart");
        send("-USR1", id).await;
        // Less than the shortest pause before a check.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    test.home.write("quiet", "");
    until_held(&test, &[IDS[0], "ended", IDS[1]]).await;
    send("-TERM", id).await;
    let output = child.wait_with_output().await.expect("it ends");
    CommandOutput::new("exec", output).exits(0);
}

/// A check that takes long delays neither signals nor the end of the command.
#[tokio::test]
async fn a_slow_check_delays_no_signal() {
    let test = TestEnvironment::without_function().await;
    make(&test, "app", &value(IDS[0]), &[]).await;
    let proxy = Proxy::start(test.endpoint(), Fault::Hold(2, None)).await;
    let script = r#"trap 'echo told >> held' USR1
        trap 'exit 7' TERM
        echo "$AWS_ACCESS_KEY_ID" >> held
        while :; do sleep 0.05; done"#;
    let mut command = test.program("exec --restart-on-rotation --interval 1s app -- sh -c");
    command
        .arg(script)
        .env("AWS_ENDPOINT_URL", proxy.endpoint());
    let child = command.spawn().expect("keyrota can be started");
    let id = child.id().expect("it runs");
    until_held(&test, &IDS[..1]).await;
    proxy.stopped().await;
    send("-USR1", id).await;
    until_held(&test, &[IDS[0], "told"]).await;
    send("-TERM", id).await;
    let output = child.wait_with_output().await.expect("it ends");
    CommandOutput::new("exec", output).exits(7);
    proxy.release();
}

/// As with `nohup`, and in the background of a shell, which ignores SIGINT and SIGQUIT for the job: the
/// command ignores what the caller of keyrota ignores.
#[tokio::test]
async fn an_ignored_signal_stays_ignored() {
    let test = TestEnvironment::without_function().await;
    make(&test, "app", &value(IDS[0]), &[]).await;
    let program = env!("CARGO_BIN_EXE_keyrota");
    let script = format!(
        r#"trap '' HUP
        {program} exec --restart-on-rotation app -- sh -c '
            trap "echo told >> held" USR1
            trap "exit 7" TERM
            echo $$ > id
            echo begun >> held
            while :; do sleep 0.05; done' &
        until grep -q begun held; do kill -0 $! || exit 8; sleep 0.05; done
        for signal in HUP INT QUIT; do kill -$signal $! "$(cat id)"; done
        kill -USR1 $!
        until grep -q told held; do kill -0 $! || exit 9; sleep 0.05; done
        kill -TERM $!
        wait $!"#
    );
    test.home.write("held", "");
    test.shell(&script).await.exits(7);
}

#[tokio::test]
async fn a_command_has_a_databases_login() {
    let test = TestEnvironment::new().await;
    let value = r#"{"engine":"postgres","host":"db","port":6543,"dbname":"orders","username":"app","password":"hu'sh $(x)"}"#;
    make(&test, "orders", value, &[("keyrota:tls", "verify-ca")]).await;
    let script = r#"printf '%s|' "$PGHOST" "$PGPORT" "$PGDATABASE" "$PGUSER" "$PGSSLMODE"
        test "$PGPASSWORD" = "hu'sh \$(x)" && test -z "${PGHOSTADDR+set}""#;
    let mut command = with(&test, "orders", script);
    command
        .env("PGHOSTADDR", "192.0.2.1")
        .env("PGSSLMODE", "disable");
    let ran = test.run("exec", command).await.exits(0);
    assert_eq!(ran.stdout, "db|6543|orders|app|verify-ca|");

    let value = r#"{"engine":"mariadb","host":"db","username":"app","password":"hush"}"#;
    make(&test, "shop", value, &[]).await;
    let script = r#"printf '%s|' "$MYSQL_HOST" "$MYSQL_TCP_PORT" "$MYSQL_USER" "${MYSQL_DATABASE-none}"
        test "$MYSQL_PWD" = hush"#;
    let ran = run(&test, "shop", script).await.exits(0);
    assert_eq!(ran.stdout, "db|3306|app|none|");

    let ran = test.keyrota("--format json credentials shop").await;
    ran.exits(1).fails("secret", &["shop", "keyrota exec shop"]);
    make(
        &test,
        "first",
        r#"{"engine":"mysql","username":"app"}"#,
        &[],
    )
    .await;
    let ran = test.keyrota("--format json exec first -- true").await;
    ran.exits(1)
        .fails("secret", &["host, password", "bootstrap"]);
}

async fn make(test: &TestEnvironment, name: &str, value: &str, tags: &[(&str, &str)]) {
    let request = test.secretsmanager.create_secret().name(name);
    let tags = tags.iter();
    let tags = tags.map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    let request = request.secret_string(value).set_tags(Some(tags.collect()));
    request.send().await.expect("the secret is made");
}
