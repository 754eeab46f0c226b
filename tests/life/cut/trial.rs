//! One account whose rotations are cut, one after the other.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ledger::{Ledger, Page};
use super::standing::Standing;
use crate::application::Application;
use crate::world::{Cut, Fault, Key, Proxy, Seen, Watch, World};

pub const SECRET: &str = "prod/mailer";
pub const USER: &str = "mailer";

/// How often RotateSecret is called again before a rotation is given up.
const MOST: u32 = 4;

/// How long a rotation may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a rotation begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// AWSCURRENT's key and AWSPREVIOUS's.
    Rotated,
    /// AWSCURRENT's key alone.
    Single,
    /// AWSCURRENT's key, and one that somebody else has made and uses.
    Foreign,
    /// AWSCURRENT's key, and one that somebody else has made for later.
    ForeignUnused,
    /// AWSCURRENT's key and AWSPREVIOUS's; once the function is ended, somebody
    /// else takes the place that it has made, if it has.
    Intruder,
}

impl Start {
    /// Returns whether only the first step differs from that of another start.
    fn is_for_first_step(self) -> bool {
        matches!(self, Self::Single | Self::Intruder)
    }

    /// Returns whether a cut makes a difference to it.
    pub fn knows(self, cut: Cut) -> bool {
        self != Self::Intruder || cut.kills()
    }
}

/// How a rotation ended.
#[derive(Debug)]
pub enum Ended {
    Well,
    Badly { step: String, error: String },
}

impl Ended {
    fn is_well(&self) -> bool {
        matches!(self, Self::Well)
    }

    /// Returns whether the function's process was ended.
    fn is_by_death(&self) -> bool {
        matches!(self, Self::Badly { error, .. } if error == "Runtime.ExitError")
    }
}

pub struct Trial<'a> {
    world: &'a World,
    proxy: Proxy,
    /// What is under way, for those who find something wrong.
    now: RefCell<String>,
    wrong: RefCell<Vec<String>>,
    rotation: RefCell<Rotation>,
    /// What Secrets Manager said.
    said: RefCell<BTreeSet<String>>,
    pub ledger: RefCell<Ledger>,
    pub calls: u32,
}

/// The rotation that was begun last.
#[derive(Default)]
struct Rotation {
    version: String,
    /// The key that it replaces.
    before: Option<String>,
    /// The key in AWSCURRENT when it was last looked at.
    current: Option<String>,
}

