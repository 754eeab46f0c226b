//! What is said without an AWS: when windows open, what a stack costs, and the
//! manifest's schema.

use serde_json::{Value, json};

use crate::world::{Home, Ran};

const MANIFEST: &str = "version: 1\nstack: keys\naccess_keys: [{ user: ada }]\n";

async fn schedule(home: &Home, expression: &str, flags: &str) -> Ran {
    let arguments = format!("schedule {flags}");
    let mut program = home.program(&arguments);
    let output = program.arg(expression).output().await;
    Ran::new(&arguments, output.expect("keyrota can be started"))
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
        ("cron(0 8 30 FEB ? *)", "", "never comes"),
        ("every day", "", "neither"),
        ("rate(4 hours)", "--window 5h", "runs into the next one"),
        (
            "cron(0 22 * * ? *)",
            "--window 3h",
            "past the end of the UTC day",
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
