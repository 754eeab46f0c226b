//! Cases counted by hand, and lists of prices that are refused.

use rust_decimal::Decimal;

use super::{Charge, Estimate, Prices, Usage, estimate};
use crate::model::{Finding, Model, load};

const LIST: &str = include_str!("prices.yaml");

fn model(text: &str) -> Model {
    let text = format!("version: 1\nstack: keys\n{text}");
    load(&text, None)
        .unwrap_or_else(|found| panic!("{found:?}"))
        .model
}

fn priced(text: &str) -> Estimate {
    estimate(&[&model(text)], &Prices::built_in(), &Usage::default())
}

/// Returns `QUANTITY MONTHLY` of an item.
fn line(estimate: &Estimate, what: &str) -> String {
    let item = estimate.items.iter().find(|item| item.what == what);
    let item = item.unwrap_or_else(|| panic!("{what} in {:?}", estimate.items));
    format!("{} {}", item.quantity, item.monthly)
}

fn check(estimate: &Estimate, expected: &[(&str, &str)], total: &str) {
    for (what, said) in expected {
        assert_eq!(line(estimate, what), *said, "{what}");
    }
    assert_eq!(estimate.items.len(), expected.len(), "{:?}", estimate.items);
    assert_eq!(estimate.total.to_string(), total);
    let sum: Decimal = estimate.items.iter().map(|item| item.monthly).sum();
    assert_eq!(sum, estimate.total);
}

#[test]
fn one_secret_that_rotates_monthly() {
    check(
        &priced("access_keys: [{ user: ada }]"),
        &[
            // 0.40 USD a secret a month.
            ("secrets", "1 0.4"),
            // 15 calls at 0.05 USD per 10,000.
            ("calls of rotations", "15 0.000075"),
            // 2 an hour.
            ("calls of hourly sweeps", "1440 0.0072"),
            // 1 an hour.
            ("calls of readers", "720 0.0036"),
            // 4 at 0.20 USD per million.
            ("steps of rotations", "4 0.000001"),
            ("hourly sweeps", "720 0.000144"),
            // (4 × 0.5 s + 720 × 0.52 s) × 0.125 GB × 0.0000166667 USD.
            ("function time, x86_64", "47.05 0.000784"),
            ("alarms", "4 0.4"),
            ("metrics", "6 1.8"),
            // 8 kB + 720 × 2 kB at 0.50 USD a GB.
            ("log, written", "0.001448 0.000724"),
            ("log, kept", "0.001448 0.000043"),
            ("function's zip", "0.002 0.000046"),
        ],
        "2.612617",
    );
}

#[test]
fn a_replica_costs_as_a_secret() {
    let priced = priced("access_keys: [{ user: ada, replicas: [us-west-2, eu-central-1] }]");
    assert_eq!(line(&priced, "secrets"), "1 0.4");
    assert_eq!(line(&priced, "replicas"), "2 0.8");
}

#[test]
fn one_database() {
    let database = "engine: postgres, host: db.example.com, username: app";
    check(
        &priced(&format!("databases: [{{ secret: a, {database} }}]")),
        &[
            ("secrets", "1 0.4"),
            // 17 calls at 0.05 USD per 10,000.
            ("calls of rotations", "17 0.000085"),
            ("calls of hourly sweeps", "1440 0.0072"),
            ("calls of readers", "720 0.0036"),
            ("steps of rotations", "4 0.000001"),
            ("hourly sweeps", "720 0.000144"),
            ("function time, x86_64", "47.05 0.000784"),
            // No server holds an old password back.
            ("alarms", "3 0.3"),
            ("metrics", "5 1.5"),
            ("log, written", "0.001448 0.000724"),
            ("log, kept", "0.001448 0.000043"),
            ("function's zip", "0.002 0.000046"),
        ],
        "2.212627",
    );
}

