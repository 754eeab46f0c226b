//! An entry: a credential, its secret, and its rotation.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use keyrota_contract::value::names::Names;

use super::fields::{ACCESS_KEY, DATABASE, Fields, MAX_TAGS, MappingDefinition};
use super::manifest::{MAX_TAGS_WITH_DATABASES, read_tags};
use super::reader::Field;
use super::word_or_arn::{parse_kms_key, parse_reader};
use super::{
    AccessKey, Arn, Database, Duration, Finding, FirstRotation, InitialKey, KmsKey, OldKey, Region,
    Replica, RotateAs, Schedule, SecretName, SecretReference, StackName, access_key, database,
    field_names, old_key, replica,
};

/// The longest description of a secret (`API_CreateSecret`).
const MAX_DESCRIPTION: usize = 2_048;
/// The default rotation window, if the schedule has room for it.
const DEFAULT_WINDOW: Duration = Duration::seconds(3 * 3_600);

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
    /// The replicas of the secret, in alphabetical order of their Regions.
    pub replicas: Vec<Replica>,
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
}

impl Entry {
    /// Returns the entry by its kind.
    pub const fn by_kind(&self) -> ByKind<'_> {
        match &self.kind {
            Kind::AccessKey(kind) => ByKind::AccessKey(EntryOf { entry: self, kind }),
            Kind::Database(kind) => ByKind::Database(EntryOf { entry: self, kind }),
        }
    }

    /// Returns the entry as an access key, if it is one.
    pub const fn as_access_key(&self) -> Option<EntryOf<'_, AccessKey>> {
        match self.by_kind() {
            ByKind::AccessKey(key) => Some(key),
            ByKind::Database(_) => None,
        }
    }

    /// Returns the entry as a database, if it is one.
    pub const fn as_database(&self) -> Option<EntryOf<'_, Database>> {
        match self.by_kind() {
            ByKind::Database(database) => Some(database),
            ByKind::AccessKey(_) => None,
        }
    }

    /// Returns the name of the user that the credential belongs to. If two users alternate, it is the
    /// one that is current first.
    pub fn user_name(&self) -> &str {
        match &self.kind {
            Kind::AccessKey(key) => key.user.as_str(),
            Kind::Database(database) => &database.username,
        }
    }

    /// Returns the users of the credential for a message: `` `app` ``, or `` `app` or `app_clone` `` if
    /// two alternate.
    pub fn users_shown(&self) -> String {
        match &self.kind {
            Kind::AccessKey(key) => format!("`{}`", key.user),
            Kind::Database(database) => database.users_shown(),
        }
    }

    /// Returns whether the credential may be that of a user with this name.
    pub fn has_user(&self, name: &str) -> bool {
        match &self.kind {
            Kind::AccessKey(key) => key.user.as_str() == name,
            Kind::Database(database) => database.has_user(name),
        }
    }

    /// Returns whether the function that rotates it runs in the manifest's network.
    pub const fn uses_network(&self) -> bool {
        match &self.kind {
            Kind::AccessKey(_) => false,
            Kind::Database(_) => true,
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
        let first_key = first_key.into_iter().map(|arn| ("initial_key", arn));
        let readers = self.readers.iter().map(|arn| ("readers", arn));
        let key = key.into_iter().map(|arn| ("kms_key", arn));
        let administrator = administrator.into_iter().map(|arn| ("rotate_as", arn));
        let probe = probe.into_iter().map(|probe| ("probe", probe.arn()));
        key.chain(readers)
            .chain(administrator)
            .chain(probe)
            .chain(first_key)
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
    read: for<'doc> fn(&Fields<'doc>, Option<&StackName>) -> Specific,
}

