//! The next step after AWS denied a call, as far as its message says which policy denied it.
//!
//! A message decides which advice is shown, and nothing else. A message of another form leads to
//! advice that names every policy that may be the cause. `docs/reference/errors.md` shows the advice.
//!
//! Sources: "Troubleshoot access denied error messages" in the IAM User Guide has the forms
//! `because no TYPE policy allows the ACTION action` and `with an explicit deny in a TYPE policy`.
//! `Access to KMS is not allowed`, with which Secrets Manager reports that KMS denied a call, is in
//! no API reference; it is what callers report.

use crate::secrets_manager::{CallError, CallErrorKind};

/// What denied a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement with `Deny`. No other policy can allow what it denies.
    Explicit,
    /// The policy of the secret's KMS key, or the caller's policy for that key.
    KeyPolicy,
    /// No policy of the caller allows the call.
    NotAllowedByRole,
    /// The permissions boundary of the caller does not allow the call.
    Boundary,
    /// A policy of the organization does not allow the call.
    Organization,
    /// The policy of the VPC endpoint does not allow the call.
    Endpoint,
    /// The resource's own policy does not allow the call.
    ResourcePolicy,
    /// The message does not say.
    Unknown,
}

impl Denial {
    /// Returns what denied a call, or `None` if the call was not denied.
    pub fn of(error: &CallError) -> Option<Self> {
        if error.kind != CallErrorKind::NotAuthorised {
            return None;
        }
        let answer = error.answer.as_ref();
        let message = answer.and_then(|answer| answer.denial.as_deref());
        Some(Self::of_message(message.unwrap_or_default()))
    }

    fn of_message(message: &str) -> Self {
        let has = |text: &str| message.contains(text);
        if has("explicit deny") {
            Self::Explicit
        } else if has("Access to KMS is not allowed") || has("perform: kms:") {
            Self::KeyPolicy
        } else if has("no identity-based policy allows") {
            Self::NotAllowedByRole
        } else if has("no permissions boundary allows") {
            Self::Boundary
        } else if has("no service control policy allows")
            || has("no resource control policy allows")
        {
            Self::Organization
        } else if has("no VPC endpoint policy allows") {
            Self::Endpoint
        } else if has("no resource-based policy allows") {
            Self::ResourcePolicy
        } else {
            Self::Unknown
        }
    }

    /// Returns the next step.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Explicit => {
                "a statement with Deny in the policy that AWS names is the cause, and no other policy can \
                 allow what it denies: find that statement, and change it"
            }
            Self::KeyPolicy => {
                "the key policy of the secret's KMS key, or the role's policy for that key, does not let the \
                 function's role use it: `keyrota doctor` says which of the two, and what to add"
            }
            Self::NotAllowedByRole => {
                "if that lasts, the role's own policies do not allow it: run `keyrota doctor --fix`, which restores \
                 them, or check them against `keyrota generate`"
            }
            Self::Boundary => {
                "allow it in the role's permissions boundary, which `permissions_boundary` in the manifest names"
            }
            Self::Organization => {
                "ask the administrators of the AWS organization to allow it in its policies"
            }
            Self::Endpoint => "allow it in the policy of the VPC endpoint that the function uses",
            Self::ResourcePolicy => {
                "allow it to the function's role in the secret's resource policy"
            }
            Self::Unknown => {
                "check the role's policies against `keyrota generate`, then the secret's resource policy and the \
                 key policy of its KMS key; `keyrota doctor` says which of them it is"
            }
        }
    }
}

