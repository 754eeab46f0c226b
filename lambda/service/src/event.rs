//! Parses the event: a step, a sweep, or a check, as for access keys and databases.

pub use keyrota_function_base::event::{Check, Event, EventError, Invocation, Payload, Step};
