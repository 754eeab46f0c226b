//! The log fields for databases: none besides those that every function has. No password, no
//! version ID, and no text from a server can appear in them.

use std::convert::Infallible;

use keyrota_function_base::log::{self, Details};
use serde_json::Value;

pub use keyrota_function_base::log::Level;

use crate::error::Error;

/// A decision to record.
pub type Note = log::Note<NoDetails>;

/// Writes the lines of one request.
pub type Lines<W> = log::Lines<W, NoDetails, Error>;

/// No fields besides a note's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoDetails;

impl Details for NoDetails {
    type Subject = Infallible;

    fn add(&mut self, subject: &Infallible) {
        match *subject {}
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}
