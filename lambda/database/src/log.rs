//! The log fields for databases: none besides those that every function has. No password, no
//! version ID, and no text from a server can appear in them.

use keyrota_function_base::log;

pub use keyrota_function_base::log::{Level, NoDetails};

use crate::error::Error;

/// A decision to record.
pub type Note = log::Note<NoDetails>;

/// Writes the lines of one request.
pub type Lines<W> = log::Lines<W, NoDetails, Error>;
