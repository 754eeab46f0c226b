//! Creates a manifest: from flags, with data from the account, and never replacing an existing
//! one.

use crate::environment::{ACCOUNT, Home, Key, TestEnvironment};

#[tokio::test]
async fn without_an_account_flags_are_enough() {
    let home = Home::new();
    let init = "init --no-discover --stack payments-keys --user ci-deploy --user mailer --region eu-west-1 --email ops@example.com --kms-key create";
    home.keyrota(init).await.exits(0);
    let written = home.read("keyrota.yaml");
    let first = written.lines().next().expect("a line");
    assert!(first.starts_with("# yaml-language-server: $schema=https://"));
    home.keyrota("generate").await.exits(0);
    home.keyrota("cost").await.exits(0);

    home.write("keyrota.yaml", "mine");
    let again = format!("{init} --format json");
    home.keyrota(&again)
        .await
        .exits(1)
        .fails("exists", &["keyrota.yaml", "--force"]);
    assert_eq!(home.read("keyrota.yaml"), "mine");
    home.keyrota(&format!("{init} --force")).await.exits(0);
    assert_eq!(home.read("keyrota.yaml"), written);
    let names = std::fs::read_dir(home.path()).expect("the folder");
    assert_eq!(names.count(), 2, "the manifest and what was rendered");
}

#[tokio::test]
async fn writing_over_follows_a_link_and_replaces_files_alone() {
    let home = Home::new();
    let init = "init --no-discover --force --stack keys --user ada";
    home.write("kept.yaml", "mine");
    std::os::unix::fs::symlink("kept.yaml", home.file("keyrota.yaml")).expect("a link");
    home.keyrota(init).await.exits(0);
    assert!(home.file("keyrota.yaml").is_symlink());
    assert!(home.read("kept.yaml").contains("stack: keys"));

    let device = home.file("device");
    std::os::unix::fs::symlink("/dev/null", &device).expect("a link");
    home.keyrota(&format!("{init} -f device"))
        .await
        .exits(1)
        .says(&["device", "it is not a regular file"]);
    assert!(device.is_symlink());
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_a_matter_of_usage() {
    let home = Home::new();
    home.keyrota("init --no-discover")
        .await
        .exits(2)
        .says(&["--stack", "--user"]);
    for wrong in [
        "--user a/b",
        "--region Seoul",
        "--schedule daily",
        "--email ops",
    ] {
        let init = format!("init --no-discover --stack keys --user ada {wrong}");
        home.keyrota(&init).await.exits(2);
    }
    assert!(!home.file("keyrota.yaml").exists());
    // Without a manifest, the hint names `init`.
    home.keyrota("generate")
        .await
        .exits(1)
        .says(&["keyrota init"]);
}

#[tokio::test]
async fn users_and_their_keys_are_found() {
    let test = TestEnvironment::new().await;
    test.make_user("ci-deployer").await;
    let one = test.make_key("ci-deployer").await;
    test.make_user("mailer").await;
    let two = [test.make_key("mailer").await, test.make_key("mailer").await];
    test.make_user_below("batch", "/ci/").await;

    let init = "init --stack keys --user ci-deployer --user mailer --user batch --user nobody --format json";
    let document = test.keyrota(init).await.exits(0).json();
    assert_eq!(document["account"], ACCOUNT);
    let users = &document["users"];
    assert_eq!(users[0]["keys"][0]["id"], one.id.as_str());
    assert_eq!(users[0]["keys"][0]["status"], "active");
    assert_eq!(users[0]["keys"][0]["age_days"], 0);
    assert!(users[0]["obstacle"].is_null());
    assert_eq!(users[1]["keys"].as_array().map(Vec::len), Some(two.len()));
    for (user, obstacle) in [(1, "two active keys"), (3, "the user does not exist")] {
        let told = users[user]["obstacle"].as_str().unwrap_or_default();
        assert!(told.contains(obstacle), "{document}");
    }
    assert!(users[2]["obstacle"].is_null(), "{document}");
    let manifest = test.home.read("keyrota.yaml");
    assert!(manifest.contains(&format!("account: \"{ACCOUNT}\"")));
    let entry = "  - user: batch\n    path: \"/ci/\"\n";
    assert!(manifest.contains(entry), "{manifest}");

    // If the caller has no permission to look, that is reported and the command continues.
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#;
    let nobody: Key = test.make_user_with("visitor", policy).await;
    test.act_as(&nobody);
    let ran = test
        .keyrota("init -f other.yaml --stack keys --user ci-deployer")
        .await
        .exits(0);
    ran.says(&["iam:GetUser is not allowed"]);
    assert!(test.home.read("other.yaml").contains("user: ci-deployer"));
}
