//! What is wrong, by what was seen: evidence and one remedy for each fault.
//!
//! A fault is reported where its cause is seen, and its consequences are not reported:
//! nothing is reported about the keys of a secret that awaits deletion. A fix that could
//! remove a credential in use is left to a person.

mod database;
mod entry;
mod fault;
mod key;
mod report;
mod secret;
mod stack;

use jiff::{SignedDuration, Timestamp};

use super::ObservedEntry;
use crate::model::{Entry, Model, SecretName};
use crate::port::Stack;
use crate::render::Strategy;

pub use fault::{FAULTS, Fault};
pub use report::{DoctorFinding, DoctorReport};
pub use secret::wanted_rotation;

/// What was seen of a stack and of all that belongs to it.
#[derive(Clone, Debug)]
pub struct Examined<'a> {
    /// The Region.
    pub region: String,
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The entries that were looked at.
    pub entries: Vec<Examination<'a>>,
}

/// What was seen of an entry.
#[derive(Clone, Debug)]
pub struct Examination<'a> {
    /// The entry, its secret, and what belongs to them.
    pub seen: ObservedEntry<'a>,
    /// Whether the credential that clients read authenticates.
    pub proof: Proof,
    /// The last error that the function has logged of a rotation that is unfinished.
    pub reported: Option<String>,
}

/// Whether a credential authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// There is nothing to try, or nothing to try it with.
    Untried,
    /// It does.
    Accepted,
    /// It does not, and why.
    Refused(String),
    /// Nobody could say, and why.
    Unknown(String),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What it is.
    pub fault: &'static Fault,
    /// What it is about, such as `secret prod/app`.
    pub subject: String,
    /// What was seen: times and key IDs, never a value.
    pub evidence: String,
    /// What to do about it, with the command.
    pub remedy: String,
    /// The entry's secret, where it is about an entry.
    pub secret: Option<SecretName>,
    /// What may be done about it without a person.
    pub fix: Option<Fix>,
}

impl Diagnosis {
    /// Returns whether two are the same fault of the same thing.
    pub fn is_same(&self, other: &Self) -> bool {
        self.fault.id == other.fault.id && self.subject == other.subject
    }
}

/// What loses no credential in use, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// The secret's deletion is taken back.
    Restore,
    /// The rotation that was left unfinished is taken up. Until it has ended, nothing
    /// else about rotation can be asked for (`API_RotateSecret`).
    Resume,
    /// Schedule and function are set as the manifest says.
    Schedule,
    /// The secret is rotated.
    Rotate,
    /// The function looks at the secret, as it does every hour.
    Sweep,
}

/// What an entry is looked at with.
struct Scope<'a> {
    model: &'a Model,
    stack: &'a Stack,
    region: &'a str,
    now: Timestamp,
    /// How long after its time an old key may still be as it was.
    sweep: SignedDuration,
}

impl Scope<'_> {
    /// Returns the ARN of the function that the stack has for an entry.
    fn function(&self, entry: &Entry) -> Option<&str> {
        let output = Strategy::for_entry(entry).function_output(self.model);
        self.stack.outputs.get(output).map(String::as_str)
    }
}

/// Returns all that is wrong at a moment, the stack first. An old key may be as it was
/// for `sweep` after its time, since the function looks at it now and then.
pub fn diagnose(
    model: &Model,
    examined: &Examined<'_>,
    now: Timestamp,
    sweep: SignedDuration,
) -> Vec<Diagnosis> {
    let mut found = stack::diagnose(model, examined, now);
    let Some(stack) = examined.stack.as_ref().filter(|held| stack::tells(held)) else {
        return found;
    };
    if found
        .iter()
        .any(|held| *held.fault == fault::STACK_NOT_OURS)
    {
        return found;
    }
    let scope = Scope {
        model,
        stack,
        region: &examined.region,
        now,
        sweep,
    };
    for examination in &examined.entries {
        found.extend(entry::diagnose(&scope, examination));
    }
    if stack.status.is_busy() {
        // Nothing else may change resources while CloudFormation updates them.
        for diagnosis in &mut found {
            diagnosis.fix = None;
        }
    }
    found
}