impl<'a> Trial<'a> {
    /// Puts a proxy before the function, and cuts what is to be cut while an
    /// application works on.
    pub async fn hold(world: &'a World, cuts: impl AsyncFnOnce(&Self)) -> Self {
        let mut trial = Self {
            world,
            proxy: Proxy::start(world.endpoint(), Fault::None).await,
            now: RefCell::default(),
            wrong: RefCell::default(),
            rotation: RefCell::default(),
            said: RefCell::default(),
            ledger: RefCell::default(),
            calls: 0,
        };
        world.send_function_through(&trial.proxy.endpoint()).await;
        let watch = trial.proxy.watch();
        let mut application = Application::start(world, SECRET, USER).await;
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
                () = tokio::time::sleep(Duration::from_millis(100)) => {
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
    /// one comes to its end; or until one is cut behind its first step, where the
    /// others are as with another start.
    pub async fn cut_everywhere(&self, start: Start, cut: Cut) {
        let foreign = self.prepare(start).await;
        for number in 1.. {
            *self.now.borrow_mut() = format!("{start:?}, {cut:?} {number}");
            if start == Start::Single {
                self.clear().await;
            }
            let (ended, seen) = self.rotate(Fault::Cut(number, cut)).await;
            let Some(place) = seen.cut else {
                self.ledger.borrow_mut().page(start).calls = seen.calls;
                self.conclude(foreign.as_ref(), &ended, 0).await;
                break;
            };
            let call = &seen.calls[place as usize - 1];
            self.note(&format!(", {} (call {place})", call.action));
            if cut.kills() && !ended.is_by_death() {
                self.wrong(format!("the function outlived it: {ended:?}"));
            }
            if let Ended::Badly { step, error } = &ended {
                self.note(&format!(", {step} {error}"));
                if cut.kills() {
                    let mut ledger = self.ledger.borrow_mut();
                    ledger.page(start).steps.insert(place, step.clone());
                }
                self.look(1, foreign.as_ref()).await;
            }
            let standing = self.go_on(start, cut, foreign.as_ref(), ended).await;
            let is_behind = self.ledger.borrow_mut().page(start).is_behind_first(place);
            let is_lost = |key: &Key| standing.keys.get(&key.id) != Some(&true);
            if (start.is_for_first_step() && is_behind) || foreign.as_ref().is_some_and(is_lost) {
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
        mut ended: Ended,
    ) -> Standing {
        let intruder = match start {
            Start::Intruder if !ended.is_well() => self.intrude().await,
            _ => None,
        };
        let mut again = 0;
        if let Some(intruder) = &intruder {
            (ended, _) = self.rotate(Fault::None).await;
            self.look(1, Some(intruder)).await;
            if self
                .world
                .keys(USER)
                .await
                .expect("the user")
                .contains_key(&intruder.id)
            {
                self.world.delete_key(USER, &intruder.id).await;
            }
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
        let keys = self.world.keys(USER).await.expect("the user");
        if keys.len() == 2 {
            return None;
        }
        let key = self.world.make_key(USER).await;
        self.world.holder(&key).await.expect("a new key works");
        Some(key)
    }

    /// Makes what a rotation is to begin with; returns the foreign key, if any.
    async fn prepare(&self, start: Start) -> Option<Key> {
        self.look(0, None).await;
        match start {
            Start::Rotated | Start::Single | Start::Intruder => None,
            Start::Foreign | Start::ForeignUnused => {
                self.clear().await;
                let key = self.world.make_key(USER).await;
                if start == Start::Foreign {
                    self.world.holder(&key).await.expect("a new key works");
                }
                Some(key)
            }
        }
    }

    /// Deletes every key but AWSCURRENT's.
    async fn clear(&self) {
        let current = self.rotation.borrow().current.clone();
        for id in self.world.keys(USER).await.expect("the user").keys() {
            if Some(id) != current.as_ref() {
                self.world.delete_key(USER, id).await;
            }
        }
    }

    /// Has Secrets Manager rotate, or take up what was left, and waits for the end.
    /// Returns it with what the function did.
    async fn rotate(&self, fault: Fault) -> (Ended, Seen) {
        self.proxy.meet(fault);
        let heard = self.world.emulator_log().len();
        let request = self.world.secretsmanager.rotate_secret();
        match request.secret_id(SECRET).send().await {
            Ok(answer) => {
                let mut rotation = self.rotation.borrow_mut();
                rotation.version = answer.version_id.expect("a version");
                rotation.before = rotation.current.clone();
            }
            Err(error) => {
                let code = error.code();
                assert_eq!(code, Some("InvalidRequestException"), "{error:?}");
                let said = error.message().unwrap_or_default().to_owned();
                self.said.borrow_mut().insert(said);
            }
        }
        let ended = self.end(heard).await;
        (ended, self.proxy.meet(Fault::None))
    }

    /// Returns how the rotation ends, the log having been heard up to a place.
    async fn end(&self, heard: usize) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let mut calls = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let log = self.world.emulator_log();
            if let Some(ended) = failure(&log[heard..]) {
                return ended;
            }
            let now = self.now.borrow().clone();
            assert!(Instant::now() < deadline, "{now}: no end\n{log}");
            // It has not ended while it makes calls, and not well before it has
            // moved a label.
            let seen = self.proxy.seen();
            let rests = seen.calls.len() == calls;
            calls = seen.calls.len();
            let mut actions = seen.calls.iter().map(|call| call.action.as_str());
            if rests && actions.any(|action| action == "UpdateSecretVersionStage") {
                let held = self.world.secret(SECRET).await.expect("the secret");
                if held.labels["AWSCURRENT"] == self.rotation.borrow().version
                    && !held.labels.contains_key("AWSPENDING")
                {
                    return Ended::Well;
                }
            }
        }
    }

    /// Expects a rotation to have ended as it is bound to: well, and after being
    /// taken up once at most, unless a foreign key is in its way.
    async fn conclude(&self, foreign: Option<&Key>, ended: &Ended, again: u32) -> Standing {
        let standing = self.look(0, foreign).await;
        if foreign.is_some() {
            if ended.is_well() {
                self.wrong("it found a place that there is not".into());
            }
            return standing;
        }
        if !ended.is_well() || again > 1 {
            self.wrong(format!("{ended:?} after {again} more RotateSecret"));
        }
        let rotation = self.rotation.borrow();
        if standing.labels["AWSCURRENT"] != rotation.version {
            self.wrong(format!("another version is current: {standing}"));
        }
        if standing.key("AWSPREVIOUS") != rotation.before.as_deref() {
            self.wrong(format!("{:?} is not previous: {standing}", rotation.before));
        }
        drop(rotation);
        standing
    }

    /// Looks at what is there: two keys at most, AWSCURRENT's and the foreign one
    /// active, and no more than so many that no version names.
    async fn look(&self, strays: usize, foreign: Option<&Key>) -> Standing {
        let standing = Standing::of(self.world, SECRET, USER).await;
        let current = standing.key("AWSCURRENT");
        let kept = [current, foreign.map(|key| key.id.as_str())];
        for id in kept.into_iter().flatten() {
            if standing.keys.get(id) != Some(&true) {
                self.wrong(format!("{id} is not active any more: {standing}"));
            }
        }
        let strays = strays + usize::from(foreign.is_some());
        if standing.keys.len() > 2 || standing.strays().len() > strays {
            self.wrong(format!("keys that no version names: {standing}"));
        }
        self.rotation.borrow_mut().current = current.map(str::to_owned);
        standing
    }

    /// Expects that nothing was logged or answered that is told on the wire only.
    async fn check_for_secrets(&self) {
        let told = self.proxy.told();
        assert!(told.len() > 10, "hardly anything was told");
        let mut lines = self.world.logged().await;
        assert!(lines.len() > 10, "hardly anything was logged");
        lines.extend(self.said.borrow().iter().cloned());
        lines.extend(self.world.emulator_log().lines().map(str::to_owned));
        let text = lines.join("\n");
        for secret in told.iter().filter(|secret| text.contains(*secret)) {
            let found = lines.iter().filter(|line| line.contains(secret)).take(3);
            let found = found.map(|line| line.replace(secret, "[a secret]"));
            self.wrong(format!(
                "a secret is told: {:#?}",
                found.collect::<Vec<_>>()
            ));
        }
    }

    fn note(&self, what: &str) {
        self.now.borrow_mut().push_str(what);
    }

    fn expect(&self, outcome: Result<(), String>) {
        if let Err(wrong) = outcome {
            self.wrong(wrong);
        }
    }

    fn wrong(&self, wrong: String) {
        let wrong = format!("{}: {wrong}", self.now.borrow());
        self.wrong.borrow_mut().push(wrong);
    }
}

/// Returns how the rotation failed, if Secrets Manager's log says that it did.
fn failure(log: &str) -> Option<Ended> {
    let (_, line) = log.split_once(&format!("rotation of {SECRET}: "))?;
    let (line, _) = line.split_once('\n')?;
    let (step, error) = line.split_once(" failed with ").unwrap_or(("", line));
    Some(Ended::Badly {
        step: step.to_owned(),
        error: error.to_owned(),
    })
}
