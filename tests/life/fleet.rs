//! One manifest over several stacks. Its record puts two entries in two stacks, as
//! hundreds of them would be; the flow is the same.

use crate::environment::{ACCOUNT, REGION, TestEnvironment};

const RECORD: &str = "\
\"payments-keys\":
  stacks: 2
  secrets:
    \"prod/archive\": 1
    \"prod/ci-deployer\": 0
";

fn manifest(entries: &str) -> String {
    format!(
        "version: 1\nstack: payments-keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\naccess_keys:\n{entries}"
    )
}

const CI_DEPLOYER: &str = "  - { user: ci-deployer, secret: prod/ci-deployer }\n";
const ARCHIVE: &str = "  - { user: archive, secret: prod/archive, rotate_as: role }\n";

async fn fleet() -> TestEnvironment {
    let test = TestEnvironment::new().await;
    for user in ["ci-deployer", "archive"] {
        test.make_user(user).await;
    }
    test.manifest(&manifest(&format!("{ARCHIVE}{CI_DEPLOYER}")));
    test.home.write("keyrota.stacks.yaml", RECORD);
    test
}

#[tokio::test]
async fn a_fleet_lives_as_one_stack_does() {
    let test = fleet().await;
    test.keyrota("generate").await.exits(0);
    for file in [
        "stack-000.yaml",
        "stack-001.yaml",
        "deployer-policy-001.json",
    ] {
        assert!(
            test.home.file(&format!("rendered/{file}")).exists(),
            "{file}"
        );
    }

    // A policy of an entry that is gone goes too.
    let stale = "rendered/policies/secret-prod-gone-0a1b2c3d.json";
    test.home.write(stale, "{}");
    test.keyrota("generate").await.exits(0);
    assert!(!test.home.file(stale).exists());

    let planned = test
        .changes_nothing("plan --function-zip function.zip --format json")
        .await
        .exits(0)
        .json();
    let changes = planned["changes"].as_array().expect("changes");
    for stack in ["payments-keys", "payments-keys-001"] {
        assert!(
            changes.iter().any(|change| change["stack"] == stack),
            "{stack}"
        );
    }

    let deployed = test
        .keyrota("bootstrap --yes --function-zip function.zip --format json")
        .await
        .exits(0)
        .json();
    assert_eq!(deployed["stacks"].as_array().map(Vec::len), Some(2));
    let secrets = deployed["secrets"].as_array().expect("secrets");
    assert_eq!(secrets.len(), 2);
    assert!(
        secrets
            .iter()
            .all(|secret| secret["verified"] == true && secret["rotated"] == true)
    );

    // Again: nothing to do. And the plan agrees.
    let again = test
        .keyrota("bootstrap --yes --function-zip function.zip --format json")
        .await
        .exits(0)
        .json();
    assert_eq!(again["changes"], 0);
    test.keyrota("plan --function-zip function.zip --detailed-exitcode")
        .await
        .exits(0);

    let before = test.current_key("prod/archive").await;
    let rotated = test
        .keyrota("rotate archive --format json")
        .await
        .exits(0)
        .json();
    let secrets = rotated["secrets"].as_array().expect("secrets");
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0]["old_access_key_id"], before.id);
    test.keyrota("rotate").await.exits(0);

    let status = test
        .keyrota("status --check --format json")
        .await
        .exits(0)
        .json();
    assert_eq!(status["stacks"].as_array().map(Vec::len), Some(2));
    assert_eq!(status["secrets"].as_array().map(Vec::len), Some(2));

    // A removed entry leaves its stack behind, which is reported and deleted.
    test.manifest(&manifest(CI_DEPLOYER));
    test.keyrota("bootstrap --yes --function-zip function.zip")
        .await
        .exits(0)
        .says(&["payments-keys-001", "no entries in the manifest any more"]);
    let report = test
        .keyrota("teardown --yes --format json")
        .await
        .exits(0)
        .json();
    let deleted = report["deleted"].to_string();
    for name in [
        "payments-keys",
        "payments-keys-001",
        "prod/archive",
        "prod/ci-deployer",
        "bucket",
    ] {
        assert!(
            deleted.contains(&format!("\"{name}\"")),
            "{name}: {deleted}"
        );
    }
    assert!(!report["retained"].to_string().contains("bucket"));
    for stack in ["payments-keys", "payments-keys-001"] {
        let status = test.stack_status(stack).await;
        assert!(
            status.is_none_or(|status| status == "DELETE_COMPLETE"),
            "{stack}"
        );
    }
}

/// Without the record both entries would be placed in the first stack: the secret
/// of the second would be deleted there and made here.
#[tokio::test]
async fn a_secret_that_would_move_is_refused() {
    let test = fleet().await;
    test.keyrota("bootstrap --yes --function-zip function.zip")
        .await
        .exits(0);
    let key = test.current_key("prod/archive").await;
    let swapped = RECORD
        .replace("archive\": 1", "archive\": 0")
        .replace("deployer\": 0", "deployer\": 1");
    test.home.write("keyrota.stacks.yaml", &swapped);
    for command in [
        "plan --function-zip function.zip",
        "bootstrap --yes --function-zip function.zip",
    ] {
        test.changes_nothing(command).await.exits(3).says(&[
            "error[moved]",
            "prod/archive",
            "prod/ci-deployer",
        ]);
    }
    assert_eq!(test.current_key("prod/archive").await.id, key.id);
}

#[tokio::test]
async fn a_damaged_record_is_refused() {
    let test = fleet().await;
    test.home.write(
        "keyrota.stacks.yaml",
        "\"payments-keys\": { stacks: 1, secrets: { a: 7 } }\n",
    );
    for command in [
        "generate",
        "plan --function-zip function.zip",
        "bootstrap --yes --function-zip function.zip",
        "status",
        "teardown --yes",
    ] {
        test.changes_nothing(command)
            .await
            .exits(3)
            .says(&["keyrota.stacks.yaml", "`a` is in stack 7"]);
    }
}

#[tokio::test]
async fn templates_of_ones_own_are_deployed() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    test.manifest(&manifest(CI_DEPLOYER));
    test.home.write(
        "own/tags.yaml.hbs",
        "      Tags:\n{{#each tags}}\n        - { Key: {{key}}, Value: {{value}} }\n{{/each}}\n        - { Key: cost-centre, Value: \"4711\" }\n",
    );
    test.keyrota("bootstrap --yes --function-zip function.zip --templates own")
        .await
        .exits(0);
    let tags = test
        .secret("prod/ci-deployer")
        .await
        .expect("a secret")
        .tags;
    assert_eq!(tags.get("cost-centre").map(String::as_str), Some("4711"));
    test.keyrota("plan --function-zip function.zip --templates own --detailed-exitcode")
        .await
        .exits(0);
    test.keyrota("plan --function-zip function.zip --detailed-exitcode")
        .await
        .exits(4);

    test.home.write("own/tgs.yaml.hbs", "      Tags: []\n");
    test.changes_nothing("generate --templates own")
        .await
        .exits(1)
        .says(&["`tgs`", "is not included anywhere"]);
    test.changes_nothing("generate --templates nowhere")
        .await
        .exits(1)
        .says(&["nowhere"]);
}
