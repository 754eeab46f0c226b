//! The flows over an AWS in memory, with a fault at every call.

mod artifact;
mod bootstrap;
mod consent;
mod database;
mod discover;
mod doctor;
mod drift;
mod follow;
mod forged;
mod import;
mod leak;
mod log;
mod lookup;
mod recover;
mod replica;
mod restore;
mod rotate;
mod scenario;
mod stack;
mod stack_set;
mod status;
mod survey;
mod teardown;
mod together;
