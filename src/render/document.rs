//! The policy documents of a rendered stack. They are read from the stack
//! itself, so that what is reviewed cannot differ from what is deployed.

use std::io;

use serde::Serialize;

use super::resolve::{self, ResolveError, World};
use super::tree::Value;
use super::{Strategy, name};

/// A policy document, resolved.
pub struct Document {
    /// A file name without its extension.
    pub name: String,
    /// The logical ID of the resource that carries it.
    pub resource: String,
    /// What AWS holds it to.
    pub kind: Kind,
    /// The document.
    pub body: Value,
}

/// Where a document is attached, which decides its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One of the function's role's inline policies.
    RoleInline,
    /// A managed policy.
    Managed,
    /// A user's inline policy.
    UserInline,
    /// Who may assume the role.
    Trust,
    /// A KMS key's policy.
    Key,
    /// A secret's resource policy.
    Secret,
    /// A topic's policy.
    Topic,
    /// A function's resource policy.
    Function,
    /// A policy of a type that ours have none of; own templates may.
    Other,
}

impl Document {
    /// Returns the length without white space, as IAM counts.
    pub fn size(&self) -> usize {
        length(&self.body)
    }
}

/// Returns every policy document of the stack.
///
/// # Errors
///
/// Returns a reference that points nowhere.
pub fn documents(stack: &Value, world: &World) -> Result<Vec<Document>, ResolveError> {
    let mut documents = Vec::new();
    let mut permissions: [Vec<Value>; 2] = Default::default();
    for (id, resource) in resolve::resources(stack) {
        let Some(properties) = resource.get("Properties") else {
            continue;
        };
        documents.extend(inline(id, resource, properties, world)?);
        let text = |key: &str| -> Result<String, ResolveError> {
            let value = properties
                .get(key)
                .map(|value| world.resolve(value))
                .transpose()?;
            Ok(value
                .as_ref()
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned())
        };
        let (kind, name, key) = match resolve::type_of(resource) {
            "AWS::IAM::Role" => (
                Kind::Trust,
                format!("{}-trust", kebab(id)),
                "AssumeRolePolicyDocument",
            ),
            "AWS::IAM::RolePolicy" => (Kind::RoleInline, kebab(id), "PolicyDocument"),
            "AWS::IAM::ManagedPolicy" => (Kind::Managed, kebab(id), "PolicyDocument"),
            "AWS::IAM::UserPolicy" => (
                Kind::UserInline,
                // Every user of the stack has the same, so that one file shows it.
                user_file(&text("PolicyName")?),
                "PolicyDocument",
            ),
            "AWS::KMS::Key" => (Kind::Key, kebab(id), "KeyPolicy"),
            "AWS::SecretsManager::ResourcePolicy" => (
                Kind::Secret,
                secret_file(&text("SecretId")?),
                "ResourcePolicy",
            ),
            "AWS::SNS::TopicPolicy" => (Kind::Topic, kebab(id), "PolicyDocument"),
            "AWS::Lambda::Permission" => {
                let databases = Strategy::Databases.function();
                let mine = target(properties.get("FunctionName")) == Some(databases);
                permissions[usize::from(mine)].push(world.resolve(&permission(id, properties))?);
                continue;
            }
            "AWS::IAM::Policy" if properties.get("Roles").is_some() => {
                (Kind::RoleInline, kebab(id), "PolicyDocument")
            }
            "AWS::IAM::Policy" => (Kind::UserInline, kebab(id), "PolicyDocument"),
            _ => match POLICIES.iter().find(|key| properties.get(**key).is_some()) {
                Some(key) => (Kind::Other, kebab(id), *key),
                None => continue,
            },
        };
        let body = properties
            .get(key)
            .map(|value| world.resolve(value))
            .transpose()?
            .unwrap_or_default();
        documents.push(Document {
            name,
            resource: id.to_owned(),
            kind,
            body,
        });
    }
    let functions = Strategy::ALL.into_iter().zip(permissions);
    let there = |(strategy, permissions): &(Strategy, Vec<Value>)| {
        !permissions.is_empty() || world.has(strategy.function())
    };
    documents.extend(
        functions
            .filter(there)
            .map(|(strategy, permissions)| Document {
                name: kebab(strategy.function()),
                resource: strategy.function().to_owned(),
                kind: Kind::Function,
                body: mapping(vec![
                    ("Version", "2012-10-17".into()),
                    ("Statement", Value::Sequence(permissions)),
                ]),
            }),
    );
    Ok(documents)
}

/// Returns the logical ID that a value refers to, where it is `!Ref` or `!GetAtt`.
fn target(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::Tagged(tagged) => tagged.value.as_str()?.split('.').next(),
        _ => None,
    }
}

/// The properties that hold a policy in types which ours do not use.
const POLICIES: [&str; 3] = ["PolicyDocument", "ResourcePolicy", "KeyPolicy"];

