//! The policies of a function's role, each as narrow as its purpose, and split so that they
//! stay within IAM's limits.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::quota::{MAX_ATTACHED, MAX_MANAGED, MAX_ROLE_INLINE};
use super::resolve::{KEY_ID_LENGTH, Resolver};
use super::{Strategy, name, policy};
use crate::model::{
    AccessKey, Arn, Entry, EntryOf, Finding, KmsKey, RotateAs, SecretName, SecretReference,
    ServiceKey,
};

/// The maximum length of a document besides its ARNs. The test `limits_hold` checks it.
pub const FRAME: usize = 260;
/// The same for the two statements of a KMS key.
pub const KEY_FRAME: usize = 520;

/// The same for the statement with the condition on tag keys.
pub const RECORD_FRAME: usize = 380;

/// The same for the statement that invokes adapters.
pub const ADAPTERS_FRAME: usize = 160;

/// The same for the permissions of a password's function that concern no secret: to generate
/// passwords, and to run in a VPC.
pub const APART_FRAME: usize = 900;

/// The same for the permission to decrypt the function's environment.
pub const ENVIRONMENT_FRAME: usize = 420;

/// The end of the logical ID of the policy that a function in a VPC depends on.
pub const NETWORK: &str = "Network";

/// A policy of the role.
#[derive(Clone, Debug, Serialize)]
pub struct Policy {
    /// The logical ID.
    pub id: String,
    /// The logical ID of the role.
    pub role: &'static str,
    /// The name of an inline policy.
    pub name: String,
    /// The purpose of the policy.
    pub description: &'static str,
    /// Whether it is a managed policy rather than an inline one.
    pub managed: bool,
    /// The permissions, as the templates see them.
    pub statement: Json,
}

/// Returns the permissions of a policy as the templates see them: null, except for these.
fn statement(permissions: &Json) -> Json {
    let mut all = json!({
        // The logical ID of the log group.
        "write_log": null,
        "make_passwords": null,
        // Whether the function runs in a VPC.
        "connect": null,
        // The logical ID of the function whose own code must not use the VPC permissions.
        "only_lambda": null,
        // The key of the function's environment, with the logical ID of the function.
        "decrypt_environment": null,
        // Logical IDs of secrets.
        "rotate_secrets": null,
        "read_administrators": null,
        // Users that the stack created, and whose keys the role manages.
        "manage_users": null,
        // Users whose keys the role manages and records.
        "manage_and_record": null,
        // Users whose keys other principals manage and the role records.
        "record_keys": null,
        // The ARNs of adapters' functions.
        "invoke_adapters": null,
        // A customer managed key, with the secrets that it encrypts.
        "use_key": null,
        // A customer managed key of another Region, with the secrets whose replicas it encrypts.
        "encrypt_replicas": null,
    });
    for (name, permission) in permissions.as_object().into_iter().flatten() {
        all[name] = permission.clone();
    }
    all
}

/// Returns the permissions for what a part of the items names.
type Allowing = Box<dyn Fn(Vec<Json>) -> Json>;

/// One purpose with all of its items, before it is split.
struct Purpose<'entry> {
    name: String,
    // CloudFormation replaces a managed policy whose description changes, and a role may
    // have no room for two of one purpose meanwhile: keep the descriptions as they are.
    description: &'static str,
    frame: usize,
    items: Vec<Item<'entry>>,
    permissions: Allowing,
}

/// An item of a purpose.
struct Item<'entry> {
    /// What the statement names, as the templates see it.
    named: Json,
    /// The length of its ARN.
    length: usize,
    /// The entries whose rotation needs it.
    serves: Vec<&'entry Entry>,
}

/// The role's policies, and which of them each entry's rotation needs.
pub struct Policies<'entry> {
    /// All policies, in the order of the stack.
    pub all: Vec<Policy>,
    /// The logical ID of each policy with an entry that needs it. `None` means all entries.
    covers: Vec<(String, Option<&'entry Entry>)>,
}

impl Policies<'_> {
    /// Returns the logical IDs of the policies that the entry needs to rotate.
    pub fn needed_by(&self, entry: &Entry) -> Vec<String> {
        // The stack may own an administrator's secret. That secret is then in another part of
        // the policies.
        let administers = |of: &SecretName| match entry.administrator() {
            Some(SecretReference::Name(name)) => name.as_str() == of.as_str(),
            _ => false,
        };
        let needs = |of: Option<&Entry>| {
            of.is_none_or(|of| of.secret == entry.secret || administers(&of.secret))
        };
        let mut ids: Vec<String> = Vec::new();
        for (id, of) in &self.covers {
            if needs(*of) && !ids.contains(id) {
                ids.push(id.clone());
            }
        }
        ids
    }
}

