//! Faults of a deployed stack, each with its evidence and one remedy.
//!
//! A fault is reported where its cause is observed, and its consequences are not reported: a secret
//! that is scheduled for deletion has no findings about its keys. A fix that could remove a
//! credential in use is left to a person.

mod database;
mod entry;
mod fault;
mod key;
mod replica;
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

/// The observed state of a stack and everything that belongs to it.
#[derive(Clone, Debug)]
pub struct Examined<'a> {
    /// The Region.
    pub region: String,
    /// The stack, if there is one.
    pub stack: Option<Stack>,
    /// The observed entries.
    pub entries: Vec<Examination<'a>>,
}

/// The observed state of an entry.
#[derive(Clone, Debug)]
pub struct Examination<'a> {
    /// The entry, its secret, and what belongs to them.
    pub seen: ObservedEntry<'a>,
    /// Whether the current credential authenticates.
    pub proof: Proof,
    /// The last error that the function logged for an unfinished rotation.
    pub reported: Option<String>,
}

/// Whether a credential authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was not tried, or could not be.
    Untried,
    /// It authenticates.
    Accepted,
    /// It does not authenticate, for this reason.
    Refused(String),
    /// The result is unknown, for this reason.
    Unknown(String),
}

/// A fault that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The kind of fault.
    pub fault: &'static Fault,
    /// The resource, such as `secret prod/app`.
    pub subject: String,
    /// The evidence: times and key IDs, never a value.
    pub evidence: String,
    /// What to do about it, with the command.
    pub remedy: String,
    /// The entry's secret, if the fault concerns an entry.
    pub secret: Option<SecretName>,
    /// The fix that needs no person, if there is one.
    pub fix: Option<Fix>,
}

impl Diagnosis {
    /// Returns whether both are the same fault of the same resource.
    pub fn is_same(&self, other: &Self) -> bool {
        self.fault.id == other.fault.id && self.subject == other.subject
    }
}

/// Fixes that lose no credential in use, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// Restore the secret.
    Restore,
    /// Resume the unfinished rotation. Secrets Manager refuses every other request about rotation
    /// until it has ended (`API_RotateSecret`).
    Resume,
    /// Set the schedule and the function as the manifest says.
    Schedule,
    /// Rotate the secret.
    Rotate,
    /// Invoke the function's sweep, which also runs every hour.
    Sweep,
    /// Replicate the secret to the Regions of the manifest.
    Replicate,
}

/// The inputs of an entry's diagnosis.
struct Scope<'a> {
    model: &'a Model,
    stack: &'a Stack,
    region: &'a str,
    now: Timestamp,
    /// How long after its removal time an old key may still be unchanged.
    sweep: SignedDuration,
}

impl Scope<'_> {
    /// Returns the ARN of the stack's function for an entry.
    fn function(&self, entry: &Entry) -> Option<&str> {
        let output = Strategy::for_entry(entry).function_output(self.model);
        self.stack.outputs.get(output).map(String::as_str)
    }
}

/// Returns all faults at a moment, those of the stack first. An old key may remain unchanged for
/// `sweep` after its removal time, until the next sweep.
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
        // Nothing else may change resources during an operation of CloudFormation.
        for diagnosis in &mut found {
            diagnosis.fix = None;
        }
    }
    found
}
