//! Fakes of Secrets Manager, IAM, STS and time, to AWS's documented contract:
//! labels that sit on one version, versions that cannot be changed, two keys a
//! user, keys that spread slowly.
//!
//! Everything happens at once and time passes only when someone sleeps, so that
//! a step ends in a single poll. A [`Mishap`] can befall each call; one that
//! kills the process leaves its future pending for ever, and what is pending
//! after the poll is dropped, as a process that dies drops it.

mod forge;
mod guard;
mod keys;
mod mishap;
mod rotation;
mod secrets_manager;
mod sweep;
mod world;

pub(crate) use forge::{Forgery, made_up};
pub(crate) use mishap::Mishap;
pub(crate) use rotation::{Ended, rotate, run, run_for, run_with};
pub(crate) use sweep::{sweep, sweep_all};
pub(crate) use world::{
    ADMINISTRATOR, ADMINISTRATOR_ARN, Key, OTHER, SECRET, SECRET_ARN, TOKEN, USER, World, key_id,
};
