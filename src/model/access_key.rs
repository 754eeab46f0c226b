//! What is specific to an access key of an IAM user.

use keyrota_contract::value::{OF_ACCESS_KEYS, smtp};

use super::entry::{Identity, Kind, Specific, Surroundings};
use super::fields::Fields;
use super::reader::Field;
use super::word_or_arn::{parse_rotate_as, parse_secret_arn};
use super::{
    Arn, Duration, Entry, Finding, IamPath, OldKey, Probe, ReferencedName, Region, RotateAs,
    SecretName, SecretReference, StackName, UserName, field_names, follow, key_age, old_key, probe,
};

/// An access key of an IAM user.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The IAM user.
    pub user: UserName,
    /// The user's path.
    pub path: IamPath,
    /// Whether the stack creates the user. Every access key of such a user is the stack's.
    pub create_user: bool,
    /// The source of the first key.
    pub initial_key: InitialKey,
    /// The call that must succeed with a new key before it is promoted.
    pub probe: Option<Probe>,
    /// The longest time for which a key may be active.
    pub max_key_age: Option<Duration>,
    /// The Regions for which the value has an SMTP password of Amazon SES. The first is the
    /// default one.
    pub smtp: Vec<Region>,
}

impl AccessKey {
    /// Returns the resource of the user's ARN: `user`, its path, and its name
    /// (`reference_identifiers`).
    pub fn user_resource(&self) -> String {
        format!("user{}{}", self.path, self.user)
    }
}

/// The source of the first key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InitialKey {
    /// A new key.
    Create,
    /// The key of a profile in the AWS configuration files.
    Profile(String),
    /// The key in another secret, which is only read.
    Secret(SecretReference),
}

/// Reads what is specific to an access key.
pub(super) fn read(fields: &Fields<'_>, around: &Surroundings<'_>) -> Specific {
    let user = fields
        .require("user")
        .and_then(|field| field.parse("invalid-name", UserName::parse));
    Specific {
        secret: read_secret(fields, around.stack, user.as_ref()),
        rotate_as: read_rotate_as(fields),
        users: Vec::from_iter(user.as_ref().map(|user| Identity {
            // IAM keeps users' names unique without regard to case.
            key: user.as_str().to_lowercase(),
            field: "user",
            name: format!("the user `{user}`"),
            reason: "use one entry per user, because a user has two key slots, and rotation needs both",
        })),
        names: field_names::read(fields, &OF_ACCESS_KEYS),
        kind: read_kind(fields, user).map(Kind::AccessKey),
    }
}

/// Reads `rotate_as` of an entry, or of `defaults`.
pub(super) fn read_rotate_as(fields: &Fields<'_>) -> Option<RotateAs> {
    fields.value("rotate_as", |field| {
        field.parse("invalid-value", parse_rotate_as)
    })
}

/// Reads `probe` of an entry, or of `defaults`. The inner `None` is `none`.
pub(super) fn read_probe(fields: &Fields<'_>) -> Option<Option<Probe>> {
    let probe = fields.get("probe");
    probe.map_or(Some(None), |field| probe::read(&field))
}

/// Reads `max_key_age` of an entry, or of `defaults`. The inner `None` sets no limit.
pub(super) fn read_max_key_age(fields: &Fields<'_>) -> Option<Option<Duration>> {
    fields.optional("max_key_age", |field| {
        let limit = field.parse("invalid-duration", Duration::parse)?;
        if limit.as_seconds() == 0 {
            field.refuse("invalid-duration", "a key cannot have the age 0");
            return None;
        }
        Some(limit)
    })
}

