//! Reads the databases of a manifest, and checks each field against the rules of its engine.

use keyrota_contract::value::OF_DATABASES;

use super::{
    ClientEndpoint, Database, Engine, Hosts, InitialPassword, PasswordRule, Verification, creation,
    tag, users,
};
use crate::model::entry::{Entry, Identity, Kind, Specific, Surroundings};
use crate::model::fields::Fields;
use crate::model::reader::Field;
use crate::model::word_or_arn::{parse_administrator, parse_secret_arn};
use crate::model::{
    Duration, Finding, HostName, OldKey, ReferencedName, RotateAs, SecretName, SecretReference,
    field_names,
};

/// The characters of a password by Secrets Manager's default (`API_GetRandomPassword`): printable
/// ASCII without the space.
const ALPHABET: std::ops::RangeInclusive<u8> = b'!'..=b'~';
/// The minimum number of distinct characters. With fewer, a password of 8 characters can be
/// guessed.
const LEAST_ALPHABET: usize = 16;
/// The maximum length of a file's path.
const MAX_PATH: usize = 1_024;

/// Reads what is specific to a database.
pub(in crate::model) fn read(fields: &Fields<'_>, _: &Surroundings<'_>) -> Specific {
    let secret = fields.require("secret");
    let database = read_kind(fields);
    Specific {
        secret: secret.and_then(|field| field.parse("invalid-name", SecretName::parse)),
        rotate_as: read_rotate_as(fields),
        users: database.as_ref().map(identities).unwrap_or_default(),
        names: field_names::read(fields, &OF_DATABASES),
        kind: database.map(Kind::Database),
    }
}

/// Returns the identities of a database's users. Two entries cannot have the same one, also not as
/// one of two that alternate.
fn identities(database: &Database) -> Vec<Identity> {
    let of = |user: &str| Identity {
        key: format!(
            "{} {} {user}",
            database.engine.name(),
            database.endpoint().to_ascii_lowercase(),
        ),
        field: match user == database.username {
            true => "username",
            false => "users",
        },
        name: format!("the same user of {}", database.endpoint()),
        reason: "use one entry per user, because a user has only one password",
    };
    database.users().map(of).collect()
}

fn read_rotate_as(fields: &Fields<'_>) -> Option<RotateAs> {
    fields.value("rotate_as", |field| {
        // `role` in the defaults is meant for access keys: the function's execution role has no
        // permissions on a database server.
        match fields.own("rotate_as").is_none() && field.text() == Some("role") {
            true => Some(RotateAs::Itself),
            false => field.parse("invalid-value", parse_rotate_as),
        }
    })
}

/// Checks the settings of an entry against those of its database.
pub(in crate::model) fn check(entry: &Entry, database: &Database, fields: &Fields<'_>) {
    check_initial_password(entry, database, fields);
    creation::check(entry, database, fields);
    check_tags(entry, database, fields);
    check_old_key(entry, database, fields);
    users::check(entry, database, fields);
}

fn read_kind(item: &Fields<'_>) -> Option<Database> {
    let engine = item
        .require("engine")
        .and_then(|field| field.parse("invalid-value", parse_engine));
    let host = item
        .require("host")
        .and_then(|field| field.parse("invalid-name", HostName::parse));
    let port = match item.get("port") {
        Some(_) => item
            .integer("port")
            .and_then(|port| u16::try_from(port).ok()),
        None => engine.map(Engine::default_port),
    };
    let dbname = item.optional("dbname", |field| {
        field.parse("invalid-name", |text| {
            check_name(text, engine, Word::Database)
        })
    });
    let users = users::read(item, engine);
    let create_user = creation::read_rights(item, engine);
    let initial_password = match (item.get("initial_password"), &create_user) {
        (None, Some(Some(_))) => Some(InitialPassword::Set),
        _ => item.value("initial_password", InitialPassword::read),
    };
    let tls = item.value("tls", |field| {
        field.parse("invalid-value", parse_verification)
    });
    let tls_ca = item.optional("tls_ca", |field| field.parse("invalid-value", check_path));
    if let (Some(field), Some(Verification::None)) = (item.get("tls_ca"), tls) {
        let message =
            "`tls: require` does not verify the server's certificate, so this file is not used";
        field.report(
            Finding::warning("unused-authority", field.path(), message)
                .hint("use `tls: verify-full` to verify the certificate with it"),
        );
    }
    let password = item.mapping("password").and_then(|rule| read_rule(&rule));
    let hosts = item.optional("hosts", |field| {
        field.parse("invalid-value", |text| parse_hosts(text, engine))
    });
    let clients = read_clients(item, engine);
    let propagation = item.optional("propagation", |field| {
        field.parse("invalid-duration", parse_propagation)
    });
    let (username, alternate) = users?;
    Some(Database {
        engine: engine?,
        host: host?,
        port: port?,
        dbname: dbname?,
        username,
        alternate,
        initial_password: initial_password?,
        tls: tls?,
        tls_ca: tls_ca?,
        password: password?,
        hosts: hosts?,
        create_user: create_user?,
        clients: clients?,
        propagation: propagation?,
    })
}

