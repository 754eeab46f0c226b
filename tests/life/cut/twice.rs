//! Two runs of the function at once: one waits at each of its calls, while another makes all of its
//! own.

use std::fmt;

use keyrota_contract::event;

use super::SECRET;
use super::rotation::RotationOutcome;
use super::trial::Trial;
use crate::environment::{Cut, Fault, STEPS};

/// What runs while a step of a rotation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlap {
    /// The same step of the same rotation, as Lambda may deliver an event twice.
    Again,
    /// The sweep, and then a rehearsal.
    SweepAndCheck,
}

/// How often a step was overlapped at one of its calls.
#[derive(Clone, Debug, Default)]
pub struct Overlaps {
    pub count: u32,
    /// How many of the runs that waited, and of the others, ended with an error.
    pub failed: [u32; 2],
}

impl fmt::Display for Overlaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [waiting, other] = self.failed;
        write!(
            f,
            "{} calls overlapped; {waiting} waiting and {other} other runs refused",
            self.count
        )
    }
}

impl Trial<'_> {
    /// Overlaps each step of rotations at its first call, at its second, and so on, until it ends
    /// before the call.
    pub async fn overlap_everywhere(&self, overlap: Overlap) -> Overlaps {
        self.look(0, None).await;
        let mut overlaps = Overlaps::default();
        for step in STEPS {
            for number in 1.. {
                *self.now.borrow_mut() = format!("{overlap:?} at call {number} of {step}");
                self.begin().await;
                let before = STEPS.iter().take_while(|it| **it != step);
                for earlier in before {
                    if let Err(error) = self.step(earlier).await {
                        self.wrong(format!("{earlier}: {error}"));
                    }
                }
                let is_held = self.overlap(step, number, overlap, &mut overlaps).await;
                self.finish(step).await;
                if !is_held {
                    break;
                }
            }
        }
        overlaps
    }

    /// Starts a rotation that ends at once, before it has changed anything.
    async fn begin(&self) {
        let (ended, _) = self.rotate(Fault::Cut(1, Cut::KillBefore)).await;
        if !ended.is_by_death() {
            self.wrong(format!("the function outlived it: {ended:?}"));
        }
    }

    /// Runs a step that waits at one of its calls for another run. Returns whether it made that call.
    async fn overlap(
        &self,
        step: &'static str,
        number: u32,
        overlap: Overlap,
        overlaps: &mut Overlaps,
    ) -> bool {
        let others = async {
            match overlap {
                Overlap::Again => vec![self.step(step).await],
                Overlap::SweepAndCheck => {
                    let arn = self.test.secret(SECRET).await.expect("the secret").arn;
                    let sweep = self.test.invoke(event::sweep(&[&arn])).await;
                    vec![sweep, self.test.invoke(event::rehearsal(&arn)).await]
                }
            }
        };
        let overlapped = self.proxy.overlap(number, self.step(step), others).await;
        let (ended, others) = match overlapped {
            Ok(both) => both,
            Err(ended) => {
                self.expect(ended.map_err(|error| format!("{step}: {error}")));
                return false;
            }
        };
        overlaps.count += 1;
        overlaps.failed[0] += u32::from(ended.is_err());
        overlaps.failed[1] += u32::from(others.iter().any(Result::is_err));
        // The sweep and the rehearsal do not stop a rotation.
        if overlap == Overlap::SweepAndCheck {
            for error in others
                .iter()
                .chain([&ended])
                .filter_map(|it| it.as_ref().err())
            {
                self.wrong(error.clone());
            }
        } else if ended.is_err() && others[0].is_err() {
            self.note(&format!(": {ended:?}, {others:?}"));
        }
        true
    }

    /// Makes the remaining steps. If one is refused, the next RotateSecret must succeed.
    async fn finish(&self, step: &str) {
        let rest = STEPS.iter().skip_while(|it| **it != step);
        for step in rest {
            if let Err(error) = self.step(step).await {
                self.note(&format!(", {step} {error}"));
                self.look(1, None).await;
                let (ended, _) = self.rotate(Fault::None).await;
                self.conclude(None, &ended, 1).await;
                return;
            }
        }
        self.conclude(None, &RotationOutcome::Well, 0).await;
    }

    /// Runs a step of the rotation that was started last.
    async fn step(&self, step: &str) -> Result<(), String> {
        let version = self.rotation.borrow().version.clone();
        self.test.run_step(SECRET, step, &version).await
    }
}
