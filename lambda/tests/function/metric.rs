//! The embedded metric format.

use std::time::Duration;

use keyrota_function::log::{Level, Lines};
use keyrota_function::metric::{Metric, lines};
use keyrota_function::port::Journal;
use serde_json::{Value, json};

use crate::fake::{FakeAws, TOKEN, rotate};

#[test]
fn a_line_has_the_form_that_cloudwatch_reads() {
    let ages = vec![Duration::from_secs(60), Duration::from_millis(7_900)];
    let metrics = [Metric::KeysHeldBack(2), Metric::CredentialAge(ages)];
    let lines = lines("rotator", 1_795_305_600_000, &metrics);
    let expected = json!([{
        "_aws": {
            "Timestamp": 1_795_305_600_000_u64,
            "CloudWatchMetrics": [{
                "Namespace": "keyrota",
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    { "Name": "KeysHeldBack", "Unit": "Count" },
                    { "Name": "CredentialAge", "Unit": "Seconds" },
                ],
            }],
        },
        "FunctionName": "rotator",
        "KeysHeldBack": 2,
        "CredentialAge": [60, 7],
    }]);
    assert_eq!(json!(lines), expected);
}

#[test]
fn a_metric_without_a_value_is_left_out() {
    assert!(lines("f", 0, &[Metric::CredentialAge(Vec::new())]).is_empty());
    let some = [Metric::Failures(0), Metric::CredentialAge(Vec::new())];
    let lines = lines("f", 0, &some);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["Failures"], 0);
    assert!(!lines[0].contains_key("CredentialAge"));
}

#[test]
fn more_values_than_a_line_may_hold_go_on_in_the_next() {
    let ages = (0..250).map(Duration::from_secs).collect();
    let metrics = [Metric::Failures(1), Metric::CredentialAge(ages)];
    let lines = lines("f", 0, &metrics);
    let values = |line: usize| lines[line]["CredentialAge"].as_array().expect("a list");
    assert_eq!(lines.len(), 3);
    assert_eq!([0, 1, 2].map(|line| values(line).len()), [100, 100, 50]);
    assert_eq!(values(2)[49], 249);
    // A metric with a single value appears in only one line.
    assert!(!lines[1].contains_key("Failures"));
}

#[test]
fn without_a_function_nothing_is_measured_and_no_level_hides_it() {
    let written = |function: Option<&str>| {
        let log = Lines::<Vec<u8>>::new(Vec::new(), Level::Error, String::new, "r-1".to_owned());
        let log = log.metering(function.map(str::to_owned), || 0);
        log.measure(&[Metric::Rotations(1)]);
        String::from_utf8(log.into_writer()).expect("UTF-8")
    };
    assert_eq!(written(None), "");
    let line: Value = serde_json::from_str(&written(Some("f"))).expect("JSON");
    assert_eq!(line["Rotations"], 1);
    assert_eq!(line["requestId"], "r-1");
}

#[test]
fn a_promotion_is_counted_once() {
    let aws = FakeAws::new("self", false);
    for _ in 0..3 {
        assert_eq!(rotate(&aws, TOKEN).name(), "done");
    }
    let said = aws.output.said();
    assert_eq!(said.matches(r#""Rotations":1"#).count(), 1);
}
