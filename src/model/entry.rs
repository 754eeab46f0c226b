//! The entries of a manifest, and the defaults they share.

use std::collections::BTreeMap;

use super::fields::{ACCESS_KEY, Fields};
use super::reader::Field;
use super::{
    AccessKey, AccountId, Arn, Duration, Finding, InitialKey, KmsKey, OldKey, Probe, Region,
    RotateAs, Schedule, SecretName, SecretReference, StackName, UserName, old_key, probe,
};

/// The longest value of a tag (`API_Tag`).
const MAX_TAG: usize = 256;
/// The window where the manifest names none, if the schedule has room for it.
const DEFAULT_WINDOW: Duration = Duration::seconds(3 * 3_600);

/// Reads the entries, each beside the place it stands at, and reports what stands
/// twice.
pub(super) fn read_access_keys<'doc>(
    root: &Fields<'doc>,
    defaults: Option<&'doc Fields<'doc>>,
    stack: Option<&StackName>,
    secrets: &mut BTreeMap<String, usize>,
) -> Vec<(AccessKey, Field<'doc>)> {
    let items = root.get("access_keys").and_then(|field| field.list());
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(fields) = Fields::of(&item, &ACCESS_KEY) else {
            continue;
        };
        let fields = fields.or_in(defaults);
        let names = read_names(&fields, stack);
        // IAM keeps users' names unique without regard to case.
        let user = fields.place("user");
        if let Some(name) = &names.user
            && let Some(line) = users.insert(name.as_str().to_lowercase(), user.line())
        {
            let message = format!("the user `{name}` is already on line {line}");
            user.report(Finding::error("duplicate-user", user.path(), message).hint(
                "use one entry per user, because a user has two key slots, and rotation needs both",
            ));
        }
        if let Some(name) = &names.secret {
            report_twice(secrets, name, &fields.place("secret"));
        }
        if let Some(entry) = read_access_key(&fields, names) {
            entries.push((entry, item));
        }
    }
    entries
}

/// Reports a secret that another entry has too.
pub(super) fn report_twice(
    secrets: &mut BTreeMap<String, usize>,
    name: &SecretName,
    at: &Field<'_>,
) {
    if let Some(line) = secrets.insert(name.as_str().to_owned(), at.line()) {
        let message = format!("the secret `{name}` is already on line {line}");
        at.report(
            Finding::error("duplicate-secret", at.path(), message)
                .hint("use a separate secret for each user"),
        );
    }
}

/// The two names that an entry is known by.
struct Names {
    user: Option<UserName>,
    secret: Option<SecretName>,
}

fn read_names(entry: &Fields<'_>, stack: Option<&StackName>) -> Names {
    let user = entry
        .require("user")
        .and_then(|field| field.parse("invalid-name", UserName::parse));
    let secret = match entry.get("secret") {
        Some(field) => field.parse("invalid-name", SecretName::parse),
        None => stack.zip(user.as_ref()).and_then(|(stack, user)| {
            let derived = SecretName::parse(&format!("{stack}/{user}"));
            derived
                .map_err(|why| {
                    entry.at().report(
                        Finding::error(
                            "invalid-name",
                            entry.path("secret"),
                            format!("by default it is STACK/USER: {why}"),
                        )
                        .hint("specify another name with `secret:`"),
                    );
                })
                .ok()
        }),
    };
    Names { user, secret }
}

