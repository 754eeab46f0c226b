//! The exhaustive searches for violated invariants.

use std::fmt;
use std::sync::Mutex;

/// The figures of a search that found no violation.
pub trait Explored: Default + Send {
    /// Adds the figures of another search.
    fn add(&mut self, other: &Self);
}

/// A violation, and its history.
#[derive(Debug)]
pub struct Violation {
    /// The starting state, and the events since then.
    pub path: Vec<String>,
    /// The violation.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.what)?;
        for (number, step) in self.path.iter().enumerate() {
            let word = if number == 0 { "from" } else { "then" };
            writeln!(formatter, "  {word}: {step}")?;
        }
        Ok(())
    }
}

/// A reachable state, and its history.
pub struct Reached<S> {
    /// The state.
    pub state: S,
    /// The number of the state before it, unless it is a starting state.
    pub from: Option<usize>,
    /// The event that led to it.
    pub how: String,
}

/// Returns the violation that an event causes in a reached state.
pub fn violation<S>(
    reached: &[Reached<S>],
    at: Option<usize>,
    how: &str,
    what: String,
) -> Box<Violation> {
    let mut path = vec![how.to_owned()];
    let mut next = at;
    while let Some(reached) = next.map(|at| &reached[at]) {
        path.push(reached.how.clone());
        next = reached.from;
    }
    path.reverse();
    Box::new(Violation { path, what })
}

/// Runs the searches, on as many threads as there are processors.
///
/// # Errors
///
/// Returns the first violation that was found.
///
/// # Panics
///
/// Panics if a search does.
pub fn on_all_processors<S: Send, E: Explored>(
    searches: Vec<S>,
    explore: impl Fn(&S) -> Result<E, Box<Violation>> + Sync,
) -> Result<E, Box<Violation>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(searches);
    let total = Mutex::new(Ok(E::default()));
    let next = || left.lock().expect("no search panicked").pop();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(search) = next() {
                    let found = explore(&search);
                    let mut total = total.lock().expect("no search panicked");
                    match (total.as_mut(), found) {
                        (Ok(total), Ok(explored)) => total.add(&explored),
                        (Ok(_), Err(found)) => *total = Err(found),
                        (Err(_), _) => return,
                    }
                }
            });
        }
    });
    total.into_inner().expect("no search panicked")
}
