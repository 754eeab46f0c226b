//! The model as the templates see it. Entries stand in the order of their
//! secrets' names, so that moving one in the manifest changes nothing.

use serde::Serialize;

use super::resolve::World;
use super::role::{self, Policies, Policy};
use super::{OLD_KEY_TAG, check, name};
use crate::model::{AccessKey, Finding, KmsKey, Model, Probe, RotateAs};

/// The longest event pattern of a rule, in characters (`eb-quota`).
pub const MAX_EVENT_PATTERN: usize = 2_048;
/// The longest display name of a topic (`API_CreateTopic`).
const MAX_DISPLAY_NAME: usize = 100;
/// What a pattern has beside the ARNs, at most.
const EVENT_PATTERN_FRAME: usize = 260;
/// What a pattern has room for.
pub const EVENT_PATTERN_ROOM: usize = MAX_EVENT_PATTERN - EVENT_PATTERN_FRAME;
/// The longest constant input of a rule's target (`API_Target`).
pub const MAX_INPUT: usize = 8_192;
/// What an input has beside the ARNs, at most.
const INPUT_FRAME: usize = 40;
/// What an input has room for.
pub const INPUT_ROOM: usize = MAX_INPUT - INPUT_FRAME;
/// Targets a rule (`eb-quota`).
pub const MAX_TARGETS: usize = 5;
/// Secrets an invocation looks at: a handful of calls each, some of them to IAM,
/// which may be half the world away, and all within the function's timeout.
pub const MAX_SWEPT: usize = 40;

/// The whole stack.
#[derive(Debug, Serialize)]
pub struct Stack {
    stack: String,
    capability: &'static str,
    description: String,
    architecture: &'static str,
    memory: u32,
    timeout: u64,
    log_group: String,
    log_retention: u32,
    tags: Vec<Tag>,
    role_policies: Vec<Policy>,
    kms_key: Option<Key>,
    sweeps: Vec<Sweep>,
    alarms: Alarms,
    access_keys: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize)]
struct Tag {
    key: String,
    value: String,
}

/// The KMS key that the stack makes.
#[derive(Debug, Serialize)]
struct Key {
    description: String,
    alias: String,
    /// Names of the secrets it encrypts.
    secrets: Vec<String>,
    readers: Vec<Readers>,
}

