//! The manifest: YAML text to a checked [`Model`], or all that is wrong with it.

use std::collections::BTreeMap;

use super::database::{network, read as database};
use super::document::{self, Entry, Node, Value};
use super::entry;
use super::exception;
use super::reader::{Field, Findings, Mapping, nearest};
use super::{
    AccountId, Alarms, Architecture, Arn, BucketName, ChangeAs, Duration, Finding, Function,
    IamPath, Model, Region, RotateAs, StackName,
};

/// What may stand at the top.
pub(super) const ROOT_KEYS: &[&str] = &[
    "version",
    "stack",
    "account",
    "region",
    "tags",
    "permissions_boundary",
    "role_path",
    "exceptions",
    "defaults",
    "function",
    "alarms",
    "access_keys",
    "databases",
    "network",
    "environments",
];
pub(super) const FUNCTION_KEYS: &[&str] = &[
    "architecture",
    "memory",
    "timeout",
    "log_retention",
    "artifact_bucket",
];
pub(super) const ALARM_KEYS: &[&str] = &["email"];
/// What CloudWatch Logs accepts, in days (`API_PutRetentionPolicy`).
pub(super) const LOG_RETENTIONS: [u64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];
/// Fifty tags a resource, less those of keyrota's own: six that stay on a secret
/// and three that come and go.
const MAX_TAGS: usize = 41;
/// The same with databases, on whose secrets ten of keyrota's own stay.
const MAX_TAGS_WITH_DATABASES: usize = 37;

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
            format!(
                "the environment `{chosen}` does not exist, because the manifest has no environments"
            ),
            format!("add `environments: {{ {chosen}: {{ … }} }}`, or omit --environment"),
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
                None => format!("known environments: {}", names.join(", ")),
            };
            refused(format!("the environment `{chosen}` does not exist"), hint);
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
            _ => Err(format!("version `{text}` is not supported; use version 1")),
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
    let boundary = root.get("permissions_boundary");
    let permissions_boundary =
        boundary.map(|field| read_boundary(&field, account.as_ref(), region.as_ref()));
    let role_path = root
        .get("role_path")
        .map(|field| field.parse("invalid-name", IamPath::parse));
    let exceptions = root.get("exceptions");
    let exceptions = exceptions.map_or_else(Vec::new, |field| exception::read(&field));
    let defaults = root
        .get("defaults")
        .and_then(|field| field.mapping(entry::DEFAULT_KEYS));
    if let Some(defaults) = &defaults {
        entry::read_settings(defaults, None);
        entry::read_calls(defaults, None);
    }
    let function = read_function(root.get("function"));
    let alarms = read_alarms(root.get("alarms"));
    let mut secrets = BTreeMap::new();
    let access_keys =
        entry::read_access_keys(root, defaults.as_ref(), stack.as_ref(), &mut secrets);
    let databases = database::read(root, defaults.as_ref(), &mut secrets);
    let network = root.get("network");
    check_entries(root, network.as_ref());
    let network = network::read(network.as_ref());
    for (held, at) in &access_keys {
        entry::check_regions(&held.kms_key, region.as_ref(), at);
        let administrator = match &held.rotate_as {
            RotateAs::Administrator(secret) => Some(secret),
            _ => None,
        };
        let arns = entry::arns(&held.kms_key, &held.readers, administrator);
        let probe = held.probe.iter().map(|probe| ("probe", probe.arn()));
        entry::check_partitions(arns.chain(probe), region.as_ref(), at);
    }
    for (held, at) in &databases {
        entry::check_regions(&held.kms_key, region.as_ref(), at);
        let administrator = match &held.rotate_as {
            ChangeAs::Administrator(secret) => Some(secret),
            ChangeAs::Itself => None,
        };
        let arns = entry::arns(&held.kms_key, &held.readers, administrator);
        entry::check_partitions(arns, region.as_ref(), at);
    }
    let stack = stack?;
    Some(Model {
        fleet: stack.clone(),
        stack,
        account,
        region,
        tags: tags.unwrap_or_default(),
        permissions_boundary: match permissions_boundary {
            Some(boundary) => Some(boundary?),
            None => None,
        },
        role_path: match role_path {
            Some(path) => Some(path?),
            None => None,
        },
        exceptions,
        function: function?,
        alarms,
        access_keys: access_keys.into_iter().map(|(entry, _)| entry).collect(),
        databases: databases.into_iter().map(|(entry, _)| entry).collect(),
        network,
    })
}

