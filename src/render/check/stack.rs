//! A rendered stack with everything that the rules ask about it: its template, its policies,
//! and the manifest's entries with the resources rendered from them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::statement::Statement;
use super::template::{Resource, Template};
use crate::model::{self, Model, tag_text};
use crate::render::document::DocumentKind;
use crate::render::resolve::Resolver;
use crate::render::resolve::{items, literal, target};
use crate::render::tree::Value;
use crate::render::{Rendered, Strategy};

/// An entry of the manifest and its secret in the template.
pub(super) struct Entry<'stack> {
    pub served: &'stack model::Entry,
    pub secret: Option<Resource<'stack>>,
}

impl Entry<'_> {
    /// Returns the strategy that rotates the entry.
    pub const fn strategy(&self) -> Strategy {
        Strategy::for_entry(self.served)
    }
}

/// A rendered stack with everything that the rules ask about it.
pub(super) struct Stack<'stack> {
    pub rendered: &'stack Rendered<'stack>,
    /// The text of the template.
    pub text: &'stack str,
    pub template: Template<'stack>,
    /// Every statement of every document.
    pub statements: Vec<Statement<'stack>>,
    pub entries: Vec<Entry<'stack>>,
    /// The ARNs that the manifest itself names.
    pub named: HashSet<Cow<'stack, str>>,
}

impl<'stack> Stack<'stack> {
    pub fn new(rendered: &'stack Rendered<'stack>, text: &'stack str) -> Self {
        let template = Template::new(&rendered.tree);
        let mut secrets: HashMap<&str, Resource<'_>> = HashMap::new();
        for secret in template.of_type("AWS::SecretsManager::Secret") {
            if let Some(name) = secret.text("Name") {
                secrets.insert(name, *secret);
            }
        }
        let entries = rendered.model.entries.iter().map(|entry| Entry {
            served: entry,
            secret: secrets.get(entry.secret.as_str()).copied(),
        });
        Self {
            entries: entries.collect(),
            statements: Statement::all(&rendered.documents),
            named: named(rendered.model),
            rendered,
            text,
            template,
        }
    }

    pub fn model(&self) -> &'stack Model {
        self.rendered.model
    }

    pub fn resolver(&self) -> &'stack Resolver {
        &self.rendered.resolver
    }

    /// Returns a value as CloudFormation would resolve it, or `None` if the value is unknown or
    /// is not a string.
    pub fn resolved(&self, value: &Value) -> Option<String> {
        match self.resolver().resolve(value).ok()? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the strategies of the stack's functions.
    pub fn strategies(&self) -> impl Iterator<Item = Strategy> + use<'stack> {
        Strategy::of(self.model())
    }

    /// Returns each function whose logical ID is the one that the rest of the stack refers to.
    pub fn functions(&self) -> impl Iterator<Item = (Strategy, &Resource<'stack>)> {
        self.strategies().filter_map(|strategy| {
            let function = self.template.resource(strategy.function())?;
            (function.kind == "AWS::Lambda::Function").then_some((strategy, function))
        })
    }

    /// Returns the Allow statements of documents of these kinds.
    pub fn allowing<'all>(
        &'all self,
        kinds: &'all [DocumentKind],
    ) -> impl Iterator<Item = &'all Statement<'stack>> {
        let all = self.statements.iter();
        all.filter(move |one| one.allows && kinds.contains(&one.document.kind))
    }

    /// Returns the statements of the policies that are attached to a function's role.
    pub fn role_statements<'all>(
        &'all self,
        strategy: Strategy,
    ) -> impl Iterator<Item = &'all Statement<'stack>> {
        let identity = self.allowing(&[DocumentKind::RoleInline, DocumentKind::Managed]);
        identity.filter(move |one| self.carries(strategy, &one.document.resource))
    }

    /// Returns whether a policy is attached to a function's role.
    pub fn carries(&self, strategy: Strategy, policy: &str) -> bool {
        let role = strategy.role();
        let Some(policy) = self.template.resource(policy) else {
            return false;
        };
        policy.id == role || holders(policy).any(|holder| holder == role)
    }
}

/// Returns the roles and users that a policy is attached to: their logical IDs, or their names
/// if the policy refers to them by name.
pub(super) fn holders<'tree>(policy: &Resource<'tree>) -> impl Iterator<Item = &'tree str> {
    let keys = ["RoleName", "Roles", "UserName", "Users"].into_iter();
    let policy = *policy;
    let values = keys.flat_map(move |key| items(policy.get(key)));
    values.filter_map(|value| target(value).or_else(|| literal(value)))
}

fn named(model: &Model) -> HashSet<Cow<'_, str>> {
    let named = named_as_they_are(model).into_iter().map(Cow::Borrowed);
    // A tag cannot contain every character of an administrator's ARN.
    let administrators = model.entries.iter().filter_map(model::Entry::administrator);
    let in_tags = administrators.map(|secret| Cow::Owned(tag_text(secret.as_str())));
    named.chain(in_tags).collect()
}

fn named_as_they_are(model: &Model) -> HashSet<&str> {
    use crate::model::{KmsKey, SecretReference};
    let mut named: HashSet<&str> = HashSet::new();
    named.extend(model.permissions_boundary.as_ref().map(|arn| arn.as_str()));
    let encrypt = model.encrypt.keys();
    named.extend(encrypt.filter_map(|(_, key)| key.existing().map(|arn| arn.as_str())));
    for entry in &model.entries {
        named.extend(entry.readers.iter().map(|arn| arn.as_str()));
        if let KmsKey::Existing(arn) = &entry.kms_key {
            named.insert(arn.as_str());
        }
        named.extend(entry.notify.iter().map(|target| target.arn.as_str()));
        let replicas = entry.replicas.iter();
        named.extend(
            replicas.filter_map(|replica| replica.kms_key.as_ref().map(|arn| arn.as_str())),
        );
        if let Some(SecretReference::Arn(arn)) = entry.administrator() {
            named.insert(arn.as_str());
        }
        if let Some(key) = entry.as_access_key() {
            named.extend(key.kind.probe.as_ref().map(|probe| probe.resource()));
        }
        if let Some(service) = entry.as_service() {
            named.extend(service.kind.adapter.function().map(|arn| arn.as_str()));
        }
    }
    named
}
