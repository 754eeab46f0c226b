//! Describes a statement's conditions in words. Only conditions with a known meaning have a
//! description. All others appear as the policy states them.

use super::prose::{self, LISTED, Prose};
use super::resource;
use super::sentence::SentenceContext;
use super::subject;
use crate::render::statement::Condition;

/// Operators that require one of the values, without further meaning.
const MATCHES: [&str; 5] = ["StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"];

/// Returns a condition as the end of a sentence: "through Secrets Manager".
pub fn phrase(condition: &Condition, setting: &SentenceContext) -> Prose {
    known(condition, setting).unwrap_or_else(|| {
        Prose::words("if ")
            .code(&condition.key)
            .say(" matches ")
            .code(&condition.operator)
            .say(" ")
            .then(values(condition))
    })
}

fn known(condition: &Condition, setting: &SentenceContext) -> Option<Prose> {
    let Condition {
        operator,
        key,
        values: all,
    } = condition;
    if let ("ForAnyValue:StringEquals", "aws:CalledVia") = (operator.as_str(), key.as_str()) {
        let services = all.iter().map(|name| subject::service(name));
        return Some(
            Prose::words("in a request that was made through ").then(prose::list(services, "or")),
        );
    }
    if let ("ForAllValues:StringEquals", "aws:TagKeys") = (operator.as_str(), key.as_str()) {
        return Some(Prose::words("if every tag in the request is ").then(values(condition)));
    }
    if !MATCHES.contains(&operator.as_str()) || all.is_empty() {
        return None;
    }
    let exact = operator.ends_with("Equals");
    let named_resources = || {
        resource::phrase(&resource::named_resources(
            all.iter().map(String::as_str),
            Some(setting),
        ))
    };
    let key = key
        .strip_prefix("AWS:")
        .map_or(key.clone(), |rest| format!("aws:{rest}"));
    Some(match key.as_str() {
        "kms:ViaService" if all.iter().all(|one| one.starts_with("secretsmanager.")) => {
            Prose::words("through Secrets Manager")
        }
        "kms:ViaService" if all.iter().all(|one| one.starts_with("lambda.")) => {
            Prose::words("through Lambda")
        }
        "kms:EncryptionContext:SecretARN" => Prose::words("for ").then(named_resources()),
        "kms:EncryptionContext:aws:logs:arn" => Prose::words("for ").then(named_resources()),
        "kms:EncryptionContext:aws:lambda:FunctionArn" => {
            Prose::words("for the environment of ").then(named_resources())
        }
        "aws:SourceArn" => Prose::words("on behalf of ").then(named_resources()),
        "lambda:SourceFunctionArn" => {
            Prose::words("in requests from the code of ").then(named_resources())
        }
        "aws:SourceAccount" if exact => {
            Prose::words("on behalf of account ").then(values(condition))
        }
        "iam:PassedToService" if exact => {
            let services = all.iter().map(|name| subject::service(name));
            Prose::words("to ").then(prose::list(services, "or"))
        }
        "iam:PolicyARN" => Prose::words("if it is ").then(named_resources()),
        "iam:PermissionsBoundary" if exact => {
            Prose::words("with the permissions boundary ").then(values(condition))
        }
        "aws:SecureTransport" => match all.as_slice() {
            [one] if one == "false" => Prose::words("if the request does not use TLS"),
            [one] if one == "true" => Prose::words("over TLS"),
            _ => return None,
        },
        key if exact => match key.split_once('/') {
            Some(("aws:ResourceTag" | "secretsmanager:ResourceTag", tag)) => {
                Prose::words("if its tag ")
                    .code(tag)
                    .say(" is ")
                    .then(values(condition))
            }
            Some(("aws:RequestTag", tag)) => Prose::words("if the request adds the tag ")
                .code(tag)
                .say(" with ")
                .then(values(condition)),
            _ => return None,
        },
        _ => return None,
    })
}

fn values(condition: &Condition) -> Prose {
    let names = condition.values.iter().map(Prose::name);
    match condition.values.len() {
        0 => Prose::words("no value"),
        few if few <= LISTED => prose::list(names, "or"),
        more => Prose::words(format!("one of {} values", prose::number(more))),
    }
}
