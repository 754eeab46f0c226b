//! An AWS in memory for tests of flows: written to what AWS documents, without
//! what the engine does not use. Time is virtual, and every call can be made to
//! fail, to go unanswered, or to be the last thing the program ever does.

mod account;
mod act;
mod bucket;
mod clock;
mod database;
mod keys;
mod resource;
mod rotation;
mod secrets;
mod secrets_manager;
mod stacks;
mod template;
mod watch;
mod world;

pub(super) use act::{Fake, Fault, Kind};
pub(super) use bucket::{Bucket, Writer};
pub(super) use rotation::Step;
pub(super) use watch::Watch;
pub(super) use world::{ACCOUNT, Origin, REGION, Version, World};
