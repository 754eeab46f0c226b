//! A manifest, an account, and the ways to run a command in it.

use std::collections::HashSet;

use futures_util::FutureExt;

use super::super::fake::{AwsState, FakeAws, Fault, FaultKind};
use super::super::{
    Artifact, Artifacts, Bootstrapped, Context, Deployed, DeploymentInputs, Error, LogReader, Pace,
    Passwords, Recreation, Restored, TeardownReport, Verified, bootstrap, examine, fix,
    observe_entry, observe_teardown, preflight, restore, rotate_entry, teardown, verify,
};
use crate::model::{self, Model};
use crate::plan::{Diagnosis, Drift, Preflight, TeardownOptions};
use crate::render::{self, Fleet, Record, Strategy};
use crate::tool::testing::Recorder;

/// A manifest, rendered, with the account it meets.
pub struct Scenario {
    pub model: Model,
    pub template: String,
    pub state: AwsState,
    pub pace: Pace,
    pub passwords: Passwords,
    pub recreated: Recreation,
    /// The drift that a person was shown, or `None` if nobody was asked.
    pub shown: Option<Vec<Drift>>,
}

/// How a process ended: nothing where it died.
pub type Ended<T> = Option<Result<T, Error>>;

impl Scenario {
    /// Reads the entries of a manifest, and prepares the account.
    pub fn new(entries: &str, prepare: impl FnOnce(&mut AwsState)) -> Self {
        Self::of(&format!("access_keys:\n{entries}"), prepare)
    }

    /// Reads the entries of both kinds, and prepares the account.
    pub fn of(entries: &str, prepare: impl FnOnce(&mut AwsState)) -> Self {
        let text = format!("version: 1\nstack: keys\n{entries}");
        let model = model::load(&text, None).unwrap().model;
        let fleet = Fleet::of(model, Record::default()).unwrap();
        let template = render::render(&fleet.shards, &render::Templates::built_in().unwrap())
            .unwrap()
            .stacks()[0]
            .to_owned();
        let model = fleet.shards[0].model.clone();
        let mut state = AwsState::new();
        prepare(&mut state);
        Self {
            model,
            template,
            state,
            pace: Pace::AWS,
            passwords: Passwords::new(),
            recreated: Recreation::new(),
            shown: None,
        }
    }

    pub fn fake(&self) -> FakeAws {
        FakeAws::new(self.state.clone())
    }

