//! The manifest: YAML text to a checked [`Model`], or all that is wrong with it.

use std::collections::BTreeMap;

use super::document::{self, Entry, Node, Value};
use super::reader::{Field, Findings, Mapping, nearest};
use super::{
    AccessKey, AccountId, Alarms, Architecture, Arn, BucketName, Duration, Finding, Function,
    InitialKey, KmsKey, Model, OldKey, Region, RotateAs, Schedule, SecretName, SecretReference,
    StackName, UserName,
};

const ROOT_KEYS: &[&str] = &[
    "version",
    "stack",
    "account",
    "region",
    "tags",
    "defaults",
    "function",
    "alarms",
    "access_keys",
    "databases",
    "network",
    "environments",
];
const DEFAULT_KEYS: &[&str] = &[
    "schedule",
    "window",
    "rotate_as",
    "kms_key",
    "old_key",
    "readers",
];
const ACCESS_KEY_KEYS: &[&str] = &[
    "user",
    "secret",
    "create_user",
    "initial_key",
    "schedule",
    "window",
    "rotate_as",
    "kms_key",
    "old_key",
    "readers",
];
const FUNCTION_KEYS: &[&str] = &[
    "architecture",
    "memory",
    "timeout",
    "log_retention",
    "artifact_bucket",
];
const DEFAULT_SCHEDULE: &str = "rate(30 days)";
/// The window where the manifest names none, if the schedule has room for it.
const DEFAULT_WINDOW: Duration = Duration::seconds(3 * 3_600);
/// What CloudWatch Logs accepts, in days (`API_PutRetentionPolicy`).
const LOG_RETENTIONS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Fifty tags a resource, less those of keyrota's own.
const MAX_TAGS: usize = 45;

/// A manifest that was accepted, with what is worth knowing about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub model: Model,
    /// Findings that refuse nothing.
    pub warnings: Vec<Finding>,
}

/// Reads a manifest, with the environment's part laid over the rest.
///
/// # Errors
///
/// Returns every finding, warnings included, in the order of the lines.
pub fn load(text: &str, environment: Option<&str>) -> Result<Loaded, Vec<Finding>> {
    let root = document::parse(text).map_err(|finding| vec![finding])?;
    let findings = Findings::default();
    let root = with_environment(root, environment, &findings);
    let model = Field::root(&root, &findings)
        .mapping(ROOT_KEYS)
        .and_then(|root| read_root(&root));
    let found = findings.into_sorted();
    match model {
        Some(model) if !found.iter().any(Finding::is_error) => Ok(Loaded {
            model,
            warnings: found,
        }),
        _ => Err(found),
    }
}

/// Takes `environments` out and lays the chosen one over the rest.
fn with_environment(mut root: Node, chosen: Option<&str>, findings: &Findings) -> Node {
    let environments = match &mut root.value {
        Value::Mapping(entries) => take(entries, "environments"),
        _ => None,
    };
    let Some(chosen) = chosen else {
        if let Some(entry) = &environments
            && !entry.node.is_null()
        {
            Field::root(&entry.node, findings).any_mapping();
        }
        return root;
    };
    let line = environments.as_ref().map_or(root.line, |entry| entry.line);
    let refused = |message: String, hint: String| {
        let finding = Finding::error("unknown-environment", "environments", message);
        findings.add(finding.at(line).hint(hint));
    };
    let Some(Value::Mapping(mut entries)) = environments.map(|entry| entry.node.value) else {
        refused(
            format!("the manifest has no environments, and `{chosen}` was asked for"),
            format!("add `environments: {{ {chosen}: {{ … }} }}`, or leave --environment out"),
        );
        return root;
    };
    let names: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    match take(&mut entries, chosen) {
        Some(entry) if entry.node.is_null() => root,
        Some(entry) => root.merged(entry.node),
        None => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let hint = match nearest(chosen, &names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("there are: {}", names.join(", ")),
            };
            refused(format!("there is no environment `{chosen}`"), hint);
            root
        }
    }
}

