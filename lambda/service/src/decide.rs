//! Decides what to do, given what was observed. Everything here is pure and synchronous.

use std::time::Duration;

use keyrota_function_base::password::outcome;

pub use keyrota_function_base::password::outcome::ChangeEnd;
pub use keyrota_function_base::password::repair::{PasswordCheck, Repair, repair};

use crate::moment::Moment;
use crate::service::{ServiceError, ServiceFault};

/// The longest time that a step takes, which is the longest timeout of a function.
const LONGEST_STEP: Duration = Duration::from_secs(900);

/// What logins showed after a change that failed.
pub type Found = outcome::Found<ServiceFault>;

/// Returns whether another password may be tried after the service did not accept one.
///
/// That is so only if the service reported the password as wrong. After any other failure, it is
/// unknown whether the password was wrong, and sending further passwords to a service that does not
/// behave correctly could help an impostor.
pub fn may_try_another(fault: ServiceFault) -> bool {
    fault == ServiceFault::WrongPassword
}

/// Returns whether logins must show which password the service has after a change failed. Only a
/// request that was not sent changes nothing for certain: an adapter that says so may be wrong.
pub fn must_find_out(fault: ServiceFault) -> bool {
    fault != ServiceFault::NotSent
}

/// Returns how a failed change ends. `fault` is the answer to the change. On a farm of servers, a login
/// shows only what one member knows, so that a refused login proves nothing about the others.
pub fn after_logins(fault: ServiceFault, found: Found, farm: bool) -> ChangeEnd {
    let rejected = fault == ServiceFault::PasswordRejected;
    match outcome::change_end(rejected, &found, false) {
        ChangeEnd::NotChanged | ChangeEnd::NoPasswordWorks if farm => ChangeEnd::Unknown,
        end => end,
    }
}

/// Returns whether the password of a rotation that was interrupted can no longer reach the service: a
/// slow service has carried out what was sent, and every member of a farm of servers knows it. The
/// version lost AWSPENDING after the password was sent, which was a change of the secret, or while the
/// step that sent it was still running.
pub fn is_settled(propagation: Duration, changed: Option<Moment>, now: Moment) -> bool {
    changed.is_some_and(|changed| now.since(changed) > propagation + LONGEST_STEP)
}

/// Returns whether a login that failed is tried again shortly after. A wrong password is not: it is
/// unknown after how many of these the service locks the user out.
pub fn may_pass(error: &ServiceError) -> bool {
    error.is_transient()
}
