//! The settings of a secret. Two entries are in the same group if their settings are equal.

use super::Entry;
use crate::model::{
    AccessKey, Arn, ChangeAs, Database, Duration, Engine, InitialKey, InitialPassword, KmsKey,
    OldKey, PasswordRule, Probe, RotateAs, Tls,
};

/// An entry's settings, without the names of its credential and its secret.
#[derive(PartialEq, Eq, Hash)]
pub struct Setup<'a> {
    /// The schedule expression.
    schedule: &'a str,
    window: Option<Duration>,
    kms_key: &'a KmsKey,
    old_key: OldKey,
    readers: &'a [Arn],
    kind: Kind<'a>,
}

#[derive(PartialEq, Eq, Hash)]
enum Kind<'a> {
    AccessKey {
        create_user: bool,
        initial_key: &'a InitialKey,
        rotate_as: &'a RotateAs,
        probe: Option<&'a Probe>,
    },
    Database {
        engine: Engine,
        initial_password: &'a InitialPassword,
        tls: Tls,
        tls_ca: Option<&'a str>,
        password: &'a PasswordRule,
        rotate_as: &'a ChangeAs,
        has_name: bool,
    },
}

impl<'a> Setup<'a> {
    /// Returns the settings of an entry.
    pub fn of(entry: Entry<'a>) -> Self {
        match entry {
            Entry::Key(entry) => Self::of_key(entry),
            Entry::Database(entry) => Self::of_database(entry),
        }
    }

    fn of_key(entry: &'a AccessKey) -> Self {
        // A new field must be either compared or excluded here.
        let AccessKey {
            user: _,
            place: _,
            secret: _,
            create_user,
            initial_key,
            schedule,
            window,
            rotate_as,
            kms_key,
            old_key,
            probe,
            readers,
        } = entry;
        Self {
            schedule: schedule.as_str(),
            window: *window,
            kms_key,
            old_key: *old_key,
            readers,
            kind: Kind::AccessKey {
                create_user: *create_user,
                initial_key,
                rotate_as,
                probe: probe.as_ref(),
            },
        }
    }

    fn of_database(entry: &'a Database) -> Self {
        let Database {
            place: _,
            secret: _,
            engine,
            host: _,
            port: _,
            dbname,
            username: _,
            initial_password,
            tls,
            tls_ca,
            password,
            rotate_as,
            schedule,
            window,
            kms_key,
            old_key,
            readers,
        } = entry;
        Self {
            schedule: schedule.as_str(),
            window: *window,
            kms_key,
            old_key: *old_key,
            readers,
            kind: Kind::Database {
                engine: *engine,
                initial_password,
                tls: *tls,
                tls_ca: tls_ca.as_deref(),
                password,
                rotate_as,
                has_name: dbname.is_some(),
            },
        }
    }
}
