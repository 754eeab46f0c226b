//! The results of the commands, each in both formats.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::Show;
use super::human::{items, table};
use super::text::{Styling as _, document, visible};
use crate::model::Finding;
use crate::plan::{Drift, StackReport};
use crate::port::Change;
use crate::run::TeardownReport;

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
    /// The databases' function, if the stack has both functions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_function: Option<DeployedFunction>,
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
    /// `access_key` or `database`.
    pub kind: &'static str,
    /// The IAM user or the database user.
    pub username: String,
    /// The key in AWSCURRENT, if the secret contains one.
    pub access_key_id: Option<String>,
    /// The version that is AWSCURRENT.
    pub version_id: String,
    /// Whether this run rotated it.
    pub rotated: bool,
    /// Whether its credential has authenticated.
    pub verified: bool,
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
        text
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// The result of `rotate`.
#[derive(Clone, Debug, Serialize)]
pub struct RotateResult {
    /// Each selected secret.
    pub secrets: Vec<RotatedSecret>,
}

/// A secret after `rotate`.
#[derive(Clone, Debug, Serialize)]
pub struct RotatedSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Option<String>,
    /// The IAM user.
    pub username: String,
    /// The previous key.
    pub old_access_key_id: Option<String>,
    /// The new key.
    pub new_access_key_id: Option<String>,
    /// The version that is AWSCURRENT.
    pub version_id: Option<String>,
    /// Whether the new key has authenticated.
    pub verified: bool,
    /// Whether the previous version became AWSCURRENT again, instead of a new one.
    pub restored: bool,
    /// Why the rotation failed.
    pub error: Option<String>,
}

impl Show for RotateResult {
    fn human(&self) -> String {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let rows = self.secrets.iter().map(|secret| {
            let outcome = match &secret.error {
                Some(_) => "failed, see above",
                None if secret.restored => "restored, verified",
                None if secret.verified => "verified",
                None => "not verified",
            };
            vec![
                secret.name.clone(),
                secret.username.clone(),
                or_dash(&secret.old_access_key_id),
                or_dash(&secret.new_access_key_id),
                outcome.into(),
            ]
        });
        table(
            &["secret", "user", "old key", "new key", ""],
            rows.collect(),
        )
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// The result of `plan`.
#[derive(Clone, Debug)]
pub struct PlanResult {
    /// Each stack with its changes.
    pub stacks: Vec<(String, Vec<Change>)>,
    /// Differences from what was deployed that no change set shows, with their stacks.
    pub drift: Vec<(String, Drift)>,
}

impl PlanResult {
    /// Returns every change with its stack.
    fn changes(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.stacks
            .iter()
            .flat_map(|(stack, changes)| changes.iter().map(move |change| (stack.as_str(), change)))
    }

    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none() && self.drift.is_empty()
    }

    /// Returns what a bootstrap restores besides the changes.
    fn drift(&self) -> String {
        let mut text = String::new();
        for (stack, drift) in &self.drift {
            let stack = match self.stacks.len() {
                1 => String::new(),
                _ => format!("{stack}: "),
            };
            let (id, difference) = (visible(&drift.logical_id), visible(&drift.difference));
            let _ = writeln!(text, "{}{id}: {difference}", visible(&stack));
        }
        text
    }
}

impl Show for PlanResult {
    fn human(&self) -> String {
        if !self.drift.is_empty() && self.changes().next().is_none() {
            return format!(
                "{}\nThe stack has no changes; `keyrota bootstrap` restores the above. Nothing was changed.\n",
                self.drift()
            );
        }
        if self.is_empty() {
            return match self.stacks.len() {
                1 => "No changes. The stack matches the manifest.\n".to_owned(),
                count => format!("No changes. The {count} stacks match the manifest.\n"),
            };
        }
        let mut header = vec!["action", "resource", "type", ""];
        if self.stacks.len() > 1 {
            header.insert(0, "stack");
        }
        let rows = self.changes().map(|(stack, change)| {
            let replacement = match change.replacement.as_deref() {
                Some("True") => "replaced",
                Some("Conditional") => "possibly replaced",
                _ => "",
            };
            let mut row = vec![
                change.action.to_lowercase(),
                change.logical_id.clone(),
                change.kind.clone(),
                replacement.to_owned(),
            ];
            if self.stacks.len() > 1 {
                row.insert(0, stack.to_owned());
            }
            row
        });
        let mut text = table(&header, rows.collect());
        if !self.drift.is_empty() {
            let _ = write!(text, "\n{}", self.drift());
        }
        let count = |action: &str| {
            let changes = self.changes();
            changes
                .filter(|(_, change)| change.action == action)
                .count()
        };
        let _ = writeln!(
            text,
            "\n{} to add, {} to modify, {} to remove. Nothing was changed.",
            count("Add"),
            count("Modify"),
            count("Remove")
        );
        text
    }

