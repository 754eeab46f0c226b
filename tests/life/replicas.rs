//! Replicas of secrets in other Regions, over the whole life of a stack and with no more
//! permissions than are rendered.

use serde_json::Value;

use crate::environment::{ACCOUNT, REGION, TestEnvironment, config};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const TEARDOWN: &str = "teardown --yes --recovery-window 7 --format json";
const SECRET: &str = "prod/mailer";
const PLAIN: &str = "us-west-2";
const KEYED: &str = "eu-central-1";

impl TestEnvironment {
    /// Returns a client of Secrets Manager in a Region, as root.
    fn secrets_in(&self, region: &'static str) -> aws_sdk_secretsmanager::Client {
        let config = config(self.endpoint(), &self.root());
        let builder = aws_sdk_secretsmanager::config::Builder::from(&config);
        let region = aws_config::Region::new(region);
        aws_sdk_secretsmanager::Client::from_conf(builder.region(region).build())
    }

    /// Returns a client of KMS in a Region, as root.
    pub fn kms_in(&self, region: &'static str) -> aws_sdk_kms::Client {
        let config = config(self.endpoint(), &self.root());
        let builder = aws_sdk_kms::config::Builder::from(&config);
        let region = aws_config::Region::new(region);
        aws_sdk_kms::Client::from_conf(builder.region(region).build())
    }

    /// Returns the version in AWSCURRENT of a secret in a Region, if the secret exists.
    async fn version_in(&self, region: &'static str) -> Option<String> {
        let request = self.secrets_in(region).get_secret_value().secret_id(SECRET);
        request.send().await.ok()?.version_id
    }

    /// Expects that the replicas in these Regions, and no others, have the current version.
    async fn replicas_follow(&self, regions: &[&'static str]) {
        let current = self.version_in(REGION).await;
        assert!(current.is_some());
        for region in [PLAIN, KEYED] {
            let expected = current.clone().filter(|_| regions.contains(&region));
            assert_eq!(self.version_in(region).await, expected, "{region}");
        }
    }

    /// Returns the replicas that `status` reports, as `REGION STATUS FAULT`.
    async fn reported_replicas(&self, code: i32) -> Vec<String> {
        let status = self.keyrota("status --check --format json").await;
        let status = status.exits(code).json();
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let replicas = status["secrets"][0]["replicas"].as_array();
        let replicas = replicas.expect("replicas").iter();
        replicas
            .map(|one| {
                let [region, status, fault] =
                    ["region", "status", "fault"].map(|field| text(&one[field]));
                format!("{region} {status} {fault}")
            })
            .collect()
    }

    /// Writes the manifest with these replicas, and makes a deployer with its rendered policy.
    async fn deploy_with(&self, deployer: &str, replicas: &str) {
        self.act_as(&self.root());
        self.manifest(&manifest(replicas));
        let generate = format!("generate --output {deployer}");
        self.keyrota(&generate).await.exits(0);
        let policy = self.home.read(&format!("{deployer}/deployer-policy.json"));
        let key = self.make_deployer(deployer, &policy).await;
        self.act_as(&key);
    }
}

fn manifest(replicas: &str) -> String {
    format!(
        "version: 1\nstack: payments-keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
         access_keys:\n\
         \x20 - {{ user: mailer, secret: {SECRET}, rotate_as: role, kms_key: create, \
         replicas: [{replicas}] }}\n"
    )
}

/// Makes the user, and a key in the Region of a replica.
async fn account() -> (TestEnvironment, String) {
    let test = TestEnvironment::new().await;
    test.make_user("mailer").await;
    let made = test.kms_in(KEYED).create_key().send().await;
    let key = made.expect("the key is made").key_metadata;
    let key = key.expect("metadata").arn.expect("an ARN");
    (test, key)
}

#[tokio::test]
async fn replicas_follow_their_secret_for_its_whole_life() {
    let (test, key) = account().await;
    let both = format!("{PLAIN}, {{ region: {KEYED}, kms_key: '{key}' }}");
    test.deploy_with("first", &both).await;
    test.keyrota("plan --function-zip function.zip")
        .await
        .exits(0);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.replicas_follow(&[PLAIN, KEYED]).await;
    let before = test.version_in(REGION).await;
    test.keyrota("rotate").await.exits(0);
    assert_ne!(test.version_in(REGION).await, before);
    test.replicas_follow(&[PLAIN, KEYED]).await;
    let fine = [format!("{KEYED} InSync -"), format!("{PLAIN} InSync -")];
    assert_eq!(test.reported_replicas(0).await, fine);
    test.keyrota("doctor").await.exits(0);

    // A key that is disabled for a while.
    let kms = test.kms_in(KEYED);
    kms.disable_key()
        .key_id(&key)
        .send()
        .await
        .expect("disabled");
    test.keyrota("rotate").await.exits(0);
    let failed = format!("{KEYED} Failed replica-failed");
    assert_eq!(test.reported_replicas(5).await[0], failed);
    let told = test.keyrota("doctor --format json").await.exits(5).json();
    assert_eq!(told["findings"][0]["id"], "replica-failed", "{told}");
    let evidence = told["findings"][0]["evidence"].as_str().expect("text");
    assert!(evidence.contains("disabled"), "{evidence}");
    kms.enable_key().key_id(&key).send().await.expect("enabled");
    test.keyrota("doctor --fix --yes").await.exits(0);
    test.replicas_follow(&[PLAIN, KEYED]).await;

    // Another list removes a replica and leaves the value.
    let current = test.version_in(REGION).await;
    let one = format!("{{ region: {KEYED}, kms_key: '{key}' }}");
    test.deploy_with("second", &one).await;
    let plan = test
        .keyrota("plan --function-zip function.zip --format json")
        .await;
    let plan = plan.exits(0).json();
    assert_eq!(plan["deleted_replicas"][0]["region"], PLAIN, "{plan}");
    assert!(plan["deleted_replicas"][1].is_null(), "{plan}");
    let unknown = format!("{PLAIN} InSync replica-unknown");
    assert_eq!(test.reported_replicas(5).await[1], unknown);
    test.keyrota(BOOTSTRAP.replace("--yes", "--yes --no-rotate").as_str())
        .await
        .exits(0);
    assert_eq!(test.version_in(REGION).await, current);
    test.replicas_follow(&[KEYED]).await;

    // The last replica is removed with the permissions of the manifest that still had it.
    test.manifest(&manifest(""));
    test.keyrota(BOOTSTRAP.replace("--yes", "--yes --no-rotate").as_str())
        .await
        .exits(0);
    test.replicas_follow(&[]).await;
    test.deploy_with("fourth", &both).await;
    test.keyrota(BOOTSTRAP.replace("--yes", "--yes --no-rotate").as_str())
        .await
        .exits(0);
    test.replicas_follow(&[PLAIN, KEYED]).await;

    let report = test.keyrota(TEARDOWN).await.exits(0).json();
    let deleted = report["deleted"].as_array().expect("a list").iter();
    let deleted: Vec<&str> = deleted
        .filter(|item| item["type"] == "replica" || item["type"] == "secret")
        .filter_map(|item| item["name"].as_str())
        .collect();
    let expected = [
        format!("{SECRET} in {KEYED}"),
        format!("{SECRET} in {PLAIN}"),
        SECRET.to_owned(),
    ];
    assert_eq!(deleted, expected, "{report}");
    assert_eq!(test.version_in(PLAIN).await, None);
    assert!(test.secret(SECRET).await.expect("the secret").deleted);
}

/// AWS does not document whether Secrets Manager needs it of the function.
#[tokio::test]
async fn the_function_may_encrypt_replicas() {
    let (test, key) = account().await;
    test.manifest(&manifest(&format!(
        "{{ region: {KEYED}, kms_key: '{key}' }}"
    )));
    test.keyrota(BOOTSTRAP).await.exits(0);
    for action in ["kms:Encrypt", "kms:GenerateDataKey"] {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Deny", "Action": action, "Resource": key }],
        });
        let request = test.iam.put_role_policy().role_name(test.role().await);
        let request = request.policy_name("denied");
        let request = request.policy_document(policy.to_string());
        request.send().await.expect("the policy is put");
        test.keyrota("rotate").await.exits(0);
        let failed = format!("{KEYED} Failed replica-failed");
        assert_eq!(test.reported_replicas(5).await, [failed], "{action}");
        test.allow_role().await;
        test.keyrota("doctor --fix --yes").await.exits(0);
        test.replicas_follow(&[KEYED]).await;
    }
}

