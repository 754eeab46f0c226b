//! Who is notified of each promotion: the targets of EventBridge rules.

use std::fmt;

use super::entry::Entry;
use super::fields::Fields;
use super::reader::Field;
use super::{AccountId, Arn, Finding, Region};

/// The most targets of an entry: its event goes through one rule, which has at most five targets
/// (*eb-quota* in the EventBridge User Guide).
pub const MAX_TARGETS: usize = 5;

/// What receives an event for each promotion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTarget {
    /// Its ARN.
    pub arn: Arn,
    /// Its kind.
    pub kind: TargetKind,
}

/// A kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// A standard topic of SNS.
    Topic,
    /// A queue of SQS.
    Queue,
    /// A FIFO queue of SQS.
    FifoQueue,
    /// A function, or a version or an alias of it.
    Function,
    /// An event bus other than the default one.
    Bus,
}

impl TargetKind {
    /// Returns what a target of this kind is called in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Queue | Self::FifoQueue => "queue",
            Self::Function => "function",
            Self::Bus => "event bus",
        }
    }
}

impl EventTarget {
    /// Returns the Region in the ARN.
    pub fn region(&self) -> &str {
        self.arn.parts()[2]
    }

    /// Returns the account in the ARN.
    pub fn account(&self) -> &str {
        self.arn.parts()[3]
    }

    /// Returns the name of the topic, the queue, the function, or the event bus.
    pub fn name(&self) -> &str {
        let [_, _, _, _, resource] = self.arn.parts();
        let name = resource
            .strip_prefix("event-bus/")
            .or_else(|| resource.strip_prefix("function:"));
        name.unwrap_or(resource)
    }

    /// Returns why no rule of a stack in a Region, and in an account as far as it is known, can
    /// have this target.
    ///
    /// EventBridge delivers to other Regions, and to other accounts, only with a role that the
    /// other side trusts (*eb-cross-account*, *eb-cross-region*): what that role may do there is
    /// decided there, and cannot be checked from here.
    pub fn refusal(&self, region: Option<&str>, account: Option<&str>) -> Option<String> {
        let noun = self.kind.noun();
        if let Some(region) = region {
            let (partition, own) = (self.arn.parts()[0], Region::parse(region).ok());
            if region != self.region() {
                return Some(format!(
                    "the {noun} is in {}, but the stack is in {region}",
                    self.region()
                ));
            }
            if own.is_some_and(|own| own.partition() != partition) {
                return Some(format!(
                    "the {noun} is in the partition {partition}, which has no Region {region}"
                ));
            }
        }
        let account = account.filter(|account| *account != self.account())?;
        Some(format!(
            "the {noun} belongs to the account {}, but the stack is in {account}",
            self.account()
        ))
    }
}

impl fmt::Display for EventTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind.noun(), self.arn)
    }
}

/// What to do about a target that a rule of the stack cannot have.
pub const ELSEWHERE: &str = "name a topic, a queue, a function, or an event bus of the stack's own account and Region, and forward the events from there, but not from an event bus to another one";

/// Reads `notify` of an entry, of `defaults`, or of the manifest. Returns the targets in
/// alphabetical order.
pub(super) fn read(fields: &Fields<'_>) -> Option<Vec<EventTarget>> {
    let targets = fields.optional("notify", |field| {
        let mut targets: Vec<EventTarget> = Vec::new();
        let mut is_complete = true;
        for item in field.list()? {
            match item.parse("invalid-value", parse) {
                Some(target) if targets.contains(&target) => {
                    let message = format!("{} is already in the list", target.arn);
                    item.refuse("contradiction", message);
                }
                Some(target) => targets.push(target),
                None => is_complete = false,
            }
        }
        if targets.len() > MAX_TARGETS {
            let message = format!(
                "{} targets, but an EventBridge rule has at most {MAX_TARGETS}",
                targets.len()
            );
            field.report(
                Finding::error("invalid-value", field.path(), message)
                    .hint("name an SNS topic, and subscribe the others to it"),
            );
        }
        targets.sort();
        is_complete.then_some(targets)
    })?;
    Some(targets.unwrap_or_default())
}

