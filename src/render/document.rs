//! The policy documents of a rendered stack. They are read from the stack itself, so the
//! reviewed documents cannot differ from the deployed ones.

use std::sync::Arc;

use super::resolve::{self, ResolveError, Resolver, items, target};
use super::statement::{self, Statement, UnknownEffect};
use super::tree::Value;
use super::{Strategy, arn, name, policy};

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
    /// The maximum length without white space, as IAM counts it.
    pub size: usize,
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

/// Collects the documents of a stack.
struct Reader<'a> {
    resolver: &'a Resolver,
    longest: &'a Resolver,
    documents: Vec<Document>,
    /// The last document, as it is written in the stack.
    last: Option<&'a Value>,
}

impl<'a> Reader<'a> {
    fn add(
        &mut self,
        kind: DocumentKind,
        resource: &str,
        name: String,
        holder: Option<String>,
        written: Option<&'a Value>,
    ) -> Result<(), DocumentError> {
        let written = written.unwrap_or(NOTHING);
        // Most users' policies are equal.
        let same = self.documents.last();
        let same = same.filter(|_| self.last == Some(written));
        let (body, size, statements) = match same {
            Some(same) => (
                Arc::clone(&same.body),
                same.size,
                Arc::clone(&same.statements),
            ),
            None => {
                let body = self.resolver.resolve(written)?;
                let size = policy::length(&self.longest.resolve(written)?);
                let statements = statements(&body, kind, resource)?;
                (Arc::new(body), size, statements)
            }
        };
        self.last = Some(written);
        self.documents.push(Document {
            name,
            resource: resource.to_owned(),
            holder,
            kind,
            body,
            size,
            statements,
        });
        Ok(())
    }

    /// Adds the documents of a resource.
    fn add_all(
        &mut self,
        id: &str,
        kind: &str,
        properties: &'a Value,
    ) -> Result<(), DocumentError> {
        let text = |key: &str| -> Result<String, ResolveError> {
            let value = properties
                .get(key)
                .map(|value| self.resolver.resolve(value));
            let value = value.transpose()?;
            Ok(value.and_then(Value::into_text).unwrap_or_default())
        };
        let user = text("UserName").ok().filter(|name| !name.is_empty());
        let role = role_of(properties);
        // The built-in templates define policies as separate resources, but overlay templates
        // may define them inside a role or user.
        let inline = match kind {
            "AWS::IAM::Role" => Some((DocumentKind::RoleInline, role.clone())),
            "AWS::IAM::User" => Some((DocumentKind::UserInline, user.clone())),
            _ => None,
        };
        let policies = items(properties.get("Policies").filter(|_| inline.is_some()));
        for (index, policy) in policies.enumerate() {
            if let Some((kind, holder)) = inline.clone() {
                let name = format!("{}-inline-{}", kebab(id), index + 1);
                self.add(kind, id, name, holder, policy.get("PolicyDocument"))?;
            }
        }
        let attached_to_role = properties.get("Roles").is_some();
        let (kind, name, holder) = match kind {
            "AWS::IAM::Role" => (DocumentKind::Trust, format!("{}-trust", kebab(id)), None),
            "AWS::IAM::RolePolicy" => (DocumentKind::RoleInline, kebab(id), role),
            "AWS::IAM::Policy" if attached_to_role => (DocumentKind::RoleInline, kebab(id), role),
            "AWS::IAM::Policy" => (DocumentKind::UserInline, kebab(id), user),
            "AWS::IAM::ManagedPolicy" => (DocumentKind::Managed, kebab(id), role),
            "AWS::IAM::UserPolicy" => {
                let policy = text("PolicyName")?;
                let name = match policy.as_str() {
                    // Each contains the ARN of the user's secret.
                    name::OWN_SECRET_POLICY => kebab(id),
                    // Every user of the stack has the same policy, so one file shows it.
                    _ => user_file(&policy),
                };
                (DocumentKind::UserInline, name, user)
            }
            "AWS::KMS::Key" => (DocumentKind::Key, kebab(id), None),
            "AWS::SecretsManager::ResourcePolicy" => {
                (DocumentKind::Secret, secret_file(&text("SecretId")?), None)
            }
            "AWS::SNS::TopicPolicy" => (DocumentKind::Topic, kebab(id), None),
            _ => {
                let found = POLICIES.iter().find_map(|key| properties.get(key));
                return match found {
                    Some(body) => self.add(DocumentKind::Other, id, kebab(id), None, Some(body)),
                    None => Ok(()),
                };
            }
        };
        self.add(kind, id, name, holder, properties.get(kind.property()))
    }
}

