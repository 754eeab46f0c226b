//! Rules about the function and its log.

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::Resource;
use crate::model::ByKind;
use crate::render::resolve::{items, literal, target};
use crate::render::tree::Value;
use crate::render::{BUCKET_PARAMETER, KMS_KEY, Pins, SERVICE_KEY, Strategy, TOPIC};

const LAMBDA: &str = "AWS::Lambda::Function";
const REFERENCE: &str = "AWS CloudFormation Template Reference, aws-resource-lambda-function";

/// The longest time that a step with `propagation` needs besides, in seconds: two logins, and the calls of
/// Secrets Manager.
const BESIDE_PROPAGATION: u64 = 30;
/// The same, for a service: a request to it may take 20 seconds.
const BESIDE_PROPAGATION_OF_SERVICE: u64 = 45;

/// The artifact bucket of a stack of a StackSet: one for each Region.
const BUCKET_OF_REGION: &str = "${ArtifactBucket}-${AWS::Region}";

/// Returns whether this is the artifact bucket.
fn is_bucket(stack: &Stack<'_>, value: &Value) -> bool {
    match (stack.model().stack_set, value) {
        (true, Value::Tagged(tagged)) => {
            tagged.tag == "Sub" && tagged.value.as_str() == Some(BUCKET_OF_REGION)
        }
        (true, _) => false,
        (false, value) => target(value) == Some(BUCKET_PARAMETER),
    }
}