#[tokio::test]
async fn a_promoted_replica_is_left_over() {
    let (test, _) = account().await;
    test.manifest(&manifest(PLAIN));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let request = test.secrets_in(PLAIN).stop_replication_to_replica();
    let request = request.secret_id(SECRET).send().await;
    request.expect("the replica is promoted");
    let missing = format!("{PLAIN} - replica-missing");
    assert_eq!(test.reported_replicas(5).await, [missing]);
    let report = test.keyrota(TEARDOWN).await.exits(0).json();
    let left = report["left_over"].as_array().expect("a list").iter();
    let left: Vec<&Value> = left.filter(|item| item["type"] == "replica").collect();
    assert_eq!(left.len(), 1, "{report}");
    assert_eq!(left[0]["name"], format!("{SECRET} in {PLAIN}"));
    assert!(test.version_in(PLAIN).await.is_some());
    assert!(test.secret(SECRET).await.expect("the secret").deleted);
}

#[tokio::test]
async fn what_is_in_the_way_of_a_replica_is_refused() {
    let (test, key) = account().await;
    let refusals = async |replicas: &str| {
        test.manifest(&manifest(replicas));
        let plan = "plan --function-zip function.zip --format json";
        test.changes_nothing(plan).await.findings()
    };
    let request = test.secrets_in(PLAIN).create_secret().name(SECRET);
    let made = request.secret_string("{}").send().await;
    made.expect("the secret is made");
    let at = "access_keys[0].replicas";
    assert_eq!(refusals(PLAIN).await, [format!("replica-name-taken {at}")]);
    let request = test.kms_in(KEYED).disable_key().key_id(&key);
    request.send().await.expect("the key is disabled");
    let keyed = format!("{{ region: {KEYED}, kms_key: '{key}' }}");
    assert_eq!(refusals(&keyed).await, [format!("replica-key {at}")]);

    // A secret that is itself a replica.
    let other = test.secrets_in(KEYED);
    let made = other.create_secret().name(SECRET).secret_string("{}");
    made.send().await.expect("the secret is made");
    let replica = aws_sdk_secretsmanager::types::ReplicaRegionType::builder();
    let request = other.replicate_secret_to_regions().secret_id(SECRET);
    let request = request.add_replica_regions(replica.region(REGION).build());
    request.send().await.expect("the secret is replicated");
    let found = refusals("").await;
    assert_eq!(found, [format!("secret-is-replica secret {SECRET}")]);
}
