//! Tests the function for databases through its library, with fakes of Secrets Manager and of a
//! server.

mod accounts;
mod alternate;
mod bad_input;
mod check;
mod create;
mod decide;
mod fake;
mod fields;
mod finish;
mod first;
mod outcome;
mod pin;
mod proof;
mod set;
mod sweep;
