//! The alarms, their topic, and the rules.

use std::collections::BTreeSet;

use serde_json::json;

use super::Command::{Bootstrap, Teardown};
use super::{Action, Grant, Scope, generated};
use crate::render::Strategy;

const TOPIC: &[Action] = &[
    ("sns:CreateTopic", &[Bootstrap]),
    ("sns:DeleteTopic", &[Bootstrap, Teardown]),
    ("sns:GetDataProtectionPolicy", &[Bootstrap]),
    ("sns:GetTopicAttributes", &[Bootstrap, Teardown]),
    ("sns:ListSubscriptionsByTopic", &[Bootstrap]),
    ("sns:ListTagsForResource", &[Bootstrap]),
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
    ("cloudwatch:DescribeAlarms", &[Bootstrap, Teardown]),
    ("cloudwatch:ListTagsForResource", &[Bootstrap]),
    ("cloudwatch:PutMetricAlarm", &[Bootstrap]),
    ("cloudwatch:TagResource", &[Bootstrap]),
    ("cloudwatch:UntagResource", &[Bootstrap]),
];

const RULES: &[Action] = &[
    ("events:DeleteRule", &[Bootstrap, Teardown]),
    ("events:DescribeRule", &[Bootstrap, Teardown]),
    ("events:ListTagsForResource", &[Bootstrap]),
    ("events:ListTargetsByRule", &[Bootstrap, Teardown]),
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
    let each = |service: &str, kind: &str, logical_ids: &[String]| -> Vec<String> {
        let named = |id: &String| resolver.arn(service, &format!("{kind}{}", generated(model, id)));
        let arns: BTreeSet<String> = logical_ids.iter().map(named).collect();
        arns.into_iter().collect()
    };
    let mut alarms: Vec<String> = Vec::new();
    let mut rules: Vec<String> = Vec::new();
    for strategy in Strategy::of(model) {
        let id = |id: &&str| format!("{}{id}", strategy.prefix());
        // Database servers do not hold back an old password, so there is no such alarm.
        let held_back = (strategy == Strategy::AccessKeys).then_some("KeysHeldBackAlarm-");
        alarms.extend(["FunctionErrorsAlarm-"].iter().map(id));
        alarms.extend(held_back.iter().map(id));
        alarms.extend(["RotationOverdueAlarm-"].iter().map(id));
        rules.extend(["RotationFailedRule", "SweepRule"].iter().map(id));
    }
    let alarms = each("cloudwatch", "alarm:", &alarms);
    let rules = each("events", "rule/", &rules);
    let mut grants = vec![
        Grant::new("Topic", "topic", topic.clone(), TOPIC),
        Grant::new("Alarms", "alarm", alarms, ALARMS),
        Grant::new("Rules", "rule", rules, RULES),
    ];
    if !model.alarms.email.is_empty() {
        grants.push(Grant::new("Topic", "topic", topic, SUBSCRIBE));
        let all = vec!["*".to_owned()];
        grants.push(
            Grant::new("Subscriptions", "*", all, SUBSCRIPTIONS).when(json!({
                "ForAnyValue:StringEquals": { "aws:CalledVia": "cloudformation.amazonaws.com" }
            })),
        );
    }
    grants
}
