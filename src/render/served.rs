//! An entry of either kind, with what both kinds have in common.

use crate::model::{
    AccessKey, Arn, ChangeAs, Database, KmsKey, Model, RotateAs, SecretName, SecretReference,
};

/// An entry of either kind, with what both kinds have in common.
#[derive(Clone, Copy, Debug)]
pub struct Served<'entry> {
    /// The secret that rotates.
    pub secret: &'entry SecretName,
    /// The KMS key that encrypts the secret.
    pub kms_key: &'entry KmsKey,
    /// The principals that may read it.
    pub readers: &'entry [Arn],
    /// The administrator's secret that the rotation uses.
    pub administrator: Option<&'entry SecretReference>,
    /// The user whose keys the role itself creates.
    pub user: Option<&'entry AccessKey>,
    /// The user on which the role only records which keys are rotated: one that the stack did
    /// not create, and whose keys other principals manage.
    pub recorded: Option<&'entry AccessKey>,
}

impl Served<'_> {
    /// Returns the readers without duplicates, in a defined order.
    pub fn sorted_readers(&self) -> Vec<String> {
        let mut readers: Vec<String> = self.readers.iter().map(ToString::to_string).collect();
        readers.sort();
        readers.dedup();
        readers
    }
}

impl AsRef<SecretName> for Served<'_> {
    fn as_ref(&self) -> &SecretName {
        self.secret
    }
}

impl<'entry> From<&'entry AccessKey> for Served<'entry> {
    fn from(entry: &'entry AccessKey) -> Self {
        Self {
            secret: &entry.secret,
            kms_key: &entry.kms_key,
            readers: &entry.readers,
            administrator: match &entry.rotate_as {
                RotateAs::Administrator(secret) => Some(secret),
                RotateAs::Itself | RotateAs::Role => None,
            },
            user: (entry.rotate_as == RotateAs::Role).then_some(entry),
            recorded: (!entry.create_user && entry.rotate_as != RotateAs::Role).then_some(entry),
        }
    }
}

impl<'entry> From<&'entry Database> for Served<'entry> {
    fn from(entry: &'entry Database) -> Self {
        Self {
            secret: &entry.secret,
            kms_key: &entry.kms_key,
            readers: &entry.readers,
            administrator: match &entry.rotate_as {
                ChangeAs::Administrator(secret) => Some(secret),
                ChangeAs::Itself => None,
            },
            user: None,
            recorded: None,
        }
    }
}

/// Returns every entry of a model: the access keys, then the databases.
pub fn all(model: &Model) -> impl Iterator<Item = Served<'_>> {
    let keys = model.access_keys.iter().map(Served::from);
    keys.chain(model.databases.iter().map(Served::from))
}
