//! The rotation function, tested through its library: the pure decisions by
//! tables and properties, the steps over fakes of AWS.

mod create;
mod decide;
mod event;
mod fake;
mod faults;
mod finish;
mod log;
mod pin;
mod probe;
mod proof;
mod rotation;
mod secret;
mod store;
