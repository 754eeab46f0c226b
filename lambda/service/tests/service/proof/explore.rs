//! The search.

use std::collections::HashSet;
use std::time::Duration;

use keyrota_service_function::event::Step;
use keyrota_service_function::stage::{CURRENT, PREVIOUS};
use keyrota_test_function::search::{Reached, Violation, violation};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::fault::mishaps;
use super::outcome::Explored;
use super::start::Start;
use super::state::{Phase, State};
use crate::fake::{FakeServices, Forgery, Mishap, Outcome, run_for, sweep};

const DAY: Duration = Duration::from_secs(86_400);

/// How often a principal that may write the secret acts.
const FORGED: u32 = 3;

/// The maximum number of attempts of a rotation after the faults end.
const TRIES: usize = 3;

const SWEEP: &str = "a sweep";

struct Search {
    faults: usize,
    /// Whether a principal that may write the secret acts, instead of faults.
    forging: bool,
    reached: Vec<Reached<State>>,
    known: HashSet<String>,
    explored: Explored,
}

/// The work that is run with faults.
type Work = dyn Fn(&State) -> Outcome;

/// Explores every state that is reachable from the starting states.
pub(super) fn explore(starts: &[Start], faults: usize) -> Result<Explored, Box<Violation>> {
    search(states_of(starts), faults, false)
}

/// The same, but between any two calls, a principal acts that may write the secret and send events to
/// the function. Because that can break the secret's own credential, this search does not check whether
/// a rotation succeeds.
pub(super) fn explore_forged(starts: &[Start]) -> Result<Explored, Box<Violation>> {
    search(states_of(starts), 0, true)
}

fn states_of(starts: &[Start]) -> Vec<(String, State)> {
    let states = starts.iter().map(|it| (it.name.clone(), it.state()));
    states.collect()
}

/// Explores every state that is reachable from these states.
pub(super) fn explore_from(
    starts: Vec<(String, State)>,
    faults: usize,
) -> Result<Explored, Box<Violation>> {
    search(starts, faults, false)
}

fn search(
    starts: Vec<(String, State)>,
    faults: usize,
    forging: bool,
) -> Result<Explored, Box<Violation>> {
    let mut search = Search {
        faults,
        forging,
        reached: Vec::new(),
        known: HashSet::new(),
        explored: Explored {
            starts: starts.len(),
            ..Explored::default()
        },
    };
    for (name, state) in starts {
        search.arrive(state, None, name)?;
    }
    let mut at = 0;
    while at < search.reached.len() {
        let state = search.reached[at].state.fork();
        if forging {
            search.forge(at, &state)?;
        } else {
            search.explored.only_broken_off += usize::from(state.is_only_broken_off());
            search.heal(at, &state)?;
        }
        match &state.phase {
            Phase::Next { step, token } => {
                let (step, token) = (Step::ALL[*step], token.clone());
                let work = move |state: &State| run_for(&state.services, step, &token);
                search.run_with_faults(at, &state, step.name(), &work)?;
            }
            Phase::Idle | Phase::Failed { .. } => search.interfere(at, &state)?,
        }
        if !forging {
            search.repair(at, &state)?;
        }
        let work = |state: &State| sweep(&state.services);
        search.run_with_faults(at, &state, SWEEP, &work)?;
        at += 1;
    }
    search.explored.states = search.reached.len();
    Ok(search.explored)
}

impl Search {
    fn arrive(
        &mut self,
        state: State,
        from: Option<usize>,
        how: String,
    ) -> Result<(), Box<Violation>> {
        let violation = state.services.violations.borrow().first().cloned();
        if let Some(violation) = violation {
            return Err(self.found(from, &how, violation));
        }
        if self.known.insert(state.canonical()) {
            self.reached.push(Reached { state, from, how });
        }
        Ok(())
    }

    fn found(&self, at: Option<usize>, how: &str, what: String) -> Box<Violation> {
        violation(&self.reached, at, how, what)
    }

