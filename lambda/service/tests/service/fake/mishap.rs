//! The mishaps that affect calls.

use std::fmt::Debug;

use keyrota_service_function::port::{CallError, CallErrorKind, RefusalDetails};
use keyrota_service_function::service::{Cause, ServiceError, ServiceFault};

use super::forge::Forgery;
use super::services::FakeServices;
use super::twice::Told;

/// A mishap that affects a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The call fails and is not carried out.
    Before(AnyFault),
    /// The call is carried out, but fails.
    After(AnyFault),
    /// The call is not carried out, and its answer claims success.
    Pretended,
    /// The login reaches a member of a farm that knows the latest password already. Any other login
    /// reaches one that does not.
    Fresh,
    /// The process dies, and the call is not carried out.
    DieBefore,
    /// The call is carried out, and then the process dies.
    DieAfter,
    /// A principal that may write the secret acts right before the call.
    Forged(Forgery),
}

/// A fault of AWS or of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyFault {
    Aws(CallErrorKind),
    Service(ServiceFault),
}

impl From<AnyFault> for CallErrorKind {
    fn from(fault: AnyFault) -> Self {
        match fault {
            AnyFault::Aws(fault) => fault,
            AnyFault::Service(fault) => panic!("{fault:?} is no fault of AWS"),
        }
    }
}

impl From<AnyFault> for ServiceFault {
    fn from(fault: AnyFault) -> Self {
        match fault {
            AnyFault::Service(fault) => fault,
            AnyFault::Aws(fault) => panic!("{fault:?} is no fault of a service"),
        }
    }
}

pub(super) fn aws_error(action: &'static str, kind: CallErrorKind) -> CallError {
    let answer = RefusalDetails {
        code: Some(format!("{kind:?}Exception")),
        ..RefusalDetails::default()
    };
    CallError {
        action,
        kind,
        answer: Some(Box::new(answer)),
    }
}

pub(super) fn service_error(fault: ServiceFault) -> ServiceError {
    let cause = match fault {
        ServiceFault::NotSent => Cause::Throttled,
        ServiceFault::Unclear => Cause::TimedOut,
        _ => Cause::Answer,
    };
    ServiceError {
        fault,
        cause,
        code: Some("HTTP 409".to_owned()),
    }
}

impl FakeServices {
    /// Sets a mishap for the call with this number, counted from now.
    pub(crate) fn inject(&self, number: usize, mishap: Mishap) {
        let number = self.calls.borrow().len() + number;
        self.mishaps.borrow_mut().insert(number, mishap);
    }

    /// Makes a call: records it, applies its mishap, and checks the invariants. `pretended` is the
    /// answer of a call that claims success without it.
    pub(super) async fn call<T: Told, F: From<AnyFault> + Debug>(
        &self,
        action: &'static str,
        pretended: Option<T>,
        effect: impl FnOnce() -> Result<T, F>,
    ) -> Result<T, F> {
        let turn = self.turns.wait(action).await;
        let answer = self.carry_out(action, turn.mishap, pretended, effect).await;
        self.turns.answered(turn, || {
            let told = match &answer {
                Ok(answer) => answer.tell(),
                Err(fault) => format!("{fault:?}"),
            };
            (action, told, self.now.get())
        });
        answer
    }

    async fn carry_out<T, F: From<AnyFault>>(
        &self,
        action: &'static str,
        mishap: Option<Mishap>,
        pretended: Option<T>,
        effect: impl FnOnce() -> Result<T, F>,
    ) -> Result<T, F> {
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(action);
        let mishap = mishap.or_else(|| self.mishaps.borrow_mut().remove(&number));
        match mishap {
            Some(Mishap::Before(fault)) => return Err(fault.into()),
            Some(Mishap::DieBefore) => std::future::pending::<()>().await,
            Some(Mishap::Forged(forgery)) => self.forge(forgery),
            Some(Mishap::Pretended) => return Ok(pretended.expect("a call that has one")),
            _ => {}
        }
        self.fresh.set(mishap == Some(Mishap::Fresh));
        let answer = effect();
        self.check();
        match mishap {
            Some(Mishap::After(fault)) => Err(fault.into()),
            Some(Mishap::DieAfter) => std::future::pending().await,
            _ => answer,
        }
    }
}
