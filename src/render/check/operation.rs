//! Rules about what operators need: alarms, tags, and outputs.

use std::collections::{HashMap, HashSet};

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::Statement;
use crate::render::document::DocumentKind;
use crate::render::resolve::{items, literal, target};
use crate::render::{STACK_TAG, TOPIC, secret_output};

/// The resource types that CloudFormation can tag, as far as they may appear in a stack like
/// this.
const TAGGABLE: [&str; 12] = [
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
];

pub(super) const THEME: Theme = Theme {
    title: "Operation",
    rules: &[
        Rule {
            id: "alarm-without-subscriber",
            level: Level::Warning,
            title: "Someone receives the alarms",
            why: "Without a subscriber, nobody notices that rotation fails until the key is needed.",
            remedy: "set `alarms.email`, or accept it with a reason if another system watches the alarms",
            source: "Amazon SNS Developer Guide, sns-create-subscribe-endpoint-to-topic",
            check: Some(|stack, found| {
                let subscriptions = stack.template.of_type("AWS::SNS::Subscription");
                let subscribed: HashSet<&str> = subscriptions
                    .filter_map(|one| target(one.get("TopicArn")?))
                    .collect();
                for topic in stack.template.of_type("AWS::SNS::Topic") {
                    if !subscribed.contains(topic.id) && topic.get("Subscription").is_none() {
                        found.add(topic.id, "nobody is subscribed to the alarms");
                    }
                }
            }),
        },
        Rule {
            id: "alarm-without-action",
            level: Level::Warning,
            title: "Every alarm notifies the stack's topic",
            why: "An alarm without an action only changes its state in the console.",
            remedy: "set AlarmActions to `!Ref AlarmTopic`",
            source: "Amazon CloudWatch User Guide, AlarmThatSendsEmail",
            check: Some(|stack, found| {
                for alarm in stack.template.of_type("AWS::CloudWatch::Alarm") {
                    let mut actions = items(alarm.get("AlarmActions"));
                    if !actions.any(|action| target(action) == Some(TOPIC)) {
                        found.add(alarm.at("AlarmActions"), "the alarm notifies nobody");
                    }
                }
            }),
        },
        Rule {
            id: "topic-delivery",
            level: Level::Error,
            title: "EventBridge may publish to every topic that a rule notifies, by a statement without a condition and without a role",
            why: "EventBridge does not publish by a statement with a condition, and one version of its guide says that deliveries to SNS may fail if the target has a RoleArn. A delivery that fails is seen in the metric FailedInvocations only.",
            remedy: "allow events.amazonaws.com sns:Publish on the topic, without `Condition`, and remove `RoleArn` from the target",
            source: "Amazon EventBridge User Guide, eb-use-resource-based",
            check: Some(delivery),
        },
        Rule {
            id: "stack-tag",
            level: Level::Error,
            title: "Every resource that supports tags has the manifest's tags and keyrota:stack, and each secret its entry's tags",
            why: "`keyrota teardown` finds secrets and keys by keyrota:stack, and cost reports use the manifest's tags.",
            remedy: "include the template `tags`",
            source: "AWS General Reference, tagging",
            check: Some(|stack, found| {
                let model = stack.model();
                let own = (STACK_TAG, model.stack.as_str());
                let tags = model.tags.iter();
                let tags = tags.map(|(key, value)| (key.as_str(), value.as_str()));
                let tags: Vec<(&str, &str)> = tags.chain([own]).collect();
                let of_entries = stack.entries.iter().filter_map(|entry| {
                    let tags = model.tags_of(entry.served);
                    Some((entry.secret?.id, tags.into_iter().chain([own]).collect()))
                });
                let of_entries: HashMap<&str, Vec<(&str, &str)>> = of_entries.collect();
                for kind in TAGGABLE {
                    for resource in stack.template.of_type(kind) {
                        for (key, value) in of_entries.get(resource.id).unwrap_or(&tags) {
                            if resource.tag(key).and_then(literal) != Some(value) {
                                let message = format!("the tag {key} is not `{value}`");
                                found.add(resource.at("Tags"), message);
                            }
                        }
                    }
                }
            }),
        },
        Rule {
            id: "template-ascii",
            level: Level::Error,
            title: "The template contains ASCII characters only",
            why: "CloudFormation returns a question mark for every other character, so that a deployed template cannot be compared with the rendered one.",
            remedy: "write the character as an escape in a double-quoted string, such as \"\\u00fc\", and use plain text in comments",
            source: "https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220",
            check: Some(|stack, found| {
                let lines = stack.text.lines().zip(1..);
                for (line, number) in lines.filter(|(line, _)| !line.is_ascii()) {
                    let other = line.chars().find(|one| !one.is_ascii());
                    let other =
                        other.map_or_else(String::new, |one| one.escape_unicode().to_string());
                    let message = format!("line {number} of the template contains {other}");
                    found.add(stack.rendered.file, message);
                }
            }),
        },
        Rule {
            id: "outputs",
            level: Level::Error,
            title: "The ARNs of each function and each secret are outputs",
            why: "Scripts and other stacks read them there.",
            remedy: "use the outputs FunctionArn and SecretArn… of keyrota's template",
            source: "keyrota: docs/reference/stack.md",
            check: Some(|stack, found| {
                let outputs = stack.template.section("Outputs");
                let shown = |id: &str| outputs?.get(id)?.get("Value").and_then(target);
                for strategy in stack.strategies() {
                    let output = strategy.function_output(stack.model());
                    if shown(output) != Some(strategy.function()) {
                        found.add(format!("Outputs.{output}"), "it is not the function's ARN");
                    }
                }
                for entry in &stack.entries {
                    let id = secret_output(entry.served);
                    if let Some(secret) = entry.secret
                        && shown(&id) != Some(secret.id)
                    {
                        let message = format!("it is not the ARN of `{}`", entry.served.secret);
                        found.add(format!("Outputs.{id}"), message);
                    }
                }
            }),
        },
    ],
};

