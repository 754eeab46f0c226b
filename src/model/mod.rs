//! The manifest as it is written, and its model, in which every name, schedule, and reference has
//! been checked. Pure: text in, model or findings out.

mod access_key;
mod accounts;
mod credential;
mod database;
pub(crate) mod document;
mod draft;
mod duration;
mod encrypt;
mod entry;
mod exception;
mod field_names;
mod fields;
mod finding;
mod first_rotation;
mod follow;
mod key_age;
mod login;
mod manifest;
mod name;
mod notify;
mod old_key;
mod probe;
pub(crate) mod reader;
mod replica;
pub mod schedule;
pub mod schema;
mod service;
mod service_login;
mod stored;
mod stored_key;
#[cfg(test)]
mod tests;
mod word_or_arn;

use std::collections::BTreeMap;

pub use access_key::{AccessKey, InitialKey};
pub use accounts::{Target, TargetAccounts};
pub use credential::{AccessKeyId, Content, Credential, malformed};
use database::ALTERNATE;
pub use database::{
    ClientEndpoint, Database, Engine, Hosts, InitialPassword, Network, PasswordRule, UserRights,
    Verification, authorities_file, tag_text,
};
pub use document::{decode, service_users};
pub use draft::{Draft, DraftEntry};
pub use duration::Duration;
pub use encrypt::{Encrypt, ServiceKey};
pub use entry::{ByKind, Entry, EntryOf, Files, Kind};
pub use exception::Exception;
pub use finding::{Finding, Severity};
pub use first_rotation::FirstRotation;
pub use follow::longest_interval;
pub use key_age::{days_and_hours, longest_active};
pub use keyrota_contract::value::names::Names;
pub use login::{Login, Place};
pub use manifest::{Loaded, load, load_with, parse_address};
pub use name::{
    AccountId, Arn, BucketName, HostName, IamPath, ReferencedName, Region, SecretName, StackName,
    UnitId, UserName,
};
pub use notify::{
    ELSEWHERE as TARGET_ELSEWHERE, EventTarget, MAX_TARGETS as MAX_NOTIFIED, TargetKind,
};
pub use old_key::{OldKey, Retirement, USE_RECORDED_EVERY};
pub use probe::{MailServer, Probe};
pub(crate) use reader::nearest;
pub use replica::{Replica, refusal as replica_refusal};
pub use schedule::{Calendar, Schedule, Window};
pub use service::{
    Adapter, CharacterClass, Http, HttpAdapter, HttpRequest, Method, Service, read_http_adapter,
};
pub use service_login::ServiceLogin;
pub use stored::Renamings;
pub use stored_key::{NoStoredKey, StoredKey};

/// A checked manifest, with everything that rendering and deploying need.
#[derive(Clone, Debug)]
pub struct Model {
    /// The CloudFormation stack.
    pub stack: StackName,
    /// The stack as the manifest names it. If one stack cannot hold the entries, each of
    /// several stacks has a name of its own, and what they share is named after this one.
    pub fleet: StackName,
    /// The only account that the stack may be deployed to.
    pub account: Option<AccountId>,
    /// The Region. If it is absent, the AWS configuration determines it.
    pub region: Option<Region>,
    /// Tags for every resource.
    pub tags: BTreeMap<String, String>,
    /// The permissions boundary of the function's role and of the users that the stack creates.
    pub permissions_boundary: Option<Arn>,
    /// The IAM path of the function's role and its policies.
    pub role_path: Option<IamPath>,
    /// Accepted findings about the rendered stack, each with a reason.
    pub exceptions: Vec<Exception>,
    /// The rotation function.
    pub function: Function,
    /// The recipients of alarms.
    pub alarms: Alarms,
    /// What encrypts the logs, the topic, and the functions' environment.
    pub encrypt: Encrypt,
    /// The credentials that rotate, grouped by kind, each kind in the order of the manifest.
    pub entries: Vec<Entry>,
    /// The VPC of the functions of databases and services.
    pub network: Network,
    /// The accounts of an organization to which a StackSet deploys the stack.
    pub accounts: Vec<Target>,
    /// Whether a StackSet deploys the stack, and keyrota does not.
    pub stack_set: bool,
    /// The name of the stack that a StackSet has created in the account and Region, if one was found.
    pub deployed_as: Option<String>,
}

impl Model {
    /// Returns the Regions of a target of `accounts`: its own, or the manifest's, sorted.
    pub fn regions_of<'model>(&'model self, target: &'model Target) -> Vec<&'model str> {
        let regions = match target.regions.is_empty() {
            true => self.region.as_slice(),
            false => &target.regions,
        };
        let mut regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        regions.sort_unstable();
        regions
    }

