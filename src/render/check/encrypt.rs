//! Rules about what AWS services encrypt: the logs, the topic, and the functions' environment.

use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::statement::{Statement, matches};
use super::template::Resource;
use crate::model::ServiceKey;
use crate::render::document::DocumentKind;
use crate::render::resolve::{literal, target};
use crate::render::statement::{self, Principal};
use crate::render::tree::Value;
use crate::render::{SERVICE_KEY, TOPIC};

pub(super) const THEME: Theme = Theme {
    title: "Encryption by AWS services",
    rules: &[
        Rule {
            id: "encrypt-key",
            level: Level::Error,
            title: "The log groups, the topic, and the functions have the keys of `encrypt`",
            why: "What the manifest promises to encrypt with a key would be encrypted with another one, or with none.",
            remedy: "set KmsKeyId, KmsMasterKeyId, or KmsKeyArn as in keyrota's template",
            source: "keyrota: what is deployed follows from the manifest",
            check: Some(keys),
        },
        Rule {
            id: "encrypt-variable",
            level: Level::Error,
            title: "A function with a key of `encrypt.environment` has an environment variable",
            why: "Lambda does not store the key of a function without environment variables.",
            remedy: "keep a variable under Environment.Variables",
            source: "https://github.com/hashicorp/terraform-provider-aws/issues/6366",
            check: Some(|stack, found| {
                if stack.model().encrypt.environment.is_none() {
                    return;
                }
                for (_, function) in stack.functions() {
                    let variables = function
                        .get("Environment")
                        .and_then(|all| all.get("Variables")?.as_mapping());
                    if variables.is_none_or(|all| all.into_iter().next().is_none()) {
                        let place = function.at("Environment.Variables");
                        found.add(place, "the function has no environment variable");
                    }
                }
            }),
        },
        Rule {
            id: "service-key-policy",
            level: Level::Error,
            title: "The key that the stack creates for AWS services lets them encrypt the logs and the topic",
            why: "Without their statements, CloudWatch Logs refuses the key, and alarms and rules cannot publish.",
            remedy: "keep the statements of keyrota's template `service-key`",
            source: "Amazon SNS Developer Guide, sns-key-management; Amazon CloudWatch Logs User Guide, encrypt-log-data-kms",
            check: Some(complete),
        },
        Rule {
            id: "service-key-use",
            level: Level::Error,
            title: "An AWS service may use the key that the stack creates for it for this stack's log groups and this account's alarms only",
            why: "Without a condition, the service also uses the key for requests of other accounts (confused deputy problem). EventBridge supports no condition here.",
            remedy: "keep the conditions of keyrota's template `service-key`",
            source: "AWS IAM User Guide, confused-deputy; Amazon SNS Developer Guide, sns-key-management",
            check: Some(confined),
        },
    ],
};

/// The condition key that has the ARN of a log group.
const LOG_GROUP: &str = "kms:EncryptionContext:aws:logs:arn";
/// The condition key that has the ARN of the function whose environment Lambda decrypts.
const FUNCTION: &str = "kms:EncryptionContext:aws:lambda:FunctionArn";

/// Returns whether a statement lets nobody but AWS services use the key that the stack creates
/// for them. Its conditions differ from those of principals that use a secret's key.
pub(super) fn is_for_services(statement: &Statement<'_>) -> bool {
    let service = |one: &Principal| matches!(one, Principal::Service(_));
    statement.document.kind == DocumentKind::Key
        && statement.document.resource == SERVICE_KEY
        && !statement.principals.is_empty()
        && statement.principals.iter().all(service)
}

/// Returns whether a statement lets a role do nothing with a key but decrypt the environment
/// of a function of the stack.
pub(super) fn is_for_environment(stack: &Stack<'_>, statement: &Statement<'_>) -> bool {
    let resolver = stack.resolver();
    let functions: Vec<String> = stack
        .functions()
        .filter_map(|(_, function)| resolver.attribute(&format!("{}.Arn", function.id)).ok())
        .collect();
    let mut named = statement.narrowed(FUNCTION).peekable();
    statement.actions == ["kms:Decrypt"]
        && named.peek().is_some()
        && named.all(|arn| functions.iter().any(|function| function == arn))
}

/// Returns whether an action with a wildcard is one that AWS documents for a service.
pub(super) fn is_documented(statement: &Statement<'_>, action: &str) -> bool {
    const DOCUMENTED: [&str; 5] = [
        "kms:Decrypt*",
        "kms:Describe*",
        "kms:Encrypt*",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
    ];
    is_for_services(statement) && DOCUMENTED.contains(&action)
}

/// Returns whether a key policy evidently lets a service use the key: statements allow it to
/// decrypt and to generate data keys. Conditions are not compared with anything, except that
/// EventBridge does not support these (`sns-key-management`). Returns nothing for a policy that
/// cannot be read.
pub fn lets_service(policy: &str, service: &str) -> Option<bool> {
    const UNSUPPORTED: [&str; 3] = ["aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID"];
    lets(policy, |one| {
        let named = one.principals.iter().any(|principal| match principal {
            Principal::Anyone => true,
            Principal::Service(name) => name == service,
            Principal::Aws(_) | Principal::Other(..) => false,
        });
        let fails = |key: &str| UNSUPPORTED.iter().any(|one| one.eq_ignore_ascii_case(key));
        let fails = service == "events.amazonaws.com"
            && one.conditions.iter().any(|condition| fails(&condition.key));
        !fails && (named || one.excepts.contains(&"NotPrincipal"))
    })
}

