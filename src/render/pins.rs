//! The pins: what a function may act on, as a file in its deployment package.
//!
//! Principals with permissions on one secret can write its value, labels, and tags. Therefore
//! these do not determine which user, server, or administrator the function acts on. This file
//! does. The template names it in the function's `Handler`, by its digest: a package for
//! another template does not contain the file, and the function then refuses every request. A
//! principal that can change the package or the handler can also change the function's code.
//!
//! The pins are a file in the package for these reasons. Lambda's environment variables hold 4
//! KB, which is enough for about thirty of the 165 entries that fit in a stack. A parameter in
//! Systems Manager, or another secret, costs a call in each rotation, and can be written with a
//! permission that is far narrower than `Bootstrap`'s. The metadata of the template would have
//! to be read from CloudFormation, which a function in a VPC cannot reach without another
//! endpoint. The file costs nothing, takes about 60 bytes per entry when compressed, and is
//! reproducible.

use keyrota_contract::pins::{self, Document, access_key, database, service};
use serde::Serialize;

use super::{Error, Strategy, pretty};
use crate::bundle::sha256_hex;
use crate::model::{
    AccessKey, Adapter, Database, Entry, InitialPassword, Kind, Model, OldKey, Probe, Region,
    Retirement, RotateAs, Service,
};

/// The pins file of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The content, as it is packaged.
    pub text: String,
    /// Its path in the package, which is the function's `Handler`.
    pub path: String,
}

impl Pins {
    /// Returns the path to which `generate` writes the pins of a stack's function. `prefix`
    /// distinguishes the files of several stacks.
    pub(super) fn file(prefix: &str, strategy: Strategy) -> String {
        let function = super::document::kebab(strategy.function());
        format!("pins/{prefix}{function}.json")
    }

    /// Returns the pins of a stack's function.
    ///
    /// # Errors
    ///
    /// Returns an error if the pins cannot be serialised, which does not happen.
    pub fn of(model: &Model, strategy: Strategy) -> Result<Self, Error> {
        let entries = strategy.entries(model);
        let pins = entries.map(|entry| (entry.secret.to_string(), Pin::of(entry)));
        let text = pretty(&Document::new(pins))?;
        let path = pins::path(&sha256_hex(text.as_bytes()));
        Ok(Self { text, path })
    }
}

/// The pins of one entry.
#[derive(Serialize)]
#[serde(untagged)]
enum Pin {
    AccessKey(access_key::Entry),
    Database(database::Entry),
    Service(service::Entry),
}

impl Pin {
    fn of(entry: &Entry) -> Self {
        match &entry.kind {
            Kind::AccessKey(key) => Self::AccessKey(self::key(entry, key)),
            Kind::Database(database) => Self::Database(login(entry, database)),
            Kind::Service(service) => Self::Service(self::service(entry, service)),
        }
    }
}

fn key(entry: &Entry, key: &AccessKey) -> access_key::Entry {
    access_key::Entry {
        user: key.user.to_string(),
        path: key.path.to_string(),
        owns_user: key.create_user,
        rotate_as: match &entry.rotate_as {
            RotateAs::Itself => access_key::RotateAs::Own,
            RotateAs::Role => access_key::RotateAs::Role,
            RotateAs::Administrator(secret) => {
                access_key::RotateAs::Administrator(secret.as_str().to_owned())
            }
        },
        creates_first: entry.has_first_key_by_rotation(),
        old_key: match entry.old_key {
            OldKey::UntilNextRotation => None,
            OldKey::After(retirement) => Some(times(retirement)),
        },
        probe: key.probe.as_ref().map(|it| probe(it, &key.smtp)),
        smtp: key.smtp.iter().map(ToString::to_string).collect(),
        fields: entry.fields.clone(),
        administrator_fields: entry.administrator_fields.clone(),
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

fn probe(probe: &Probe, smtp: &[Region]) -> access_key::Probe {
    access_key::Probe {
        action: probe.action().to_owned(),
        resource: probe.resource().to_owned(),
        region: match probe {
            Probe::ListBucket { region, .. } => region.as_ref().map(ToString::to_string),
            Probe::AssumeRole { .. } => None,
            Probe::LogIn(server) => server.password_region(smtp).map(ToString::to_string),
        },
    }
}

fn login(entry: &Entry, database: &Database) -> database::Entry {
    database::Entry {
        username: database.username.clone(),
        alternate: database.alternate.clone(),
        engine: database.engine,
        host: database.host.to_string(),
        port: database.port,
        dbname: database.dbname.clone(),
        tls: database.tls,
        tls_ca: database.authorities_file(),
        password: database::Password {
            length: database.password.length,
            exclude: database.password.exclude.clone(),
        },
        // The manifest cannot give a database's password to the function's role.
        rotate_as: match entry.administrator() {
            None => database::RotateAs::Own,
            Some(secret) => database::RotateAs::Administrator(secret.as_str().to_owned()),
        },
        hosts: database.hosts,
        sets_first: database.initial_password == InitialPassword::Set,
        create_user: database.create_user.clone(),
        clients: database.clients.as_ref().map(|clients| database::Place {
            host: clients.host.to_string(),
            port: clients.port,
        }),
        propagation: database.propagation.map(|it| it.to_string()),
        deactivate_after: match entry.old_key {
            OldKey::UntilNextRotation => None,
            // The password of the replaced user is not kept beside another one.
            OldKey::After(_) if database.alternate.is_some() => None,
            OldKey::After(retirement) => Some(retirement.deactivate_after.to_string()),
        },
        fields: entry.fields.clone(),
        administrator_fields: entry.administrator_fields.clone(),
    }
}

fn service(entry: &Entry, service: &Service) -> service::Entry {
    service::Entry {
        username: service.username.clone(),
        adapter: match &service.adapter {
            Adapter::Function(arn) => service::Adapter::Function(arn.to_string()),
            Adapter::Http(http) => service::Adapter::Http(Box::new(http.pinned())),
        },
        settings: service.settings.clone(),
        password: service::Password {
            length: service.password.length,
            exclude: service.password.exclude.clone(),
            require: service.require.clone(),
        },
        propagation: service.propagation.map(|it| it.to_string()),
        fields: entry.fields.clone(),
    }
}
