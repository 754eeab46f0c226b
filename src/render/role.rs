//! The policies of a function's role, each as narrow as its purpose, and split so that they
//! stay within IAM's limits.

use serde::Serialize;

use super::quota::{MAX_ATTACHED, MAX_MANAGED, MAX_ROLE_INLINE};
use super::resolve::{KEY_ID_LENGTH, Resolver};
use super::{Strategy, name};
use crate::model::{
    AccessKey, Entry, EntryOf, Finding, KmsKey, RotateAs, SecretName, SecretReference,
};

/// The maximum length of a document besides its ARNs. The test `limits_hold` checks it.
pub const FRAME: usize = 260;
/// The same for the two statements of a KMS key.
pub const KEY_FRAME: usize = 520;

/// The same for the statement with the condition on tag keys.
pub const RECORD_FRAME: usize = 380;

/// The same for the permissions of the databases' function that concern no secret: to generate
/// passwords, and to run in a VPC.
pub const APART_FRAME: usize = 900;

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
    /// The permissions.
    pub statement: Statement,
}

/// The permissions of a policy. One of them is present, or both of those that manage users.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Statement {
    /// The logical ID of the log group.
    write_log: Option<&'static str>,
    make_passwords: bool,
    /// Whether the function runs in a VPC.
    connect: bool,
    /// The logical ID of the function whose own code must not use the VPC permissions.
    only_lambda: Option<&'static str>,
    /// Logical IDs of secrets.
    rotate_secrets: Option<Vec<String>>,
    read_administrators: Option<Vec<Administrator>>,
    /// Users that the stack created, and whose keys the role manages.
    manage_users: Option<Vec<User>>,
    /// Users whose keys the role manages and records.
    manage_and_record: Option<Vec<User>>,
    /// Users whose keys other principals manage and the role records.
    record_keys: Option<Vec<User>>,
    use_key: Option<Key>,
}

/// An administrator's secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Administrator {
    by_name: bool,
    secret: String,
}

/// A user whose keys the role manages.
#[derive(Clone, Debug, Serialize)]
struct User {
    /// The logical ID, if the stack creates the user.
    user_id: Option<String>,
    user: String,
}

/// Use of a customer managed key.
#[derive(Clone, Debug, Serialize)]
struct Key {
    /// The key's ARN, if the stack does not create the key.
    arn: Option<String>,
    /// Logical IDs of the secrets that it encrypts.
    secrets: Vec<String>,
}

/// Returns the statement for a part of the items of a purpose.
type Allowing<'entry> = Box<dyn Fn(&[Item<'entry>]) -> Statement + 'entry>;

/// One purpose with all of its items, before it is split.
struct Purpose<'entry> {
    name: String,
    // CloudFormation replaces a managed policy whose description changes, and a role may
    // have no room for two of one purpose meanwhile: keep the descriptions as they are.
    description: &'static str,
    frame: usize,
    items: Vec<Item<'entry>>,
    statement: Allowing<'entry>,
}

