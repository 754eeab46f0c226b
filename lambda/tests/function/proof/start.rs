//! The starting states.

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::mark::MADE;

use super::state::{Phase, State};
use crate::fake::{ADMINISTRATOR_ARN, Key, SECRET_ARN, USER, World, key_id};

/// A state from which a search begins.
pub(super) struct Start {
    pub(super) name: String,
    rotate_as: &'static str,
    owns_user: bool,
    old_key: &'static str,
    /// Whether nobody changes the user's keys by hand.
    hands_off: bool,
    prepare: fn(&World, &str) -> Option<&'static str>,
}

/// The version of a rotation that another process left AWSPENDING.
const LEFT: &str = "token-left-behind-0000000000000000";

impl Start {
    pub(super) fn state(&self) -> State {
        let world = World::new(self.rotate_as, self.owns_user);
        world.lenient.set(true);
        world.pin_old_key(self.old_key);
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
            sweeps: self.old_key != UNTIL_NEXT_ROTATION,
            world,
            phase,
            by_hand: self.hands_off,
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

const UNTIL_NEXT_ROTATION: &str = "until_next_rotation";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";
const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d force_after=3d";

/// Returns the states for each way to authorise, for a user that the stack created and for one
/// that existed before. Most states that are reachable from one state of such a world are
/// reachable from the others too, so they are searched together.
pub(super) fn worlds() -> Vec<Vec<Start>> {
    let ways = ["self", "role", "ops/key-admin"];
    let whose = [true, false];
    ways.iter()
        .flat_map(|way| whose.map(|owns| world(way, owns, UNTIL_NEXT_ROTATION)))
        .collect()
}

/// Returns worlds in which the old key is retired immediately, and later.
pub(super) fn sweeping_worlds() -> Vec<Vec<Start>> {
    vec![world("role", false, AT_ONCE), world("self", false, IN_TIME)]
}

/// Returns worlds in which a principal that may write the secret acts.
pub(super) fn forged_worlds() -> Vec<Vec<Start>> {
    let worlds = [
        ("self", UNTIL_NEXT_ROTATION),
        ("role", AT_ONCE),
        ("ops/key-admin", UNTIL_NEXT_ROTATION),
    ];
    let worlds = worlds.map(|(way, old_key)| {
        let mut starts = world(way, false, old_key);
        starts.retain(|start| FORGED.iter().any(|name| start.name.starts_with(name)));
        starts.iter_mut().for_each(|start| start.hands_off = true);
        starts
    });
    worlds.into()
}

/// The states from which such a search begins.
const FORGED: [&str; 3] = ["one key;", "the previous key;", "a foreign key in use;"];

/// Returns the worlds of users that existed before.
pub(super) fn short_worlds() -> Vec<Vec<Start>> {
    vec![
        world("self", false, UNTIL_NEXT_ROTATION),
        world("role", false, UNTIL_NEXT_ROTATION),
    ]
}

/// Returns the world that the common function is made for: a user with one key, which makes the
/// calls, and which nobody else changes.
pub(super) fn one_key() -> Start {
    Start {
        hands_off: true,
        ..world("self", false, UNTIL_NEXT_ROTATION).swap_remove(0)
    }
}

fn world(rotate_as: &'static str, owns_user: bool, old_key: &'static str) -> Vec<Start> {
    let whose = if owns_user { "the stack's" } else { "a shared" };
    let start = |(name, prepare): &(&str, Prepare)| Start {
        name: format!("{name}; rotate_as: {rotate_as}; {whose} user; old_key: {old_key}"),
        rotate_as,
        owns_user,
        old_key,
        // In a world with sweeps, the days and the uses produce enough states.
        hands_off: old_key != UNTIL_NEXT_ROTATION,
        prepare: *prepare,
    };
    STATES.iter().map(start).collect()
}