    /// Returns the model as a StackSet deploys it: to any of its accounts and Regions.
    #[must_use]
    pub fn for_stack_set(&self) -> Self {
        Self {
            account: None,
            region: None,
            stack_set: true,
            ..self.clone()
        }
    }

    /// Returns the name of the deployed stack: the manifest's, or the one that StackSets made up.
    pub fn deployed_name(&self) -> &str {
        self.deployed_as
            .as_deref()
            .unwrap_or_else(|| self.stack.as_str())
    }

    /// Returns whether a function runs in a VPC.
    pub fn has_function_in_vpc(&self) -> bool {
        self.network.is_in_vpc() && self.entries.iter().any(Entry::uses_network)
    }

    /// Returns whether the stack creates a KMS key.
    pub fn creates_kms_key(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|entry| entry.kms_key == KmsKey::Create)
    }

    /// Returns the tags of an entry's secret, without keyrota's own: the manifest's, and the
    /// entry's, which take precedence.
    pub fn tags_of<'a>(&'a self, entry: &'a Entry) -> BTreeMap<&'a str, &'a str> {
        let tags = self.tags.iter().chain(&entry.tags);
        tags.map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    /// Returns the access keys in the order of the manifest.
    pub fn access_keys(&self) -> impl Iterator<Item = EntryOf<'_, AccessKey>> {
        self.entries.iter().filter_map(Entry::as_access_key)
    }

    /// Returns the databases in the order of the manifest.
    pub fn databases(&self) -> impl Iterator<Item = EntryOf<'_, Database>> {
        self.entries.iter().filter_map(Entry::as_database)
    }

    /// Returns the services in the order of the manifest.
    pub fn services(&self) -> impl Iterator<Item = EntryOf<'_, Service>> {
        self.entries.iter().filter_map(Entry::as_service)
    }
}

/// Settings of the rotation function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The instruction set architecture.
    pub architecture: Architecture,
    /// Memory in MiB, 128 to 10,240.
    pub memory: u32,
    /// The time limit of a step, 1 s to 15 min.
    pub timeout: Duration,
    /// The retention period of its logs in days: one of the values that CloudWatch Logs accepts.
    pub log_retention: u32,
    /// The bucket for its code. If it is absent, keyrota creates one.
    pub artifact_bucket: Option<BucketName>,
}

/// An instruction set architecture that Lambda offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// `x86_64`.
    X86_64,
    /// `arm64` (Graviton).
    Arm64,
}

impl Architecture {
    /// Returns the name that Lambda uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Parses the name that Lambda uses.
    ///
    /// # Errors
    ///
    /// Returns the names that exist.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "x86_64" => Ok(Self::X86_64),
            "arm64" => Ok(Self::Arm64),
            _ => Err(format!("expected x86_64 or arm64, found `{text}`")),
        }
    }
}

/// The recipients of alarms.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    /// E-mail addresses that are subscribed to the topic.
    pub email: Vec<String>,
}

/// The credentials that change a credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RotateAs {
    /// The user's own credential.
    Itself,
    /// The function's execution role. It can change access keys only.
    Role,
    /// The credential in an administrator's secret.
    Administrator(SecretReference),
}

/// A secret that the stack does not own, by name or full ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretReference {
    /// By name, in the stack's own account and Region.
    Name(ReferencedName),
    /// By full ARN.
    Arn(Arn),
}

impl SecretReference {
    /// Returns the name or ARN as the manifest contains it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Arn(arn) => arn.as_str(),
        }
    }
}

/// The KMS key that encrypts a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KmsKey {
    /// `aws/secretsmanager`, the account's default key.
    AwsManaged,
    /// A customer managed key that the stack creates, one for all its secrets.
    Create,
    /// An existing customer managed key.
    Existing(Arn),
}

impl KmsKey {
    /// Reads `aws/secretsmanager`, `create` or a key's ARN.
    ///
    /// # Errors
    ///
    /// Returns why it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        word_or_arn::parse_kms_key(text)
    }
}

impl RotateAs {
    /// Reads `self`, `role`, or the name or full ARN of an administrator's secret.
    ///
    /// # Errors
    ///
    /// Returns why it is none of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        word_or_arn::parse_rotate_as(text)
    }

    /// Returns `self`, `role`, or the administrator's secret as the manifest contains it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Itself => "self",
            Self::Role => "role",
            Self::Administrator(secret) => secret.as_str(),
        }
    }
}