/// Returns the policies that stand in a role or user itself. Ours are resources of
/// their own; own templates may do otherwise.
fn inline(
    id: &str,
    resource: &Value,
    properties: &Value,
    world: &World,
) -> Result<Vec<Document>, ResolveError> {
    let kind = match resolve::type_of(resource) {
        "AWS::IAM::Role" => Kind::RoleInline,
        "AWS::IAM::User" => Kind::UserInline,
        _ => return Ok(Vec::new()),
    };
    let policies = properties.get("Policies").and_then(Value::as_sequence);
    let policies = policies.into_iter().flatten().enumerate();
    let document = |(index, policy): (usize, &Value)| {
        let body = policy.get("PolicyDocument");
        Ok(Document {
            name: format!("{}-inline-{}", kebab(id), index + 1),
            resource: id.to_owned(),
            kind,
            body: body.map_or(Ok(Value::Null), |body| world.resolve(body))?,
        })
    };
    policies.map(document).collect()
}

/// `FunctionRoleLog` becomes `function-role-log`.
fn kebab(id: &str) -> String {
    let mut name = String::new();
    for one in id.chars() {
        if one.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(one.to_ascii_lowercase());
    }
    name
}

/// `keyrota-ManageOwnAccessKeys` becomes `user-manage-own-access-keys`.
fn user_file(policy: &str) -> String {
    let policy = policy.strip_prefix("keyrota-").unwrap_or(policy);
    format!("user-{}", kebab(policy))
}

/// A file name for a secret: slashes cannot stand in one, 512 characters are
/// too many, and some file systems ignore case, so that the hash tells apart.
fn secret_file(arn: &str) -> String {
    let name = arn.split_once(":secret:").map_or(arn, |(_, name)| name);
    let name = name.strip_suffix("-??????").unwrap_or(name);
    let readable: String = name.replace('/', "-").chars().take(100).collect();
    format!("secret-{readable}-{}", name::digest(name))
}

/// The statement that Lambda makes of a permission, for the function's policy.
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

fn mapping(entries: Vec<(&str, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Mapping(entries.map(|(key, value)| (key.into(), value)).collect())
}

/// A policy document with one effect a statement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Policy {
    /// Returns the policy with these statements.
    pub fn new(statement: Vec<Statement>) -> Self {
        Self {
            version: "2012-10-17",
            statement,
        }
    }

    /// Returns its statements.
    pub fn statements(&self) -> &[Statement] {
        &self.statement
    }

    /// Adds a statement.
    pub fn add(&mut self, statement: Statement) {
        self.statement.push(statement);
    }

    /// Returns the length without white space, as IAM counts.
    pub fn size(&self) -> usize {
        length(self)
    }
}

/// Returns how long a value is in JSON without white space.
pub fn length(value: &impl Serialize) -> usize {
    let mut length = Length(0);
    let written = serde_json::to_writer(&mut length, value);
    written.map_or(usize::MAX, |()| length.0)
}

/// Counts what is written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A statement of a [`Policy`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'static str>,
    action: Vec<String>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<serde_json::Value>,
}

impl Statement {
    /// Returns a statement that allows the actions.
    pub fn allow<'a>(
        sid: &str,
        actions: impl IntoIterator<Item = &'a str>,
        resource: Vec<String>,
    ) -> Self {
        Self {
            sid: sid.to_owned(),
            effect: "Allow",
            principal: None,
            action: actions.into_iter().map(str::to_owned).collect(),
            resource,
            condition: None,
        }
    }

    /// Returns its name.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Returns what it allows.
    pub fn actions(&self) -> &[String] {
        &self.action
    }

    /// Returns what it allows that on.
    pub fn resources(&self) -> &[String] {
        &self.resource
    }

    /// Returns the condition under which it does.
    #[cfg(test)]
    pub fn condition(&self) -> Option<&serde_json::Value> {
        self.condition.as_ref()
    }

    /// Returns the statement for some of its actions and resources.
    pub fn part(&self, sid: String, action: Vec<String>, resource: Vec<String>) -> Self {
        // A copy of the whole would copy the lists that are replaced.
        Self {
            sid,
            effect: self.effect,
            principal: self.principal,
            action,
            resource,
            condition: self.condition.clone(),
        }
    }

    /// Returns the length without white space, as IAM counts.
    pub fn size(&self) -> usize {
        length(self)
    }

    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, condition: serde_json::Value) -> Self {
        self.condition = Some(condition);
        self
    }
}

/// Returns the policy of the artifact bucket: nothing without TLS.
pub fn artifact_bucket_policy(bucket: &str, world: &World) -> Policy {
    Policy::new(vec![Statement {
        sid: "OnlyByTls".to_owned(),
        effect: "Deny",
        principal: Some("*"),
        action: vec!["s3:*".to_owned()],
        resource: vec![world.s3_arn(bucket), world.s3_arn(&format!("{bucket}/*"))],
        condition: Some(serde_json::json!({ "Bool": { "aws:SecureTransport": "false" } })),
    }])
}
