//! Faults of a deployed stack, each with its evidence and one remedy.
//!
//! A fault is reported where its cause is observed, and its consequences are not reported: a secret
//! that is scheduled for deletion has no findings about its keys. A fix that could remove a
//! credential in use is left to a person.

mod database;
mod drift;
mod entry;
mod fault;
mod key;
mod leak;
mod notify;
mod recovery;
mod rehearsal;
mod replica;
mod report;
mod secret;
mod service;
mod stack;

use fault::ROTATION_OFF;
use jiff::{SignedDuration, Timestamp};
use keyrota_contract::check::{Signer, call};

use super::drift::StackDrift;
use super::{CallOutcome, DeniedSessions, ObservedEntry, Quarantine, Rehearsal, TestMethod};
use crate::model::{Entry, Model, SecretName};
use crate::port::Stack;
use crate::render::Strategy;

pub use drift::{resource_subject, unseen};
pub use fault::{FAULTS, Fault};
pub use notify::{CheckedTarget, diagnose_targets};
pub use rehearsal::{NextRotation, diagnose_next_rotation};
pub use report::{DoctorFinding, DoctorReport};
pub(super) use secret::differs;
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
    /// How the stack differs from what was deployed.
    pub drift: StackDrift,
    /// The targets in `notify`.
    pub targets: Vec<CheckedTarget<'a>>,
}

/// The observed state of an entry.
#[derive(Clone, Debug)]
pub struct Examination<'a> {
    /// The entry, its secret, and what belongs to them.
    pub seen: ObservedEntry<'a>,
    /// Whether the current credential authenticates.
    pub proof: Proof,
    /// Since when a rotation is under way, so that nothing is wrong with it.
    pub under_way: Option<Timestamp>,
    /// The last error that the function logged for an unfinished rotation.
    pub reported: Option<String>,
    /// The sessions of the user that keyrota's policy denies.
    pub denied_sessions: Option<DeniedSessions>,
    /// The rehearsal of the next rotation, if there can be one.
    pub rehearsal: Option<Rehearsal>,
    /// The quarantine under which AWS has put the user.
    pub quarantine: Option<Quarantine>,
}

/// Whether a credential authenticates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It was not tried, or could not be.
    Untried,
    /// It authenticates.
    Accepted,
    /// It is wrong, for this reason.
    Refused(String),
    /// It does not authenticate, for this reason, but may be right.
    Failed(String),
}

impl Proof {
    /// Returns what the rehearsal says about a database's login. A server that was not reached says
    /// nothing about the password.
    pub fn of_login(rehearsal: &Rehearsal) -> Self {
        let logins = [call::LOG_IN, call::AUTHENTICATE];
        let mut calls = rehearsal.calls.iter();
        let login = calls.find(|it| logins.contains(&it.call.as_str()) && it.by == Signer::User);
        let Some(login) = login.filter(|login| login.how == TestMethod::Tested) else {
            return Self::Untried;
        };
        match (login.result, login.code.as_deref()) {
            (CallOutcome::Ok, _) => Self::Accepted,
            (_, Some("wrong_credentials")) => {
                Self::Refused(login.reason.clone().unwrap_or_default())
            }
            (_, Some("login_forbidden" | "password_expired")) => {
                Self::Failed(login.reason.clone().unwrap_or_default())
            }
            _ => Self::Untried,
        }
    }
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
    /// What the fix does, after "this", if that depends on more than its kind.
    pub action: Option<String>,
}

impl Diagnosis {
    /// Returns whether a person is asked about its fix by itself: somebody may have wanted what it
    /// reverts.
    pub fn is_asked_separately(&self) -> bool {
        self.fix.is_some_and(Fix::must_be_allowed) || self.fault.id == ROTATION_OFF.id
    }

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
    /// Make an earlier version current again, or create a new credential.
    Recover,
    /// The same in place of a key that is inactive, which someone may have wanted.
    ReplaceInactive,
    /// Revert the drift of the stack, all at once.
    Revert,
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

impl Fix {
    /// Returns whether a person must ask for this fix by name, so that `--yes` is not enough.
    pub const fn must_be_allowed(self) -> bool {
        matches!(self, Self::ReplaceInactive)
    }
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
    let Some(stack) = examined
        .stack
        .as_ref()
        .filter(|held| stack::has_outputs(held))
    else {
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
        if let ObservedEntry::AccessKey(entry, seen) = &examination.seen {
            found.extend(leak::diagnose(*entry, seen, examination.denied_sessions));
        }
    }
    found.extend(diagnose_targets(model, &examined.targets));
    found.extend(drift::diagnose(model, examined, &found));
    if stack.status.is_busy() {
        // Nothing else may change resources during an operation of CloudFormation.
        for diagnosis in &mut found {
            diagnosis.fix = None;
        }
    }
    found
}

/// Lists the first few names, and how many more there are.
fn some(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..SHOWN].join(", ")),
    }
}