pub(super) const THEME: Theme = Theme {
    title: "The function and its log",
    rules: &[
        Rule {
            id: "named-resource",
            level: Level::Error,
            title: "The resources and parameters that keyrota looks up exist: each function, its role, log group, and permission, the topic, and the parameters",
            why: "`bootstrap`, `status`, and `teardown` find them by their logical IDs.",
            remedy: "use the logical ID of keyrota's template",
            source: "keyrota: docs/reference/stack.md",
            check: Some(names),
        },
        Rule {
            id: "inline-code",
            level: Level::Error,
            title: "The function's code comes from the artifact bucket",
            why: "Inline code supports only Node.js and Python. The deployed code must be the zip file that was built and checked, in the object version that was checked, because a principal that can write to the bucket can replace the object.",
            remedy: "set Code as in keyrota's template `function`: S3Bucket `!Ref ArtifactBucket` (in a StackSet, with `-${AWS::Region}` appended), S3Key `!Ref ArtifactKey`, and S3ObjectVersion `!If [HasArtifactVersion, !Ref ArtifactVersion, !Ref AWS::NoValue]`",
            source: REFERENCE,
            check: Some(|stack, found| {
                for function in stack.template.of_type(LAMBDA) {
                    let code = |key: &str| function.get("Code").and_then(|code| code.get(key));
                    if code("ZipFile").is_some() {
                        let message = "the template contains the code";
                        found.add(function.at("Code.ZipFile"), message);
                    }
                }
                for (strategy, function) in stack.functions() {
                    let zip = strategy.key_parameter(stack.model());
                    let code = |key: &str| function.get("Code").and_then(|code| code.get(key));
                    if !code("S3Bucket").is_some_and(|value| is_bucket(stack, value)) {
                        let message = match stack.model().stack_set {
                            true => format!("it is not `!Sub {BUCKET_OF_REGION}`"),
                            false => format!("it is not the parameter {BUCKET_PARAMETER}"),
                        };
                        found.add(function.at("Code.S3Bucket"), message);
                    }
                    if code("S3Key").and_then(target) != Some(zip) {
                        let message = format!("it is not the parameter {zip}");
                        found.add(function.at("Code.S3Key"), message);
                    }
                    let version = strategy.version_parameter(stack.model());
                    if code("S3ObjectVersion").and_then(unless_empty) != Some(version) {
                        let place = function.at("Code.S3ObjectVersion");
                        found.add(place, format!("it is not the parameter {version}"));
                    }
                }
            }),
        },
        Rule {
            id: "function-pins",
            level: Level::Error,
            title: "A function's handler specifies the pins of this stack",
            why: "The pins specify the users, servers, and administrators that the function may act on. Without them, it rotates nothing.",
            remedy: "set Handler to `{{handler}}`, as in keyrota's template",
            source: "keyrota: docs/explanation/threat-model.md",
            check: Some(|stack, found| {
                for (strategy, function) in stack.functions() {
                    let pins = Pins::of(stack.model(), strategy).map(|pins| pins.path).ok();
                    let handler = function.get("Handler").and_then(literal);
                    if handler != pins.as_deref() {
                        let message = "it is not the path of the stack's pins";
                        found.add(function.at("Handler"), message);
                    }
                }
            }),
        },
        Rule {
            id: "function-role",
            level: Level::Error,
            title: "A function has the execution role that the stack creates for it",
            why: "Only this role is checked here. Another role may have any permissions.",
            remedy: "set Role to `!GetAtt FunctionRole.Arn`",
            source: REFERENCE,
            check: Some(|stack, found| {
                for (strategy, function) in stack.functions() {
                    if function.get("Role").and_then(target) != Some(strategy.role()) {
                        found.add(function.at("Role"), "it is not the stack's role");
                    }
                }
            }),
        },
        Rule {
            id: "function-environment",
            level: Level::Error,
            title: "No layer and no environment variable changes what the function runs or which endpoints it calls",
            why: "A layer, a wrapper, or another endpoint could read every credential that the function creates.",
            remedy: "remove it, because the function needs none",
            source: "AWS Lambda Developer Guide, configuration-envvars and runtimes-extensions-api",
            check: Some(environment),
        },
        Rule {
            id: "function-runtime",
            level: Level::Error,
            title: "The function runs on provided.al2023, on the manifest's architecture",
            why: "The executable is built for this runtime and architecture only.",
            remedy: "use Runtime and Architectures of keyrota's template",
            source: "AWS Lambda Developer Guide, lambda-runtimes",
            check: Some(runtime),
        },
        Rule {
            id: "function-limits",
            level: Level::RefusedByAws,
            title: "The function has 128 to 10,240 MB of memory and a timeout of 1 to 900 seconds",
            why: "Lambda refuses other values.",
            remedy: "change `function.memory` or `function.timeout`",
            source: "AWS Lambda Developer Guide, gettingstarted-limits",
            check: Some(|stack, found| {
                for function in stack.template.of_type(LAMBDA) {
                    for (key, least, most) in [("MemorySize", 128, 10_240), ("Timeout", 1, 900)] {
                        let Some(value) = function.get(key).and_then(Value::as_u64) else {
                            continue;
                        };
                        if !(least..=most).contains(&value) {
                            let message =
                                format!("{key} is {value}; {least} to {most} are accepted");
                            found.add(function.at(key), message);
                        }
                    }
                }
            }),
        },
        Rule {
            id: "function-timeout",
            level: Level::Error,
            title: "The function's timeout is at least 10 seconds",
            why: "A new key can take 15 seconds to propagate. With Lambda's default of 3 seconds, every rotation would fail.",
            remedy: "raise `function.timeout`",
            source: "AWS IAM User Guide, troubleshoot_general (eventual consistency)",
            check: Some(|stack, found| {
                for (_, function) in stack.functions() {
                    if function.get("Timeout").and_then(Value::as_u64).unwrap_or(3) < 10 {
                        found.add(function.at("Timeout"), "steps would time out");
                    }
                }
            }),
        },
        Rule {
            id: "function-propagation",
            level: Level::Error,
            title: "The function's timeout leaves time for `propagation`",
            why: "A step of the rotation waits that long, and needs up to 30 seconds for what it does besides, for a service up to 45 seconds. Lambda would end it, and no rotation would succeed.",
            remedy: "raise `function.timeout`, or lower `propagation`",
            source: "AWS Lambda Developer Guide, configuration-timeout",
            check: Some(|stack, found| {
                let timeout = stack.model().function.timeout.as_seconds();
                for entry in &stack.model().entries {
                    let wait = match entry.by_kind() {
                        ByKind::AccessKey(_) => None,
                        ByKind::Database(database) => {
                            database.kind.propagation.map(|it| (it, BESIDE_PROPAGATION))
                        }
                        ByKind::Service(service) => {
                            let wait = service.kind.propagation;
                            wait.map(|it| (it, BESIDE_PROPAGATION_OF_SERVICE))
                        }
                    };
                    let Some((wait, beside)) = wait else {
                        continue;
                    };
                    let needed = wait.as_seconds() + beside;
                    if timeout < needed {
                        let path = format!("{}.propagation", entry.place);
                        let message = format!("{wait} needs a timeout of at least {needed}s");
                        found.add(path, message);
                    }
                }
            }),
        },
        Rule {
            id: "function-in-vpc",
            level: Level::Warning,
            title: "The access key function is not connected to a VPC",
            why: "IAM has public endpoints, and an interface endpoint in us-east-1 only. Without a route to the Internet, the function could not create keys.",
            remedy: "remove VpcConfig, or provide a NAT gateway",
            source: "AWS IAM User Guide, reference_interface_vpc_endpoints",
            check: Some(|stack, found| {
                let keys = Strategy::AccessKeys;
                for (_, function) in stack.functions().filter(|one| one.0 == keys) {
                    if function.get("VpcConfig").is_some() {
                        found.add(function.at("VpcConfig"), "the function is in a VPC");
                    }
                }
            }),
        },
        Rule {
            id: "function-log-group",
            level: Level::Error,
            title: "A function writes to the log group that the stack creates for it",
            why: "Otherwise, Lambda creates a log group that is never deleted.",
            remedy: "set LoggingConfig.LogGroup to `!Ref FunctionLogGroup`",
            source: "AWS Lambda Developer Guide, monitoring-cloudwatchlogs-loggroups",
            check: Some(|stack, found| {
                for (strategy, function) in stack.functions() {
                    let group = function
                        .get("LoggingConfig")
                        .and_then(|config| config.get("LogGroup"));
                    if group.and_then(target) != Some(strategy.log_group()) {
                        let message = "it is not the stack's log group";
                        found.add(function.at("LoggingConfig.LogGroup"), message);
                    }
                }
            }),
        },
        Rule {
            id: "log-retention",
            level: Level::Error,
            title: "A log group has a retention time, and is deleted with the stack",
            why: "Without a retention time, the log is stored, and charged for, forever.",
            remedy: "set RetentionInDays, and DeletionPolicy and UpdateReplacePolicy to Delete",
            source: "AWS CloudFormation Template Reference, aws-resource-logs-loggroup",
            check: Some(|stack, found| {
                for group in stack.template.of_type("AWS::Logs::LogGroup") {
                    if group.get("RetentionInDays").is_none() {
                        found.add(group.at("RetentionInDays"), "the log never expires");
                    }
                    let own = stack.strategies().any(|one| group.id == one.log_group());
                    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                        if own && group.attribute(policy) != Some("Delete") {
                            found.add(group.at(policy), format!("{policy} is not Delete"));
                        }
                    }
                }
            }),
        },
    ],
};

