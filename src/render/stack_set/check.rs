//! What cannot work in a StackSet, and how each secret gets its first credential.

use serde::Serialize;

use crate::model::{
    Arn, Entry, Finding, InitialKey, InitialPassword, Kind, KmsKey, Model, SecretReference, Target,
};
use crate::render::Fleet;

/// The kind of the findings.
const KIND: &str = "stack-set";

/// How a secret gets its first credential, in each account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstCredential {
    /// The name of the secret.
    pub secret: String,
    /// `rotation` if a rotation creates it, `bootstrap` if someone runs `keyrota bootstrap`.
    pub by: &'static str,
    /// What happens, in words.
    pub how: String,
}

/// Returns how the secrets get their first credentials, in the order of the manifest.
pub(super) fn first_credentials(model: &Model) -> Vec<FirstCredential> {
    model.entries.iter().map(first_credential).collect()
}

fn first_credential(entry: &Entry) -> FirstCredential {
    let bootstrap = "keyrota bootstrap, in each account,";
    let (by, how) = match &entry.kind {
        Kind::AccessKey(_) if entry.is_first_rotated_by_stack_set() => (
            "rotation",
            "the first rotation creates it, as soon as the stack is deployed".to_owned(),
        ),
        Kind::AccessKey(_) if entry.has_first_key_by_rotation() => (
            "rotation",
            "the first rotation creates it, in the first window or with keyrota rotate".to_owned(),
        ),
        Kind::AccessKey(key) => (
            "bootstrap",
            match &key.initial_key {
                InitialKey::Create => format!("{bootstrap} creates it"),
                InitialKey::Profile(profile) => format!(
                    "{bootstrap} adopts the key of the profile `{profile}`, which must be that of the account's own user"
                ),
                InitialKey::Secret(secret) => format!(
                    "{bootstrap} adopts the key in the secret `{}`, which each account must have",
                    secret.as_str()
                ),
            },
        ),
        Kind::Database(database) => match &database.initial_password {
            InitialPassword::Set => (
                "rotation",
                "the administrator sets it in the first rotation, in the first window or with keyrota rotate".to_owned(),
            ),
            password => ("bootstrap", format!("{bootstrap} {}", stored(password))),
        },
        Kind::Service(service) => (
            "bootstrap",
            format!("{bootstrap} {}", stored(&service.initial_password)),
        ),
    };
    FirstCredential {
        secret: entry.secret.to_string(),
        by,
        how,
    }
}

/// Returns where `bootstrap` takes a first password from.
fn stored(password: &InitialPassword) -> String {
    match password {
        InitialPassword::Prompt | InitialPassword::Set => "asks for it".to_owned(),
        InitialPassword::Environment(variable) => {
            format!("reads it from the environment variable {variable}")
        }
        InitialPassword::Secret(secret) => format!(
            "reads it from the secret `{}`, which each account must have",
            secret.as_str()
        ),
    }
}

/// Returns everything that refuses a StackSet, and warnings.
pub(super) fn check(fleet: &Fleet) -> Vec<Finding> {
    let Some(model) = fleet.models().next() else {
        return Vec::new();
    };
    let mut found = check_manifest(fleet, model);
    if found.iter().any(Finding::is_error) {
        return found;
    }
    for target in &model.accounts {
        found.extend(check_target(model, target));
    }
    let is_one = is_one_stack(model);
    for entry in &model.entries {
        found.extend(check_entry(model, entry, is_one));
    }
    found.extend(check_settings(model, is_one));
    found
}

fn check_manifest(fleet: &Fleet, model: &Model) -> Vec<Finding> {
    let mut found = Vec::new();
    if model.accounts.is_empty() {
        let message = "a StackSet needs accounts, and the manifest lists none";
        let hint =
            "add `accounts: [{ ou: ou-ab12-cdef3456, regions: [eu-west-1] }]` to the manifest";
        found.push(Finding::error("missing", "accounts", message).hint(hint));
    }
    if let Some(account) = &model.account {
        let message = format!(
            "`account` limits the manifest to {account}, but a StackSet deploys to `accounts`"
        );
        let hint =
            "move `account` into an environment, and run this command without that environment";
        found.push(Finding::error("contradiction", "account", message).hint(hint));
    }
    if fleet.models().count() > 1 {
        let message = format!(
            "the entries are in {} stacks, but a StackSet deploys one template",
            fleet.models().count()
        );
        found.push(Finding::error("limit", "stack", message).hint("split the manifest"));
    }
    if let Some(bucket) = &model.function.artifact_bucket {
        let message = format!(
            "{bucket} is one bucket, but Lambda reads the code of each Region from a bucket in that Region"
        );
        let hint = "remove `artifact_bucket`; stack-set/artifact-bucket.yaml creates a bucket in each Region";
        found.push(refused("function.artifact_bucket", message).hint(hint));
    }
    found
}

