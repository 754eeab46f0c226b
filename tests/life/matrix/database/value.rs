//! Values of databases' secrets that an attacker stores.

use serde_json::{Value, json};

use super::scene::{ADMINISTRATOR, Scene};
use crate::matrix::account::FOREIGN;

/// The number of values.
pub const VALUES: usize = 14;

/// A password that nobody has.
const MADE_UP: &str = "made/up by somebody 0";

/// Returns a value that an attacker stores.
pub fn value(scene: &Scene, index: usize) -> String {
    let theirs = scene.their_port();
    let with = |fields: Value| {
        let mut value = scene.value_with(MADE_UP);
        let fields = fields.as_object().expect("an object").clone();
        value.as_object_mut().expect("an object").extend(fields);
        value
    };
    let passer_by = scene.name_of("passer-by");
    let value = match index {
        // A password that the attacker knows, which is all that it can achieve.
        0 => with(json!({})),
        // Another server.
        1 => with(json!({ "host": "127.0.0.1", "port": theirs })),
        2 => with(json!({ "port": theirs.to_string() })),
        3 => with(json!({ "host": format!("localhost:{theirs}"), "hostaddr": "127.0.0.1" })),
        // Another user.
        4 => with(json!({ "username": passer_by })),
        5 => with(json!({ "username": scene.name_of("billing") })),
        6 => with(json!({ "username": scene.name_of("administrator") })),
        // Another administrator.
        7 => with(json!({ "masterarn": scene.arns[FOREIGN] })),
        8 => with(json!({ "masterarn": scene.arns[ADMINISTRATOR] })),
        // Another statement.
        9 => with(json!({ "password": format!(
            "made/up\\' 0'; ALTER ROLE \"{0}\" SUPERUSER PASSWORD 'made/up 0'; --",
            passer_by.replace('"', "\"\""),
        ) })),
        // Another engine, and another database.
        10 => with(json!({ "engine": "mysql", "port": theirs, "dbname": "theirs" })),
        // Another principal's access key.
        11 => with(json!({
            "accesskey": scene.outsiders[0].id, "secretkey": MADE_UP, "port": theirs,
        })),
        12 => json!({ "host": "127.0.0.1", "port": theirs, "username": passer_by }),
        _ => return "no JSON at all".to_owned(),
    };
    value.to_string()
}
