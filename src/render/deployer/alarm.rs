//! The alarms, their topic, and the rules.

use super::Command::{Bootstrap, DetectDrift, Teardown};
use super::{Action, Grant, Scope, by_cloudformation, each, generated};
use crate::render::{NOTIFY_RULE, Strategy};

const TOPIC: &[Action] = &[
    ("sns:CreateTopic", &[Bootstrap]),
    ("sns:DeleteTopic", &[Bootstrap, Teardown]),
    ("sns:GetDataProtectionPolicy", &[Bootstrap, DetectDrift]),
    (
        "sns:GetTopicAttributes",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("sns:ListSubscriptionsByTopic", &[Bootstrap, DetectDrift]),
    ("sns:ListTagsForResource", &[Bootstrap, DetectDrift]),
    ("sns:SetTopicAttributes", &[Bootstrap, Teardown]),
    ("sns:TagResource", &[Bootstrap]),
    ("sns:UntagResource", &[Bootstrap]),
];

const SUBSCRIBE: &[Action] = &[("sns:Subscribe", &[Bootstrap])];

/// These actions have no resource type (`list_amazonsns`), so they are limited to calls that
/// CloudFormation makes, which concern subscriptions of the caller's stacks.
const SUBSCRIPTIONS: &[Action] = &[
    ("sns:GetSubscriptionAttributes", &[Bootstrap, Teardown]),
    ("sns:Unsubscribe", &[Bootstrap, Teardown]),
];

const ALARMS: &[Action] = &[
    ("cloudwatch:DeleteAlarms", &[Bootstrap, Teardown]),
    (
        "cloudwatch:DescribeAlarms",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("cloudwatch:ListTagsForResource", &[Bootstrap, DetectDrift]),
    ("cloudwatch:PutMetricAlarm", &[Bootstrap]),
    ("cloudwatch:TagResource", &[Bootstrap]),
    ("cloudwatch:UntagResource", &[Bootstrap]),
];

const RULES: &[Action] = &[
    ("events:DeleteRule", &[Bootstrap, Teardown]),
    ("events:DescribeRule", &[Bootstrap, Teardown, DetectDrift]),
    ("events:ListTagsForResource", &[Bootstrap, DetectDrift]),
    (
        "events:ListTargetsByRule",
        &[Bootstrap, Teardown, DetectDrift],
    ),
    ("events:PutRule", &[Bootstrap]),
    ("events:PutTargets", &[Bootstrap]),
    ("events:RemoveTargets", &[Bootstrap, Teardown]),
    ("events:TagResource", &[Bootstrap]),
    ("events:UntagResource", &[Bootstrap]),
];

/// Returns the grants for the alarms and rules.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let topic = vec![resolver.arn("sns", &generated(model, "AlarmTopic-"))];
    let mut alarms: Vec<String> = Vec::new();
    let mut rules: Vec<String> = Vec::new();
    for strategy in Strategy::of(model) {
        let named = |id: &str| generated(model, &format!("{}{id}", strategy.prefix()));
        let alarm = |id: &str| resolver.arn("cloudwatch", &format!("alarm:{}", named(id)));
        let rule = |id: &str| resolver.arn("events", &format!("rule/{}", named(id)));
        let common = [
            "FunctionErrorsAlarm-",
            "RotationOverdueAlarm-",
            "RotationStuckAlarm-",
        ];
        alarms.extend(common.map(alarm));
        // Database servers do not hold back an old password, so there is no such alarm.
        if strategy == Strategy::AccessKeys {
            alarms.push(alarm("KeysHeldBackAlarm-"));
        }
        rules.extend(["RotationFailedRule", "SweepRule"].map(rule));
    }
    if model.entries.iter().any(|entry| !entry.notify.is_empty()) {
        rules.push(resolver.arn("events", &format!("rule/{}", generated(model, NOTIFY_RULE))));
    }
    let mut grants = vec![
        Grant::new("Topic", "topic", topic.clone(), TOPIC),
        Grant::new("Alarms", "alarm", each(alarms), ALARMS),
        Grant::new("Rules", "rule", each(rules), RULES),
    ];
    if !model.alarms.email.is_empty() {
        grants.push(Grant::new("Topic", "topic", topic, SUBSCRIBE));
        let all = vec!["*".to_owned()];
        let subscriptions = Grant::new("Subscriptions", "*", all, SUBSCRIPTIONS);
        grants.push(subscriptions.when(by_cloudformation()));
    }
    grants
}
