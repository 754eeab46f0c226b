//! What the manifest names beside the entries' own credentials: principals, policies, and the
//! network must exist, and what the stack will create must not.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AccessKey, Arn, EntryOf, Finding, Model, Network, RotateAs};
use crate::plan::{Lookup, Observed, ObservedAccessKey, ObservedEntry, holds, holds_user};
use crate::port::{Error, NetworkPart};
use crate::render::{
    OWN_KEYS_POLICY, OWN_SECRET_POLICY, Strategy, key_alias, own_secret_policy_logical_id,
    service_key_alias, user_policy_logical_id,
};

/// Something in the account that a deployment needs, or that is in its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// A role that may read a secret, by its ARN.
    ReadingRole(String),
    /// A user that may read a secret, by its ARN.
    ReadingUser(String),
    /// The policy of the permissions boundary, by its ARN.
    Boundary(String),
    /// A log group with the name of one that the stack will create.
    LogGroup(String),
    /// An alias of a KMS key with the name of one that the stack will create.
    Alias(String),
    /// The function of a service's adapter, by its ARN.
    Adapter(String),
    /// An inline policy with the name of one that the stack will create.
    UserPolicy {
        /// The user.
        user: String,
        /// The name of the policy.
        policy: &'static str,
    },
}

/// What was found of a network, in which EC2 leaves out what does not exist.
#[derive(Clone, Debug)]
pub struct ObservedNetwork {
    /// The subnets that exist.
    pub subnets: Lookup<Vec<NetworkPart>>,
    /// The security groups that exist.
    pub security_groups: Lookup<Vec<NetworkPart>>,
}

/// Returns what has to be looked up, each once. It leaves out what the stack has created
/// already, what it will create, and what only another account knows.
pub fn references(model: &Model, observed: &Observed<'_>) -> BTreeSet<Reference> {
    let account = observed.caller.account.as_str();
    let resources = &observed.resources;
    let mut wanted = BTreeSet::new();
    let readers = model.entries.iter().flat_map(|entry| &entry.readers);
    wanted.extend(readers.filter_map(|arn| reader(model, arn, account)));
    let boundary = model.permissions_boundary.as_ref();
    let boundary = boundary.filter(|arn| is_visible(arn, account));
    wanted.extend(boundary.map(|arn| Reference::Boundary(arn.to_string())));
    for strategy in Strategy::of(model) {
        let name = strategy.log_group_name(&model.stack);
        let is_ours = holds(resources, "AWS::Logs::LogGroup", |it| {
            it.physical_id == name
        });
        wanted.extend((!is_ours).then_some(Reference::LogGroup(name)));
    }
    let aliases = [
        model.creates_kms_key().then(|| key_alias(&model.stack)),
        (model.encrypt.creates()).then(|| service_key_alias(&model.stack)),
    ];
    for name in aliases.into_iter().flatten() {
        let is_ours = holds(resources, "AWS::KMS::Alias", |it| it.physical_id == name);
        wanted.extend((!is_ours).then_some(Reference::Alias(name)));
    }
    for key in model.access_keys() {
        let own_keys = (key.rotate_as == RotateAs::Itself)
            .then(|| (OWN_KEYS_POLICY, user_policy_logical_id(key.kind)));
        let own_secret =
            (key.reads_itself).then(|| (OWN_SECRET_POLICY, own_secret_policy_logical_id(key.kind)));
        for (policy, id) in own_keys.into_iter().chain(own_secret) {
            let is_ours = holds(resources, "AWS::IAM::UserPolicy", |it| it.logical_id == id);
            if !key.kind.create_user && !is_ours {
                let user = key.kind.user.to_string();
                wanted.insert(Reference::UserPolicy { user, policy });
            }
        }
    }
    let adapters = adapters(model).filter(|arn| arn.parts()[3] == account);
    wanted.extend(adapters.map(|arn| Reference::Adapter(arn.to_string())));
    wanted
}

