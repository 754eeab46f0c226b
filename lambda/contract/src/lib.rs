//! The contract between keyrota, which deploys, and its rotation functions, which
//! rotate: the names and formats that one side writes and the other side reads.
//!
//! The two sides share nothing else. This crate contains no decision, no I/O, and no
//! type of an SDK.
//!
//! | module | content |
//! | --- | --- |
//! | [`tag`] | the keys of the tags on secrets and IAM users |
//! | [`label`] | the staging labels of secret versions |
//! | [`record`] | the values of the tags in which access keys are recorded |
//! | [`error`] | the names of errors in the functions' logs |
//! | [`event`] | the events that the functions accept |
//! | [`check`] | the answer to a check |
//! | [`removal`] | the answer to a request to drop a database user |
//! | [`grant`] | what a manifest may grant to a database user |
//! | [`pins`] | the file in the function's package that says what the function may act on |
//! | [`adapter`] | what the service function asks an adapter, and what it answers |
//! | [`template`], [`url`] | the placeholders and the URLs of an HTTP adapter |
//! | [`marker`] | what the executable of a function says about itself |
//! | [`value`] | the JSON fields of a secret's value |
//! | [`duration`] | durations such as `15m` |

pub mod adapter;
pub mod check;
pub mod duration;
pub mod error;
pub mod event;
pub mod grant;
pub mod label;
pub mod marker;
pub mod pins;
pub mod record;
pub mod removal;
pub mod tag;
pub mod template;
pub mod url;
pub mod value;
