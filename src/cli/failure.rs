//! Failures and their hints. The modules below return typed errors; what the user
//! can do about an error depends on the command line.

use super::Exit;
use crate::model::Finding;
use crate::port::{self, ErrorKind};
use crate::system::shown;
use crate::view::Failure;
use crate::{build, bundle, embedded, render, run, sandbox};

/// The calls that look at the user of an entry.
const OF_USERS: [&str; 3] = [
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:GetAccessKeyLastUsed",
];

/// A failure with its exit code.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) exit: Exit,
}

impl Failed {
    /// Returns a failure with exit code 1.
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            failure: Failure {
                kind,
                message: message.into(),
                hint: None,
                findings: Vec::new(),
            },
            exit: Exit::Failed,
        }
    }

    /// Adds the next step.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.failure.hint = Some(hint.into());
        self
    }

    /// Adds another next step to the hint.
    pub(super) fn also(mut self, hint: &str) -> Self {
        self.failure.hint = Some(match self.failure.hint {
            Some(before) => format!("{before}\n{hint}"),
            None => hint.to_owned(),
        });
        self
    }

    /// Sets the exit code.
    pub(super) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Returns the refusal of `what`, with all findings.
    pub(super) fn refused(what: &str, findings: Vec<Finding>) -> Self {
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        let count = match errors {
            1 => "1 error".to_owned(),
            count => format!("{count} errors"),
        };
        let mut failed = Self::new("refused", format!("{what} was refused: {count}"));
        failed.failure.findings = findings;
        failed.exit(Exit::Refused)
    }

    /// Returns the failure of a file operation.
    pub(super) fn file(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new("file", format!("cannot {what} {}: {error}", shown(path)))
    }

    /// Returns the failure of an interrupted command, with the stage that it was in.
    pub(super) fn interrupted(last: Option<String>) -> Self {
        let stage = last.map_or(String::new(), |stage| {
            let (first, rest) = stage.split_at(stage.chars().next().map_or(0, char::len_utf8));
            format!(" while {}{rest}", first.to_lowercase())
        });
        Self::new("interrupted", format!("interrupted{stage}"))
            .hint("no credential is lost; run the same command again to continue")
            .exit(Exit::Interrupted)
    }
}

impl From<port::Error> for Failed {
    fn from(error: port::Error) -> Self {
        let (kind, hint) = match error.kind {
            ErrorKind::Credentials => (
                "credentials",
                Some(
                    "check --profile, AWS_PROFILE, and AWS_ACCESS_KEY_ID, sign in again with `aws login` or `aws sso login` if the session has expired, and test with `aws sts get-caller-identity`",
                ),
            ),
            // The policy names users by their ARN, which contains the path.
            ErrorKind::Denied if OF_USERS.contains(&error.call) => (
                "denied",
                Some(
                    "attach deployer-policy.json, which `keyrota generate` writes, to the caller; if the user is below a path, write it as `path:` in the manifest first",
                ),
            ),
            ErrorKind::Denied => (
                "denied",
                Some("attach deployer-policy.json, which `keyrota generate` writes, to the caller"),
            ),
            ErrorKind::Unavailable => (
                "unavailable",
                Some(
                    "check the network, --region, and --endpoint-url, then run the same command again",
                ),
            ),
            ErrorKind::Throttled => (
                "throttled",
                Some("wait a few minutes, then run the same command again"),
            ),
            ErrorKind::NotFound => ("not-found", None),
            _ => ("aws", None),
        };
        hinted(kind, error.to_string(), hint)
    }
}

