//! The search.

use std::collections::HashSet;
use std::time::Duration;

use keyrota_function::decide::{Activity, PREVIOUS};
use keyrota_function::event::Step;
use keyrota_test_function::search::{Reached, Violation, violation};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::fault::{changes, mishaps};
use super::outcome::Explored;
use super::start::Start;
use super::state::{Phase, State};
use crate::fake::{FakeAws, Forgery, Mishap, Outcome, USER, run_for, sweep};

/// A rotation function: it runs one step.
pub(super) type Function = fn(&FakeAws, Step, &str) -> Outcome;

const DAY: Duration = Duration::from_secs(86_400);

const LATER: Duration = Duration::from_secs(600);

/// The maximum number of attempts of a rotation after the faults end.
const TRIES: usize = 3;

struct Search {
    function: Function,
    faults: usize,
    /// How often a principal that may write the secret acts, if it replaces the faults.
    forging: Option<u32>,
    /// Whether a run that overlapped with another one may have died before, so that nothing
    /// explains its key.
    may_be_unexplained: bool,
    /// Whether the user has no key at the beginning.
    gives_first_keys: bool,
    reached: Vec<Reached<State>>,
    known: HashSet<String>,
    explored: Explored,
}

/// Explores every state that is reachable from the starting states.
pub(super) fn explore(
    starts: &[Start],
    function: Function,
    faults: usize,
) -> Result<Explored, Box<Violation>> {
    Search::begin(states_of(starts), function, faults, None).finish()
}

/// Does the same for a user that has no key at the beginning.
pub(super) fn explore_first_keys(
    starts: &[Start],
    faults: usize,
) -> Result<Explored, Box<Violation>> {
    let mut search = Search::begin(states_of(starts), run_for, faults, None);
    search.gives_first_keys = true;
    search.finish()
}

/// Explores, without faults, every state that is reachable from these states, in which two runs
/// ended that overlapped. `may_be_unexplained` says whether one of them may have died, so that a
/// person may have to remove its key.
pub(super) fn explore_overlapped(
    states: Vec<(String, State)>,
    may_be_unexplained: bool,
) -> Result<Explored, Box<Violation>> {
    let mut search = Search::begin(states, run_for, 0, None);
    search.may_be_unexplained = may_be_unexplained;
    search.finish()
}

/// The same, but between any two calls, a principal acts that may write the secret and send
/// events to the function. Because that can break the secret's own credential, this search does
/// not check whether a rotation succeeds.
///
/// `times` is the number of its actions.
pub(super) fn explore_forged(
    starts: &[Start],
    function: Function,
    times: u32,
) -> Result<Explored, Box<Violation>> {
    Search::begin(states_of(starts), function, 0, Some(times)).finish()
}

fn states_of(starts: &[Start]) -> Vec<(String, State)> {
    let states = starts.iter().map(|it| (it.name.clone(), it.state()));
    states.collect()
}

impl Search {
    fn begin(
        starts: Vec<(String, State)>,
        function: Function,
        faults: usize,
        forging: Option<u32>,
    ) -> Self {
        let mut search = Self {
            function,
            faults,
            forging,
            may_be_unexplained: false,
            gives_first_keys: false,
            reached: Vec::new(),
            known: HashSet::new(),
            explored: Explored {
                starts: starts.len(),
                ..Explored::default()
            },
        };
        for (name, state) in starts {
            search.arrive(state, None, name);
        }
        search
    }

    fn finish(mut self) -> Result<Explored, Box<Violation>> {
        let mut at = 0;
        while at < self.reached.len() {
            let state = self.reached[at].state.fork();
            if self.forging.is_some() {
                self.forge(at, &state)?;
            } else {
                self.heal(at, &state)?;
            }
            match state.phase {
                Phase::Next { .. } => self.run_next(at, &state)?,
                Phase::Idle | Phase::Failed { .. } => self.interfere(at, &state),
            }
            if state.sweeps {
                self.sweep(at, &state)?;
            }
            at += 1;
        }
        self.explored.states = self.reached.len();
        Ok(self.explored)
    }

    fn arrive(&mut self, state: State, from: Option<usize>, how: String) {
        if self.known.insert(state.canonical()) {
            self.reached.push(Reached { state, from, how });
        }
    }

    fn found(&self, at: usize, how: &str, what: String) -> Box<Violation> {
        violation(&self.reached, Some(at), how, what)
    }

