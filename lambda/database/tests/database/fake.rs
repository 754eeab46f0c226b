//! Fakes of Secrets Manager, of a database server and time: labels that sit on
//! one version, versions that cannot be changed, a user with one password or, on
//! MySQL, two.
//!
//! Everything happens at once and time passes only when someone sleeps, so that
//! a step ends in a single poll. A [`Mishap`] can befall each call; one that
//! kills the process leaves its future pending for ever, and what is pending
//! after the poll is dropped, as a process that dies drops it.

mod forge;
mod guard;
mod mishap;
mod rotation;
mod secrets_manager;
mod server;
mod world;

pub(crate) use forge::Forgery;
pub(crate) use mishap::{AnyFault, Mishap};
pub(crate) use rotation::{Ended, check, rotate, run, run_for, sweep};
pub(crate) use world::{ADMINISTRATOR_ARN, HOST, SECRET, SECRET_ARN, Setting, TOKEN, USER, World};