/// Each kind has a function of its own, with a sweep, alarms and a zip.
#[test]
fn both_kinds() {
    let both = priced(
        "defaults: { kms_key: create }\naccess_keys: [{ user: ada }]\nnetwork: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }\ndatabases: [{ secret: a, engine: mysql, host: db.example.com, username: app, rotate_as: ops/admin, old_key: { deactivate_after: 1d } }]",
    );
    // 15 of the key; 17, an administrator's and a label more of the database.
    assert_eq!(line(&both, "calls of rotations"), "34 0.00017");
    // 1,440 each; an administrator's, the labels and one removed.
    assert_eq!(line(&both, "calls of hourly sweeps"), "2883 0.014415");
    assert_eq!(line(&both, "hourly sweeps"), "1440 0.000288");
    assert_eq!(line(&both, "alarms"), "7 0.7");
    assert_eq!(line(&both, "metrics"), "11 3.3");
    assert_eq!(line(&both, "KMS keys"), "1 1");
    // 1,448 of the key; 7 decryptions, 2 of the stored value, 720 and 720.
    assert_eq!(line(&both, "KMS requests"), "2897 0.008691");
    assert_eq!(line(&both, "function's zip"), "0.004 0.000092");
    assert!(
        both.left_out
            .iter()
            .any(|text| text.contains("NAT gateway"))
    );
    assert!(
        !priced("access_keys: [{ user: ada }]")
            .left_out
            .iter()
            .any(|text| text.contains("NAT gateway"))
    );
}

#[test]
fn a_key_that_is_made_and_one_that_exists() {
    let made = priced("access_keys: [{ user: ada, kms_key: create }]");
    assert_eq!(line(&made, "KMS keys"), "1 1");
    // 6 decryptions and 2 requests of the stored value, 720 of sweeps, 720 of the reader.
    assert_eq!(line(&made, "KMS requests"), "1448 0.004344");
    assert_eq!(made.total.to_string(), "3.616961");
    let shared =
        priced("defaults: { kms_key: create }\naccess_keys: [{ user: ada }, { user: bob }]");
    assert_eq!(line(&shared, "KMS keys"), "1 1");
    // The key for AWS services is another one, however much it encrypts.
    let services = priced(
        "encrypt: { logs: create, topic: create }\naccess_keys: [{ user: ada, kms_key: create }]",
    );
    assert_eq!(line(&services, "KMS keys"), "2 2");
    let existing =
        priced("access_keys: [{ user: ada, kms_key: 'arn:aws:kms:us-east-1:111122223333:key/1' }]");
    assert_eq!(line(&existing, "KMS requests"), "1448 0.004344");
    assert_eq!(existing.total.to_string(), "2.616961");
}

#[test]
fn a_hundred_secrets() {
    let entries: String = (0..100)
        .map(|number| format!("  - user: user-{number}\n"))
        .collect();
    let hundred = priced(&format!("access_keys:\n{entries}"));
    assert_eq!(line(&hundred, "secrets"), "100 40");
    assert_eq!(line(&hundred, "calls of rotations"), "1500 0.0075");
    assert_eq!(line(&hundred, "calls of hourly sweeps"), "144000 0.72");
    // Three invocations an hour, of at most forty secrets each.
    assert_eq!(line(&hundred, "hourly sweeps"), "2160 0.000432");
    // One stack.
    assert_eq!(line(&hundred, "alarms"), "4 0.4");
    let twice = model(&format!("access_keys:\n{entries}"));
    let two = estimate(&[&twice, &twice], &Prices::built_in(), &Usage::default());
    assert_eq!(line(&two, "secrets"), "200 80");
    assert_eq!(line(&two, "alarms"), "8 0.8");
}

#[test]
fn as_many_secrets_are_swept_as_the_stack_says() {
    assert_eq!(super::SWEPT, crate::render::MAX_SWEPT as u64);
}

#[test]
fn every_four_hours() {
    let often = priced("access_keys: [{ user: ada, schedule: cron(0 /4 * * ? *) }]");
    // 180 rotations.
    assert_eq!(line(&often, "calls of rotations"), "2700 0.0135");
    assert_eq!(line(&often, "steps of rotations"), "720 0.000144");
    assert_eq!(line(&often, "log, written"), "0.00288 0.00144");
    let rate = priced("access_keys: [{ user: ada, schedule: rate(4 hours) }]");
    assert_eq!(rate.total, often.total);
    let monthly = priced("access_keys: [{ user: ada, schedule: cron(0 8 1 * ? *) }]");
    assert_eq!(line(&monthly, "steps of rotations"), "3.942505 0.000001");
}

