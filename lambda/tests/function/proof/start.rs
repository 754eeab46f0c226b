//! The starting states.

use keyrota_function::decide::{Activity, CURRENT, PENDING, PREVIOUS};
use keyrota_function::mark::{MADE, REPLACED};
use keyrota_test_function::secrets::FakeSecrets as _;

use super::state::{Phase, State};
use crate::fake::{ADMINISTRATOR_ARN, FakeAws, Key, SECRET_ARN, USER, key_id};

/// A state from which a search begins.
pub(super) struct Start {
    pub(super) name: String,
    rotate_as: &'static str,
    owns_user: bool,
    old_key: &'static str,
    /// Whether nobody changes the user's keys by hand.
    hands_off: bool,
    /// Whether the manifest has renamed the fields of the key.
    renamed: bool,
    prepare: fn(&FakeAws, &str) -> Option<&'static str>,
}

/// The version of a rotation that another process left AWSPENDING.
const LEFT: &str = "token-left-behind-0000000000000000";

impl Start {
    pub(super) fn state(&self) -> State {
        let aws = FakeAws::new(self.rotate_as, self.owns_user);
        aws.lenient.set(true);
        aws.pin_old_key(self.old_key);
        if self.renamed {
            let names = serde_json::json!({
                "accesskey": ["AWS_ACCESS_KEY_ID", "accesskey"],
                "secretkey": ["AWS_SECRET_ACCESS_KEY", "secretkey"],
            });
            aws.pin("fields", names);
        }
        let origin = match self.rotate_as {
            "self" | "role" => SECRET_ARN,
            _ => ADMINISTRATOR_ARN,
        };
        let left = (self.prepare)(&aws, origin);
        aws.before.replace(aws.keys());
        let phase = match left {
            None => Phase::Idle,
            Some(token) => Phase::Failed {
                token: token.to_owned(),
                step: 0,
            },
        };
        State {
            sweeps: self.old_key != UNTIL_NEXT_ROTATION,
            aws,
            phase,
            by_hand: self.hands_off,
        }
    }
}

fn ours(aws: &FakeAws, origin: &str, version: &str, labels: &[&str]) -> Key {
    let key = aws.give_key(USER, true);
    aws.store(version, labels, &aws.value(&key, origin));
    key
}

/// Makes a key one that a rotation has replaced. Then somebody stores the current key again with
/// another field, which moves AWSPREVIOUS.
fn added_by_hand(aws: &FakeAws, origin: &str) -> Key {
    let key = ours(aws, origin, "before", &[REPLACED]);
    aws.add_field_by_hand();
    key
}

fn deactivate(aws: &FakeAws, key: &Key) {
    aws.change_key(&key.id, |key| key.activity = Activity::Inactive);
}

type Prepare = fn(&FakeAws, &str) -> Option<&'static str>;

