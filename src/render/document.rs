//! The policy documents of a rendered stack. They are read from the stack itself, so the
//! reviewed documents cannot differ from the deployed ones.

use std::borrow::Cow;
use std::sync::Arc;

use super::resolve::{self, ResolveError, Resolver};
use super::statement::{self, Statement, UnknownEffect};
use super::tree::Value;
use super::{Strategy, name, policy};

/// A policy document with resolved references.
pub struct Document {
    /// A file name without its extension.
    pub name: String,
    /// The logical ID of the resource that contains it.
    pub resource: String,
    /// The resource that it is attached to, if it is another one: the role by its logical ID,
    /// or the user by its name.
    pub holder: Option<String>,
    /// What it is attached to, which determines its limit.
    pub kind: DocumentKind,
    /// The document. Equal documents share one value.
    pub body: Arc<Value>,
    /// The statements of the document. Equal documents share them too.
    pub statements: Arc<[Statement]>,
}

/// Why the documents of a stack cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A reference has no target.
    #[error(transparent)]
    Reference(#[from] ResolveError),
    /// The effect of a statement is neither Allow nor Deny.
    #[error("{place}: {error}")]
    Effect {
        /// The place of the statement.
        place: String,
        /// The effect.
        error: UnknownEffect,
    },
}

/// The length of a policy document.
pub struct Size {
    /// The logical ID of the resource that contains it.
    pub resource: String,
    /// What it is attached to, which determines its limit.
    pub kind: DocumentKind,
    /// The length without white space, as IAM counts it.
    pub size: usize,
}

/// What a document is attached to, which determines its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// An inline policy of a function's role.
    RoleInline,
    /// A managed policy.
    Managed,
    /// A user's inline policy.
    UserInline,
    /// A trust policy of a role.
    Trust,
    /// A key policy of a KMS key.
    Key,
    /// A secret's resource policy.
    Secret,
    /// A topic's policy.
    Topic,
    /// A function's resource policy.
    Function,
    /// A policy of a resource type that only overlay templates use.
    Other,
}

impl DocumentKind {
    /// Returns the property of the resource that contains such a document.
    const fn property(self) -> &'static str {
        match self {
            Self::Trust => "AssumeRolePolicyDocument",
            Self::Key => "KeyPolicy",
            Self::Secret => "ResourcePolicy",
            _ => "PolicyDocument",
        }
    }

    /// Returns the place of the statement with this index, for a finding about the resource.
    pub fn place(self, resource: &str, index: usize) -> String {
        format!("{resource}.{}.Statement[{index}]", self.property())
    }
}

/// A policy document as it is written in the stack.
struct StackDocument<'tree> {
    kind: DocumentKind,
    resource: &'tree str,
    /// The document of the resource, or `None` if several resources form the document.
    properties: Option<&'tree Value>,
    name: NameSource<'tree>,
    body: Cow<'tree, Value>,
}

