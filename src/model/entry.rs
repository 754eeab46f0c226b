//! An entry: a credential, its secret, and its rotation.

mod check;
mod settings;

use std::collections::BTreeMap;
use std::ops::Deref;

use keyrota_contract::value::names::Names;

use super::fields::{ACCESS_KEY, DATABASE, Fields, MappingDefinition, SERVICE};
use super::manifest::read_tags;
use super::reader::Field;
use super::{
    AccessKey, Arn, Database, Duration, EventTarget, Finding, FirstRotation, InitialKey,
    InitialPassword, KmsKey, OldKey, Replica, RotateAs, Schedule, SecretName, SecretReference,
    Service, StackName, access_key, database, service,
};

pub(super) use check::{check_region, check_tags};
pub(super) use settings::check_defaults;

/// A credential that rotates: the settings that every kind has, and those of its kind.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the manifest, such as `access_keys[2]`.
    pub place: String,
    /// The secret that holds the credential.
    pub secret: SecretName,
    /// Whether the secret existed before, and is imported into the stack with its value.
    pub adopt: bool,
    /// The secret's description, if it is not the generated one.
    pub description: Option<String>,
    /// Tags of the secret, which take precedence over the manifest's.
    pub tags: BTreeMap<String, String>,
    /// The rotation schedule.
    pub schedule: Schedule,
    /// The length of the rotation window. Without one, AWS chooses it.
    pub window: Option<Duration>,
    /// The key that encrypts the secret.
    pub kms_key: KmsKey,
    /// The treatment of the replaced credential.
    pub old_key: OldKey,
    /// When the first rotation takes place.
    pub first_rotation: FirstRotation,
    /// The principals that may read the secret, besides those whose own policies allow it.
    pub readers: Vec<Arn>,
    /// Whether the credential may read its own secret (`self` in `readers`), so that a host without
    /// another identity can follow rotations. Only an access key can.
    pub reads_itself: bool,
    /// The replicas of the secret, in alphabetical order of their Regions.
    pub replicas: Vec<Replica>,
    /// What receives an event for each promotion, in alphabetical order of the ARNs.
    pub notify: Vec<EventTarget>,
    /// The credentials that change the credential.
    pub rotate_as: RotateAs,
    /// The names of the fields of the secret's value.
    pub fields: Names,
    /// The names of the fields of the administrator's secret, if another entry gives them.
    pub administrator_fields: Option<Names>,
    /// What is specific to its kind.
    pub kind: Kind,
}

/// What is specific to a kind of credential.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An access key of an IAM user.
    AccessKey(AccessKey),
    /// The password of a database user.
    Database(Database),
    /// The password of a service's user.
    Service(Box<Service>),
}

/// An entry of a known kind. It dereferences to the entry, and its `kind` has the fields of that
/// kind.
#[derive(Debug)]
pub struct EntryOf<'entry, K> {
    entry: &'entry Entry,
    /// What is specific to its kind.
    pub kind: &'entry K,
}

