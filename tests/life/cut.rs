//! Interrupts rotations at each of the function's calls, over HTTP: the real function and the
//! real local AWS, with a proxy between them.
//!
//! The number of calls in a rotation is not written here. Each rotation is interrupted one call
//! later than the one before, until one completes. Meanwhile an application works, and
//! AWSCURRENT's key is tried at each change. After the interruptions, the rotation must succeed
//! with one more RotateSecret, another principal's key must still exist, and no secret that
//! passed the proxy may be in a log.

mod check;
mod key_state;
mod ledger;
mod rotation;
mod start;
mod trial;
mod twice;

use std::cell::RefCell;
use std::io::Write;
use std::time::Instant;

use self::start::{Reach, Start};
use self::trial::Trial;
use self::twice::{Overlap, Overlaps};
use crate::environment::{Cut, LIST_ARTIFACTS, TestEnvironment};

const USER: &str = "mailer";
const SECRET: &str = "prod/mailer";

/// The number of findings that are shown, because one fault breaks many rotations.
const TOLD: usize = 30;

const CUTS: [Cut; 5] = [
    Cut::KillBefore,
    Cut::KillAfter,
    Cut::Before,
    Cut::After,
    Cut::Throttle,
];

/// An entry's `rotate_as`, its other settings, and how its rotations are interrupted.
type Account<'a> = (&'a str, &'a str, &'a [(Start, Reach)]);

/// Deploys an account with one entry.
async fn deployed(rotate_as: &str, settings: &str) -> TestEnvironment {
    let test = TestEnvironment::new().await;
    if !settings.contains("create_user") {
        test.make_user(USER).await;
    }
    if rotate_as.contains('/') {
        test.make_administrator("administrator", rotate_as).await;
    }
    if settings.contains("probe") {
        test.make_bucket("artifacts").await;
        test.allow(USER, LIST_ARTIFACTS).await;
    }
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\naccess_keys:\n\
         \x20 - {{ user: {USER}, secret: {SECRET}, rotate_as: {rotate_as}{settings} }}\n"
    ));
    let bootstrap = "bootstrap --yes --function-zip function.zip --format json";
    test.keyrota(bootstrap).await.exits(0);
    test
}

/// Interrupts rotations in an account of their own, and returns the problems.
async fn cut((rotate_as, settings, starts): Account<'_>) -> Vec<String> {
    let began = Instant::now();
    let test = deployed(rotate_as, settings).await;
    let trial = Trial::hold(&test, async |trial| {
        for &(start, reach) in starts {
            for cut in CUTS.into_iter().filter(|cut| start.knows(*cut)) {
                trial.cut_everywhere(start, reach, cut).await;
            }
        }
    })
    .await;
    // Printed even if the test's output is captured.
    let _ = writeln!(
        std::io::stderr(),
        "rotate_as: {rotate_as}{settings}: {} rotations cut, {} calls of the application, {:.1} s{}",
        trial.ledger.borrow().cut(),
        trial.calls,
        began.elapsed().as_secs_f32(),
        trial.ledger.borrow(),
    );
    let wrong = trial.findings().into_iter();
    wrong.map(|wrong| format!("{rotate_as}: {wrong}")).collect()
}

#[test]
fn a_rotation_that_is_cut_anywhere_harms_nobody_and_is_finished_by_the_next() {
    use Reach::{FirstStep, Whole};
    use Start::{Foreign, ForeignUnused, Intruder, Rotated, Single};
    const PROBE: &str = ", probe: { action: s3:ListBucket, resource: 'arn:aws:s3:::artifacts' }";
    // What an interrupted rotation does not delete is deleted by the sweep, without a hold.
    const AT_ONCE: &str = ", create_user: true, \
         old_key: { deactivate_after: 0, delete_after: 0, hold_if_used_within: 0 }";
    let shared = [
        (Rotated, FirstStep),
        (Foreign, Whole),
        (ForeignUnused, Whole),
        (Intruder, FirstStep),
    ];
    let accounts: [Account<'_>; 3] = [
        ("self", PROBE, &[(Rotated, Whole)]),
        ("role", AT_ONCE, &[(Single, Whole)]),
        ("ops/administrator", "", &shared),
    ];
    expect_nothing(accounts, cut);
}

/// Two runs of one step of a rotation, and a step beside the sweep and a rehearsal.
#[test]
fn two_runs_at_once_harm_nobody_and_the_rotation_ends() {
    let accounts = [
        ("self", Overlap::Again),
        ("role", Overlap::Again),
        ("role", Overlap::SweepAndCheck),
    ];
    expect_nothing(accounts, overlap);
}

/// Overlaps rotations in an account of their own, and returns the problems.
async fn overlap((rotate_as, overlap): (&str, Overlap)) -> Vec<String> {
    let began = Instant::now();
    let test = deployed(rotate_as, "").await;
    let overlaps = RefCell::<Overlaps>::default();
    let trial = Trial::hold(&test, async |trial| {
        overlaps.replace(trial.overlap_everywhere(overlap).await);
    })
    .await;
    let _ = writeln!(
        std::io::stderr(),
        "rotate_as: {rotate_as}, {overlap:?}: {}, {} calls of the application, {:.1} s",
        overlaps.take(),
        trial.calls,
        began.elapsed().as_secs_f32(),
    );
    let wrong = trial.findings().into_iter();
    wrong.map(|wrong| format!("{rotate_as}: {wrong}")).collect()
}

/// Runs a trial in each account, and expects that it finds nothing. Most of the time is spent
/// waiting, so all run concurrently.
fn expect_nothing<A: Send, R: Future<Output = Vec<String>>, const N: usize>(
    accounts: [A; N],
    trial: impl Fn(A) -> R + Copy + Send,
) {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let trials = accounts.map(|account| {
            scope.spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(trial(account))
            })
        });
        let found = trials.map(|trial| trial.join().expect("the trial comes to its end"));
        found.concat()
    });
    let told: Vec<&String> = wrong.iter().take(TOLD).collect();
    assert!(wrong.is_empty(), "{} findings: {told:#?}", wrong.len());
}
