//! Tests the function for services through its library, with fakes of Secrets Manager and of a service.

mod check;
mod create;
mod decide;
mod fake;
mod finish;
mod outcome;
mod pin;
mod proof;
mod set;
mod sweep;
mod test_secret;
