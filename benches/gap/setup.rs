//! What the measurements of databases and of services have in common.

use std::time::Duration;

/// The waits of the retry that the documentation shows, until a farm has learned a password.
pub const WAITS: [Duration; 10] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
    Duration::from_millis(3_200),
    Duration::from_millis(6_400),
    Duration::from_millis(12_800),
    Duration::from_millis(12_800),
    Duration::from_millis(12_800),
];

/// Where clients log in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    OneServer,
    /// Two servers, and the rotation does not wait for the second.
    Farm,
    /// Two servers, and the rotation waits for the second.
    FarmWithPropagation,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::OneServer, Self::Farm, Self::FarmWithPropagation];

    pub const fn name(self) -> &'static str {
        match self {
            Self::OneServer => "one server",
            Self::Farm => "farm",
            Self::FarmWithPropagation => "farm, propagation",
        }
    }
}

/// What is measured, and how often.
pub struct Arguments {
    rotations: usize,
    /// How much later the second server of a farm gets a change.
    pub delay: Duration,
    /// The name of the only engine or service.
    only: Option<String>,
}

impl Arguments {
    /// Reads `--rotations`, `--delay`, and the option that selects an engine or a service.
    pub fn read(default_delay: u64, selection: &str) -> Self {
        let all: Vec<String> = std::env::args().collect();
        let after = |name: &str| {
            let at = all.iter().position(|argument| argument == name)?;
            all.get(at + 1).cloned()
        };
        let number = |name: &str, default: u64| {
            let given = after(name);
            given.map_or(default, |text| text.parse().expect("a number"))
        };
        Self {
            rotations: usize::try_from(number("--rotations", 10)).expect("a small number"),
            delay: Duration::from_secs(number("--delay", default_delay)),
            only: after(selection),
        }
    }

    pub fn includes(&self, name: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| only.eq_ignore_ascii_case(name))
    }

    /// Returns how often the password rotates there. On a farm, which is slow, once for every five.
    pub fn rotations(&self, place: Place) -> usize {
        match place {
            Place::OneServer => self.rotations,
            Place::Farm | Place::FarmWithPropagation => self.rotations.div_ceil(5),
        }
    }

    /// Returns how long a rotation waits for a second server.
    pub fn propagation(&self, place: Place) -> Duration {
        match place {
            Place::OneServer | Place::Farm => Duration::ZERO,
            Place::FarmWithPropagation => self.delay + Duration::from_secs(1),
        }
    }
}
