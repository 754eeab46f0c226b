//! The policies that keyrota creates outside of stacks.

use std::io;

use serde::Serialize;

use super::document::mapping;
use super::resolve::Resolver;
use super::tree::Value;

/// A policy document in which each statement has one effect.
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

    /// Returns the length without white space, as IAM counts it.
    pub fn size(&self) -> usize {
        length(self)
    }
}

/// Returns the length of a value as JSON without white space.
pub fn length(value: &impl Serialize) -> usize {
    let mut length = Length(0);
    let written = serde_json::to_writer(&mut length, value);
    written.map_or(usize::MAX, |()| length.0)
}

/// Counts the bytes that are written to it.
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

impl From<&Policy> for Value {
    fn from(policy: &Policy) -> Self {
        let statements = policy.statement.iter().map(Self::from).collect();
        mapping(vec![
            ("Version", policy.version.into()),
            ("Statement", Self::Sequence(statements)),
        ])
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

    /// Returns the statement's Sid.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Returns the actions.
    pub fn actions(&self) -> &[String] {
        &self.action
    }

    /// Returns the resources.
    pub fn resources(&self) -> &[String] {
        &self.resource
    }

    /// Returns the condition.
    #[cfg(test)]
    pub fn condition(&self) -> Option<&serde_json::Value> {
        self.condition.as_ref()
    }

    /// Returns the statement with only some of its actions and resources.
    pub fn part(&self, sid: String, action: Vec<String>, resource: Vec<String>) -> Self {
        // Cloning the statement would also clone the lists that are replaced.
        Self {
            sid,
            effect: self.effect,
            principal: self.principal,
            action,
            resource,
            condition: self.condition.clone(),
        }
    }

    /// Returns the length without white space, as IAM counts it.
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

impl From<&Statement> for Value {
    fn from(statement: &Statement) -> Self {
        let texts = |texts: &[String]| {
            Self::Sequence(texts.iter().map(|text| text.as_str().into()).collect())
        };
        let mut entries = vec![
            ("Sid", statement.sid.as_str().into()),
            ("Effect", statement.effect.into()),
        ];
        entries.extend(statement.principal.map(|one| ("Principal", one.into())));
        entries.push(("Action", texts(&statement.action)));
        entries.push(("Resource", texts(&statement.resource)));
        let condition = statement.condition.clone();
        entries.extend(condition.map(|one| ("Condition", one.into())));
        mapping(entries)
    }
}

/// Returns the policy of the artifact buckets of a StackSet, whose names begin with `bucket`. Accounts
/// of the organization may read the zip files.
pub fn organization_bucket_policy(bucket: &str) -> Policy {
    let placeholders = Resolver::placeholders();
    let account = placeholders.account();
    let bucket = format!("{bucket}-{account}-{}", placeholders.region());
    let mut policy = artifact_bucket_policy(&bucket, &placeholders);
    let actions = ["s3:GetObject", "s3:GetObjectVersion"].map(str::to_owned);
    policy.add(Statement {
        sid: "OrganizationMayRead".to_owned(),
        effect: "Allow",
        principal: Some("*"),
        action: actions.into(),
        resource: vec![placeholders.s3_arn(&format!("{bucket}/*"))],
        condition: Some(
            serde_json::json!({ "StringEquals": { "aws:PrincipalOrgID": "${OrganizationId}" } }),
        ),
    });
    policy
}

/// Returns the policy of the artifact bucket, which denies requests without TLS.
pub fn artifact_bucket_policy(bucket: &str, resolver: &Resolver) -> Policy {
    Policy::new(vec![Statement {
        sid: "OnlyByTls".to_owned(),
        effect: "Deny",
        principal: Some("*"),
        action: vec!["s3:*".to_owned()],
        resource: vec![
            resolver.s3_arn(bucket),
            resolver.s3_arn(&format!("{bucket}/*")),
        ],
        condition: Some(serde_json::json!({ "Bool": { "aws:SecureTransport": "false" } })),
    }])
}