/// Reports what the schedule and `old_key` mean for an access key.
pub(super) fn check(entry: &Entry, key: &AccessKey, fields: &Fields<'_>) {
    if let Some(field) = fields.get("old_key") {
        old_key::check_interval(entry.old_key, &entry.schedule, &field);
        old_key::check_measurable(entry.old_key, &field);
    }
    if let (Some(limit), Some(field)) = (key.max_key_age, fields.get("max_key_age")) {
        check_age(entry, limit, &field);
    }
    if entry.adopt {
        check_adopted(key, fields);
    }
    check_source(entry, key, fields);
    check_grace(entry, fields);
    check_smtp(entry, key, fields);
    if let (Some(Probe::LogIn(server)), Some(field)) = (&key.probe, fields.get("probe"))
        && let Some(why) = server.refusal(&key.smtp)
    {
        let path = fields.path("probe");
        let at = fields.own("probe").unwrap_or(field);
        at.report(
            Finding::error("contradiction", path, why)
                .hint("add the Region of the server to `smtp`, or use another `probe`"),
        );
    }
}

/// Refuses a key that must read its own replacement, but is deactivated before it can.
fn check_grace(entry: &Entry, fields: &Fields<'_>) {
    let longest = follow::longest_interval(&entry.schedule, entry.window, entry.old_key);
    if !entry.reads_itself || longest.is_some() {
        return;
    }
    let immediate =
        matches!(entry.old_key, OldKey::After(after) if after.deactivate_after.as_seconds() == 0);
    let (why, hint) = match immediate {
        true => (
            "the old key is deactivated at the end of the rotation",
            "use `old_key: until_next_rotation`, or a `deactivate_after` in which `keyrota follow` runs at least once",
        ),
        false => (
            "under this schedule, a rotation can delete the old key right after it was replaced",
            "use a shorter `window`, or rotate less often",
        ),
    };
    let message =
        format!("with `readers: [self]`, a host reads the new key with the old one, but {why}");
    let path = fields.path("readers");
    let at = fields.place("readers");
    at.report(Finding::error("no-grace", path, message).hint(hint));
}

/// Refuses the entry's own secret as the source of its first key.
fn check_source(entry: &Entry, key: &AccessKey, fields: &Fields<'_>) {
    let InitialKey::Secret(reference) = &key.initial_key else {
        return;
    };
    let named = match reference {
        SecretReference::Name(name) => name.as_str(),
        SecretReference::Arn(arn) => name_in(arn),
    };
    let secret = &entry.secret;
    if named == secret.as_str() {
        let message = format!("the secret `{secret}` is the secret of this entry");
        let path = fields.path("initial_key");
        fields.place("initial_key").report(
            Finding::error("contradiction", path, message)
                .hint("use `adopt: true` to take the secret with its key into the stack"),
        );
    }
}

/// Returns the name of the secret that a full ARN names.
fn name_in(arn: &Arn) -> &str {
    let [_, _, _, _, resource] = arn.parts();
    let name = resource.strip_prefix("secret:").unwrap_or_default();
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}

/// Reports settings that contradict a secret that exists already, with the key of a user.
fn check_adopted(key: &AccessKey, fields: &Fields<'_>) {
    let refuse = |field: &str, message: String, hint: &str| {
        let finding = Finding::error("contradiction", fields.path(field), message);
        fields.place(field).report(finding.hint(hint));
    };
    if key.create_user {
        let message = format!(
            "the stack creates `{}`, so no secret can contain a key of the user",
            key.user
        );
        refuse("create_user", message, "remove `create_user` or `adopt`");
    }
    if key.initial_key != InitialKey::Create {
        let message = "an adopted secret contains its first key already".to_owned();
        refuse("initial_key", message, "remove `initial_key` or `adopt`");
    }
}

/// Reports a key that can be active for longer than `max_key_age`.
///
/// Source: CIS Amazon Web Services Foundations Benchmark, 1.14 ("Ensure access keys are rotated
/// every 90 days or less"), which looks at the age of active keys.
fn check_age(entry: &Entry, limit: Duration, field: &Field<'_>) {
    let Entry {
        schedule,
        window,
        old_key,
        ..
    } = entry;
    let age = key_age::longest_active(schedule, *window, *old_key);
    if age <= limit {
        return;
    }
    let message = format!(
        "a key can be active for {} under this schedule and old_key, which is more than {limit}",
        key_age::days_and_hours(age)
    );
    let hint = match key_age::slowest_schedule(limit, *window, *old_key) {
        Some(schedule) => format!("use `schedule: {schedule}`, or rotate more often"),
        None => "no schedule satisfies this; raise max_key_age".to_owned(),
    };
    field.report(Finding::error("key-age", field.path(), message).hint(hint));
}

