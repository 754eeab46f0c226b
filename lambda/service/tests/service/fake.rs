//! Fakes of Secrets Manager, a service, and the clock: a label is on one version at a time, versions
//! cannot be changed, and a user has one password, or two where the service keeps the previous one.
//!
//! Every call completes immediately, and time passes only during a sleep, so a step ends in a
//! single poll. A [`Mishap`] can affect each call. A mishap that kills the process leaves its
//! future pending forever. Whatever is pending after the poll is dropped, as in a process that
//! dies.

mod forge;
mod guard;
mod mishap;
mod rotation;
mod secrets_manager;
mod service;
mod services;
mod twice;

pub(crate) use forge::Forgery;
pub(crate) use mishap::{AnyFault, Mishap};
pub(crate) use rotation::{
    Outcome, check, check_in_turns, rehearse, rotate, run, run_for, step_in_turns, sweep,
    sweep_in_turns,
};
pub(crate) use services::{FakeServices, SECRET_ARN, Setting, TOKEN, USER};
