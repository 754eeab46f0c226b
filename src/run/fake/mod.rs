//! An AWS in memory for tests of flows: written to what AWS documents, without
//! what the engine does not use. Time is virtual, and every call can be made to
//! fail, to go unanswered, or to be the last thing the program ever does.

mod account;
mod act;
mod bucket;
mod clock;
mod database;
mod drift;
mod keys;
mod replica;
mod resource;
mod rotation;
mod secrets;
mod secrets_manager;
mod stack_sets;
mod stacks;
mod state;
mod targets;
mod template;
mod user_policies;
mod watch;

pub(super) use act::{FakeAws, Fault, FaultKind};
pub(super) use bucket::{Bucket, Writer};
pub(super) use rotation::Step;
pub(super) use state::{ACCOUNT, AwsState, Origin, REGION, SecretRecord, Version};
pub(super) use watch::Watch;