impl From<run::Error> for Failed {
    fn from(error: run::Error) -> Self {
        let message = error.to_string();
        match error {
            run::Error::Aws(error) => error.into(),
            run::Error::Render(error) => error.into(),
            run::Error::Refused(findings) => Self::refused("the deployment", findings),
            run::Error::ChangeSet { .. } => Self::new("change-set", message),
            run::Error::ImportTemplate { .. } => Self::new("import", message).hint(
                "deploy the stack with `keyrota bootstrap` without the entries to import, then add them again",
            ),
            run::Error::BeingRotated { .. } => Self::new("being-rotated", message)
                .hint("run `keyrota bootstrap` again after that rotation has ended"),
            run::Error::Stack { status, .. } if status == "ROLLBACK_COMPLETE" => {
                Self::new("stack", message)
                    .hint("delete the failed stack with `keyrota teardown`, then run `keyrota bootstrap` again")
            }
            run::Error::Stack { status, .. } if status == "DELETE_FAILED" => {
                Self::new("stack", message)
                    .hint("fix the cause, then run `keyrota teardown` again, which continues the deletion")
            }
            run::Error::Stack { .. } => {
                Self::new("stack", message).hint("fix the cause, then run the same command again")
            }
            run::Error::SignedOut { .. } => Self::new("credentials", message).hint(
                "sign in again, for example with `aws login` or `aws sso login`, then run the same command again, which waits for the end of the operation and continues",
            ),
            run::Error::NoStackSet { .. } => Self::new("no-stack-set", message).hint(
                "use --region for the Region in which stack-set.yaml was deployed; in the organization's management account, add --call-as self",
            ),
            run::Error::NotDeployed { .. } => {
                Self::new("not-deployed", message).hint("run `keyrota bootstrap` to deploy it")
            }
            run::Error::NoSecret { .. } => Self::new("no-secret", message)
                .hint("run `keyrota bootstrap` to update the stack from the manifest"),
            run::Error::Incomplete { .. } => Self::new("incomplete", message),
            run::Error::Rotation { .. } => Self::new("rotation", message).hint(
                "the credential in use is unchanged; fix the cause, then run `keyrota rotate`, or `keyrota bootstrap` if you change the manifest, which the function knows only after a deployment",
            ),
            run::Error::Leak { .. } => Self::new("leak", message),
            run::Error::SessionsNotDenied { .. } => Self::new("sessions-not-denied", message),
            run::Error::NotRestored { .. } => {
                Self::new("not-restored", message).hint("AWSCURRENT is unchanged")
            }
            run::Error::Seed { .. } => Self::new("seed", message),
            run::Error::NotReplaced { .. } => Self::new("not-replaced", message)
                .hint("AWSCURRENT is unchanged; fix the cause, then run the command again"),
            run::Error::NotRecovered { .. } => Self::new("not-recovered", message),
            run::Error::RecoveryDenied { .. } => Self::new("recovery-denied", message),
            run::Error::NotAsked { .. } => Self::new("not-asked", message)
                .hint("see the function's log for details; the password in use is unchanged"),
            run::Error::NotSwept { .. } => {
                Self::new("not-swept", message).hint("see the function's log for details")
            }
            run::Error::NotVerified { .. } => {
                Self::new("not-verified", message).hint("run `keyrota status` to see the keys")
            }
            run::Error::NoArtifact { .. } => Self::new("bundle", message),
            run::Error::OtherCode { .. } => Self::new("other-code", message).hint(
                "no credential was stored for it; find out who changes the code, then run `keyrota bootstrap` again, which restores it",
            ),
            run::Error::OtherChangeSet { .. } => Self::new("other-change-set", message).hint(
                "find out who replaced it from the versions in the bucket and from CloudTrail, then run the same command again",
            ),
            run::Error::LeftOut { error, .. } => {
                let mut failed = Self::from(*error);
                failed.failure.message = message;
                let hint = failed.failure.hint.take();
                let hint = hint.unwrap_or_else(|| "fix the cause, then run `keyrota bootstrap`".into());
                failed.hint(hint)
            }
            run::Error::ResourceNotRestored { .. } => Self::new("resource-not-restored", message),
            run::Error::NotVersioned { .. } => Self::new("not-versioned", message).hint(
                "find out who suspended versioning; enable it for a bucket of your own with `aws s3api put-bucket-versioning`",
            ),
            run::Error::TemplateTooLong { .. } => Self::new("template-too-long", message)
                .hint("create the bucket again with `keyrota bootstrap`, or name a bucket with function.artifact_bucket"),
        }
    }
}

impl From<render::Error> for Failed {
    fn from(error: render::Error) -> Self {
        match error {
            render::Error::Refused(findings) => Self::refused("the rendered stack", findings),
            earlier @ render::Error::Before { .. } => Self::new("against", earlier.to_string())
                .hint("compare with a template that keyrota rendered"),
            overlaid @ render::Error::Template(_) => Self::new("template", overlaid.to_string())
                .hint("docs/reference/templates.md lists the templates, their variables, and how each value is escaped"),
            other => Self::new("template", other.to_string()),
        }
    }
}

impl From<bundle::Refused> for Failed {
    fn from(error: bundle::Refused) -> Self {
        hinted("bundle", error.to_string(), error.hint())
    }
}

impl From<build::Error> for Failed {
    fn from(error: build::Error) -> Self {
        hinted("build", error.to_string(), error.hint())
    }
}

impl From<embedded::Error> for Failed {
    fn from(error: embedded::Error) -> Self {
        Self::new("damaged", error.to_string())
            .hint("install keyrota again, or build the function with --build-function")
    }
}

impl From<sandbox::Error> for Failed {
    fn from(error: sandbox::Error) -> Self {
        hinted("sandbox", error.to_string(), error.hint())
    }
}

fn hinted(kind: &'static str, message: String, hint: Option<impl Into<String>>) -> Failed {
    let failed = Failed::new(kind, message);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
