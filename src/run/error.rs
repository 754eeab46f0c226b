//! Errors of the engine.

use crate::model::Finding;
use crate::plan::LeakRefusal;
use crate::port;

/// An error of the engine. Its text follows "error: ".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] port::Error),
    /// Checks of the account or of the change set failed. Nothing was changed.
    #[error("the deployment was refused: {} findings", .0.len())]
    Refused(Vec<Finding>),
    /// CloudFormation could not create a change set.
    #[error("CloudFormation cannot create a change set for the stack {stack}: {reason}")]
    ChangeSet {
        /// The stack.
        stack: String,
        /// CloudFormation's reason.
        reason: String,
    },
    /// The template that imports what exists already cannot be written.
    #[error("cannot import into the stack {stack}: {reason}")]
    ImportTemplate {
        /// The stack.
        stack: String,
        /// Why.
        reason: String,
    },
    /// Another function rotates an adopted secret.
    #[error(
        "cannot take over the rotation of {secret}: the function {function} is rotating it now"
    )]
    BeingRotated {
        /// The secret.
        secret: String,
        /// The function's ARN.
        function: String,
    },
    /// An operation on the stack failed.
    #[error("the operation on the stack {stack} ended in {status}{}", listed(.reasons))]
    Stack {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// What failed, the first failure first.
        reasons: Vec<String>,
    },
    /// The credentials expired during an operation on the stack, which continues.
    #[error(
        "cannot follow the operation on the stack {stack}, which CloudFormation continues: {error}"
    )]
    SignedOut {
        /// The stack.
        stack: String,
        /// The refused call.
        error: port::Error,
    },
    /// The stack does not exist.
    #[error("the stack {stack} is not deployed")]
    NotDeployed {
        /// The stack.
        stack: String,
    },
    /// The StackSet does not exist, or not for this account.
    #[error("the StackSet {name} does not exist in this Region")]
    NoStackSet {
        /// Its name.
        name: String,
    },
    /// A secret of the manifest is not in the stack.
    #[error("the secret {secret} is not in the stack")]
    NoSecret {
        /// The secret.
        secret: String,
    },
    /// A secret does not contain a complete credential, so it cannot rotate.
    #[error(
        "cannot rotate {secret}: it does not contain a complete credential; run `keyrota bootstrap` if it never contained one, and `keyrota doctor` otherwise"
    )]
    Incomplete {
        /// The secret.
        secret: String,
    },
    /// A rotation failed. The credential in use is unchanged.
    #[error("the rotation of {secret} failed: {reason}")]
    Rotation {
        /// The secret.
        secret: String,
        /// What the function's log says.
        reason: String,
    },
    /// Nothing, or nothing more, is done about a leaked key.
    #[error("cannot replace the leaked key of {secret}: {refusal}")]
    Leak {
        /// The secret.
        secret: String,
        /// Why.
        refusal: Box<LeakRefusal>,
    },
    /// The sessions of a user are not denied, because its inline policies are too long.
    #[error(
        "the leaked key cannot be used any more, but the sessions of {user} are not denied: {error}; shorten the inline policies of the user and run the command again, or attach a managed policy with this document to the user: {document}"
    )]
    SessionsNotDenied {
        /// The user.
        user: String,
        /// IAM's refusal.
        error: port::Error,
        /// The policy.
        document: String,
    },
    /// The previous version cannot become current again. Nothing was changed.
    #[error("cannot restore the previous version of {secret}: {reason}")]
    NotRestored {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The first key could not be stored.
    #[error("cannot store the first credential in {secret}: {reason}")]
    Seed {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// A new key could not replace the current one. AWSCURRENT is unchanged.
    #[error("cannot store a new key in {secret}: {reason}")]
    NotReplaced {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// No version of a secret has a credential that works, and keyrota cannot create one.
    #[error("cannot make {secret} work again: {reason}")]
    NotRecovered {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The caller may not make a secret work again.
    #[error(
        "{error}; the statements of deployer-policy.json whose Sid begins with `Recover` allow it, beside those that begin with `Doctor`"
    )]
    RecoveryDenied {
        /// The call that was denied.
        error: port::Error,
    },
    /// The database function could not test a login.
    #[error("the function cannot test the login in {secret}: {reason}")]
    NotAsked {
        /// The secret.
        secret: String,
        /// What the function says.
        reason: String,
    },
    /// The function could not sweep a secret.
    #[error("the function cannot sweep {secret}: {reason}")]
    NotSwept {
        /// The secret.
        secret: String,
        /// What the function says.
        reason: String,
    },
    /// The new credential does not authenticate.
    #[error("cannot verify the credential in {secret}: {reason}")]
    NotVerified {
        /// The secret.
        secret: String,
        /// Why.
        reason: String,
    },
    /// The rendering failed.
    #[error(transparent)]
    Render(#[from] crate::render::Error),
    /// There is no code to deploy for a function of the stack.
    #[error("there is no zip file for the function {function}")]
    NoArtifact {
        /// Its logical ID.
        function: &'static str,
    },
    /// A function runs other code than the code that was uploaded for it.
    #[error(
        "the code of {function} is not the code that was uploaded: its SHA-256 is {code}, expected {expected}"
    )]
    OtherCode {
        /// Its ARN.
        function: String,
        /// The hash of the code that Lambda reports, in base64.
        code: String,
        /// The hash that was expected.
        expected: String,
    },
    /// An interrupted replacement has left resources out of the stack, or may have.
    #[error("{error}; {} {is} missing from the stack {stack} now, and `keyrota bootstrap` adds what is missing", .resources.join(", "))]
    LeftOut {
        /// The stack.
        stack: String,
        /// Their logical IDs.
        resources: Vec<String>,
        /// "is", "are", or "may be".
        is: &'static str,
        /// What ended the replacement.
        error: Box<Error>,
    },
    /// The code of a function, or the key of a log group, was not restored.
    #[error("{resource} is not restored: {reason}")]
    ResourceNotRestored {
        /// Its name in AWS.
        resource: String,
        /// Why.
        reason: String,
    },
    /// A change set does not match its request. It was deleted.
    #[error(
        "the change set of the stack {stack} differs from the rendering: {difference} (CloudFormation read the template from {template}); it was deleted and not executed"
    )]
    OtherChangeSet {
        /// The stack.
        stack: String,
        /// Where CloudFormation read the template.
        template: String,
        /// What differs.
        difference: String,
    },
    /// The bucket does not version its objects, so they could be replaced.
    #[error(
        "versioning is not enabled on the bucket {bucket}, so an uploaded object could be replaced"
    )]
    NotVersioned {
        /// The bucket.
        bucket: String,
    },
    /// The template is too long for a request, and the bucket is gone.
    #[error(
        "cannot update the stack {stack}: its template has {bytes} bytes, more than the 51,200 that a request can contain, and the artifact bucket {bucket} does not exist"
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

impl Error {
    /// Returns what ended the operation, without what it has left behind.
    pub fn cause(&self) -> &Self {
        match self {
            Self::LeftOut { error, .. } => error.cause(),
            error => error,
        }
    }
}

/// What a stage returns.
pub type Result<T> = std::result::Result<T, Error>;
