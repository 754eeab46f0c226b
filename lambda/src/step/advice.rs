//! The next step after an IAM call that failed.

use keyrota_function_base::denial::Denial;

use crate::pin::RotateAs;
use crate::port::{CallError, CallErrorKind};

/// Returns the next step after an IAM call that failed.
pub(crate) fn advice(rotate_as: &RotateAs, error: &CallError) -> &'static str {
    match (Denial::of(error), rotate_as) {
        (Some(Denial::Explicit), RotateAs::Own) => {
            "a statement with Deny in the policy that AWS names is the cause, and no other policy can \
             allow what it denies: find that statement, and change it, unless it is in AWS's policy \
             AWSCompromisedKeyQuarantine, for which `keyrota doctor` has the next step"
        }
        (Some(Denial::Boundary), RotateAs::Own) => {
            "allow it in the user's permissions boundary, then rotate again"
        }
        (Some(Denial::Boundary), RotateAs::Administrator(_)) => {
            "allow it in the administrator's permissions boundary, then rotate again"
        }
        (Some(Denial::NotAllowedByRole), RotateAs::Role) => Denial::NotAllowedByRole.advice(),
        (
            Some(
                denial @ (Denial::Explicit
                | Denial::Boundary
                | Denial::Organization
                | Denial::Endpoint),
            ),
            _,
        ) => denial.advice(),
        _ => about(rotate_as, error.kind),
    }
}

/// Returns the next step after an IAM call, as far as the message of AWS does not decide about it.
fn about(rotate_as: &RotateAs, kind: CallErrorKind) -> &'static str {
    match (kind, rotate_as) {
        (CallErrorKind::NotAuthenticated, RotateAs::Own) => {
            "if the key in AWSCURRENT is new, Secrets Manager tries again; otherwise store an active \
             key of the user in the secret, or set `rotate_as: role` in the manifest, then rotate \
             again"
        }
        (CallErrorKind::NotAuthenticated, RotateAs::Administrator(_)) => {
            "if the key in the administrator's secret is new, Secrets Manager tries again; otherwise \
             store an active one there, then rotate again"
        }
        (CallErrorKind::NotAuthorised, RotateAs::Own) => {
            "restore the user's policy keyrota-ManageOwnAccessKeys: run `keyrota doctor --fix`, or \
             compare it with `keyrota generate`; then rotate again"
        }
        (CallErrorKind::NotAuthorised, RotateAs::Role) => {
            "allow it in the function role's policy, which `keyrota generate` renders, then rotate \
             again"
        }
        (CallErrorKind::NotAuthorised, RotateAs::Administrator(_)) => {
            "allow it to the administrator, then rotate again"
        }
        (CallErrorKind::NotFound, _) => "check that the user exists, then rotate again",
        (CallErrorKind::Throttled | CallErrorKind::Unsent | CallErrorKind::Unclear, _) => {
            "Secrets Manager tries again"
        }
        _ => "look the code up in the IAM API reference, then rotate again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::RefusalDetails;

    fn denied(why: &str) -> CallError {
        CallError {
            action: "iam:CreateAccessKey",
            kind: CallErrorKind::NotAuthorised,
            answer: Some(Box::new(RefusalDetails {
                denial: Some(why.to_owned()),
                ..RefusalDetails::default()
            })),
        }
    }

    /// What one policy denies is not allowed by another, and each caller has policies of its own.
    #[test]
    fn the_policy_that_denies_is_named() {
        let administrator = || RotateAs::Administrator("ops/admin".to_owned());
        let explicit = "with an explicit deny in an identity-based policy";
        let boundary = "because no permissions boundary allows the iam:CreateAccessKey action";
        let missing = "because no identity-based policy allows the iam:CreateAccessKey action";
        let organization =
            "because no service control policy allows the iam:CreateAccessKey action";
        for (rotate_as, why, expected) in [
            (RotateAs::Own, explicit, "AWSCompromisedKeyQuarantine"),
            (RotateAs::Role, explicit, "find that statement"),
            (administrator(), explicit, "find that statement"),
            (RotateAs::Own, boundary, "the user's permissions boundary"),
            (RotateAs::Role, boundary, "the role's permissions boundary"),
            (
                administrator(),
                boundary,
                "the administrator's permissions boundary",
            ),
            (RotateAs::Own, missing, "keyrota-ManageOwnAccessKeys"),
            (RotateAs::Role, missing, "`keyrota doctor --fix`"),
            (administrator(), missing, "allow it to the administrator"),
            (RotateAs::Own, organization, "AWS organization"),
            (RotateAs::Role, "", "the function role's policy"),
        ] {
            let told = advice(&rotate_as, &denied(why));
            assert!(told.contains(expected), "{why}: {told}");
        }
    }
}
