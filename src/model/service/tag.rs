//! The tags of a service's secret, which describe the entry, and its first value.

use keyrota_contract::tag;

use super::{Adapter, CharacterClass, Service};
use crate::model::tag_text;

/// The longest value of a tag (`API_Tag`).
pub(super) const MAX_VALUE: usize = 256;

impl Service {
    /// Returns the initial value of the secret in the template. It depends only on the user's
    /// identity, because CloudFormation would overwrite the current password if this text changed.
    pub fn seed(&self) -> String {
        let username = serde_json::Value::from(self.username.as_str());
        format!(r#"{{"username":{username}}}"#)
    }

    /// Returns the tags that describe the service, in the order of the template.
    pub fn tags(&self) -> Vec<(&'static str, String)> {
        vec![
            (tag::USER, tag_text(&self.username)),
            (tag::KIND, tag::SERVICE.to_owned()),
            (tag::ADAPTER, self.adapter_tag()),
            (tag::PASSWORD, self.password_tag()),
        ]
    }

    pub(super) fn adapter_tag(&self) -> String {
        match &self.adapter {
            Adapter::Function(arn) => tag_text(arn.as_str()),
            Adapter::Http(http) => tag_text(&format!("https {}", http.hosts().join(" "))),
        }
    }

    pub(super) fn password_tag(&self) -> String {
        let rule = self.password.to_string();
        match self.require.as_slice() {
            [] => rule,
            classes => {
                let names: Vec<&str> = classes.iter().map(|class| class_name(*class)).collect();
                format!("{rule} require={}", names.join("+"))
            }
        }
    }
}

/// Returns the name of a class in the manifest.
pub fn class_name(class: CharacterClass) -> &'static str {
    match class {
        CharacterClass::Upper => "upper",
        CharacterClass::Lower => "lower",
        CharacterClass::Digit => "digit",
        CharacterClass::Symbol => "symbol",
    }
}