const STATES: &[(&str, Prepare)] = &[
    ("one key", |_, _| None),
    ("one key, which takes two seconds to spread", |aws, _| {
        aws.spread.set(std::time::Duration::from_secs(2));
        None
    }),
    ("the previous key", |aws, origin| {
        ours(aws, origin, "before", &[PREVIOUS]);
        None
    }),
    ("the previous key, inactive", |aws, origin| {
        let key = ours(aws, origin, "before", &[PREVIOUS]);
        deactivate(aws, &key);
        None
    }),
    (
        "the previous key, after a field was added by hand",
        |aws, origin| {
            added_by_hand(aws, origin);
            None
        },
    ),
    (
        "the previous key, inactive, after a field was added by hand",
        |aws, origin| {
            let key = added_by_hand(aws, origin);
            deactivate(aws, &key);
            None
        },
    ),
    ("a foreign key in use", |aws, _| {
        aws.give_foreign_key(true);
        None
    }),
    ("a foreign key that was never used", |aws, _| {
        aws.give_foreign_key(false);
        None
    }),
    ("a foreign key, inactive", |aws, _| {
        let key = aws.give_foreign_key(true);
        deactivate(aws, &key);
        None
    }),
    ("AWSPENDING left behind, without a value", |aws, _| {
        aws.begin(LEFT);
        Some(LEFT)
    }),
    ("AWSPENDING left behind, with its key", |aws, origin| {
        ours(aws, origin, LEFT, &[PENDING, MADE]);
        Some(LEFT)
    }),
    (
        "AWSPENDING left behind, its key deleted by hand",
        |aws, origin| {
            let key = ours(aws, origin, LEFT, &[PENDING, MADE]);
            aws.take_key(&key.id);
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind, its key deactivated by hand",
        |aws, origin| {
            let key = ours(aws, origin, LEFT, &[PENDING, MADE]);
            deactivate(aws, &key);
            Some(LEFT)
        },
    ),
    ("AWSPENDING left behind, with the current key", |aws, _| {
        aws.store(LEFT, &[PENDING], &aws.fields(CURRENT).to_string());
        Some(LEFT)
    }),
    (
        "AWSPENDING left behind, without a key's fields",
        |aws, _| {
            aws.store(LEFT, &[PENDING], "{}");
            Some(LEFT)
        },
    ),
    (
        "AWSPENDING left behind by another function, beside the previous key",
        |aws, origin| {
            ours(aws, origin, "before", &[PREVIOUS]);
            aws.begin(LEFT);
            Some(LEFT)
        },
    ),
    ("the key of a rotation that was cancelled", |aws, origin| {
        ours(aws, origin, "cancelled", &[MADE]);
        None
    }),
    (
        "the key of a rotation that was cancelled, deleted by hand",
        |aws, origin| {
            let key = ours(aws, origin, "cancelled", &[MADE]);
            aws.take_key(&key.id);
            None
        },
    ),
    ("AWSCURRENT's key inactive", |aws, _| {
        aws.guarded.set(false);
        aws.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
        None
    }),
    (
        "AWSCURRENT's key inactive, beside the previous key",
        |aws, origin| {
            aws.guarded.set(false);
            aws.change_key(&key_id(1), |key| key.activity = Activity::Inactive);
            ours(aws, origin, "before", &[PREVIOUS]);
            None
        },
    ),
    ("AWSCURRENT's key deleted", |aws, _| {
        aws.guarded.set(false);
        aws.take_key(&key_id(1));
        None
    }),
    (
        "AWSCURRENT's key deleted, and two foreign keys",
        |aws, _| {
            aws.guarded.set(false);
            aws.take_key(&key_id(1));
            aws.give_foreign_key(true);
            let key = aws.give_foreign_key(false);
            deactivate(aws, &key);
            None
        },
    ),
];

const UNTIL_NEXT_ROTATION: &str = "until_next_rotation";
const AT_ONCE: &str = "deactivate_after=0s delete_after=0s hold_if_used_within=1d";
const IN_TIME: &str = "deactivate_after=1d delete_after=2d hold_if_used_within=1d force_after=3d";

/// Returns the states for each way to authorise, for a user that the stack created and for one
/// that existed before. Most states that are reachable from one of these states are
/// reachable from the others too, so they are searched together.
pub(super) fn searches() -> Vec<Vec<Start>> {
    let ways = ["self", "role", "ops/key-admin"];
    let whose = [true, false];
    ways.iter()
        .flat_map(|way| whose.map(|owns| starts_for(way, owns, UNTIL_NEXT_ROTATION)))
        .collect()
}

/// Returns the searches in which the old key is retired immediately, and later.
pub(super) fn sweeping_searches() -> Vec<Vec<Start>> {
    vec![
        starts_for("role", false, AT_ONCE),
        starts_for("self", false, IN_TIME),
    ]
}

/// Returns the searches in which two runs overlap.
pub(super) fn overlapping_searches() -> Vec<Vec<Start>> {
    vec![
        starts_for("self", false, UNTIL_NEXT_ROTATION),
        starts_for("role", true, UNTIL_NEXT_ROTATION),
        starts_for("role", false, AT_ONCE),
        starts_for("self", false, IN_TIME),
    ]
}

/// Returns the searches in which a principal that may write the secret acts.
pub(super) fn forged_searches() -> Vec<Vec<Start>> {
    let searches = [
        ("self", UNTIL_NEXT_ROTATION),
        ("role", AT_ONCE),
        ("ops/key-admin", UNTIL_NEXT_ROTATION),
    ];
    let searches = searches.map(|(way, old_key)| {
        let mut starts = starts_for(way, false, old_key);
        starts.retain(|start| FORGED.iter().any(|name| start.name.starts_with(name)));
        starts.iter_mut().for_each(|start| start.hands_off = true);
        starts
    });
    searches.into()
}

/// The states from which such a search begins.
const FORGED: [&str; 3] = ["one key;", "the previous key;", "a foreign key in use;"];

/// Returns the searches with users that existed before.
pub(super) fn short_searches() -> Vec<Vec<Start>> {
    vec![
        starts_for("self", false, UNTIL_NEXT_ROTATION),
        starts_for("role", false, UNTIL_NEXT_ROTATION),
    ]
}

/// Returns the searches in which the fields of the key get other names.
pub(super) fn renaming_searches() -> Vec<Vec<Start>> {
    let searches = ["self", "role"].map(|way| {
        let mut starts = starts_for(way, false, UNTIL_NEXT_ROTATION);
        starts.retain(|start| RENAMED.iter().any(|name| start.name.starts_with(name)));
        for start in &mut starts {
            start.name.push_str("; renamed fields");
            (start.hands_off, start.renamed) = (true, true);
        }
        starts
    });
    searches.into()
}

/// The states from which such a search begins.
const RENAMED: [&str; 3] = [
    "one key;",
    "the previous key;",
    "AWSPENDING left behind, with its key;",
];

/// Returns the searches in which the stack has just created the user, and a rotation creates its
/// first key.
pub(super) fn first_key_searches() -> Vec<Vec<Start>> {
    let states: [(&str, Prepare); 2] = [
        ("no key yet", |aws, _| {
            aws.begin_without_key();
            None
        }),
        ("no key yet, but one that was never used", |aws, _| {
            aws.begin_without_key();
            aws.give_key(USER, false);
            None
        }),
    ];
    let searches = [UNTIL_NEXT_ROTATION, IN_TIME].map(|old_key| {
        let starts = states.iter().zip(starts_for("role", true, old_key));
        let start = |((name, prepare), start): (&(&str, Prepare), Start)| Start {
            name: format!("{name}; old_key: {old_key}"),
            prepare: *prepare,
            ..start
        };
        starts.map(start).collect()
    });
    searches.into()
}

/// Returns the start that the common function is made for: a user with one key, which makes the
/// calls, and which nobody else changes.
pub(super) fn one_key() -> Start {
    Start {
        hands_off: true,
        ..starts_for("self", false, UNTIL_NEXT_ROTATION).swap_remove(0)
    }
}

fn starts_for(rotate_as: &'static str, owns_user: bool, old_key: &'static str) -> Vec<Start> {
    let whose = if owns_user { "the stack's" } else { "a shared" };
    let start = |(name, prepare): &(&str, Prepare)| Start {
        name: format!("{name}; rotate_as: {rotate_as}; {whose} user; old_key: {old_key}"),
        rotate_as,
        owns_user,
        old_key,
        // With sweeps, the days and the uses produce enough states.
        hands_off: old_key != UNTIL_NEXT_ROTATION,
        renamed: false,
        prepare: *prepare,
    };
    STATES.iter().map(start).collect()
}