    /// Runs a step with faults at some of its calls.
    fn run(
        &mut self,
        at: usize,
        state: &mut State,
        plan: &[(usize, Mishap)],
    ) -> Result<(Outcome, Vec<&'static str>), Box<Violation>> {
        let Phase::Next { token, step } = state.phase.clone() else {
            unreachable!("a step is only run where one is next");
        };
        for (call, mishap) in plan {
            state.aws.inject(*call, *mishap);
        }
        let ended = (self.function)(&state.aws, Step::ALL[step], &token);
        let calls = state.aws.actions();
        self.explored.executions += 1;
        self.explored.calls += calls.len();
        if let Some(violation) = state.aws.violations.borrow().first() {
            let how = describe(step, plan, &calls, &ended);
            return Err(self.found(at, &how, violation.clone()));
        }
        state.after(ended.is_done());
        Ok((ended, calls))
    }

    /// Makes a principal act that may write the secret and send events to the function.
    fn forge(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        if self.is_forged_out(state) {
            return Ok(());
        }
        for forgery in Forgery::ALL {
            let after = state.then(|state| state.aws.forge(forgery));
            self.arrive(after, Some(at), format!("{forgery:?}"));
        }
        let mut tokens: Vec<String> = state.versions();
        tokens.push("token-that-is-none-0000000000000000".to_owned());
        for token in tokens {
            for step in Step::ALL {
                let mut after = state.fork();
                after.aws.forged.set(after.aws.forged.get() + 1);
                let ended = (self.function)(&after.aws, step, &token);
                self.explored.executions += 1;
                self.explored.calls += after.aws.actions().len();
                let how = format!("the event {} is sent: {}", step.name(), ended.name());
                if let Some(violation) = after.aws.violations.borrow().first() {
                    return Err(self.found(at, &how, violation.clone()));
                }
                after.settle();
                self.arrive(after.fork(), Some(at), how);
            }
        }
        Ok(())
    }

    /// Returns the mishaps that may affect a call.
    fn mishaps(&self, action: &str) -> Vec<Mishap> {
        match self.forging {
            None => mishaps(action).to_vec(),
            Some(_) => Forgery::ALL.map(Mishap::Forged).to_vec(),
        }
    }

    /// Returns whether the principal has no actions left.
    fn is_forged_out(&self, state: &State) -> bool {
        self.forging == Some(state.aws.forged.get())
    }

    /// Runs the next step without a fault, with each fault, and with each pair of faults.
    fn run_next(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        let mut plans: Vec<Vec<(usize, Mishap)>> = vec![Vec::new()];
        while let Some(plan) = plans.pop() {
            let mut after = state.fork();
            let Phase::Next { step, .. } = state.phase else {
                return Ok(());
            };
            let (ended, calls) = self.run(at, &mut after, &plan)?;
            let most = match self.forging {
                Some(_) => usize::from(!self.is_forged_out(state)),
                None => self.faults,
            };
            if plan.len() < most && !matches!(ended, Outcome::Died) {
                let first = plan.last().map_or(0, |(call, _)| call + 1);
                // A second fault after the last call that changes anything affects only the
                // response.
                let end = match plan.is_empty() {
                    true => calls.len(),
                    false => calls
                        .iter()
                        .rposition(|call| changes(call))
                        .map_or(0, |at| at + 1),
                };
                for (call, action) in calls.iter().enumerate().take(end).skip(first) {
                    for mishap in self.mishaps(action) {
                        let mut more = plan.clone();
                        more.push((call, mishap));
                        plans.push(more);
                    }
                }
            }
            let how = describe(step, &plan, &calls, &ended);
            self.arrive(after.fork(), Some(at), how);
        }
        Ok(())
    }

    /// Runs a sweep without a fault, and with each fault.
    fn sweep(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        let mut plans = vec![None];
        while let Some(plan) = plans.pop() {
            let mut after = state.fork();
            if let Some((call, mishap)) = plan {
                after.aws.inject(call, mishap);
            }
            let ended = sweep(&after.aws);
            let calls = after.aws.actions();
            self.explored.sweeps += 1;
            self.explored.calls += calls.len();
            let how = match plan {
                None => format!("a sweep: {}", ended.name()),
                Some((call, mishap)) => {
                    let action = calls[call];
                    let ended = ended.name();
                    format!("a sweep, {mishap:?} at call {call}, {action}: {ended}")
                }
            };
            if let Some(violation) = after.aws.violations.borrow().first() {
                return Err(self.found(at, &how, violation.clone()));
            }
            if plan.is_none() && !self.is_forged_out(state) {
                for (call, action) in calls.iter().enumerate() {
                    let mishaps = self.mishaps(action).into_iter();
                    plans.extend(mishaps.map(|mishap| Some((call, mishap))));
                }
            }
            after.settle();
            self.arrive(after.fork(), Some(at), how);
        }
        Ok(())
    }