/// Returns the functions of the services' adapters.
fn adapters(model: &Model) -> impl Iterator<Item = &Arn> {
    let services = model.services();
    services.filter_map(|service| service.kind.adapter.function())
}

/// Returns a warning for each adapter of another account, which must let the function's role invoke
/// it.
fn foreign_adapters(model: &Model, account: &str) -> Vec<Finding> {
    let foreign: BTreeSet<&str> = adapters(model)
        .filter(|arn| arn.parts()[3] != account)
        .map(|arn| arn.as_str())
        .collect();
    let warning = |arn: &str| {
        let message = "the adapter belongs to another account, which gets the passwords and decides who may change its code".to_owned();
        Finding::warning("foreign-adapter", format!("adapter {arn}"), message).hint(
            "its resource policy (of the version or the alias, if the ARN names one) must allow lambda:InvokeFunction to the role of the service function",
        )
    };
    foreign.into_iter().map(warning).collect()
}

/// Returns what has to be looked up of a reader: nothing of an account's root, of a principal of
/// another account, or of a user that the stack creates.
fn reader(model: &Model, arn: &Arn, account: &str) -> Option<Reference> {
    let [_, _, _, owner, resource] = arn.parts();
    if owner != account {
        return None;
    }
    match resource.split_once('/')? {
        ("role", _) => Some(Reference::ReadingRole(arn.to_string())),
        ("user", _) => {
            let mut keys = model.access_keys();
            let is_created =
                keys.any(|key| key.kind.create_user && key.kind.user_resource() == resource);
            (!is_created).then(|| Reference::ReadingUser(arn.to_string()))
        }
        _ => None,
    }
}

/// Returns whether a policy can be looked up in an account: AWS's own policies can in each.
fn is_visible(policy: &Arn, account: &str) -> bool {
    [account, "aws"].contains(&policy.parts()[3])
}

/// Returns what is wrong with what was looked up.
pub fn check_references(
    model: &Model,
    observed: &Observed<'_>,
    found: &[(Reference, Lookup<String>)],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let account = observed.caller.account.as_str();
    // Under another name, a deployed stack would be deployed a second time.
    let stack = observed.stack.as_ref();
    let can_be_renamed = stack.is_none_or(|stack| stack.status.is_review());
    let boundary = model.permissions_boundary.as_ref();
    findings.extend(
        boundary
            .filter(|arn| !is_visible(arn, account))
            .map(|arn| no_boundary(arn.as_str(), "belongs to another account")),
    );
    findings.extend(
        found
            .iter()
            .filter_map(|(it, found)| check(it, found, can_be_renamed)),
    );
    findings.extend(foreign_adapters(model, account));
    let denied = found
        .iter()
        .filter_map(|(it, found)| Some((it.to_string(), found.denied()?)));
    findings.extend(not_looked_up(denied));
    findings
}

