//! The settings of a secret. Two entries are in the same group if their settings are equal.

use std::collections::BTreeMap;

use crate::model::{
    AccessKey, Adapter, Arn, CharacterClass, ClientEndpoint, Database, Duration, Engine, Entry,
    EventTarget, FirstRotation, Hosts, InitialKey, InitialPassword, Kind, KmsKey, Names, OldKey,
    PasswordRule, Probe, Region, Replica, RotateAs, Service, UserRights, Verification,
};

/// An entry's settings, without the names of its credential and its secret.
#[derive(PartialEq, Eq, Hash)]
pub struct Setup<'a> {
    adopt: bool,
    /// The schedule expression.
    schedule: &'a str,
    window: Option<Duration>,
    kms_key: &'a KmsKey,
    old_key: OldKey,
    first_rotation: FirstRotation,
    readers: &'a [Arn],
    reads_itself: bool,
    tags: &'a BTreeMap<String, String>,
    replicas: &'a [Replica],
    notify: &'a [EventTarget],
    rotate_as: &'a RotateAs,
    fields: &'a Names,
    credential: Credential<'a>,
}

#[derive(PartialEq, Eq, Hash)]
enum Credential<'a> {
    AccessKey {
        create_user: bool,
        initial_key: &'a InitialKey,
        probe: Option<&'a Probe>,
        max_key_age: Option<Duration>,
        smtp: &'a [Region],
    },
    Database {
        engine: Engine,
        initial_password: &'a InitialPassword,
        tls: Verification,
        tls_ca: Option<&'a str>,
        password: &'a PasswordRule,
        hosts: Option<Hosts>,
        create_user: Option<&'a UserRights>,
        clients: Option<&'a ClientEndpoint>,
        propagation: Option<Duration>,
        alternates: bool,
        has_name: bool,
    },
    Service {
        adapter: String,
        settings: &'a BTreeMap<String, String>,
        password: &'a PasswordRule,
        require: &'a [CharacterClass],
        propagation: Option<Duration>,
        initial_password: &'a InitialPassword,
        in_network: bool,
    },
}

impl<'a> Setup<'a> {
    /// Returns the settings of an entry.
    pub fn of(entry: &'a Entry) -> Self {
        // A new field must be either compared or excluded here.
        let Entry {
            place: _,
            secret: _,
            adopt,
            // The table of the secrets shows it.
            description: _,
            tags,
            schedule,
            window,
            kms_key,
            old_key,
            first_rotation,
            readers,
            reads_itself,
            replicas,
            notify,
            rotate_as,
            fields,
            administrator_fields: _,
            kind,
        } = entry;
        Self {
            adopt: *adopt,
            schedule: schedule.as_str(),
            window: *window,
            kms_key,
            old_key: *old_key,
            first_rotation: *first_rotation,
            readers,
            reads_itself: *reads_itself,
            tags,
            replicas,
            notify,
            rotate_as,
            fields,
            credential: match kind {
                Kind::AccessKey(key) => Credential::of_key(key),
                Kind::Database(database) => Credential::of_database(database),
                Kind::Service(service) => Credential::of_service(service),
            },
        }
    }
}

impl<'a> Credential<'a> {
    fn of_key(key: &'a AccessKey) -> Self {
        // A new field must be either compared or excluded here.
        let AccessKey {
            user: _,
            path: _,
            create_user,
            initial_key,
            probe,
            max_key_age,
            smtp,
        } = key;
        Self::AccessKey {
            create_user: *create_user,
            initial_key,
            probe: probe.as_ref(),
            max_key_age: *max_key_age,
            smtp,
        }
    }

    fn of_database(database: &'a Database) -> Self {
        let Database {
            engine,
            host: _,
            port: _,
            dbname,
            username: _,
            alternate,
            initial_password,
            tls,
            tls_ca,
            password,
            hosts,
            create_user,
            clients,
            propagation,
        } = database;
        Self::Database {
            engine: *engine,
            initial_password,
            tls: *tls,
            tls_ca: tls_ca.as_deref(),
            password,
            hosts: *hosts,
            create_user: create_user.as_ref(),
            clients: clients.as_ref(),
            propagation: *propagation,
            alternates: alternate.is_some(),
            has_name: dbname.is_some(),
        }
    }

    fn of_service(service: &'a Service) -> Self {
        // A new field must be either compared or excluded here.
        let Service {
            username: _,
            adapter,
            settings,
            password,
            require,
            propagation,
            initial_password,
            in_network,
        } = service;
        Self::Service {
            adapter: match adapter {
                Adapter::Function(arn) => arn.to_string(),
                Adapter::Http(http) => http.file.clone(),
            },
            settings,
            password,
            require,
            propagation: *propagation,
            initial_password,
            in_network: *in_network,
        }
    }
}
