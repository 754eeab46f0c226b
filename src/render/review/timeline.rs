//! Draws the life of an old key as a table. Time runs downwards in steps, not to scale, and each
//! column is one possible course of events.

use serde::Serialize;

use super::prose;
use crate::model::{Duration, OldKey, Retirement};

/// A drawing.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The setting in the manifest's words.
    pub setting: String,
    /// The letters of the groups that have the setting.
    pub letters: String,
    /// The content of the drawing in words.
    pub words: String,
    /// The headings of the courses, from left to right.
    pub courses: Vec<&'static str>,
    /// The moments, from top to bottom.
    pub moments: Vec<Moment>,
}

/// A moment, at which the key changes its state in some courses.
#[derive(Clone, Debug, Serialize)]
pub struct Moment {
    pub label: String,
    /// The setting that determines it, or a remark.
    pub remark: &'static str,
    pub states: Vec<State>,
}

/// A state that begins at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    pub class: &'static str,
    pub label: &'static str,
    /// The number of moments until it ends.
    pub rows: usize,
}

const ACTIVE: (&str, &str) = ("active", "active");
const HELD: (&str, &str) = ("held", "held back");
const INACTIVE: (&str, &str) = ("inactive", "inactive");

/// A possible course of events: its heading, and the states with the steps at which they begin
/// and end.
type Course = (
    &'static str,
    Vec<(usize, usize, (&'static str, &'static str))>,
);

/// Draws what happens to an old key.
pub fn timeline(old_key: OldKey, arrangements: &[&str]) -> Timeline {
    let (words, moments, courses) = match old_key {
        OldKey::UntilNextRotation => (
            "The old key stays active until the next rotation deletes it.".to_owned(),
            vec![("replaced".to_owned(), "")],
            vec![("in use or not", vec![(0, 1, ACTIVE)])],
        ),
        OldKey::After(retirement) => after(retirement),
    };
    Timeline {
        setting: old_key.to_string(),
        letters: prose::words(arrangements.iter().copied(), "and"),
        words,
        courses: courses.iter().map(|(heading, _)| *heading).collect(),
        moments: rows(moments, &courses),
    }
}

fn after(retirement: Retirement) -> (String, Vec<(String, &'static str)>, Vec<Course>) {
    let Retirement {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = retirement;
    let watched = delete_after.as_seconds() - deactivate_after.as_seconds();
    let forced = force_after.map(|force| (force, Duration::seconds(force.as_seconds() + watched)));
    let mut times = vec![Duration::seconds(0), deactivate_after, delete_after];
    times.extend(
        forced
            .iter()
            .flat_map(|(force, deleted)| [*force, *deleted]),
    );
    times.sort();
    times.dedup();
    let place = |time: Duration| times.partition_point(|one| *one < time);
    let moment = |time: &Duration| {
        let settings = [
            (Some(deactivate_after), "deactivate_after"),
            (Some(delete_after), "delete_after"),
            (force_after, "force_after"),
        ];
        let named = settings.into_iter().find(|(at, _)| *at == Some(*time));
        let label = match (time.as_seconds(), named) {
            (0, None) => "replaced".to_owned(),
            (0, Some(_)) => "replaced: immediately".to_owned(),
            _ => format!("after {}", prose::duration(*time)),
        };
        (label, named.map_or("", |(_, name)| name))
    };
    let (off, gone) = (place(deactivate_after), place(delete_after));
    let idle = vec![(0, off, ACTIVE), (off, gone, INACTIVE)];
    let busy = match forced {
        Some((force, deleted)) => {
            let (force, deleted) = (place(force), place(deleted));
            vec![
                (0, off, ACTIVE),
                (off, force, HELD),
                (force, deleted, INACTIVE),
            ]
        }
        None => vec![(0, off, ACTIVE), (off, times.len(), HELD)],
    };
    let mut words = match deactivate_after.as_seconds() {
        0 => "A rotation immediately deactivates the key that it replaced".to_owned(),
        _ => format!(
            "The key is deactivated {} after it was replaced",
            prose::duration(deactivate_after)
        ),
    };
    words += &match delete_after == deactivate_after {
        true => " and deleted at the same time".to_owned(),
        false => format!(" and deleted after {}", prose::duration(delete_after)),
    };
    words += &format!(
        ". If a client has used it within {}, it is held back and stays active",
        prose::duration(hold_if_used_within)
    );
    words += &match force_after {
        Some(force) => format!(
            ", but no longer than {} after it was replaced.",
            prose::duration(force)
        ),
        None => ", until the next rotation.".to_owned(),
    };
    words += " The next rotation always deletes it.";
    let courses = vec![("not in use", idle), ("in use all the time", busy)];
    (words, times.iter().map(moment).collect(), courses)
}

/// Returns the moments with the states that begin there. The last one is the next rotation.
fn rows(mut moments: Vec<(String, &'static str)>, courses: &[Course]) -> Vec<Moment> {
    moments.push(("next rotation".to_owned(), "always deleted"));
    let end = moments.len();
    let states = |step: usize| {
        let begins = courses.iter().flat_map(move |(_, states)| {
            let gone = states
                .iter()
                .map(|(_, to, _)| *to)
                .max()
                .unwrap_or_default();
            let states = states.iter().copied().chain([(gone, end, ("", "deleted"))]);
            states.filter(move |(from, to, _)| *from == step && to > from)
        });
        let state = |(from, to, (class, label))| State {
            class,
            label,
            rows: to - from,
        };
        begins.map(state).collect()
    };
    let moments = moments.into_iter().enumerate();
    moments
        .map(|(step, (label, remark))| Moment {
            label,
            remark,
            states: states(step),
        })
        .collect()
}
