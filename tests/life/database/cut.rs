//! Rotations that are cut at any of the function's calls to AWS, over HTTP.
//!
//! How many calls a rotation makes is not written down here: each rotation is cut
//! one call later than the one before, until one comes to its end. At each change
//! an application looks whether a version with one of Secrets Manager's labels
//! lets it in: AWSCURRENT's does unless the server was given another password;
//! and once the cuts stop the rotation ends well after one more RotateSecret.

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

/// How often RotateSecret is called again before a rotation is given up.
const MOST: u32 = 4;

const STAGES: [&str; 3] = ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"];

/// The label of a version whose password the server may have been given.
const SETTING: &str = "KEYROTA_SETTING";

/// A database whose rotations are cut, one after the other.
struct Trial<'a> {
    site: &'a Site,
    proxy: Proxy,
    /// What is under way, for those who find something wrong.
    now: RefCell<String>,
    wrong: RefCell<Vec<String>>,
    looks: RefCell<u32>,
    /// How many rotations were cut, by how often RotateSecret was called again.
    again: RefCell<BTreeMap<(Cut, u32), u32>>,
}

impl Trial<'_> {
    /// Looks at each change before it is answered.
    async fn watch(&self, mut watch: Watch) {
        while let Some(done) = watch.recv().await {
            self.look().await;
            let _ = done.send(());
        }
    }

    /// Tries what the labels' versions hold.
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
        // AWSCURRENT may be refused only between the change and the label's move.
        let given = labels.get(SETTING);
        if given.is_none() || given == labels.get("AWSCURRENT") {
            self.wrong(format!("AWSCURRENT is refused: {:?}", labels.keys()));
        }
    }

    /// Cuts a rotation at its first call, another at its second, and so on, until
    /// two come to their end: calls that are made side by side are not always as
    /// many.
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

    /// Expects a rotation to have ended well, after being taken up once at most.
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

/// Cuts rotations in an account of their own; returns what was found wrong.
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
    // Told whether or not the test's output is captured.
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
    // A call that is throttled is not carried out, as with `Before`.
    let accounts: [(Engine, &[Cut]); 3] = [
        (Engine::Postgres, &[Cut::KillBefore, Cut::KillAfter]),
        (Engine::Postgres, &[Cut::Before, Cut::After]),
        (Engine::MariaDb, &[Cut::KillAfter]),
    ];
    // Much of the time is spent waiting, so all go on at once.
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