/// An item of a purpose, with the length of its ARN.
#[derive(Clone)]
struct Item<'entry> {
    length: usize,
    /// The entries whose rotation needs it.
    serves: Vec<&'entry Entry>,
    administrator: Option<Administrator>,
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
            Some(SecretReference::Name(name)) => name == of,
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
/// inline if they fit, and managed otherwise. `in_vpc` says whether the function runs in a VPC.
///
/// # Errors
///
/// Returns a finding if even ten managed policies are not enough.
pub fn policies<'entry>(
    strategy: Strategy,
    in_vpc: bool,
    entries: &[&'entry Entry],
    resolver: &Resolver,
) -> Result<Policies<'entry>, Finding> {
    let purposes = purposes(entries, resolver);
    let sizes = purposes.iter().map(|purpose| size(purpose, &purpose.items));
    let mut policies = Policies {
        all: Vec::new(),
        covers: Vec::new(),
    };
    policies.add_apart(strategy, in_vpc);
    let apart = policies.all.len();
    let role = strategy.role();
    if frame(strategy) + sizes.sum::<usize>() <= MAX_ROLE_INLINE {
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
const fn frame(strategy: Strategy) -> usize {
    match strategy {
        Strategy::AccessKeys => FRAME,
        Strategy::Databases => FRAME + APART_FRAME,
    }
}

/// Returns the maximum total length of the inline policies.
#[cfg(test)]
pub fn estimate(strategy: Strategy, entries: &[&'_ Entry], resolver: &Resolver) -> usize {
    let purposes = purposes(entries, resolver);
    let sizes = purposes.iter().map(|purpose| size(purpose, &purpose.items));
    frame(strategy) + sizes.sum::<usize>()
}

impl<'entry> Policies<'entry> {
    /// Adds the policies that name no secret.
    fn add_apart(&mut self, strategy: Strategy, in_vpc: bool) {
        let databases = strategy == Strategy::Databases;
        let log = Statement {
            write_log: Some(strategy.log_group()),
            ..Statement::default()
        };
        let passwords = Statement {
            make_passwords: true,
            ..Statement::default()
        };
        let network = Statement {
            connect: true,
            ..Statement::default()
        };
        let lambda = Statement {
            only_lambda: Some(strategy.function()),
            ..Statement::default()
        };
        let all = [
            (true, true, "Log", "Write the rotation function's log", log),
            (
                databases,
                true,
                "Passwords",
                "Have passwords made",
                passwords,
            ),
            // The function itself depends on it.
            (in_vpc, false, NETWORK, "Stand in the VPC", network),
            (
                in_vpc,
                true,
                "NotItsCode",
                "Keep the function's code from what Lambda does for it",
                lambda,
            ),
        ];
        for (there, needed, name, description, statement) in all {
            if !there {
                continue;
            }
            let id = format!("{}{name}", strategy.role());
            if needed {
                self.covers.push((id.clone(), None));
            }
            self.all.push(Policy {
                role: strategy.role(),
                name: format!("keyrota-{name}"),
                description,
                managed: false,
                statement,
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
        for item in part {
            let serves = item.serves.iter().map(|entry| (id.clone(), Some(*entry)));
            self.covers.extend(serves);
        }
        self.all.push(Policy {
            role,
            name: format!("keyrota-{}", purpose.name),
            description: purpose.description,
            managed,
            statement: (purpose.statement)(part),
            id,
        });
    }
}

fn purposes<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Purpose<'entry>> {
    let mut purposes = vec![
        Purpose {
            name: "Secrets".to_owned(),
            description: "Rotate the stack's secrets",
            frame: FRAME,
            items: entries
                .iter()
                .map(|entry| secret(entry, resolver))
                .collect(),
            statement: Box::new(|part| Statement {
                rotate_secrets: Some(secret_ids(part)),
                ..Statement::default()
            }),
        },
        Purpose {
            name: "Administrators".to_owned(),
            description: "Read the administrators' secrets",
            frame: FRAME,
            items: administrators(entries, resolver),
            statement: Box::new(|part| Statement {
                read_administrators: Some(
                    part.iter()
                        .filter_map(|item| item.administrator.clone())
                        .collect(),
                ),
                ..Statement::default()
            }),
        },
        Purpose {
            name: "Users".to_owned(),
            description: "Manage the access keys of the users that rotate as the role",
            frame: FRAME + RECORD_FRAME,
            items: users(entries, resolver, managed),
            statement: Box::new(|part| Statement {
                manage_users: users_of(part, |entry| {
                    managed(entry).filter(|it| it.kind.create_user)
                }),
                manage_and_record: users_of(part, |entry| {
                    managed(entry).filter(|it| !it.kind.create_user)
                }),
                ..Statement::default()
            }),
        },
        Purpose {
            name: "Records".to_owned(),
            description: "Record on the users which keys are rotated",
            frame: RECORD_FRAME,
            items: users(entries, resolver, recorded),
            statement: Box::new(|part| Statement {
                record_keys: users_of(part, recorded),
                ..Statement::default()
            }),
        },
    ];
    purposes.extend(keys(entries, resolver));
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
            statement: Box::new(move |part| Statement {
                use_key: Some(Key {
                    arn: arn.clone(),
                    secrets: secret_ids(part),
                }),
                ..Statement::default()
            }),
        }
    };
    keys.into_iter().map(purpose).collect()
}

fn secret<'entry>(entry: &'entry Entry, resolver: &Resolver) -> Item<'entry> {
    Item {
        length: resolver.secret_arn(entry.secret.as_str()).len(),
        serves: vec![entry],
        administrator: None,
    }
}

