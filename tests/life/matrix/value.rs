//! Values of access keys that somebody stores who wants something else to be done.

use serde_json::json;

use super::account::{FOREIGN, OUTSIDER};
use super::scene::{ADMINISTRATOR, Entry, Scene};

/// How many values there are.
pub const VALUES: usize = 11;

/// The value that names another user of the manifest, and is right otherwise.
pub const ANOTHER_USER: usize = 9;

/// Returns whether a value is about the key in reserve.
pub const fn needs_reserve(value: usize) -> bool {
    matches!(value, 0 | 5 | 8)
}

/// Returns a value that somebody stores who wants something else to be done.
pub async fn value(scene: &Scene, attacker: &crate::environment::Key, index: usize) -> String {
    let user = scene.entry.user();
    let other = scene.others().next().expect("another entry");
    let reserve = scene
        .reserve
        .as_ref()
        .map_or("AKIANOBODYS00000000", |it| &it.id);
    let arn = match scene.entry {
        Entry::Clerk => scene.arns[ADMINISTRATOR].as_str(),
        _ => scene.arn(),
    };
    let named = |key: &str, user: &str, arn: &str| scene.naming(key, user, arn);
    let value = match index {
        0 => named(reserve, user, arn),
        1 => named(&scene.outsiders[0].id, user, arn),
        2 => named(&scene.outsiders[1].id, OUTSIDER, arn),
        3 => {
            let current = scene.test.current_key(other.secret()).await;
            named(&current.id, other.user(), &scene.arns[other.secret()])
        }
        4 => {
            let current = scene.test.current_key(other.secret()).await;
            named(&current.id, user, arn)
        }
        // Another administrator, and a server.
        5 => named(reserve, user, &scene.arns[FOREIGN]),
        6 => json!({
            "accesskey": attacker.id, "secretkey": attacker.secret, "username": user,
            "secretarn": scene.arns[FOREIGN], "masterarn": scene.arns[FOREIGN],
            "engine": "postgres", "host": "theirs.example", "port": 5432,
        }),
        7 => json!({
            "accesskey": attacker.id, "secretkey": attacker.secret, "username": "attacker",
            "secretarn": scene.arn(),
        }),
        8 => json!({ "accesskey": reserve, "username": user }),
        ANOTHER_USER => {
            let current = scene.test.current_key(other.secret()).await;
            named(&current.id, other.user(), arn)
        }
        _ => return "no JSON at all".to_owned(),
    };
    value.to_string()
}
