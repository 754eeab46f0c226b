//! What may befall a call.

use keyrota_database_function::port::Fault;
use keyrota_database_function::server;

use crate::fake::AnyFault::{Aws, Server};
use crate::fake::Mishap;

/// A read has no effect, so that it matters neither whether it was carried out
/// nor when the process died.
const READ: &[Mishap] = &[
    Mishap::Before(Aws(Fault::Unclear)),
    Mishap::Before(Aws(Fault::NotAuthorised)),
    Mishap::DieBefore,
];

const WRITE: &[Mishap] = &[
    Mishap::Before(Aws(Fault::Throttled)),
    Mishap::Before(Aws(Fault::Unclear)),
    Mishap::After(Aws(Fault::Unclear)),
    Mishap::Before(Aws(Fault::NotAuthorised)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// A login has no effect either.
const LOGIN: &[Mishap] = &[
    Mishap::Before(Server(server::Fault::TimedOut)),
    Mishap::Before(Server(server::Fault::LoginForbidden)),
    Mishap::DieBefore,
];

const CHANGE: &[Mishap] = &[
    Mishap::Before(Server(server::Fault::Busy)),
    Mishap::Before(Server(server::Fault::Unclear)),
    Mishap::After(Server(server::Fault::Unclear)),
    Mishap::Before(Server(server::Fault::NotAllowed)),
    Mishap::Before(Server(server::Fault::PasswordRefused)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

const DISCARD: &[Mishap] = &[
    Mishap::Before(Server(server::Fault::Busy)),
    Mishap::After(Server(server::Fault::Unclear)),
    Mishap::DieBefore,
    Mishap::DieAfter,
];

/// Returns what may befall a call of an action.
pub(super) fn mishaps(action: &str) -> &'static [Mishap] {
    match action {
        "authenticate" => LOGIN,
        "change" => CHANGE,
        "discard" => DISCARD,
        "secretsmanager:DescribeSecret"
        | "secretsmanager:GetSecretValue"
        | "secretsmanager:GetRandomPassword" => READ,
        _ => WRITE,
    }
}
