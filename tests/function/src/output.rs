//! The output of the requests, which must contain no secret.

use std::cell::{Ref, RefCell};
use std::collections::BTreeSet;

/// The log lines and the errors of all requests, and the text that must never appear in them.
#[derive(Clone, Debug, Default)]
pub struct Output {
    said: RefCell<String>,
    forbidden: RefCell<BTreeSet<String>>,
}

impl Output {
    /// Returns the same prohibitions, without the output so far.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            said: RefCell::default(),
            forbidden: self.forbidden.clone(),
        }
    }

    /// Returns the output so far.
    pub fn said(&self) -> Ref<'_, String> {
        self.said.borrow()
    }

    /// Adds to the output.
    pub fn say(&self, text: &str) {
        self.said.borrow_mut().push_str(text);
    }

    /// Discards the output so far.
    pub fn clear(&self) {
        self.said.borrow_mut().clear();
    }

    /// Forbids a text.
    pub fn never_say(&self, text: &str) {
        self.forbidden.borrow_mut().insert(text.to_owned());
    }

    /// Allows the texts that are not part of `known`. No output can contain a secret that no
    /// longer exists.
    pub fn forget_all_but(&self, known: &str) {
        let mut forbidden = self.forbidden.borrow_mut();
        forbidden.retain(|text| known.contains(text.as_str()));
    }

    /// Checks that the output contains no forbidden text, and no second half of one: a fragment
    /// of a secret is as bad as the whole.
    ///
    /// # Panics
    ///
    /// Panics if it does.
    pub fn assert_silent(&self) {
        let said = self.said.borrow();
        for text in &*self.forbidden.borrow() {
            let fragment = &text[text.len() / 2..];
            assert!(!said.contains(fragment), "a secret was said: {said}");
        }
    }
}
