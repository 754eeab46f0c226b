//! Two runs at the same time, interleaved at every call.
//!
//! A run is a request to a function, or whatever Secrets Manager or an operator does meanwhile.
//! It is a future over the fakes. In a search, each call of a fake waits in [`Turns`] until it
//! is its turn. [`explore`] polls the two futures by hand, and at each point it knows the calls
//! that wait. It lets one of them happen, then the next, until both runs have ended.
//!
//! Futures cannot be copied. To try another order, the search begins again from a copy of the
//! starting state, repeats the choices up to the point where the orders part, and chooses
//! differently there. So an order is a list of [`Choice`]s, and a violation is reported with its
//! list.
//!
//! There are far more orders than situations. What a run does next depends only on the answers
//! that it has heard, so two orders lead to the same situation if the state is the same and each
//! run has heard the same answers. The search continues from each situation once. A run that has
//! ended hears nothing any more, so what it has heard no longer matters.
//!
//! Calls that a run makes concurrently and that change something happen in any order. Its
//! concurrent reads happen in the order in which it makes them.
//!
//! With a choice, the search may also let the call meet a mishap: it fails before or after it
//! happened, or the process dies. A run that is held forever is covered, too: it is the same as
//! one whose process dies before the call.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use keyrota_function_base::secrets_manager::{Description, StoredValue, StoredVersion};
use secrecy::ExposeSecret;

use crate::search::Violation;

/// The number of runs that are interleaved.
const RUNS: usize = 2;

/// A run. Its output says how it ended.
pub type Run<'world> = Pin<Box<dyn Future<Output = &'static str> + 'world>>;

/// A call that waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    run: usize,
    /// The call's number among the calls of its run.
    number: u32,
    action: &'static str,
}

/// Whose turn it is. Outside a search, every call happens immediately.
pub struct Turns<M> {
    /// The run that is being polled.
    polled: Cell<Option<usize>>,
    waiting: RefCell<Vec<Waiting>>,
    /// The call whose turn it is, and its mishap.
    turn: Cell<Option<(Waiting, Option<M>)>>,
    /// How many calls each run has made.
    made: [Cell<u32>; RUNS],
    /// A digest of the answers that each run has heard.
    heard: [Cell<u64>; RUNS],
}

impl<M> Default for Turns<M> {
    fn default() -> Self {
        Self {
            polled: Cell::default(),
            waiting: RefCell::default(),
            turn: Cell::default(),
            made: Default::default(),
            heard: Default::default(),
        }
    }
}

/// The turn of a call.
#[derive(Clone, Copy, Debug)]
pub struct Turn<M> {
    /// The run and the number of the call, in a search.
    call: Option<(usize, u32)>,
    /// The mishap that the call meets.
    pub mishap: Option<M>,
}

impl<M: Copy> Turns<M> {
    /// Returns whether two runs are interleaved.
    pub fn are_taken(&self) -> bool {
        self.polled.get().is_some()
    }

    /// Waits for the turn of a call.
    pub async fn wait(&self, action: &'static str) -> Turn<M> {
        let Some(run) = self.polled.get() else {
            return Turn {
                call: None,
                mishap: None,
            };
        };
        let number = self.made[run].get();
        self.made[run].set(number + 1);
        let waiting = Waiting {
            run,
            number,
            action,
        };
        self.waiting.borrow_mut().push(waiting);
        std::future::poll_fn(|_| match self.turn.get() {
            Some((turn, mishap)) if turn == waiting => {
                self.turn.set(None);
                Poll::Ready(Turn {
                    call: Some((run, number)),
                    mishap,
                })
            }
            _ => Poll::Pending,
        })
        .await
    }

    /// Makes calls that do not wait for their turns: nothing comes between them.
    pub fn at_once<T>(&self, act: impl FnOnce() -> T) -> T {
        let polled = self.polled.take();
        let answer = act();
        self.polled.set(polled);
        answer
    }

    /// Records what a call answered. `answer` says everything that the run learns from it. A run
    /// cannot tell in which order its concurrent calls were answered, so the order is not recorded.
    pub fn answered<A: Hash>(&self, turn: Turn<M>, answer: impl FnOnce() -> A) {
        if let Some((run, number)) = turn.call {
            let heard = &self.heard[run];
            heard.set(heard.get().wrapping_add(digest(&(number, answer()))));
        }
    }
}

