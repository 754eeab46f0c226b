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

use keyrota_contract::pins::{self, Document, access_key, database};
use serde::Serialize;

use super::{Error, Strategy, pretty};
use crate::bundle::sha256_hex;
use crate::model::{AccessKey, ChangeAs, Database, Model, OldKey, Probe, Retirement, RotateAs};

/// The file of pins of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// What it holds, as it is packed.
    pub text: String,
    /// Its path in the package, which is the function's `Handler`.
    pub path: String,
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
        let text = match strategy {
            Strategy::AccessKeys => {
                let entries = model.access_keys.iter();
                text(entries.map(|entry| (entry.secret.as_str(), key(entry))))
            }
            Strategy::Databases => {
                let entries = model.databases.iter();
                text(entries.map(|entry| (entry.secret.as_str(), login(entry))))
            }
        }?;
        let path = pins::path(&sha256_hex(text.as_bytes()));
        Ok(Self { text, path })
    }
}

fn text<'model, Entry: Serialize>(
    entries: impl Iterator<Item = (&'model str, Entry)>,
) -> Result<String, Error> {
    let entries = entries.map(|(secret, entry)| (secret.to_owned(), entry));
    pretty(&Document::new(entries))
}

fn key(entry: &AccessKey) -> access_key::Entry {
    access_key::Entry {
        user: entry.user.to_string(),
        path: access_key::root(),
        owns_user: entry.create_user,
        rotate_as: match &entry.rotate_as {
            RotateAs::Itself => access_key::RotateAs::Own,
            RotateAs::Role => access_key::RotateAs::Role,
            RotateAs::Administrator(secret) => {
                access_key::RotateAs::Administrator(secret.as_str().to_owned())
            }
        },
        old_key: match entry.old_key {
            OldKey::UntilNextRotation => None,
            OldKey::After(retirement) => Some(times(retirement)),
        },
        probe: entry.probe.as_ref().map(probe),
    }
}

fn times(retirement: Retirement) -> access_key::Times {
    access_key::Times {
        deactivate_after: retirement.deactivate_after.to_string(),
        delete_after: retirement.delete_after.to_string(),
        hold_if_used_within: retirement.hold_if_used_within.to_string(),
        force_after: retirement.force_after.map(|it| it.to_string()),
    }
}

fn probe(probe: &Probe) -> access_key::Probe {
    access_key::Probe {
        action: probe.action().to_owned(),
        resource: probe.resource().to_owned(),
        region: match probe {
            Probe::ListBucket { region, .. } => region.as_ref().map(ToString::to_string),
            Probe::AssumeRole { .. } => None,
        },
    }
}

fn login(entry: &Database) -> database::Entry {
    database::Entry {
        username: entry.username.clone(),
        engine: entry.engine.pin(),
        host: entry.host.to_string(),
        port: entry.port,
        dbname: entry.dbname.clone(),
        tls: entry.tls.pin(),
        tls_ca: entry.authorities_file(),
        password: database::Password {
            length: entry.password.length,
            exclude: entry.password.exclude.clone(),
        },
        rotate_as: match &entry.rotate_as {
            ChangeAs::Itself => database::RotateAs::Own,
            ChangeAs::Administrator(secret) => {
                database::RotateAs::Administrator(secret.as_str().to_owned())
            }
        },
        deactivate_after: match entry.old_key {
            OldKey::UntilNextRotation => None,
            OldKey::After(retirement) => Some(retirement.deactivate_after.to_string()),
        },
    }
}