fn check(reference: &Reference, found: &Lookup<String>, can_be_renamed: bool) -> Option<Finding> {
    let rename = match can_be_renamed {
        true => "; or choose another name with `stack:`",
        false => "",
    };
    match (reference, found) {
        (_, Lookup::Denied(_)) => None,
        (Reference::ReadingRole(arn), found) => no_reader(arn, "role", found),
        (Reference::ReadingUser(arn), found) => no_reader(arn, "user", found),
        (Reference::Boundary(arn), Lookup::Missing) => Some(no_boundary(arn, "does not exist")),
        (Reference::LogGroup(name), Lookup::Found(_)) => {
            let message = format!(
                "the log group {name} exists and does not belong to this stack, so the stack cannot create it"
            );
            Some(
                Finding::error("log-group-exists", reference.to_string(), message).hint(format!(
                    "if its log is not needed, delete it: aws logs delete-log-group --log-group-name {name}{rename}"
                )),
            )
        }
        (Reference::Alias(name), Lookup::Found(_)) => {
            let message = format!(
                "the KMS alias {name} exists and does not belong to this stack, so the stack cannot create it"
            );
            Some(
                Finding::error("alias-exists", reference.to_string(), message).hint(format!(
                    "if nothing uses the alias, delete it, which does not delete its key: aws kms delete-alias --alias-name {name}{rename}"
                )),
            )
        }
        (Reference::UserPolicy { user, policy }, Lookup::Found(_)) => {
            let message = format!(
                "the user has an inline policy {policy} that does not belong to this stack, so the stack cannot create it"
            );
            let otherwise = match *policy {
                OWN_KEYS_POLICY => "use `rotate_as: role`",
                _ => "remove `self` from `readers`",
            };
            Some(
                Finding::error("user-policy-exists", format!("user {user}"), message).hint(format!(
                    "if no other stack rotates this user, delete the policy: aws iam delete-user-policy --user-name {user} --policy-name {policy}; or {otherwise}"
                )),
            )
        }
        (Reference::Adapter(arn), Lookup::Missing) => {
            let message = format!(
                "the adapter {arn} does not exist, so that no password of its services can be changed"
            );
            Some(
                Finding::error("no-adapter", reference.to_string(), message).hint(
                    "deploy the function, with the version or the alias that the ARN names, or correct `adapter.function`",
                ),
            )
        }
        (Reference::Boundary(_) | Reference::Adapter(_), Lookup::Found(_))
        | (
            Reference::LogGroup(_) | Reference::Alias(_) | Reference::UserPolicy { .. },
            Lookup::Missing,
        ) => None,
    }
}

/// Returns the finding of a reader that does not exist, or whose ARN is another. Secrets Manager
/// refuses a policy with such a principal.
fn no_reader(arn: &str, kind: &str, found: &Lookup<String>) -> Option<Finding> {
    let (why, hint) = match found {
        Lookup::Found(real) if real == arn => return None,
        Lookup::Found(real) => (
            format!("the {kind} `{arn}` does not exist: its ARN is {real}"),
            format!("write {real} in `readers`"),
        ),
        Lookup::Missing | Lookup::Denied(_) => (
            format!("the {kind} `{arn}` does not exist"),
            format!("create the {kind}, or remove it from `readers`"),
        ),
    };
    let message = format!("{why}; Secrets Manager refuses a policy that names it");
    Some(Finding::error("no-reader", format!("reader {arn}"), message).hint(hint))
}

fn no_boundary(arn: &str, why: &str) -> Finding {
    let message = format!(
        "the policy {why}, so IAM refuses it as the permissions boundary of the stack's roles"
    );
    Finding::error(
        "no-boundary",
        format!("permissions_boundary {arn}"),
        message,
    )
    .hint("create the policy, or name a policy of this account with `permissions_boundary`")
}

/// Returns a warning for each action that the caller may not use, with what is not known
/// because of that.
pub(super) fn not_looked_up<'a>(denied: impl Iterator<Item = (String, &'a Error)>) -> Vec<Finding> {
    let mut by_call: BTreeMap<&str, (Vec<String>, &Error)> = BTreeMap::new();
    for (subject, error) in denied {
        let (subjects, _) = by_call.entry(error.call).or_insert((Vec::new(), error));
        subjects.push(subject);
    }
    let warning = |(call, (subjects, error)): (&str, (Vec<String>, &Error))| {
        let message = format!(
            "cannot look up {}, so that the deployment may fail because of it; allow the action {call}: {error}",
            subjects.join(", ")
        );
        Finding::warning("not-looked-up", call, message)
    };
    by_call.into_iter().map(warning).collect()
}