/// Returns the policies for the entries, which are sorted by their identity. The policies are
/// inline if they fit, and managed otherwise. `in_vpc` says whether the function runs in a VPC,
/// and `environment` which key encrypts its environment.
///
/// # Errors
///
/// Returns a finding if even ten managed policies are not enough.
pub fn policies<'entry>(
    strategy: Strategy,
    in_vpc: bool,
    environment: Option<&ServiceKey>,
    entries: &[&'entry Entry],
    resolver: &Resolver,
) -> Result<Policies<'entry>, Finding> {
    let purposes = purposes(entries, resolver);
    let sizes = purposes.iter().map(|purpose| size(purpose, &purpose.items));
    let mut policies = Policies {
        all: Vec::new(),
        covers: Vec::new(),
    };
    policies.add_apart(strategy, in_vpc, environment);
    let apart = policies.all.len();
    let role = strategy.role();
    if frame(strategy, environment) + sizes.sum::<usize>() <= MAX_ROLE_INLINE {
        for purpose in &purposes {
            let id = format!("{role}{}", purpose.name);
            policies.add(role, purpose, id, &purpose.items, false);
        }
        return Ok(policies);
    }
    let prefix = strategy.prefix();
    for purpose in &purposes {
        for (index, part) in cut(purpose).into_iter().enumerate() {
            // The logical ID differs from the inline policy's, because CloudFormation cannot
            // change a resource's type.
            let id = format!("{prefix}FunctionManaged{}Part{}", purpose.name, index + 1);
            policies.add(role, purpose, id, part, true);
        }
    }
    match policies.all.len() - apart {
        0..=MAX_ATTACHED => Ok(policies),
        needed => Err(Finding::error(
            "attached-policies",
            role,
            format!(
                "the function's role would need {needed} managed policies of {MAX_MANAGED} characters, but IAM allows {MAX_ATTACHED} per role"
            ),
        )
        .hint("split the entries over several manifests, each with a stack of its own")),
    }
}

/// Returns the maximum length of the policies that name no secret.
fn frame(strategy: Strategy, environment: Option<&ServiceKey>) -> usize {
    let strategy = match strategy {
        Strategy::AccessKeys => FRAME,
        Strategy::Databases | Strategy::Services | Strategy::ServicesOutside => FRAME + APART_FRAME,
    };
    strategy + environment.map_or(0, |_| ENVIRONMENT_FRAME)
}

