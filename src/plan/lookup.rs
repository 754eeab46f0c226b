//! The result of looking something up that need not exist, and that the caller may not be
//! allowed to see.

use crate::port::{Error, ErrorKind, Result};

/// What a look-up found.
#[derive(Clone, Debug)]
pub enum Lookup<T> {
    /// It exists.
    Found(T),
    /// It does not exist.
    Missing,
    /// The caller's policy does not allow the call. Whether it exists is unknown.
    Denied(Error),
}

impl<T> Lookup<T> {
    /// Returns what a call found.
    ///
    /// # Errors
    ///
    /// Returns every failure of the call except [`ErrorKind::Denied`].
    pub fn of(found: Result<Option<T>>) -> Result<Self> {
        match found {
            Ok(Some(found)) => Ok(Self::Found(found)),
            Ok(None) => Ok(Self::Missing),
            Err(error) if error.kind == ErrorKind::Denied => Ok(Self::Denied(error)),
            Err(error) => Err(error),
        }
    }

    /// Returns the error of a call that was denied.
    pub const fn denied(&self) -> Option<&Error> {
        match self {
            Self::Denied(error) => Some(error),
            Self::Found(_) | Self::Missing => None,
        }
    }
}
