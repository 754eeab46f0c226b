//! The rotation function, tested through its library: the pure decisions by
//! tables and properties, the steps over fakes of AWS.

mod at_once;
mod bad_input;
mod create;
mod decide;
mod dump;
mod event;
mod fake;
mod faults;
mod finish;
mod forged;
mod log;
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
