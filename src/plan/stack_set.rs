//! Stacks that a StackSet has created.

use serde::Serialize;
use uuid::Uuid;

use crate::model::{Model, StackName};
use crate::port::Secret;
use crate::render::{STACK_ID_TAG, STACK_SET_PREFIX};

pub use crate::port::{CallAs, StackSetInstance};

/// The stacks of a StackSet, as its administrator sees them. The administrator's account cannot read
/// the secrets of the others, so this says nothing about their credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSetReport {
    /// The name of the StackSet.
    pub name: String,
    /// The stacks, by account and Region.
    pub instances: Vec<StackSetInstance>,
    /// The accounts and Regions of the manifest that have no stack.
    pub missing: Vec<MissingStack>,
    /// The secrets of each stack whose first credentials `keyrota bootstrap` stores, so that they may
    /// wait for it.
    pub awaiting_bootstrap: Vec<String>,
}

/// An account of the manifest without a stack in a Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingStack {
    /// The account.
    pub account: String,
    /// The Region, or `None` if the manifest has none for the account, and it has no stack anywhere.
    pub region: Option<String>,
}

impl StackSetReport {
    /// Returns the report of the StackSet of a manifest.
    pub fn of(model: &Model, instances: Vec<StackSetInstance>) -> Self {
        let has_stack = |account: &str, region: Option<&str>| {
            let mut instances = instances.iter().filter(|one| one.account == account);
            instances.any(|one| region.is_none_or(|region| one.region == region))
        };
        let mut missing = Vec::new();
        for target in &model.accounts {
            // Nobody but CloudFormation knows the accounts of a unit.
            let Some(account) = target.account() else {
                continue;
            };
            let mut regions: Vec<_> = model.regions_of(target).into_iter().map(Some).collect();
            if regions.is_empty() {
                regions.push(None);
            }
            regions.retain(|region| !has_stack(account.as_str(), *region));
            missing.extend(regions.into_iter().map(|region| MissingStack {
                account: account.to_string(),
                region: region.map(str::to_owned),
            }));
        }
        let entries = model.entries.iter();
        let waiting = entries.filter(|entry| !entry.has_first_credential_by_rotation());
        Self {
            name: model.stack.to_string(),
            missing,
            awaiting_bootstrap: waiting.map(|entry| entry.secret.to_string()).collect(),
            instances,
        }
    }

    /// Returns whether each stack has the current template, and each account of the manifest has one.
    pub fn is_fine(&self) -> bool {
        let mut instances = self.instances.iter();
        let fine = instances.all(|one| one.status == "CURRENT");
        fine && self.missing.is_empty() && !self.instances.is_empty()
    }
}

/// Returns the name of the stack of a StackSet that has created a secret, if one has. Only AWS writes
/// the tag that says so.
fn stack_set_stack(secret: &Secret) -> Option<&str> {
    let id = secret.tags.get(STACK_ID_TAG)?;
    let (_, resource) = id.rsplit_once(":stack/")?;
    let name = resource.split('/').next()?;
    name.starts_with(STACK_SET_PREFIX).then_some(name)
}

/// Returns the name of the stack that the StackSet of this name has created with a secret.
pub fn stack_of_stack_set(secret: &Secret, stack_set: &StackName) -> Option<String> {
    let name = stack_set_stack(secret)?;
    let rest = name.strip_prefix(STACK_SET_PREFIX)?;
    // The StackSet `keys-of-sales` is not the StackSet `keys`.
    let id = rest.strip_prefix(stack_set.as_str())?.strip_prefix('-')?;
    Uuid::try_parse(id).is_ok().then(|| name.to_owned())
}

/// Returns whether a StackSet has created a secret.
pub fn is_of_stack_set(secret: &Secret) -> bool {
    stack_set_stack(secret).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(tags: &[(&str, &str)]) -> Secret {
        let tags = tags.iter();
        let tags = tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Secret {
            tags: tags.collect(),
            ..Secret::default()
        }
    }

    fn found(stack: &str) -> Option<String> {
        let id = format!("arn:aws:cloudformation:eu-west-1:111122223333:stack/{stack}/0a1b2c3d");
        let secret = secret(&[(STACK_ID_TAG, &id)]);
        stack_of_stack_set(&secret, &StackName::parse("keys").unwrap())
    }

    #[test]
    fn an_account_or_a_region_without_a_stack_is_missing() {
        let text = "version: 1\nstack: keys\naccounts: [{ id: \"111122223333\" }, { id: \"444455556666\", regions: [us-east-1, eu-west-1] }, { ou: r-ab12 }]\naccess_keys: [{ user: ada }, { user: bob, create_user: true, rotate_as: role }]";
        let model = crate::model::load(text, None).unwrap().model;
        let instance = |account: &str, status: &str| StackSetInstance {
            account: account.to_owned(),
            region: "eu-west-1".to_owned(),
            status: status.to_owned(),
            ..StackSetInstance::default()
        };
        let report = StackSetReport::of(&model, vec![instance("111122223333", "CURRENT")]);
        let missing = |region: &str| MissingStack {
            account: "444455556666".to_owned(),
            region: Some(region.to_owned()),
        };
        assert_eq!(report.missing, [missing("eu-west-1"), missing("us-east-1")]);
        assert_eq!(report.awaiting_bootstrap, ["keys/ada"]);
        assert!(!report.is_fine());
        let both = ["111122223333", "444455556666"];
        let report = |status| {
            let mut instances = both.map(|it| instance(it, status)).to_vec();
            let without_a_region = StackSetReport::of(&model, instances.clone());
            assert_eq!(without_a_region.missing, [missing("us-east-1")]);
            assert!(!without_a_region.is_fine());
            let mut another = instance("444455556666", status);
            another.region = "us-east-1".to_owned();
            instances.push(another);
            StackSetReport::of(&model, instances)
        };
        assert!(report("CURRENT").is_fine());
        assert!(!report("OUTDATED").is_fine());
        assert!(!StackSetReport::of(&model, Vec::new()).is_fine());
    }

    #[test]
    fn a_stack_of_the_stack_set_is_found_by_the_tag_that_aws_writes() {
        let name = "StackSet-keys-1c8a2c4d-0000-4000-8000-00000000abcd";
        assert_eq!(found(name).as_deref(), Some(name));
        for other in [
            "keys",
            "StackSet-keys",
            "StackSet-keys-1c8a",
            "StackSet-keysmith-1c8a2c4d-0000-4000-8000-00000000abcd",
            "StackSet-keys-of-sales-1c8a2c4d-0000-4000-8000-00000000abcd",
            "StackSet-other-keys-1c8a2c4d-0000-4000-8000-00000000abcd",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
        let tagged = secret(&[("keyrota:stack", "StackSet-keys-1c8a")]);
        assert!(!is_of_stack_set(&tagged));
    }
}
