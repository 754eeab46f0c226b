//! What the lines of the log say of databases: nothing beside what every function says. No
//! password, no version's ID and no text of a server's has a place in them.

use std::convert::Infallible;

use keyrota_function_base::log::{self, Details};
use serde_json::Value;

pub use keyrota_function_base::log::Level;

use crate::error::Error;

/// A decision to record.
pub type Note = log::Note<NoDetails>;

/// Writes the lines of one request.
pub type Lines<W> = log::Lines<W, NoDetails, Error>;

/// Nothing that a note says beside its words.
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