    /// Makes a principal act that may write the secret and send events to the function.
    fn forge(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        if state.services.forged.get() == FORGED {
            return Ok(());
        }
        for forgery in Forgery::ALL {
            let after = state.then(|state| state.services.forge(forgery));
            self.arrive(after, Some(at), format!("{forgery:?}"))?;
        }
        for token in state.versions() {
            for step in Step::ALL {
                let mut after = state.fork();
                after.services.forged.set(after.services.forged.get() + 1);
                let ended = run_for(&after.services, step, &token);
                self.explored.executions += 1;
                self.explored.calls += after.services.calls.borrow().len();
                after.settle();
                let how = format!("the event {} is sent: {}", step.name(), ended.name());
                self.arrive(after, Some(at), how)?;
            }
        }
        Ok(())
    }

    /// Returns the mishaps that may affect a call. `spreading` says that members of a farm learn a password.
    fn mishaps(&self, action: &str, spreading: bool) -> Vec<Mishap> {
        if self.forging {
            return Forgery::ALL.map(Mishap::Forged).to_vec();
        }
        let mut mishaps = mishaps(action).to_vec();
        if action == "authenticate" && spreading {
            mishaps.push(Mishap::Fresh);
        }
        mishaps
    }

    /// Runs work once without a fault, with each fault, and for a step with each pair of
    /// faults.
    fn run_with_faults(
        &mut self,
        at: usize,
        state: &State,
        name: &str,
        work: &Work,
    ) -> Result<(), Box<Violation>> {
        let mut plans: Vec<Vec<(usize, Mishap)>> = vec![Vec::new()];
        while let Some(plan) = plans.pop() {
            let mut after = state.fork();
            for (call, mishap) in &plan {
                after.services.inject(*call, *mishap);
            }
            let ended = work(&after);
            let calls = after.services.calls.borrow().clone();
            self.explored.calls += calls.len();
            let wrong = after.services.most_wrong.get();
            self.explored.most_wrong = self.explored.most_wrong.max(wrong);
            if name == SWEEP {
                self.explored.sweeps += 1;
                after.settle();
            } else {
                self.explored.executions += 1;
                after.after(ended.is_done());
            }
            let spreading = [state, &after].iter().any(|it| it.services.is_spreading());
            let most = match (self.forging, name) {
                (true, _) => usize::from(state.services.forged.get() < FORGED),
                (false, SWEEP) => 1,
                (false, _) => self.faults,
            };
            if plan.len() < most && !matches!(ended, Outcome::Died) {
                let first = plan.last().map_or(0, |(call, _)| call + 1);
                for (call, action) in calls.iter().enumerate().skip(first) {
                    for mishap in self.mishaps(action, spreading) {
                        let mut more = plan.clone();
                        more.push((call, mishap));
                        plans.push(more);
                    }
                }
            }
            let how = describe(name, &plan, &calls, &ended);
            if !self.forging && ended.name() == "NoPasswordWorks" && after.services.guards().0 {
                let what = "a password works, and the error says that none does".to_owned();
                return Err(self.found(Some(at), &how, what));
            }
            self.arrive(after, Some(at), how)?;
        }
        Ok(())
    }

