//! `adapter test --real`, with a service over HTTPS and with an adapter in the local Lambda. The test
//! changes the password many times, and restores it.

use serde_json::Value;
use tokio::process::Command;

use super::adapter;
use super::portal::{FIRST, Portal, USER};
use crate::environment::{CommandOutput, Home, TestEnvironment};

/// The options of a test whose password is in the environment.
const REAL: &str = "--real --yes --password env:FIRST_PASSWORD --setting tenant=4711 --format json";

fn assert_sound(ran: &CommandOutput) {
    let document = ran.json();
    assert_eq!(document["service"], "real", "{ran}");
    assert_eq!(document["sound"], true, "{ran}");
    let guarantees = document["guarantees"].as_array().expect("guarantees");
    let recovers = |one: &&Value| one["id"] == "rotation-recovers";
    let recovers = guarantees.iter().find(recovers).expect("the search");
    assert_eq!(recovers["state"], "holds", "{ran}");
    assert!(!ran.stdout.contains(FIRST) && !ran.stderr.contains(FIRST));
}

/// Returns a folder with the file of an adapter for the service.
fn adapted(portal: &Portal) -> Home {
    let home = Home::new();
    home.write("authority.pem", portal.authority());
    let url = format!("https://localhost:{}/api", portal.port);
    let login = r#"user: "{{username}}", password: "{{password}}""#;
    let request = |path, more, answers| {
        format!(
            "  method: POST\n  url: {url}/{path}\n  headers: {{ x-tenant: \"{{{{settings.tenant}}}}\" }}\n  \
             json: {{ {login}{more} }}\n  answers:\n{answers}    - {{ status: 401, outcome: refused }}\n"
        )
    };
    let authenticate = request(
        "login",
        "",
        "    - { status: 200, json: { /active: true }, outcome: success }\n",
    );
    let change = request(
        "password",
        r#", new_password: "{{new_password}}""#,
        "    - { status: 204, outcome: success }\n",
    );
    home.write(
        "portal.yaml",
        format!(
            "version: 1\ntls_ca: authority.pem\nauthenticate:\n{authenticate}change:\n{change}"
        ),
    );
    home
}

fn arguments() -> String {
    format!("adapter test portal.yaml --username {USER} {REAL}")
}

#[tokio::test]
async fn a_file_with_its_service() {
    let portal = Portal::start();
    let home = adapted(&portal);
    let arguments = arguments();
    let mut program = home.program(&arguments);
    let output = program.env("FIRST_PASSWORD", FIRST).output().await;
    let ran = CommandOutput::new(&arguments, output.expect("keyrota can be started")).exits(0);
    assert_sound(&ran);
    assert_eq!(ran.json()["password_restored"], true);
    assert_eq!(portal.password(), FIRST);
}

#[tokio::test]
async fn a_test_that_is_interrupted_restores_the_password() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let portal = Portal::start();
        let home = adapted(&portal);
        let arguments = arguments();
        let mut program = home.program(&arguments);
        let child = program.env("FIRST_PASSWORD", FIRST).spawn();
        let mut child = child.expect("keyrota can be started");
        let id = child.id().expect("its ID").to_string();
        while portal.password() == FIRST {
            let ended = child.try_wait().expect("its state");
            assert_eq!(ended, None, "it ended before it changed the password");
            tokio::task::yield_now().await;
        }
        let status = Command::new("kill").args([signal, &id]).status().await;
        assert!(status.expect("kill can be started").success());
        let output = child.wait_with_output().await.expect("its output");
        let ran = CommandOutput::new(&arguments, output).exits(130);
        assert_eq!(portal.password(), FIRST, "{signal}: {ran}");
        ran.says(&["interrupted: "])
            .fails("interrupted", &["has the password from before the test"]);
    }
}

#[tokio::test]
async fn a_function_that_is_deployed() {
    let test = TestEnvironment::without_function().await;
    test.conceal(FIRST);
    let arn = adapter::make(&test).await;
    let arguments = format!("adapter test {arn} --username {USER} {REAL}");
    let mut program = test.program(&arguments);
    program.env("FIRST_PASSWORD", FIRST);
    let ran = test.run(&arguments, program).await;
    assert_sound(&ran.exits(0));
    assert_eq!(adapter::service(&test)["password"], FIRST);

    let missing = arguments.replace(adapter::ADAPTER, "nothing");
    let mut program = test.program(&missing);
    program.env("FIRST_PASSWORD", FIRST);
    let ran = test.run(&missing, program).await.exits(1);
    ran.fails("no-function", &["the function arn:", "does not exist"]);
}
