//! The log fields for services: none besides those that every function has. No password, no version ID,
//! and no text from a service can appear in them. An error may contain the code of an adapter's answer,
//! after it was filtered.

use keyrota_function_base::log;

pub use keyrota_function_base::log::{Level, NoDetails};

use crate::error::Error;

/// A decision to record.
pub type Note = log::Note<NoDetails>;

/// Writes the lines of one request.
pub type Lines<W> = log::Lines<W, NoDetails, Error>;