#[test]
fn old_keys_administrators_and_readers_are_counted() {
    let timed =
        priced("access_keys: [{ user: ada, old_key: { deactivate_after: 1d, delete_after: 7d } }]");
    // Three an hour, and the labels before the key is deactivated and deleted.
    assert_eq!(line(&timed, "calls of hourly sweeps"), "2162 0.01081");
    let at_once = priced("access_keys: [{ user: ada, old_key: { delete_after: 0 } }]");
    assert_eq!(line(&at_once, "calls of rotations"), "16 0.00008");
    assert_eq!(line(&at_once, "calls of hourly sweeps"), "2160 0.0108");
    let administrator = priced(
        "access_keys: [{ user: ada, rotate_as: ops/admin, old_key: { deactivate_after: 1d, delete_after: 7d } }]",
    );
    assert_eq!(line(&administrator, "calls of rotations"), "16 0.00008");
    // The administrator's key is read from the second day on: 696 times.
    assert_eq!(
        line(&administrator, "calls of hourly sweeps"),
        "2858 0.01429"
    );
    let alternating = priced(
        "databases: [{ secret: a, engine: mysql, host: db, username: app, users: alternate, rotate_as: ops/admin, old_key: { deactivate_after: 1d } }]",
    );
    assert_eq!(line(&alternating, "calls of rotations"), "17 0.000085");
    assert_eq!(line(&alternating, "calls of hourly sweeps"), "1440 0.0072");
    let read = model(
        "access_keys: [{ user: ada, readers: ['arn:aws:iam::111122223333:root', 'arn:aws:iam::111122223333:role/app'] }]",
    );
    let usage = Usage { reads_per_hour: 10 };
    let read = estimate(&[&read], &Prices::built_in(), &usage);
    assert_eq!(line(&read, "calls of readers"), "21600 0.108");
    assert!(
        read.assumed
            .iter()
            .any(|line| line.contains("10 times an hour"))
    );
}

#[test]
fn the_processor_and_the_region_count() {
    let arm = priced(
        "region: eu-west-1\nfunction: { architecture: arm64, memory: 256 }\naccess_keys: [{ user: ada }]",
    );
    assert_eq!(line(&arm, "function time, arm64"), "94.1 0.001255");
    assert!(arm.assumed.iter().any(|line| line.contains("eu-west-1")));
    let none = estimate(&[], &Prices::built_in(), &Usage::default());
    assert!(none.items.is_empty() && none.total == Decimal::default());
}

fn refused(list: &str) -> Vec<String> {
    let line = |finding: &Finding| finding.line.unwrap_or_default();
    Prices::parse(list)
        .unwrap_err()
        .iter()
        .map(|finding| format!("{} {} {}", finding.kind, finding.path, line(finding)))
        .collect()
}

#[test]
fn a_list_of_prices_is_read_or_refused_with_its_fields() {
    let prices = Prices::built_in();
    let secret = prices.of(Charge::SecretCall);
    assert_eq!(
        (secret.amount.to_string(), secret.per),
        ("0.05".to_owned(), 10_000)
    );
    let seoul = LIST
        .replace("us-east-1", "ap-northeast-2")
        .replace("0.40", "0.44");
    let prices = Prices::parse(&seoul).unwrap();
    assert_eq!(prices.of(Charge::Secret).of_one().to_string(), "0.44");
    let json = "{\"version\": 1, \"prices\": {}}";
    assert_eq!(refused(json).len(), 3 + 12, "{:?}", refused(json));
    for (change, to, expected) in [
        ("  alarm:", "  alarms:", "unknown-key prices.alarms 16"),
        ("0.40", "-0.40", "invalid-number prices.secret.amount 9"),
        ("0.40", "free", "invalid-number prices.secret.amount 9"),
        ("0.40", "", "missing prices.secret.amount 9"),
        (
            "per: 10000,",
            "per: 12,",
            "invalid-number prices.secret_call.per 10",
        ),
        (
            "unit: GB, ",
            "unit: MB, ",
            "invalid-value prices.log_written.unit 18",
        ),
        ("2026-03-14", "last week", "invalid-value priced_on 7"),
        ("2026-03-14", "2026-02-30", "invalid-value priced_on 7"),
        ("USD", "dollars", "invalid-value currency 5"),
        ("us-east-1", "Virginia", "invalid-name region 6"),
        ("version: 1", "version: 2", "invalid-value version 4"),
    ] {
        let found = refused(&LIST.replacen(change, to, 1));
        assert!(found.contains(&expected.to_owned()), "{change} {found:?}");
    }
    for text in ["", "[]", "prices: [", "prices: 1"] {
        assert!(!refused(text).is_empty(), "{text}");
    }
}

#[test]
fn charges_stand_in_the_order_of_their_keys() {
    for charge in Charge::ALL {
        let line = LIST
            .lines()
            .find(|line| line.contains(&format!("  {}:", charge.key())));
        let unit = format!("unit: {},", charge.unit());
        assert!(line.is_some_and(|line| line.contains(&unit)), "{charge:?}");
    }
}
