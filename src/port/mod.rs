//! The ports: the services that the engine uses, without SDK types.
//!
//! Each method names the AWS action that it calls, so that the required permissions can
//! be read here.

mod account;
mod drift;
mod error;
mod event;
mod profile_file;
mod secrets;
mod stack_sets;
mod stacks;
mod targets;
mod topics;
mod trails;
mod user_policies;

use async_trait::async_trait;
use jiff::Timestamp;

pub use account::{
    Artifacts, Caller, CodeUpdate, Compared, Encryption, EncryptionKey, FunctionCode, Functions,
    Identity, Invoked, Key, KeyPair, Keys, LastUse, LogEvent, LogGroup, NetworkPart, Networks,
    ObjectVersion, PolicyDecision, ReportDocument, Simulated, Simulation, UsedIn, User,
};
pub use drift::{DifferenceKind, DriftDetection, DriftStatus, PropertyDifference, ResourceDrift};
pub use error::{Error, ErrorKind, Optional, Result};
pub use event::{Event, Listener, Stage};
pub use profile_file::{FileError, ProfileFile};
pub use secrets::{
    CURRENT, Deletion, ListedSecret, PENDING, PREVIOUS, ReplicaState, ReplicaStatus, Rotation,
    Secret, SecretValue, Secrets, TaggedSecret,
};
pub use stack_sets::{CallAs, StackSetInstance, StackSets};
pub use stacks::{
    Change, ChangeSet, ChangeSetRequest, CreatedChangeSet, RefusedResource, ResourceToImport,
    Stack, StackEvent, StackResource, StackStatus, Stacks, TemplateSource,
};
pub use targets::{EventTargets, Receiver};
pub use topics::{Subscription, Topics};
pub use trails::{TrailEvent, TrailHistory, Trails};
pub use user_policies::UserPolicies;

/// All services of AWS that the engine uses.
pub trait Cloud:
    Identity
    + Keys
    + UserPolicies
    + Encryption
    + Networks
    + Functions
    + Artifacts
    + Secrets
    + Stacks
    + StackSets
    + EventTargets
    + Topics
    + Trails
{
}

impl<T> Cloud for T where
    T: Identity
        + Keys
        + UserPolicies
        + Encryption
        + Networks
        + Functions
        + Artifacts
        + Secrets
        + Stacks
        + StackSets
        + EventTargets
        + Topics
        + Trails
{
}

/// The clock and the source of random tokens.
#[async_trait(?Send)]
pub trait Clock {
    /// Returns the current time.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, duration: std::time::Duration);
    /// Returns a random UUID, for request tokens and names.
    fn token(&self) -> String;
}
