//! What there is in the account, and the passing of time in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use keyrota_test_aws::versions;

use super::bucket::{Bucket, Writer};
use super::database::Server;
use super::drift::DriftState;
use super::rotation::{ActiveRotation, Step};
use super::stacks::{ChangeSetRecord, StackRecord};
use super::watch::Watch;
use crate::port::{
    Error, ErrorKind, Receiver, ReplicaStatus, ReportDocument, Rotation, StackSetInstance,
    TrailEvent,
};

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-west-1";
/// How long a call takes.
pub const LATENCY: Duration = Duration::from_millis(20);
/// No flow waits longer than this; one that does never ends.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// Who made a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Not keyrota.
    Somebody,
    /// The engine.
    Engine,
    /// The rotation function.
    Function,
}

#[derive(Clone, Debug)]
pub struct KeyRecord {
    pub user: String,
    pub secret: String,
    pub active: bool,
    pub created: Timestamp,
    pub last_used: Option<Timestamp>,
    pub origin: Origin,
}

/// A version of a secret, with when it was made.
pub type Version = versions::Version<Option<Timestamp>>;

#[derive(Clone, Debug, Default)]
pub struct SecretRecord {
    pub name: String,
    pub arn: String,
    pub description: String,
    pub policy: Option<String>,
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub rotates: bool,
    pub rotation: Rotation,
    pub last_rotated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub versions: BTreeMap<String, Version>,
    pub replicas: Vec<ReplicaStatus>,
    /// The Region of the primary secret of a replica.
    pub primary_region: Option<String>,
}

/// An account.
#[derive(Clone, Debug)]
pub struct AwsState {
    pub now: Timestamp,
    pub users: BTreeMap<String, String>,
    /// Each user's permissions boundary.
    pub boundaries: BTreeMap<String, String>,
    /// The inline policies, each with its user.
    pub user_policies: BTreeSet<(String, String)>,
    /// The ARNs of the managed policies that are attached to each user.
    pub attached_policies: BTreeMap<String, BTreeSet<String>>,
    /// Their documents, as far as they matter.
    pub policy_documents: BTreeMap<(String, String), String>,
    /// The documents of managed policies, by their ARNs.
    pub managed_documents: BTreeMap<String, String>,
    /// The ARNs of roles and of managed policies.
    pub roles: BTreeSet<String>,
    pub policies: BTreeSet<String>,
    /// Subnets and security groups, each with its VPC.
    pub subnets: BTreeMap<String, String>,
    pub security_groups: BTreeMap<String, String>,
    /// Each user's tags.
    pub user_tags: BTreeMap<String, BTreeMap<String, String>>,
    pub keys: BTreeMap<String, KeyRecord>,
    pub secrets: BTreeMap<String, SecretRecord>,
    /// The secrets of other Regions, by Region and name.
    pub elsewhere: BTreeMap<(String, String), SecretRecord>,
    /// The Regions that are not enabled for the account.
    pub closed_regions: BTreeSet<String>,
    pub stacks: Vec<StackRecord>,
    pub change_sets: BTreeMap<String, ChangeSetRecord>,
    pub drift: DriftState,
    pub buckets: BTreeMap<String, Bucket>,
    pub writer: Option<Writer>,
    /// What CloudFormation computes change sets from instead of what it is given.
    pub swapped_template: Option<String>,
    /// Each KMS key's state.
    pub kms_keys: BTreeMap<String, String>,
    /// The key policies that may be read, by the keys' ARNs.
    pub key_policies: BTreeMap<String, String>,
    /// Topics and queues of others, by their ARNs.
    pub receivers: BTreeMap<String, Receiver>,
    pub stack_sets: BTreeMap<String, Vec<StackSetInstance>>,
    /// The names of event buses.
    pub event_buses: BTreeSet<String>,
    /// The names of aliases of KMS keys.
    pub aliases: BTreeSet<String>,
    /// Each function's code, as its SHA-256.
    pub functions: BTreeMap<String, String>,
    /// What somebody replaces the code of every function with, after each call.
    pub code_writer: Option<String>,
    /// The bucket, object, and version that CloudFormation has given each function.
    pub code_objects: BTreeMap<String, (String, String, Option<String>)>,
    /// Each log group's lines.
    pub logs: BTreeMap<String, Vec<(Timestamp, String)>>,
    /// The KMS keys of log groups.
    pub log_keys: BTreeMap<String, String>,
    pub profiles: BTreeMap<String, String>,
    /// Database servers by `HOST:PORT`.
    pub servers: BTreeMap<String, Server>,
    pub rotations: Vec<ActiveRotation>,
    /// Steps of rotations that will fail, so many times.
    pub failing: BTreeMap<Step, usize>,
    /// What the function reports then. Nothing, if it is empty.
    pub failure: &'static str,
    /// Resource types that CloudFormation will fail to make.
    pub refused_types: BTreeSet<String>,
    /// Resource types that CloudFormation will fail to delete, so many times.
    pub undeletable: BTreeMap<&'static str, usize>,
    /// The calls that the caller's policy does not allow.
    pub denied_calls: BTreeSet<&'static str>,
    /// The credential report.
    pub report: Option<ReportDocument>,
    /// How many more requests it takes until the credential report is complete.
    pub report_delay: u32,
    /// Each key's events in CloudTrail.
    pub trail: BTreeMap<String, Vec<TrailEvent>>,
    /// The Regions in which an organization denies every call.
    pub denied_regions: BTreeSet<&'static str>,
    /// How long a new key is unknown to STS and missing from lists, and a new secret is described
    /// without its tags.
    pub lag: Duration,
    pub watch: Watch,
    serial: u64,
    begun: Timestamp,
}

