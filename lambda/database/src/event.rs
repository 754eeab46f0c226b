//! Parses the event: a step, a sweep, or a check, as for access keys, or a request to drop a user.

pub use keyrota_function_base::event::{Check, Event, EventError, Invocation, Payload, Step};