/// What a resource without its document contains.
const NOTHING: &Value = &Value::Null;

/// Returns every policy document of the stack. `longest` has the longest values that references
/// can have.
///
/// # Errors
///
/// Returns a reference without a target, or a statement that neither allows nor denies.
pub fn documents(
    stack: &Value,
    resolver: &Resolver,
    longest: &Resolver,
) -> Result<Vec<Document>, DocumentError> {
    let functions = Strategy::ALL.map(|strategy| (strategy, function_policy(stack, strategy)));
    let mut reader = Reader {
        resolver,
        longest,
        documents: Vec::new(),
        last: None,
    };
    for (id, resource) in resolve::resources(stack) {
        let kind = resolve::type_of(resource);
        if let Some(properties) = resource.get("Properties")
            && kind != PERMISSION
        {
            reader.add_all(id, kind, properties)?;
        }
    }
    // The policy of a function outside of the stack gets a statement for each permission.
    let foreign: Vec<(&str, Value)> = resolve::resources(stack)
        .filter(|(_, resource)| resolve::type_of(resource) == PERMISSION)
        .filter_map(|(id, resource)| Some((id, resource.get("Properties")?)))
        .filter(|(_, properties)| is_foreign(properties))
        .map(|(id, properties)| (id, policy_of(vec![permission(id, properties)])))
        .collect();
    for (id, policy) in &foreign {
        reader.add(DocumentKind::Other, id, kebab(id), None, Some(policy))?;
    }
    for (strategy, policy) in &functions {
        let id = strategy.function();
        if policy.is_some() {
            reader.add(DocumentKind::Function, id, kebab(id), None, policy.as_ref())?;
        }
    }
    Ok(reader.documents)
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

const PERMISSION: &str = "AWS::Lambda::Permission";

/// Returns the resource policy of a function, which its permissions form, if the stack has the
/// function or a permission on it.
fn function_policy(stack: &Value, strategy: Strategy) -> Option<Value> {
    let id = strategy.function();
    let permissions = resolve::resources(stack).filter_map(|(id, resource)| {
        let properties = resource.get("Properties")?;
        let function = properties.get("FunctionName").and_then(target);
        let named = |one: &Strategy| function == Some(one.function());
        // A permission on another function is shown with those of the first one.
        let of = Strategy::ALL.into_iter().find(named);
        let mine = of.unwrap_or(Strategy::AccessKeys) == strategy && !is_foreign(properties);
        (mine && resolve::type_of(resource) == PERMISSION).then(|| permission(id, properties))
    });
    let permissions: Vec<Value> = permissions.collect();
    let there = !permissions.is_empty() || resolve::resources(stack).any(|(one, _)| one == id);
    there.then(|| policy_of(permissions))
}

/// Returns whether a permission is one on a function outside of the stack, by its ARN.
fn is_foreign(permission: &Value) -> bool {
    let function = permission.get("FunctionName").and_then(Value::as_str);
    function.is_some_and(|name| name.starts_with("arn:"))
}

fn policy_of(statements: Vec<Value>) -> Value {
    mapping(vec![
        ("Version", "2012-10-17".into()),
        ("Statement", Value::Sequence(statements)),
    ])
}

/// Returns the logical ID of the role that a policy is attached to.
fn role_of(policy: &Value) -> Option<String> {
    let roles = policy.get("RoleName").or_else(|| policy.get("Roles"));
    Some(target(items(roles).next()?)?.to_owned())
}

/// The properties that contain a policy, for resource types that only overlay templates use.
const POLICIES: [&str; 3] = ["PolicyDocument", "ResourcePolicy", "KeyPolicy"];

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
    let name = arn::secret_name(arn);
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
