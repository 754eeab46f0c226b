//! Responds to a leaked access key: a new key at once, the leaked one deactivated as soon as the new
//! one is in use.
//!
//! [`assess_leak`] changes nothing and finds out what the response does, so that it can be confirmed.
//! [`respond_to_leak`] observes before each step and decides again, so that it continues what an
//! interrupted run began.

mod assess;
mod investigate;
mod replace;
mod respond;

pub use assess::{LeakAssessment, LeakRequest, assess_leak};
pub use investigate::investigate_leak;
pub use respond::{LeakOutcome, respond_to_leak};
