//! Draws the life of an old key. Time runs downwards in steps, not to scale, and each column is
//! one possible course of events.

use serde::Serialize;

use super::prose;
use crate::model::{Duration, OldKey, Retirement};

/// The left edge of the first column.
const COURSES: u32 = 128;
const COURSE_WIDTH: u32 = 104;
const COURSE_GAP: u32 = 8;
const HEAD: u32 = 44;
const STEP: u32 = 54;

/// A drawing.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    /// The setting in the manifest's words.
    pub setting: String,
    /// The letters of the groups that have the setting.
    pub letters: String,
    /// The content of the drawing in words.
    pub words: String,
    /// The size.
    pub width: u32,
    pub height: u32,
    /// The moments, from top to bottom.
    pub marks: Vec<Mark>,
    /// The courses, from left to right.
    pub courses: Vec<Course>,
}

/// A moment.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    pub y: u32,
    /// Where its line ends.
    pub right: u32,
    pub label: String,
    pub label_y: u32,
    pub small: String,
    pub small_y: u32,
}

/// A possible course of events.
#[derive(Clone, Debug, Serialize)]
pub struct Course {
    pub x: u32,
    pub middle: u32,
    pub head: [&'static str; 2],
    pub spans: Vec<Period>,
    /// The position of the note that the key is gone before the next rotation.
    pub gone_y: Option<u32>,
}

/// A period in which the key is in one state.
#[derive(Clone, Debug, Serialize)]
pub struct Period {
    pub x: u32,
    pub y: u32,
    pub width: u32,
    pub height: u32,
    pub middle: u32,
    pub text_y: u32,
    pub state: &'static str,
    pub label: &'static str,
}

const ACTIVE: (&str, &str) = ("active", "active");
const HELD: (&str, &str) = ("held", "held back");
const INACTIVE: (&str, &str) = ("inactive", "inactive");

/// Draws what happens to an old key.
pub fn timeline(old_key: OldKey, arrangements: Vec<String>) -> Timeline {
    match old_key {
        OldKey::UntilNextRotation => {
            let moments = [("replaced".to_owned(), String::new()), next_rotation()];
            let words = "The old key stays active until the next rotation deletes it.";
            draw(
                old_key,
                arrangements,
                words.to_owned(),
                moments.to_vec(),
                vec![(["in use", "or not"], vec![(0, 1, ACTIVE)])],
            )
        }
        OldKey::After(retirement) => after(old_key, retirement, arrangements),
    }
}

fn next_rotation() -> (String, String) {
    ("next rotation".to_owned(), "always deleted".to_owned())
}

fn after(old_key: OldKey, retirement: Retirement, arrangements: Vec<String>) -> Timeline {
    let Retirement {
        deactivate_after,
        delete_after,
        hold_if_used_within,
        force_after,
    } = retirement;
    let watched = Duration::seconds(delete_after.as_seconds() - deactivate_after.as_seconds());
    let forced = force_after.map(|force| {
        (
            force,
            Duration::seconds(force.as_seconds() + watched.as_seconds()),
        )
    });
    let mut times = vec![Duration::seconds(0), deactivate_after, delete_after];
    times.extend(
        forced
            .iter()
            .flat_map(|(force, deleted)| [*force, *deleted]),
    );
    times.sort();
    times.dedup();
    let place = |time: Duration| {
        times
            .iter()
            .position(|one| *one == time)
            .unwrap_or_default()
    };
    let label = |time: &Duration| {
        let settings = [
            (Some(deactivate_after), "deactivate_after"),
            (Some(delete_after), "delete_after"),
            (force_after, "force_after"),
        ];
        let named = settings.into_iter().filter(|(at, _)| *at == Some(*time));
        let named: Vec<&str> = named.map(|(_, name)| name).collect();
        let said = match (time.as_seconds(), named.is_empty()) {
            (0, true) => "replaced".to_owned(),
            (0, false) => "replaced: immediately".to_owned(),
            _ => format!("after {}", prose::duration(*time)),
        };
        // Two settings at the same moment would overlap.
        (
            said,
            named
                .first()
                .map(|one| (*one).to_owned())
                .unwrap_or_default(),
        )
    };
    let mut moments: Vec<(String, String)> = times.iter().map(label).collect();
    moments.push(next_rotation());
    let end = moments.len() - 1;
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
        None => vec![(0, off, ACTIVE), (off, end, HELD)],
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
    draw(
        old_key,
        arrangements,
        words,
        moments,
        vec![
            (["not", "in use"], idle),
            (["in use", "all the time"], busy),
        ],
    )
}

type Part = (usize, usize, (&'static str, &'static str));

fn draw(
    old_key: OldKey,
    arrangements: Vec<String>,
    words: String,
    moments: Vec<(String, String)>,
    courses: Vec<([&'static str; 2], Vec<Part>)>,
) -> Timeline {
    let many_moments = moments.len();
    let steps = u32::try_from(many_moments).unwrap_or(u32::MAX);
    let many = u32::try_from(courses.len()).unwrap_or(u32::MAX);
    let width = COURSES + many * (COURSE_WIDTH + COURSE_GAP);
    let at = |step: usize| HEAD + 10 + u32::try_from(step).unwrap_or(u32::MAX) * STEP;
    let marks = moments
        .into_iter()
        .enumerate()
        .map(|(step, (label, small))| Mark {
            y: at(step),
            right: width - COURSE_GAP,
            label,
            label_y: at(step) - 5,
            small,
            small_y: at(step) + 14,
        });
    let course = |(place, (head, parts)): (usize, ([&'static str; 2], Vec<Part>))| {
        let x = COURSES + u32::try_from(place).unwrap_or(u32::MAX) * (COURSE_WIDTH + COURSE_GAP);
        let gone = parts.iter().map(|(_, to, _)| *to).max();
        let parts = parts.into_iter().filter(|(from, to, _)| to > from);
        let stretch = |(from, to, (state, label)): Part| Period {
            x,
            y: at(from) + 2,
            width: COURSE_WIDTH,
            height: at(to) - at(from) - 4,
            middle: x + COURSE_WIDTH / 2,
            text_y: (at(from) + at(to)) / 2 + 4,
            state,
            label,
        };
        Course {
            x,
            middle: x + COURSE_WIDTH / 2,
            head,
            gone_y: gone
                .filter(|step| *step + 1 < many_moments)
                .map(|step| at(step) + 16),
            spans: parts.map(stretch).collect(),
        }
    };
    Timeline {
        setting: old_key.to_string(),
        letters: prose::words(arrangements.iter().map(String::as_str), "and"),
        words,
        width,
        height: HEAD + 10 + (steps - 1) * STEP + 30,
        marks: marks.collect(),
        courses: courses.into_iter().enumerate().map(course).collect(),
    }
}
