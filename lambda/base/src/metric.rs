//! Metrics in CloudWatch's embedded metric format: CloudWatch Logs extracts them from log
//! lines, so they need no API call.
//!
//! Source: "Specification: Embedded metric format" in the CloudWatch User
//! Guide.

use std::time::Duration;

use serde_json::{Map, Value, json};

const NAMESPACE: &str = "keyrota";
const FUNCTION_NAME: &str = "FunctionName";

/// The maximum number of values of one metric in a line, according to that specification.
const VALUES_PER_LINE: usize = 100;

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Credentials that became AWSCURRENT.
    Rotations(usize),
    /// Steps that failed, or secrets that a sweep failed for.
    Failures(usize),
    /// Old keys that a sweep held back because they are in use.
    KeysHeldBack(usize),
    /// Secrets whose rotation was due more than seven days before a sweep.
    RotationsOverdue(usize),
    /// Secrets whose rotation had begun long before a sweep, and had not ended.
    RotationsStuck(usize),
    /// The age of each secret's current value.
    CredentialAge(Vec<Duration>),
}

impl Metric {
    fn name(&self) -> &'static str {
        match self {
            Self::Rotations(_) => "Rotations",
            Self::Failures(_) => "Failures",
            Self::KeysHeldBack(_) => "KeysHeldBack",
            Self::RotationsOverdue(_) => "RotationsOverdue",
            Self::RotationsStuck(_) => "RotationsStuck",
            Self::CredentialAge(_) => "CredentialAge",
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::CredentialAge(_) => "Seconds",
            _ => "Count",
        }
    }

    /// Returns the values in chunks that each fit in a line.
    fn values(&self) -> Vec<Value> {
        match self {
            Self::Rotations(count)
            | Self::Failures(count)
            | Self::KeysHeldBack(count)
            | Self::RotationsOverdue(count)
            | Self::RotationsStuck(count) => vec![json!(count)],
            Self::CredentialAge(ages) => ages
                .chunks(VALUES_PER_LINE)
                .map(|ages| ages.iter().map(Duration::as_secs).collect())
                .collect(),
        }
    }
}

/// Returns the lines that report these metrics to CloudWatch, with a timestamp in milliseconds
/// since 1970. It omits a metric without a value, and splits a metric with many values over
/// several lines.
pub fn lines(function: &str, milliseconds: u64, metrics: &[Metric]) -> Vec<Map<String, Value>> {
    let values: Vec<_> = metrics.iter().map(Metric::values).collect();
    let count = values.iter().map(Vec::len).max().unwrap_or_default();
    (0..count)
        .map(|line| {
            let mut defined = Vec::new();
            let mut fields = Map::new();
            for (metric, values) in metrics.iter().zip(&values) {
                if let Some(value) = values.get(line) {
                    defined.push(json!({ "Name": metric.name(), "Unit": metric.unit() }));
                    fields.insert(metric.name().to_owned(), value.clone());
                }
            }
            let directive = json!({
                "Timestamp": milliseconds,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [[FUNCTION_NAME]],
                    "Metrics": defined,
                }],
            });
            fields.insert("_aws".to_owned(), directive);
            fields.insert(FUNCTION_NAME.to_owned(), Value::from(function));
            fields
        })
        .collect()
}