/// Returns the maximum total length of the inline policies.
#[cfg(test)]
pub fn estimate(
    strategy: Strategy,
    environment: Option<&ServiceKey>,
    entries: &[&'_ Entry],
    resolver: &Resolver,
) -> usize {
    let purposes = purposes(entries, resolver);
    let sizes = purposes.iter().map(|purpose| size(purpose, &purpose.items));
    frame(strategy, environment) + sizes.sum::<usize>()
}

impl<'entry> Policies<'entry> {
    /// Adds the policies that name no secret.
    fn add_apart(&mut self, strategy: Strategy, in_vpc: bool, environment: Option<&ServiceKey>) {
        let makes = strategy.makes_passwords();
        let log = json!({ "write_log": strategy.log_group() });
        let passwords = json!({ "make_passwords": true });
        let network = json!({ "connect": true });
        let lambda = json!({ "only_lambda": strategy.function() });
        let decrypts = environment.is_some();
        let key = environment.map(|key| {
            json!({ "arn": key.existing().map(|arn| arn.as_str()), "function": strategy.function() })
        });
        let key = json!({ "decrypt_environment": key });
        let not_its_code = "Keep the function's code from what Lambda does for it";
        let all = [
            (true, "Log", "Write the rotation function's log", log),
            (makes, "Passwords", "Have passwords made", passwords),
            (
                decrypts,
                "Environment",
                "Decrypt the function's environment",
                key,
            ),
            (in_vpc, NETWORK, "Stand in the VPC", network),
            (in_vpc, "NotItsCode", not_its_code, lambda),
        ];
        for (there, name, description, permissions) in all {
            if !there {
                continue;
            }
            let id = format!("{}{name}", strategy.role());
            // The function itself depends on the network's policy.
            if name != NETWORK {
                self.covers.push((id.clone(), None));
            }
            self.all.push(Policy {
                role: strategy.role(),
                name: format!("keyrota-{name}"),
                description,
                managed: false,
                statement: statement(&permissions),
                id,
            });
        }
    }

    fn add(
        &mut self,
        role: &'static str,
        purpose: &Purpose<'entry>,
        id: String,
        part: &[Item<'entry>],
        managed: bool,
    ) {
        let named = part.iter().map(|item| item.named.clone());
        for item in part {
            let serves = item.serves.iter().map(|entry| (id.clone(), Some(*entry)));
            self.covers.extend(serves);
        }
        self.all.push(Policy {
            role,
            name: format!("keyrota-{}", purpose.name),
            description: purpose.description,
            managed,
            statement: statement(&(purpose.permissions)(named.collect())),
            id,
        });
    }
}

fn purposes<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Purpose<'entry>> {
    let list = |field: &'static str| -> Allowing { Box::new(move |named| json!({ field: named })) };
    let mut purposes = vec![
        Purpose {
            name: "Secrets".to_owned(),
            description: "Rotate the stack's secrets",
            frame: FRAME,
            items: entries
                .iter()
                .map(|entry| secret(entry, resolver))
                .collect(),
            permissions: list("rotate_secrets"),
        },
        Purpose {
            name: "Administrators".to_owned(),
            description: "Read the administrators' secrets",
            frame: FRAME,
            items: administrators(entries, resolver),
            permissions: list("read_administrators"),
        },
        Purpose {
            name: "Users".to_owned(),
            description: "Manage the access keys of the users that rotate as the role",
            frame: FRAME + RECORD_FRAME,
            items: users(entries, resolver, |key| key.rotate_as == RotateAs::Role),
            permissions: Box::new(|named| {
                let created = |user: &Json| !user["user_id"].is_null();
                let (created, others): (Vec<Json>, _) = named.into_iter().partition(created);
                json!({ "manage_users": created, "manage_and_record": others })
            }),
        },
        // The stack did not create the users, and other credentials manage their keys.
        Purpose {
            name: "Records".to_owned(),
            description: "Record on the users which keys are rotated",
            frame: RECORD_FRAME,
            items: users(entries, resolver, |key| {
                !key.kind.create_user && key.rotate_as != RotateAs::Role
            }),
            permissions: list("record_keys"),
        },
    ];
    purposes.push(Purpose {
        name: "Adapters".to_owned(),
        description: "Invoke the adapters of the services",
        frame: ADAPTERS_FRAME,
        items: adapters(entries),
        permissions: list("invoke_adapters"),
    });
    purposes.extend(keys(entries, resolver));
    purposes.extend(replica_keys(entries, resolver));
    purposes.retain(|purpose| !purpose.items.is_empty());
    purposes
}

/// Returns one purpose for each KMS key, with the secrets that it encrypts.
fn keys<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Purpose<'entry>> {
    let mut keys: Vec<Option<String>> = entries
        .iter()
        .filter(|entry| entry.kms_key != KmsKey::AwsManaged)
        .map(|entry| key_arn(&entry.kms_key))
        .collect();
    keys.sort();
    keys.dedup();
    let purpose = |arn: Option<String>| {
        let own = resolver.arn("kms", "key/").len() + KEY_ID_LENGTH;
        let mine = entries
            .iter()
            .filter(|entry| entry.kms_key != KmsKey::AwsManaged && key_arn(&entry.kms_key) == arn);
        Purpose {
            name: match &arn {
                Some(arn) => format!("Key{}", name::digest(arn)),
                None => "Key".to_owned(),
            },
            description: "Use the KMS key of the stack's secrets",
            frame: KEY_FRAME + 2 * arn.as_ref().map_or(own, String::len),
            items: mine.map(|entry| secret(entry, resolver)).collect(),
            permissions: Box::new(
                move |named| json!({ "use_key": { "arn": arn, "secrets": named } }),
            ),
        }
    };
    keys.into_iter().map(purpose).collect()
}

/// Returns one purpose for each KMS key of another Region, with the secrets whose replicas it
/// encrypts.
fn replica_keys<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Purpose<'entry>> {
    let mut keys: BTreeMap<&Arn, Vec<Item<'entry>>> = BTreeMap::new();
    for &entry in entries {
        for replica in &entry.replicas {
            let Some(arn) = &replica.kms_key else {
                continue;
            };
            let there = resolver.clone().with_region(replica.region.as_str());
            keys.entry(arn).or_default().push(Item {
                named: entry.secret.as_str().into(),
                length: there.secret_arn(entry.secret.as_str()).len(),
                serves: vec![entry],
            });
        }
    }
    let purpose = |(arn, items): (&Arn, Vec<Item<'entry>>)| {
        let (key, region) = (arn.to_string(), arn.parts()[2].to_owned());
        Purpose {
            name: format!("Replicas{}", name::digest(&key)),
            description: "Use the KMS key of the secrets' replicas",
            frame: KEY_FRAME + 2 * key.len(),
            items,
            permissions: Box::new(
                move |named| json!({ "encrypt_replicas": { "arn": key, "region": region, "secrets": named } }),
            ),
        }
    };
    keys.into_iter().map(purpose).collect()
}

