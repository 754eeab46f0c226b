//! The statements with which topics and queues of others admit the rules of `notify`, and whether
//! a policy that is there admits them.
//!
//! EventBridge User Guide, *eb-use-resource-based*: a topic's policy supports no `Condition` for
//! EventBridge, and a queue's policy does.

use serde_json::{Value as Json, json};

use super::check::matches;
use super::resolve::Resolver;
use super::statement::{self, Condition, Principal, Statement};
use super::tree::Value;
use crate::model::{AccountId, EventTarget, Region, TargetKind};

const EVENTS: &str = "events.amazonaws.com";

/// Whether a policy admits the rules of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A statement allows it, and none denies it.
    Admitted,
    /// No statement allows it, or one denies it.
    Refused(String),
    /// It depends on something that is not known here.
    Unknown(String),
}

/// Returns the statement that a topic or a queue needs, or nothing for a target that needs none.
pub fn target_statement(
    target: &EventTarget,
    account: &AccountId,
    region: &Region,
) -> Option<Json> {
    let action = action(target.kind)?;
    let mut statement = json!({
        "Sid": "EventBridgeMayDeliver",
        "Effect": "Allow",
        "Principal": { "Service": EVENTS },
        "Action": action,
        "Resource": target.arn.as_str(),
    });
    if target.kind != TargetKind::Topic {
        statement["Condition"] = json!({ "ArnLike": { "aws:SourceArn": rules(account, region) } });
    }
    Some(statement)
}

/// Returns the pattern of the ARNs of a Region's rules. The name of a rule of the stack ends in
/// characters that are not known before it exists.
fn rules(account: &AccountId, region: &Region) -> String {
    Resolver::at(Some(region), Some(account)).arn("events", "rule/*")
}

/// The action of a delivery, if the target's own policy decides about it.
const fn action(kind: TargetKind) -> Option<&'static str> {
    match kind {
        TargetKind::Topic => Some("sns:Publish"),
        TargetKind::Queue | TargetKind::FifoQueue => Some("sqs:SendMessage"),
        TargetKind::Function | TargetKind::Bus => None,
    }
}

/// Returns whether the policy of a topic or a queue lets EventBridge deliver to it. `known` are the
/// names of the rules that the stack has already, and `stack` is its name.
pub fn admits(
    policy: &str,
    target: &EventTarget,
    account: &AccountId,
    region: &Region,
    stack: &str,
    known: &[&str],
) -> Admission {
    let Some(action) = action(target.kind) else {
        return Admission::Admitted;
    };
    let Some(statements) = read(policy) else {
        return Admission::Unknown("the policy cannot be read".to_owned());
    };
    let resolver = Resolver::at(Some(region), Some(account));
    let arn = |name: &str| resolver.arn("events", &format!("rule/{name}"));
    let rules = match known.is_empty() {
        true => vec![arn(&format!("{stack}-NotifyRule00000000-000000000000"))],
        false => known.iter().map(|name| arn(name)).collect(),
    };
    let request = Request {
        action,
        resource: target.arn.as_str(),
        account: account.as_str(),
        rules,
    };
    let mut allowed = None;
    let mut unknown = None;
    for one in statements.iter().filter(|one| request.concerns(one)) {
        match (one.denies, request.meets(&one.conditions)) {
            (true, Some(true)) => return Admission::Refused(format!("{} denies it", name(one))),
            (false, _) if target.kind == TargetKind::Topic && !one.conditions.is_empty() => {
                allowed.get_or_insert(Err(format!(
                    "{} has a Condition, with which EventBridge does not publish to a topic",
                    name(one)
                )));
            }
            (false, Some(true)) => allowed = Some(Ok(())),
            (_, Some(false)) => {}
            (_, None) => unknown = Some(format!("it depends on a Condition in {}", name(one))),
        }
    }
    match (allowed, unknown) {
        (Some(Ok(())), None) => Admission::Admitted,
        (_, Some(why)) => Admission::Unknown(why),
        (Some(Err(why)), None) => Admission::Refused(why),
        (None, None) => Admission::Refused("no statement allows it".to_owned()),
    }
}