/// The source of the document's file name.
enum NameSource<'tree> {
    Resource,
    /// The resource, and the role of its document.
    With(String),
    User(Option<&'tree Value>),
    Secret(Option<&'tree Value>),
}

/// Returns every policy document of the stack.
///
/// # Errors
///
/// Returns a reference without a target, or a statement that neither allows nor denies.
pub fn documents(stack: &Value, resolver: &Resolver) -> Result<Vec<Document>, DocumentError> {
    let mut documents: Vec<Document> = Vec::new();
    let mut last: Option<Cow<'_, Value>> = None;
    for one in stack_documents(stack) {
        let text = |value: Option<&Value>| -> Result<String, ResolveError> {
            let value = value.map(|value| resolver.resolve(value)).transpose()?;
            Ok(value.and_then(Value::into_text).unwrap_or_default())
        };
        let name = match one.name {
            NameSource::Resource => kebab(one.resource),
            NameSource::With(what) => format!("{}-{what}", kebab(one.resource)),
            // Every user of the stack has the same policy, so one file shows it.
            NameSource::User(name) => user_file(&text(name)?),
            NameSource::Secret(arn) => secret_file(&text(arn)?),
        };
        let holder = match (one.kind, one.properties) {
            (DocumentKind::UserInline, Some(properties)) => text(properties.get("UserName"))
                .ok()
                .filter(|name| !name.is_empty()),
            (DocumentKind::RoleInline | DocumentKind::Managed, Some(properties)) => {
                role_of(properties)
            }
            _ => None,
        };
        // Most users' policies are equal.
        let same = documents
            .last()
            .filter(|_| last.as_ref() == Some(&one.body));
        let (body, statements) = match same {
            Some(same) => (Arc::clone(&same.body), Arc::clone(&same.statements)),
            None => {
                let body = resolver.resolve(&one.body)?;
                let statements = statements(&body, one.kind, one.resource)?;
                (Arc::new(body), statements)
            }
        };
        last = Some(one.body);
        documents.push(Document {
            name,
            resource: one.resource.to_owned(),
            holder,
            kind: one.kind,
            body,
            statements,
        });
    }
    Ok(documents)
}

fn statements(
    body: &Value,
    kind: DocumentKind,
    resource: &str,
) -> Result<Arc<[Statement]>, DocumentError> {
    let values = statement::values(body).iter().enumerate();
    let read = values.map(|(index, value)| {
        statement::read(value).map_err(|error| DocumentError::Effect {
            place: kind.place(resource, index),
            error,
        })
    });
    read.collect()
}

/// Returns the length of each policy document.
///
/// # Errors
///
/// Returns a reference without a target.
pub fn sizes(stack: &Value, resolver: &Resolver) -> Result<Vec<Size>, ResolveError> {
    let mut sizes: Vec<Size> = Vec::new();
    let mut last: Option<Cow<'_, Value>> = None;
    for one in stack_documents(stack) {
        let size = match sizes.last().filter(|_| last.as_ref() == Some(&one.body)) {
            Some(same) => same.size,
            None => policy::length(&resolver.resolve(&one.body)?),
        };
        last = Some(one.body);
        sizes.push(Size {
            resource: one.resource.to_owned(),
            kind: one.kind,
            size,
        });
    }
    Ok(sizes)
}

fn stack_documents(stack: &Value) -> Vec<StackDocument<'_>> {
    let mut documents = Vec::new();
    let mut functions: [(bool, Vec<Value>); 2] = Default::default();
    for (id, resource) in resolve::resources(stack) {
        for (strategy, function) in Strategy::ALL.into_iter().zip(&mut functions) {
            function.0 |= id == strategy.function();
        }
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        documents.extend(inline(id, resource, properties));
        let (kind, name, key) = match resolve::type_of(resource) {
            "AWS::IAM::Role" => (
                DocumentKind::Trust,
                NameSource::With("trust".to_owned()),
                "AssumeRolePolicyDocument",
            ),
            "AWS::IAM::RolePolicy" => (
                DocumentKind::RoleInline,
                NameSource::Resource,
                "PolicyDocument",
            ),
            "AWS::IAM::ManagedPolicy" => (
                DocumentKind::Managed,
                NameSource::Resource,
                "PolicyDocument",
            ),
            "AWS::IAM::UserPolicy" => (
                DocumentKind::UserInline,
                NameSource::User(properties.get("PolicyName")),
                "PolicyDocument",
            ),
            "AWS::KMS::Key" => (DocumentKind::Key, NameSource::Resource, "KeyPolicy"),
            "AWS::SecretsManager::ResourcePolicy" => (
                DocumentKind::Secret,
                NameSource::Secret(properties.get("SecretId")),
                "ResourcePolicy",
            ),
            "AWS::SNS::TopicPolicy" => {
                (DocumentKind::Topic, NameSource::Resource, "PolicyDocument")
            }
            "AWS::Lambda::Permission" => {
                let databases = Strategy::Databases.function();
                let mine = target(properties.get("FunctionName")) == Some(databases);
                let (there, permissions) = &mut functions[usize::from(mine)];
                *there = true;
                permissions.push(permission(id, properties));
                continue;
            }
            "AWS::IAM::Policy" if properties.get("Roles").is_some() => (
                DocumentKind::RoleInline,
                NameSource::Resource,
                "PolicyDocument",
            ),
            "AWS::IAM::Policy" => (
                DocumentKind::UserInline,
                NameSource::Resource,
                "PolicyDocument",
            ),
            _ => match POLICIES.iter().find(|key| properties.get(**key).is_some()) {
                Some(key) => (DocumentKind::Other, NameSource::Resource, *key),
                None => continue,
            },
        };
        documents.push(StackDocument {
            kind,
            resource: id,
            properties: Some(properties),
            name,
            body: borrowed(properties.get(key)),
        });
    }
    for (strategy, (there, permissions)) in Strategy::ALL.into_iter().zip(functions) {
        if there {
            documents.push(StackDocument {
                kind: DocumentKind::Function,
                resource: strategy.function(),
                properties: None,
                name: NameSource::Resource,
                body: Cow::Owned(mapping(vec![
                    ("Version", "2012-10-17".into()),
                    ("Statement", Value::Sequence(permissions)),
                ])),
            });
        }
    }
    documents
}

