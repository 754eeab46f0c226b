//! The mishaps that may affect a call.

use keyrota_service_function::port::CallErrorKind;
use keyrota_service_function::service::ServiceFault;

use crate::fake::AnyFault::{Aws, Service};
use crate::fake::Mishap;

/// A read has no effect, so it does not matter whether it was carried out or when the process
/// died.
const READ: &[Mishap] = &[
    Mishap::Before(Aws(CallErrorKind::Unclear)),
    Mishap::Before(Aws(CallErrorKind::NotAuthorised)),
    Mishap::DieBefore,
];

const WRITE: &[Mishap] = &[
    Mishap::Before(Aws(CallErrorKind::Throttled)),
    Mishap::Before(Aws(CallErrorKind::Unclear)),
    Mishap::After(Aws(CallErrorKind::Unclear)),
    Mishap::Before(Aws(CallErrorKind::NotAuthorised)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A login has no effect either. That it takes too long is [`ServiceFault::Unclear`].
const LOGIN: &[Mishap] = &[
    Mishap::Before(Service(ServiceFault::Unclear)),
    Mishap::Before(Service(ServiceFault::Unreachable)),
    Mishap::DieBefore,
];

/// An adapter, a service, or a proxy may carry out a change and answer with any error, or answer
/// success and do nothing.
const CHANGE: &[Mishap] = &[
    Mishap::Before(Service(ServiceFault::NotSent)),
    Mishap::Before(Service(ServiceFault::Unclear)),
    Mishap::After(Service(ServiceFault::Unclear)),
    Mishap::Before(Service(ServiceFault::Unreachable)),
    Mishap::After(Service(ServiceFault::Unreachable)),
    Mishap::Before(Service(ServiceFault::WrongPassword)),
    Mishap::After(Service(ServiceFault::WrongPassword)),
    Mishap::Before(Service(ServiceFault::PasswordRejected)),
    Mishap::After(Service(ServiceFault::PasswordRejected)),
    Mishap::Pretended,
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// Returns the mishaps that may affect a call of an action.
pub(super) fn mishaps(action: &str) -> &'static [Mishap] {
    match action {
        "authenticate" => LOGIN,
        "change" => CHANGE,
        "secretsmanager:DescribeSecret"
        | "secretsmanager:GetSecretValue"
        | "secretsmanager:GetRandomPassword" => READ,
        _ => WRITE,
    }
}
