//! How full a stack is: an estimate, never too low, of how much of each limit its entries use.
//!
//! Every entry is placed before anything is rendered, so sizes are estimated. Rendering a stack
//! for each entry that is added would take time quadratic in the number of entries. The
//! constants here are upper bounds of what the built-in templates render. The tests
//! `no_estimate_is_too_low` and `no_entry_is_estimated_too_low` render and compare, so they
//! fail if a template exceeds a bound or stays far below it. An organisation's own templates
//! can render more. In that case, the check refuses the stack because of its actual size.

use std::collections::BTreeMap;

use super::super::Strategy;
use super::super::resolve::Resolver;
use super::super::{quota, role, view};
use crate::model::{Encrypt, Entry, EventTarget, Kind, KmsKey, Model, RotateAs, TargetKind};

/// The share of each limit that new entries may fill, in percent. The rest is reserved for
/// existing entries: an entry that is given readers or a user of its own grows, and must not
/// have to move to another stack.
const FILL: usize = 90;

/// Bytes of a template for an entry besides its names: its secret with the schedule, its
/// output, and its occurrences in rules and in policies of the role.
const ENTRY_FRAME: usize = 1_420;
/// Bytes of a template for a user, the policy of a user, readers, or a probe.
const PART_FRAME: usize = 720;
/// How often the names of an entry's secret and user appear in a template, either directly or
/// in a logical ID.
const SECRET_MENTIONS: usize = 16;
const USER_MENTIONS: usize = 8;
/// How often a user's path appears in a template.
const PATH_MENTIONS: usize = 2;
/// Bytes of a template for a replica besides its key: its place in the list, with the comment on
/// the list.
const REPLICA_FRAME: usize = 320;
/// The maximum length of a Region, which the ARN of a replica has instead of the stack's.
const LONGEST_REGION: usize = 32;
/// How often an entry's readers appear in a template.
const READER_MENTIONS: usize = 2;
/// The maximum length of a character, written as an escape.
const LONGEST_ESCAPE: usize = 10;
/// Bytes of a template for a reader or a tag besides its value.
const MENTION_FRAME: usize = 24;
/// Bytes of a template for a logical ID of a secret, besides the secret's name.
const SECRET_MENTION_FRAME: usize = 40;
/// Bytes of a template for each function, besides entries and tags.
const FUNCTION_FRAME: usize = 17_408;
/// Bytes of a template for each address that alarms notify. An address has at most 320
/// characters.
const SUBSCRIPTION_FRAME: usize = 512;
/// Resources of a stack besides its entries, rules, and subscriptions: the key with its alias,
/// and the topic with its policy.
const STACK_RESOURCES: usize = 4;
/// Resources of a stack for each function: the function, its permission, log group, and role,
/// and four alarms. The role's policies are counted separately, except for the one with the
/// log.
const FUNCTION_RESOURCES: usize = 9;
/// Additional policies: a function in a VPC has two for that, and one for passwords has one for
/// generating them.
const DATABASE_RESOURCES: usize = 3;
/// Characters of a template for a database besides its names and an access key's frame, for the
/// tags of its secret.
const DATABASE_FRAME: usize = 600;
/// Bytes of a template for a rule of `notify` besides its secrets, targets, and tags.
const NOTIFY_RULE_FRAME: usize = 600;
/// Bytes of a template for a target of such a rule with its permission, besides its ARN.
const NOTIFY_TARGET_FRAME: usize = 560;
/// Bytes of a template for the role with which rules send events to event buses, and its policy.
const NOTIFY_ROLE_FRAME: usize = 1_800;
/// Characters of a statement of the key policy besides its secret and readers.
const KEY_STATEMENT_FRAME: usize = 260;
/// Characters of the key policy besides its secrets and readers.
const KEY_POLICY_FRAME: usize = 1_024;

/// Resources of the key for AWS services: the key with its alias.
const SERVICE_KEY_RESOURCES: usize = 2;
/// Bytes of a template for that key, besides the names of the log groups and tags.
const SERVICE_KEY_FRAME: usize = 4_096;
/// Bytes of a template for each function, for the keys of its log group and its environment.
const ENCRYPTED_FRAME: usize = 2_048;

