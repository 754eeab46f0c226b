//! Tests the cost estimate.

use super::{script, shown};
use crate::cost::{Prices, Usage, estimate};
use crate::model::load;

#[test]
fn cost() {
    let text = "version: 1\nstack: keys\nregion: eu-west-1\naccess_keys: [{ user: ada, kms_key: create }]\n";
    let model = load(text, None).unwrap().model;
    let estimate = estimate(&[&model], &Prices::built_in(), &Usage::default());
    insta::assert_snapshot!(shown(&estimate), @"
                            PER MONTH  PRICE                           USD
    secrets                         1  0.40 each                    0.4000
    calls of rotations             15  0.05 per 10,000 calls        0.0001
    calls of hourly sweeps      1,440  0.05 per 10,000 calls        0.0072
    calls of readers              720  0.05 per 10,000 calls        0.0036
    steps of rotations              4  0.20 per 1,000,000 requests  0.0000
    hourly sweeps                 720  0.20 per 1,000,000 requests  0.0001
    function time, x86_64          47  0.0000166667 per GB-second   0.0008
    KMS keys                        1  1.00 each                    1.0000
    KMS requests                1,448  0.03 per 10,000 requests     0.0043
    alarms                          4  0.10 each                    0.4000
    metrics                         6  0.30 each                    1.8000
    log, written             0.001448  0.50 per GB                  0.0007
    log, kept                0.001448  0.03 per GB                  0.0000
    function's zip           0.002000  0.023 per GB                 0.0000
    total                                                           3.6170

    About 3.62 USD per month, at the list prices of us-east-1 of 2026-03-14.

    Assumptions
      a month of 30 days, 720 hours; rotations that succeed the first time
      readers: the client that each key is for and the manifest's `readers`, each reading once an hour
      time: 500 ms a step, 500 ms a sweep and 20 ms a secret in it, whatever the memory
      log: 8 kB a rotation, 2 kB a sweep, kept as long as the manifest says
      the prices are those of us-east-1, the stack is in eu-west-1: --prices takes a list of its own

    Not included
      the free tier, tax, discounts and volume tiers
      calls that people make: bootstrap, rotate, status, teardown
      the further 1 USD a month that AWS charges for each of a KMS key's first two yearly rotations
      what a `probe` reads, and the KMS key of an administrator's secret
      data transfer, requests to S3, e-mail by SNS and the CloudTrail trail that some alarms need
      EventBridge's hourly rule and AWS's own events, IAM, STS and CloudFormation, which cost nothing
    ");
    let first = serde_json::from_str::<serde_json::Value>(&script(&estimate)).unwrap();
    insta::assert_snapshot!(format!("{:#}", first["items"][1]), @r#"
    {
      "monthly": 0.000075,
      "quantity": 15,
      "unit": "call",
      "unit_price": 5e-6,
      "what": "calls of rotations"
    }
    "#);
    let keys: Vec<&String> = first.as_object().unwrap().keys().collect();
    insta::assert_snapshot!(format!("{keys:?} {}", first["total"]), @r#"["assumed", "currency", "items", "left_out", "priced_on", "region", "total"] 3.616961"#);
}
