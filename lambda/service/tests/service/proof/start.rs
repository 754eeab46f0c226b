//! The starting states.

use keyrota_service_function::mark::SETTING;
use keyrota_service_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use super::state::{Phase, State};
use crate::fake::{FakeServices, Setting};

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

/// Stores a version with a password that was never sent to the service.
fn dead(services: &FakeServices, version: &str, labels: &[&str]) {
    let password = services.make_password();
    services.store(version, labels, &services.value(&password));
}

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
        services.store(LEFT, &[PENDING], &json!({ "note": "no password" }));
        Some(LEFT)
    }),
    ("AWSPENDING left behind, not an object", |services| {
        services.store(LEFT, &[PENDING], &Value::from("a password"));
        Some(LEFT)
    }),
    ("another user in AWSPENDING", |services| {
        let mut value = services.value(&services.make_password());
        value["username"] = json!("somebody else");
        services.store(LEFT, &[PENDING], &value);
        Some(LEFT)
    }),
    ("another user in AWSPREVIOUS", |services| {
        let mut value = services.value(&services.make_password());
        value["username"] = json!("somebody else");
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

/// Returns the starts of the searches, for each kind of service.
pub(super) fn searches() -> Vec<Vec<Start>> {
    Setting::ALL.into_iter().map(starts_for).collect()
}

/// Returns the searches in which a principal that may write the secret acts.
pub(super) fn forged_searches() -> Vec<Vec<Start>> {
    let mut searches = searches();
    for starts in &mut searches {
        starts.truncate(2);
        starts.iter_mut().for_each(|start| start.hands_off = true);
    }
    searches
}

/// Returns the searches without anything that is changed by hand, but in the first.
pub(super) fn short_searches() -> Vec<Vec<Start>> {
    let mut searches = searches();
    for start in searches[1..].iter_mut().flatten() {
        start.hands_off = true;
    }
    searches
}

fn starts_for(setting: Setting) -> Vec<Start> {
    let start = |(name, prepare): &(&str, Prepare)| Start {
        name: format!("{name}; {setting:?}"),
        setting,
        hands_off: false,
        prepare: *prepare,
    };
    STATES.iter().map(start).collect()
}
