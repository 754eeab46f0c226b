//! The mishaps that may affect a call.

use keyrota_database_function::port::CallErrorKind;
use keyrota_database_function::server;

use crate::fake::AnyFault::{Aws, Server, Unsent};
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

/// A login has no effect either.
const LOGIN: &[Mishap] = &[
    Mishap::Before(Server(server::ServerFault::TimedOut)),
    Mishap::Before(Server(server::ServerFault::LoginForbidden)),
    Mishap::DieBefore,
];

/// A look at the accounts has no effect, and every failure of it ends the step.
const INSPECTION: &[Mishap] = &[
    Mishap::Before(Server(server::ServerFault::TimedOut)),
    Mishap::DieBefore,
];

/// A server, or a proxy before it, may carry out a change and answer with any error.
const CHANGE: &[Mishap] = &[
    Mishap::Before(Unsent(server::ServerFault::Busy)),
    Mishap::Before(Server(server::ServerFault::Unclear)),
    Mishap::After(Server(server::ServerFault::Unclear)),
    Mishap::Before(Server(server::ServerFault::NotAllowed)),
    Mishap::After(Server(server::ServerFault::NotAllowed)),
    Mishap::Before(Server(server::ServerFault::PasswordRefused)),
    Mishap::After(Server(server::ServerFault::PasswordRefused)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// The same where a user and its rights are prepared.
const PREPARATION: &[Mishap] = &[
    Mishap::Before(Unsent(server::ServerFault::Busy)),
    Mishap::Before(Server(server::ServerFault::Unclear)),
    Mishap::After(Server(server::ServerFault::Unclear)),
    Mishap::Half(Server(server::ServerFault::Unclear)),
    Mishap::Half(Server(server::ServerFault::RightsRefused)),
    Mishap::Before(Server(server::ServerFault::NotAllowed)),
    Mishap::Half(Server(server::ServerFault::PasswordRefused)),
    Mishap::After(Server(server::ServerFault::PasswordRefused)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

const DISCARD: &[Mishap] = &[
    Mishap::Before(Server(server::ServerFault::Busy)),
    Mishap::After(Server(server::ServerFault::Unclear)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A user that is created may lack its rights when the next step begins.
const CREATION: &[Mishap] = &[
    Mishap::Before(Unsent(server::ServerFault::Busy)),
    Mishap::Before(Unsent(server::ServerFault::RightsNotGranted)),
    Mishap::After(Unsent(server::ServerFault::RightsNotGranted)),
    Mishap::Before(Server(server::ServerFault::PasswordRefused)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A right that was not granted, or of which that is not known, is reported before the password is set.
const GRANT: &[Mishap] = &[
    Mishap::Before(Unsent(server::ServerFault::RightsNotGranted)),
    Mishap::Before(Unsent(server::ServerFault::Unclear)),
    Mishap::After(Unsent(server::ServerFault::Unclear)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// Returns the mishaps that may affect a call of an action.
pub(super) fn mishaps(action: &str) -> &'static [Mishap] {
    match action {
        "authenticate" => LOGIN,
        "inspect" | "has_user" => INSPECTION,
        "prepare_granted" => PREPARATION,
        "change" | "prepare" => CHANGE,
        "create" => CREATION,
        "grant" => GRANT,
        "discard" => DISCARD,
        "secretsmanager:DescribeSecret"
        | "secretsmanager:GetSecretValue"
        | "secretsmanager:GetRandomPassword" => READ,
        _ => WRITE,
    }
}