/// Returns whether a key policy evidently lets the role with one of these names in an account use
/// the key: statements allow the role itself, or leave it to the account's IAM policies, to
/// decrypt and to generate data keys. Conditions are not compared with anything. Returns nothing
/// for a policy that cannot be read.
pub fn lets_account(policy: &str, account: &str, roles: &[&str]) -> Option<bool> {
    let is_role = |name: &str| {
        let of_account = name.split(':').nth(4) == Some(account) && name.contains(":role/");
        of_account
            && name
                .rsplit('/')
                .next()
                .is_some_and(|it| roles.contains(&it))
    };
    let is_account =
        |name: &str| name == account || name.ends_with(&format!(":iam::{account}:root"));
    lets(policy, |one| {
        let named = one.principals.iter().any(|principal| match principal {
            Principal::Anyone => true,
            Principal::Aws(name) => is_account(name) || is_role(name),
            Principal::Service(_) | Principal::Other(..) => false,
        });
        named || one.excepts.contains(&"NotPrincipal")
    })
}

/// Returns whether the statements that concern a principal allow it to decrypt and to generate data
/// keys.
fn lets(policy: &str, concerns: impl Fn(&statement::Statement) -> bool) -> Option<bool> {
    let policy: Value = serde_json::from_str::<serde_json::Value>(policy)
        .ok()?
        .into();
    let statements = statement::values(&policy).iter().map(statement::read);
    let statements: Vec<_> = statements.collect::<Result<_, _>>().ok()?;
    let concerns = |one: &statement::Statement| !one.denies && concerns(one);
    let may = |action: &str| {
        let does = |one: &statement::Statement| {
            let named = one.actions.iter().any(|pattern| matches(pattern, action));
            named != one.excepts.contains(&"NotAction")
        };
        statements.iter().any(|one| concerns(one) && does(one))
    };
    Some(may("kms:Decrypt") && may("kms:GenerateDataKey"))
}

fn keys(stack: &Stack<'_>, found: &mut RuleFindings) {
    let encrypt = &stack.model().encrypt;
    let mut check = |resource: &Resource<'_>, property: &str, key: Option<&ServiceKey>| {
        let value = resource.get(property);
        let has = |key: &ServiceKey| match key {
            ServiceKey::Create => value.and_then(target) == Some(SERVICE_KEY),
            ServiceKey::Existing(arn) => value.and_then(literal) == Some(arn.as_str()),
        };
        if key.is_some_and(|key| !has(key)) {
            found.add(resource.at(property), "it is not the key of `encrypt`");
        }
    };
    for strategy in stack.strategies() {
        if let Some(group) = stack.template.resource(strategy.log_group()) {
            check(group, "KmsKeyId", encrypt.logs.as_ref());
        }
    }
    if let Some(topic) = stack.template.resource(TOPIC) {
        check(topic, "KmsMasterKeyId", encrypt.topic.as_ref());
    }
    for (_, function) in stack.functions() {
        check(function, "KmsKeyArn", encrypt.environment.as_ref());
    }
}

/// Returns the service principal of CloudWatch Logs in the stack's Region.
fn logs(stack: &Stack<'_>) -> String {
    stack.resolver().regional_service("logs")
}

/// Returns the ARNs of the stack's log groups, as CloudWatch Logs has them in the encryption
/// context.
fn log_groups(stack: &Stack<'_>) -> Vec<String> {
    let stack_name = &stack.model().stack;
    let names = stack
        .strategies()
        .map(|strategy| strategy.log_group_name(stack_name));
    names
        .map(|name| stack.resolver().arn("logs", &format!("log-group:{name}")))
        .collect()
}

fn complete(stack: &Stack<'_>, found: &mut RuleFindings) {
    let encrypt = &stack.model().encrypt;
    let policy = stack.allowing(&[DocumentKind::Key]);
    let policy: Vec<&Statement<'_>> = policy.filter(|one| is_for_services(one)).collect();
    let mut require = |service: &str, lets: &dyn Fn(&Statement<'_>) -> bool| {
        let is_named = |one: &&Statement<'_>| one.principals.iter().any(|it| it.name() == service);
        let may = |action: &str| {
            let mut mine = policy.iter().copied().filter(is_named);
            mine.any(|one| one.does(action) && lets(one))
        };
        if !["kms:Decrypt", "kms:GenerateDataKey"].into_iter().all(may) {
            found.add(
                format!("{SERVICE_KEY}.KeyPolicy"),
                format!("`{service}` may not use the key"),
            );
        }
    };
    if encrypt.logs == Some(ServiceKey::Create) {
        for group in log_groups(stack) {
            require(&logs(stack), &|one| {
                one.narrowed(LOG_GROUP).any(|arn| arn == group)
            });
        }
    }
    if encrypt.topic == Some(ServiceKey::Create) {
        require("cloudwatch.amazonaws.com", &|_| true);
        // `sns-key-management`: no condition is supported.
        require("events.amazonaws.com", &|one| one.conditions_count() == 0);
    }
}

fn confined(stack: &Stack<'_>, found: &mut RuleFindings) {
    let groups = log_groups(stack);
    let account = stack.resolver().account();
    let within = |statement: &Statement<'_>, key: &str, fits: &dyn Fn(&str) -> bool| {
        statement.is_narrowed(key) && statement.narrowed(key).all(fits)
    };
    let statements = stack.allowing(&[DocumentKind::Key]);
    for statement in statements.filter(|one| is_for_services(one)) {
        for service in statement.principals {
            let is_confined = match service.name() {
                "cloudwatch.amazonaws.com" => {
                    within(statement, "aws:SourceAccount", &|one| one == account)
                }
                "events.amazonaws.com" => true,
                name if name == logs(stack) => within(statement, LOG_GROUP, &|arn| {
                    groups.iter().any(|group| group == arn)
                }),
                _ => false,
            };
            if !is_confined {
                let message = format!("`{}` may use the key for others too", service.name());
                found.add(statement.at(), message);
            }
        }
    }
}