/// Refuses a manifest without entries, and says what only databases have a use for.
fn check_entries(root: &Mapping<'_>, network: Option<&Field<'_>>) {
    let any = |key: &str| {
        let list = root.get(key).filter(Field::is_list)?.list()?;
        (!list.is_empty()).then_some(())
    };
    let given = |key: &str| root.get(key).is_some_and(|field| !field.is_list());
    let databases = any("databases").is_some();
    // What is no list was told as such.
    if any("access_keys").is_none() && !databases && !given("access_keys") && !given("databases") {
        root.at().refuse(
            "missing",
            "at least one entry under `access_keys` or `databases` is required",
        );
    }
    if databases && let Some(field) = root.get("tags") {
        let count = field.count();
        if (MAX_TAGS_WITH_DATABASES + 1..=MAX_TAGS).contains(&count) {
            field.refuse(
                "invalid-tag",
                format!(
                    "{count} tags, but a manifest with databases can have at most {MAX_TAGS_WITH_DATABASES} in addition to keyrota's own"
                ),
            );
        }
    }
    if let (Some(field), false) = (network, databases)
        && field.any_mapping().is_some_and(|mapping| {
            mapping
                .fields()
                .any(|(_, field, _)| field.is_list() && field.count() > 0)
        })
    {
        field.report(Finding::warning(
            "unused-network",
            field.path(),
            "`network` applies only to the database function, and there are no databases",
        ));
    }
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
                "{} tags, but a manifest can have at most {MAX_TAGS} in addition to keyrota's own",
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
            "a tag's key must have 1 to 128 characters and its value at most 256, but this one has {count}"
        ));
    }
    let accepted = |one: char| one.is_alphanumeric() || " _.:/=+-@".contains(one);
    match text.chars().find(|one| !accepted(*one)) {
        Some(one) => Err(format!(
            "a tag cannot contain {one:?}; use letters, digits, spaces, and _ . : / = + - @"
        )),
        None => Ok(()),
    }
}

/// Reads the ARN of a policy that this account can use: its own, or AWS's.
fn read_boundary(
    field: &Field<'_>,
    account: Option<&AccountId>,
    region: Option<&Region>,
) -> Option<Arn> {
    let arn = field.parse("invalid-value", |text| {
        let refused = || format!("`{text}` is not the ARN of an IAM policy");
        let arn = Arn::parse(text).map_err(|_| refused())?;
        let [_, service, no_region, owner, resource] = arn.parts();
        let owned = owner == "aws" || AccountId::parse(owner).is_ok();
        let named = resource
            .strip_prefix("policy/")
            .is_some_and(|name| !name.is_empty() && !name.ends_with('/'));
        let exact = !text.contains(['*', '?', '$']);
        match service == "iam" && no_region.is_empty() && owned && named && exact {
            true => Ok(arn),
            false => Err(refused()),
        }
    })?;
    let [partition, _, _, owner, _] = arn.parts();
    if let Some(account) = account
        && owner != "aws"
        && owner != account.as_str()
    {
        let message = format!(
            "the policy belongs to account {owner}, but a permissions boundary must belong to the stack's account {account}, or be an AWS managed policy"
        );
        field.refuse("contradiction", message);
    }
    if let Some(region) = region
        && partition != region.partition()
    {
        let message = format!(
            "the policy is in the partition {partition}, but {region} is in {}",
            region.partition()
        );
        field.refuse("contradiction", message);
    }
    Some(arn)
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
                    "the timeout must be 10s to 15m, not {timeout}, because a new key can take 15s to propagate"
                )),
            })
        })
    });
    let log_retention = get("log_retention").map_or(Some(30), |field| {
        field.parse("invalid-duration", |text| {
            let days = Duration::parse(text)?.as_days().filter(|days| LOG_RETENTIONS.contains(days));
            days.and_then(|days| u32::try_from(days).ok())
                .ok_or_else(|| format!("CloudWatch Logs supports 1d, 3d, 5d, 7d, 14d, 30d, 60d, 90d … 3653d, not {text}"))
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
        .and_then(|field| field.mapping(ALARM_KEYS))
        .and_then(|mapping| mapping.get("email"))
        .and_then(|field| field.list())
        .unwrap_or_default();
    let mut email: Vec<String> = Vec::new();
    for field in addresses {
        let address = field.parse("invalid-value", parse_address);
        email.extend(address.filter(|address| !email.contains(address)));
    }
    Alarms { email }
}

/// Checks an e-mail address.
///
/// # Errors
///
/// Returns that it is none.
pub fn parse_address(text: &str) -> Result<String, String> {
    match text.split_once('@') {
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
    }
}
