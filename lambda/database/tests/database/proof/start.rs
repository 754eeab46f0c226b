//! The starting states.

use keyrota_database_function::mark::SETTING;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use serde_json::Value;

use super::state::{Phase, State};
use crate::fake::{Setting, World};

/// A state from which a search begins.
pub(super) struct Start {
    pub(super) name: String,
    setting: Setting,
    /// Whether nobody changes anything by hand.
    hands_off: bool,
    prepare: Prepare,
}

/// The version of a rotation that another process left AWSPENDING.
const LEFT: &str = "token-left-behind-0000000000000000";

type Prepare = fn(&World) -> Option<&'static str>;

impl Start {
    pub(super) fn state(&self) -> State {
        let world = World::new(self.setting);
        world.lenient.set(true);
        let left = (self.prepare)(&world);
        world.forgive();
        let phase = match left {
            None => Phase::Idle,
            Some(token) => Phase::Failed {
                token: token.to_owned(),
                step: 0,
            },
        };
        let mut state = State {
            world,
            phase,
            by_hand: self.hands_off.then_some("nothing"),
        };
        state.settle();
        state
    }
}

/// Stores a version with a password that was never sent to the server.
fn dead(world: &World, version: &str, labels: &[&str]) {
    let password = world.make_password();
    world.store(version, labels, &world.value(&password));
}

/// Leaves a rotation behind whose value does not belong to the pinned server.
fn stray(world: &World, field: &str, instead: Value) -> Option<&'static str> {
    let mut value = world.value(&world.make_password());
    value[field] = instead;
    world.store(LEFT, &[PENDING], &value);
    Some(LEFT)
}

const STATES: &[(&str, Prepare)] = &[
    ("AWSCURRENT alone", |_| None),
    ("a previous password", |world| {
        dead(world, "before", &[PREVIOUS]);
        None
    }),
    ("AWSPENDING left behind without a value", |world| {
        world.begin(LEFT);
        Some(LEFT)
    }),
    ("AWSPENDING left behind", |world| {
        dead(world, LEFT, &[PENDING]);
        Some(LEFT)
    }),
    ("AWSPENDING left behind, its password sent", |world| {
        dead(world, LEFT, &[PENDING, SETTING]);
        Some(LEFT)
    }),
    (
        "AWSPENDING left behind with the current password",
        |world| {
            world.store(LEFT, &[PENDING], &world.fields(CURRENT));
            Some(LEFT)
        },
    ),
    ("AWSPENDING left behind without a password", |world| {
        world.store(
            LEFT,
            &[PENDING],
            &serde_json::json!({ "engine": world.setting.engine.name() }),
        );
        Some(LEFT)
    }),
    ("AWSPENDING left behind, not an object", |world| {
        world.store(LEFT, &[PENDING], &Value::from("a password"));
        Some(LEFT)
    }),
    ("another host in AWSPENDING", |world| {
        stray(world, "host", Value::from("evil.example"))
    }),
    ("another user in AWSPENDING", |world| {
        stray(world, "username", Value::from("postgres"))
    }),
    ("another database in AWSPENDING", |world| {
        stray(world, "dbname", Value::from("payroll"))
    }),
    ("another host in AWSPREVIOUS", |world| {
        let mut value = world.value(&world.make_password());
        value["host"] = Value::from("evil.example");
        world.store("before", &[PREVIOUS], &value);
        None
    }),
    (
        "a rotation that was broken off, its password not set",
        |world| {
            dead(world, "broken-off", &[SETTING]);
            None
        },
    ),
    ("a wrong password set by hand in AWSCURRENT", |world| {
        dead(world, "by-hand", &[CURRENT]);
        None
    }),
    (
        "a wrong password set by hand in AWSCURRENT, AWSPENDING left behind",
        |world| {
            dead(world, "by-hand", &[CURRENT]);
            dead(world, LEFT, &[PENDING]);
            Some(LEFT)
        },
    ),
];

const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";

/// Returns the worlds: each kind of server, with and without an administrator.
pub(super) fn worlds() -> Vec<Vec<Start>> {
    let mysql = |old_key| Setting {
        old_key,
        ..Setting::MYSQL
    };
    let settings = [
        Setting::POSTGRES,
        Setting::ADMINISTRATOR,
        mysql("until_next_rotation"),
        mysql(IN_TIME),
        mysql(AT_ONCE),
        Setting {
            rotate_as: "ops/db-admin",
            ..mysql(IN_TIME)
        },
        // A server that does not allow the user to retain its password.
        Setting {
            retains: false,
            ..mysql(IN_TIME)
        },
    ];
    settings.into_iter().map(world).collect()
}

/// Returns the worlds that differ the most.
pub(super) fn short_worlds() -> Vec<Vec<Start>> {
    let mysql = Setting {
        old_key: IN_TIME,
        ..Setting::MYSQL
    };
    let mut worlds = vec![
        world(Setting::POSTGRES),
        world(mysql),
        world(Setting::ADMINISTRATOR),
    ];
    // If nobody changes anything by hand, there are few enough states.
    for start in worlds[1..].iter_mut().flatten() {
        start.hands_off = true;
    }
    worlds
}

/// Returns worlds in which a principal that may write the secret acts.
pub(super) fn forged_worlds() -> Vec<Vec<Start>> {
    let settings = [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR];
    let mut worlds: Vec<Vec<Start>> = settings.into_iter().map(world).collect();
    for starts in &mut worlds {
        starts.truncate(2);
        starts.iter_mut().for_each(|start| start.hands_off = true);
    }
    worlds
}

fn world(setting: Setting) -> Vec<Start> {
    let start = |(name, prepare): &(&str, Prepare)| Start {
        name: format!("{name}; {setting:?}"),
        setting,
        hands_off: false,
        prepare: *prepare,
    };
    STATES.iter().map(start).collect()
}
