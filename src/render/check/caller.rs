//! Who may start the function, and call in for others.

use super::rule::{Found, Rule, Theme};
use super::stack::Stack;
use super::template::arn_parts;
use crate::model::Severity::Error;
use crate::render::document::Kind;
use crate::render::statement::Principal;

pub(super) const THEME: Theme = Theme {
    title: "Who may call",
    rules: &[
        Rule {
            id: "permission-source",
            severity: Error,
            refused_by_aws: false,
            title: "Every permission on a function has SourceAccount, or a SourceArn with the account in it",
            why: "A service acts for every account. Without a source, a secret or rule of any other account could start the function.",
            remedy: "add `SourceAccount: !Ref AWS::AccountId`",
            source: "AWS Secrets Manager User Guide, rotate-secrets_turn-on-for-other",
            check: Some(sources),
        },
        Rule {
            id: "permission-principal",
            severity: Error,
            refused_by_aws: false,
            title: "Secrets Manager and EventBridge alone may start the function",
            why: "Whoever may start it can have a credential rotated, or old keys swept, at any time.",
            remedy: "take the permission out",
            source: "keyrota: the function has two callers",
            check: Some(|stack, found| {
                for permission in stack.template.of_type("AWS::Lambda::Permission") {
                    let principal = permission.text("Principal").unwrap_or("*");
                    if !["secretsmanager.amazonaws.com", "events.amazonaws.com"]
                        .contains(&principal)
                    {
                        found.add(
                            permission.at("Principal"),
                            format!("`{principal}` may call it"),
                        );
                    }
                    let action = permission.text("Action").unwrap_or("*");
                    if action != "lambda:InvokeFunction" {
                        found.add(permission.at("Action"), format!("it allows `{action}`"));
                    }
                }
                for url in stack.template.of_type("AWS::Lambda::Url") {
                    found.add(url.id, "it puts a function on the Internet");
                }
                for source in stack.template.of_type("AWS::Lambda::EventSourceMapping") {
                    found.add(source.id, "what it reads starts a function");
                }
            }),
        },
        Rule {
            id: "service-source",
            severity: Error,
            refused_by_aws: false,
            title: "A resource policy that lets a service in says for whom, by aws:SourceArn or aws:SourceAccount",
            why: "A service acts for every account: without a condition any of them can have it call (the confused deputy).",
            remedy: "add a condition on aws:SourceAccount, and on aws:SourceArn where the source is known",
            source: "AWS IAM User Guide, confused-deputy",
            check: Some(|stack, found| {
                let kinds = [Kind::Topic, Kind::Key, Kind::Secret, Kind::Other];
                for statement in stack.allowing(&kinds) {
                    let mut services = statement
                        .principals
                        .iter()
                        .filter(|one| one.kind() == "Service");
                    let own = stack.world().account();
                    let mine = |arn: &str| arn_parts(arn).is_some_and(|parts| parts[3] == own);
                    let all = |key: &str, fits: &dyn Fn(&str) -> bool| {
                        statement.is_narrowed(key) && statement.narrowed(key).all(fits)
                    };
                    let narrowed = all("aws:SourceAccount", &|account| account == own)
                        || all("aws:SourceArn", &mine);
                    if let Some(service) = services.next().map(Principal::name)
                        && !narrowed
                    {
                        found.add(statement.at(), format!("`{service}` may come for anybody"));
                    }
                }
            }),
        },
    ],
};

fn sources(stack: &Stack<'_>, found: &mut Found) {
    let own = stack.world().account();
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
                    found.add(
                        permission.at("SourceAccount"),
                        "it is not the stack's own account",
                    );
                }
            }
            (None, Some(arn)) => {
                let arn = arn.unwrap_or_default();
                if arn_parts(&arn).is_none_or(|parts| parts[3] != own) {
                    found.add(
                        permission.at("SourceArn"),
                        format!("`{arn}` does not carry the stack's own account"),
                    );
                }
            }
            (None, None) => found.add(permission.id, "it has neither SourceAccount nor SourceArn"),
        }
    }
}