fn read_access_key(entry: &Fields<'_>, names: Names) -> Option<AccessKey> {
    let create_user = entry.value("create_user", |field| field.boolean());
    let initial_key = entry.value("initial_key", |field| {
        field.parse("invalid-value", parse_initial_key)
    });
    let settings = read_settings(entry);
    let calls = read_calls(entry);
    let (settings, calls) = settings.zip(calls)?;
    if let Some(field) = entry.get("old_key") {
        old_key::check_interval(settings.old_key, &settings.schedule, &field);
    }
    let (user, secret, create_user) = (names.user?, names.secret?, create_user?);
    let initial_key = initial_key?;
    if create_user && initial_key != InitialKey::Create {
        entry.at().refuse(
            "contradiction",
            format!("the stack creates `{user}`, so there is no key to adopt from a profile"),
        );
    }
    if let RotateAs::Administrator(SecretReference::Name(name)) = &calls.rotate_as
        && *name == secret
    {
        entry.at().report(
            Finding::error(
                "contradiction",
                entry.path("rotate_as"),
                format!("the secret `{secret}` cannot be the administrator's secret for itself"),
            )
            .hint("use `rotate_as: self` to rotate with the user's own key"),
        );
    }
    Some(AccessKey {
        place: entry.at().path().to_owned(),
        user,
        secret,
        create_user,
        initial_key,
        schedule: settings.schedule,
        window: settings.window,
        rotate_as: calls.rotate_as,
        kms_key: settings.kms_key,
        old_key: settings.old_key,
        probe: calls.probe,
        readers: settings.readers,
    })
}

/// The settings that may stand in `defaults` and on an entry of either kind.
pub(super) struct Settings {
    pub(super) schedule: Schedule,
    pub(super) window: Option<Duration>,
    pub(super) kms_key: KmsKey,
    pub(super) old_key: OldKey,
    pub(super) readers: Vec<Arn>,
}

/// The settings that may stand in `defaults` and mean an access key.
pub(super) struct Calls {
    rotate_as: RotateAs,
    probe: Option<Probe>,
}

/// Reads them from an entry or from the defaults.
pub(super) fn read_calls(fields: &Fields<'_>) -> Option<Calls> {
    let rotate_as = fields.value("rotate_as", |field| {
        field.parse("invalid-value", parse_rotate_as)
    });
    let probe = fields.get("probe");
    let probe = probe.map_or(Some(None), |field| probe::read(&field));
    Some(Calls {
        rotate_as: rotate_as?,
        probe: probe?,
    })
}

/// Reads them from an entry or from the defaults.
pub(super) fn read_settings(fields: &Fields<'_>) -> Option<Settings> {
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
    let readers = fields.optional("readers", |field| {
        let items = field.list()?;
        let read = |item: &Field<'_>| item.parse("invalid-value", parse_reader);
        items.iter().map(read).collect()
    });
    Some(Settings {
        schedule: schedule?,
        window,
        kms_key: kms_key?,
        old_key: old_key?,
        readers: readers?.unwrap_or_default(),
    })
}

fn parse_initial_key(text: &str) -> Result<InitialKey, String> {
    match text.split_once(':') {
        None if text == "create" => Ok(InitialKey::Create),
        Some(("profile", name)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok(InitialKey::Profile(name.to_owned()))
        }
        _ => Err(format!("expected create or profile:NAME, found `{text}`")),
    }
}

pub(super) fn parse_rotate_as(text: &str) -> Result<RotateAs, String> {
    match text {
        "self" => Ok(RotateAs::Itself),
        "role" => Ok(RotateAs::Role),
        _ => parse_administrator(text)
            .map(RotateAs::Administrator)
            .map_err(
                |why| match text.starts_with("arn:") || text.len() > MAX_TAG {
                    true => why,
                    false => format!("expected self, role, or an administrator's secret: {why}"),
                },
            ),
    }
}

/// Reads the name or full ARN of an administrator's secret.
pub(super) fn parse_administrator(text: &str) -> Result<SecretReference, String> {
    match text {
        _ if text.starts_with("arn:") => parse_secret_arn(text).map(SecretReference::Arn),
        // The function compares it with a tag of the secret.
        _ if text.len() > MAX_TAG => Err(format!(
            "the name of an administrator's secret can have at most {MAX_TAG} characters"
        )),
        _ => SecretName::parse(text).map(SecretReference::Name),
    }
}

