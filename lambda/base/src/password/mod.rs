//! What the rotations of passwords share, whether the user is one of a database server or of another
//! service.
//!
//! | module | content |
//! | --- | --- |
//! | [`mark`] | the labels that keyrota puts on versions; pure |
//! | [`outcome`], [`repair`] | what follows from the logins after a failed change, and after a rotation that was interrupted; pure |
//! | [`admit`] | admits a version to a step |
//! | [`create`] | makes a new password and stores it |
//! | [`version`] | what a version means for a rotation of its password; pure |
//! | [`label`] | moves labels |
//! | [`error`] | why one of these failed |

pub mod admit;
pub mod create;
pub mod error;
pub mod label;
pub mod mark;
pub mod outcome;
pub mod repair;
pub mod version;

pub use error::PasswordError;