fn read(policy: &str) -> Option<Vec<Statement>> {
    let policy: Value = serde_json::from_str::<Json>(policy).ok()?.into();
    let statements = statement::values(&policy).iter().map(statement::read);
    statements.collect::<Result<_, _>>().ok()
}

fn name(statement: &Statement) -> String {
    match statement.sid.as_str() {
        "" => "a statement without a Sid".to_owned(),
        sid => format!("the statement {sid}"),
    }
}

/// The delivery of an event.
struct Request<'a> {
    action: &'a str,
    resource: &'a str,
    account: &'a str,
    /// The ARNs of the rules, or of one such as the stack will have.
    rules: Vec<String>,
}

impl Request<'_> {
    /// Returns whether a statement names the service, the action, and the resource.
    fn concerns(&self, one: &Statement) -> bool {
        let named = one.principals.iter().any(|principal| match principal {
            Principal::Anyone => true,
            Principal::Service(name) => name == EVENTS,
            Principal::Aws(_) | Principal::Other(..) => false,
        });
        let does = one
            .actions
            .iter()
            .any(|pattern| matches(pattern, self.action));
        let on = one.resources.iter().any(|arn| matches(arn, self.resource));
        let not = |element: &str| one.excepts.contains(&element);
        named != not("NotPrincipal")
            && does != not("NotAction")
            && (one.resources.is_empty() || on != not("NotResource"))
    }

    /// Returns whether the delivery meets all conditions, or nothing if that is not known.
    fn meets(&self, conditions: &[Condition]) -> Option<bool> {
        let met = conditions.iter().map(|one| self.meets_one(one));
        let met: Vec<Option<bool>> = met.collect();
        match met.contains(&Some(false)) {
            true => Some(false),
            false => met.into_iter().collect::<Option<Vec<_>>>().map(|_| true),
        }
    }

    fn meets_one(&self, one: &Condition) -> Option<bool> {
        let operator = one.operator.to_lowercase();
        let key = one.key.to_lowercase();
        let patterns = ["stringlike", "arnlike", "arnequals"];
        let is_pattern = patterns.contains(&operator.as_str());
        let any = |text: &str| {
            let mut values = one.values.iter();
            values.any(|value| match is_pattern {
                true => matches(value, text),
                false => value == text,
            })
        };
        match (operator.as_str(), key.as_str()) {
            ("bool", "aws:securetransport") => Some(one.values.iter().any(|it| it == "true")),
            ("stringequals" | "stringlike", "aws:sourceaccount") => Some(any(self.account)),
            ("stringequals" | "stringlike" | "arnequals" | "arnlike", "aws:sourcearn") => {
                Some(self.rules.iter().all(|rule| any(rule)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load;

    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:rotated";
    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:rotated";

    fn target(arn: &str) -> EventTarget {
        let text =
            format!("version: 1\nstack: keys\naccess_keys: [{{ user: ada, notify: ['{arn}'] }}]\n");
        load(&text, None).unwrap().model.entries[0].notify[0].clone()
    }

    fn place() -> (AccountId, Region) {
        let account = AccountId::parse("111122223333").unwrap();
        (account, Region::parse("eu-west-1").unwrap())
    }

    fn admission(arn: &str, statements: &[Json], known: &[&str]) -> Admission {
        let (account, region) = place();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        admits(&policy, &target(arn), &account, &region, "keys", known)
    }

    fn is_admitted(arn: &str, statements: &[Json]) -> Option<bool> {
        match admission(arn, statements, &[]) {
            Admission::Admitted => Some(true),
            Admission::Refused(_) => Some(false),
            Admission::Unknown(_) => None,
        }
    }

    fn needed(arn: &str) -> Json {
        let (account, region) = place();
        target_statement(&target(arn), &account, &region).unwrap()
    }

    #[test]
    fn the_statement_to_add_admits() {
        for arn in [TOPIC, QUEUE] {
            assert_eq!(is_admitted(arn, &[needed(arn)]), Some(true), "{arn}");
            assert_eq!(is_admitted(arn, &[]), Some(false), "{arn}");
        }
        assert!(needed(TOPIC).get("Condition").is_none());
        let (account, region) = place();
        let function = target("arn:aws:lambda:eu-west-1:111122223333:function:f");
        assert_eq!(target_statement(&function, &account, &region), None);
    }

    #[test]
    fn who_what_and_where_are_compared() {
        for (element, value, expected) in [
            ("Principal", json!("*"), true),
            ("Principal", json!({ "AWS": "*" }), true),
            (
                "Principal",
                json!({ "Service": ["sns.amazonaws.com", EVENTS] }),
                true,
            ),
            (
                "Principal",
                json!({ "Service": "sns.amazonaws.com" }),
                false,
            ),
            (
                "Principal",
                json!({ "AWS": "arn:aws:iam::111122223333:root" }),
                false,
            ),
            ("Action", json!("SQS:*"), true),
            (
                "Action",
                json!(["sqs:ReceiveMessage", "SQS:SendMessage"]),
                true,
            ),
            ("Action", json!("sqs:ReceiveMessage"), false),
            ("Resource", json!("*"), true),
            ("Resource", json!("arn:aws:sqs:*:111122223333:rot*"), true),
            ("Resource", json!(format!("{QUEUE}-other")), false),
        ] {
            let mut statement = needed(QUEUE);
            statement[element] = value;
            let admitted = is_admitted(QUEUE, std::slice::from_ref(&statement));
            assert_eq!(admitted, Some(expected), "{statement}");
        }
    }

    #[test]
    fn a_topic_supports_no_condition_and_a_queue_does() {
        let rules = "arn:aws:events:eu-west-1:111122223333:rule";
        let own =
            json!({ "ArnEquals": { "aws:SourceArn": format!("{rules}/keys-NotifyRule1-2") } });
        for (condition, topic, queue) in [
            (
                json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } }),
                false,
                Some(true),
            ),
            (
                json!({ "StringEquals": { "AWS:SourceAccount": "444455556666" } }),
                false,
                Some(false),
            ),
            (
                json!({ "ArnLike": { "aws:SourceArn": format!("{rules}/keys-*") } }),
                false,
                Some(true),
            ),
            (
                json!({ "ArnLike": { "aws:SourceArn": format!("{rules}/other-*") } }),
                false,
                Some(false),
            ),
            (
                json!({ "Bool": { "aws:SecureTransport": "true" } }),
                false,
                Some(true),
            ),
            (
                json!({ "StringEquals": { "aws:SourceOrgID": "o-1" } }),
                false,
                None,
            ),
            (own.clone(), false, Some(false)),
        ] {
            let mut statement = needed(TOPIC);
            statement["Condition"] = condition.clone();
            assert_eq!(is_admitted(TOPIC, &[statement]), Some(topic), "{condition}");
            let mut statement = needed(QUEUE);
            statement["Condition"] = condition.clone();
            assert_eq!(is_admitted(QUEUE, &[statement]), queue, "{condition}");
        }
        // A rule that the stack has already is known by its name.
        let mut statement = needed(QUEUE);
        statement["Condition"] = own;
        let known = ["keys-NotifyRule1-2"];
        let admitted = admission(QUEUE, std::slice::from_ref(&statement), &known);
        assert_eq!(admitted, Admission::Admitted);
        let known = ["keys-NotifyRule1-2", "keys-NotifyRule3-4"];
        let refused = admission(QUEUE, &[statement], &known);
        assert!(matches!(refused, Admission::Refused(_)), "{refused:?}");
    }

    #[test]
    fn a_denial_counts_unless_it_is_about_requests_without_tls() {
        let mut denies = needed(QUEUE);
        denies["Effect"] = "Deny".into();
        assert_eq!(
            is_admitted(QUEUE, &[needed(QUEUE), denies.clone()]),
            Some(false)
        );
        denies["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(
            is_admitted(QUEUE, &[needed(QUEUE), denies.clone()]),
            Some(true)
        );
        denies["Condition"] = json!({ "StringNotEquals": { "aws:SourceOrgID": "o-1" } });
        assert_eq!(is_admitted(QUEUE, &[needed(QUEUE), denies]), None);
    }
}