/// Selects the user of an entry that a purpose concerns, if there is one.
type UserOf<'entry> = fn(&'entry Entry) -> Option<EntryOf<'entry, AccessKey>>;

/// Returns the entry if the role manages its user's keys.
fn managed(entry: &Entry) -> Option<EntryOf<'_, AccessKey>> {
    let key = entry.as_access_key();
    key.filter(|key| key.rotate_as == RotateAs::Role)
}

/// Returns the entry if the role only records on its user which keys are rotated: the stack
/// did not create the user, and other credentials manage the keys.
fn recorded(entry: &Entry) -> Option<EntryOf<'_, AccessKey>> {
    let key = entry.as_access_key();
    key.filter(|key| !key.kind.create_user && key.rotate_as != RotateAs::Role)
}

/// Returns the items for the users that a purpose concerns.
fn users<'entry>(
    entries: &[&'entry Entry],
    resolver: &Resolver,
    user_of: UserOf<'entry>,
) -> Vec<Item<'entry>> {
    let item = |entry: &'entry Entry| {
        let user = user_of(entry)?;
        Some(Item {
            length: resolver.iam_arn(&format!("user/{}", user.kind.user)).len(),
            serves: vec![entry],
            administrator: None,
        })
    };
    entries.iter().copied().filter_map(item).collect()
}

/// Returns the items for the administrators' secrets, without duplicates and without those that
/// the stack owns, since the role can read these already.
fn administrators<'entry>(entries: &[&'entry Entry], resolver: &Resolver) -> Vec<Item<'entry>> {
    let mut secrets: Vec<Administrator> = Vec::new();
    for entry in entries {
        let Some(secret) = entry.administrator() else {
            continue;
        };
        let own = |name: &str| entries.iter().any(|entry| entry.secret.as_str() == name);
        let by_name = matches!(secret, SecretReference::Name(_));
        if !(by_name && own(secret.as_str())) {
            secrets.push(Administrator {
                by_name,
                secret: secret.as_str().to_owned(),
            });
        }
    }
    secrets.sort();
    secrets.dedup();
    let item = |administrator: Administrator| Item {
        length: match administrator.by_name {
            true => resolver.secret_arn(&administrator.secret).len(),
            false => administrator.secret.len(),
        },
        serves: entries
            .iter()
            .copied()
            .filter(|entry| uses(entry, &administrator))
            .collect(),
        administrator: Some(administrator),
    };
    secrets.into_iter().map(item).collect()
}

fn uses(entry: &Entry, administrator: &Administrator) -> bool {
    let secret = entry.administrator();
    secret.is_some_and(|secret| secret.as_str() == administrator.secret)
}

fn key_arn(key: &KmsKey) -> Option<String> {
    match key {
        KmsKey::Existing(arn) => Some(arn.to_string()),
        KmsKey::AwsManaged | KmsKey::Create => None,
    }
}

fn secret_ids(part: &[Item<'_>]) -> Vec<String> {
    let entries = part.iter().flat_map(|item| &item.serves);
    entries
        .map(|entry| name::secret_logical_id(entry))
        .collect()
}

/// Returns the users of a part, if it has any.
fn users_of<'entry>(part: &[Item<'entry>], user_of: UserOf<'entry>) -> Option<Vec<User>> {
    let entries = part.iter().flat_map(|item| &item.serves);
    let users: Vec<User> = entries.copied().filter_map(user_of).map(user).collect();
    (!users.is_empty()).then_some(users)
}

fn user(entry: EntryOf<'_, AccessKey>) -> User {
    User {
        user_id: entry
            .kind
            .create_user
            .then(|| name::user_logical_id(entry.kind)),
        user: entry.kind.user.to_string(),
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