/// A state in which calls happen.
pub trait World {
    /// A mishap of a call.
    type Mishap: Copy + Debug + PartialEq + 'static;

    /// Returns a copy, in which no run waits.
    fn fork(&self) -> Self;

    /// Returns whose turn it is.
    fn turns(&self) -> &Turns<Self::Mishap>;

    /// Returns a text that is equal for two states that runs cannot tell apart.
    fn exactly(&self) -> String;

    /// Returns the mishaps that a call may meet. A read cannot end the process.
    fn mishaps(action: &str) -> &'static [Self::Mishap];

    /// Returns whether a call changes the state.
    fn changes(action: &str) -> bool;

    /// Returns whether a mishap ends the process.
    fn kills(mishap: Self::Mishap) -> bool;

    /// Returns an invariant that was violated.
    fn violation(&self) -> Option<String>;
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub struct Choice<M> {
    call: Waiting,
    mishap: Option<M>,
}

impl<M: Debug> fmt::Display for Choice<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Waiting { run, action, .. } = self.call;
        let run = ["first", "second"][run];
        write!(formatter, "the {run} run: {action}")?;
        match &self.mishap {
            Some(mishap) => write!(formatter, ", {mishap:?}"),
            None => Ok(()),
        }
    }
}

/// The figures of a search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Pairs of runs, each from one starting state.
    pub pairs: usize,
    /// Situations from which the search went on.
    pub situations: usize,
    /// Situations in which the search had been before.
    pub folded: usize,
    /// Orders that came to their end.
    pub ended: usize,
    /// Calls after which the invariants were checked.
    pub calls: usize,
}

impl Figures {
    /// Adds other figures.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.situations += other.situations;
        self.folded += other.folded;
        self.ended += other.ended;
        self.calls += other.calls;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pairs,
            situations,
            folded,
            ended,
            calls,
        } = self;
        write!(
            formatter,
            "{pairs} pairs of runs, {situations} situations, {folded} more folded, {ended} orders \
             run to their end, {calls} calls checked"
        )
    }
}

/// An end of both runs.
pub struct End<'search, W: World> {
    /// The state.
    pub world: &'search W,
    /// How each run ended.
    pub ended: [&'static str; RUNS],
    /// What happened, in order.
    pub choices: &'search [Choice<W::Mishap>],
}

/// What a run does.
pub trait Work<W> {
    /// Begins the run.
    fn begin<'world>(&self, world: &'world W) -> Run<'world>;
}

