//! The proof for two runs at the same time.
//!
//! Lambda may run a step twice at the same time, Secrets Manager may retry a step that is still
//! running, and a sweep or a check may overlap a rotation. From each starting state, before each step,
//! the search lets two such runs overlap in every order of their calls (see
//! [`keyrota_test_function::twice`]). After each call it checks the same invariants as the rest of
//! the proof. From each state in which the runs can end, the search over single runs goes on: no
//! invariant is violated, and a rotation succeeds.
//!
//! An operator's act cannot be made safe at every instant against a run that has passed its last
//! check. [`OPEN`] lists what the search finds there, and the test fails if it finds anything else.

mod meanwhile;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyrota_database_function::event::Step;
use keyrota_database_function::stage::{CURRENT, PENDING, VersionId};
use keyrota_test_function::search::{self, Violation, on_all_processors};
use keyrota_test_function::secrets::FakeSecrets as _;
use keyrota_test_function::twice::{End, Figures, explore};

use self::meanwhile::Work;
use super::explore::explore_from;
use super::outcome::Explored;
use super::start::{Start, searches};
use super::state::{Phase, State};
use crate::fake::{FakeServices, run_for, sweep};

const DAY: Duration = Duration::from_secs(86_400);

/// The starting states from which runs overlap. The others differ in nothing that a second run
/// changes.
const STARTS: &[&str] = &[
    "AWSCURRENT alone;",
    "a previous password;",
    "the other user is current;",
    "AWSPENDING left behind;",
    "AWSPENDING left behind, its password sent;",
    "a rotation that was interrupted, its password not set;",
];

/// What overlaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// The same step, twice.
    SameStep,
    /// A step, while Secrets Manager calls it again, then calls the later steps.
    Retry,
    /// A sweep or a check, and a step, a rotation, or another sweep.
    Sweep,
    /// Something and an operator's act.
    Operator,
}

/// What violates an invariant at some instant (docs/explanation/proof.md says why, and what helps).
const OPEN: &[&str] = &[
    "rotation and restore",
    "step 1 and cancel and next",
    // Only if two users alternate: for one user, the label excuses it.
    "step 3 and cancel and next",
    "sweep and restore",
];

/// A starting state, and the runs that overlap there.
struct Overlap {
    name: String,
    state: State,
    works: [Work; 2],
}

impl Overlap {
    /// Returns what overlaps, without names.
    fn kind(&self) -> String {
        self.works.each_ref().map(Work::kind).join(" and ")
    }
}

/// What was explored.
#[derive(Default)]
struct Overlapped {
    figures: Figures,
    /// The states in which the runs ended.
    ends: usize,
    /// The search that went on from the ends.
    after: Explored,
    /// What violates an invariant in the case of an operator.
    violations: BTreeSet<String>,
}

impl search::Explored for Overlapped {
    fn add(&mut self, other: &Self) {
        self.figures.add(&other.figures);
        self.ends += other.ends;
        search::Explored::add(&mut self.after, &other.after);
        self.violations.extend(other.violations.iter().cloned());
    }
}

/// Returns the states before each step of a rotation from a starting state, and the state after
/// it. The rotation ends at the first step that fails.
fn rotation_from(start: &Start) -> (Vec<State>, State) {
    let mut state = start.state();
    state.services.overlapped.set(true);
    state.by_hand = Some("nothing");
    match state.phase.clone() {
        Phase::Failed { token, .. } => state.phase = Phase::Next { token, step: 0 },
        _ => state.begin(),
    }
    let mut states = Vec::new();
    while let Phase::Next { token, step } = state.phase.clone() {
        let mut after = state.fork();
        let ended = run_for(&after.services, Step::ALL[step], &token);
        after.after(ended.is_done());
        states.push(state);
        state = after.fork();
    }
    (states, state)
}

/// Returns the states in which a sweep may find something to do: after a rotation, and a day and
/// two days later.
fn days_after(state: &State) -> Vec<State> {
    let mut days = vec![state.fork()];
    for _ in 0..2 {
        let last = &days[days.len() - 1];
        let next = last.then(|state| {
            state.wait(DAY);
        });
        let swept = next.then(|state| {
            sweep(&state.services);
        });
        days.extend([next, swept]);
    }
    days
}

/// Returns everything of a case that overlaps from a starting state.
fn overlaps(start: &Start, case: Case) -> Vec<Overlap> {
    let (before, after) = rotation_from(start);
    let mut overlaps = Vec::new();
    let mut add = |state: &State, works: [Work; 2]| {
        overlaps.push(Overlap {
            name: start.name.clone(),
            state: state.fork(),
            works,
        });
    };
    for state in &before {
        let Phase::Next { token, step } = &state.phase else {
            continue;
        };
        let (step, token) = (*step, || token.clone());
        let meanwhile = match case {
            Case::SameStep => vec![Work::Step(step, token())],
            Case::Retry => vec![Work::Rest(step, token())],
            Case::Sweep => vec![Work::Sweep, Work::Check(token())],
            Case::Operator => vec![Work::GiveUp(token()), Work::CancelAndNext],
        };
        for work in meanwhile {
            add(state, [Work::Step(step, token()), work]);
        }
    }
    let days = match after.phase {
        Phase::Idle => days_after(&after),
        _ => Vec::new(),
    };
    for state in days {
        match case {
            Case::Sweep => {
                add(&state, [Work::Sweep, Work::Sweep]);
                add(&state, [Work::Sweep, Work::Rotation]);
            }
            Case::Operator => {
                add(&state, [Work::Rotation, Work::Restore]);
                add(&state, [Work::Sweep, Work::Restore]);
            }
            _ => {}
        }
    }
    overlaps
}

