//! The names of errors in the functions' logs, by which the program decides what to do next.

/// The field of a log line with an error's name, as Lambda calls it.
pub const TYPE_FIELD: &str = "errorType";
/// The field of a log line with an error's text, as Lambda calls it.
pub const MESSAGE_FIELD: &str = "errorMessage";

/// The list of the user's access keys does not contain the key of AWSCURRENT. Soon after a
/// rotation, IAM may not list the key yet.
pub const CURRENT_KEY_MISSING: &str = "CurrentKeyMissing";
/// The service's rules refuse the new password, and the rotation was abandoned. The next one makes
/// another password.
pub const PASSWORD_REJECTED: &str = "PasswordRejected";
