//! The starting states.

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::mark::MADE;

use super::state::{Phase, State};
use crate::fake::{ADMINISTRATOR_ARN, Key, SECRET_ARN, USER, World, key_id};

/// Where a search begins.
pub(super) struct Start {
    pub(super) name: String,
    rotate_as: &'static str,
    owns_user: bool,
    prepare: fn(&World, &str) -> Option<&'static str>,
}

/// The version of a rotation that another process left AWSPENDING.
const LEFT: &str = "token-left-behind-0000000000000000";

impl Start {
    pub(super) fn state(&self) -> State {
        let world = World::new(self.rotate_as, self.owns_user);
        world.lenient.set(true);
        let origin = match self.rotate_as {
            "self" | "role" => SECRET_ARN,
            _ => ADMINISTRATOR_ARN,
        };
        let left = (self.prepare)(&world, origin);
        world.before.replace(world.keys());
        let phase = match left {
            None => Phase::Idle,
            Some(token) => Phase::Failed {
                token: token.to_owned(),
                step: 0,
            },
        };
        State {
            world,
            phase,
            by_hand: false,
        }
    }
}

fn ours(world: &World, origin: &str, version: &str, labels: &[&str]) -> Key {
    let key = world.give_key(USER, true);
    world.store(version, labels, &world.value(&key, origin));
    key
}

fn deactivate(world: &World, key: &Key) {
    world.change_key(&key.id, |key| key.activity = Activity::Inactive);
}

type Prepare = fn(&World, &str) -> Option<&'static str>;

const STATES: &[(&str, Prepare)] = &[
    ("one key", |_, _| None),
    ("one key, which takes two seconds to spread", |world, _| {
        world.spread.set(std::time::Duration::from_secs(2));
        None
    }),
    ("the previous key", |world, origin| {
        ours(world, origin, "before", &[PREVIOUS]);
        None
    }),
    ("the previous key, inactive", |world, origin| {
        let key = ours(world, origin, "before", &[PREVIOUS]);
        deactivate(world, &key);
        None
    }),
    ("a foreign key in use", |world, _| {
        world.give_foreign_key(true);
        None
    }),
    ("a foreign key that was never used", |world, _| {
        world.give_foreign_key(false);
        None
    }),
    ("a foreign key, inactive", |world, _| {
        let key = world.give_foreign_key(true);
        deactivate(world, &key);
        None
    }),
    ("AWSPENDING left behind, without a value", |world, _| {
        world.begin(LEFT);
        Some(LEFT)
    }),
    ("AWSPENDING left behind, with its key", |world, origin| {
        ours(world, origin, LEFT, &[PENDING, MADE]);
        Some(LEFT)
    }),
    (
        "AWSPENDING left behind, its key deleted by hand",
        |world, origin| {
            let key = ours(world, origin, LEFT, &[PENDING, MADE]);
            world.take_key(&key.id);
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind, its key deactivated by hand",
        |world, origin| {
            let key = ours(world, origin, LEFT, &[PENDING, MADE]);
            deactivate(world, &key);
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind, with the current key",
        |world, _| {
            world.store(LEFT, &[PENDING], &world.fields(CURRENT).to_string());
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind, without a key's fields",
        |world, _| {
            world.store(LEFT, &[PENDING], "{}");
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind by another function, beside the previous key",
        |world, origin| {
            ours(world, origin, "before", &[PREVIOUS]);
            world.begin(LEFT);
            Some(LEFT)
        },
    ),
    (
        "the key of a rotation that was cancelled",
        |world, origin| {
            ours(world, origin, "cancelled", &[MADE]);
            None
        },
    ),
    (
        "the key of a rotation that was cancelled, deleted by hand",
        |world, origin| {
            let key = ours(world, origin, "cancelled", &[MADE]);
            world.take_key(&key.id);
            None
        },
    ),
    ("AWSCURRENT's key inactive", |world, _| {
        world.guarded.set(false);
        world.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
        None
    }),
    (
        "AWSCURRENT's key inactive, beside the previous key",
        |world, origin| {
            world.guarded.set(false);
            world.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
            ours(world, origin, "before", &[PREVIOUS]);
            None
        },
    ),
    ("AWSCURRENT's key deleted", |world, _| {
        world.guarded.set(false);
        world.take_key(&key_id(1));
        None
    }),
    (
        "AWSCURRENT's key deleted, and two foreign keys",
        |world, _| {
            world.guarded.set(false);
            world.take_key(&key_id(1));
            world.give_foreign_key(true);
            let key = world.give_foreign_key(false);
            deactivate(world, &key);
            None
        },
    ),
];

/// Returns the states for each way to authorise, for a user of the stack's own
/// and for one that was there before. What is reached from the states of one
/// such world is reached from each other's too, mostly.
pub(super) fn worlds() -> Vec<Vec<Start>> {
    let mut worlds = Vec::new();
    for rotate_as in ["self", "role", "ops/key-admin"] {
        for owns_user in [true, false] {
            let whose = if owns_user { "the stack's" } else { "a shared" };
            let start = |(name, prepare): &(&str, Prepare)| Start {
                name: format!("{name}; rotate_as: {rotate_as}; {whose} user"),
                rotate_as,
                owns_user,
                prepare: *prepare,
            };
            worlds.push(STATES.iter().map(start).collect());
        }
    }
    worlds
}
