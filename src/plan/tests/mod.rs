//! Decisions by tables: what was observed, and what follows from it.

mod alternating;
mod database_user;
mod doctor;
mod encrypt;
mod first_rotation;
mod import;
mod leak;
mod notify;
mod old_key;
mod preflight;
mod reference;
pub mod sample;
mod slot;
mod status;
mod teardown;
