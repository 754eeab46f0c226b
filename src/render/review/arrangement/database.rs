//! What holds for databases that are set up alike.

use super::super::prose::{self, Prose};
use super::super::rhythm;
use super::{Fact, encrypted, named};
use crate::model::{
    Database, Duration, Engine, Entry, InitialPassword, OldKey, PasswordRule, RotateAs, Tls,
};

/// Returns whether two databases differ in nothing but where they are and whose
/// password it is.
pub fn alike(one: &Database, other: &Database) -> bool {
    one.engine == other.engine
        && one.initial_password == other.initial_password
        && one.tls == other.tls
        && one.tls_ca == other.tls_ca
        && one.password == other.password
        && one.dbname.is_some() == other.dbname.is_some()
}

/// Returns a text that is the same for those that are alike, and for no others.
pub fn key(database: &Database) -> String {
    let Database {
        engine,
        host: _,
        port: _,
        dbname,
        username: _,
        initial_password,
        tls,
        tls_ca,
        password,
    } = database;
    format!(
        "{engine:?} {} {initial_password:?} {tls:?} {tls_ca:?} {password}",
        dbname.is_some()
    )
}

/// Returns the user and where it is.
pub fn user(database: &Database) -> String {
    let place = format!("{} at {}", database.username, database.endpoint());
    match &database.dbname {
        Some(name) => format!("{place}, database {name}"),
        None => place,
    }
}

/// Returns what holds for the database and for those like it.
pub fn facts(entry: &Entry, database: &Database, account: &str) -> Vec<Fact> {
    let when = Prose::words(rhythm::when(&entry.schedule))
        .say(" (")
        .code(entry.schedule.as_str())
        .say("), ")
        .say(rhythm::window(&entry.schedule, entry.window));
    let mut fields = vec!["engine", "host", "port"];
    fields.extend(database.dbname.is_some().then_some("dbname"));
    fields.extend(["username", "password"]);
    let administered = matches!(entry.rotate_as, RotateAs::Administrator(_));
    fields.extend(administered.then_some("masterarn"));
    let fields = fields.into_iter().map(Prose::name);
    let facts = [
        ("Rotates", when),
        ("The server", Prose::words(database.engine.title())),
        ("With", origin(&entry.rotate_as)),
        ("The first password", first(&database.initial_password)),
        ("The server’s certificate", certificate(database)),
        ("A new password", password(&database.password)),
        ("Encrypted with", encrypted(&entry.kms_key)),
        ("Named readers", named(&entry.readers, account)),
        ("The old password", old_password(entry, database)),
        ("Holds the fields", prose::list(fields, "and")),
    ];
    let facts = facts.into_iter();
    facts.map(|(what, prose)| Fact { what, prose }).collect()
}

fn origin(rotate_as: &RotateAs) -> Prose {
    match rotate_as {
        RotateAs::Itself | RotateAs::Role => Prose::words("the user’s own current password"),
        RotateAs::Administrator(secret) => Prose::words("the user in the administrator’s secret ")
            .code(secret.as_str())
            .say(", on the same host only"),
    }
}

fn first(initial: &InitialPassword) -> Prose {
    match initial {
        InitialPassword::Prompt => Prose::words("is asked of whoever bootstraps"),
        InitialPassword::Environment(name) => {
            Prose::words("is in the environment variable ").code(name)
        }
        InitialPassword::Secret(secret) => Prose::words("is in the secret ").code(secret.as_str()),
    }
}

fn certificate(database: &Database) -> Prose {
    let authority = |prose: Prose| match (&database.tls_ca, database.authorities_file()) {
        (Some(named), Some(packed)) => prose
            .say("an authority in ")
            .code(named)
            .say(" (packed as ")
            .code(packed)
            .say(")"),
        _ => prose.say("an authority that the operating system trusts"),
    };
    match database.tls {
        Tls::VerifyFull => authority(Prose::words(
            "has to be for the host’s name, and signed by ",
        )),
        Tls::VerifyCa => authority(Prose::words("has to be signed by ")).say("; for any name"),
        Tls::Require => {
            Prose::words("is not looked at: the password goes, encrypted, to whoever answers")
        }
    }
}

fn password(rule: &PasswordRule) -> Prose {
    let prose = Prose::words(format!("has {} characters", rule.length));
    let prose = match rule.exclude.is_empty() {
        true => prose,
        false => prose.say(", none of them ").code(&rule.exclude),
    };
    prose.say(format!(": {} bits", rule.bits()))
}

fn old_password(entry: &Entry, database: &Database) -> Prose {
    let after = |after: Duration| match after.as_seconds() {
        0 => "works beside it for an hour at most: the next hourly look discards it".to_owned(),
        _ => format!(
            "works beside it for {}, then the hourly look discards it",
            prose::duration(after)
        ),
    };
    Prose::words(match (database.engine, entry.old_key) {
        (Engine::MySql, OldKey::UntilNextRotation) => {
            "works beside it until the next rotation, where the server may keep it (MySQL 8)"
                .to_owned()
        }
        (Engine::MySql, OldKey::After(retirement)) => format!(
            "{}, where the server may keep it (MySQL 8)",
            after(retirement.deactivate_after)
        ),
        (Engine::Postgres | Engine::MariaDb, _) => {
            "is void as soon as it is changed; connections that are open stay open".to_owned()
        }
    })
}
