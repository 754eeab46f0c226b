//! Tests the rotation function through its library: the pure decisions with tables and
//! properties, and the steps with fakes of AWS.

mod at_once;
mod bad_input;
mod check;
mod create;
mod decide;
mod dump;
mod event;
mod fake;
mod faults;
mod fields;
mod finish;
mod first;
mod forged;
mod log;
mod mail;
mod metric;
mod moment;
mod permission;
mod pin;
mod probe;
mod proof;
mod retire;
mod rotation;
mod secret;
mod store;
mod sweep;
