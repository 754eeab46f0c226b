//! The whole life of a service's password.

use serde_json::{Value, json};

use super::adapter::{self, ADAPTER};
use super::client::logs_in_during;
use super::function;
use super::portal::{FIRST, USER};
use super::site::{BOOTSTRAP, SECRET, Site};
use crate::environment::TestEnvironment;

#[tokio::test]
async fn over_https() {
    let site = Site::new().await;
    let test = &site.test;
    // Nobody but the function logs in before the first rotation.
    let ran = logs_in_during_bootstrap(&site).await.exits(0);
    let told = &ran.json()["secrets"][0];
    assert_eq!(told["kind"], "service", "{ran}");
    assert_eq!(told["username"], USER, "{ran}");
    assert_eq!(told["access_key_id"], Value::Null, "{ran}");
    assert_eq!(
        (&told["rotated"], &told["verified"]),
        (&true.into(), &true.into()),
        "{ran}"
    );
    site.agrees().await;
    assert_ne!(site.portal.password(), FIRST);
    let ran = site.bootstrap().await.exits(0);
    assert_eq!(ran.json()["changes"], 0, "{ran}");

    // A field that another program added is kept.
    let mut value = test.value(SECRET, "AWSCURRENT").await.expect("a value");
    value["note"] = "of somebody else".into();
    test.store(SECRET, &value).await;
    for _ in 0..3 {
        let before = site.portal.password();
        let rotates = test.keyrota("rotate --format json");
        let ran = logs_in_during(&site, rotates).await.exits(0);
        assert_eq!(ran.json()["secrets"][0]["verified"], true, "{ran}");
        assert_ne!(site.portal.password(), before);
        site.agrees().await;
    }
    let value = test.value(SECRET, "AWSCURRENT").await.expect("a value");
    assert_eq!(value["note"], "of somebody else");
    assert_eq!(value["username"], USER);

    let ran = test.keyrota("status --check --format json").await.exits(0);
    let secret = &ran.json()["secrets"][0];
    assert_eq!(
        (&secret["state"], &secret["kind"]),
        (&json!("ok"), &json!("service")),
        "{ran}"
    );
    let ran = test.keyrota("doctor --format json").await.exits(0);
    assert_eq!(ran.json()["findings"], json!([]), "{ran}");
    let plan = "plan --service-function-zip service.zip --format json";
    let ran = test.keyrota(plan).await.exits(0);
    assert_eq!(ran.json()["changes"], json!([]), "{ran}");
    test.check_logs_for_secrets().await;

    let password = site.portal.password();
    let ran = test.keyrota("teardown --yes --format json").await.exits(0);
    let stays = ran.stdout.contains("stays valid at the service");
    assert!(stays, "{ran}");
    assert_eq!(test.stack_status("partners").await, None);
    assert!(test.secret(SECRET).await.expect("the secret").deleted);
    assert_eq!(site.portal.password(), password);
    test.keyrota("teardown --yes").await.exits(0);
}

/// Bootstraps. The secret does not exist yet, so no client can log in during that.
async fn logs_in_during_bootstrap(site: &Site) -> crate::environment::CommandOutput {
    site.bootstrap().await
}

#[tokio::test]
async fn with_a_lambda_function() {
    let test = TestEnvironment::without_function().await;
    test.home.write("service.zip", function::zip(None));
    test.conceal(FIRST);
    let arn = adapter::make(&test).await;
    let manifest = |arn: &str| {
        format!(
            "version: 1\nstack: partners\nfunction: {{ architecture: {} }}\nservices:\n\
             \x20 - secret: {SECRET}\n    username: {USER}\n    adapter: {{ function: \"{arn}\" }}\n    \
             settings: {{ tenant: \"4711\" }}\n    initial_password: env:FIRST_PASSWORD\n",
            function::architecture().as_str(),
        )
    };
    let bootstrap = async || {
        let mut command = test.program(BOOTSTRAP);
        command.env("FIRST_PASSWORD", FIRST);
        test.run(BOOTSTRAP, command).await
    };
    // An adapter that does not exist is found before anything changes.
    test.manifest(&manifest(&arn.replace(ADAPTER, "nothing")));
    let ran = bootstrap().await.exits(3);
    assert_eq!(ran.json()["findings"][0]["kind"], "no-adapter", "{ran}");
    assert_eq!(test.stack_status("partners").await, None);

    test.manifest(&manifest(&arn));
    let ran = bootstrap().await.exits(0);
    // A service's password is proven, and rotated as scheduled: clients may be using it.
    let told = &ran.json()["secrets"][0];
    assert_eq!(
        (&told["rotated"], &told["verified"]),
        (&false.into(), &true.into()),
        "{ran}"
    );
    let current = async || test.value(SECRET, "AWSCURRENT").await.expect("a value");
    assert_eq!(current().await["password"], FIRST);
    let ran = test.keyrota("doctor --format json").await.exits(0);
    assert_eq!(ran.json()["findings"], json!([]), "{ran}");
    for _ in 0..3 {
        let before = current().await;
        test.keyrota("rotate --format json").await.exits(0);
        let after = current().await;
        assert_ne!(before["password"], after["password"]);
        assert_eq!(adapter::service(&test)["password"], after["password"]);
    }
    assert_eq!(
        adapter::service(&test)["settings"],
        json!({ "tenant": "4711" })
    );
    test.check_logs_for_secrets().await;

    // Without the adapter, the next rotation fails, and its rehearsal says so.
    let delete = test.lambda.delete_function().function_name(ADAPTER);
    delete.send().await.expect("the adapter is deleted");
    let ran = test.keyrota("doctor --format json").await.exits(5);
    let finding = &ran.json()["findings"][0];
    assert_eq!(finding["id"], "rotation-rehearsal-failed", "{ran}");
    assert!(
        finding["evidence"]
            .to_string()
            .contains("adapter:Authenticate"),
        "{ran}"
    );
    test.keyrota("teardown --yes").await.exits(0);
}