/// An entry by its kind.
#[derive(Clone, Copy, Debug)]
pub enum ByKind<'entry> {
    /// An access key.
    AccessKey(EntryOf<'entry, AccessKey>),
    /// A database.
    Database(EntryOf<'entry, Database>),
    /// A service.
    Service(EntryOf<'entry, Service>),
}

impl Entry {
    /// Returns the entry by its kind.
    pub const fn by_kind(&self) -> ByKind<'_> {
        match &self.kind {
            Kind::AccessKey(kind) => ByKind::AccessKey(EntryOf { entry: self, kind }),
            Kind::Database(kind) => ByKind::Database(EntryOf { entry: self, kind }),
            Kind::Service(kind) => ByKind::Service(EntryOf { entry: self, kind }),
        }
    }

    /// Returns the entry as an access key, if it is one.
    pub const fn as_access_key(&self) -> Option<EntryOf<'_, AccessKey>> {
        match self.by_kind() {
            ByKind::AccessKey(key) => Some(key),
            ByKind::Database(_) | ByKind::Service(_) => None,
        }
    }

    /// Returns the entry as a database, if it is one.
    pub const fn as_database(&self) -> Option<EntryOf<'_, Database>> {
        match self.by_kind() {
            ByKind::Database(database) => Some(database),
            ByKind::AccessKey(_) | ByKind::Service(_) => None,
        }
    }

    /// Returns the entry as a service, if it is one.
    pub const fn as_service(&self) -> Option<EntryOf<'_, Service>> {
        match self.by_kind() {
            ByKind::Service(service) => Some(service),
            ByKind::AccessKey(_) | ByKind::Database(_) => None,
        }
    }

    /// Returns the name of the user that the credential belongs to. If two users alternate, it is the
    /// one that is current first.
    pub fn user_name(&self) -> &str {
        match &self.kind {
            Kind::AccessKey(key) => key.user.as_str(),
            Kind::Database(database) => &database.username,
            Kind::Service(service) => &service.username,
        }
    }

    /// Returns the users of the credential for a message: `` `app` ``, or `` `app` or `app_clone` `` if
    /// two alternate.
    pub fn users_shown(&self) -> String {
        match &self.kind {
            Kind::AccessKey(key) => format!("`{}`", key.user),
            Kind::Database(database) => database.users_shown(),
            Kind::Service(service) => format!("`{}`", service.username),
        }
    }

    /// Returns whether the credential may be that of a user with this name.
    pub fn has_user(&self, name: &str) -> bool {
        match &self.kind {
            Kind::AccessKey(key) => key.user.as_str() == name,
            Kind::Database(database) => database.has_user(name),
            Kind::Service(service) => service.username == name,
        }
    }

    /// Returns whether the function that rotates it runs in the manifest's network.
    pub const fn uses_network(&self) -> bool {
        match &self.kind {
            Kind::AccessKey(_) => false,
            Kind::Database(_) => true,
            Kind::Service(service) => service.in_network,
        }
    }

    /// Returns whether a rotation creates the user's first access key: the stack creates the user,
    /// whose keys are then all keyrota's, and the execution role makes the IAM calls.
    pub fn has_first_key_by_rotation(&self) -> bool {
        self.as_access_key().is_some_and(|key| {
            key.kind.create_user
                && key.rotate_as == RotateAs::Role
                && key.kind.initial_key == InitialKey::Create
                && !key.adopt
        })
    }

    /// Returns whether the stack of a StackSet starts the first rotation, which creates the user's
    /// first access key.
    pub fn is_first_rotated_by_stack_set(&self) -> bool {
        self.has_first_key_by_rotation() && self.first_rotation == FirstRotation::Now
    }

    /// Returns whether a rotation creates the first credential, so that nobody has to store one.
    pub fn has_first_credential_by_rotation(&self) -> bool {
        match &self.kind {
            Kind::AccessKey(_) => self.has_first_key_by_rotation(),
            Kind::Database(database) => database.initial_password == InitialPassword::Set,
            Kind::Service(_) => false,
        }
    }

    /// Returns the administrator's secret that rotates it, if there is one.
    pub const fn administrator(&self) -> Option<&SecretReference> {
        match &self.rotate_as {
            RotateAs::Administrator(secret) => Some(secret),
            RotateAs::Itself | RotateAs::Role => None,
        }
    }

    /// Returns the readers in alphabetical order, without duplicates.
    pub fn sorted_readers(&self) -> Vec<String> {
        let mut readers: Vec<String> = self.readers.iter().map(ToString::to_string).collect();
        readers.sort();
        readers.dedup();
        readers
    }

    /// Returns the ARNs that the entry names, each with its field.
    fn arns(&self) -> impl Iterator<Item = (&'static str, &Arn)> {
        let key = match &self.kms_key {
            KmsKey::Existing(arn) => Some(arn),
            KmsKey::AwsManaged | KmsKey::Create => None,
        };
        let administrator = match self.administrator() {
            Some(SecretReference::Arn(arn)) => Some(arn),
            Some(SecretReference::Name(_)) | None => None,
        };
        let probe = self.as_access_key().and_then(|key| key.kind.probe.as_ref());
        let first_key = match self.as_access_key().map(|key| &key.kind.initial_key) {
            Some(InitialKey::Secret(SecretReference::Arn(arn))) => Some(arn),
            _ => None,
        };
        let adapter = self.as_service();
        let adapter = adapter.and_then(|service| service.kind.adapter.function());
        let adapter = adapter.into_iter().map(|arn| ("adapter.function", arn));
        let first_key = first_key.into_iter().map(|arn| ("initial_key", arn));
        let readers = self.readers.iter().map(|arn| ("readers", arn));
        let key = key.into_iter().map(|arn| ("kms_key", arn));
        let administrator = administrator.into_iter().map(|arn| ("rotate_as", arn));
        let probe = probe.and_then(super::Probe::arn).into_iter();
        let probe = probe.map(|arn| ("probe", arn));
        key.chain(readers)
            .chain(administrator)
            .chain(probe)
            .chain(first_key)
            .chain(adapter)
    }
}

