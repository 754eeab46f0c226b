//! Rules about who may invoke the function or assume its role, and on whose behalf.

use super::encrypt;
use super::operation;
use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use crate::render::arn;
use crate::render::document::DocumentKind;
use crate::render::statement::Principal;

pub(super) const THEME: Theme = Theme {
    title: "Who may call",
    rules: &[
        Rule {
            id: "permission-source",
            level: Level::Error,
            title: "Every permission on a function has SourceAccount, or a SourceArn that contains the account",
            why: "A service acts for every account. Without a source, a secret or rule of another account could invoke the function.",
            remedy: "add `SourceAccount: !Ref AWS::AccountId`",
            source: "AWS Secrets Manager User Guide, rotate-secrets_turn-on-for-other",
            check: Some(sources),
        },
        Rule {
            id: "permission-principal",
            level: Level::Error,
            title: "Only Secrets Manager and EventBridge can invoke the function",
            why: "Any other caller could rotate a credential, or retire old keys, at any time.",
            remedy: "remove the permission",
            source: "keyrota: the function has two callers",
            check: Some(|stack, found| {
                for permission in stack.template.of_type("AWS::Lambda::Permission") {
                    let principal = permission.text("Principal").unwrap_or("*");
                    if !["secretsmanager.amazonaws.com", "events.amazonaws.com"]
                        .contains(&principal)
                    {
                        let message = format!("`{principal}` can invoke it");
                        found.add(permission.at("Principal"), message);
                    }
                    let action = permission.text("Action").unwrap_or("*");
                    if action != "lambda:InvokeFunction" {
                        found.add(permission.at("Action"), format!("it allows `{action}`"));
                    }
                }
                for url in stack.template.of_type("AWS::Lambda::Url") {
                    found.add(url.id, "it makes a function public on the Internet");
                }
                for source in stack.template.of_type("AWS::Lambda::EventSourceMapping") {
                    found.add(source.id, "it invokes a function with what it reads");
                }
            }),
        },
        Rule {
            id: "service-source",
            level: Level::Error,
            title: "A resource policy that allows a service has a condition on aws:SourceArn or aws:SourceAccount, unless it allows EventBridge nothing but to publish to a topic, or a service to use the key that the stack creates for it (see `service-key-use`)",
            why: "A service acts for every account. Without a condition, any account could use the service to gain access (confused deputy problem). EventBridge does not publish by a statement with a condition (see `topic-delivery`).",
            remedy: "add a condition on aws:SourceAccount, and on aws:SourceArn if the source is known",
            source: "AWS IAM User Guide, confused-deputy",
            check: Some(|stack, found| {
                let kinds = [
                    DocumentKind::Topic,
                    DocumentKind::Key,
                    DocumentKind::Secret,
                    DocumentKind::Other,
                ];
                for statement in stack.allowing(&kinds) {
                    // Each service that uses a key has conditions of its own (`service-key-use`).
                    if operation::only_lets_eventbridge_publish(statement)
                        || encrypt::is_for_services(statement)
                    {
                        continue;
                    }
                    let mut services = statement
                        .principals
                        .iter()
                        .filter(|one| one.kind() == "Service");
                    let own = stack.resolver().account();
                    let mine = |arn: &str| arn::parts(arn).is_some_and(|parts| parts[3] == own);
                    let all = |key: &str, fits: &dyn Fn(&str) -> bool| {
                        statement.is_narrowed(key) && statement.narrowed(key).all(fits)
                    };
                    let narrowed = all("aws:SourceAccount", &|account| account == own)
                        || all("aws:SourceArn", &mine);
                    if let Some(service) = services.next().map(Principal::name)
                        && !narrowed
                    {
                        let message = format!("`{service}` can act for any account");
                        found.add(statement.at(), message);
                    }
                }
            }),
        },
    ],
};

fn sources(stack: &Stack<'_>, found: &mut RuleFindings) {
    let own = stack.resolver().account();
    for permission in stack.template.of_type("AWS::Lambda::Permission") {
        let account = permission
            .get("SourceAccount")
            .map(|value| stack.resolved(value));
        let arn = permission
            .get("SourceArn")
            .map(|value| stack.resolved(value));
        match (account, arn) {
            (Some(account), _) => {
                if account.as_deref() != Some(own) {
                    let message = "it is not the stack's own account";
                    found.add(permission.at("SourceAccount"), message);
                }
            }
            (None, Some(arn)) => {
                let arn = arn.unwrap_or_default();
                if arn::parts(&arn).is_none_or(|parts| parts[3] != own) {
                    let message = format!("`{arn}` does not contain the stack's own account");
                    found.add(permission.at("SourceArn"), message);
                }
            }
            (None, None) => found.add(permission.id, "it has neither SourceAccount nor SourceArn"),
        }
    }
}
