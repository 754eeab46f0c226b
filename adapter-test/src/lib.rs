//! Tests adapters for services: whether an adapter keeps its contract, and whether the rotation around
//! it keeps its guarantees when answers are lost, requests are repeated or late, and processes die.
//!
//! The rotation is not a model. It is the service function's own code, over a secret in memory, with
//! the adapter under test as its service.
//!
//! | module | content |
//! | --- | --- |
//! | [`subject`] | what is tested: the trait of an adapter |
//! | [`http`] | an HTTP adapter's file, sent by the service function's own code |
//! | [`program`] | a Lambda adapter as a process on this machine, over Lambda's Runtime API |
//! | [`mock`] | a service with one user, which loses, repeats, and delays on request |
//! | [`secret`], [`passwords`] | what takes the place of Secrets Manager |
//! | [`conformance`] | tries of single requests |
//! | [`search`] | rotations with one fault each |
//! | [`guarantee`], [`report`] | what must hold, and what was found |
//! | [`run`] | a complete test |

pub mod conformance;
pub mod guarantee;
pub mod http;
pub mod mock;
pub mod passwords;
pub mod program;
pub mod report;
pub mod run;
pub mod search;
pub mod secret;
pub mod subject;

pub use keyrota_function_base::secrets_manager::PasswordRule;
pub use keyrota_service_function::adapter::response;
pub use keyrota_service_function::service::{Cause, Previous, ServiceError};