fn check_target(model: &Model, target: &Target) -> Vec<Finding> {
    let regions = model.regions_of(target);
    let at = |finding: Finding| finding.at(target.line);
    if regions.is_empty() {
        let path = format!("{}.regions", target.place);
        let message = "no Region: neither the item nor the manifest has one";
        let finding = Finding::error("missing", path, message);
        return vec![at(finding.hint("add `regions: [eu-west-1]` to the item"))];
    }
    let mut found = Vec::new();
    if let Some(key) = model.access_keys().next()
        && regions.len() > 1
    {
        let message = format!(
            "IAM users are global, so the stacks in {} of one account would all rotate the keys of `{}`, and neither would leave room for the other",
            regions.join(" and "),
            key.kind.user
        );
        let finding = refused(target.place.clone(), message);
        found.push(at(finding.hint(
            "list one Region for each account; put databases for further Regions into a manifest of their own, or use `replicas`",
        )));
    }
    let partition = |model: &Model| {
        let all = model.accounts.iter().flat_map(|target| &target.regions);
        all.chain(&model.region)
            .next()
            .map(|region| region.partition())
    };
    let first = target.regions.first();
    if let (Some(own), Some(other)) = (first.map(|region| region.partition()), partition(model))
        && own != other
    {
        let message = format!(
            "its Regions are in the partition {own}, but others are in {other}, and an organization is in one partition"
        );
        found.push(at(Finding::error(
            "contradiction",
            target.place.clone(),
            message,
        )));
    }
    found
}

/// Returns whether the StackSet has one stack: an account in one Region.
fn is_one_stack(model: &Model) -> bool {
    match model.accounts.as_slice() {
        [target] => target.account().is_some() && model.regions_of(target).len() == 1,
        _ => false,
    }
}

fn check_entry(model: &Model, entry: &Entry, is_one: bool) -> Vec<Finding> {
    let at = |field: &str| format!("{}.{field}", entry.place);
    let mut found = Vec::new();
    if entry.adopt {
        let message = format!(
            "{} exists already, and a StackSet cannot import a secret into a stack",
            entry.secret
        );
        let hint = "use another name for the secret, and move its clients; or deploy this entry with `keyrota bootstrap` from a manifest of its own";
        found.push(refused(at("adopt"), message).hint(hint));
    }
    for target in &model.accounts {
        let regions = model.regions_of(target);
        let replica = entry
            .replicas
            .iter()
            .find(|replica| regions.contains(&replica.region.as_str()));
        if let Some(replica) = replica {
            let message = format!(
                "the replica in {} would have the name of the secret that a stack of {} creates there",
                replica.region, target.place
            );
            found.push(refused(at("replicas"), message));
            break;
        }
    }
    if is_one {
        return found;
    }
    if let KmsKey::Existing(arn) = &entry.kms_key {
        found.extend(regional(model, arn, at("kms_key")));
    }
    if let Some(SecretReference::Arn(arn)) = entry.administrator() {
        let message = format!(
            "{arn} is a secret of one account and Region, and each stack needs its own administrator"
        );
        let hint = "write the secret's name, which is looked up in each account and Region";
        found.push(refused(at("rotate_as"), message).hint(hint));
    }
    match &entry.kind {
        Kind::AccessKey(key) if !key.create_user => {
            let message = format!(
                "the IAM user `{}` must exist in each account before the stack is created there",
                key.user
            );
            found.push(warning(at("user"), message));
        }
        Kind::AccessKey(_) => {}
        Kind::Database(database) => {
            let message = format!(
                "each stack rotates the password of `{}` at {}; if the accounts share that server, each rotation breaks the other stacks' secrets",
                database.username,
                database.endpoint()
            );
            found.push(warning(at("host"), message));
        }
        Kind::Service(service) => {
            let message = format!(
                "each stack rotates the password of `{}` at {}; if that is one user for all accounts, each rotation breaks the other stacks' secrets",
                service.username,
                service.place()
            );
            found.push(warning(at("username"), message));
        }
    }
    found
}

/// Returns what is wrong with settings that belong to one account or Region.
fn check_settings(model: &Model, is_one: bool) -> Vec<Finding> {
    if is_one {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(arn) = &model.permissions_boundary
        && arn.parts()[3] != "aws"
    {
        let message = format!(
            "{arn} belongs to one account, and a permissions boundary must belong to the account of its role"
        );
        found.push(refused("permissions_boundary", message).hint("use a policy that AWS manages"));
    }
    if model.has_function_in_vpc() {
        let message = "subnets and security groups belong to one account and Region";
        let hint = "put these entries into a manifest of their own, with an environment for each account, and deploy it with `keyrota bootstrap`";
        found.push(refused("network", message).hint(hint));
    }
    for (field, key) in model.encrypt.keys() {
        if let Some(arn) = key.existing() {
            found.extend(regional(model, arn, format!("encrypt.{field}")));
        }
    }
    found
}

/// Refuses a KMS key that is not in the Region of each stack.
fn regional(model: &Model, arn: &Arn, path: String) -> Option<Finding> {
    let of = arn.parts()[2];
    let regions = super::target::regions(model);
    let elsewhere = regions.into_iter().find(|region| *region != of)?;
    let message = format!("the KMS key is in {of}, but a stack is in {elsewhere}");
    Some(refused(path, message).hint("write `create`, for a key in each account and Region"))
}

fn refused(path: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding::error(KIND, path, message)
}

fn warning(path: impl Into<String>, message: impl Into<String>) -> Finding {
    Finding::warning(KIND, path, message)
}