/// Reads where clients log in. The inner `None` is the server itself.
fn read_clients(item: &Fields<'_>, engine: Option<Engine>) -> Option<Option<ClientEndpoint>> {
    if item.get("clients").is_none() {
        return Some(None);
    }
    let clients = item.mapping("clients")?;
    let host = clients
        .require("host")
        .and_then(|field| field.parse("invalid-name", HostName::parse));
    let port = match clients.get("port") {
        Some(_) => clients
            .integer("port")
            .and_then(|port| u16::try_from(port).ok()),
        None => engine.map(Engine::default_port),
    };
    Some(Some(ClientEndpoint {
        host: host?,
        port: port?,
    }))
}

/// The longest time for which a step of a rotation waits. Lambda ends a function after 15 minutes.
const LONGEST_PROPAGATION: u64 = 10 * 60;

pub(in crate::model) fn parse_propagation(text: &str) -> Result<Duration, String> {
    match Duration::parse(text)? {
        duration if (1..=LONGEST_PROPAGATION).contains(&duration.as_seconds()) => Ok(duration),
        duration => Err(format!("expected 1s to 10m, and not {duration}")),
    }
}

/// Refuses the entry's own secret as the source of its first password.
fn check_initial_password(entry: &Entry, database: &Database, item: &Fields<'_>) {
    let InitialPassword::Secret(reference) = &database.initial_password else {
        return;
    };
    let secret = &entry.secret;
    if reference.as_str() == secret.as_str() {
        let message = format!("the secret `{secret}` is the secret of this entry");
        let path = item.path("initial_password");
        item.place("initial_password").report(
            Finding::error("contradiction", path, message)
                .hint("if it contains the password already, `keyrota bootstrap` keeps it; otherwise, specify another secret, prompt, or env:NAME"),
        );
    }
}

/// Refuses values that are too long for the secret's tags, from which the function reads them.
fn check_tags(entry: &Entry, database: &Database, item: &Fields<'_>) {
    let fields = [
        ("host", database.endpoint()),
        ("username", tag::escaped(&database.username)),
        (
            "dbname",
            tag::escaped(database.dbname.as_deref().unwrap_or_default()),
        ),
        ("rotate_as", tag::escaped(entry.rotate_as.as_str())),
        ("password", database.password.to_string()),
    ];
    for (key, value) in fields {
        if value.len() > tag::MAX_VALUE {
            let place = item.place(key);
            let message = format!(
                "the secret's tag for it would have {} characters, but AWS accepts at most {}",
                value.len(),
                tag::MAX_VALUE
            );
            place.report(Finding::error("invalid-value", item.path(key), message));
        }
    }
}

/// Warns about settings of `old_key` that have no effect on a password.
fn check_old_key(entry: &Entry, database: &Database, item: &Fields<'_>) {
    let OldKey::After(retirement) = entry.old_key else {
        return;
    };
    let alternates = database.alternate.is_some();
    let keeps = database.engine == Engine::MySql && !alternates;
    // The defaults may be meant for other entries.
    if let (Some(field), false) = (item.own("old_key"), keeps) {
        let message = match alternates {
            true => "with `users`, the password of the replaced user works until the rotation after the next, which gives that user a new one".to_owned(),
            false => format!(
                "{} does not retain the old password, which is invalid as soon as it is changed",
                database.engine.title()
            ),
        };
        field.report(Finding::warning("unused-old-key", field.path(), message));
    }
    if let (Some(field), true, Some(interval)) = (item.get("old_key"), keeps, entry.schedule.rate())
        && retirement.deactivate_after >= interval
    {
        let message = format!(
            "the old password would be discarded {} after it was replaced, but the next rotation replaces it after {interval}",
            retirement.deactivate_after
        );
        field.report(
            Finding::warning("old-key-outlived", field.path(), message)
                .hint("rotate less often, or discard the old password earlier"),
        );
    }
}

pub(in crate::model) fn read_rule(rule: &Fields<'_>) -> Option<PasswordRule> {
    let length = rule.integer("length");
    let exclude = rule.value("exclude", |field| {
        field.parse("invalid-value", check_excluded)
    });
    Some(PasswordRule {
        length: length.and_then(|length| u16::try_from(length).ok())?,
        exclude: exclude?,
    })
}

/// Returns the characters without duplicates, in the order given.
fn check_excluded(text: &str) -> Result<String, String> {
    let mut exclude = String::new();
    for one in text.chars() {
        if !matches!(one, ' '..='~') {
            return Err(format!(
                "{one:?} is not a printable ASCII character, and passwords from Secrets Manager contain only these"
            ));
        }
        if !exclude.contains(one) {
            exclude.push(one);
        }
    }
    let left = ALPHABET.filter(|one| !exclude.contains(char::from(*one)));
    match left.count() {
        LEAST_ALPHABET.. => Ok(exclude),
        left => Err(format!(
            "this leaves {left} characters for passwords; at least {LEAST_ALPHABET} are required"
        )),
    }
}

/// The kind of a name.
#[derive(Clone, Copy)]
pub(super) enum Word {
    User,
    Database,
}