/// Returns the next step after a call failed.
pub fn advice(error: &CallError) -> &'static str {
    if let Some(denial) = Denial::of(error) {
        return denial.advice();
    }
    match error.kind {
        CallErrorKind::NotFound => "check that the secret exists, then run `keyrota bootstrap`",
        CallErrorKind::Undecryptable => {
            "check that the secret's KMS key is enabled: `aws kms enable-key`, or \
             `aws kms cancel-key-deletion` before it"
        }
        CallErrorKind::Unsent | CallErrorKind::Unclear => {
            "it is tried again; if that lasts and the function is in a VPC, check that it can reach Secrets Manager"
        }
        CallErrorKind::Throttled => "it is tried again",
        _ => "if that lasts, check the secret and its policies against `keyrota generate`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets_manager::RefusalDetails;

    fn denied(message: &str) -> CallError {
        CallError {
            action: "secretsmanager:GetSecretValue",
            kind: CallErrorKind::NotAuthorised,
            answer: Some(Box::new(RefusalDetails {
                code: Some("AccessDeniedException".to_owned()),
                request_id: None,
                denial: Some(message.to_owned()),
            })),
        }
    }

    /// The messages are the examples in the IAM User Guide, with another action.
    #[test]
    fn a_message_says_which_policy() {
        let not = "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: \
                   secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf";
        for (why, expected) in [
            (
                "because no identity-based policy allows the secretsmanager:GetSecretValue action",
                Denial::NotAllowedByRole,
            ),
            (
                "with an explicit deny in an identity-based policy",
                Denial::Explicit,
            ),
            (
                "with an explicit deny in a resource-based policy",
                Denial::Explicit,
            ),
            (
                "with an explicit deny in a service control policy",
                Denial::Explicit,
            ),
            (
                "because no resource-based policy allows the secretsmanager:GetSecretValue action",
                Denial::ResourcePolicy,
            ),
            (
                "because no permissions boundary allows the secretsmanager:GetSecretValue action",
                Denial::Boundary,
            ),
            (
                "because no service control policy allows the secretsmanager:GetSecretValue action",
                Denial::Organization,
            ),
            (
                "because no VPC endpoint policy allows the secretsmanager:GetSecretValue action",
                Denial::Endpoint,
            ),
            ("", Denial::Unknown),
        ] {
            let message = format!("{not} {why}");
            assert_eq!(Denial::of(&denied(&message)), Some(expected), "{message}");
        }
        for message in [
            "Access to KMS is not allowed",
            "User: r is not authorized to perform: kms:Decrypt on resource: k",
        ] {
            assert_eq!(Denial::of(&denied(message)), Some(Denial::KeyPolicy));
        }
        let failed = CallError {
            kind: CallErrorKind::Throttled,
            ..denied("explicit deny")
        };
        assert_eq!(Denial::of(&failed), None);
    }

    /// Each denial, its cause, and the form of AWS's message, as the documentation shows them.
    const TABLE: [(Denial, &str, &str); 8] = [
        (
            Denial::Explicit,
            "an explicit deny, in any policy",
            "`with an explicit deny in a … policy`",
        ),
        (
            Denial::NotAllowedByRole,
            "the role's own policies do not allow it",
            "`because no identity-based policy allows …`",
        ),
        (
            Denial::KeyPolicy,
            "the key policy of the secret's KMS key, or the role's policy for that key, does not allow it",
            "`Access to KMS is not allowed`, or a denied `kms:` action",
        ),
        (
            Denial::ResourcePolicy,
            "the secret's resource policy does not allow it",
            "`because no resource-based policy allows …`",
        ),
        (
            Denial::Boundary,
            "the role's permissions boundary does not allow it",
            "`because no permissions boundary allows …`",
        ),
        (
            Denial::Organization,
            "a policy of the organization does not allow it",
            "`because no service control policy allows …`, `because no resource control policy allows …`",
        ),
        (
            Denial::Endpoint,
            "the policy of a VPC endpoint does not allow it",
            "`because no VPC endpoint policy allows …`",
        ),
        (Denial::Unknown, "AWS does not name the policy", "any other"),
    ];

    #[test]
    fn no_advice_is_wider_than_the_fault() {
        for (denial, ..) in TABLE {
            assert!(!denial.advice().contains("teardown"), "{denial:?}");
        }
        assert!(!Denial::KeyPolicy.advice().contains("generate"));
        assert!(!Denial::Explicit.advice().contains("generate"));
    }

    /// A message of the form that a row shows has the row's advice.
    #[test]
    fn each_form_leads_to_its_row() {
        for (denial, _, forms) in TABLE {
            for form in forms
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|it| *it != "kms:")
            {
                let form = form.replace('…', "of");
                assert_eq!(Denial::of(&denied(&form)), Some(denial), "{form}");
            }
        }
    }

    const PAGE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/errors.md"
    );
    const BEGIN: &str = "<!-- generated: denials -->\n";
    const END: &str = "<!-- end: denials -->";

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test reads and writes the page"
    )]
    fn the_documentation_is_up_to_date() {
        let mut table = String::from("| cause | message of AWS | remedy |\n| --- | --- | --- |\n");
        for (denial, cause, form) in TABLE {
            table += &format!("| {cause} | {form} | {} |\n", denial.advice());
        }
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}\n{table}\n{END}{after}");
        if std::env::var_os("KEYROTA_UPDATE").is_some() {
            std::fs::write(PAGE, expected).unwrap();
        } else {
            assert_eq!(page, expected, "write it again with KEYROTA_UPDATE=1");
        }
    }
}
