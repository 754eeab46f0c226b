//! The result of `teardown`, in both formats.

use serde_json::{Value, json};

use super::Show;
use super::human::items;
use crate::run::TeardownReport;

impl Show for TeardownReport {
    fn human(&self) -> String {
        let mut text = items("Deleted", &self.deleted);
        text.push_str(&items("Retained", &self.retained));
        text.push_str(&items("Left over", &self.left_over));
        if text.is_empty() {
            text.push_str("There is nothing to delete.\n");
        }
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