    /// Makes Secrets Manager, an operator, or a client act.
    fn interfere(&mut self, at: usize, state: &State) {
        let mut then = |how: &str, act: &dyn Fn(&mut State)| {
            self.arrive(state.then(|state| act(state)), Some(at), how.to_owned());
        };
        if let Phase::Failed { token, step } = &state.phase {
            let again = |from: usize| {
                let token = token.clone();
                move |state: &mut State| {
                    let token = token.clone();
                    state.phase = Phase::Next { token, step: from };
                }
            };
            then("the failed step is tried again", &again(*step));
            then("the rotation is tried again", &again(0));
            then("the rotation is cancelled", &|state| {
                state.aws.cancel();
                state.phase = Phase::Idle;
            });
        }
        then("a new rotation begins", &State::begin);
        then("a day goes by", &|state| state.wait(DAY));
        if state.sweeps {
            then("a client uses the old key", &|state| {
                if let Some(key) = state.aws.version(PREVIOUS).and_then(|it| it.details.key) {
                    state.aws.use_active_key(&key);
                }
            });
        }
        if state.by_hand {
            return;
        }
        let mut then = |how: &str, act: &dyn Fn(&mut State)| {
            let by_hand = |state: &mut State| {
                act(state);
                state.by_hand = true;
            };
            then(how, &by_hand);
        };
        let keys = state.aws.keys();
        let current = state.aws.current_key_if_any();
        for (number, key) in keys.iter().enumerate() {
            if Some(&key.id) == current.as_ref() {
                continue;
            }
            then(&format!("key {number} is deleted by hand"), &|state| {
                // Later than the validity of a key's test.
                state.wait(LATER);
                state.aws.take_key(&key.id);
            });
            if key.activity == Activity::Active {
                then(&format!("key {number} is deactivated by hand"), &|state| {
                    state.wait(LATER);
                    let inactive = |key: &mut crate::fake::Key| key.activity = Activity::Inactive;
                    state.aws.change_key(&key.id, inactive);
                });
            }
        }
        if keys.len() < 2 {
            for used in [true, false] {
                then(&format!("a key is made by hand, used: {used}"), &|state| {
                    // An existing intent explains any key that is created within a minute.
                    if state.intends() {
                        state.wait(DAY);
                    }
                    let key = state.aws.give_key(USER, used);
                    state.aws.change_key(&key.id, |key| key.foreign = true);
                    state.wait(Duration::from_secs(10));
                });
            }
        }
    }

    /// Ends the faults, and checks that a rotation succeeds without a person.
    fn heal(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        let mut state = state.fork();
        let mut why = String::new();
        for tried in 0..TRIES {
            if let Phase::Failed { token, .. } = state.phase {
                state.phase = Phase::Next { token, step: 0 };
            }
            if state.phase == Phase::Idle {
                state.begin();
            }
            let mut ended = Outcome::Done(());
            while ended.is_done() && state.phase != Phase::Idle {
                let mut after = state.fork();
                (ended, _) = self.run(at, &mut after, &[])?;
                let took = after.aws.now.get() - state.aws.now.get();
                self.explored.slowest_healing = self.explored.slowest_healing.max(took);
                state = after.fork();
            }
            // A list that is out of date does not show a key that was lost before the first one was
            // stored. The next rotation removes it.
            if ended.is_done() && self.gives_first_keys && !state.aws.orphans().is_empty() {
                continue;
            }
            if ended.is_done() {
                self.explored.healed[tried] += 1;
                return match state.aws.orphans().is_empty() && state.works() {
                    true => Ok(()),
                    false => Err(self.found(at, "a rotation succeeds", "a key is orphaned".into())),
                };
            }
            why = ended.name().to_owned();
        }
        let is_unexplained = self.may_be_unexplained && state.aws.orphans().len() == 1;
        let in_the_way = state.has_active_foreign_key() || is_unexplained;
        if why == "ForeignKey" && in_the_way || !state.works() {
            self.explored.stopped += 1;
            return Ok(());
        }
        let what = format!("no rotation succeeds without a person ({why})");
        Err(self.found(at, "the faults are over", what))
    }
}

fn describe(step: usize, plan: &[(usize, Mishap)], calls: &[&str], ended: &Outcome) -> String {
    let mut text = Step::ALL[step].name().to_owned();
    for (call, mishap) in plan {
        text.push_str(&format!(", {mishap:?} at call {call}, {}", calls[*call]));
    }
    text.push_str(&format!(": {}", ended.name()));
    text
}