/// The combined load of a stack's entries.
#[derive(Clone, Debug)]
pub struct Load {
    resolver: Resolver,
    tags: usize,
    subscriptions: usize,
    encrypt: Encrypt,
    resources: usize,
    bytes: usize,
    key_policy: usize,
    held: BTreeMap<Strategy, KindLoad>,
    /// The secrets in the patterns of the rules of `notify`, by their targets.
    notify: BTreeMap<Vec<EventTarget>, PackedLengths>,
}

/// The combined load of the entries of one kind. Policies and rules are split separately for
/// each function.
#[derive(Clone, Debug, Default)]
struct KindLoad {
    entries: usize,
    pattern: PackedLengths,
    inputs: PackedLengths,
    purposes: BTreeMap<Purpose, PackedLengths>,
}

impl KindLoad {
    fn add(&mut self, purpose: Purpose, length: usize) {
        self.purposes.entry(purpose).or_default().add(length);
    }

    /// Returns the maximum number of managed policies of the role.
    fn policies(&self) -> usize {
        let parts = |(purpose, sum): (&Purpose, &PackedLengths)| {
            sum.parts(quota::MAX_MANAGED - frame(purpose))
        };
        self.purposes.iter().map(parts).sum()
    }

    /// Returns the maximum number of rules, including the permission of each hourly rule.
    fn rules(&self) -> usize {
        let rules = self.pattern.parts(view::EVENT_PATTERN_ROOM);
        let targets = self
            .inputs
            .parts(view::INPUT_ROOM)
            .max(self.entries.div_ceil(view::MAX_SWEPT));
        // One target may be limited by its length, and the next by its number of secrets.
        let sweeps = (targets + 1).div_ceil(quota::MAX_TARGETS);
        rules + 2 * sweeps
    }
}

/// The purposes of the role's policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Secrets,
    Administrators,
    Users,
    Records,
    Adapters,
    Key(Option<String>),
    ReplicaKey(String),
}

/// Lengths that are packed into parts. None of them exceeds a limit.
#[derive(Clone, Copy, Debug, Default)]
struct PackedLengths {
    total: usize,
    longest: usize,
}

impl PackedLengths {
    fn add(&mut self, length: usize) {
        self.total += length;
        self.longest = self.longest.max(length);
    }

    /// Returns the maximum number of parts. Each part is filled until the longest item might
    /// not fit any more.
    fn parts(self, room: usize) -> usize {
        self.total
            .div_ceil(room.saturating_sub(self.longest).max(1))
    }
}

/// Returns the maximum length of a text in a quoted scalar, without the quotation marks.
fn quoted_length(text: &str) -> usize {
    let length = |one: char| match one {
        '"' | '\\' => 2,
        ' '..='~' => 1,
        _ => LONGEST_ESCAPE,
    };
    text.chars().map(length).sum()
}

impl Load {
    /// Returns the load of a stack without entries.
    pub fn empty(model: &Model) -> Self {
        let tags = model.tags.iter();
        Self {
            resolver: Resolver::longest(model),
            tags: tags
                .map(|(key, value)| key.len() + value.len() + MENTION_FRAME)
                .sum(),
            subscriptions: model.alarms.email.len(),
            encrypt: model.encrypt.clone(),
            resources: 0,
            bytes: 0,
            key_policy: 0,
            held: BTreeMap::new(),
            notify: BTreeMap::new(),
        }
    }