/// Reads the full ARN of a secret. A partial one names another secret as soon as one
/// is made whose name begins alike; only the full one, with its suffix, is exact.
pub(super) fn parse_secret_arn(text: &str) -> Result<Arn, String> {
    let arn = Arn::parse(text)?;
    let [_, service, _, _, resource] = arn.parts();
    let full = resource
        .strip_prefix("secret:")
        .and_then(|name| name.rsplit_once('-'))
        .is_some_and(|(_, suffix)| suffix.len() == 6);
    if service != "secretsmanager" || !full {
        return Err(format!("`{text}` is not the complete ARN of a secret"));
    }
    Ok(arn)
}

pub(super) fn parse_kms_key(text: &str) -> Result<KmsKey, String> {
    match text {
        "aws/secretsmanager" => Ok(KmsKey::AwsManaged),
        "create" => Ok(KmsKey::Create),
        _ => {
            let refused = || {
                format!(
                    "expected aws/secretsmanager, create, or the ARN of a KMS key, found `{text}`"
                )
            };
            let arn = Arn::parse(text).map_err(|_| refused())?;
            let [_, service, _, _, resource] = arn.parts();
            if service == "kms" && resource.starts_with("key/") {
                Ok(KmsKey::Existing(arn))
            } else {
                Err(refused())
            }
        }
    }
}

fn parse_reader(text: &str) -> Result<Arn, String> {
    let refused =
        || format!("`{text}` is not the ARN of an IAM role, a user, or an account's root");
    let arn = Arn::parse(text).map_err(|_| refused())?;
    let [_, service, _, account, resource] = arn.parts();
    AccountId::parse(account).map_err(|_| refused())?;
    let principal =
        resource == "root" || resource.starts_with("role/") || resource.starts_with("user/");
    if service == "iam" && principal && !text.contains(['*', '?', '$']) {
        Ok(arn)
    } else {
        Err(refused())
    }
}

/// Returns the ARNs that an entry of either kind names, each with its setting.
pub(super) fn arns<'entry>(
    key: &'entry KmsKey,
    readers: &'entry [Arn],
    administrator: Option<&'entry SecretReference>,
) -> impl Iterator<Item = (&'static str, &'entry Arn)> {
    let key = match key {
        KmsKey::Existing(arn) => Some(arn),
        _ => None,
    };
    let administrator = match administrator {
        Some(SecretReference::Arn(arn)) => Some(arn),
        _ => None,
    };
    let readers = readers.iter().map(|arn| ("readers", arn));
    let key = key.into_iter().map(|arn| ("kms_key", arn));
    let administrator = administrator.into_iter().map(|arn| ("rotate_as", arn));
    key.chain(readers).chain(administrator)
}

/// An ARN of another partition is nothing in this one: no policy can name it
/// (`reference-arns`).
pub(super) fn check_partitions<'arn>(
    arns: impl IntoIterator<Item = (&'static str, &'arn Arn)>,
    region: Option<&Region>,
    at: &Field<'_>,
) {
    let Some(region) = region else { return };
    for (setting, arn) in arns {
        let partition = arn.parts()[0];
        if partition != region.partition() {
            let message = format!(
                "`{arn}` is in the partition {partition}, but {region} is in {}",
                region.partition()
            );
            let path = format!("{}.{setting}", at.path());
            at.report(Finding::error("contradiction", path, message));
        }
    }
}

/// A KMS key serves secrets of its own Region only (`API_CreateSecret`).
pub(super) fn check_regions(key: &KmsKey, region: Option<&Region>, at: &Field<'_>) {
    if let (KmsKey::Existing(arn), Some(region)) = (key, region)
        && arn.parts()[2] != region.as_str()
    {
        at.report(Finding::error(
            "contradiction",
            format!("{}.kms_key", at.path()),
            format!(
                "the KMS key is in {}, but the secret is in {region}",
                arn.parts()[2]
            ),
        ));
    }
}
