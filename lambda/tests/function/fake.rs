//! Fakes of Secrets Manager, IAM, STS, and the clock, according to AWS's documented contract: a
//! label is on one version at a time, versions cannot be changed, a user has two keys, and keys
//! propagate slowly.
//!
//! Every call completes immediately, and time passes only during a sleep, so a step ends in a
//! single poll. A [`Mishap`] can affect each call. A mishap that kills the process leaves its
//! future pending forever. Whatever is pending after the poll is dropped, as in a process that
//! dies.

mod aws;
mod check;
mod forge;
mod guard;
mod keys;
mod mishap;
mod rotation;
mod secrets_manager;
mod sweep;
mod twice;

pub(crate) use aws::{
    ADMINISTRATOR, ADMINISTRATOR_ARN, FakeAws, Key, OTHER, SECRET, SECRET_ARN, TOKEN, USER, key_id,
};
pub(crate) use check::{Checked, check, rehearse};
pub(crate) use forge::{Forgery, made_up};
pub(crate) use mishap::{Mishap, READS};
pub(crate) use rotation::{Outcome, rotate, run, run_for, run_with, step_in_turns};
pub(crate) use secrets_manager::key_names;
pub(crate) use sweep::{sweep, sweep_all, sweep_in_turns};
