//! One account whose rotations are cut, one after the other.

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

/// How often RotateSecret is called again before a rotation is given up.
const MOST: u32 = 4;

/// How often the application calls. What is there at each change, it looks at
/// in any case.
const PACE: Duration = Duration::from_millis(200);

/// An account, a proxy before its function, and what came of it.
pub struct Trial<'a> {
    pub(super) test: &'a TestEnvironment,
    pub(super) proxy: Proxy,
    /// What is under way, for those who find something wrong.
    pub(super) now: RefCell<String>,
    /// What was found wrong.
    pub(super) wrong: RefCell<Vec<String>>,
    /// The rotation that was begun last.
    pub(super) rotation: RefCell<Rotation>,
    /// What was there when it was last looked at.
    pub(super) key_state: RefCell<KeyState>,
    /// What Secrets Manager said.
    pub(super) said: RefCell<BTreeSet<String>>,
    pub ledger: RefCell<Ledger>,
    /// How often the application called.
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

    /// Returns what was found wrong.
    pub fn findings(&self) -> Vec<String> {
        self.wrong.borrow().clone()
    }

    /// Works on, and looks at each change before it is answered.
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

    /// Cuts a rotation at its first call, another at its second, and so on, until
    /// one comes to its end, or is cut further than it should reach. Calls that
    /// are made side by side are not always as many, so two have to come to their
    /// end.
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
            // Whose key it is takes it away, and no more is needed.
            self.note(", and without the foreign key");
            self.clear().await;
            let (ended, _) = self.rotate(Fault::None).await;
            self.conclude(None, &ended, 1).await;
        }
    }

    /// Calls RotateSecret again until the rotation ends as it is bound to.
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

    /// Has somebody else make a key and use it, where there is room.
    async fn intrude(&self) -> Option<Key> {
        let keys = self.test.keys(USER).await.expect("the user");
        if keys.len() == 2 {
            return None;
        }
        let key = self.test.make_key(USER).await;
        self.test.holder(&key).await.expect("a new key works");
        Some(key)
    }

    /// Makes what a rotation is to begin with; returns the foreign key, if any.
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

    /// Deletes every key but AWSCURRENT's.
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

    fn note(&self, what: &str) {
        self.now.borrow_mut().push_str(what);
    }
}
