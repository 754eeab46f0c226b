//! The mishaps that affect calls, and the actions of others between calls.

use std::collections::VecDeque;

use keyrota_function::decide::{PENDING, VersionId};
use keyrota_function::port::{CallError, CallErrorKind, RefusalDetails};

use super::aws::{FakeAws, TOKEN};
use super::forge::Forgery;
use super::twice::Told;

/// The calls that change nothing and that no use is recorded of.
pub(crate) const READS: [&str; 5] = [
    "secretsmanager:DescribeSecret",
    "secretsmanager:GetSecretValue",
    "iam:ListAccessKeys",
    "iam:GetAccessKeyLastUsed",
    "iam:ListUserTags",
];

/// A mishap that affects a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The call fails and is not carried out.
    Before(CallErrorKind),
    /// The call is carried out, but fails.
    After(CallErrorKind),
    /// The process dies, and the call is not carried out.
    DieBefore,
    /// The call is carried out, and then the process dies.
    DieAfter,
    /// The response is from before the last change.
    OutOfDate,
    /// A principal that may write the secret acts right before the call.
    Forged(Forgery),
}

/// Returns whether it is time, by the number and the action of the next call.
type Trigger = Box<dyn Fn(usize, &str) -> bool>;

/// An action of someone else during a step.
pub(super) struct Interference {
    due: Trigger,
    act: Box<dyn Fn(&FakeAws)>,
}

/// Returns an error with a fault.
pub(crate) fn failure(action: &'static str, kind: CallErrorKind) -> CallError {
    let code = match kind {
        CallErrorKind::NotFound => "ResourceNotFoundException",
        CallErrorKind::Exists => "ResourceExistsException",
        CallErrorKind::LimitExceeded => "LimitExceeded",
        CallErrorKind::NotAuthenticated => "InvalidClientTokenId",
        CallErrorKind::NotAuthorised => "AccessDenied",
        CallErrorKind::Undecryptable => "DecryptionFailure",
        CallErrorKind::Throttled => "Throttling",
        CallErrorKind::Refused => "InvalidRequestException",
        CallErrorKind::Unsent | CallErrorKind::Unclear => {
            return CallError {
                action,
                kind,
                answer: None,
            };
        }
    };
    let answer = RefusalDetails {
        code: Some(code.to_owned()),
        ..RefusalDetails::default()
    };
    CallError {
        action,
        kind,
        answer: Some(Box::new(answer)),
    }
}

impl FakeAws {
    /// Sets a mishap for the call with this number, counted from now.
    pub(crate) fn inject(&self, number: usize, mishap: Mishap) {
        let number = self.calls.borrow().len() + number;
        self.mishaps.borrow_mut().insert(number, mishap);
    }

    /// Sets a mishap for the n-th call of an action, counted from the first call.
    pub(crate) fn inject_nth(&self, action: &'static str, number: usize, mishap: Mishap) {
        self.nth_mishaps
            .borrow_mut()
            .insert((action, number), mishap);
    }

    /// Makes an operator promote a version to AWSCURRENT before the call with this number,
    /// counted from now.
    pub(crate) fn promote_before(&self, number: usize, version: &'static str) {
        self.act_before(number, move |aws| {
            aws.promote_by_hand(&VersionId::new(version));
        });
    }

    /// Makes someone act before the call with this number, counted from now.
    pub(crate) fn act_before(&self, number: usize, act: impl Fn(&Self) + 'static) {
        let number = self.calls.borrow().len() + number;
        self.interfere(move |at, _| at == number, act);
    }

    /// Makes another run of the rotation store a value before the next call of an action.
    pub(crate) fn store_before(&self, action: &'static str, value: &str) {
        let value = value.to_owned();
        let act = move |aws: &Self| aws.store(TOKEN, &[PENDING], &value);
        self.interfere(move |_, called| called == action, act);
    }

    fn interfere(
        &self,
        due: impl Fn(usize, &str) -> bool + 'static,
        act: impl Fn(&Self) + 'static,
    ) {
        self.interference.replace(Some(Interference {
            due: Box::new(due),
            act: Box::new(act),
        }));
    }

    /// Sets mishaps for the next calls of an action, in order.
    pub(crate) fn inject_into_action(&self, action: &'static str, mishaps: &[Mishap]) {
        self.action_mishaps
            .borrow_mut()
            .entry(action)
            .or_default()
            .extend(mishaps);
    }

    /// Cancels all mishaps.
    pub(crate) fn calm(&self) {
        self.mishaps.borrow_mut().clear();
        self.nth_mishaps.borrow_mut().clear();
        self.action_mishaps.borrow_mut().clear();
    }

    /// Returns the mishap that affects a call.
    fn mishap(&self, number: usize, action: &'static str) -> Option<Mishap> {
        let mut by_action = self.action_mishaps.borrow_mut();
        let next = by_action.get_mut(action).and_then(VecDeque::pop_front);
        let calls = self.calls.borrow();
        let nth = calls[..number]
            .iter()
            .filter(|(called, _)| *called == action)
            .count();
        next.or_else(|| self.nth_mishaps.borrow_mut().remove(&(action, nth)))
            .or_else(|| self.mishaps.borrow_mut().remove(&number))
    }

    /// Makes a call: records it, applies its mishap, and checks the invariants.
    pub(crate) async fn call<T: Told>(
        &self,
        action: &'static str,
        signer: &str,
        effect: impl FnOnce() -> Result<T, CallErrorKind>,
    ) -> Result<T, CallError> {
        let turn = self.turns.wait(action).await;
        let answer = self.carry_out(action, signer, turn.mishap, effect).await;
        self.turns.answered(turn, || {
            let told = match &answer {
                Ok(answer) => answer.tell(),
                Err(error) => format!("{:?}", error.kind),
            };
            (action, told, self.now.get())
        });
        answer
    }

    async fn carry_out<T>(
        &self,
        action: &'static str,
        signer: &str,
        mishap: Option<Mishap>,
        effect: impl FnOnce() -> Result<T, CallErrorKind>,
    ) -> Result<T, CallError> {
        let number = self.calls.borrow().len();
        self.calls.borrow_mut().push((action, signer.to_owned()));
        self.now.set(self.now.get() + self.per_call.get());
        let interference = self
            .interference
            .borrow_mut()
            .take_if(|it| (it.due)(number, action));
        if let Some(interference) = interference {
            (interference.act)(self);
        }
        let mishap = mishap.or_else(|| self.mishap(number, action));
        match mishap {
            Some(Mishap::Before(fault)) => return Err(failure(action, fault)),
            Some(Mishap::DieBefore) => std::future::pending::<()>().await,
            Some(Mishap::Forged(forgery)) => self.forge(forgery),
            _ => {}
        }
        self.out_of_date.set(mishap == Some(Mishap::OutOfDate));
        let answer = effect();
        self.check();
        match mishap {
            Some(Mishap::After(fault)) => Err(failure(action, fault)),
            Some(Mishap::DieAfter) => std::future::pending().await,
            _ => answer.map_err(|fault| failure(action, fault)),
        }
    }
}
