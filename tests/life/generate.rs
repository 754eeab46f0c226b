//! Rendering for review: the same bytes everywhere, checked, and sound.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::environment::{CommandOutput, Home, tools};

const MANIFEST: &str = "\
version: 1
stack: payments-keys
access_keys:
  - { user: ci-deployer }
  - { user: mailer, rotate_as: role }
";

fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Returns the manifests in a folder of the source, at least as many as there
/// are known to be.
fn manifests(folder: &str, at_least: usize) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(source(folder))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    found.sort();
    assert!(found.len() >= at_least, "{found:?}");
    found
}

/// Returns every file below a folder with its content.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            #[expect(clippy::disallowed_methods, reason = "a test's own file")]
            let content = fs::read(&path).expect("a file");
            let name = path.strip_prefix(folder).expect("below the folder");
            files.insert(name.to_owned(), content);
        }
    }
    files
}

#[tokio::test]
async fn the_same_manifest_gives_the_same_bytes() {
    for manifest in manifests("examples", 10) {
        let manifest = manifest.display();
        let (here, there) = (Home::new(), Home::new());
        let one = here
            .keyrota(&format!("generate -f {manifest} -o one"))
            .await
            .exits(0);
        assert!(one.stdout.contains("stack.yaml"), "{one}");
        // Another folder, other settings, nothing but PATH in the environment.
        let mut other = there.program(&format!("generate -f {manifest} -o deep/er --color always"));
        other
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_PROFILE", "nobody")
            .env_remove("HOME");
        let status = other.status().await.expect("keyrota can be started");
        assert!(status.success());
        let (one, other) = (tree(&here.file("one")), tree(&there.file("deep/er")));
        assert!(one.contains_key(Path::new("deployer-policy.json")));
        assert_eq!(one, other);
        for (name, content) in &one {
            let text = String::from_utf8(content.clone()).expect("UTF-8");
            assert!(
                !text.contains(&here.path().display().to_string()),
                "{name:?}"
            );
            if name.extension().is_some_and(|end| end == "json") {
                serde_json::from_str::<Value>(&text).expect("JSON");
            }
        }
    }
}

#[tokio::test]
async fn a_check_says_what_is_out_of_date_and_writes_nothing() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    let check = "generate --check --format json";
    let missing = home.keyrota(check).await.exits(4).json();
    assert_eq!(missing["up_to_date"], false);
    assert!(!home.file("rendered").exists());

    home.keyrota("generate").await.exits(0);
    assert_eq!(
        home.keyrota(check).await.exits(0).json()["up_to_date"],
        true
    );
    let before = tree(&home.file("rendered"));

    // One entry fewer: its policy is stale, the stack differs.
    home.write(
        "keyrota.yaml",
        MANIFEST.replace("  - { user: ci-deployer }\n", ""),
    );
    let document = home.keyrota(check).await.exits(4).json();
    let states: BTreeMap<&str, &str> = document["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| {
            (
                file["path"].as_str().expect("a path"),
                file["state"].as_str().expect("a state"),
            )
        })
        .collect();
    assert_eq!(states["policies/user-manage-own-access-keys.json"], "stale");
    assert_eq!(states["stack.yaml"], "differs");
    assert_eq!(tree(&home.file("rendered")), before);
    let ran = home.keyrota("generate --check").await.exits(4);
    assert!(
        ran.stdout.contains("user-manage-own-access-keys.json"),
        "{ran}"
    );

    home.keyrota("generate").await.exits(0);
    assert!(
        !home
            .file("rendered/policies/user-manage-own-access-keys.json")
            .exists()
    );
    home.keyrota(check).await.exits(0);
}

/// The page for review says what changed since an earlier rendering.
#[tokio::test]
async fn a_rendering_is_compared_with_an_earlier_one() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    home.keyrota("generate -o old").await.exits(0);
    assert!(
        home.read("old/review.html")
            .contains("rendered without a comparison")
    );
    home.write("keyrota.yaml", format!("{MANIFEST}  - {{ user: late }}\n"));
    let against = "generate -o new --against old";
    home.keyrota(against).await.exits(0);
    let page = home.read("new/review.html");
    assert!(page.contains("Starts to rotate: 1 secret"), "{page}");
    assert!(page.contains("payments-keys/late"));
    // The same again, also where it is checked only; and without it, it is another page.
    home.keyrota(&format!("{against} --check")).await.exits(0);
    home.keyrota("generate -o new --check").await.exits(4);
    // Nothing but the page differs.
    home.keyrota("generate -o alone").await.exits(0);
    let without = |folder: &str| {
        let mut files = tree(&home.file(folder));
        files.remove(Path::new("review.html"));
        files
    };
    assert_eq!(without("new"), without("alone"));
}

#[tokio::test]
async fn what_there_is_to_compare_with_must_be_a_rendering() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    let against = "generate --against earlier --format json";
    let missing = home.keyrota(against).await.exits(1);
    missing.fails("file", &["earlier"]);
    std::fs::create_dir(home.file("earlier")).expect("a folder");
    let empty = home.keyrota(against).await.exits(1);
    empty.fails("against", &["earlier", "stack.yaml"]);
    home.write("earlier/stack.yaml", "a: b\n");
    let foreign = home.keyrota(against).await.exits(1);
    foreign.fails("against", &["stack.yaml", "Resources"]);
    // Nothing was written meanwhile.
    assert!(!home.file("rendered").exists());
}

