//! The answer to a request to drop the database user that the function created.

use serde::{Deserialize, Serialize};

/// What became of the user. Nothing in it repeats what a server wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "user")]
pub enum Removal {
    /// It was dropped.
    Dropped,
    /// The server has no such user.
    Absent,
    /// It stays on the server.
    Kept {
        /// Why.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_form() {
        for (answer, expected) in [
            (Removal::Dropped, r#"{"user":"dropped"}"#),
            (Removal::Absent, r#"{"user":"absent"}"#),
            (
                Removal::Kept {
                    reason: "it owns 1 object".to_owned(),
                },
                r#"{"user":"kept","reason":"it owns 1 object"}"#,
            ),
        ] {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(text, expected);
            assert_eq!(serde_json::from_str::<Removal>(&text).unwrap(), answer);
        }
    }
}