/// Returns the parameter of `!If [CONDITION, !Ref PARAMETER, !Ref AWS::NoValue]`.
fn unless_empty(value: &Value) -> Option<&str> {
    let Value::Tagged(tagged) = value else {
        return None;
    };
    match tagged.value.as_sequence()?.as_slice() {
        [_, parameter, otherwise]
            if tagged.tag == "If" && target(otherwise) == Some("AWS::NoValue") =>
        {
            target(parameter)
        }
        _ => None,
    }
}

fn names(stack: &Stack<'_>, found: &mut RuleFindings) {
    let of = |strategy: Strategy| {
        [
            (strategy.function(), LAMBDA),
            (strategy.role(), "AWS::IAM::Role"),
            (strategy.log_group(), "AWS::Logs::LogGroup"),
            (strategy.permission(), "AWS::Lambda::Permission"),
        ]
    };
    let functions = stack.strategies().flat_map(of);
    let topic = [(TOPIC, "AWS::SNS::Topic")];
    let key = stack
        .model()
        .creates_kms_key()
        .then_some((KMS_KEY, "AWS::KMS::Key"));
    let encrypt = &stack.model().encrypt;
    let service_key = encrypt.creates().then_some((SERVICE_KEY, "AWS::KMS::Key"));
    for (id, kind) in functions.chain(topic).chain(key).chain(service_key) {
        if stack
            .template
            .resource(id)
            .is_none_or(|one| one.kind != kind)
        {
            found.add(id, format!("there is no {kind} with that logical ID"));
        }
    }
    let parameters = stack.template.section("Parameters");
    let zips = stack.strategies().flat_map(|strategy| {
        let model = stack.model();
        [
            strategy.key_parameter(model),
            strategy.version_parameter(model),
        ]
    });
    for parameter in [BUCKET_PARAMETER].into_iter().chain(zips) {
        if !parameters.is_some_and(|all| all.contains_key(parameter)) {
            let message = "the parameter does not exist";
            found.add(format!("Parameters.{parameter}"), message);
        }
    }
}

fn runtime(stack: &Stack<'_>, found: &mut RuleFindings) {
    for (_, function) in stack.functions() {
        if function.text("Runtime") != Some("provided.al2023") {
            found.add(function.at("Runtime"), "it is not provided.al2023");
        }
        let expected = stack.model().function.architecture.as_str();
        let architectures = items(function.get("Architectures"));
        if architectures.filter_map(literal).ne([expected]) {
            let message = format!("it is not {expected} only");
            found.add(function.at("Architectures"), message);
        }
    }
}

/// Environment variables that redirect or wrap the process in Lambda.
const REDIRECTING: [&str; 9] = [
    "ALL_PROXY",
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ENDPOINT_URL",
    "AWS_LAMBDA_EXEC_WRAPPER",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LD_",
    "SSL_CERT_",
];

fn environment(stack: &Stack<'_>, found: &mut RuleFindings) {
    for (_, function) in stack.functions() {
        environment_of(function, found);
    }
}

fn environment_of(function: &Resource<'_>, found: &mut RuleFindings) {
    if function.get("Layers").is_some() {
        found.add(function.at("Layers"), "the function has layers");
    }
    let variables = function
        .get("Environment")
        .and_then(|all| all.get("Variables"))
        .and_then(Value::as_mapping);
    for name in variables
        .into_iter()
        .flatten()
        .filter_map(|(name, _)| name.as_str())
    {
        let folded = name.to_uppercase();
        if REDIRECTING.iter().any(|prefix| folded.starts_with(prefix)) {
            let place = function.at(&format!("Environment.Variables.{name}"));
            let message = "it changes what the function runs or which endpoints it calls";
            found.add(place, message);
        }
    }
}