fn borrowed(value: Option<&Value>) -> Cow<'_, Value> {
    value.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
}

/// Returns the logical ID of the role that a policy is attached to.
fn role_of(policy: &Value) -> Option<String> {
    let roles = policy.get("RoleName").or_else(|| policy.get("Roles"))?;
    match roles.get(0).unwrap_or(roles) {
        Value::Tagged(reference) => reference.value.as_str().map(str::to_owned),
        _ => None,
    }
}

/// Returns the logical ID that a value refers to if it is `!Ref` or `!GetAtt`.
fn target(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::Tagged(tagged) => tagged.value.as_str()?.split('.').next(),
        _ => None,
    }
}

/// The properties that contain a policy, for resource types that only overlay templates use.
const POLICIES: [&str; 3] = ["PolicyDocument", "ResourcePolicy", "KeyPolicy"];

/// Returns the policies that are defined inside a role or user. The built-in templates define
/// them as separate resources, but overlay templates may differ.
fn inline<'tree>(
    id: &'tree str,
    resource: &Value,
    properties: &'tree Value,
) -> impl Iterator<Item = StackDocument<'tree>> {
    let kind = match resolve::type_of(resource) {
        "AWS::IAM::Role" => Some(DocumentKind::RoleInline),
        "AWS::IAM::User" => Some(DocumentKind::UserInline),
        _ => None,
    };
    let policies = properties.get("Policies").and_then(Value::as_sequence);
    let policies = policies.into_iter().flatten().enumerate();
    kind.into_iter().flat_map(move |kind| {
        policies.clone().map(move |(index, policy)| StackDocument {
            kind,
            resource: id,
            properties: Some(properties),
            name: NameSource::With(format!("inline-{}", index + 1)),
            body: borrowed(policy.get("PolicyDocument")),
        })
    })
}

/// Converts a name such as `FunctionRoleLog` into `function-role-log`.
pub(super) fn kebab(id: &str) -> String {
    let mut name = String::new();
    for one in id.chars() {
        if one.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(one.to_ascii_lowercase());
    }
    name
}

/// Converts a name such as `keyrota-ManageOwnAccessKeys` into `user-manage-own-access-keys`.
fn user_file(policy: &str) -> String {
    let policy = policy.strip_prefix("keyrota-").unwrap_or(policy);
    format!("user-{}", kebab(policy))
}

/// Returns a file name for a secret. A file name cannot contain slashes or 512 characters, and
/// some file systems ignore case, so a hash makes it unique.
fn secret_file(arn: &str) -> String {
    let name = arn.split_once(":secret:").map_or(arn, |(_, name)| name);
    let name = name.strip_suffix("-??????").unwrap_or(name);
    let readable: String = name.replace('/', "-").chars().take(100).collect();
    format!("secret-{readable}-{}", name::digest(name))
}

/// Returns the statement that Lambda adds to the function's policy for a permission.
fn permission(id: &str, properties: &Value) -> Value {
    let get = |key: &str| properties.get(key).cloned().unwrap_or_default();
    let source = match properties.get("SourceArn") {
        Some(arn) => ("ArnLike", mapping(vec![("AWS:SourceArn", arn.clone())])),
        None => (
            "StringEquals",
            mapping(vec![("AWS:SourceAccount", get("SourceAccount"))]),
        ),
    };
    mapping(vec![
        ("Sid", id.into()),
        ("Effect", "Allow".into()),
        ("Principal", mapping(vec![("Service", get("Principal"))])),
        ("Action", get("Action")),
        ("Resource", get("FunctionName")),
        ("Condition", mapping(vec![source])),
    ])
}

/// Returns a mapping with these keys, which must be distinct.
pub(super) fn mapping(entries: Vec<(&str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Mapping(entries.map(|(key, value)| (key.into(), value)).collect())
}
