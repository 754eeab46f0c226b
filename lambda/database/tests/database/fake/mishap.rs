//! The mishaps that affect calls.

use std::fmt::Debug;

use keyrota_database_function::port::{CallError, CallErrorKind, RefusalDetails};
use keyrota_database_function::server::{self, ServerError};

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
    /// Half of the call is carried out, and it fails.
    Half(AnyFault),
    /// The process dies, and the call is not carried out.
    DieBefore,
    /// The call is carried out, and then the process dies.
    DieAfter,
    /// A principal that may write the secret acts right before the call.
    Forged(Forgery),
}

/// A fault of AWS or of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyFault {
    Aws(CallErrorKind),
    /// The server's answer. If it is to a change, the change was sent.
    Server(server::ServerFault),
    /// The same, but a change was not sent.
    Unsent(server::ServerFault),
}

impl From<AnyFault> for CallErrorKind {
    fn from(fault: AnyFault) -> Self {
        match fault {
            AnyFault::Aws(fault) => fault,
            AnyFault::Server(fault) | AnyFault::Unsent(fault) => {
                panic!("{fault:?} is no fault of AWS")
            }
        }
    }
}

impl From<AnyFault> for server::ServerFault {
    fn from(fault: AnyFault) -> Self {
        match fault {
            AnyFault::Server(fault) | AnyFault::Unsent(fault) => fault,
            AnyFault::Aws(fault) => panic!("{fault:?} is no fault of a server"),
        }
    }
}

/// How a change failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeFault {
    Sent(server::ServerFault),
    Unsent(server::ServerFault),
}

impl From<AnyFault> for ChangeFault {
    fn from(fault: AnyFault) -> Self {
        match fault {
            AnyFault::Unsent(fault) => Self::Unsent(fault),
            fault => Self::Sent(fault.into()),
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

pub(super) fn server_error(fault: server::ServerFault) -> ServerError {
    ServerError {
        fault,
        code: Some("28P01".to_owned()),
    }
}

impl FakeServices {
    /// Sets a mishap for the call with this number, counted from now.
    pub(crate) fn inject(&self, number: usize, mishap: Mishap) {
        let number = self.calls.borrow().len() + number;
        self.mishaps.borrow_mut().insert(number, mishap);
    }

    /// Makes a call: records it, applies its mishap, and checks the invariants.
    pub(super) async fn call<T: Told, F: From<AnyFault> + Debug>(
        &self,
        action: &'static str,
        effect: impl FnOnce() -> Result<T, F>,
    ) -> Result<T, F> {
        let turn = self.turns.wait(action).await;
        let answer = self.carry_out(action, turn.mishap, effect).await;
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
        effect: impl FnOnce() -> Result<T, F>,
    ) -> Result<T, F> {
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push(action);
        let mishap = mishap.or_else(|| self.mishaps.borrow_mut().remove(&number));
        match mishap {
            Some(Mishap::Before(fault)) => return Err(fault.into()),
            Some(Mishap::DieBefore) => std::future::pending::<()>().await,
            Some(Mishap::Forged(forgery)) => self.forge(forgery),
            Some(Mishap::Half(fault)) => self.half.set(Some(fault)),
            _ => {}
        }
        let answer = effect();
        self.half.set(None);
        self.check();
        match mishap {
            Some(Mishap::After(fault) | Mishap::Half(fault)) => Err(fault.into()),
            Some(Mishap::DieAfter) => std::future::pending().await,
            _ => answer,
        }
    }
}