impl<'entry, K> EntryOf<'entry, K> {
    /// Returns the entry without its kind.
    pub const fn entry(&self) -> &'entry Entry {
        self.entry
    }
}

impl<K> Clone for EntryOf<'_, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for EntryOf<'_, K> {}

impl<K> Deref for EntryOf<'_, K> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.entry
    }
}

/// How to read the entries of a kind.
struct KindReader {
    /// The field of the manifest with the list.
    list: &'static str,
    definition: &'static MappingDefinition,
    read: for<'doc> fn(&Fields<'doc>, &Surroundings<'_>) -> Specific,
}

/// Reads a file that the manifest names, or says why it cannot be read.
pub type Files<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// What entries depend on besides their own fields.
pub(super) struct Surroundings<'a> {
    /// The name of the stack, if it is valid.
    pub(super) stack: Option<&'a StackName>,
    /// The files beside the manifest.
    pub(super) files: &'a Files<'a>,
}

/// Every kind, in the order of the model's entries.
const KINDS: [KindReader; 3] = [
    KindReader {
        list: "access_keys",
        definition: &ACCESS_KEY,
        read: access_key::read,
    },
    KindReader {
        list: "databases",
        definition: &DATABASE,
        read: database::read::read,
    },
    KindReader {
        list: "services",
        definition: &SERVICE,
        read: service::read::read,
    },
];

/// The parts of an entry that depend on its kind. A refused part is `None`.
pub(super) struct Specific {
    /// The name of the secret.
    pub(super) secret: Option<SecretName>,
    /// The credentials that change the credential.
    pub(super) rotate_as: Option<RotateAs>,
    /// The users, which only one entry may have.
    pub(super) users: Vec<Identity>,
    /// The names of the fields of the secret's value.
    pub(super) names: Option<Names>,
    /// The rest.
    pub(super) kind: Option<Kind>,
}

/// The identity of a user.
pub(super) struct Identity {
    /// A key that is equal for the same user of the same kind.
    pub(super) key: String,
    /// The field with the user's name.
    pub(super) field: &'static str,
    /// The user, for a message.
    pub(super) name: String,
    /// Why a second entry is refused.
    pub(super) reason: &'static str,
}

/// Reads the entries of every kind, each with its place in the manifest.
pub(super) fn read<'doc>(
    root: &Fields<'doc>,
    defaults: Option<&'doc Fields<'doc>>,
    around: &Surroundings<'_>,
) -> Vec<(Entry, Field<'doc>)> {
    let mut secrets = BTreeMap::new();
    let mut entries = Vec::new();
    for kind in KINDS {
        let mut users = BTreeMap::new();
        let items = root.get(kind.list).and_then(|field| field.list());
        for item in items.unwrap_or_default() {
            let Some(fields) = Fields::of(&item, kind.definition) else {
                continue;
            };
            let fields = fields.or_in(defaults);
            let specific = (kind.read)(&fields, around);
            for user in &specific.users {
                report_second_user(&mut users, user, &fields.place(user.field));
            }
            if let Some(name) = &specific.secret {
                report_second_secret(&mut secrets, name, &fields.place("secret"));
            }
            if let Some(entry) = read_entry(&fields, specific) {
                entries.push((entry, item));
            }
        }
    }
    entries
}

