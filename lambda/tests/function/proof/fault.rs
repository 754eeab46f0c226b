//! The mishaps that may affect a call.

use keyrota_function::port::CallErrorKind;

use crate::fake::{Mishap, READS};

/// A read has no effect, so it does not matter whether it was carried out or when the process
/// died.
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

/// AWS may refuse a new key for a while.
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

/// Returns the mishaps that may affect a call of an action.
pub(super) fn mishaps(action: &str) -> &'static [Mishap] {
    match action {
        "iam:ListAccessKeys" => LIST,
        "sts:GetCallerIdentity" => IDENTIFY,
        action if READS.contains(&action) => READ,
        _ => WRITE,
    }
}

/// Returns whether an action changes anything that persists.
pub(super) fn changes(action: &str) -> bool {
    mishaps(action) == WRITE
}
