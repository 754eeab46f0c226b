//! A row of the matrix: the permissions of a principal on one secret.

use super::scene::Entry;

/// The permissions of a principal on one of the secrets or on the function.
pub struct Row {
    pub name: &'static str,
    pub entry: Entry,
    pub actions: &'static [&'static str],
    /// Whether every value is tried under every label, instead of some.
    pub whole: bool,
    /// The part of the deployer's policy that replaces the permissions.
    pub part: Option<&'static str>,
}

pub const fn row(name: &'static str, entry: Entry, actions: &'static [&'static str]) -> Row {
    Row {
        name,
        entry,
        actions,
        whole: false,
        part: None,
    }
}

impl Row {
    pub fn allows(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }
}
