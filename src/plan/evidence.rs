//! What proves that a resource belongs to a stack.
//!
//! Any principal that may write a secret can write its tags, labels, and value, so these prove
//! nothing. Only AWS itself writes two things: the list of a stack's resources in CloudFormation,
//! and tags whose keys begin with `aws:`.

use std::collections::BTreeMap;

use crate::port::{Stack, StackResource};

pub use crate::render::STACK_ID_TAG;

/// What is known about a stack, deployed or deleted.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The stack, or `None` if it is not deployed.
    stack: Option<&'a Stack>,
    resources: &'a [StackResource],
    /// The stack's name.
    name: &'a str,
    account: &'a str,
    region: &'a str,
}

impl<'a> Evidence<'a> {
    /// Returns what is known about the stack with a name. A stack that only awaits its first change
    /// set is not deployed.
    pub fn new(
        stack: Option<&'a Stack>,
        resources: &'a [StackResource],
        name: &'a str,
        account: &'a str,
        region: &'a str,
    ) -> Self {
        Self {
            stack: stack.filter(|stack| !stack.status.is_review()),
            resources,
            name,
            account,
            region,
        }
    }

    /// Returns whether the stack is deployed, in any state.
    pub const fn is_deployed(&self) -> bool {
        self.stack.is_some()
    }

    /// Returns whether the stack currently contains a secret.
    pub fn lists_secret(&self, arn: &str) -> bool {
        let same = |resource: &StackResource| {
            resource.kind == "AWS::SecretsManager::Secret" && resource.physical_id == arn
        };
        self.made().any(same)
    }

    /// Returns whether the stack created a secret. If no stack is deployed, returns whether an
    /// earlier stack of this name, in this account and Region, created it.
    pub fn made_secret(&self, arn: &str, tags: &BTreeMap<String, String>) -> bool {
        self.lists_secret(arn) || self.is_tagged(tags)
    }

    /// Returns whether a stack of this name, in this account and Region, created a secret, whether
    /// or not that stack still exists.
    pub fn is_of_earlier_stack(&self, tags: &BTreeMap<String, String>) -> bool {
        let id = tags.get(STACK_ID_TAG);
        id.is_some_and(|id| self.is_of_this_name(id))
    }

    /// Returns the KMS keys that the stack lists, by ID or ARN.
    pub fn listed_keys(&self) -> impl Iterator<Item = &'a str> {
        let keys = self
            .made()
            .filter(|resource| resource.kind == "AWS::KMS::Key");
        keys.map(|resource| resource.physical_id.as_str())
    }

    /// Returns whether the stack lists a KMS key.
    pub fn lists_key(&self, id: &str) -> bool {
        self.listed_keys().any(|listed| same_key(listed, id))
    }

    /// A resource whose creation failed may have the name of someone else's resource.
    fn made(&self) -> impl Iterator<Item = &'a StackResource> {
        let is_made = |resource: &&StackResource| {
            !resource.physical_id.is_empty() && !resource.status.starts_with("CREATE_F")
        };
        self.resources.iter().filter(is_made)
    }

    fn is_tagged(&self, tags: &BTreeMap<String, String>) -> bool {
        let Some(id) = tags.get(STACK_ID_TAG) else {
            return false;
        };
        match self.stack {
            Some(stack) => *id == stack.id,
            None => self.is_of_this_name(id),
        }
    }

    /// Returns whether a stack's ID has this name, account, and Region.
    fn is_of_this_name(&self, id: &str) -> bool {
        let fields: Vec<&str> = id.splitn(6, ':').collect();
        let ["arn", _, "cloudformation", region, account, resource] = fields[..] else {
            return false;
        };
        let parts: Vec<&str> = resource.split('/').collect();
        region == self.region
            && account == self.account
            && matches!(parts[..], ["stack", name, _] if name == self.name)
    }
}

/// Returns whether two identifiers of a KMS key, each an ID or an ARN, name the same key.
pub fn same_key(one: &str, other: &str) -> bool {
    let id = |arn: &str| arn.split_once(":key/").map(|(_, id)| id.to_owned());
    one == other || id(one).as_deref() == Some(other) || id(other).as_deref() == Some(one)
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample::{resource, stack, tags};
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:keys/ada-AbCdEf";
    const ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/keys/1";

    fn evidence<'a>(stack: Option<&'a Stack>, resources: &'a [StackResource]) -> Evidence<'a> {
        Evidence::new(stack, resources, "keys", "111122223333", "eu-west-1")
    }

    #[test]
    fn the_stacks_own_list_proves_and_a_name_in_it_does_not() {
        let stack = stack("CREATE_COMPLETE");
        let mut listed = [resource("AWS::SecretsManager::Secret", ARN)];
        let none = BTreeMap::new();
        assert!(evidence(Some(&stack), &listed).made_secret(ARN, &none));
        let other = ARN.replace("AbCdEf", "GhIjKl");
        assert!(!evidence(Some(&stack), &listed).made_secret(&other, &none));
        listed[0].status = "CREATE_FAILED".to_owned();
        assert!(!evidence(Some(&stack), &listed).made_secret(ARN, &none));
        listed[0].physical_id = "keys/ada".to_owned();
        listed[0].status = "CREATE_COMPLETE".to_owned();
        assert!(!evidence(Some(&stack), &listed).made_secret(ARN, &none));
    }

    #[test]
    fn the_tag_of_aws_proves_and_keyrotas_does_not() {
        let stack = stack("CREATE_COMPLETE");
        let made = |deployed: bool, id: &str| {
            let held = tags(&[(STACK_ID_TAG, id)]);
            evidence(deployed.then_some(&stack), &[]).made_secret(ARN, &held)
        };
        assert!(made(true, ID));
        assert!(made(false, ID));
        // This is the ID of an earlier stack of the same name, which is not the deployed one.
        assert!(!made(true, &ID.replace("keys/1", "keys/0")));
        assert!(made(false, &ID.replace("keys/1", "keys/0")));
        for (part, other) in [
            ("keys/1", "keys2/1"),
            ("111122223333", "444455556666"),
            ("eu-west-1", "eu-west-2"),
            ("cloudformation", "other"),
            ("stack/keys/1", "stack/keys"),
            ("stack/keys/1", "stack/other/keys/1"),
            ("stack/keys/1", "changeSet/keys/1"),
        ] {
            assert!(!made(false, &ID.replace(part, other)), "{other}");
            assert!(!made(true, &ID.replace(part, other)), "{other}");
        }
        let ours = tags(&[("keyrota:stack", "keys")]);
        assert!(!evidence(Some(&stack), &[]).made_secret(ARN, &ours));
        let review = super::super::tests::sample::stack("REVIEW_IN_PROGRESS");
        assert!(!evidence(Some(&review), &[]).is_deployed());
    }

    #[test]
    fn a_kms_key_is_the_same_by_id_and_by_arn() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234";
        assert!(same_key(arn, "1234") && same_key("1234", arn) && same_key(arn, arn));
        assert!(!same_key(arn, "5678"));
        assert!(!same_key(
            arn,
            "arn:aws:kms:eu-west-1:444455556666:key/1234"
        ));
        let listed = [resource("AWS::KMS::Key", "1234")];
        let stack = stack("CREATE_COMPLETE");
        let evidence = evidence(Some(&stack), &listed);
        assert!(evidence.lists_key(arn));
        assert!(!evidence.lists_key("5678"));
    }
}