    pub fn context<'a>(
        &self,
        fake: &'a FakeAws,
        listener: &'a Recorder,
        logs: &'a LogReader,
    ) -> Context<'a> {
        Context {
            cloud: fake,
            clock: fake,
            listener,
            pace: self.pace,
            region: "eu-west-1",
            logs,
        }
    }

    /// Runs a command as a process of its own.
    pub fn run<T>(
        &self,
        fake: &FakeAws,
        fault: Option<Fault>,
        command: impl AsyncFnOnce(&Context<'_>) -> Result<T, Error>,
    ) -> Ended<T> {
        self.run_with(fake, fault, &Recorder::default(), command)
    }

    /// Runs a command as a process of its own, and records its events.
    pub fn run_with<T>(
        &self,
        fake: &FakeAws,
        fault: Option<Fault>,
        listener: &Recorder,
        command: impl AsyncFnOnce(&Context<'_>) -> Result<T, Error>,
    ) -> Ended<T> {
        fake.begin(fault);
        let logs = LogReader::default();
        let context = self.context(fake, listener, &logs);
        // Nothing in the fake waits for anything but death.
        let ended = command(&context).now_or_never();
        assert_eq!(ended.is_none(), fake.is_dead());
        ended
    }

    pub fn bootstrap(&self, fake: &FakeAws, fault: Option<Fault>) -> Ended<Bootstrapped> {
        self.bootstrap_with(fake, fault, true)
    }

    pub fn bootstrap_with(
        &self,
        fake: &FakeAws,
        fault: Option<Fault>,
        rotates: bool,
    ) -> Ended<Bootstrapped> {
        let (artifacts, passwords) = (artifacts(), self.passwords.clone());
        self.run(fake, fault, async |context| {
            let cleared = preflight(context, &self.model, Preflight { rotates }).await?;
            let inputs = DeploymentInputs {
                artifacts: &artifacts,
                template: &self.template,
                passwords: &passwords,
                rotates,
                recreated: &self.recreated,
                shown: self.shown.as_deref(),
            };
            bootstrap(context, &self.model, &cleared, inputs).await
        })
    }

    /// Rotates the first entry.
    pub fn rotate(&self, fake: &FakeAws, fault: Option<Fault>) -> Ended<Verified> {
        self.run(fake, fault, async |context| {
            let entry = &self.model.entries[0];
            let deployed = Deployed::observe(context, &self.model).await?;
            let seen = observe_entry(context, entry).await?;
            let rotated = rotate_entry(context, &self.model, &deployed, &seen).await?;
            verify(context, &deployed, entry, Some(&rotated)).await
        })
    }

    /// Makes the previous version of the first entry's secret current again.
    pub fn restore(&self, fake: &FakeAws, fault: Option<Fault>) -> Ended<Restored> {
        self.run(fake, fault, async |context| {
            let deployed = Deployed::observe(context, &self.model).await?;
            restore(context, &deployed, &self.model.entries[0]).await
        })
    }

    pub fn teardown(
        &self,
        fake: &FakeAws,
        fault: Option<Fault>,
        options: TeardownOptions,
    ) -> Ended<TeardownReport> {
        self.teardown_with(fake, fault, options, &Recorder::default())
    }

    /// Tears the stack down, and records the events.
    pub fn teardown_with(
        &self,
        fake: &FakeAws,
        fault: Option<Fault>,
        options: TeardownOptions,
        listener: &Recorder,
    ) -> Ended<TeardownReport> {
        self.run_with(fake, fault, listener, async |context| {
            let plan = observe_teardown(context, &self.model, options).await?;
            teardown(context, &self.model, plan, options).await
        })
    }
}

impl Scenario {
    /// Looks, fixes, and looks again, until nothing is left; fails with what did not go well.
    pub fn repair(&self, fake: &FakeAws, fault: Option<Fault>) -> Ended<Vec<Diagnosis>> {
        self.run(fake, fault, async |context| {
            let mut found = examine(context, &self.model).await?.faults;
            let mut shown = Vec::new();
            for _ in 0..3 {
                shown.extend(found.clone());
                let failures = fix(context, &self.model, &found, &shown).await?;
                if let Some((_, error)) = failures.into_iter().next() {
                    return Err(error);
                }
                found = examine(context, &self.model).await?.faults;
            }
            Ok(found)
        })
    }
}

/// Returns the functions' zips.
pub fn artifacts() -> Artifacts {
    let mut artifacts = Artifacts::default();
    for (strategy, zip) in [
        (Strategy::AccessKeys, &b"the function"[..]),
        (Strategy::Databases, b"the function of databases"),
    ] {
        let artifact = Artifact {
            sha256: crate::bundle::sha256_hex(zip),
            code_sha256: crate::bundle::sha256_base64(zip),
            executable_sha256: crate::bundle::sha256_hex(zip),
            zip: zip.to_vec(),
        };
        artifacts.add(strategy, artifact);
    }
    artifacts
}

/// Runs a command with every fault at every call, each followed by runs without
/// faults until one ends well; returns how many processes that were.
///
/// A process that dies at a read leaves what one leaves that dies before the next write, so it dies
/// at writes only. Runs without faults follow once from each state that processes leave within the
/// same minute.
pub fn explore<T>(
    start: impl Fn() -> FakeAws,
    run: impl Fn(&FakeAws, Option<Fault>) -> Ended<T>,
    check: impl Fn(&FakeAws, &T),
) -> usize {
    let mut processes = 1;
    let fake = start();
    let ended = run(&fake, None).expect("it lives");
    let names = fake.names();
    let calls = names.len();
    check(
        &fake,
        &ended.unwrap_or_else(|error| panic!("without a fault: {error}")),
    );
    let mut left = HashSet::new();
    for call in 1..=calls {
        for &kind in FaultKind::of(names[call - 1]) {
            let fake = start();
            let first = run(&fake, Some(Fault { call, kind }));
            let name = fake
                .log
                .borrow()
                .get(call - 1)
                .copied()
                .unwrap_or("no call");
            let place = format!("{kind:?} at call {call} of {calls}, {name}");
            let met = first.is_none() || matches!(first, Some(Err(_)));
            processes += 1;
            if !left.insert(fake.state.borrow().to_the_minute()) {
                continue;
            }
            let mut last = first
                .and_then(Result::err)
                .map(|error| format!("{error:?}"));
            let done = (0..4).find_map(|_| {
                processes += 1;
                match run(&fake, None).expect("it lives") {
                    Ok(done) => Some(done),
                    Err(error) => {
                        last = Some(format!("{error:?}"));
                        None
                    }
                }
            });
            let done = done.unwrap_or_else(|| panic!("{place} (met: {met}): {last:?}"));
            check(&fake, &done);
        }
    }
    processes
}

/// Tells how much was explored.
pub fn tell(what: &str, processes: usize) {
    println!("{what}: {processes} processes");
}