/// Who may decrypt one secret.
#[derive(Debug, Serialize)]
struct Readers {
    sid: String,
    secret: String,
    readers: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Alarms {
    display_name: String,
    rules: Vec<Rule>,
    subscriptions: Vec<Subscription>,
}

/// A rule with the logical IDs of the secrets it listens for.
#[derive(Debug, Serialize)]
struct Rule {
    id: String,
    secrets: Vec<String>,
}

/// A rule that has the function look at secrets, with its permission.
#[derive(Debug, Serialize)]
struct Sweep {
    id: String,
    permission_id: String,
    targets: Vec<Target>,
}

/// One invocation of a sweep, with the logical IDs of the secrets it is for.
#[derive(Debug, Serialize)]
struct Target {
    name: String,
    secrets: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Subscription {
    id: String,
    email: String,
}

#[derive(Debug, Serialize)]
struct Entry {
    user: String,
    user_id: String,
    user_policy_id: String,
    user_tags: Vec<Tag>,
    create_user: bool,
    rotates_itself: bool,
    secret: String,
    secret_id: String,
    secret_description: String,
    secret_policy_id: String,
    kms_key_id: Option<KeyId>,
    readers: Vec<String>,
    tags: Vec<Tag>,
    probe: Option<ProbeCall>,
    schedule_id: String,
    schedule: String,
    window: Option<String>,
    depends_on: Vec<String>,
    output: String,
    output_description: String,
}

/// A new key's probe, as the secret's tag has it.
#[derive(Debug, Serialize)]
struct ProbeCall {
    call: String,
    /// The stack's own Region is to be added.
    here: bool,
}

/// A customer managed key; the stack's own where there is no ARN.
#[derive(Debug, Serialize)]
struct KeyId {
    arn: Option<String>,
}

impl Stack {
    /// Returns whether one CloudFormation stack has room for its resources and
    /// outputs.
    pub fn fits(&self) -> bool {
        let entry = |entry: &Entry| {
            2 + usize::from(entry.create_user)
                + usize::from(entry.rotates_itself)
                + usize::from(!entry.readers.is_empty())
        };
        let entries: usize = self.access_keys.iter().map(entry).sum();
        // The function, its permission, log group and role; the topic with its
        // policy and three alarms.
        let fixed = 4 + 5;
        let resources = fixed
            + entries
            + self.role_policies.len()
            + 2 * usize::from(self.kms_key.is_some())
            + 2 * self.sweeps.len()
            + self.alarms.rules.len()
            + self.alarms.subscriptions.len();
        resources <= check::MAX_RESOURCES && self.access_keys.len() < check::MAX_OUTPUTS
    }
}

/// Returns what the templates are filled in with.
///
/// # Errors
///
/// Returns the finding where the role's policies pass IAM's limits.
pub fn stack(model: &Model) -> Result<Stack, Finding> {
    let longest = World::longest(model);
    let mut sorted: Vec<&AccessKey> = model.access_keys.iter().collect();
    sorted.sort_by_key(|entry| &entry.secret);
    let policies = role::policies(&sorted, &longest)?;
    let tags = tags(model);
    let access_keys = sorted
        .iter()
        .map(|entry| view(entry, &tags, &policies))
        .collect();
    Ok(Stack {
        stack: model.stack.to_string(),
        capability: super::capability(model),
        description: format!("{}: access keys that rotate, by keyrota", model.stack),
        architecture: model.function.architecture.as_str(),
        memory: model.function.memory,
        timeout: model.function.timeout.as_seconds(),
        log_group: name::log_group_name(&model.stack),
        log_retention: model.function.log_retention,
        kms_key: key(model, &sorted),
        sweeps: sweeps(&sorted, &longest),
        alarms: alarms(model, &sorted, &longest),
        role_policies: policies.all,
        access_keys,
        tags,
    })
}

/// The manifest's tags and the stack's, in the order of their keys.
fn tags(model: &Model) -> Vec<Tag> {
    let own = ("keyrota:stack", model.stack.as_str());
    let tags = model
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let tag = |(key, value): (&str, &str)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    tags.chain([own]).map(tag).collect()
}

fn view(entry: &AccessKey, tags: &[Tag], policies: &Policies<'_>) -> Entry {
    let rotates_itself = entry.rotate_as == RotateAs::Itself;
    let mut depends_on = vec![super::PERMISSION.to_owned()];
    depends_on.extend(policies.needed_by(entry));
    if rotates_itself {
        depends_on.push(name::user_policy_logical_id(entry));
    }
    let old_key = entry.old_key.to_string();
    let pins = [
        ("keyrota:user", entry.user.as_str()),
        ("keyrota:rotate-as", entry.rotate_as.as_str()),
        (
            "keyrota:owns-user",
            if entry.create_user { "true" } else { "false" },
        ),
        (OLD_KEY_TAG, old_key.as_str()),
    ];
    let pins = pins.map(|(key, value)| Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    });
    Entry {
        user: entry.user.to_string(),
        user_id: name::user_logical_id(entry),
        user_policy_id: name::user_policy_logical_id(entry),
        user_tags: tags.to_vec(),
        create_user: entry.create_user,
        rotates_itself,
        secret: entry.secret.to_string(),
        secret_id: name::secret_logical_id(entry),
        secret_description: format!("The access key of the IAM user {}", entry.user),
        secret_policy_id: name::readers_logical_id(entry),
        kms_key_id: match &entry.kms_key {
            KmsKey::AwsManaged => None,
            KmsKey::Create => Some(KeyId { arn: None }),
            KmsKey::Existing(arn) => Some(KeyId {
                arn: Some(arn.to_string()),
            }),
        },
        readers: readers(entry),
        tags: tags.iter().cloned().chain(pins).collect(),
        probe: entry.probe.as_ref().map(probe),
        schedule_id: name::schedule_logical_id(entry),
        schedule: entry.schedule.to_string(),
        window: entry
            .window
            .and_then(|window| Some(format!("{}h", window.as_hours()?))),
        depends_on,
        output: name::secret_output(entry),
        output_description: format!("The secret {}", entry.secret),
    }
}

fn probe(probe: &Probe) -> ProbeCall {
    let (region, here) = match probe {
        Probe::ListBucket { region, .. } => (region.as_ref(), region.is_none()),
        Probe::AssumeRole { .. } => (None, false),
    };
    let call = probe.call();
    ProbeCall {
        call: region.map_or(call.clone(), |region| format!("{call} {region}")),
        here,
    }
}

/// An entry's readers, each once, in an order of their own.
fn readers(entry: &AccessKey) -> Vec<String> {
    let mut readers: Vec<String> = entry.readers.iter().map(ToString::to_string).collect();
    readers.sort();
    readers.dedup();
    readers
}

fn key(model: &Model, entries: &[&AccessKey]) -> Option<Key> {
    let mine = entries
        .iter()
        .filter(|entry| entry.kms_key == KmsKey::Create);
    let secrets: Vec<String> = mine.clone().map(|entry| entry.secret.to_string()).collect();
    if secrets.is_empty() {
        return None;
    }
    let read = mine.filter(|entry| !entry.readers.is_empty());
    let readers = read.map(|entry| Readers {
        sid: name::readers_logical_id(entry),
        secret: entry.secret.to_string(),
        readers: readers(entry),
    });
    Some(Key {
        description: format!("Encrypts the secrets of {}", model.stack),
        alias: name::key_alias(&model.stack),
        secrets,
        readers: readers.collect(),
    })
}

/// The alarms and their topic. They are there without a subscriber too, so that
/// whoever operates the account can listen without another deployment.
fn alarms(model: &Model, entries: &[&AccessKey], longest: &World) -> Alarms {
    let mut emails = model.alarms.email.clone();
    emails.sort();
    let mut rules: Vec<Rule> = Vec::new();
    let mut size = MAX_EVENT_PATTERN;
    for entry in entries {
        let length = longest.secret_arn(entry.secret.as_str()).len() + 3;
        if size + length > MAX_EVENT_PATTERN {
            rules.push(Rule {
                id: numbered("RotationFailedRule", rules.len()),
                secrets: Vec::new(),
            });
            size = EVENT_PATTERN_FRAME;
        }
        size += length;
        if let Some(rule) = rules.last_mut() {
            rule.secrets.push(name::secret_logical_id(entry));
        }
    }
    let subscriptions = emails.into_iter().map(|email| Subscription {
        id: name::subscription_logical_id(&email),
        email,
    });
    Alarms {
        display_name: format!("keyrota {}", model.stack)
            .chars()
            .take(MAX_DISPLAY_NAME)
            .collect(),
        rules,
        subscriptions: subscriptions.collect(),
    }
}

/// The rules that have the function look at every secret, cut so that each
/// invocation is told of its secrets in one input, and is soon done.
fn sweeps(entries: &[&AccessKey], longest: &World) -> Vec<Sweep> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut size = MAX_INPUT;
    for entry in entries {
        // Two quotes, a comma, and the space that a folded line break becomes.
        let length = longest.secret_arn(entry.secret.as_str()).len() + 4;
        let full = |part: &Vec<String>| part.len() >= MAX_SWEPT;
        if size + length > MAX_INPUT || parts.last().is_none_or(full) {
            parts.push(Vec::new());
            size = INPUT_FRAME;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(name::secret_logical_id(entry));
        }
    }
    let rules = parts.chunks(MAX_TARGETS).enumerate();
    let rule = |(index, parts): (usize, &[Vec<String>])| Sweep {
        id: numbered("SweepRule", index),
        permission_id: numbered("SweepPermission", index),
        targets: parts
            .iter()
            .enumerate()
            .map(|(index, secrets)| Target {
                name: numbered("Function", index),
                secrets: secrets.clone(),
            })
            .collect(),
    };
    rules.map(rule).collect()
}

/// `NAME`, `NAME2`, `NAME3` …
fn numbered(name: &str, index: usize) -> String {
    match index {
        0 => name.to_owned(),
        more => format!("{name}{}", more + 1),
    }
}