/// The service principal that delivers events to targets.
const EVENTBRIDGE: &str = "events.amazonaws.com";
const PUBLISH: &str = "sns:Publish";

/// Returns whether a statement of a topic's policy allows EventBridge to publish and nothing
/// else, and allows no other principal.
pub(super) fn only_lets_eventbridge_publish(statement: &Statement<'_>) -> bool {
    let mut principals = statement.principals.iter();
    statement.document.kind == DocumentKind::Topic
        && statement.negated.is_none()
        && statement.actions.iter().all(|action| action == PUBLISH)
        && principals.all(|one| one.kind() == "Service" && one.name() == EVENTBRIDGE)
}

fn delivery(stack: &Stack<'_>, found: &mut RuleFindings) {
    let topics = [DocumentKind::Topic];
    let lets_eventbridge_publish = |statement: &&Statement<'_>| {
        let mut principals = statement.principals.iter();
        statement.does(PUBLISH)
            && principals.any(|one| one.kind() == "Service" && one.name() == EVENTBRIDGE)
    };
    let mut accepted: HashSet<&str> = HashSet::new();
    for statement in stack.allowing(&topics).filter(lets_eventbridge_publish) {
        if statement.conditions_count() > 0 {
            let message = "EventBridge does not publish by it, because it has a condition";
            found.add(statement.at(), message);
        } else {
            accepted.extend(statement.resources.iter().map(String::as_str));
        }
    }
    for rule in stack.template.of_type("AWS::Events::Rule") {
        for (index, event_target) in items(rule.get("Targets")).enumerate() {
            let Some(arn) = event_target.get("Arn") else {
                continue;
            };
            let topic = target(arn).and_then(|id| stack.template.resource(id));
            let Some(topic) = topic.filter(|topic| topic.kind == "AWS::SNS::Topic") else {
                continue;
            };
            if event_target.get("RoleArn").is_some() {
                let message = "the delivery may fail with a role";
                found.add(rule.at(&format!("Targets[{index}].RoleArn")), message);
            }
            let arn = stack.resolved(arn).unwrap_or_default();
            if !accepted.contains(arn.as_str()) {
                let message = format!("EventBridge may not publish to {}", topic.id);
                found.add(rule.at(&format!("Targets[{index}].Arn")), message);
            }
        }
    }
}
