//! Surveys an account whose keys are really used, as long ago as the test wants.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::environment::{ACCOUNT, Fault, Key, Proxy, Signed, TestEnvironment};

const DAY: u64 = 86_400;
const LAMBDA: &str = "Boto3/1.34 ua/2.0 os/linux exec-env/AWS_Lambda_python3.12 Botocore/1.34";
const GITHUB: &str = "aws-sdk-js/3.398.0 configure-aws-credentials-for-github-actions";
const LAPTOP: &str = "aws-cli/2.15 Python/3.11 Linux/5.10.205-195.amzn2.x86_64";

impl TestEnvironment {
    /// Uses a key for a request that its user may or may not make.
    async fn use_key(&self, key: &Key, action: &str, user_agent: &str) {
        let request = Signed::new("iam", "POST", "/")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", user_agent);
        let body = format!("Action={action}&Version=2010-05-08");
        let answer = request.answer(self.endpoint(), key, &body).await;
        assert!(answer.contains("AccessDenied"), "{answer}");
    }

    /// Makes a key and its last use older.
    async fn age(&self, key: &Key, days: u64) {
        let path = format!("/_ministack/age?key={}&seconds={}", key.id, days * DAY);
        let request = Signed::new("keyrota", "POST", &path);
        request.send(self.endpoint(), &self.root(), "").await;
    }

    async fn make_used(&self, user: &str, user_agent: &str, days: u64) -> Key {
        self.make_user(user).await;
        let key = self.make_key(user).await;
        self.use_key(&key, "ListRoles", user_agent).await;
        self.age(&key, days).await;
        key
    }
}

/// Returns the keys of a result by their IDs.
fn by_id(document: &Value) -> BTreeMap<String, Value> {
    let keys = document["keys"].as_array().expect("keys");
    let id = |key: &Value| key["access_key_id"].as_str().expect("an ID").to_owned();
    keys.iter().map(|key| (id(key), key.clone())).collect()
}

fn verdict<'a>(keys: &'a BTreeMap<String, Value>, key: &Key) -> (&'a str, &'a str) {
    let found = &keys[&key.id];
    let text = |name: &str| found[name].as_str().expect("a text");
    (text("verdict"), text("reason"))
}

