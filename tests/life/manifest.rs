//! Manifests and command lines that are refused before AWS is asked.

use crate::environment::Home;

/// Everything that is wrong with it is found at once, each with its place.
const WRONG: &str = "\
version: 1
stack: payments-keys
regoin: us-east-1
defaults: { schedule: rate(3 hours) }
access_keys:
  - { user: ci-deployer, secret: prod/ci-deployer, rotate_sa: role }
  - { user: CI-Deployer, secret: prod/other }
  - { user: mailer, secret: prod/other }
  - { user: \"a'b\\\"{{c}}\", secret: \"prod\\n- injected: true\" }
  - { user: batch, secret: prod/batch-AbCdEf }
";

const FOUND: [&str; 8] = [
    "unknown-key regoin 3",
    "invalid-schedule defaults.schedule 4",
    "unknown-key access_keys[0].rotate_sa 6",
    "duplicate-user access_keys[1].user 7",
    "duplicate-secret access_keys[2].secret 8",
    "invalid-name access_keys[3].user 9",
    "invalid-name access_keys[3].secret 9",
    "invalid-name access_keys[4].secret 10",
];

#[tokio::test]
async fn all_that_is_wrong_is_found_at_once_with_its_place() {
    let home = Home::new();
    home.write("keyrota.yaml", WRONG);
    for verb in [
        "generate",
        "plan",
        "bootstrap --yes",
        "rotate",
        "status",
        "teardown --yes",
    ] {
        let ran = home
            .keyrota(&format!("{verb} --format json"))
            .await
            .exits(3);
        let document = ran.json();
        let mut found: Vec<String> = document["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|finding| {
                let text = |key: &str| finding[key].as_str().expect("text").to_owned();
                assert_eq!(finding["severity"], "error");
                assert!(!text("message").is_empty());
                format!("{} {} {}", text("kind"), text("path"), finding["line"])
            })
            .collect();
        found.sort();
        let mut expected: Vec<&str> = FOUND.into();
        expected.sort_unstable();
        assert_eq!(found, expected, "{ran}");
    }
    assert!(!home.file("rendered").exists());

    // For people: on stderr, each with its line, and the nearest key that is known.
    let ran = home.keyrota("generate").await.exits(3);
    assert_eq!(ran.stdout, "");
    ran.says(&[
        "line 3: regoin",
        "`region`",
        "line 6: access_keys[0].rotate_sa",
        "`rotate_as`",
        "line 7: access_keys[1].user",
        "keyrota.yaml was refused: 8 errors",
    ]);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_named() {
    let home = Home::new();
    home.keyrota("generate --format json")
        .await
        .exits(1)
        .fails("file", &["keyrota.yaml", "--manifest"]);
    home.keyrota("generate -f absent.yaml --format json")
        .await
        .exits(1)
        .fails("file", &["absent.yaml"]);
    std::fs::create_dir(home.file("folder.yaml")).expect("a folder");
    home.keyrota("generate -f folder.yaml --format json")
        .await
        .exits(1)
        .fails("file", &["folder.yaml"]);
    home.write("binary.yaml", b"version: 1\nstack: k\xe9ys\n");
    let ran = home
        .keyrota("generate -f binary.yaml --format json")
        .await
        .exits(3);
    let document = ran.json();
    assert_eq!(document["findings"][0]["kind"], "not-utf-8", "{ran}");
    assert_eq!(document["findings"][0]["line"], 2, "{ran}");
    home.write("broken.yaml", "version: 1\nstack: [\n");
    let ran = home
        .keyrota("generate -f broken.yaml --format json")
        .await
        .exits(3);
    assert_eq!(ran.findings().len(), 1, "{ran}");
    home.write("empty.yaml", "");
    let ran = home
        .keyrota("generate -f empty.yaml --format json")
        .await
        .exits(3);
    assert!(!ran.findings().is_empty(), "{ran}");
}

#[tokio::test]
async fn an_unknown_environment_is_refused_with_those_there_are() {
    let home = Home::new();
    home.write(
        "keyrota.yaml",
        "version: 1\nstack: a\naccess_keys: [{ user: b }]\nenvironments:\n  staging: { stack: c }\n",
    );
    let ran = home
        .keyrota("generate -e stagign --format json")
        .await
        .exits(3);
    assert_eq!(ran.findings().len(), 1, "{ran}");
    assert!(
        ran.stdout.contains("stagign") && ran.stdout.contains("staging"),
        "{ran}"
    );
    home.keyrota("generate -e staging -o out").await.exits(0);
    assert!(home.read("out/stack.yaml").contains("/keyrota/c"));

    // An error in an environment that is not selected is reported too.
    home.write(
        "keyrota.yaml",
        "version: 1\nstack: a\naccess_keys: [{ user: b }]\nenvironments:\n  staging: { stak: c }\n",
    );
    let ran = home.keyrota("generate --format json").await.exits(3);
    let document = ran.json();
    assert_eq!(
        document["findings"][0]["path"], "environments.staging.stak",
        "{ran}"
    );
    assert_eq!(document["findings"][0]["line"], 5, "{ran}");
}

#[tokio::test]
async fn a_command_line_that_is_not_understood_ends_with_2() {
    let home = Home::new();
    home.write(
        "keyrota.yaml",
        "version: 1\nstack: a\naccess_keys: [{ user: b }]\n",
    );
    for arguments in [
        "",
        "bootsrtap",
        "generate --chekc",
        "teardown --recovery-window 6",
        "teardown --recovery-window 31",
        "teardown --recovery-window 7 --force-delete-secrets",
        "teardown --keep-keys --delete-keys",
        "bundle --architecture mips",
        "credentials",
        "generate --format xml",
        "generate -q -v",
    ] {
        let ran = home.keyrota(arguments).await.exits(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{ran}");
    }
    // A name that the manifest does not have, before AWS is asked.
    let ran = home.keyrota("rotate nobody --format json").await.exits(2);
    ran.fails("usage", &["nobody", "a/b"]);
    // What is not built is not offered.
    let help = home.keyrota("--help").await.exits(0).stdout;
    for verb in [
        "generate",
        "plan",
        "bootstrap",
        "rotate",
        "status",
        "teardown",
    ] {
        assert!(help.contains(verb), "{help}");
    }
}
