//! A row of the matrix: the permissions that somebody holds on one secret.

use super::scene::Entry;

/// Which permissions somebody holds on one of the secrets, or on the function.
pub struct Row {
    pub name: &'static str,
    pub entry: Entry,
    pub actions: &'static [&'static str],
    /// Every value under every label, and not a part of them.
    pub whole: bool,
    /// The part of the deployer's policy that they hold instead.
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
