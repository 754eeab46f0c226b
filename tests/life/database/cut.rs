//! Interrupts rotations at each of the function's calls to AWS, over HTTP.
//!
//! The number of calls in a rotation is not written here. Each rotation is interrupted one call
//! later than the one before, until one completes. At each change, an application checks
//! whether a version with one of Secrets Manager's labels works: AWSCURRENT's does unless the
//! server was given another password. After the interruptions, the rotation succeeds with one
//! more RotateSecret.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;

use super::client::{Refused, log_in};
use super::rotation::{RotationOutcome, rotate};
use super::site::{SECRET, Site};
use super::test_server::{self, Engine};
use crate::environment::{Cut, Fault, Proxy, Watch};

/// The number of findings that are shown, because one fault breaks many rotations.
const TOLD: usize = 30;

/// The maximum number of RotateSecret calls to complete a rotation.
const MOST: u32 = 4;

const STAGES: [&str; 3] = ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"];

/// The label of the version whose password was sent to the server last.
const SETTING: &str = "KEYROTA_SETTING";

/// A database whose rotations are interrupted, one after the other.
struct Trial<'a> {
    site: &'a Site,
    proxy: Proxy,
    /// The current activity, for reports.
    now: RefCell<String>,
    wrong: RefCell<Vec<String>>,
    looks: RefCell<u32>,
    /// How many rotations were interrupted, by how often RotateSecret was called again.
    again: RefCell<BTreeMap<(Cut, u32), u32>>,
}

impl Trial<'_> {
    /// Checks each change before it is answered.
    async fn watch(&self, mut watch: Watch) {
        while let Some(done) = watch.recv().await {
            self.look().await;
            let _ = done.send(());
        }
    }

    /// Tries the labels' values.
    async fn look(&self) {
        *self.looks.borrow_mut() += 1;
        let labels = self.site.test.secret(SECRET).await.expect("it").labels;
        let mut lets_in = Vec::new();
        for stage in STAGES {
            let Some(value) = self.site.test.value(SECRET, stage).await else {
                continue;
            };
            match log_in(&self.site.server, &value).await {
                Ok(()) => lets_in.push(stage),
                Err(Refused::Wrong) => {}
                Err(other) => self.wrong(format!("{stage}: {other:?}")),
            }
            if stage == STAGES[0] && !lets_in.is_empty() {
                return;
            }
        }
        if lets_in.is_empty() {
            self.wrong(format!("nobody is let in: {:?}", labels.keys()));
        }
        // AWSCURRENT may be refused only between the password change and the move of the label.
        let given = labels.get(SETTING);
        if given.is_none() || given == labels.get("AWSCURRENT") {
            self.wrong(format!("AWSCURRENT is refused: {:?}", labels.keys()));
        }
    }

    /// Interrupts a rotation at its first call, another at its second, and so on, until two
    /// complete: the number of concurrent calls varies.
    async fn cut_everywhere(&self, cut: Cut) {
        let mut uncut = 0;
        for number in 1.. {
            *self.now.borrow_mut() = format!("{cut:?} {number}");
            let before = self.site.value("AWSCURRENT").await;
            self.proxy.meet(Fault::Cut(number, cut));
            let mut ended = rotate(&self.site.test, SECRET).await;
            let seen = self.proxy.meet(Fault::None);
            if let Some(place) = seen.cut {
                let call = &seen.calls[place as usize - 1];
                let note = format!(", {} (call {place}), {ended:?}", call.action);
                self.now.borrow_mut().push_str(&note);
                if cut.kills() && !ended.is_by_death() {
                    self.wrong("the function outlived it".into());
                }
            } else {
                uncut += 1;
            }
            self.look().await;
            let mut again = 0;
            while again < MOST && !ended.is_well() {
                again += 1;
                ended = rotate(&self.site.test, SECRET).await;
            }
            self.conclude(&ended, again, &before).await;
            if seen.cut.is_some() {
                *self.again.borrow_mut().entry((cut, again)).or_default() += 1;
            }
            if uncut == 2 {
                return;
            }
        }
    }

    /// Expects that a rotation succeeded after being resumed at most once.
    async fn conclude(&self, ended: &RotationOutcome, again: u32, before: &serde_json::Value) {
        let RotationOutcome::Well(version) = ended else {
            self.wrong(format!("it does not end: {ended:?}"));
            return;
        };
        if again > 1 {
            self.wrong(format!("it ended after {again} more RotateSecret"));
        }
        let labels = self.site.test.secret(SECRET).await.expect("it").labels;
        if labels.get("AWSCURRENT") != Some(version) {
            self.wrong("another version is current".into());
        }
        if labels.get(SETTING).is_some_and(|held| held != version) {
            self.wrong(format!("{SETTING} is on another version"));
        }
        let current = self.site.value("AWSCURRENT").await;
        if log_in(&self.site.server, &current).await != Ok(()) {
            self.wrong("AWSCURRENT is refused at the end".into());
        }
        if log_in(&self.site.server, before).await == Ok(()) {
            self.wrong("the password before still works".into());
        }
    }

    fn wrong(&self, wrong: String) {
        let wrong = format!("{}: {wrong}", self.now.borrow());
        self.wrong.borrow_mut().push(wrong);
    }
}

/// Interrupts rotations in an account of their own, and returns the problems.
async fn cut(engine: Engine, cuts: &[Cut]) -> Vec<String> {
    let began = std::time::Instant::now();
    let site = Site::bootstrapped(test_server::shared(engine), "").await;
    let trial = Trial {
        proxy: Proxy::start(site.test.endpoint(), Fault::None).await,
        site: &site,
        now: RefCell::default(),
        wrong: RefCell::default(),
        looks: RefCell::default(),
        again: RefCell::default(),
    };
    let endpoint = trial.proxy.endpoint();
    site.test.send_function_through(&endpoint).await;
    let watch = trial.proxy.watch();
    let all = async {
        for &cut in cuts {
            trial.cut_everywhere(cut).await;
        }
    };
    tokio::select! {
        () = all => {}
        () = trial.watch(watch) => {}
    }
    for told in trial.proxy.secret_values() {
        site.test.conceal(&told);
    }
    site.test.check_logs_for_secrets().await;
    // Printed even if the test's output is captured.
    let _ = writeln!(
        std::io::stderr(),
        "{}: cut, more RotateSecret: {:?}; {} looks, {:.1} s",
        test_server::name(engine),
        trial.again.borrow(),
        trial.looks.borrow(),
        began.elapsed().as_secs_f32(),
    );
    trial.wrong.into_inner()
}

#[test]
fn a_rotation_that_is_cut_anywhere_locks_nobody_out_and_is_finished_by_the_next() {
    // A throttled call is not carried out, as with `Before`.
    let accounts: [(Engine, &[Cut]); 3] = [
        (Engine::Postgres, &[Cut::KillBefore, Cut::KillAfter]),
        (Engine::Postgres, &[Cut::Before, Cut::After]),
        (Engine::MariaDb, &[Cut::KillAfter]),
    ];
    // Most of the time is spent waiting, so all run concurrently.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let trials = accounts.map(|(engine, cuts)| {
            scope.spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(cut(engine, cuts))
            })
        });
        let found = trials.map(|trial| trial.join().expect("the trial comes to its end"));
        found.concat()
    });
    let told: Vec<&String> = wrong.iter().take(TOLD).collect();
    assert!(wrong.is_empty(), "{} findings: {told:#?}", wrong.len());
}