#[tokio::test]
async fn every_key_gets_a_verdict_and_nothing_changes() {
    let test = TestEnvironment::without_function().await;
    let stale = test.make_used("stale", LAPTOP, 90).await;
    let almost = test.make_used("almost", LAPTOP, 89).await;
    test.make_user("unused").await;
    let unused = test.make_key("unused").await;
    test.age(&unused, 200).await;
    let fresh = test.make_key("unused").await;
    let lambda = test.make_used("lambda", LAMBDA, 30).await;
    let github = test.make_used("github", GITHUB, 3).await;
    let laptop = test.make_used("laptop", LAPTOP, 400).await;
    test.use_key(&laptop, "ListRoles", LAPTOP).await;
    // A rotation that runs in Lambda, for clients anywhere.
    test.make_user("rotated").await;
    let rotated = test.make_key("rotated").await;
    test.use_key(&rotated, "CreateAccessKey", LAMBDA).await;
    test.age(&rotated, 100).await;
    test.use_key(&rotated, "DeleteAccessKey", LAMBDA).await;
    test.make_user("inactive").await;
    let inactive = test.make_key("inactive").await;
    test.set_key_active("inactive", &inactive.id, false).await;
    let person = test.iam.create_login_profile().user_name("inactive");
    person
        .password("Example-4711")
        .send()
        .await
        .expect("a password");

    let ran = test.changes_nothing("survey --format json").await;
    let document = ran.exits(0).json();
    assert_eq!(document["account"], ACCOUNT);
    assert_eq!(document["warnings"], json!([]), "{document}");
    assert_eq!(document["users"]["total"], 8);
    assert_eq!(document["users"]["with_keys"], 8);
    assert_eq!(document["users"]["with_console_password"], 1);
    let keys = by_id(&document);
    assert_eq!(keys.len(), 9);
    for (key, expected, words) in [
        (
            &stale,
            "delete",
            "90 days old, last used 90 days ago (iam in us-east-1)",
        ),
        (
            &almost,
            "rotate",
            "origin unknown (--cloudtrail looks for it)",
        ),
        (&unused, "delete", "200 days old, never used"),
        (&fresh, "rotate", "0 days old, never used"),
        (&lambda, "rotate", "origin unknown"),
        (&laptop, "rotate", "400 days old, last used 0 days ago"),
        (&inactive, "rotate", "it is inactive"),
    ] {
        let (found, reason) = verdict(&keys, key);
        assert_eq!(found, expected, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(keys[&inactive.id]["status"], "Inactive");
    assert_eq!(keys[&inactive.id]["console_password"], true);
    assert_eq!(keys[&fresh.id]["last_used"]["date"], Value::Null);
    assert_eq!(keys[&stale.id]["last_used"]["service"], "iam");

    let document = test.keyrota("survey --cloudtrail --format json").await;
    let document = document.exits(0).json();
    let keys = by_id(&document);
    for (key, expected, words) in [
        (&stale, "delete", "90 days old"),
        (&lambda, "use_role", "exec-env/AWS_Lambda_python3.12"),
        (
            &github,
            "use_role",
            "used by GitHub Actions, which can assume a role",
        ),
        (&laptop, "rotate", "do not show the client"),
        (&rotated, "rotate", "do not show the client"),
    ] {
        let (found, reason) = verdict(&keys, key);
        assert_eq!(found, expected, "{reason}");
        assert!(reason.contains(words), "{reason}");
    }
    let evidence = &keys[&lambda.id]["evidence"];
    assert_eq!(evidence["event_name"], "ListRoles");
    assert_eq!(evidence["region"], "us-east-1");
    assert_eq!(keys[&laptop.id]["evidence"], Value::Null);
}

#[tokio::test]
async fn only_a_report_is_requested_and_only_the_needed_keys_are_looked_up() {
    let test = TestEnvironment::without_function().await;
    for user in 0..5 {
        test.make_user(&format!("person-{user}")).await;
    }
    let key = test.make_used("ada", LAPTOP, 5).await;
    let stale = test.make_used("bob", LAPTOP, 100).await;
    let proxy = Proxy::start(test.endpoint(), Fault::None).await;
    let through = async |arguments: &str| {
        proxy.meet(Fault::None);
        let mut program = test.program(arguments);
        program.env("AWS_ENDPOINT_URL", proxy.endpoint());
        test.run(arguments, program).await.exits(0);
        let calls = proxy.meet(Fault::None).calls;
        let count = |action: &str| calls.iter().filter(|call| call.action == action).count();
        let changes: Vec<&str> = calls
            .iter()
            .filter(|call| call.changes)
            .map(|call| call.action.as_str())
            .filter(|action| !matches!(*action, "GenerateCredentialReport" | "LookupEvents"))
            .collect();
        assert_eq!(changes, Vec::<&str>::new());
        (
            count("ListAccessKeys"),
            count("GetAccessKeyLastUsed"),
            count("LookupEvents"),
        )
    };
    // A fresh report has the last use of both keys, and shows who has none.
    assert_eq!(through("survey").await, (2, 0, 0));
    assert_eq!(through("survey --cloudtrail").await, (2, 0, 1));

    // A key that is newer than the report is looked up.
    let newer = test.make_key("bob").await;
    let survey = test.keyrota("survey --format json").await;
    let keys = by_id(&survey.exits(0).json());
    assert_eq!(keys.len(), 3);
    assert_eq!(verdict(&keys, &newer).0, "rotate");
    assert_eq!(verdict(&keys, &stale).0, "delete");
    assert_eq!(verdict(&keys, &key).0, "rotate");
}

#[tokio::test]
async fn secrets_are_found_and_their_values_stay_in_them() {
    let test = TestEnvironment::without_function().await;
    let held = test.make_used("held", LAPTOP, 5).await;
    let named = test.make_used("named", LAPTOP, 5).await;
    let tagged = test.make_used("tagged", LAPTOP, 5).await;
    let nowhere = test.make_used("nowhere", LAPTOP, 5).await;
    let value = json!({ "accesskey": held.id, "secretkey": held.secret, "more": "kept-4711" });
    test.make_secret("team/any", &value.to_string()).await;
    test.make_secret("prod/named", "not this key").await;
    test.make_secret("team/keys", "unreadable").await;
    for (key, value) in [("keyrota:stack", "keys"), ("keyrota:user", "tagged")] {
        let tag = aws_sdk_secretsmanager::types::Tag::builder();
        let tag = tag.key(key).value(value).build();
        let request = test.secretsmanager.tag_resource().secret_id("team/keys");
        request.tags(tag).send().await.expect("a tag");
    }
    let found = async |options: &str| {
        let arguments = format!("survey --format json{options}");
        let keys = by_id(&test.keyrota(&arguments).await.exits(0).json());
        [&held, &named, &tagged, &nowhere].map(|key| {
            let key = &keys[&key.id];
            (key["secret"].clone(), key["secret_matched_by"].clone())
        })
    };
    let none = (Value::Null, Value::Null);
    let by_tags = (json!("team/keys"), json!("tags"));
    assert_eq!(
        found("").await,
        [
            none.clone(),
            (json!("prod/named"), json!("name")),
            by_tags.clone(),
            none.clone()
        ]
    );
    let by_id = (json!("team/any"), json!("key_id"));
    assert_eq!(
        found(" --read-values").await,
        [by_id, none.clone(), by_tags, none]
    );
    let shown = test.keyrota("survey").await;
    let shown = shown.exits(0);
    for words in ["prod/named (by name only)", "does not prove"] {
        assert!(shown.stdout.contains(words), "{shown}");
    }
    for format in ["human", "json", "csv"] {
        let page = "--html keys.html --read-values";
        let ran = test
            .keyrota(&format!("survey {page} --format {format}"))
            .await;
        let written = test.home.read("keys.html");
        let ran = ran.exits(0);
        for text in [&ran.stdout, &ran.stderr, &written] {
            assert!(!text.contains("kept-4711") && !text.contains("unreadable"));
            assert!(!text.contains(&held.secret));
        }
    }
}

#[tokio::test]
async fn a_manifest_is_written_and_overwritten_only_by_force() {
    let test = TestEnvironment::without_function().await;
    test.make_used("+formula,=1", LAPTOP, 5).await;
    test.make_used("mailer", LAPTOP, 5).await;
    test.make_used("stale", LAPTOP, 500).await;
    let below = test.iam.create_user().user_name("batch").path("/ci/");
    below.send().await.expect("a user below a path");
    test.make_key("batch").await;
    let survey = "survey --write-manifest new.yaml --stack survey-keys";
    let ran = test.keyrota(survey).await;
    let ran = ran.exits(0);
    assert!(ran.stdout.contains("Wrote new.yaml with 3 users"), "{ran}");
    let written = test.home.read("new.yaml");
    for line in ["- user: batch", "- user: mailer", "- user: \"+formula,=1\""] {
        assert!(written.contains(line), "{written}");
    }
    assert!(!written.contains("stale"), "{written}");
    test.keyrota("generate -f new.yaml").await.exits(0);

    test.home.write("new.yaml", "mine");
    let again = test.keyrota(&format!("{survey} --format json")).await;
    again.exits(1).fails("exists", &["new.yaml", "--force"]);
    assert_eq!(test.home.read("new.yaml"), "mine");
    test.keyrota(&format!("{survey} --force")).await.exits(0);
    assert_eq!(test.home.read("new.yaml"), written);

    // A spreadsheet must not read the name as a formula.
    let table = test.keyrota("survey --format csv").await;
    let table = &table.exits(0).stdout;
    assert!(
        table.contains("\n\"'+formula,=1\",\"arn:aws:iam"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 5);
    for other in ["init", "status", "schedule rate(1day)", "cost"] {
        let ran = test.keyrota(&format!("{other} --format csv")).await;
        ran.exits(2)
            .says(&["--format csv is for `keyrota survey` only"]);
    }
}

#[tokio::test]
async fn the_printed_policy_suffices_and_each_action_is_needed() {
    let test = TestEnvironment::without_function().await;
    let key = test.make_used("ada", LAPTOP, 5).await;
    let kms_key = test.make_kms_key().await;
    let request = test.secretsmanager.create_secret().name("team/any");
    let request = request.kms_key_id(kms_key).secret_string(&key.id);
    request
        .send()
        .await
        .expect("a secret with a key of its own");
    let options = "--cloudtrail --read-values --region us-east-1";
    let printed = test
        .keyrota(&format!("survey --print-policy {options}"))
        .await;
    let policy = printed.exits(0).json();
    let surveyor = test.make_user_with("surveyor", &policy.to_string()).await;
    let root = test.root();
    // A key that is not in the report, so that its last use is looked up.
    test.keyrota("survey").await.exits(0);
    test.make_key("ada").await;

    let survey = format!("survey {options} --format json");
    test.act_as(&surveyor);
    let whole = test.keyrota(&survey).await.exits(0).json();
    assert_eq!(whole["warnings"], json!([]));
    let keys = by_id(&whole);
    assert_eq!(keys[&key.id]["secret_matched_by"], "key_id");

    let statements = policy["Statement"].as_array().expect("statements");
    let actions = statements
        .iter()
        .flat_map(|it| it["Action"].as_array().expect("actions"));
    let actions: Vec<&str> = actions.map(|it| it.as_str().expect("an action")).collect();
    assert_eq!(actions.len(), 9);
    for action in actions {
        let mut less = policy.clone();
        for statement in less["Statement"].as_array_mut().expect("statements") {
            let held = statement["Action"].as_array_mut().expect("actions");
            held.retain(|it| it != action);
        }
        let statements = less["Statement"].as_array_mut().expect("statements");
        statements.retain(|it| it["Action"].as_array().is_some_and(|it| !it.is_empty()));
        test.allow("surveyor", &less.to_string()).await;
        let ran = test.keyrota(&survey).await;
        if action == "iam:ListUsers" {
            ran.exits(1).fails("denied", &[action]);
            continue;
        }
        let document = ran.exits(0).json();
        let warnings = document["warnings"].to_string();
        let named = match action {
            // Secrets Manager decrypts for the caller.
            "kms:Decrypt" => "secretsmanager:GetSecretValue",
            action => action,
        };
        assert!(warnings.contains(named), "{action}: {warnings}");
    }
    test.act_as(&root);
}
