//! The results of `follow`.

use serde_json::{Value, json};

use super::Show;
use super::text::visible;
use crate::plan::FollowUnits;

/// The key that a profile holds after one check.
#[derive(Clone, Debug)]
pub struct FollowResult {
    /// The profile.
    pub profile: String,
    /// The credentials file.
    pub file: String,
    /// The secret.
    pub secret: String,
    /// The ID of the key.
    pub id: String,
    /// The ID of the key before, if it changed.
    pub replaced: Option<String>,
}

impl Show for FollowResult {
    fn human(&self) -> String {
        let [profile, file, secret, id] =
            [&self.profile, &self.file, &self.secret, &self.id].map(|text| visible(text));
        match &self.replaced {
            Some(old) => {
                let old = visible(old);
                format!(
                    "The profile {profile} in {file} now has the key {id} of {secret} instead of {old}.\n"
                )
            }
            None => {
                format!("The profile {profile} in {file} has the current key {id} of {secret}.\n")
            }
        }
    }

    fn json(&self) -> Value {
        json!({
            "profile": self.profile,
            "credentials_file": self.file,
            "secret": self.secret,
            "access_key_id": self.id,
            "replaced_access_key_id": self.replaced,
        })
    }
}

/// Unit files for systemd.
#[derive(Clone, Debug)]
pub struct FollowUnitsResult {
    /// The units.
    pub units: FollowUnits,
}

impl Show for FollowUnitsResult {
    fn human(&self) -> String {
        let FollowUnits {
            name,
            service,
            timer,
        } = &self.units;
        format!(
            "# /etc/systemd/system/{name}.service\n{service}\n\
             # /etc/systemd/system/{name}.timer\n{timer}\n\
             # Write both files, then run:\n\
             #   systemctl daemon-reload && systemctl enable --now {name}.timer\n"
        )
    }

    fn json(&self) -> Value {
        let FollowUnits {
            name,
            service,
            timer,
        } = &self.units;
        json!({ "name": name, "service": service, "timer": timer })
    }
}
