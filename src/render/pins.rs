//! The pins: what a function may act on, as a file in its deployment package.
//!
//! A secret's value, labels, and tags can be written by principals that hold permissions
//! on that one secret. So the function takes from none of them which user, server, or
//! administrator it acts on, but from this file. The template names it in the function's
//! `Handler`, by its digest: a package for another template does not have it, and the
//! function then refuses every request. Who can change the package or the handler can
//! change the function's code as well.
//!
//! Why a file in the package, and not something else: Lambda's environment variables hold
//! 4 KB, which is enough for some thirty entries of the 165 that a stack has room for; a
//! parameter in Systems Manager, or another secret, costs a call in each rotation and can be
//! written with a permission that is far smaller than `Bootstrap`'s; the metadata of the
//! template would have to be read from CloudFormation, which a function in a VPC cannot reach
//! without another endpoint. The file costs nothing, takes some 60 bytes an entry once
//! compressed, and is the same bytes each time.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Error, Strategy, pretty};
use crate::bundle::sha256_hex;
use crate::model::{AccessKey, Database, Entry, Kind, Model, OldKey, Probe, Retirement, RotateAs};

/// The version of the file's format. The functions read this one.
const VERSION: u32 = 1;

/// The file of pins of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// What it holds, as it is packed.
    pub text: String,
    /// Its path in the package, which is the function's `Handler`.
    pub path: String,
}

#[derive(Serialize)]
struct Document<'model> {
    version: u32,
    secrets: BTreeMap<&'model str, Pin<'model>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Pin<'model> {
    Key(KeyPin<'model>),
    Login(LoginPin<'model>),
}

#[derive(Serialize)]
struct KeyPin<'model> {
    user: &'model str,
    owns_user: bool,
    rotate_as: Way<'model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_key: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<ProbeCall<'model>>,
}

#[derive(Serialize)]
struct Times {
    deactivate_after: String,
    delete_after: String,
    hold_if_used_within: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    force_after: Option<String>,
}

#[derive(Serialize)]
struct ProbeCall<'model> {
    action: &'static str,
    resource: &'model str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

#[derive(Serialize)]
struct LoginPin<'model> {
    username: &'model str,
    engine: &'static str,
    host: &'model str,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    dbname: Option<&'model str>,
    tls: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_ca: Option<String>,
    password: Password<'model>,
    rotate_as: Way<'model>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivate_after: Option<String>,
}

#[derive(Serialize)]
struct Password<'model> {
    length: u16,
    exclude: &'model str,
}

/// Whose credentials make the change.
#[derive(Serialize)]
enum Way<'model> {
    #[serde(rename = "self")]
    Itself,
    #[serde(rename = "role")]
    Role,
    #[serde(rename = "administrator")]
    Administrator(&'model str),
}

impl Pins {
    /// Returns where `generate` writes the pins of a stack's function. `prefix` tells a
    /// stack's files from other stacks'.
    pub(super) fn file(prefix: &str, strategy: Strategy) -> String {
        let function = super::document::kebab(strategy.function());
        format!("pins/{prefix}{function}.json")
    }

    /// Returns the pins of a stack's function.
    ///
    /// # Errors
    ///
    /// Returns an error where they cannot be written; they always can.
    pub fn of(model: &Model, strategy: Strategy) -> Result<Self, Error> {
        let entries = strategy.entries(model);
        let secrets = entries.map(|entry| (entry.secret.as_str(), pin(entry)));
        let text = pretty(&Document {
            version: VERSION,
            secrets: secrets.collect(),
        })?;
        let path = format!("pins/{}.json", sha256_hex(text.as_bytes()));
        Ok(Self { text, path })
    }
}

fn pin(entry: &Entry) -> Pin<'_> {
    match &entry.kind {
        Kind::AccessKey(key) => Pin::Key(key_pin(entry, key)),
        Kind::Database(database) => Pin::Login(login_pin(entry, database)),
    }
}

fn key_pin<'model>(entry: &'model Entry, key: &'model AccessKey) -> KeyPin<'model> {
    KeyPin {
        user: key.user.as_str(),
        owns_user: key.create_user,
        rotate_as: way(&entry.rotate_as),
        old_key: match entry.old_key {
            OldKey::UntilNextRotation => None,
            OldKey::After(retirement) => Some(times(retirement)),
        },
        probe: key.probe.as_ref().map(probe),
    }
}

fn times(retirement: Retirement) -> Times {
    Times {
        deactivate_after: retirement.deactivate_after.to_string(),
        delete_after: retirement.delete_after.to_string(),
        hold_if_used_within: retirement.hold_if_used_within.to_string(),
        force_after: retirement.force_after.map(|it| it.to_string()),
    }
}

fn probe(probe: &Probe) -> ProbeCall<'_> {
    ProbeCall {
        action: probe.action(),
        resource: probe.resource(),
        region: match probe {
            Probe::ListBucket { region, .. } => region.as_ref().map(ToString::to_string),
            Probe::AssumeRole { .. } => None,
        },
    }
}

fn login_pin<'model>(entry: &'model Entry, database: &'model Database) -> LoginPin<'model> {
    LoginPin {
        username: &database.username,
        engine: database.engine.as_str(),
        host: database.host.as_str(),
        port: database.port,
        dbname: database.dbname.as_deref(),
        tls: database.tls.as_str(),
        tls_ca: database.authorities_file(),
        password: Password {
            length: database.password.length,
            exclude: &database.password.exclude,
        },
        rotate_as: way(&entry.rotate_as),
        deactivate_after: match entry.old_key {
            OldKey::UntilNextRotation => None,
            OldKey::After(retirement) => Some(retirement.deactivate_after.to_string()),
        },
    }
}

fn way(rotate_as: &RotateAs) -> Way<'_> {
    match rotate_as {
        RotateAs::Itself => Way::Itself,
        RotateAs::Role => Way::Role,
        RotateAs::Administrator(secret) => Way::Administrator(secret.as_str()),
    }
}