    /// Makes Secrets Manager or an operator act.
    fn interfere(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        let mut then = |how: &str, act: &dyn Fn(&mut State)| {
            self.arrive(state.then(|state| act(state)), Some(at), how.to_owned())
        };
        if let Phase::Failed { token, step } = &state.phase {
            let again = |from: usize| {
                let token = token.clone();
                move |state: &mut State| {
                    let token = token.clone();
                    state.phase = Phase::Next { token, step: from };
                }
            };
            then("the failed step is tried again", &again(*step))?;
            then("the rotation is tried again", &again(0))?;
            then("the rotation is cancelled", &|state| {
                state.services.cancel();
                let today = state.services.today();
                state
                    .services
                    .change_secret(|secret| secret.changed = Some(today));
                state.phase = Phase::Idle;
            })?;
        }
        then("a new rotation begins", &State::begin)?;
        then("a day goes by", &|state| state.wait(DAY))?;
        if state.by_hand.is_some() {
            return Ok(());
        }
        let mut by_hand = |how: &'static str, act: &dyn Fn(&FakeServices)| {
            then(how, &|state| {
                state.wait(DAY);
                act(&state.services);
                state.by_hand = Some(how);
            })
        };
        by_hand("a wrong password is stored by hand", &|services| {
            let password = services.make_password();
            services.store("by-hand", &[CURRENT], &services.value(&password));
            services.allow_breakage();
        })?;
        by_hand("the password is changed by hand, and stored", &|services| {
            let password = services.make_password();
            services.change_by_hand(&password);
            services.store("by-hand", &[CURRENT], &services.value(&password));
        })?;
        by_hand("the password is changed by hand", &|services| {
            services.change_by_hand(&services.make_password());
        })?;
        by_hand("the user is dropped", &|services| {
            services.user.replace(None);
            services.allow_breakage();
        })?;
        for label in [CURRENT, PREVIOUS] {
            let Some(password) = state
                .services
                .version(label)
                .and_then(|it| it.details.password)
            else {
                continue;
            };
            let how = match label {
                CURRENT => "the service is given AWSCURRENT's password by hand",
                _ => "the service is given AWSPREVIOUS's password by hand",
            };
            by_hand(how, &|services| services.change_by_hand(&password))?;
        }
        Ok(())
    }

    /// Ends the faults, and checks that a rotation succeeds without a person, and that logins with the
    /// result succeed.
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
            // After a complete rotation, there is nothing to recover.
            let over = match &state.phase {
                Phase::Next { token, .. } => {
                    let current = state.services.carrier(CURRENT);
                    current.is_some_and(|current| current.as_str() == token)
                }
                _ => false,
            };
            let mut done = true;
            while let Phase::Next { token, step } = state.phase.clone() {
                let mut after = state.fork();
                let ended = run_for(&after.services, Step::ALL[step], &token);
                self.explored.executions += 1;
                self.explored.calls += after.services.calls.borrow().len();
                after.after(ended.is_done());
                let violation = after.services.violations.borrow().first().cloned();
                if let Some(violation) = violation {
                    let how = format!("with the faults over, {}", Step::ALL[step].name());
                    return Err(self.found(Some(at), &how, violation));
                }
                (why, done) = (ended.name().to_owned(), ended.is_done());
                state = after;
            }
            if done && !(over && state.by_hand.is_some()) {
                self.explored.healed[tried] += 1;
                let current = state.services.version(CURRENT);
                let password = current.and_then(|it| it.details.password);
                return match password.is_some_and(|it| state.services.member_knows(&it)) {
                    true => Ok(()),
                    false => {
                        let what = "AWSCURRENT's password does not work".to_owned();
                        Err(self.found(Some(at), "a rotation succeeds", what))
                    }
                };
            }
            // Secrets Manager tries again later.
            state.wait(state.services.setting.propagation);
        }
        // If a person removed something, a person must restore it.
        let lost = state.by_hand.is_some() && !state.services.guards().0;
        if lost && ["NoPasswordWorks", "NoMemberAccepts"].contains(&why.as_str()) {
            self.explored.stopped += 1;
            return Ok(());
        }
        let what = format!("no rotation succeeds without a person ({why})");
        Err(self.found(Some(at), "the faults are over", what))
    }

    /// Checks that a sweep makes AWSCURRENT's password work again, if no rotation is in
    /// progress and only the password of a broken-off one works. On a farm, that is so once the members
    /// know the password.
    fn repair(&mut self, at: usize, state: &State) -> Result<(), Box<Violation>> {
        if state.phase != Phase::Idle || !state.is_only_broken_off() {
            return Ok(());
        }
        let after = state.fork();
        after.wait(after.services.setting.propagation);
        let ended = sweep(&after.services);
        if ended.is_done() && after.services.works(CURRENT) {
            self.explored.repaired += 1;
            return Ok(());
        }
        let what = format!("a sweep does not repair AWSCURRENT ({})", ended.name());
        Err(self.found(Some(at), "a sweep", what))
    }
}

fn describe(name: &str, plan: &[(usize, Mishap)], calls: &[&str], ended: &Outcome) -> String {
    let mut text = name.to_owned();
    for (call, mishap) in plan {
        text.push_str(&format!(", {mishap:?} at call {call}, {}", calls[*call]));
    }
    text.push_str(&format!(": {}", ended.name()));
    text
}