/// Explores every order of the calls of two runs, with up to `faults` mishaps. `at_end` gets each
/// end.
///
/// # Errors
///
/// Returns an order that violates an invariant.
pub fn explore<W: World>(
    start: &W,
    works: &[impl Work<W>; RUNS],
    faults: usize,
    at_end: &mut dyn FnMut(End<'_, W>),
) -> Result<Figures, Box<Violation>> {
    let mut figures = Figures {
        pairs: 1,
        ..Figures::default()
    };
    let mut known = HashSet::new();
    let mut open: Vec<Vec<Choice<W::Mishap>>> = vec![Vec::new()];
    while let Some(mut choices) = open.pop() {
        let world = start.fork();
        let mut pair = Pair::begin(&world, works.each_ref().map(|work| work.begin(&world)));
        for (number, choice) in choices.iter().enumerate() {
            pair.choose(*choice);
            // All but the last choice were checked when they were first made.
            if number + 1 == choices.len() {
                figures.calls += 1;
                violated(&world, &choices)?;
            }
        }
        loop {
            if !known.insert(pair.situation()) {
                figures.folded += 1;
                break;
            }
            figures.situations += 1;
            let met = choices.iter().filter(|it| it.mishap.is_some()).count();
            let mut next = pair.choices(met < faults).into_iter();
            let Some(first) = next.next() else {
                figures.ended += 1;
                let (world, choices) = (&world, choices.as_slice());
                let ended = pair.ended.map(|ended| ended.unwrap_or("held forever"));
                at_end(End {
                    world,
                    ended,
                    choices,
                });
                break;
            };
            for other in next {
                let mut choices = choices.clone();
                choices.push(other);
                open.push(choices);
            }
            choices.push(first);
            pair.choose(first);
            figures.calls += 1;
            violated(&world, &choices)?;
        }
    }
    Ok(figures)
}

/// Returns the violation that the last choice caused, if any.
fn violated<W: World>(world: &W, choices: &[Choice<W::Mishap>]) -> Result<(), Box<Violation>> {
    match world.violation() {
        None => Ok(()),
        Some(what) => Err(Box::new(Violation {
            path: choices.iter().map(ToString::to_string).collect(),
            what,
        })),
    }
}

/// Two runs in progress.
struct Pair<'world, W: World> {
    world: &'world W,
    /// The runs that have not ended.
    runs: [Option<Run<'world>>; RUNS],
    ended: [Option<&'static str>; RUNS],
    /// A digest of the state, until it changes.
    state: Cell<Option<u64>>,
}

impl<'world, W: World> Pair<'world, W> {
    fn begin(world: &'world W, runs: [Run<'world>; RUNS]) -> Self {
        let mut pair = Self {
            world,
            runs: runs.map(Some),
            ended: [None; RUNS],
            state: Cell::default(),
        };
        for run in 0..RUNS {
            pair.poll(run);
        }
        pair
    }

    /// Lets a run continue until all its calls wait, or until it ends.
    fn poll(&mut self, number: usize) {
        let turns = self.world.turns();
        let Some(run) = &mut self.runs[number] else {
            return;
        };
        turns.polled.set(Some(number));
        if let Poll::Ready(ended) = run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            self.end(number, ended);
        }
        turns.polled.set(None);
    }

    fn end(&mut self, number: usize, ended: &'static str) {
        let turns = self.world.turns();
        self.runs[number] = None;
        self.ended[number] = Some(ended);
        turns.waiting.borrow_mut().retain(|it| it.run != number);
        turns.heard[number].set(digest(&ended));
    }

    /// Returns everything that may happen next.
    fn choices(&self, with_mishaps: bool) -> Vec<Choice<W::Mishap>> {
        let waiting = self.world.turns().waiting.borrow();
        let mut choices = Vec::new();
        let mut reads = [false; RUNS];
        for call in &*waiting {
            let is_read = !W::mishaps(call.action).iter().any(|it| W::kills(*it));
            if is_read && std::mem::replace(&mut reads[call.run], true) {
                continue;
            }
            let mut add = |mishap| {
                choices.push(Choice {
                    call: *call,
                    mishap,
                });
            };
            add(None);
            if with_mishaps {
                W::mishaps(call.action)
                    .iter()
                    .for_each(|mishap| add(Some(*mishap)));
            }
        }
        choices
    }

    /// Lets a call happen.
    fn choose(&mut self, choice: Choice<W::Mishap>) {
        let turns = self.world.turns();
        let Choice { call, mishap } = choice;
        if W::changes(call.action) {
            self.state.set(None);
        }
        turns.waiting.borrow_mut().retain(|it| *it != call);
        turns.turn.set(Some((call, mishap)));
        self.poll(call.run);
        if mishap.is_some_and(W::kills) {
            self.end(call.run, "died");
        }
    }

    /// Returns a digest of the state and of what each run has heard, and the calls that wait.
    fn situation(&self) -> (u64, [u64; RUNS], Vec<(usize, u32)>) {
        let turns = self.world.turns();
        let heard = [turns.heard[0].get(), turns.heard[1].get()];
        let waiting = turns.waiting.borrow();
        let mut waiting: Vec<_> = waiting.iter().map(|it| (it.run, it.number)).collect();
        waiting.sort_unstable();
        let state = self.state.get();
        let state = state.unwrap_or_else(|| digest(&self.world.exactly()));
        self.state.set(Some(state));
        (state, heard, waiting)
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Returns everything that a description says.
pub fn tell_description(description: &Description) -> String {
    let stages = description.stages.iter();
    let stages: Vec<_> = stages.map(|(id, labels)| (id.as_str(), labels)).collect();
    let Description {
        arn,
        stages: _,
        last_changed,
        rotation_enabled,
        last_rotated,
        next_rotation,
    } = description;
    format!("{arn}{stages:?}{last_changed:?}{rotation_enabled}{last_rotated:?}{next_rotation:?}")
}

/// Returns everything that a version says.
pub fn tell_version(version: &StoredVersion) -> String {
    let value = match &version.stored {
        StoredValue::Text(text) => text.expose_secret(),
        StoredValue::Binary => "binary",
    };
    format!("{} {value} {:?}", version.version.as_str(), version.created)
}