    fn json(&self) -> Value {
        let changes = self.changes().map(|(stack, change)| {
            let mut change = json!(change);
            if self.stacks.len() > 1 {
                change["stack"] = stack.into();
            }
            change
        });
        let drift = self.drift.iter().map(|(stack, drift)| {
            let mut drift = json!(drift);
            if self.stacks.len() > 1 {
                drift["stack"] = stack.as_str().into();
            }
            drift
        });
        json!({
            "changes": changes.collect::<Vec<_>>(),
            "drift": drift.collect::<Vec<_>>(),
        })
    }
}

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

/// The result of `generate`.
#[derive(Clone, Debug, Serialize)]
pub struct GenerateResult {
    /// The directory.
    pub directory: String,
    /// Whether the files were only compared, not written.
    pub checked: bool,
    /// Each rendered file, and each file that is no longer rendered.
    pub files: Vec<WrittenFile>,
    /// The record of the stacks, beside the manifest, if there are several stacks.
    pub record: Option<WrittenFile>,
    /// The warnings of the check. For people, they are on stderr.
    pub findings: Vec<Finding>,
}

/// A rendered file.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenFile {
    /// The path, relative to the directory.
    pub path: String,
    /// `unchanged`, `written`, `removed`; with `--check` `differs`, `missing`, `stale`.
    pub state: &'static str,
}

impl GenerateResult {
    /// Returns whether the directory matches the rendering.
    pub fn is_up_to_date(&self) -> bool {
        let mut all = self.files.iter().chain(&self.record);
        all.all(|file| file.state == "unchanged")
    }
}

impl Show for GenerateResult {
    fn human(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            if file.state != "unchanged" || !self.checked {
                let _ = writeln!(text, "{:9}  {}/{}", file.state, self.directory, file.path);
            }
        }
        for record in self
            .record
            .iter()
            .filter(|record| record.state != "unchanged")
        {
            let _ = writeln!(text, "{:9}  {}", record.state, record.path);
        }
        if self.checked && self.is_up_to_date() {
            let _ = writeln!(text, "{} is up to date.", self.directory);
        }
        text
    }

    fn json(&self) -> Value {
        let mut result = json!({
            "directory": self.directory,
            "up_to_date": self.is_up_to_date(),
            "files": self.files,
            "findings": self.findings,
        });
        if let Some(record) = &self.record {
            result["record"] = json!(record);
        }
        result
    }
}

/// The result of `bundle`.
#[derive(Clone, Debug, Serialize)]
pub struct BundleResult {
    /// The path of the zip file.
    pub file: String,
    /// The architecture.
    pub architecture: &'static str,
    /// Cargo's profile that the executable was built with.
    pub profile: &'static str,
    /// Its size.
    pub bytes: usize,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The same in base64, as Lambda reports it.
    pub code_sha256: String,
    /// The SHA-256 of its executable, which does not depend on the manifest.
    pub executable_sha256: String,
}

impl Show for BundleResult {
    fn human(&self) -> String {
        format!(
            "{}  {}  {}  {} bytes  sha256 {}\n",
            self.file.bold(),
            self.architecture,
            self.profile,
            self.bytes,
            self.sha256
        )
    }

    fn json(&self) -> Value {
        json!(self)
    }
}

/// A credential in the format that the SDKs' `credential_process` reads. With
/// [`SandboxResult`], it is the only result that contains a secret, because the user requested
/// it.
#[derive(Clone, Debug)]
pub struct CredentialsResult {
    /// The access key ID.
    pub id: String,
    /// The secret part.
    pub secret: SecretString,
}

impl Show for CredentialsResult {
    fn human(&self) -> String {
        document(&self.json())
    }

    fn json(&self) -> Value {
        json!({
            "Version": 1,
            "AccessKeyId": self.id,
            "SecretAccessKey": self.secret.expose_secret(),
        })
    }
}

/// The environment variable that makes commands as patient with a local AWS as with AWS.
pub const LIKE_AWS_VARIABLE: &str = "KEYROTA_LIKE_AWS";

/// The access to a local AWS. The key of its root is random and valid only there.
#[derive(Clone, Debug)]
pub struct SandboxResult {
    /// The endpoint of every service.
    pub endpoint_url: String,
    /// The access key ID of the emulator's root.
    pub access_key_id: String,
    /// Its secret part.
    pub secret_access_key: SecretString,
    /// The Region.
    pub region: String,
    /// Changes take as long as on AWS, so commands have to be as patient.
    pub like_aws: bool,
}

impl Show for SandboxResult {
    fn human(&self) -> String {
        let secret = self.secret_access_key.expose_secret();
        let lines = [
            ("AWS_ENDPOINT_URL", self.endpoint_url.as_str()),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ];
        let patience = self.like_aws.then_some((LIKE_AWS_VARIABLE, "1"));
        let lines = lines.into_iter().chain(patience);
        lines
            .map(|(name, value)| format!("export {name}={value}\n"))
            .collect()
    }

    fn json(&self) -> Value {
        json!({
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key.expose_secret(),
            "region": self.region,
            "like_aws": self.like_aws,
        })
    }
}
