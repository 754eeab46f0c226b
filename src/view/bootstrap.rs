//! The result of `bootstrap`, in both formats.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::human::table;
use super::text::{Styling as _, visible};
use crate::plan::{OutstandingRotation, StackReport};

/// The result of `bootstrap`.
#[derive(Clone, Debug, Serialize)]
pub struct BootstrapResult {
    /// The stack, or the first one if there are several.
    pub stack: StackReport,
    /// Every stack, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackReport>,
    /// The rotation function.
    pub function: DeployedFunction,
    /// The databases' function, if the stack has another one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_function: Option<DeployedFunction>,
    /// The services' function, if the stack has another one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_function: Option<DeployedFunction>,
    /// The function of the services outside the network, if the stack has another one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_no_vpc_function: Option<DeployedFunction>,
    /// Each secret.
    pub secrets: Vec<DeployedSecret>,
    /// The number of changes to the stacks.
    pub changes: usize,
}

impl BootstrapResult {
    /// Adds the result of another stack.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        if self.stacks.is_empty() {
            self.stacks.push(self.stack.clone());
        }
        self.stacks.push(more.stack);
        self.secrets.extend(more.secrets);
        self.database_function = self.database_function.or(more.database_function);
        self.service_function = self.service_function.or(more.service_function);
        let other = more.service_no_vpc_function;
        self.service_no_vpc_function = self.service_no_vpc_function.or(other);
        self.changes += more.changes;
        self
    }
}

/// The deployed rotation function.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DeployedFunction {
    /// Its ARN.
    pub arn: String,
    /// The SHA-256 of its code in base64, as Lambda reports it.
    pub code_sha256: String,
}

/// A secret after `bootstrap`.
#[derive(Clone, Debug, Serialize)]
pub struct DeployedSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `access_key`, `database`, or `service`.
    pub kind: &'static str,
    /// The IAM user, the database user, or the user of the service.
    pub username: String,
    /// The key in AWSCURRENT, if the secret contains one.
    pub access_key_id: Option<String>,
    /// The version that is AWSCURRENT.
    pub version_id: String,
    /// Whether this run rotated it.
    pub rotated: bool,
    /// Whether its credential has authenticated.
    pub verified: bool,
    /// Its first rotation, if none has succeeded yet.
    pub first_rotation: Option<OutstandingRotation>,
}

/// Returns when secrets rotate for the first time and what their clients notice, a line each.
pub fn first_rotations<'a>(first: impl IntoIterator<Item = &'a OutstandingRotation>) -> String {
    let line = |first: &OutstandingRotation| {
        format!(
            "\n  {}: {}",
            visible(first.secret()),
            visible(&first.to_string())
        )
    };
    first.into_iter().map(line).collect()
}

impl Show for BootstrapResult {
    fn human(&self) -> String {
        let rows = self.secrets.iter().map(|secret| {
            let did = match (secret.rotated, secret.verified) {
                (true, true) => "rotated, verified",
                (false, true) => "verified",
                _ => "not verified",
            };
            vec![
                secret.name.clone(),
                secret.username.clone(),
                secret.access_key_id.clone().unwrap_or_else(|| "-".into()),
                did.into(),
            ]
        });
        let mut text = table(&["secret", "user", "access key", ""], rows.collect());
        let changes = match self.changes {
            0 => "no changes".to_owned(),
            1 => "1 change".to_owned(),
            count => format!("{count} changes"),
        };
        let _ = match self.stacks.len() {
            0 => writeln!(
                text,
                "\nStack {} is {} ({changes}).",
                visible(&self.stack.name).bold(),
                visible(&self.stack.status)
            ),
            count => writeln!(text, "\n{count} stacks are deployed ({changes})."),
        };
        let first = self.secrets.iter();
        let first = first_rotations(first.filter_map(|secret| secret.first_rotation.as_ref()));
        if !first.is_empty() {
            let _ = writeln!(text, "\nThese secrets have not rotated yet:{first}");
        }
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}