/// Lets each entry know the names of the fields of its administrator's secret, if that is the
/// secret of another entry.
pub(super) fn name_administrators(entries: &mut [(Entry, Field<'_>)]) {
    let renamed = entries.iter().map(|(entry, _)| entry);
    let renamed = renamed.filter(|entry| !entry.fields.are_default());
    let renamed: BTreeMap<String, Names> = renamed
        .map(|entry| (entry.secret.as_str().to_owned(), entry.fields.clone()))
        .collect();
    for (entry, _) in entries {
        let secret = entry.administrator().map(SecretReference::as_str);
        // An ARN ends with a hyphen and six characters.
        let name = secret.map(|secret| match secret.split_once(":secret:") {
            Some((_, name)) => name.rsplit_once('-').map_or(name, |(name, _)| name),
            None => secret,
        });
        entry.administrator_fields = name.and_then(|name| renamed.get(name).cloned());
    }
}

fn read_entry(fields: &Fields<'_>, specific: Specific) -> Option<Entry> {
    let settings = settings::read_settings(fields);
    let description = fields.optional("description", |field| {
        field.parse("invalid-value", check::check_description)
    });
    let tags = fields.get("tags").map(|field| read_tags(&field));
    let Specific {
        secret,
        rotate_as,
        users: _,
        names,
        kind,
    } = specific;
    let adopt = fields.value("adopt", |field| field.boolean());
    let settings = settings?;
    let kind = kind?;
    let entry = Entry {
        place: fields.at().path().to_owned(),
        secret: secret?,
        adopt: adopt?,
        description: description?,
        tags: tags.unwrap_or_default(),
        schedule: settings.schedule,
        window: settings.window,
        kms_key: settings.kms_key,
        old_key: settings.old_key,
        first_rotation: (settings.first_rotation)
            .unwrap_or_else(|| FirstRotation::default_of(&kind)),
        readers: settings.readers.arns,
        reads_itself: settings.readers.itself && matches!(kind, Kind::AccessKey(_)),
        replicas: settings.replicas,
        notify: settings.notify,
        rotate_as: rotate_as?,
        fields: names?,
        administrator_fields: None,
        kind,
    };
    if let Some(SecretReference::Name(name)) = entry.administrator()
        && name.as_str() == entry.secret.as_str()
    {
        let message =
            format!("the secret `{name}` cannot be the administrator's secret for itself");
        let hint = match &entry.kind {
            Kind::AccessKey(_) => "use `rotate_as: self` to rotate with the user's own key",
            Kind::Database(_) | Kind::Service(_) => {
                "use `rotate_as: self` if the user changes its own password"
            }
        };
        fields
            .place("rotate_as")
            .report(Finding::error("contradiction", fields.path("rotate_as"), message).hint(hint));
    }
    if settings.readers.itself
        && !entry.reads_itself
        && let Some(field) = fields.own("readers")
    {
        let message = "`self` is for access keys only: a password cannot call AWS";
        field.report(
            Finding::error("contradiction", field.path(), message)
                .hint("name the IAM roles or users that read the secret"),
        );
    }
    match &entry.kind {
        Kind::AccessKey(key) => access_key::check(&entry, key, fields),
        Kind::Database(database) => database::read::check(&entry, database, fields),
        Kind::Service(service) => service::read::check(&entry, service, fields),
    }
    Some(entry)
}

/// Reports a user that another entry already has.
fn report_second_user(users: &mut BTreeMap<String, usize>, user: &Identity, at: &Field<'_>) {
    if let Some(line) = users.insert(user.key.clone(), at.line()) {
        let message = format!("{} is already on line {line}", user.name);
        at.report(Finding::error("duplicate-user", at.path(), message).hint(user.reason));
    }
}

/// Reports a secret that another entry already has.
fn report_second_secret(secrets: &mut BTreeMap<String, usize>, name: &SecretName, at: &Field<'_>) {
    if let Some(line) = secrets.insert(name.as_str().to_owned(), at.line()) {
        let message = format!("the secret `{name}` is already on line {line}");
        at.report(
            Finding::error("duplicate-secret", at.path(), message)
                .hint("use a separate secret for each user"),
        );
    }
}
