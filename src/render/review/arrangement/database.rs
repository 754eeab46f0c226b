//! The settings that similar databases share.

use super::super::prose::{self, Prose};
use super::super::recurrence;
use super::{Fact, READERS, encrypted, named};
use crate::model::{
    Database, Duration, Engine, Entry, Hosts, InitialPassword, OldKey, PasswordRule, RotateAs,
    UserRights, Verification,
};

/// Returns the user and the server's address.
pub fn user(database: &Database) -> String {
    let users: Vec<&str> = database.users().collect();
    let place = format!("{} at {}", users.join(" or "), database.endpoint());
    match &database.dbname {
        Some(name) => format!("{place}, database {name}"),
        None => place,
    }
}

/// Returns the settings that the database shares with similar ones.
pub fn facts(entry: &Entry, database: &Database, account: &str) -> Vec<Fact> {
    let when = Prose::words(recurrence::when(&entry.schedule))
        .say(" (")
        .code(entry.schedule.as_str())
        .say("), ")
        .say(recurrence::window(&entry.schedule, entry.window));
    let mut fields = vec!["engine", "host", "port"];
    fields.extend(database.dbname.is_some().then_some("dbname"));
    fields.extend(["username", "password"]);
    let administered = matches!(entry.rotate_as, RotateAs::Administrator(_));
    fields.extend(administered.then_some(keyrota_contract::value::MASTER_ARN));
    let fields = fields
        .into_iter()
        .map(|name| super::field(&entry.fields, name));
    let facts = [
        ("Rotates", when),
        ("The server", Prose::words(database.engine.title())),
        ("With", origin(&entry.rotate_as)),
        (
            "The first password",
            first(&database.initial_password, database.create_user.is_some()),
        ),
        ("The server’s certificate", certificate(database)),
        ("A new password", password(&database.password)),
        ("Accounts", accounts(database)),
        ("Encrypted with", encrypted(&entry.kms_key)),
        (READERS, named(&entry.readers, account)),
        ("The old password", old_password(entry, database)),
        ("Fields", prose::list(fields, "and")),
    ];
    let rights = database.create_user.as_ref();
    let facts = facts
        .into_iter()
        .chain(rights.map(|rights| ("The user", created(rights, database.engine))));
    let clients = database.clients.as_ref().map(|clients| {
        let prose = Prose::words("").code(clients.endpoint());
        (
            "Clients log in to",
            prose.say(", which the value names; the function logs in there to test the new password, and changes nothing there"),
        )
    });
    let propagation = database.propagation.map(|propagation| {
        let text = format!("{propagation} after a change, for the other members of a farm");
        ("A rotation waits", Prose::words(text))
    });
    let facts = facts.chain(clients).chain(propagation);
    let facts = facts.chain(users(database).map(|prose| ("Users", prose)));
    let facts = facts.chain(super::first_rotation(entry));
    let facts = facts.chain(super::own_tags(entry));
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

/// Says where the first password comes from.
pub fn first(initial: &InitialPassword, creates: bool) -> Prose {
    match initial {
        InitialPassword::Set if creates => {
            Prose::words("is set by the administrator, when the user is created")
        }
        InitialPassword::Set => Prose::words(
            "is set by the administrator during the bootstrap, which voids the present one",
        ),
        InitialPassword::Prompt => Prose::words("is entered by the deployer at a prompt"),
        InitialPassword::Environment(name) => {
            Prose::words("is read from the environment variable ").code(name)
        }
        InitialPassword::Secret(secret) => {
            Prose::words("is read from the secret ").code(secret.as_str())
        }
    }
}

/// Returns who creates the user, with which rights, and what a teardown does.
fn created(rights: &UserRights, engine: Engine) -> Prose {
    let (who, unless) = match engine {
        Engine::Postgres => (
            "is created by the administrator during the first rotation",
            "unless it owns objects",
        ),
        Engine::MySql | Engine::MariaDb => (
            "is created by the administrator, for clients on all hosts, during the first rotation",
            "unless it is the definer of objects",
        ),
    };
    let roles = rights.roles.iter().map(|role| format!("GRANT role {role}"));
    let grants = rights.grants.iter().map(|grant| format!("GRANT {grant}"));
    let rights = roles.chain(grants).map(Prose::name);
    Prose::words(who)
        .say(", with ")
        .then(prose::list(rights, "and"))
        .say("; a user of this name that exists already is refused, and rights that the manifest adds or removes later are not changed on the server; a teardown makes the administrator drop the user, ")
        .say(unless)
        .say(": then it stays with its rights and its password, and the teardown reports it as left over")
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
        Verification::Full => authority(Prose::words(
            "must match the host name, and must be signed by ",
        )),
        Verification::Authority => {
            authority(Prose::words("must be signed by ")).say("; the host name is not verified")
        }
        Verification::None => Prose::words(
            "is not verified: the password is encrypted, but any server can receive it",
        ),
    }
}

fn users(database: &Database) -> Option<Prose> {
    database.alternate.as_ref().map(|_| {
        Prose::words(
            "two alternate: each rotation gives the one that is not current the rights of the other one and a new password, creates it if it is missing, and makes it current",
        )
    })
}

fn accounts(database: &Database) -> Prose {
    Prose::words(match (database.engine.has_hosts(), database.hosts) {
        (false, _) => "the user has one account, for clients on all hosts",
        (true, Some(Hosts::All)) => {
            "all accounts of the user’s name are changed, whatever hosts they are for"
        }
        (true, Some(Hosts::Own)) => {
            "only the account that the function’s login uses is changed; the manifest states that clients use no other of that name"
        }
        (true, None) => {
            "a rotation is refused if the user’s name has several accounts, each for other hosts, or if it may have and the function’s own is not for all hosts"
        }
    })
}

/// Says what a new password is like.
pub fn password(rule: &PasswordRule) -> Prose {
    let prose = Prose::words(format!("has {} characters", rule.length));
    let prose = match rule.exclude.is_empty() {
        true => prose,
        false => prose.say(", excluding ").code(&rule.exclude),
    };
    prose.say(format!(": {} bits", rule.bits()))
}

fn old_password(entry: &Entry, database: &Database) -> Prose {
    let after = |after: Duration| match after.as_seconds() {
        0 => {
            "remains valid for at most an hour, until the next hourly sweep discards it".to_owned()
        }
        _ => format!(
            "remains valid for {}, until the hourly sweep discards it",
            prose::duration(after)
        ),
    };
    if database.alternate.is_some() {
        return Prose::words(
            "remains valid until the rotation after the next, which gives its user a new one",
        );
    }
    Prose::words(match (database.engine, entry.old_key) {
        (Engine::MySql, OldKey::UntilNextRotation) => {
            "remains valid until the next rotation, if the user may retain it (MySQL 8)".to_owned()
        }
        (Engine::MySql, OldKey::After(retirement)) => format!(
            "{}, if the user may retain it (MySQL 8)",
            after(retirement.deactivate_after)
        ),
        (Engine::Postgres | Engine::MariaDb, _) => {
            "is invalid as soon as it is changed; open connections stay open".to_owned()
        }
    })
}