    /// Returns whether the stack has no entries yet.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.add_common(entry);
        match &entry.kind {
            Kind::AccessKey(key) => {
                let user = role::user_length(key, &self.resolver) + 4;
                let itself = usize::from(entry.rotate_as == RotateAs::Itself);
                let parts = usize::from(key.create_user) + itself;
                self.resources += parts;
                self.bytes += PART_FRAME * (parts + usize::from(key.probe.is_some()))
                    + USER_MENTIONS * key.user.as_str().len()
                    + PATH_MENTIONS * quoted_length(key.path.as_str());
                let held = self.held.entry(Strategy::AccessKeys).or_default();
                if entry.rotate_as == RotateAs::Role {
                    held.add(Purpose::Users, user);
                } else if !key.create_user {
                    held.add(Purpose::Records, user);
                }
            }
            Kind::Database(database) => {
                let tags = database.tags(entry);
                let tags: usize = tags.iter().map(|(_, value)| value.len()).sum();
                self.bytes += DATABASE_FRAME
                    + tags
                    + USER_MENTIONS * LONGEST_ESCAPE * database.username.len()
                    + database.host.as_str().len();
            }
            Kind::Service(service) => {
                let tags: usize = service.tags().iter().map(|(_, value)| value.len()).sum();
                self.bytes += DATABASE_FRAME
                    + tags
                    + USER_MENTIONS * LONGEST_ESCAPE * service.username.len()
                    + LONGEST_ESCAPE * service.place().len();
                // Counted for each entry, although the policy names it once.
                if let Some(arn) = service.adapter.function() {
                    let length = arn.as_str().len() + 4;
                    self.bytes += length + MENTION_FRAME;
                    let held = self.held.entry(Strategy::for_entry(entry)).or_default();
                    held.add(Purpose::Adapters, length);
                }
            }
        }
    }

    /// Adds what entries of every kind have in common.
    fn add_common(&mut self, entry: &Entry) {
        let secret = self.resolver.secret_arn(entry.secret.as_str()).len() + 4;
        let readers = entry.readers.iter().map(|reader| reader.as_str().len());
        let readers: usize = readers.map(|length| length + MENTION_FRAME).sum();
        let has_readers = usize::from(readers > 0);
        let own_tags = entry.tags.iter();
        let own_tags: usize = own_tags
            .map(|(key, value)| quoted_length(key) + quoted_length(value) + MENTION_FRAME)
            .sum();
        let replicas = entry.replicas.iter().map(|replica| {
            let key = replica.kms_key.as_ref();
            REPLICA_FRAME + key.map_or(0, |arn| arn.as_str().len() + secret + LONGEST_REGION)
        });
        let replicas: usize = replicas.sum();
        self.resources += 2 + has_readers;
        self.bytes += ENTRY_FRAME
            + PART_FRAME * has_readers
            + SECRET_MENTIONS * entry.secret.as_str().len()
            + READER_MENTIONS * readers
            + quoted_length(entry.description.as_deref().unwrap_or_default())
            + own_tags
            + replicas
            + 2 * self.tags;
        if entry.kms_key == KmsKey::Create {
            // Readers have a statement in the key policy, which names them again.
            let statement = match readers {
                0 => 0,
                readers => KEY_STATEMENT_FRAME + secret + readers,
            };
            self.key_policy += secret + statement;
            self.bytes += secret + 3 * statement;
        }
        if !entry.notify.is_empty() {
            let rules = self.notify.entry(entry.notify.clone()).or_default();
            rules.add(secret);
            self.bytes += entry.secret.as_str().len() + MENTION_FRAME + SECRET_MENTION_FRAME;
        }
        // Counted for each entry, although the policy names it once.
        let administrator = entry
            .administrator()
            .map(|of| self.resolver.secret_arn(of.as_str()).len() + 4);
        let held = self.held.entry(Strategy::for_entry(entry)).or_default();
        held.entries += 1;
        held.pattern.add(secret);
        held.inputs.add(secret);
        held.add(Purpose::Secrets, secret);
        if let Some(length) = administrator {
            held.add(Purpose::Administrators, length);
        }
        match &entry.kms_key {
            KmsKey::AwsManaged => {}
            KmsKey::Create => held.add(Purpose::Key(None), secret),
            KmsKey::Existing(arn) => held.add(Purpose::Key(Some(arn.to_string())), secret),
        }
        let replicas = entry.replicas.iter();
        for arn in replicas.filter_map(|replica| replica.kms_key.as_ref()) {
            held.add(
                Purpose::ReplicaKey(arn.to_string()),
                secret + LONGEST_REGION,
            );
        }
    }

    /// Returns whether a stack can hold the load and keep the reserve.
    pub fn fits(&self) -> bool {
        let within = |found: usize, limit: usize| found * 100 <= limit * FILL;
        let (resources, bytes, key_policy) = self.estimate();
        within(resources, quota::MAX_RESOURCES)
            && within(self.entries() + self.held.len(), quota::MAX_OUTPUTS)
            && within(bytes, quota::MAX_TEMPLATE)
            && within(key_policy, quota::MAX_KEY_POLICY)
            // There are few of these, and each is filled completely, so no reserve applies.
            && self.held.values().all(|held| held.policies() <= quota::MAX_ATTACHED)
    }

    fn entries(&self) -> usize {
        self.held.values().map(|held| held.entries).sum()
    }

    /// Returns whether the sizes that are exact only after rendering, the template's bytes and
    /// the key policy, are within the limits of one stack.
    pub fn is_short(&self) -> bool {
        let (_, bytes, key_policy) = self.estimate();
        bytes <= quota::MAX_TEMPLATE && key_policy <= quota::MAX_KEY_POLICY
    }

    /// Returns upper bounds of the resources and the bytes of the rules of `notify`.
    fn notified(&self) -> (usize, usize) {
        let (mut resources, mut bytes, mut has_bus) = (0, 0, false);
        for (targets, secrets) in &self.notify {
            let rules = secrets.parts(view::EVENT_PATTERN_ROOM);
            let of_kind = |kind| targets.iter().filter(|it| it.kind == kind).count();
            has_bus |= of_kind(TargetKind::Bus) > 0;
            resources += rules * (1 + of_kind(TargetKind::Function));
            let named = targets.iter().map(|it| 2 * it.arn.as_str().len());
            let target = targets.len() * NOTIFY_TARGET_FRAME + named.sum::<usize>();
            bytes += rules * (NOTIFY_RULE_FRAME + 2 * self.tags + target);
        }
        match has_bus {
            true => (resources + 2, bytes + NOTIFY_ROLE_FRAME + 2 * self.tags),
            false => (resources, bytes),
        }
    }

    /// Returns upper bounds of the resources, the bytes of the template, and the characters of
    /// the key policy.
    pub(super) fn estimate(&self) -> (usize, usize, usize) {
        let of = |(strategy, held): (&Strategy, &KindLoad)| {
            let more = match strategy {
                Strategy::AccessKeys => 0,
                Strategy::Databases | Strategy::Services | Strategy::ServicesOutside => {
                    DATABASE_RESOURCES
                }
            };
            FUNCTION_RESOURCES + more + held.policies() + held.rules()
        };
        let functions: usize = self.held.iter().map(of).sum();
        let (notify_resources, notify_bytes) = self.notified();
        let encrypted = usize::from(self.encrypt.keys().next().is_some());
        let creates = usize::from(self.encrypt.creates());
        // Each function's role has a policy for its environment.
        let decrypts = usize::from(self.encrypt.environment.is_some()) * self.held.len();
        let resources = STACK_RESOURCES
            + SERVICE_KEY_RESOURCES * creates
            + decrypts
            + self.resources
            + self.subscriptions
            + functions
            + notify_resources;
        let bytes = FUNCTION_FRAME * self.held.len()
            + SUBSCRIPTION_FRAME * self.subscriptions
            + 20 * self.tags
            + SERVICE_KEY_FRAME * creates
            + ENCRYPTED_FRAME * encrypted * self.held.len()
            + notify_bytes
            + self.bytes;
        (resources, bytes, KEY_POLICY_FRAME + self.key_policy)
    }
}

fn frame(purpose: &Purpose) -> usize {
    match purpose {
        Purpose::Secrets | Purpose::Administrators => role::FRAME,
        Purpose::Adapters => role::ADAPTERS_FRAME,
        Purpose::Users => role::FRAME + role::RECORD_FRAME,
        Purpose::Records => role::RECORD_FRAME,
        Purpose::Key(arn) => role::KEY_FRAME + 2 * arn.as_ref().map_or(128, String::len),
        Purpose::ReplicaKey(arn) => role::KEY_FRAME + 2 * arn.len(),
    }
}
