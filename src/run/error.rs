//! How carrying a plan out can fail.

use super::StoredZip;
use crate::model::Finding;
use crate::port;

/// A failure of the engine. Each reads after "failed: ".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS refused or did not answer.
    #[error(transparent)]
    Aws(#[from] port::Error),
    /// The account or the change is not as it must be; nothing was changed.
    #[error("refused, with {} findings", .0.len())]
    Refused(Vec<Finding>),
    /// CloudFormation could not compute a change set.
    #[error("CloudFormation refused the change set of stack {stack}: {reason}")]
    ChangeSet {
        /// The stack.
        stack: String,
        /// CloudFormation's reason.
        reason: String,
    },
    /// The stack did not reach what was wanted.
    #[error("the stack {stack} ended in {status}{}", listed(.reasons))]
    Stack {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// What failed, the first failure first.
        reasons: Vec<String>,
    },
    /// The stack is not there.
    #[error("the stack {stack} is not deployed")]
    NotDeployed {
        /// The stack.
        stack: String,
    },
    /// A secret of the manifest is not in the stack.
    #[error("the stack has no secret {secret}")]
    NoSecret {
        /// The secret.
        secret: String,
    },
    /// A secret holds no complete credential that could rotate.
    #[error("the secret {secret} holds no complete credential yet; `keyrota bootstrap` stores one")]
    Incomplete {
        /// The secret.
        secret: String,
    },
    /// A rotation did not end well. The credential in use is as it was.
    #[error("the rotation of {secret} failed: {reason}")]
    Rotation {
        /// The secret.
        secret: String,
        /// What the function's log says.
        reason: String,
    },
    /// The version before cannot be made current again. Nothing was changed.
    #[error("the version before of {secret} is not brought back: {reason}")]
    NotRestored {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The first key could not be stored.
    #[error("seeding {secret}: {reason}")]
    Seed {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The function of databases could not be asked whether a login works.
    #[error("the function cannot try the login in {secret}: {reason}")]
    NotAsked {
        /// The secret.
        secret: String,
        /// What the function says.
        reason: String,
    },
    /// The function could not look at a secret as it does every hour.
    #[error("the function cannot see to {secret}: {reason}")]
    NotSwept {
        /// The secret.
        secret: String,
        /// What the function says.
        reason: String,
    },
    /// The new credential does not prove itself.
    #[error("the credential in {secret} is not proven: {reason}")]
    NotVerified {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// A template of the renderer's does not fill in.
    #[error(transparent)]
    Render(#[from] crate::render::Error),
    /// A function of the stack has no code to deploy.
    #[error("there is no zip for {function}")]
    NoArtifact {
        /// Its logical ID.
        function: &'static str,
    },
    /// A function runs something else than what was uploaded for it.
    #[error("{function} runs code whose SHA-256 is {code}, and {expected} was uploaded")]
    OtherCode {
        /// Its ARN.
        function: String,
        /// What Lambda says, in base64.
        code: String,
        /// What it should say.
        expected: String,
        /// Where the code is that the stack names.
        object: Box<StoredZip>,
    },
    /// A change set was not computed from what was given for it. It was removed.
    #[error(
        "the change set of stack {stack} is not what was rendered: {difference} (CloudFormation read the template from {template}); it was removed, and nothing was executed"
    )]
    OtherChangeSet {
        /// The stack.
        stack: String,
        /// Where CloudFormation read the template.
        template: String,
        /// What differs.
        difference: String,
    },
    /// What is stored in the bucket gets no version, and could be replaced.
    #[error("the bucket {bucket} keeps no versions, so that what was uploaded could be replaced")]
    NotVersioned {
        /// The bucket.
        bucket: String,
    },
    /// The template is too long for a request, and the bucket is gone.
    #[error(
        "the stack {stack} exists, and the artifact bucket {bucket} does not: the template has {bytes} bytes, and a change set takes more than 51,200 only from a bucket"
    )]
    TemplateTooLong {
        /// The stack.
        stack: String,
        /// The template's length.
        bytes: usize,
        /// The bucket.
        bucket: String,
    },
}

fn listed(reasons: &[String]) -> String {
    reasons
        .iter()
        .map(|reason| format!("\n  {reason}"))
        .collect()
}

/// What a stage returns.
pub type Result<T> = std::result::Result<T, Error>;