fn parse(text: &str) -> Result<EventTarget, String> {
    let refused = || {
        format!(
            "`{text}` is not the ARN of an SNS topic, an SQS queue, a Lambda function, or an event bus"
        )
    };
    let arn = Arn::parse(text).map_err(|_| refused())?;
    let [_, service, region, account, resource] = arn.parts();
    AccountId::parse(account).map_err(|_| refused())?;
    Region::parse(region).map_err(|_| refused())?;
    let kind = match service {
        "sns" => topic(resource, text)?,
        "sqs" => queue(resource).ok_or_else(refused)?,
        "lambda" => function(resource).ok_or_else(refused)?,
        "events" => bus(resource, text)?.ok_or_else(refused)?,
        _ => return Err(refused()),
    };
    Ok(EventTarget { arn, kind })
}

/// Returns whether a name has 1 to `most` letters, digits, and characters of `others`.
fn is_name(name: &str, others: &str, most: usize) -> bool {
    let accepted = |one: char| one.is_ascii_alphanumeric() || others.contains(one);
    (1..=most).contains(&name.len()) && name.chars().all(accepted)
}

/// EventBridge does not deliver to FIFO topics (*eb-targets*).
fn topic(resource: &str, text: &str) -> Result<TargetKind, String> {
    if resource.ends_with(".fifo") {
        return Err(format!(
            "`{text}` is a FIFO topic, to which EventBridge does not deliver; use a standard topic or a FIFO queue"
        ));
    }
    match is_name(resource, "-_", 256) {
        true => Ok(TargetKind::Topic),
        false => Err(format!(
            "`{text}` is not the ARN of an SNS topic, an SQS queue, a Lambda function, or an event bus"
        )),
    }
}

fn queue(resource: &str) -> Option<TargetKind> {
    let (name, kind) = match resource.strip_suffix(".fifo") {
        Some(name) => (name, TargetKind::FifoQueue),
        None => (resource, TargetKind::Queue),
    };
    is_name(name, "-_", 80).then_some(kind)
}

fn function(resource: &str) -> Option<TargetKind> {
    let name = resource.strip_prefix("function:")?;
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    // Lambda adds no permission to $LATEST. The ARN without a qualifier means the same.
    let is_valid = is_name(name, "-_", 140) && qualifier.is_none_or(|it| is_name(it, "-_", 128));
    is_valid.then_some(TargetKind::Function)
}

/// Secrets Manager sends its events to the default bus, where the rules of the stack are.
fn bus(resource: &str, text: &str) -> Result<Option<TargetKind>, String> {
    match resource.strip_prefix("event-bus/") {
        Some("default") => Err(format!(
            "`{text}` is the default event bus, to which Secrets Manager sends these events already; add a rule of your own there"
        )),
        Some(name) if is_name(name, "-_.", 256) => Ok(Some(TargetKind::Bus)),
        _ => Ok(None),
    }
}

/// Gives every entry the targets at the top of the manifest, in addition to its own.
pub(super) fn add_to_all(entries: &mut [(Entry, Field<'_>)], top: &[EventTarget]) {
    for (entry, at) in entries {
        let own = entry.notify.len();
        entry.notify.extend(top.iter().cloned());
        entry.notify.sort();
        entry.notify.dedup();
        let all = entry.notify.len();
        if all > MAX_TARGETS && own <= MAX_TARGETS && top.len() <= MAX_TARGETS {
            let message = format!(
                "{all} targets with those at the top of the manifest, but an EventBridge rule has at most {MAX_TARGETS}"
            );
            let path = format!("{}.notify", at.path());
            at.report(
                Finding::error("invalid-value", path, message)
                    .hint("name an SNS topic, and subscribe the others to it"),
            );
        }
    }
}

/// Refuses targets in another Region or account than the stack's, as far as the manifest says
/// where that is. Those at the top of the manifest are reported there.
pub(super) fn check(
    root: &Fields<'_>,
    entries: &[(Entry, Field<'_>)],
    top: &[EventTarget],
    region: Option<&Region>,
    account: Option<&AccountId>,
) {
    let refusal = |target: &EventTarget| {
        target.refusal(
            region.map(|region| region.as_str()),
            account.map(|account| account.as_str()),
        )
    };
    for why in top.iter().filter_map(refusal) {
        let at = root.place("notify");
        at.report(Finding::error("contradiction", "notify", why).hint(ELSEWHERE));
    }
    for (entry, at) in entries {
        let own = entry.notify.iter().filter(|target| !top.contains(target));
        for why in own.filter_map(refusal) {
            let path = format!("{}.notify", at.path());
            at.report(Finding::error("contradiction", path, why).hint(ELSEWHERE));
        }
    }
}

#[cfg(test)]
mod tests;
