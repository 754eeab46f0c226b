//! What the executable of a function says about itself, so that the program does not deploy one function
//! for another. A mark is text in the executable, and so it is also there when somebody packs the executable
//! again. It protects from a mistake, and proves nothing.

/// The mark of the access key function.
pub const ACCESS_KEYS: &str = "keyrota-function=access_key;";
/// The mark of the database function.
pub const DATABASES: &str = "keyrota-function=database;";
/// The mark of the service function.
pub const SERVICES: &str = "keyrota-function=service;";

/// Every mark. An executable of a function has one of them.
pub const ALL: [&str; 3] = [ACCESS_KEYS, DATABASES, SERVICES];
