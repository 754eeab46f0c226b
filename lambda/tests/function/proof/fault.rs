//! What may befall a call.

use keyrota_function::port::CallErrorKind;

use crate::fake::Mishap;

/// A read has no effect, so that it matters neither whether it was carried out
/// nor when the process died.
const READ: &[Mishap] = &[
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::DieBefore,
];

/// IAM is eventually consistent.
const LIST: &[Mishap] = &[
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::OutOfDate,
    Mishap::DieBefore,
];

/// A key that is new is refused for a while.
const IDENTIFY: &[Mishap] = &[
    Mishap::Before(CallErrorKind::NotAuthenticated),
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::DieBefore,
];

const WRITE: &[Mishap] = &[
    Mishap::Before(CallErrorKind::Throttled),
    Mishap::Before(CallErrorKind::Unclear),
    Mishap::After(CallErrorKind::Unclear),
    Mishap::Before(CallErrorKind::NotAuthorised),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// Returns what may befall a call of an action.
pub(super) fn mishaps(action: &str) -> &'static [Mishap] {
    match action {
        "iam:ListAccessKeys" => LIST,
        "sts:GetCallerIdentity" => IDENTIFY,
        "secretsmanager:DescribeSecret"
        | "secretsmanager:GetSecretValue"
        | "iam:GetAccessKeyLastUsed"
        | "iam:ListUserTags" => READ,
        _ => WRITE,
    }
}

/// Whether an action changes something that lasts.
pub(super) fn changes(action: &str) -> bool {
    mishaps(action) == WRITE
}