/// Every kind, in the order of the model's entries.
const KINDS: [KindReader; 2] = [
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
    stack: Option<&StackName>,
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
            let specific = (kind.read)(&fields, stack);
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
    let settings = read_settings(fields);
    let description = fields.optional("description", |field| {
        field.parse("invalid-value", check_description)
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
        readers: settings.readers,
        replicas: settings.replicas,
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
            Kind::Database(_) => "use `rotate_as: self` if the user changes its own password",
        };
        fields
            .place("rotate_as")
            .report(Finding::error("contradiction", fields.path("rotate_as"), message).hint(hint));
    }
    match &entry.kind {
        Kind::AccessKey(key) => access_key::check(&entry, key, fields),
        Kind::Database(database) => database::read::check(&entry, database, fields),
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

/// The settings that entries of every kind have and that `defaults` may set.
struct Settings {
    schedule: Schedule,
    window: Option<Duration>,
    kms_key: KmsKey,
    old_key: OldKey,
    first_rotation: Option<FirstRotation>,
    readers: Vec<Arn>,
    replicas: Vec<Replica>,
}

/// Reports faults in `defaults`, so that they are reported even without entries.
pub(super) fn check_defaults(defaults: &Fields<'_>) {
    read_settings(defaults);
    access_key::read_rotate_as(defaults);
    access_key::read_probe(defaults);
    access_key::read_max_key_age(defaults);
    field_names::check_defaults(defaults);
}

/// Reads the settings of an entry, or of `defaults`.
fn read_settings(fields: &Fields<'_>) -> Option<Settings> {
    let schedule = fields.value("schedule", |field| {
        field.parse("invalid-schedule", |text| {
            Schedule::parse(text).map_err(|fault| fault.to_string())
        })
    });
    let window = match fields.get("window") {
        Some(field) => {
            let window = field.parse("invalid-duration", Duration::parse);
            if let (Some(window), Some(schedule)) = (window, &schedule)
                && let Err(why) = schedule.check_window(window)
            {
                field.refuse("invalid-window", why);
            }
            window
        }
        None => schedule
            .as_ref()
            .is_some_and(|schedule| schedule.check_window(DEFAULT_WINDOW).is_ok())
            .then_some(DEFAULT_WINDOW),
    };
    let kms_key = fields.value("kms_key", |field| {
        field.parse("invalid-value", parse_kms_key)
    });
    let old_key = fields.get("old_key");
    let old_key = old_key.map_or(Some(OldKey::UntilNextRotation), |field| {
        old_key::read(&field)
    });
    let first_rotation = fields.optional("first_rotation", |field| {
        field.parse("invalid-value", FirstRotation::parse)
    });
    let readers = fields.optional("readers", |field| {
        let items = field.list()?;
        let read = |item: &Field<'_>| item.parse("invalid-value", parse_reader);
        items.iter().map(read).collect()
    });
    let replicas = replica::read(fields);
    Some(Settings {
        schedule: schedule?,
        window,
        kms_key: kms_key?,
        old_key: old_key?,
        first_rotation: first_rotation?,
        readers: readers?.unwrap_or_default(),
        replicas: replicas?,
    })
}

/// Checks a description as Secrets Manager does (`API_CreateSecret`). An empty one would be the
/// same as none, and control characters cannot be shown.
fn check_description(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if text.chars().any(char::is_control) {
        return Err("a description cannot contain control characters".to_owned());
    }
    match count {
        1..=MAX_DESCRIPTION => Ok(text.to_owned()),
        _ => Err(format!(
            "a description must have 1 to {MAX_DESCRIPTION} characters, but this one has {count}"
        )),
    }
}

/// Checks an entry's tags together with the manifest's, which the secret has as well.
pub(super) fn check_tags(entry: &Entry, tags: &BTreeMap<String, String>, at: &Field<'_>) {
    if entry.tags.is_empty() {
        return;
    }
    let refuse = |message: String| {
        at.report(Finding::error(
            "invalid-tag",
            format!("{}.tags", at.path()),
            message,
        ));
    };
    for key in entry.tags.keys() {
        let differs = |other: &&String| *other != key && other.to_lowercase() == key.to_lowercase();
        if let Some(other) = tags.keys().find(differs) {
            refuse(format!(
                "`{key}` and the manifest's tag `{other}` differ only in case; write both in the same way"
            ));
        }
    }
    let count = tags
        .keys()
        .chain(entry.tags.keys())
        .collect::<BTreeSet<_>>()
        .len();
    let most = match &entry.kind {
        Kind::AccessKey(_) => MAX_TAGS,
        Kind::Database(_) => MAX_TAGS_WITH_DATABASES,
    };
    if count > most {
        refuse(format!(
            "{count} tags with those of the manifest, but this secret can have at most {most} in addition to keyrota's own"
        ));
    }
}

/// Checks an entry against the stack's Region.
pub(super) fn check_region(entry: &Entry, region: &Region, at: &Field<'_>) {
    let refuse = |field: &str, message: String| {
        let path = format!("{}.{field}", at.path());
        at.report(Finding::error("contradiction", path, message));
    };
    // A KMS key encrypts secrets of its own Region only (`API_CreateSecret`).
    if let KmsKey::Existing(arn) = &entry.kms_key
        && arn.parts()[2] != region.as_str()
    {
        let message = format!(
            "the KMS key is in {}, but the secret is in {region}",
            arn.parts()[2]
        );
        refuse("kms_key", message);
    }
    // The program reads the secret in the stack's Region.
    if let Some(InitialKey::Secret(SecretReference::Arn(arn))) =
        entry.as_access_key().map(|key| &key.kind.initial_key)
        && arn.parts()[2] != region.as_str()
    {
        let message = format!(
            "the secret with the key is in {}, but the stack is in {region}",
            arn.parts()[2]
        );
        refuse("initial_key", message);
    }
    // No policy can name an ARN of another partition (`reference-arns`).
    for (field, arn) in entry.arns() {
        let partition = arn.parts()[0];
        if partition != region.partition() {
            let message = format!(
                "`{arn}` is in the partition {partition}, but {region} is in {}",
                region.partition()
            );
            refuse(field, message);
        }
    }
}