fn take(entries: &mut Vec<Entry>, key: &str) -> Option<Entry> {
    let index = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(index))
}

fn read_root(root: &Mapping<'_>) -> Option<Model> {
    if let Some(version) = root.require("version") {
        version.parse("unsupported-version", |text| match text {
            "1" => Ok(()),
            _ => Err(format!("version `{text}` is not known; this is version 1")),
        });
    }
    let stack = root
        .require("stack")
        .and_then(|field| field.parse("invalid-name", StackName::parse));
    let account = root
        .get("account")
        .and_then(|field| field.parse("invalid-name", AccountId::parse));
    let region = root
        .get("region")
        .and_then(|field| field.parse("invalid-name", Region::parse));
    let tags = root.get("tags").map(|field| read_tags(&field));
    let defaults = root
        .get("defaults")
        .and_then(|field| field.mapping(DEFAULT_KEYS));
    if let Some(defaults) = &defaults {
        read_settings(defaults, None);
    }
    let function = read_function(root.get("function"));
    let alarms = read_alarms(root.get("alarms"));
    refuse_databases(root);
    let access_keys = read_access_keys(root, defaults.as_ref(), stack.as_ref())?;
    for (entry, at) in &access_keys {
        check_regions(entry, region.as_ref(), at);
    }
    Some(Model {
        stack: stack?,
        account,
        region,
        tags: tags.unwrap_or_default(),
        function: function?,
        alarms,
        access_keys: access_keys.into_iter().map(|(entry, _)| entry).collect(),
    })
}

fn read_access_keys<'doc>(
    root: &Mapping<'doc>,
    defaults: Option<&Mapping<'doc>>,
    stack: Option<&StackName>,
) -> Option<Vec<(AccessKey, Field<'doc>)>> {
    let items = root.get("access_keys").and_then(|field| field.list());
    let items = items.unwrap_or_default();
    if items.is_empty() && root.get("databases").is_none() {
        root.at().refuse(
            "missing",
            "at least one entry under `access_keys` is required",
        );
        return None;
    }
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    let mut secrets: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries = Vec::new();
    for item in items {
        let Some(mapping) = item.mapping(ACCESS_KEY_KEYS) else {
            continue;
        };
        let Some(entry) = read_access_key(&mapping, defaults, stack) else {
            continue;
        };
        let place = |key: &str| mapping.get(key).unwrap_or_else(|| item.clone());
        // IAM keeps users' names unique without regard to case.
        let user = place("user");
        if let Some(line) = users.insert(entry.user.as_str().to_lowercase(), user.line()) {
            let message = format!("the user `{}` stands on line {line} too", entry.user);
            user.report(
                Finding::error("duplicate-user", user.path(), message)
                    .hint("a user has two key slots, and rotation needs both: one entry a user"),
            );
        }
        let secret = place("secret");
        if let Some(line) = secrets.insert(entry.secret.as_str().to_owned(), secret.line()) {
            let message = format!("the secret `{}` stands on line {line} too", entry.secret);
            secret.report(
                Finding::error("duplicate-secret", secret.path(), message)
                    .hint("give each user a secret of its own"),
            );
        }
        entries.push((entry, item));
    }
    Some(entries)
}

