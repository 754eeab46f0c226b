//! What is measured of one process, and of pairs of them.

use std::time::Duration;

use crate::error::Error;
use crate::limit::Limit;
use crate::progress;
use crate::scene::RunContext;
use crate::session::{Rotation, Session};
use crate::statistics::median;
use crate::subject_function::SubjectFunction;

/// Under what circumstances processes are measured.
pub struct Condition {
    /// The title in the report.
    pub title: String,
    /// How long each call takes.
    pub delay: Duration,
    /// Whether processes get only a share of a core.
    pub limited: bool,
    /// How many times each side is measured.
    pub pairs: usize,
    /// How many rotations of each kind a warm process does.
    pub warm: usize,
}

/// One process.
#[derive(Clone, Debug)]
pub struct Sample {
    /// From the start to the first request for work.
    pub cold: Duration,
    /// From the start to the end of a first rotation.
    pub first: Duration,
    /// Processor time until then.
    pub processor: Option<Duration>,
    /// A rotation of the warm process, of each sort in [`FunctionKind::warm`]. The middle
    /// of several.
    ///
    /// [`FunctionKind::warm`]: crate::kind::Kind::warm
    pub warm: Vec<Duration>,
    /// The most memory it ever had, in bytes.
    pub memory: Option<u64>,
}

/// One process of each side, as near to each other in time as can be.
#[derive(Clone, Debug)]
pub struct Pair {
    pub ours: Sample,
    /// Absent where ours is measured alone.
    pub python: Option<Sample>,
}

/// Measures pairs: ours, Python, ours, Python, and so on.
///
/// # Errors
///
/// Returns what a process did instead of rotating.
pub async fn pairs(
    ours: &SubjectFunction,
    python: Option<&SubjectFunction>,
    scene: &RunContext<'_>,
    condition: &Condition,
    limit: Option<&Limit>,
) -> Result<Vec<Pair>, Error> {
    let mut pairs = Vec::new();
    for number in 1..=condition.pairs {
        progress::say(&format!(
            "{}: {number} of {}",
            scene.titled(&condition.title),
            condition.pairs
        ));
        let ours = sample(ours, scene, condition, limit).await?;
        let python = match python {
            Some(python) => Some(sample(python, scene, condition, limit).await?),
            None => None,
        };
        pairs.push(Pair { ours, python });
    }
    Ok(pairs)
}

/// Measures one process.
async fn sample(
    subject_function: &SubjectFunction,
    scene: &RunContext<'_>,
    condition: &Condition,
    limit: Option<&Limit>,
) -> Result<Sample, Error> {
    let mut session = Session::prepare(subject_function, scene, condition.delay, limit).await?;
    let (started, asked) = session.start().await?;
    let first = session.rotate(false).await?;
    let processor = session.process().processor_time();
    let mut warm = Vec::new();
    for sort in scene.kind().warm() {
        let mut durations = Vec::new();
        for _ in 0..condition.warm {
            durations.push(duration(&session.rotate(sort.with_room).await?));
        }
        warm.push(median(&durations));
    }
    let memory = session.process().peak_memory();
    if session.end().await == Some(false) {
        let unlimited = "the control group never held a process back, so it limits nothing";
        return Err(Error::Usage(unlimited.to_owned()));
    }
    Ok(Sample {
        cold: asked - started,
        first: first.ended - started,
        processor,
        warm,
        memory,
    })
}

fn duration(rotation: &Rotation) -> Duration {
    rotation.ended - rotation.began
}

/// The rotations of one process by name, with their calls: the first one, and
/// then one of each sort of the warm process.
pub struct Traced(pub Vec<(String, Rotation)>);

/// How long a call takes where calls are counted: long enough for calls that are
/// made together to be under way together.
const COUNTING_DELAY: Duration = Duration::from_millis(50);

/// Has a process rotate to count its calls.
///
/// # Errors
///
/// Returns what it did instead.
pub async fn trace(
    subject_function: &SubjectFunction,
    scene: &RunContext<'_>,
) -> Result<Traced, Error> {
    let mut session = Session::prepare(subject_function, scene, COUNTING_DELAY, None).await?;
    session.start().await?;
    let first = session.rotate(false).await?;
    let mut rotations = vec![("first rotation".to_owned(), first)];
    for sort in scene.kind().warm() {
        let rotation = session.rotate(sort.with_room).await?;
        rotations.push((format!("warm{}", sort.which), rotation));
    }
    session.end().await;
    Ok(Traced(rotations))
}