/// Explores everything of a case that overlaps from these starting states. What violates an
/// invariant is collected in the case of an operator, whose list is known.
fn overlap(starts: &[Start], case: Case, faults: usize) -> Result<Overlapped, Box<Violation>> {
    let mut found = Overlapped::default();
    let mut ends: BTreeMap<String, (String, State)> = BTreeMap::new();
    let mut known = BTreeSet::new();
    let starts = starts.iter();
    for overlap in starts
        .filter(|start| STARTS.iter().any(|name| start.name.starts_with(name)))
        .flat_map(|start| overlaps(start, case))
    {
        let kind = overlap.kind();
        if !known.insert(format!("{} {kind}", overlap.state.canonical())) {
            continue;
        }
        let mut at_end = |end: End<'_, FakeServices>| {
            for state in after(&overlap, &end) {
                ends.entry(state.canonical()).or_insert_with(|| {
                    let how: Vec<String> = end.choices.iter().map(ToString::to_string).collect();
                    let how = format!("{}, {kind}:\n  {}", overlap.name, how.join("\n  "));
                    (how, state)
                });
            }
        };
        match explore(&overlap.state.services, &overlap.works, faults, &mut at_end) {
            Ok(figures) => found.figures.add(&figures),
            Err(_) if case == Case::Operator => drop(found.violations.insert(kind)),
            Err(mut violation) => {
                let from = format!("{}, {kind}", overlap.name);
                violation.path.insert(0, from);
                return Err(violation);
            }
        }
    }
    found.ends = ends.len();
    if case != Case::Operator {
        found.after = explore_from(ends.into_values().collect(), 0)?;
    }
    Ok(found)
}

/// Returns the states after both runs ended. If the rotation is still pending, Secrets Manager
/// retries it, or it continues after the step that succeeded.
fn after(overlap: &Overlap, end: &End<'_, FakeServices>) -> Vec<State> {
    let pending = end.world.carrier(PENDING);
    let pending = pending.filter(|it| Some(it) != end.world.carrier(CURRENT).as_ref());
    let state = |phase| {
        let mut state = State {
            services: end.world.fork(),
            phase,
            by_hand: overlap.state.by_hand,
        };
        state.settle();
        state
    };
    let Some(pending) = pending else {
        return vec![state(Phase::Idle)];
    };
    let token = pending.as_str().to_owned();
    let mut states = vec![state(Phase::Failed { token, step: 0 })];
    if let Work::Step(step, token) = &overlap.works[0]
        && end.ended.contains(&"done")
        && pending == VersionId::new(token)
        && step + 1 < Step::ALL.len()
    {
        let (token, step) = (token.clone(), step + 1);
        states.push(state(Phase::Next { token, step }));
    }
    states
}

/// Explores a case from all starting states, on as many threads as there are processors.
#[expect(clippy::print_stdout, reason = "the figures are what one looks for")]
fn explore_all(searches: Vec<Vec<Start>>, case: Case, faults: usize) -> Overlapped {
    let found = on_all_processors(searches, |starts| overlap(starts, case, faults));
    let found = found.unwrap_or_else(|found| panic!("{found}"));
    println!(
        "{case:?}: {}\nthey ended in {} states\n{}",
        found.figures, found.ends, found.after
    );
    found
}

/// The same step twice, with one fault in either run.
#[test]
fn the_same_step_twice() {
    let found = explore_all(searches(), Case::SameStep, 1);
    assert!(found.figures.situations > 1_000);
}

/// A step that is still running when Secrets Manager calls it again, and then the later steps.
#[test]
fn a_slow_step_and_its_retry() {
    let found = explore_all(searches(), Case::Retry, 0);
    assert!(found.figures.situations > 1_000);
}

/// A sweep that overlaps a step, a rotation, or another sweep, and a check.
#[test]
fn a_sweep_and_a_rotation() {
    let found = explore_all(searches(), Case::Sweep, 0);
    assert!(found.figures.situations > 1_000);
}

/// What remains open if an operator acts while the function runs, and nothing else does.
#[test]
fn an_operators_act_in_between() {
    let found = explore_all(searches(), Case::Operator, 0);
    let expected: BTreeSet<String> = OPEN.iter().map(|&open| open.to_owned()).collect();
    let found = found.violations;
    assert!(found.is_subset(&expected), "{found:?}");
}
