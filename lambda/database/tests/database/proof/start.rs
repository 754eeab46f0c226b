//! The starting states.

use keyrota_database_function::mark::SETTING;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::Value;

use super::state::{Phase, State};
use crate::fake::{FakeServices, OTHER, Setting, User};

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

type Prepare = fn(&FakeServices) -> Option<&'static str>;

impl Start {
    pub(super) fn state(&self) -> State {
        let services = FakeServices::new(self.setting);
        services.lenient.set(true);
        let left = (self.prepare)(&services);
        services.allow_breakage();
        let phase = match left {
            None => Phase::Idle,
            Some(token) => Phase::Failed {
                token: token.to_owned(),
                step: 0,
            },
        };
        let mut state = State {
            services,
            phase,
            by_hand: self.hands_off.then_some("nothing"),
        };
        state.settle();
        state
    }
}

/// Stores a version with a password that was never sent to the server.
fn dead(services: &FakeServices, version: &str, labels: &[&str]) {
    let password = services.make_password();
    services.store(version, labels, &services.value(&password));
}

/// Leaves a rotation behind whose value does not belong to the pinned server.
fn stray(services: &FakeServices, field: &str, instead: Value) -> Option<&'static str> {
    let mut value = services.value(&services.make_password());
    value[field] = instead;
    services.store(LEFT, &[PENDING], &value);
    Some(LEFT)
}

/// Gives the user that alternates a password, and stores it under labels.
fn alternated(services: &FakeServices, version: &str, labels: &[&str]) {
    let password = services.make_password();
    if services.setting.alternates {
        services.other.replace(Some(User::new(&password)));
    }
    let mut value = services.value(&password);
    value["username"] = Value::from(OTHER);
    services.store(version, labels, &value);
}

/// The states from which only two users that alternate start.
const OF_TWO_USERS: &[(&str, Prepare)] = &[
    ("the other user is current", |services| {
        let before = services.fields(CURRENT);
        alternated(services, "other", &[CURRENT]);
        services.store("first", &[PREVIOUS], &before);
        None
    }),
    ("the other user is in AWSPREVIOUS", |services| {
        alternated(services, "before", &[PREVIOUS]);
        None
    }),
    ("AWSPENDING left behind with the other user", |services| {
        alternated(services, LEFT, &[PENDING]);
        Some(LEFT)
    }),
    ("the other user exists with another password", |services| {
        let password = services.make_password();
        services.other.replace(Some(User {
            has_rights: false,
            ..User::new(&password)
        }));
        None
    }),
    (
        "the other user is current, AWSPENDING left behind with it",
        |services| {
            alternated(services, "other", &[CURRENT]);
            let mut value = services.value(&services.make_password());
            value["username"] = Value::from(OTHER);
            services.store(LEFT, &[PENDING], &value);
            Some(LEFT)
        },
    ),
];

const STATES: &[(&str, Prepare)] = &[
    ("AWSCURRENT alone", |_| None),
    ("a previous password", |services| {
        dead(services, "before", &[PREVIOUS]);
        None
    }),
    ("AWSPENDING left behind without a value", |services| {
        services.begin(LEFT);
        Some(LEFT)
    }),
    ("AWSPENDING left behind", |services| {
        dead(services, LEFT, &[PENDING]);
        Some(LEFT)
    }),
    ("AWSPENDING left behind, its password sent", |services| {
        dead(services, LEFT, &[PENDING, SETTING]);
        Some(LEFT)
    }),
    (
        "AWSPENDING left behind with the current password",
        |services| {
            services.store(LEFT, &[PENDING], &services.fields(CURRENT));
            Some(LEFT)
        },
    ),
    ("AWSPENDING left behind without a password", |services| {
        services.store(
            LEFT,
            &[PENDING],
            &serde_json::json!({ "engine": services.setting.engine.name() }),
        );
        Some(LEFT)
    }),
    ("AWSPENDING left behind, not an object", |services| {
        services.store(LEFT, &[PENDING], &Value::from("a password"));
        Some(LEFT)
    }),
    ("another host in AWSPENDING", |services| {
        stray(services, "host", Value::from("evil.example"))
    }),
    ("another user in AWSPENDING", |services| {
        stray(services, "username", Value::from("postgres"))
    }),
    ("another database in AWSPENDING", |services| {
        stray(services, "dbname", Value::from("payroll"))
    }),
    ("another host in AWSPREVIOUS", |services| {
        let mut value = services.value(&services.make_password());
        value["host"] = Value::from("evil.example");
        services.store("before", &[PREVIOUS], &value);
        None
    }),
    (
        "a rotation that was interrupted, its password not set",
        |services| {
            dead(services, "broken-off", &[SETTING]);
            None
        },
    ),
    ("a wrong password set by hand in AWSCURRENT", |services| {
        dead(services, "by-hand", &[CURRENT]);
        None
    }),
    (
        "a wrong password set by hand in AWSCURRENT, AWSPENDING left behind",
        |services| {
            dead(services, "by-hand", &[CURRENT]);
            dead(services, LEFT, &[PENDING]);
            Some(LEFT)
        },
    ),
];