fn read_secret(
    fields: &Fields<'_>,
    stack: Option<&StackName>,
    user: Option<&UserName>,
) -> Option<SecretName> {
    if let Some(field) = fields.get("secret") {
        return field.parse("invalid-name", SecretName::parse);
    }
    let derived = SecretName::parse(&format!("{}/{}", stack?, user?));
    derived
        .map_err(|why| {
            let message = format!("by default it is STACK/USER: {why}");
            fields.at().report(
                Finding::error("invalid-name", fields.path("secret"), message)
                    .hint("specify another name with `secret:`"),
            );
        })
        .ok()
}

fn read_kind(fields: &Fields<'_>, user: Option<UserName>) -> Option<AccessKey> {
    let path = fields.value("path", |field| field.parse("invalid-name", IamPath::parse));
    let create_user = fields.value("create_user", |field| field.boolean());
    let initial_key = fields.value("initial_key", |field| {
        field.parse("invalid-value", parse_initial_key)
    });
    let probe = read_probe(fields);
    let max_key_age = read_max_key_age(fields);
    let smtp = read_smtp(fields);
    let key = AccessKey {
        user: user?,
        path: path?,
        create_user: create_user?,
        initial_key: initial_key?,
        probe: probe?,
        max_key_age: max_key_age?,
        smtp: smtp?,
    };
    if key.create_user && key.initial_key != InitialKey::Create {
        let message = format!(
            "the stack creates `{}`, so there is no key to adopt",
            key.user
        );
        fields.at().refuse("contradiction", message);
    }
    Some(key)
}

/// Reads the Regions of SMTP passwords, in their order.
fn read_smtp(fields: &Fields<'_>) -> Option<Vec<Region>> {
    let regions = fields.optional("smtp", |field| {
        let mut regions: Vec<Region> = Vec::new();
        let mut is_complete = true;
        for item in field.list()? {
            match item.parse("invalid-name", Region::parse) {
                Some(region) if regions.contains(&region) => {
                    let message = format!("the Region {region} is already in the list");
                    item.refuse("contradiction", message);
                }
                Some(region) => regions.push(region),
                None => is_complete = false,
            }
        }
        is_complete.then_some(regions)
    })?;
    Some(regions.unwrap_or_default())
}

/// Refuses a name of a field that an SMTP password would overwrite, or that the function would
/// remove as the password for another Region.
fn check_smtp(entry: &Entry, key: &AccessKey, fields: &Fields<'_>) {
    let regions: Vec<String> = key.smtp.iter().map(ToString::to_string).collect();
    let names = OF_ACCESS_KEYS
        .into_iter()
        .flat_map(|it| entry.fields.all(it));
    for name in names.filter(|name| smtp::owns(name, &regions)) {
        let message = format!("with `smtp`, the function overwrites or removes the field `{name}`");
        fields.place("smtp").report(
            Finding::error("contradiction", fields.path("smtp"), message)
                .hint("choose another name in `fields`"),
        );
    }
}

fn parse_initial_key(text: &str) -> Result<InitialKey, String> {
    match text.split_once(':') {
        None if text == "create" => Ok(InitialKey::Create),
        Some(("profile", name)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok(InitialKey::Profile(name.to_owned()))
        }
        Some(("secret", secret)) if secret.starts_with("arn:") => {
            let arn = parse_secret_arn(secret)?;
            Ok(InitialKey::Secret(SecretReference::Arn(arn)))
        }
        Some(("secret", name)) => {
            let name = ReferencedName::parse(name)?;
            Ok(InitialKey::Secret(SecretReference::Name(name)))
        }
        _ => Err(format!(
            "expected create, profile:NAME, or secret:NAME, found `{text}`"
        )),
    }
}
