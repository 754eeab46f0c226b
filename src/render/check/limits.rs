//! Rules about the quotas of CloudFormation and the services.

use super::rule::{Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::{items, literal};
use crate::model::Severity::Error;
use crate::render::quota;
use crate::render::tree::Value;

/// The remedy for a stack that is too large.
pub(super) const SPLIT: &str = "split the entries over several manifests, each with its own stack";
const QUOTAS: &str = "AWS CloudFormation User Guide, cloudformation-limits";

pub(super) const THEME: Theme = Theme {
    title: "Limits of CloudFormation and the services",
    rules: &[
        Rule {
            id: "stack-resources",
            severity: Error,
            refused_by_aws: true,
            title: "A stack has at most 500 resources",
            why: "CloudFormation refuses a template with more.",
            remedy: SPLIT,
            source: QUOTAS,
            check: Some(|stack, found| {
                let count = stack.template.resources.len();
                found.hold(
                    file(stack),
                    "resources in one stack",
                    count,
                    quota::MAX_RESOURCES,
                );
            }),
        },
        Rule {
            id: "stack-parameters",
            severity: Error,
            refused_by_aws: true,
            title: "A stack has at most 200 parameters",
            why: "CloudFormation refuses a template with more.",
            remedy: "remove parameters from the templates",
            source: QUOTAS,
            check: Some(|stack, found| {
                let count = size(stack, "Parameters");
                found.hold(
                    file(stack),
                    "parameters of one stack",
                    count,
                    quota::MAX_PARAMETERS,
                );
            }),
        },
        Rule {
            id: "stack-outputs",
            severity: Error,
            refused_by_aws: true,
            title: "A stack has at most 200 outputs",
            why: "CloudFormation refuses a template with more.",
            remedy: SPLIT,
            source: QUOTAS,
            check: Some(|stack, found| {
                let count = size(stack, "Outputs");
                found.hold(
                    file(stack),
                    "outputs of one stack",
                    count,
                    quota::MAX_OUTPUTS,
                );
            }),
        },
        Rule {
            id: "template-size",
            severity: Error,
            refused_by_aws: true,
            title: "A template has at most 1 MB",
            why: "CloudFormation refuses a longer one. `bootstrap` and `plan` upload a template of more than 51,200 bytes to S3.",
            remedy: SPLIT,
            source: QUOTAS,
            check: Some(|stack, found| {
                let bytes = stack.text.len();
                found.hold(
                    file(stack),
                    "bytes of the template",
                    bytes,
                    quota::MAX_TEMPLATE,
                );
            }),
        },
        Rule {
            id: "description-length",
            severity: Error,
            refused_by_aws: true,
            title: "A description does not exceed the limit of its service",
            why: "The service refuses the resource, and the stack rolls back.",
            remedy: "shorten the description in the template",
            source: "AWS CloudFormation Template Reference, each type's Description",
            check: Some(descriptions),
        },
        Rule {
            id: "event-pattern-size",
            severity: Error,
            refused_by_aws: true,
            title: "A rule's event pattern has at most 2,048 characters",
            why: "EventBridge refuses a longer one.",
            remedy: "distribute its entries over several rules",
            source: "Amazon EventBridge User Guide, eb-quota",
            check: Some(|stack, found| {
                for rule in stack.template.of_type("AWS::Events::Rule") {
                    if let Some(pattern) = rule.get("EventPattern") {
                        let what = "characters of the event pattern";
                        let length = written(stack, pattern);
                        found.hold(
                            rule.at("EventPattern"),
                            what,
                            length,
                            quota::MAX_EVENT_PATTERN,
                        );
                    }
                }
            }),
        },
        Rule {
            id: "rule-targets",
            severity: Error,
            refused_by_aws: true,
            title: "A rule has at most five targets",
            why: "EventBridge refuses more.",
            remedy: "distribute the targets over several rules",
            source: "Amazon EventBridge User Guide, eb-quota",
            check: Some(|stack, found| {
                for rule in stack.template.of_type("AWS::Events::Rule") {
                    let count = items(rule.get("Targets")).count();
                    found.hold(
                        rule.at("Targets"),
                        "targets of the rule",
                        count,
                        quota::MAX_TARGETS,
                    );
                }
            }),
        },
        Rule {
            id: "target-input-size",
            severity: Error,
            refused_by_aws: true,
            title: "A target's constant input has at most 8,192 characters",
            why: "EventBridge refuses a longer one.",
            remedy: "distribute its entries over several targets",
            source: "Amazon EventBridge API Reference, API_Target",
            check: Some(|stack, found| {
                for rule in stack.template.of_type("AWS::Events::Rule") {
                    for (index, target) in items(rule.get("Targets")).enumerate() {
                        let Some(input) = target.get("Input") else {
                            continue;
                        };
                        let length = match stack.longest.resolver.resolve(input) {
                            Ok(Value::String(text)) => text.chars().count(),
                            _ => continue,
                        };
                        let place = rule.at(&format!("Targets[{index}].Input"));
                        found.hold(
                            place,
                            "characters of the input",
                            length,
                            quota::MAX_TARGET_INPUT,
                        );
                    }
                }
            }),
        },
        Rule {
            id: "function-environment-size",
            severity: Error,
            refused_by_aws: true,
            title: "A function's environment variables have at most 4 KB in total",
            why: "Lambda refuses more.",
            remedy: "remove the variables, because the function needs none",
            source: "AWS Lambda Developer Guide, gettingstarted-limits",
            check: Some(|stack, found| {
                for function in stack.template.of_type("AWS::Lambda::Function") {
                    let variables = function.get("Environment");
                    let variables = variables.and_then(|all| all.get("Variables"));
                    let bytes = variables.map_or(0, |all| written(stack, all));
                    let what = "bytes of the environment variables";
                    found.hold(
                        function.at("Environment"),
                        what,
                        bytes,
                        quota::MAX_ENVIRONMENT,
                    );
                }
            }),
        },
    ],
};

fn descriptions(stack: &Stack<'_>, found: &mut RuleFindings) {
    let template = &stack.template;
    let what = "characters of the description";
    if let Some(text) = template.top("Description").and_then(literal) {
        found.hold("Description", what, text.len(), quota::MAX_DESCRIPTION);
    }
    for (section, limit) in quota::MAX_SECTION_DESCRIPTIONS {
        for (id, part) in template.section(section).into_iter().flatten() {
            let Some(text) = part.get("Description").and_then(literal) else {
                continue;
            };
            let place = format!("{section}.{}", id.as_str().unwrap_or_default());
            found.hold(place, what, text.chars().count(), limit);
        }
    }
    for (kind, key, limit) in quota::MAX_TEXTS {
        for resource in template.of_type(kind) {
            let length = resource.text(key).map_or(0, |text| text.chars().count());
            found.hold(resource.at(key), what, length, limit);
        }
    }
}

/// Returns the place of a finding about the whole template.
pub(super) fn file(stack: &Stack<'_>) -> String {
    stack.rendered.file.to_owned()
}

fn size(stack: &Stack<'_>, section: &str) -> usize {
    stack.template.section(section).map_or(0, |all| all.len())
}

/// Returns the length of a value as JSON, with the longest values that its references can have,
/// or `None` if it cannot be resolved.
fn written(stack: &Stack<'_>, value: &Value) -> usize {
    let resolved = stack.longest.resolver.resolve(value).ok();
    let text = resolved.and_then(|value| serde_json::to_string(&value).ok());
    text.map_or(0, |text| text.chars().count())
}