const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";

/// Returns the starts of the searches: each kind of server, with and without an administrator.
pub(super) fn searches() -> Vec<Vec<Start>> {
    let mysql = |old_key| Setting {
        old_key,
        ..Setting::MYSQL
    };
    let settings = [
        Setting::POSTGRES,
        Setting::ADMINISTRATOR,
        Setting::ALTERNATING,
        Setting::ALTERNATING_WITH_HOSTS,
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
    let stored = settings.into_iter().map(starts_for);
    stored.chain(first_searches()).collect()
}

/// Returns the searches from a secret without a password.
fn first_searches() -> Vec<Vec<Start>> {
    let settings = [Setting::SET, Setting::CREATED, Setting::CREATED_ON_MYSQL];
    settings.into_iter().map(starts_without_password).collect()
}

/// Returns the searches that differ the most.
pub(super) fn short_searches() -> Vec<Vec<Start>> {
    let mysql = Setting {
        old_key: IN_TIME,
        ..Setting::MYSQL
    };
    let mut searches = vec![
        starts_for(Setting::POSTGRES),
        starts_for(mysql),
        starts_for(Setting::ADMINISTRATOR),
        starts_for(Setting::ALTERNATING),
        starts_for(Setting::ALTERNATING_WITH_HOSTS),
    ];
    searches.extend(first_searches());
    // If nobody changes anything by hand, there are few enough states.
    for start in searches[1..].iter_mut().flatten() {
        start.hands_off = true;
    }
    searches
}

/// Returns the searches in which a principal that may write the secret acts.
pub(super) fn forged_searches() -> Vec<Vec<Start>> {
    let settings = [
        Setting::POSTGRES,
        Setting::MYSQL,
        Setting::ADMINISTRATOR,
        Setting::ALTERNATING,
    ];
    let mut searches: Vec<Vec<Start>> = settings.into_iter().map(starts_for).collect();
    for starts in &mut searches {
        starts.truncate(2);
        starts.iter_mut().for_each(|start| start.hands_off = true);
    }
    searches
}

/// Only these states can be reached before there is a password.
fn starts_without_password(setting: Setting) -> Vec<Start> {
    let begun =
        |name: &str| name == "AWSCURRENT alone" || name.starts_with("AWSPENDING left behind");
    let mut starts = starts_for(setting);
    starts.retain(|start| {
        let (name, _) = start.name.split_once(';').unwrap_or_default();
        begun(name) && !name.contains("current password")
    });
    starts
}

fn starts_for(setting: Setting) -> Vec<Start> {
    let start = |(name, prepare): &(&str, Prepare)| Start {
        name: format!("{name}; {setting:?}"),
        setting,
        hands_off: false,
        prepare: *prepare,
    };
    let of_two = OF_TWO_USERS.iter().filter(|_| setting.alternates);
    STATES.iter().chain(of_two).map(start).collect()
}