/// Checks a name against the engine's maximum length, and for text that a template would change.
///
/// PostgreSQL truncates identifiers to 63 bytes ("Identifiers and Key Words" in its manual). MySQL
/// allows 32 characters for users and 64 for databases ("Identifier Length Limits"). MariaDB allows
/// 80 for users and 64 for databases ("Identifier Names").
pub(super) fn check_name(text: &str, engine: Option<Engine>, word: Word) -> Result<String, String> {
    if text.is_empty() {
        return Err("the name is empty".to_owned());
    }
    if text.contains(char::is_control) {
        return Err("a name cannot contain control characters".to_owned());
    }
    if text.contains("{{resolve:") {
        return Err(
            "CloudFormation would interpret `{{resolve:` as a dynamic reference, and replace it"
                .to_owned(),
        );
    }
    let Some(engine) = engine else {
        return Ok(text.to_owned());
    };
    let (count, most, unit) = match (engine, word) {
        (Engine::Postgres, _) => (text.len(), 63, "bytes"),
        (Engine::MySql, Word::User) => (text.chars().count(), 32, "characters"),
        (Engine::MariaDb, Word::User) => (text.chars().count(), 80, "characters"),
        (Engine::MySql | Engine::MariaDb, Word::Database) => {
            (text.chars().count(), 64, "characters")
        }
    };
    if count > most {
        let name = match word {
            Word::User => "user's",
            Word::Database => "database's",
        };
        return Err(format!(
            "the name has {count} {unit}, but {} accepts at most {most} for a {name}",
            engine.title()
        ));
    }
    Ok(text.to_owned())
}

/// Checks the path of a file beside the manifest.
pub(in crate::model) fn check_path(text: &str) -> Result<String, String> {
    match text.is_empty() || text.len() > MAX_PATH || text.contains(char::is_control) {
        true => Err("expected the path of a file, without control characters".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn parse_engine(text: &str) -> Result<Engine, String> {
    let found = Engine::ALL.into_iter().find(|engine| engine.name() == text);
    found.ok_or_else(|| match text {
        "postgresql" | "pg" | "aurora-postgresql" => {
            format!("`{text}` is not supported; use postgres")
        }
        "aurora-mysql" | "aurora" => format!("`{text}` is not supported; use mysql"),
        _ => format!("`{text}` is not supported; use postgres, mysql, or mariadb"),
    })
}

fn parse_hosts(text: &str, engine: Option<Engine>) -> Result<Hosts, String> {
    if let Some(engine) = engine.filter(|engine| !engine.has_hosts()) {
        return Err(format!(
            "{} has one account for each user name, whatever host a client connects from; remove this",
            engine.title()
        ));
    }
    let found = Hosts::EVERY.into_iter().find(|hosts| hosts.name() == text);
    found.ok_or_else(|| format!("`{text}` is not supported; use all or own"))
}

fn parse_verification(text: &str) -> Result<Verification, String> {
    let found = Verification::ALL.into_iter().find(|tls| tls.name() == text);
    found.ok_or_else(|| match text {
            "disable" | "allow" | "prefer" | "false" | "none" => format!(
                "`{text}` could send a password without encryption; use verify-full, verify-ca, or require"
            ),
            _ => format!("`{text}` is not supported; use verify-full, verify-ca, or require"),
        })
}

impl InitialPassword {
    const EXPECTED: &str = "prompt, set, env:NAME, or the name or complete ARN of a secret";

    /// Reads the field.
    pub(in crate::model) fn read(field: &Field<'_>) -> Option<Self> {
        field.parse_one_of(Self::EXPECTED, "invalid-value", Self::parse)
    }

    /// Reads `prompt`, `set`, `env:NAME`, or the name or full ARN of a secret. The text is never repeated
    /// in a message because it may be a password.
    pub(in crate::model) fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "expected {} (the ARN if its name ends with a hyphen and six characters); a manifest must not contain a password",
                Self::EXPECTED
            )
        };
        match text {
            "prompt" => return Ok(Self::Prompt),
            "set" => return Ok(Self::Set),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("env:") {
            let first = |one: char| one.is_ascii_alphabetic() || one == '_';
            let rest = |one: char| one.is_ascii_alphanumeric() || one == '_';
            return match name.starts_with(first) && name.chars().all(rest) {
                true => Ok(Self::Environment(name.to_owned())),
                false => Err(refused()),
            };
        }
        let secret = match text.starts_with("arn:") {
            true => parse_secret_arn(text).map(SecretReference::Arn),
            false => ReferencedName::parse(text).map(SecretReference::Name),
        };
        secret.map(Self::Secret).map_err(|_| refused())
    }
}

/// Reads `self`, or the name or full ARN of an administrator's secret.
fn parse_rotate_as(text: &str) -> Result<RotateAs, String> {
    match text {
        "self" => Ok(RotateAs::Itself),
        "role" => Err(
            "the function's role has no permissions on a database server; use self, or an administrator's secret"
                .to_owned(),
        ),
        _ => parse_administrator(text)
            .map(RotateAs::Administrator)
            .map_err(|why| format!("expected self, or an administrator's secret: {why}")),
    }
}