/// Returns what is wrong with the network: what does not exist, and what is in another VPC than
/// the first subnet. Lambda refuses both (`configuration-vpc`).
pub fn check_network(network: &Network, seen: &ObservedNetwork) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut vpc = None;
    let mut elsewhere = Vec::new();
    for (kind, field, ids, found) in [
        ("subnet", "subnets", &network.subnets, &seen.subnets),
        (
            "security group",
            "security_groups",
            &network.security_groups,
            &seen.security_groups,
        ),
    ] {
        let Lookup::Found(found) = found else {
            continue;
        };
        for id in ids {
            let path = format!("{kind} {id}");
            let Some(part) = found.iter().find(|part| part.id == *id) else {
                let message = format!(
                    "the {kind} {id} does not exist in this account and Region, so Lambda refuses the functions of the network"
                );
                findings.push(Finding::error("no-network", path, message).hint(format!(
                    "name {kind}s of the VPC of the databases and services with `network.{field}`"
                )));
                continue;
            };
            let first = *vpc.get_or_insert(part.vpc.as_str());
            if part.vpc != first {
                let message = format!(
                    "the {kind} is in {}, but the first subnet is in {first}, and a function can be in one VPC only",
                    part.vpc
                );
                elsewhere.push(Finding::error("other-vpc", path, message).hint(format!(
                    "name only {kind}s of one VPC with `network.{field}`"
                )));
            }
        }
    }
    findings.extend(elsewhere);
    let denied = [
        ("the subnets of the network", seen.subnets.denied()),
        (
            "the security groups of the network",
            seen.security_groups.denied(),
        ),
    ];
    let denied = denied.into_iter();
    findings.extend(not_looked_up(
        denied.filter_map(|(subject, error)| Some((subject.to_owned(), error?))),
    ));
    findings
}

/// Returns a warning for each action with which what helps the entries cannot be looked up.
pub(super) fn check_helpers(entries: &[ObservedEntry<'_>]) -> Vec<Finding> {
    not_looked_up(entries.iter().flat_map(ObservedEntry::denied))
}

/// Returns the finding of a user that existed before and lacks the permissions boundary. The
/// rendered deployer's policy allows a policy to be written only on a user with it.
pub(super) fn check_boundary(
    model: &Model,
    entry: EntryOf<'_, AccessKey>,
    seen: &ObservedAccessKey,
    observed: &Observed<'_>,
) -> Option<Finding> {
    let boundary = model.permissions_boundary.as_ref()?.as_str();
    let user = seen.user.as_ref()?;
    let name = entry.kind.user.as_str();
    // The stack sets the boundary of a user that it creates.
    if user.boundary.as_deref() == Some(boundary)
        || entry.kind.create_user
        || holds_user(&observed.resources, name)
    {
        return None;
    }
    let has = user.boundary.as_ref().map_or_else(
        || "has no permissions boundary".to_owned(),
        |other| format!("has the permissions boundary {other}"),
    );
    let path = format!("user {name}");
    let hint = format!(
        "set it, if the user's other permissions allow that: aws iam put-user-permissions-boundary --user-name {name} --permissions-boundary {boundary}"
    );
    Some(
        match entry.rotate_as == RotateAs::Itself || entry.reads_itself {
            true => {
                let message = format!(
                    "the user {has}, but the manifest requires {boundary}, and the stack writes a policy of this user; the rendered deployer's policy allows that only for a user with the boundary"
                );
                Finding::error("no-user-boundary", path, message).hint(hint)
            }
            false => {
                let message = format!(
                    "the user {has}, but the manifest requires {boundary}; the stack does not change a user that existed before"
                );
                Finding::warning("no-user-boundary", path, message).hint(hint)
            }
        },
    )
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = match self {
            Self::ReadingRole(arn) | Self::ReadingUser(arn) => ("reader", arn),
            Self::Boundary(arn) => ("permissions_boundary", arn),
            Self::LogGroup(name) => ("log group", name),
            Self::Alias(name) => ("KMS alias", name),
            Self::Adapter(arn) => ("adapter", arn),
            Self::UserPolicy { user, .. } => ("policy of the user", user),
        };
        write!(formatter, "{kind} {name}")
    }
}