fn read_access_key(
    entry: &Mapping<'_>,
    defaults: Option<&Mapping<'_>>,
    stack: Option<&StackName>,
) -> Option<AccessKey> {
    let user = entry
        .require("user")
        .and_then(|field| field.parse("invalid-name", UserName::parse));
    let secret = match entry.get("secret") {
        Some(field) => field.parse("invalid-name", SecretName::parse),
        None => stack.zip(user.as_ref()).and_then(|(stack, user)| {
            let derived = SecretName::parse(&format!("{stack}/{user}"));
            derived
                .map_err(|why| {
                    let path = format!("{}.secret", entry.at().path());
                    entry.at().report(
                        Finding::error(
                            "invalid-name",
                            path,
                            format!("by default it is STACK/USER: {why}"),
                        )
                        .hint("name the secret with `secret:`"),
                    );
                })
                .ok()
        }),
    };
    let create_user = entry
        .get("create_user")
        .map_or(Some(false), |field| field.boolean());
    let initial_key = entry
        .get("initial_key")
        .map_or(Some(InitialKey::Create), |field| {
            field.parse("invalid-value", parse_initial_key)
        });
    let settings = read_settings(entry, defaults)?;
    let (user, secret, create_user) = (user?, secret?, create_user?);
    let initial_key = initial_key?;
    if create_user && initial_key != InitialKey::Create {
        entry.at().refuse(
            "contradiction",
            format!("`{user}` is made by the stack, so there is no key to adopt from a profile"),
        );
    }
    if let RotateAs::Administrator(SecretReference::Name(name)) = &settings.rotate_as
        && *name == secret
    {
        entry.at().report(
            Finding::error(
                "contradiction",
                format!("{}.rotate_as", entry.at().path()),
                format!("the secret `{secret}` cannot be its own administrator's"),
            )
            .hint("`rotate_as: self` rotates with the user's own key"),
        );
    }
    Some(AccessKey {
        user,
        secret,
        create_user,
        initial_key,
        schedule: settings.schedule,
        window: settings.window,
        rotate_as: settings.rotate_as,
        kms_key: settings.kms_key,
        old_key: settings.old_key,
        readers: settings.readers,
    })
}

/// The settings that may stand in `defaults` and on an entry.
struct Settings {
    schedule: Schedule,
    window: Option<Duration>,
    rotate_as: RotateAs,
    kms_key: KmsKey,
    old_key: OldKey,
    readers: Vec<Arn>,
}