impl AwsState {
    /// Returns a text that is equal for two accounts that differ in the second alone.
    pub fn to_the_minute(&self) -> String {
        let seconds = self.now.as_second();
        let now = Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap();
        format!(
            "{:?}",
            Self {
                now,
                ..self.clone()
            }
        )
    }

    pub fn new() -> Self {
        let now: Timestamp = "2026-11-02T09:00:00Z".parse().unwrap();
        Self {
            now,
            users: BTreeMap::new(),
            boundaries: BTreeMap::new(),
            user_policies: BTreeSet::new(),
            attached_policies: BTreeMap::new(),
            policy_documents: BTreeMap::new(),
            managed_documents: BTreeMap::new(),
            roles: BTreeSet::new(),
            policies: BTreeSet::new(),
            subnets: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            user_tags: BTreeMap::new(),
            keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            closed_regions: BTreeSet::new(),
            stacks: Vec::new(),
            change_sets: BTreeMap::new(),
            drift: DriftState::default(),
            buckets: BTreeMap::new(),
            writer: None,
            swapped_template: None,
            kms_keys: BTreeMap::new(),
            key_policies: BTreeMap::new(),
            receivers: BTreeMap::new(),
            stack_sets: BTreeMap::new(),
            event_buses: BTreeSet::new(),
            aliases: BTreeSet::new(),
            functions: BTreeMap::new(),
            code_writer: None,
            code_objects: BTreeMap::new(),
            logs: BTreeMap::new(),
            log_keys: BTreeMap::new(),
            profiles: BTreeMap::new(),
            servers: BTreeMap::new(),
            rotations: Vec::new(),
            failing: BTreeMap::new(),
            failure: "a fault was injected",
            refused_types: BTreeSet::new(),
            undeletable: BTreeMap::new(),
            denied_calls: BTreeSet::new(),
            report: None,
            report_delay: 0,
            trail: BTreeMap::new(),
            denied_regions: BTreeSet::new(),
            lag: Duration::ZERO,
            watch: Watch::default(),
            serial: 0,
            begun: now,
        }
    }

    pub fn begin(&mut self) {
        self.begun = self.now;
    }

    /// Lets time pass, and what is due happen.
    pub fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.advance();
        }
        self.now = until;
        let waited = self.now.duration_since(self.begun).unsigned_abs();
        assert!(waited < PATIENCE, "the program waits forever");
    }

    /// Lets a day pass outside any process.
    pub fn next_day(&mut self) {
        for _ in 0..48 {
            self.begun = self.now;
            self.pass(PATIENCE / 2);
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let stacks = self.stacks.iter().filter_map(StackRecord::due);
        let rotations = self.rotations.iter().map(|process| process.due);
        stacks.chain(rotations).min()
    }

    fn advance(&mut self) {
        self.advance_stacks();
        self.advance_rotations();
    }

    /// Returns a name that nothing else has.
    pub fn unique(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{:08}", self.serial)
    }

    pub fn token(&mut self) -> String {
        self.unique("00000000-0000-4000-8000-0000")
    }

    pub fn add_user(&mut self, name: &str) {
        let arn = format!("arn:aws:iam::{ACCOUNT}:user/{name}");
        self.users.insert(name.to_owned(), arn);
    }

    /// Makes a key and returns its ID.
    pub fn add_key(&mut self, user: &str, origin: Origin) -> String {
        let id = self.unique("AKIA0123456789KEY");
        let record = KeyRecord {
            user: user.to_owned(),
            secret: format!("hush-{id}"),
            active: true,
            created: self.now,
            last_used: None,
            origin,
        };
        self.keys.insert(id.clone(), record);
        id
    }

    /// Makes a secret with an administrator's key in it.
    pub fn add_administrator(&mut self, name: &str) {
        self.add_user("administrator");
        let key = self.add_key("administrator", Origin::Somebody);
        let text = serde_json::json!({ "accesskey": key, "secretkey": self.keys[&key].secret });
        self.add_value(name, &text);
    }

    /// Makes a secret with a value of somebody else's.
    pub fn add_value(&mut self, name: &str, text: &serde_json::Value) {
        self.add_secret(name);
        let version = Version {
            details: Some(self.now),
            value: Some(text.to_string()),
            labels: BTreeSet::from(["AWSCURRENT".to_owned()]),
        };
        let secret = self.secrets.get_mut(name).unwrap();
        secret.versions.insert("1".to_owned(), version);
    }

    pub fn add_secret(&mut self, name: &str) -> &mut SecretRecord {
        let arn = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf");
        let record = SecretRecord {
            name: name.to_owned(),
            arn,
            created: self.now,
            ..SecretRecord::default()
        };
        self.secrets.insert(name.to_owned(), record);
        self.secrets.get_mut(name).unwrap()
    }
}

pub fn refused<T>(kind: ErrorKind, message: impl Into<String>) -> Result<T, Error> {
    Err(Error {
        call: "",
        kind,
        code: None,
        message: message.into(),
    })
}
