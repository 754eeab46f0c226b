//! Commands that do not call AWS: rotation windows, costs, the manifest's schema,
//! completions, and manual pages.

use serde_json::{Value, json};

use crate::environment::{CommandOutput, Home};

const MANIFEST: &str = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\n";

async fn schedule(home: &Home, expression: &str, flags: &str) -> CommandOutput {
    let arguments = format!("schedule {flags}");
    let mut program = home.program(&arguments);
    let output = program.arg(expression).output().await;
    CommandOutput::new(&arguments, output.expect("keyrota can be started"))
}

#[tokio::test]
async fn windows_are_listed_from_a_moment() {
    let home = Home::new();
    let flags = "--format json --from 2028-01-31T08:00:00Z --next 2";
    let ran = schedule(&home, "cron(0 8 L * ? *)", flags).await.exits(0);
    let document = ran.json();
    assert_eq!(document["valid"], true);
    assert_eq!(document["error"], Value::Null);
    assert_eq!(
        document["windows"],
        json!([
            { "opens": "2028-02-29T08:00:00Z", "closes": "2028-03-01T00:00:00Z" },
            { "opens": "2028-03-31T08:00:00Z", "closes": "2028-04-01T00:00:00Z" },
        ])
    );
    let ran = schedule(&home, "rate(10 days)", "--window 3h")
        .await
        .exits(0);
    assert_eq!(ran.stdout.lines().count(), 8, "{ran}");
}

#[tokio::test]
async fn what_secrets_manager_would_refuse_is_refused() {
    let home = Home::new();
    for (expression, flags, why) in [
        ("cron(0 8 30 FEB ? *)", "", "does not exist"),
        ("every day", "", "expected rate(N days) or cron("),
        ("rate(4 hours)", "--window 5h", "overlaps the next one"),
        (
            "cron(0 22 * * ? *)",
            "--window 3h",
            "exceeds the end of the UTC day",
        ),
    ] {
        let ran = schedule(&home, expression, &format!("--format json {flags}")).await;
        let document = ran.exits(3).json();
        assert_eq!(document["valid"], false);
        assert_eq!(document["windows"], json!([]));
        let error = document["error"].as_str().expect("a text");
        assert!(error.contains(why), "{error}");
        let ran = schedule(&home, expression, flags).await.exits(3);
        assert_eq!(ran.stdout, "");
        ran.says(&[why, "hint:"]);
    }
    for flags in ["--from today", "--window 3", "--next 0", "--next 1001"] {
        schedule(&home, "rate(1 day)", flags).await.exits(2);
    }
}

#[tokio::test]
async fn a_cost_adds_up_by_whichever_list() {
    let home = Home::new();
    home.write("keyrota.yaml", MANIFEST);
    let sum = |document: &Value| -> f64 {
        let items = document["items"].as_array().expect("items");
        items
            .iter()
            .filter_map(|item| item["monthly"].as_f64())
            .sum()
    };
    let document = home.keyrota("cost --format json").await.exits(0).json();
    let total = document["total"].as_f64().expect("a number");
    assert!((sum(&document) - total).abs() < 1e-9, "{document}");
    assert_eq!(document["region"], "us-east-1");
    let list = home.keyrota("cost --show-prices").await.exits(0).stdout;
    home.write("prices.yaml", list.replace("amount: 0.40", "amount: 10.40"));
    let dear = home
        .keyrota("cost --prices prices.yaml --format json")
        .await
        .exits(0)
        .json();
    let dearer = dear["total"].as_f64().expect("a number") - total;
    assert!((dearer - 10.0).abs() < 1e-9, "{dear}");
    home.write("prices.yaml", list.replace("  metric:", "  metrics:"));
    let ran = home
        .keyrota("cost --prices prices.yaml --format json")
        .await;
    assert_eq!(
        ran.findings(),
        ["missing prices.metric", "unknown-key prices.metrics"]
    );
}

#[tokio::test]
async fn the_schema_is_the_published_one() {
    let ran = Home::new().keyrota("schema").await.exits(0);
    let published = include_str!("../../schema/keyrota.schema.json");
    assert!(ran.stdout == published, "{ran}");
}

#[tokio::test]
async fn a_shell_reads_its_completions() {
    let home = Home::new();
    let ran = home.keyrota("completions bash").await.exits(0);
    home.write("keyrota.bash", &ran.stdout);
    let mut shell = tokio::process::Command::new("bash");
    let asked = "source ./keyrota.bash; COMP_WORDS=(keyrota boot); COMP_CWORD=1; \
                 _keyrota keyrota boot keyrota; echo \"${COMPREPLY[@]}\"";
    shell.args(["--noprofile", "--norc", "-c", asked]);
    let output = shell.current_dir(home.path()).output().await;
    let output = output.expect("bash can be started");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "bootstrap");
    // In every form the script and nothing else.
    let again = home.keyrota("completions bash --format json").await;
    assert_eq!(again.exits(0).stdout, ran.stdout);
    let ran = home.keyrota("completions csh").await.exits(2);
    ran.says(&["bash", "zsh", "fish"]);
}

#[tokio::test]
async fn manual_pages_are_written_and_the_same_each_time() {
    let home = Home::new();
    let top = home.keyrota("man").await.exits(0).stdout;
    assert!(top.contains(".TH keyrota 1"), "{top}");
    let pages = "man -o share/man1 --format json";
    let document = home.keyrota(pages).await.exits(0).json();
    let files = document["files"].as_array().expect("files").clone();
    assert!(files.iter().all(|file| file["state"] == "written"));
    assert_eq!(home.read("share/man1/keyrota.1"), top);
    let rotate = home.read("share/man1/keyrota-rotate.1");
    assert!(rotate.contains("restore\\-previous"), "{rotate}");
    let document = home.keyrota(pages).await.exits(0).json();
    let again = document["files"].as_array().expect("files");
    assert_eq!(again.len(), files.len());
    assert!(again.iter().all(|file| file["state"] == "unchanged"));
    home.write("taken", "a file");
    let ran = home.keyrota("man -o taken").await.exits(1);
    ran.says(&["taken"]);
}
