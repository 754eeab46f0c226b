//! Users below a path: the finding where the manifest has another one, the use of their keys, and
//! the move of a user that the stack created.

use serde_json::json;

use crate::environment::{ACCOUNT, ADMINISTRATOR, REGION, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const PLAN: &str = "plan --function-zip function.zip --format json";

/// Returns a manifest with one entry.
fn manifest(entry: &str) -> String {
    format!(
        "version: 1\nstack: keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\naccess_keys: [{{ {entry} }}]\n"
    )
}

#[tokio::test]
async fn an_existing_user_is_managed_where_it_is() {
    let test = TestEnvironment::new().await;
    test.make_user_below("ci-deployer", "/ci/").await;
    let below = manifest("user: ci-deployer, secret: app, path: /ci/");
    test.manifest(&below);
    test.keyrota("generate").await.exits(0);
    let policy = test.home.read("rendered/deployer-policy.json");
    let deployer = test.make_deployer("deployer", &policy).await;

    test.manifest(&manifest("user: ci-deployer, secret: app"));
    for verb in [PLAN, BOOTSTRAP] {
        let ran = test.changes_nothing(verb).await.exits(3);
        assert_eq!(ran.findings(), ["user-path user ci-deployer"]);
        assert!(ran.stdout.contains("write `path: /ci/`"), "{ran}");
    }
    // The policy of a manifest with another path does not even allow a look at the user.
    test.keyrota("generate --output flat").await.exits(0);
    let flat = test.home.read("flat/deployer-policy.json");
    let other = test.make_deployer("flat", &flat).await;
    test.act_as(&other);
    let ran = test.changes_nothing(PLAN).await.exits(1);
    ran.fails("denied", &["iam:", "`path:`"]);

    test.act_as(&deployer);
    test.manifest(&below);
    test.keyrota(BOOTSTRAP).await.exits(0);
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/ci/ci-deployer");
    for _ in 0..2 {
        let current = test.current_key("app").await;
        assert_eq!(test.holder(&current).await, Ok(arn.clone()));
        let mut reads = test.program("exec app -- sh -c");
        reads.arg(r#"printf %s "$AWS_ACCESS_KEY_ID" > held"#);
        test.act_as(&test.root());
        test.run("exec", reads).await.exits(0);
        assert_eq!(test.home.read("held"), current.id);
        let document = test.keyrota("credentials app").await.exits(0).json();
        assert_eq!(document["AccessKeyId"], current.id);
        test.act_as(&deployer);
        test.keyrota("doctor").await.exits(0);
        test.keyrota("rotate").await.exits(0);
    }
    test.act_as(&test.root());
    test.manifest(&manifest("user: ci-deployer, secret: app, path: /cd/"));
    let document = test.keyrota("doctor --format json").await.exits(5).json();
    let found = document["findings"].as_array().expect("findings");
    assert_eq!(found.len(), 1, "{document:#}");
    assert_eq!(found[0]["id"], "user-path-differs");
    test.manifest(&below);
    test.keyrota("teardown --yes --delete-keys --force-delete-secrets")
        .await
        .exits(0);
    assert_eq!(test.keys("ci-deployer").await, Some([].into()));
}

#[tokio::test]
async fn a_user_of_the_stack_is_moved_and_told_so_before() {
    let test = TestEnvironment::new().await;
    let entry = |path: &str| {
        manifest(&format!(
            "user: uploader, secret: app, create_user: true, path: {path}, description: {path}, tags: {{ at: {path} }}"
        ))
    };
    let mut policies = Vec::new();
    for path in ["/a/", "/b/"] {
        test.manifest(&entry(path));
        test.keyrota("generate").await.exits(0);
        policies.push(test.home.read("rendered/deployer-policy.json"));
    }
    test.manifest(&entry("/a/"));
    test.keyrota(BOOTSTRAP).await.exits(0);
    let before = test.current_key("app").await;
    let arn = |path: &str| format!("arn:aws:iam::{ACCOUNT}:user{path}uploader");
    assert_eq!(test.holder(&before).await, Ok(arn("/a/")));

    test.manifest(&entry("/b/"));
    let ran = test.changes_nothing(PLAN).await.exits(0);
    for told in [arn("/a/").as_str(), arn("/b/").as_str(), "iam:UpdateUser"] {
        assert!(ran.stderr.contains(told), "{told}: {ran}");
    }
    // IAM requires the permission for the ARN before and after.
    let statements = |policy: &String| {
        let policy: serde_json::Value = serde_json::from_str(policy).expect("JSON");
        policy["Statement"].as_array().expect("statements").clone()
    };
    let both: Vec<_> = policies.iter().flat_map(statements).collect();
    let both = json!({ "Version": "2012-10-17", "Statement": both }).to_string();
    let deployer = test.make_deployer("deployer", &both).await;
    test.act_as(&deployer);
    test.keyrota(BOOTSTRAP).await.exits(0);
    test.act_as(&test.root());
    assert_eq!(test.current_key("app").await, before);
    assert_eq!(test.holder(&before).await, Ok(arn("/b/")));
    let secret = test.secret("app").await.expect("the secret");
    assert_eq!(secret.tags["at"], "/b/");
    test.keyrota("rotate").await.exits(0);
    test.keyrota("doctor").await.exits(0);
    test.keyrota("teardown --yes").await.exits(0);
    assert_eq!(test.keys("uploader").await, None);
}

#[tokio::test]
async fn an_administrator_of_everything_may_move_it_too() {
    let test = TestEnvironment::new().await;
    let administrator = test.make_user_with("ada", ADMINISTRATOR).await;
    test.act_as(&administrator);
    for path in ["/", "/a/b/", "/"] {
        let rotates = "rotate_as: role, create_user: true";
        test.manifest(&manifest(&format!("user: made, path: {path}, {rotates}")));
        test.keyrota(BOOTSTRAP).await.exits(0);
        let key = test.current_key("keys/made").await;
        let arn = format!("arn:aws:iam::{ACCOUNT}:user{path}made");
        assert_eq!(test.holder(&key).await, Ok(arn));
        test.keyrota("rotate").await.exits(0);
    }
}
