//! An account whose rotations are interrupted, one after the other.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use super::key_state::KeyState;
use super::ledger::{Ledger, Page};
use super::rotation::{Rotation, RotationOutcome};
use super::start::{Reach, Start};
use super::{SECRET, USER};
use crate::application::Application;
use crate::environment::{Cut, Fault, Key, Proxy, TestEnvironment, Watch};

/// The maximum number of RotateSecret calls to complete a rotation.
const MOST: u32 = 4;

/// The interval between the application's calls. It also calls at each change.
const PACE: Duration = Duration::from_millis(200);

/// An account, a proxy for its function, and the results.
pub struct Trial<'a> {
    pub(super) test: &'a TestEnvironment,
    pub(super) proxy: Proxy,
    /// The current activity, for reports.
    pub(super) now: RefCell<String>,
    /// The problems that were found.
    pub(super) wrong: RefCell<Vec<String>>,
    /// The last rotation that was started.
    pub(super) rotation: RefCell<Rotation>,
    /// The state when it was last read.
    pub(super) key_state: RefCell<KeyState>,
    /// Secrets Manager's messages.
    pub(super) said: RefCell<BTreeSet<String>>,
    pub ledger: RefCell<Ledger>,
    /// The number of the application's calls.
    pub calls: u32,
}

impl<'a> Trial<'a> {
    /// Puts a proxy before the function, and interrupts the chosen calls while an
    /// application continues to work.
    pub async fn hold(test: &'a TestEnvironment, cuts: impl AsyncFnOnce(&Self)) -> Self {
        let mut trial = Self {
            test,
            proxy: Proxy::start(test.endpoint(), Fault::None).await,
            now: RefCell::default(),
            wrong: RefCell::default(),
            rotation: RefCell::default(),
            key_state: RefCell::default(),
            said: RefCell::default(),
            ledger: RefCell::default(),
            calls: 0,
        };
        test.send_function_through(&trial.proxy.endpoint()).await;
        let watch = trial.proxy.watch();
        let mut application = Application::start(test, SECRET, USER).await;
        tokio::select! {
            () = cuts(&trial) => {}
            () = trial.work_on(&mut application, watch) => {}
        }
        trial.check_for_secrets().await;
        trial.calls = application.calls;
        trial
    }

    /// Returns the problems that were found.
    pub fn findings(&self) -> Vec<String> {
        self.wrong.borrow().clone()
    }

    /// Runs the application, and checks each change before it is answered.
    async fn work_on(&self, application: &mut Application<'_>, mut watch: Watch) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(PACE) => {
                    self.expect(application.call().await);
                }
                Some(done) = watch.recv() => {
                    self.expect(application.call_anew().await);
                    let _ = done.send(());
                }
            }
        }
    }

    /// Interrupts a rotation at its first call, another at its second, and so on, until one
    /// completes or is interrupted later than it should be. The number of concurrent calls
    /// varies, so two must complete.
    pub async fn cut_everywhere(&self, start: Start, reach: Reach, cut: Cut) {
        let foreign = self.prepare(start).await;
        let mut uncut = 0;
        for number in 1.. {
            *self.now.borrow_mut() = format!("{start:?}, {cut:?} {number}");
            if start == Start::Single {
                self.clear().await;
            }
            let (ended, seen) = self.rotate(Fault::Cut(number, cut)).await;
            let Some(place) = seen.cut else {
                self.ledger.borrow_mut().page(start).calls = seen.calls;
                self.conclude(foreign.as_ref(), &ended, 0).await;
                uncut += 1;
                if uncut == 2 {
                    break;
                }
                continue;
            };
            let call = &seen.calls[place as usize - 1];
            self.note(&format!(", {} (call {place})", call.action));
            if cut.kills() && !ended.is_by_death() {
                self.wrong(format!("the function outlived it: {ended:?}"));
            }
            if let RotationOutcome::Badly { step, error } = &ended {
                self.note(&format!(", {step} {error}"));
                if cut.kills() {
                    let mut ledger = self.ledger.borrow_mut();
                    ledger.page(start).steps.insert(place, step.clone());
                }
                self.look(1, foreign.as_ref()).await;
            }
            let key_state = self.go_on(start, cut, foreign.as_ref(), ended).await;
            let is_behind = self.ledger.borrow_mut().page(start).is_behind_first(place);
            let is_lost = |key: &Key| key_state.keys.get(&key.id) != Some(&true);
            if (reach == Reach::FirstStep && is_behind) || foreign.as_ref().is_some_and(is_lost) {
                break;
            }
        }
        if foreign.is_some() {
            // The key's owner deletes it, and nothing else is necessary.
            self.note(", and without the foreign key");
            self.clear().await;
            let (ended, _) = self.rotate(Fault::None).await;
            self.conclude(None, &ended, 1).await;
        }
    }

    /// Calls RotateSecret again until the rotation ends as expected.
    async fn go_on(
        &self,
        start: Start,
        cut: Cut,
        foreign: Option<&Key>,
        mut ended: RotationOutcome,
    ) -> KeyState {
        let intruder = match start {
            Start::Intruder if !ended.is_well() => self.intrude().await,
            _ => None,
        };
        let mut again = 0;
        if let Some(intruder) = &intruder {
            (ended, _) = self.rotate(Fault::None).await;
            self.look(1, Some(intruder)).await;
            self.delete(|id| id == intruder.id).await;
        }
        while again < MOST && !ended.is_well() && (foreign.is_none() || again == 0) {
            again += 1;
            (ended, _) = self.rotate(Fault::None).await;
        }
        let count = |page: &mut Page| *page.again.entry((cut, again)).or_default() += 1;
        count(self.ledger.borrow_mut().page(start));
        self.conclude(foreign, &ended, again).await
    }

    /// Creates and uses a key as another principal, if the user can have one more.
    async fn intrude(&self) -> Option<Key> {
        let keys = self.test.keys(USER).await.expect("the user");
        if keys.len() == 2 {
            return None;
        }
        let key = self.test.make_key(USER).await;
        self.test.holder(&key).await.expect("a new key works");
        Some(key)
    }

    /// Prepares the start of a rotation, and returns the foreign key, if any.
    async fn prepare(&self, start: Start) -> Option<Key> {
        self.look(0, None).await;
        match start {
            Start::Rotated | Start::Single | Start::Intruder => None,
            Start::Foreign | Start::ForeignUnused => {
                self.clear().await;
                let key = self.test.make_key(USER).await;
                if start == Start::Foreign {
                    self.test.holder(&key).await.expect("a new key works");
                }
                Some(key)
            }
        }
    }

    /// Deletes every key except AWSCURRENT's.
    async fn clear(&self) {
        let key_state = self.key_state.borrow().clone();
        self.delete(|id| Some(id) != key_state.key("AWSCURRENT"))
            .await;
    }

    async fn delete(&self, goes: impl Fn(&str) -> bool) {
        let keys = self.test.keys(USER).await.expect("the user");
        for id in keys.keys().filter(|id| goes(id)) {
            self.test.delete_key(USER, id).await;
        }
    }

    pub(super) fn note(&self, what: &str) {
        self.now.borrow_mut().push_str(what);
    }
}
