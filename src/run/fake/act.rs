//! Makes the calls to the fake: counts them and injects faults.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::task::Poll;

use jiff::Timestamp;

use super::state::AwsState;
use crate::port::{Error, ErrorKind, Result};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// AWS refuses it for now; it has no effect.
    Throttled,
    /// It never arrives.
    Lost,
    /// It has its effect, and the answer is lost.
    Unanswered,
    /// The program dies before it.
    DiesBefore,
    /// It has its effect, and the program dies.
    DiesAfter,
    /// The session has expired, so AWS refuses it.
    SignedOut,
}

impl FaultKind {
    /// Returns every kind that makes a difference to this call, and after which another run
    /// continues. A read has no effect, so an answer that is lost is a read that never arrived.
    pub fn of(call: &str) -> &'static [Self] {
        const READ: [&str; 5] = ["Describe", "Get", "Head", "List", "Lookup"];
        let action = call.split_once(':').map_or(call, |(_, action)| action);
        match READ.iter().any(|verb| action.starts_with(verb)) {
            true => &[Self::Throttled, Self::Lost],
            false => &[
                Self::Throttled,
                Self::Lost,
                Self::Unanswered,
                Self::DiesBefore,
                Self::DiesAfter,
            ],
        }
    }
}

/// A call, counted from 1, that does not go well.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Which.
    pub call: usize,
    /// How.
    pub kind: FaultKind,
}

/// AWS as the program sees it.
pub struct FakeAws {
    pub state: RefCell<AwsState>,
    fault: Cell<Option<Fault>>,
    calls: Cell<usize>,
    /// The program is dead: nothing it does has any effect any more.
    dead: Cell<bool>,
    /// The calls that were made, by name.
    pub log: RefCell<Vec<&'static str>>,
    /// When each was made.
    times: RefCell<Vec<Timestamp>>,
    /// Several programs run, each of which lets the others go on before a call and a wait.
    interleaved: Cell<bool>,
}

impl FakeAws {
    pub fn new(state: AwsState) -> Self {
        Self {
            state: RefCell::new(state),
            fault: Cell::new(None),
            calls: Cell::new(0),
            dead: Cell::new(false),
            log: RefCell::default(),
            times: RefCell::default(),
            interleaved: Cell::new(false),
        }
    }

    /// Several programs begin at the same moment. Then time passes only by calls, and by what
    /// the test lets pass while all of them wait.
    pub fn begin_several(&self) {
        self.begin(None);
        self.interleaved.set(true);
    }

    /// Lets other programs go on.
    async fn interleave(&self) {
        let mut waits = self.interleaved.get();
        poll_fn(|context| match std::mem::take(&mut waits) {
            true => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            false => Poll::Ready(()),
        })
        .await;
    }

    /// A new process begins, which meets this fault.
    pub fn begin(&self, fault: Option<Fault>) {
        self.fault.set(fault);
        self.calls.set(0);
        self.dead.set(false);
        self.log.borrow_mut().clear();
        self.times.borrow_mut().clear();
        self.state.borrow_mut().begin();
    }

    /// Returns how many calls were made since the process began.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Returns the names of the calls since the process began, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.log.borrow().clone()
    }

    /// Returns which call was the first of its name, and when it was made.
    pub fn first(&self, name: &str) -> Option<(usize, Timestamp)> {
        let index = self.log.borrow().iter().position(|call| *call == name)?;
        Some((index + 1, self.times.borrow()[index]))
    }

    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Carries a call out, or lets it meet its fault.
    pub(super) async fn act<T>(
        &self,
        call: &'static str,
        effect: impl FnOnce(&mut AwsState) -> Result<T>,
    ) -> Result<T> {
        if self.dead.get() {
            pending::<()>().await;
        }
        self.interleave().await;
        self.calls.set(self.calls.get() + 1);
        self.log.borrow_mut().push(call);
        self.times.borrow_mut().push(self.state.borrow().now);
        let met = self.fault.get().filter(|met| met.call == self.calls.get());
        let failure = |kind, message: &str| {
            Err(Error {
                call,
                kind,
                code: None,
                message: message.to_owned(),
            })
        };
        if self.state.borrow().denied_calls.contains(call) {
            return failure(ErrorKind::Denied, "the policy does not allow it");
        }
        match met.map(|fault| fault.kind) {
            Some(FaultKind::Throttled) => return failure(ErrorKind::Throttled, "slow down"),
            Some(FaultKind::Lost) => return failure(ErrorKind::Unavailable, "no connection"),
            Some(FaultKind::SignedOut) => {
                return failure(ErrorKind::Credentials, "the session has expired");
            }
            Some(FaultKind::DiesBefore) => {
                self.dead.set(true);
                pending::<()>().await;
            }
            _ => {}
        }
        let answer = {
            let mut state = self.state.borrow_mut();
            state.pass(super::state::LATENCY);
            let answer = effect(&mut state);
            state.intrude();
            state.watch(call);
            answer.map_err(|error| Error { call, ..error })
        };
        match met.map(|fault| fault.kind) {
            Some(FaultKind::Unanswered) => failure(ErrorKind::Unavailable, "no answer"),
            Some(FaultKind::DiesAfter) => {
                self.dead.set(true);
                pending::<()>().await;
                answer
            }
            _ => answer,
        }
    }

    /// Lets time pass, unless the program is dead.
    pub(super) async fn rest(&self, duration: std::time::Duration) {
        if self.dead.get() {
            pending::<()>().await;
        }
        if self.interleaved.get() {
            let until = self.state.borrow().now + duration;
            while self.state.borrow().now < until {
                self.interleave().await;
            }
            return;
        }
        let mut state = self.state.borrow_mut();
        state.pass(duration);
        state.watch("time passes");
    }
}