/// Reads them from the entry, else from the defaults, else as documented.
fn read_settings(entry: &Mapping<'_>, defaults: Option<&Mapping<'_>>) -> Option<Settings> {
    let find = |key: &str| {
        entry
            .get(key)
            .or_else(|| defaults.and_then(|defaults| defaults.get(key)))
    };
    let schedule = match find("schedule") {
        Some(field) => field.parse("invalid-schedule", Schedule::parse),
        None => Schedule::parse(DEFAULT_SCHEDULE).ok(),
    };
    let window = match find("window") {
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
    let rotate_as = find("rotate_as").map_or(Some(RotateAs::Itself), |field| {
        field.parse("invalid-value", parse_rotate_as)
    });
    let kms_key = find("kms_key").map_or(Some(KmsKey::AwsManaged), |field| {
        field.parse("invalid-value", parse_kms_key)
    });
    let old_key = find("old_key").map_or(Some(OldKey::UntilNextRotation), |field| {
        read_old_key(&field)
    });
    let readers = find("readers").map_or(Some(Vec::new()), |field| {
        let items = field.list()?;
        let read = |item: &Field<'_>| item.parse("invalid-value", parse_reader);
        items.iter().map(read).collect()
    });
    Some(Settings {
        schedule: schedule?,
        window,
        rotate_as: rotate_as?,
        kms_key: kms_key?,
        old_key: old_key?,
        readers: readers?,
    })
}

fn parse_initial_key(text: &str) -> Result<InitialKey, String> {
    match text.split_once(':') {
        None if text == "create" => Ok(InitialKey::Create),
        Some(("profile", name)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok(InitialKey::Profile(name.to_owned()))
        }
        _ => Err(format!("`{text}` is neither create nor profile:NAME")),
    }
}

fn parse_rotate_as(text: &str) -> Result<RotateAs, String> {
    match text {
        "self" => Ok(RotateAs::Itself),
        "role" => Ok(RotateAs::Role),
        _ if text.starts_with("arn:") => {
            let arn = Arn::parse(text)?;
            let [_, service, _, _, resource] = arn.parts();
            // A partial ARN names another secret as soon as one is made whose
            // name begins alike; only the full one, with its suffix, is exact.
            let full = resource
                .strip_prefix("secret:")
                .and_then(|name| name.rsplit_once('-'))
                .is_some_and(|(_, suffix)| suffix.len() == 6);
            if service != "secretsmanager" || !full {
                return Err(format!("`{text}` is not the full ARN of a secret"));
            }
            Ok(RotateAs::Administrator(SecretReference::Arn(arn)))
        }
        // The function compares it with a tag of the secret, and a tag holds 256 characters.
        _ if text.len() > 256 => {
            Err("an administrator's secret's name has at most 256 characters here".to_owned())
        }
        _ => SecretName::parse(text)
            .map(|name| RotateAs::Administrator(SecretReference::Name(name)))
            .map_err(|why| format!("neither self, role nor an administrator's secret: {why}")),
    }
}

fn parse_kms_key(text: &str) -> Result<KmsKey, String> {
    match text {
        "aws/secretsmanager" => Ok(KmsKey::AwsManaged),
        "create" => Ok(KmsKey::Create),
        _ => {
            let refused = || {
                format!("`{text}` is neither aws/secretsmanager, create nor the ARN of a KMS key")
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
        || format!("`{text}` is not the ARN of an IAM role or user, or of an account's root");
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

fn read_old_key(field: &Field<'_>) -> Option<OldKey> {
    if !field.is_mapping() {
        return field.parse("invalid-value", |text| match text {
            "until_next_rotation" => Ok(OldKey::UntilNextRotation),
            _ => Err(format!(
                "`{text}` is neither until_next_rotation nor {{ deactivate_after: …, delete_after: … }}"
            )),
        });
    }
    let mapping = field.mapping(&["deactivate_after", "delete_after"])?;
    let read = |key: &str| {
        mapping
            .get(key)
            .map(|field| field.parse("invalid-duration", Duration::parse))
    };
    let (deactivate, delete) = match (read("deactivate_after"), read("delete_after")) {
        (None, None) => {
            field.refuse(
                "missing",
                "`deactivate_after` or `delete_after` is required",
            );
            return None;
        }
        (Some(deactivate), None) => (deactivate?, deactivate?),
        (None, Some(delete)) => (delete?, delete?),
        (Some(deactivate), Some(delete)) => (deactivate?, delete?),
    };
    if delete < deactivate {
        field.refuse(
            "contradiction",
            "the old key cannot be deleted before it is deactivated",
        );
    }
    field.report(Finding::warning(
        "old-key-not-timed",
        field.path(),
        "this version does not retire old keys on a timer: the old key stays active until the next rotation",
    ));
    Some(OldKey::After { deactivate, delete })
}

fn read_tags(field: &Field<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(mapping) = field.any_mapping() else {
        return tags;
    };
    for (key, field, _) in mapping.fields() {
        if let Err(why) = check_tag(key, 1, 128) {
            field.refuse("invalid-tag", why);
        }
        if key.to_lowercase().starts_with("aws:") || key.to_lowercase().starts_with("keyrota:") {
            field.refuse(
                "invalid-tag",
                format!(
                    "tags that begin with `{}` are reserved",
                    &key[..key.find(':').unwrap_or(0) + 1]
                ),
            );
        }
        let value = field.parse("invalid-tag", |text| {
            check_tag(text, 0, 256).map(|()| text.to_owned())
        });
        if let Some(value) = value {
            tags.insert(key.to_owned(), value);
        }
    }
    if tags.len() > MAX_TAGS {
        field.refuse(
            "invalid-tag",
            format!(
                "{} tags; at most {MAX_TAGS} leave room for keyrota's own",
                tags.len()
            ),
        );
    }
    tags
}

fn check_tag(text: &str, low: usize, high: usize) -> Result<(), String> {
    let count = text.chars().count();
    if !(low..=high).contains(&count) {
        return Err(format!(
            "a tag's key has 1 to 128 characters, its value at most 256; this has {count}"
        ));
    }
    let accepted = |one: char| one.is_alphanumeric() || " _.:/=+-@".contains(one);
    match text.chars().find(|one| !accepted(*one)) {
        Some(one) => Err(format!(
            "a tag cannot contain {one:?}; letters, digits, spaces and _ . : / = + - @ are accepted"
        )),
        None => Ok(()),
    }
}

fn read_function(field: Option<Field<'_>>) -> Option<Function> {
    let mapping = match &field {
        Some(field) => Some(field.mapping(FUNCTION_KEYS)?),
        None => None,
    };
    let get = |key: &str| mapping.as_ref().and_then(|mapping| mapping.get(key));
    let architecture = get("architecture").map_or(Some(Architecture::X86_64), |field| {
        field.parse("invalid-value", Architecture::parse)
    });
    let memory = get("memory").map_or(Some(128), |field| field.number(128, 10_240));
    let timeout = get("timeout").map_or(Some(Duration::seconds(60)), |field| {
        field.parse("invalid-duration", |text| {
            Duration::parse(text).and_then(|timeout| match timeout.as_seconds() {
                10..=900 => Ok(timeout),
                _ => Err(format!(
                    "a step needs 10s to 15m, not {timeout}: a new key can take 15s to work"
                )),
            })
        })
    });
    let log_retention = get("log_retention").map_or(Some(30), |field| {
        field.parse("invalid-duration", |text| {
            let days = Duration::parse(text)?.as_days().filter(|days| LOG_RETENTIONS.contains(days));
            days.and_then(|days| u32::try_from(days).ok())
                .ok_or_else(|| format!("CloudWatch Logs keeps logs 1d, 3d, 5d, 7d, 14d, 30d, 60d, 90d … 3653d, not {text}"))
        })
    });
    let artifact_bucket =
        get("artifact_bucket").map(|field| field.parse("invalid-name", BucketName::parse));
    Some(Function {
        architecture: architecture?,
        memory: memory?,
        timeout: timeout?,
        log_retention: log_retention?,
        artifact_bucket: match artifact_bucket {
            Some(bucket) => Some(bucket?),
            None => None,
        },
    })
}

fn read_alarms(field: Option<Field<'_>>) -> Alarms {
    let addresses = field
        .and_then(|field| field.mapping(&["email"]))
        .and_then(|mapping| mapping.get("email"))
        .and_then(|field| field.list())
        .unwrap_or_default();
    let mut email: Vec<String> = Vec::new();
    for field in addresses {
        let address = field.parse("invalid-value", |text| match text.split_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && domain.contains('.')
                    && text.bytes().all(|byte| byte.is_ascii_graphic())
                    && !text.contains([',', ';', '<', '>', '"', '\\']) =>
            {
                Ok(text.to_owned())
            }
            _ => Err(format!(
                "`{}` is not an e-mail address",
                text.escape_debug()
            )),
        });
        email.extend(address.filter(|address| !email.contains(address)));
    }
    Alarms { email }
}

/// Database passwords are a later strategy; until it is there, asking for it is an error.
fn refuse_databases(root: &Mapping<'_>) {
    for key in ["databases", "network"] {
        let Some(field) = root.get(key) else { continue };
        let empty = match key {
            "databases" => field.list().is_some_and(|items| items.is_empty()),
            _ => field
                .mapping(&["subnets", "security_groups"])
                .is_some_and(|mapping| {
                    mapping
                        .fields()
                        .all(|(_, field, _)| field.list().is_some_and(|items| items.is_empty()))
                }),
        };
        if !empty {
            field.refuse(
                "unsupported",
                format!("`{key}`: this version rotates access keys only"),
            );
        }
    }
}

/// A KMS key serves secrets of its own Region only (`API_CreateSecret`).
fn check_regions(entry: &AccessKey, region: Option<&Region>, at: &Field<'_>) {
    if let (KmsKey::Existing(arn), Some(region)) = (&entry.kms_key, region)
        && arn.parts()[2] != region.as_str()
    {
        at.report(Finding::error(
            "contradiction",
            format!("{}.kms_key", at.path()),
            format!(
                "the KMS key is in {}, the secret in {region}",
                arn.parts()[2]
            ),
        ));
    }
}
