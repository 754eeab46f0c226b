//! The statements with which topics and queues admit the rules of `notify`, and whether an existing
//! policy admits them.
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

/// Returns whether the policy of a topic or a queue lets EventBridge deliver to it for each of these
/// rules, which are given by their names.
pub fn admits(
    policy: &str,
    target: &EventTarget,
    account: &AccountId,
    region: &Region,
    rules: &[String],
) -> Admission {
    let Some(action) = action(target.kind) else {
        return Admission::Admitted;
    };
    let Some(statements) = read(policy) else {
        return Admission::Unknown("the policy cannot be read".to_owned());
    };
    let resolver = Resolver::at(Some(region), Some(account));
    let mut unknown = None;
    for rule in rules {
        let request = Request {
            action,
            kind: target.kind,
            resource: target.arn.as_str(),
            account: account.as_str(),
            rule: resolver.arn("events", &format!("rule/{rule}")),
        };
        match request.admission(&statements) {
            Admission::Admitted => {}
            Admission::Unknown(why) => unknown = Some(why),
            refused @ Admission::Refused(_) => return refused,
        }
    }
    unknown.map_or(Admission::Admitted, Admission::Unknown)
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

/// The delivery of an event of one rule.
struct Request<'a> {
    action: &'a str,
    kind: TargetKind,
    resource: &'a str,
    account: &'a str,
    /// The ARN of the rule, or of one such as the stack will have.
    rule: String,
}

impl Request<'_> {
    /// Returns what the statements together decide. A denial that may apply outweighs what allows, and a
    /// statement that may allow counts only if nothing else allows.
    fn admission(&self, statements: &[Statement]) -> Admission {
        let mut is_allowed = false;
        let (mut unsupported, mut may_allow, mut may_deny) = (None, None, None);
        for one in statements.iter().filter(|one| self.concerns(one)) {
            let depends = || format!("it depends on a Condition in {}", name(one));
            match (one.denies, self.meets(&one.conditions)) {
                (true, Some(true)) => {
                    return Admission::Refused(format!("{} denies it", name(one)));
                }
                (true, None) => may_deny = Some(depends()),
                (false, _) if self.kind == TargetKind::Topic && !one.conditions.is_empty() => {
                    unsupported = Some(format!(
                        "{} has a Condition, which EventBridge does not support in the policy of a topic",
                        name(one)
                    ));
                }
                (false, Some(true)) => is_allowed = true,
                (false, None) => may_allow = Some(depends()),
                (_, Some(false)) => {}
            }
        }
        match (is_allowed, may_allow, may_deny) {
            (true, _, None) => Admission::Admitted,
            (true, _, Some(why)) | (false, Some(why), _) => Admission::Unknown(why),
            (false, None, _) => Admission::Refused(
                unsupported.unwrap_or_else(|| "no statement allows it".to_owned()),
            ),
        }
    }

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
                Some(any(&self.rule))
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

    fn admission(arn: &str, statements: &[Json], rules: &[&str]) -> Admission {
        let (account, region) = place();
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let rules: Vec<String> = rules.iter().map(|&rule| rule.to_owned()).collect();
        admits(&policy, &target(arn), &account, &region, &rules)
    }

    fn is_admitted(arn: &str, statements: &[Json]) -> Option<bool> {
        match admission(arn, statements, &["keys-NotifyRule0-0"]) {
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
    }

    #[test]
    fn each_rule_needs_a_statement_and_they_may_differ() {
        let only = |name: &str| {
            let mut statement = needed(QUEUE);
            let rule = format!("arn:aws:events:eu-west-1:111122223333:rule/{name}");
            statement["Condition"] = json!({ "ArnEquals": { "aws:SourceArn": rule } });
            statement
        };
        let both = ["keys-NotifyRule1-2", "keys-NotifyRule3-4"];
        let [one, other] = both.map(only);
        let admitted = admission(QUEUE, &[one.clone(), other.clone()], &both);
        assert_eq!(admitted, Admission::Admitted);
        let refused = admission(QUEUE, std::slice::from_ref(&one), &both);
        assert!(matches!(refused, Admission::Refused(_)), "{refused:?}");
        // A denial of one of several rules is a denial.
        let mut denies = other.clone();
        denies["Effect"] = "Deny".into();
        let refused = admission(QUEUE, &[one, other, denies], &both);
        assert!(matches!(refused, Admission::Refused(_)), "{refused:?}");
    }

    #[test]
    fn a_doubtful_statement_counts_only_where_it_would_decide() {
        let organization = |effect: &str, operator: &str| {
            let mut statement = needed(QUEUE);
            statement["Effect"] = effect.into();
            statement["Condition"] = json!({ operator: { "aws:PrincipalOrgID": "o-1" } });
            statement
        };
        let allows = organization("Allow", "StringEquals");
        let denies = organization("Deny", "StringNotEquals");
        assert_eq!(
            is_admitted(QUEUE, &[allows.clone(), needed(QUEUE)]),
            Some(true)
        );
        assert_eq!(is_admitted(QUEUE, &[allows]), None);
        assert_eq!(
            is_admitted(QUEUE, std::slice::from_ref(&denies)),
            Some(false)
        );
        assert_eq!(is_admitted(QUEUE, &[denies, needed(QUEUE)]), None);
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