#[tokio::test]
async fn what_cannot_be_written_is_named() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    home.write("taken", "a file");
    home.keyrota("generate -o taken --format json")
        .await
        .exits(1)
        .fails("file", &["taken"]);
    assert_eq!(home.read("taken"), "a file");
}

#[tokio::test]
async fn what_somebody_else_put_there_stays() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    for theirs in ["stack.yaml", "policies/theirs.json"] {
        fs::create_dir_all(home.file("mine/policies")).expect("a folder");
        home.write(&format!("mine/{theirs}"), "another tool's");
        home.keyrota("generate -o mine --format json")
            .await
            .exits(1)
            .fails("file", &[theirs, "-o"]);
        assert_eq!(home.read(&format!("mine/{theirs}")), "another tool's");
        assert!(!home.file("mine/review.html").exists());
        fs::remove_dir_all(home.file("mine")).expect("the folder");
    }
    home.keyrota("generate -o mine").await.exits(0);

    // Rendered once, the folder is tidied; but not of what only looks alike.
    home.write("mine/stack-7.yaml", "another tool's");
    home.write("mine/stack-.yaml", "another tool's");
    home.write("mine/stack-001.yaml", "an earlier rendering's");
    home.keyrota("generate -o mine").await.exits(0);
    assert!(!home.file("mine/stack-001.yaml").exists());
    assert!(home.file("mine/stack-7.yaml").exists() && home.file("mine/stack-.yaml").exists());
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_a_failure() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    for arguments in ["schema", "cost --format json", "generate --format json"] {
        let full = fs::File::options().write(true).open("/dev/full");
        let mut program = home.program(arguments);
        program.stdout(full.expect("a device that is full"));
        program.stderr(std::process::Stdio::piped());
        // `output` would take stdout back.
        let started = program.spawn().expect("keyrota can be started");
        let output = started.wait_with_output().await;
        CommandOutput::new(arguments, output.expect("it ends"))
            .exits(1)
            .says(&["stdout"]);
    }
}

#[tokio::test]
async fn what_the_check_finds_is_told_or_refused() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    let ran = home.keyrota("generate --format json").await.exits(0);
    let findings = ran.json()["findings"].clone();
    assert_eq!(findings[0]["kind"], "alarm-without-subscriber", "{ran}");
    assert_eq!(findings[0]["severity"], "warning");
    ran.says(&["warning", "alarm-without-subscriber", "AlarmTopic"]);

    // Accepted with a reason, it is silent; what accepts nothing is told with its line.
    let exceptions = "exceptions:\n  - { rule: alarm-without-subscriber, reason: the topic is watched elsewhere }\n";
    home.write("keyrota.yaml", format!("{MANIFEST}{exceptions}"));
    let ran = home.keyrota("generate --format json").await.exits(0);
    assert_eq!(ran.json()["findings"], serde_json::json!([]), "{ran}");
    assert!(!ran.stderr.contains("warning"), "{ran}");

    // What AWS refuses cannot be accepted, and nothing is written.
    let refused = exceptions.replace("alarm-without-subscriber", "stack-resources");
    home.write("keyrota.yaml", format!("{MANIFEST}{refused}"));
    let ran = home
        .keyrota("generate -o other --format json")
        .await
        .exits(3);
    let document = ran.json();
    let findings = document["findings"].as_array().expect("findings");
    let refused = findings
        .iter()
        .find(|one| one["kind"] == "exception-refused");
    assert_eq!(refused.expect("a refusal")["line"], 7, "{ran}");
    assert!(!home.file("other").exists());
}

/// Renders manifests and returns what the linter says of the templates.
async fn lint(manifests: &[PathBuf], arguments: &[&str]) -> String {
    let home = Home::new();
    let mut templates = Vec::new();
    for (number, manifest) in manifests.iter().enumerate() {
        let generate = format!("generate -f {} -o {number}", manifest.display());
        home.keyrota(&generate).await.exits(0);
        templates.push(home.file(&format!("{number}/stack.yaml")));
    }
    let output = Command::new(tools().join("bin/cfn-lint"))
        .args(arguments)
        .arg("--")
        .args(&templates)
        .env("HOME", home.path())
        .output()
        .expect("cfn-lint can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.code().is_some(), "{:?}", output.status);
    text(&output.stdout) + &text(&output.stderr)
}

#[tokio::test]
async fn every_example_passes_the_linter_without_a_remark() {
    assert_eq!(
        lint(&manifests("examples", 10), &["--include-checks", "I"]).await,
        ""
    );
}

#[tokio::test]
async fn every_valid_manifest_passes_the_linter() {
    // In one of them CloudFormation's own marks are part of names, which is what
    // E1029 takes for a forgotten `!Sub`.
    let arguments = ["--ignore-checks", "E1029"];
    assert_eq!(
        lint(&manifests("tests/manifests/valid", 6), &arguments).await,
        ""
    );
}