fn secret<'entry>(entry: &'entry Entry, resolver: &Resolver) -> Item<'entry> {
    Item {
        named: name::secret_logical_id(entry).into(),
        length: resolver.secret_arn(entry.secret.as_str()).len(),
        serves: vec![entry],
    }
}

/// Returns the items for the users that a purpose concerns.
fn users<'entry>(
    entries: &[&'entry Entry],
    resolver: &Resolver,
    concerns: impl Fn(&EntryOf<'_, AccessKey>) -> bool,
) -> Vec<Item<'entry>> {
    let item = |entry: &'entry Entry| {
        let key = entry.as_access_key().filter(&concerns)?.kind;
        let created = key.create_user.then(|| name::user_logical_id(key));
        Some(Item {
            // The logical ID is null if the stack does not create the user.
            named: json!({
                "user_id": created,
                "user_path": key.path.as_str(),
                "user": key.user.as_str(),
            }),
            length: user_length(key, resolver),
            serves: vec![entry],
        })
    };
    entries.iter().copied().filter_map(item).collect()
}

/// Returns the length of a user's ARN in a policy, where the quotation marks and backslashes of its
/// path are escaped.
pub fn user_length(key: &AccessKey, resolver: &Resolver) -> usize {
    const QUOTATION_MARKS: usize = 2;
    policy::length(&resolver.iam_arn(&key.user_resource())) - QUOTATION_MARKS
}

/// Returns the items for the administrators' secrets, without duplicates and without those that
/// the stack owns, since the role can read these already.
fn administrators<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Item<'entry>> {
    let mut secrets: BTreeSet<(bool, &str)> = BTreeSet::new();
    for secret in entries.iter().filter_map(|entry| entry.administrator()) {
        let own = |name: &str| entries.iter().any(|entry| entry.secret.as_str() == name);
        let by_name = matches!(secret, SecretReference::Name(_));
        if !(by_name && own(secret.as_str())) {
            secrets.insert((by_name, secret.as_str()));
        }
    }
    let item = |(by_name, secret): (bool, &str)| Item {
        named: json!({ "by_name": by_name, "secret": secret }),
        length: match by_name {
            true => resolver.secret_arn(secret).len(),
            false => secret.len(),
        },
        serves: entries
            .iter()
            .copied()
            .filter(|entry| {
                entry
                    .administrator()
                    .is_some_and(|of| of.as_str() == secret)
            })
            .collect(),
    };
    secrets.into_iter().map(item).collect()
}

/// Returns the items for the adapters' functions, without duplicates.
fn adapters<'entry>(entries: &[&'entry Entry]) -> Vec<Item<'entry>> {
    let mut serves: BTreeMap<&str, Vec<&'entry Entry>> = BTreeMap::new();
    for &entry in entries {
        let service = entry.as_service();
        if let Some(arn) = service.and_then(|service| service.kind.adapter.function()) {
            serves.entry(arn.as_str()).or_default().push(entry);
        }
    }
    let item = |(arn, serves): (&str, Vec<&'entry Entry>)| Item {
        named: arn.into(),
        length: arn.len(),
        serves,
    };
    serves.into_iter().map(item).collect()
}

fn key_arn(key: &KmsKey) -> Option<String> {
    match key {
        KmsKey::Existing(arn) => Some(arn.to_string()),
        KmsKey::AwsManaged | KmsKey::Create => None,
    }
}

/// Returns the length of a policy. Each ARN adds two quotation marks and a comma.
fn size(purpose: &Purpose<'_>, items: &[Item<'_>]) -> usize {
    purpose.frame + items.iter().map(|item| item.length + 3).sum::<usize>()
}

/// Splits a purpose into parts that each fit in a managed policy.
fn cut<'part, 'entry>(purpose: &'part Purpose<'entry>) -> Vec<&'part [Item<'entry>]> {
    let mut parts = Vec::new();
    let mut rest = purpose.items.as_slice();
    while !rest.is_empty() {
        let fits = (1..=rest.len()).take_while(|end| size(purpose, &rest[..*end]) <= MAX_MANAGED);
        let (part, next) = rest.split_at(fits.last().unwrap_or(1));
        parts.push(part);
        rest = next;
    }
    parts
}
