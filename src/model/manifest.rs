//! Reads the manifest: YAML text to a checked [`Model`], or to all findings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use unicode_properties::UnicodeGeneralCategory as _;

use super::accounts;
use super::database::network;
use super::document::{self, KeyValue, Node, Value};
use super::encrypt;
use super::entry::{self, Files, Kind, Surroundings};
use super::exception;
use super::fields::{ENVIRONMENT, FUNCTION, Fields, MANIFEST, MAX_TAGS, MappingDefinition};
use super::notify;
use super::reader::{Field, Findings, nearest};
use super::replica;
use super::{
    AccountId, Alarms, Architecture, Arn, BucketName, Duration, Finding, Function, IamPath, Model,
    Network, Region, StackName,
};

/// [`MAX_TAGS`] with databases, whose secrets have ten permanent tags of keyrota.
pub(super) const MAX_TAGS_WITH_DATABASES: usize = 37;

/// An accepted manifest with its warnings.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// Findings that do not refuse the manifest.
    pub warnings: Vec<Finding>,
}

/// Reads a manifest, with the overrides of an environment applied if one is selected.
///
/// The environments that are not selected are checked too. Their errors are reported under
/// `environments.NAME`, except those that the selected manifest has as well.
///
/// # Errors
///
/// Returns every finding, including warnings, in the order of the lines.
pub fn load(text: &str, environment: Option<&str>) -> Result<Loaded, Vec<Finding>> {
    load_with(text, environment, &|_| {
        Err("only the text of the manifest is given".to_owned())
    })
}

/// Reads a manifest as [`load`] does, with the files that it names.
///
/// # Errors
///
/// Returns every finding, including warnings, in the order of the lines.
pub fn load_with(
    text: &str,
    environment: Option<&str>,
    files: &Files<'_>,
) -> Result<Loaded, Vec<Finding>> {
    let mut base = document::parse(text).map_err(|finding| vec![finding])?;
    let findings = Findings::default();
    let line = base.line;
    let environments = take_environments(&mut base);
    let overrides = match &environments {
        Some(entry) => read_environments(entry, &findings),
        None => &[],
    };
    let selected = environment.and_then(|name| {
        let line = environments.as_ref().map_or(line, |entry| entry.line);
        select(overrides, name, line, &findings)
    });
    let model = match selected {
        Some(entry) => read(&overridden(&base, entry), &ENVIRONMENT, &findings, files),
        None => read(&base, &MANIFEST, &findings, files),
    };
    let mut found = findings.into_sorted();
    let others = overrides
        .iter()
        .filter(|other| Some(other.key.as_str()) != environment);
    for other in others {
        let findings = Findings::default();
        read(&overridden(&base, other), &ENVIRONMENT, &findings, files);
        let mut errors = findings.into_sorted();
        errors.retain(|error| error.is_error() && !found.contains(error));
        let path = format!("environments.{}", other.key);
        found.extend(errors.into_iter().map(|error| error.under(&path)));
    }
    found.sort_by_key(|finding| finding.line);
    match model {
        Some(model) if !found.iter().any(Finding::is_error) => Ok(Loaded {
            model,
            warnings: found,
        }),
        _ => Err(found),
    }
}

/// Reads the manifest. `definition` either includes the environments or, if the overrides of one
/// are applied, excludes them.
fn read(
    root: &Node,
    definition: &'static MappingDefinition,
    findings: &Findings,
    files: &Files<'_>,
) -> Option<Model> {
    read_root(
        &Fields::of(&Field::root(root, findings), definition)?,
        files,
    )
}

/// Removes `environments` from the manifest and returns it.
fn take_environments(root: &mut Node) -> Option<KeyValue> {
    let Value::Mapping(entries) = &mut root.value else {
        return None;
    };
    let index = entries
        .iter()
        .position(|entry| entry.key == "environments")?;
    Some(entries.remove(index))
}

/// Returns the environments, and reports a value that is not a mapping.
fn read_environments<'doc>(environments: &'doc KeyValue, findings: &Findings) -> &'doc [KeyValue] {
    let node = &environments.node;
    match &node.value {
        Value::Mapping(entries) => return entries,
        _ if node.is_null() => {}
        _ => {
            let message = format!("expected a mapping, found {}", node.describe());
            let finding = Finding::error("wrong-type", "environments", message);
            findings.add(finding.at(node.line));
        }
    }
    &[]
}

/// Returns the environment with this name, and reports if there is none.
fn select<'doc>(
    environments: &'doc [KeyValue],
    name: &str,
    line: usize,
    findings: &Findings,
) -> Option<&'doc KeyValue> {
    let found = environments.iter().find(|entry| entry.key == name);
    if found.is_none() {
        let names: Vec<&str> = environments
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        let (message, hint) = match (names.is_empty(), nearest(name, &names)) {
            (true, _) => (
                format!(
                    "the environment `{name}` does not exist, because the manifest has no environments"
                ),
                format!("add `environments: {{ {name}: {{ … }} }}`, or omit --environment"),
            ),
            (false, Some(nearest)) => (
                format!("the environment `{name}` does not exist"),
                format!("did you mean `{nearest}`?"),
            ),
            (false, None) => (
                format!("the environment `{name}` does not exist"),
                format!("known environments: {}", names.join(", ")),
            ),
        };
        let finding = Finding::error("unknown-environment", "environments", message);
        findings.add(finding.at(line).hint(hint));
    }
    found
}

/// Returns the manifest with the overrides of an environment applied.
fn overridden<'doc>(base: &'doc Node, environment: &KeyValue) -> Cow<'doc, Node> {
    match environment.node.is_null() {
        true => Cow::Borrowed(base),
        false => Cow::Owned(base.clone().merged(environment.node.clone())),
    }
}

fn read_root(root: &Fields<'_>, files: &Files<'_>) -> Option<Model> {
    if let Some(version) = root.require("version") {
        version.parse("unsupported-version", |text| match text {
            "1" => Ok(()),
            _ => Err(format!("version `{text}` is not supported; use version 1")),
        });
    }
    let stack = root
        .require("stack")
        .and_then(|field| field.parse("invalid-name", StackName::parse));
    let account = root.optional("account", |field| {
        field.parse("invalid-name", AccountId::parse)
    });
    let region = root.optional("region", |field| field.parse("invalid-name", Region::parse));
    let known_region = region.as_ref().and_then(Option::as_ref);
    let tags = root.get("tags").map(|field| read_tags(&field));
    let permissions_boundary = root.optional("permissions_boundary", |field| {
        let account = account.as_ref().and_then(Option::as_ref);
        read_boundary(field, account, known_region)
    });
    let role_path = root.optional("role_path", |field| {
        field.parse("invalid-name", IamPath::parse)
    });
    let exceptions = root.get("exceptions");
    let exceptions = exceptions.map_or_else(Vec::new, |field| exception::read(&field));
    let defaults = root.mapping("defaults");
    if let Some(defaults) = &defaults {
        entry::check_defaults(defaults);
    }
    let function = root
        .mapping("function")
        .and_then(|function| read_function(&function));
    let alarms = root.mapping("alarms");
    let alarms = alarms.map_or_else(Alarms::default, |alarms| read_alarms(&alarms));
    let encrypt = root
        .mapping("encrypt")
        .and_then(|encrypt| encrypt::read(&encrypt, known_region));
    let around = Surroundings {
        stack: stack.as_ref(),
        files,
    };
    let mut entries = entry::read(root, defaults.as_ref(), &around);
    entry::name_administrators(&mut entries);
    let notify = notify::read(root);
    let notify_targets = notify.as_deref().unwrap_or_default();
    notify::add_to_all(&mut entries, notify_targets);
    let known_account = account.as_ref().and_then(Option::as_ref);
    notify::check(root, &entries, notify_targets, known_region, known_account);
    for (entry, at) in &entries {
        entry::check_tags(entry, tags.as_ref().unwrap_or(&BTreeMap::new()), at);
    }
    check_entries(root);
    let network = root.mapping("network");
    let network = network.map_or_else(Network::default, |network| network::read(&network));
    if !network.is_in_vpc() {
        // Without a network, one function serves all services.
        for (entry, _) in &mut entries {
            if let Kind::Service(service) = &mut entry.kind {
                service.in_network = true;
            }
        }
    }
    if let Some(region) = known_region {
        for (entry, at) in &entries {
            entry::check_region(entry, region, at);
            replica::check_region(entry, region, at);
        }
    }
    let accounts = accounts::read(root, known_account);
    let stack = stack?;
    notify.as_ref()?;
    Some(Model {
        fleet: stack.clone(),
        stack,
        account: account?,
        region: region?,
        tags: tags.unwrap_or_default(),
        permissions_boundary: permissions_boundary?,
        role_path: role_path?,
        exceptions,
        function: function?,
        alarms,
        encrypt: encrypt?,
        entries: entries.into_iter().map(|(entry, _)| entry).collect(),
        network,
        accounts: accounts?,
        stack_set: false,
        deployed_as: None,
    })
}

/// Refuses a manifest without entries, and settings that only databases and services use.
fn check_entries(root: &Fields<'_>) {
    let any = |key: &str| {
        let list = root
            .get(key)
            .filter(Field::is_list)
            .and_then(|field| field.list());
        list.is_some_and(|list| !list.is_empty())
    };
    // A value that is not a list was reported before.
    let given = |key: &str| root.get(key).is_some_and(|field| !field.is_list());
    let kinds = ["access_keys", "databases", "services"];
    if !kinds.into_iter().any(|key| any(key) || given(key)) {
        root.at().refuse(
            "missing",
            "at least one entry under `access_keys`, `databases`, or `services` is required",
        );
    }
    if any("databases")
        && let Some(field) = root.get("tags")
    {
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
    if let (Some(field), false) = (root.get("network"), any("databases") || any("services"))
        && field.any_mapping().is_some_and(|mapping| {
            mapping
                .fields()
                .any(|(_, field, _)| field.is_list() && field.count() > 0)
        })
    {
        field.report(Finding::warning(
            "unused-network",
            field.path(),
            "`network` applies only to databases and services, and there are none",
        ));
    }
}

/// Reads tags, and refuses those that a service refuses: CloudFormation refuses an empty value
/// (`API_Tag`, in its reference), and IAM keys that differ only in case (*id_tags*).
pub(super) fn read_tags(field: &Field<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(mapping) = field.any_mapping() else {
        return tags;
    };
    let mut keys = BTreeMap::<String, &str>::new();
    for (key, field, _) in mapping.fields() {
        if let Some(other) = keys.insert(key.to_lowercase(), key) {
            field.refuse(
                "invalid-tag",
                format!(
                    "`{other}` and `{key}` differ only in case, and IAM takes them for one tag"
                ),
            );
        }
        if let Err(why) = check_tag(key, "key", 128) {
            field.refuse("invalid-tag", why);
        }
        if key.to_lowercase().starts_with("aws:")
            || key
                .to_lowercase()
                .starts_with(keyrota_contract::tag::PREFIX)
        {
            field.refuse(
                "invalid-tag",
                format!(
                    "tags that begin with `{}` are reserved",
                    &key[..key.find(':').unwrap_or(0) + 1]
                ),
            );
        }
        let value = field.parse("invalid-tag", |text| {
            check_tag(text, "value", 256).map(|()| text.to_owned())
        });
        if let Some(value) = value {
            tags.insert(key.to_owned(), value);
        }
    }
    if tags.len() > MAX_TAGS {
        field.refuse(
            "invalid-tag",
            format!(
                "{} tags, but there can be at most {MAX_TAGS} in addition to keyrota's own",
                tags.len()
            ),
        );
    }
    tags
}

/// Checks a tag's key or value as IAM does: characters of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
/// (`API_Tag`, in its reference).
fn check_tag(text: &str, part: &str, longest: usize) -> Result<(), String> {
    let count = text.chars().count();
    if !(1..=longest).contains(&count) {
        return Err(format!(
            "the {part} of a tag must have 1 to {longest} characters, but this one has {count}"
        ));
    }
    let accepted = |one: char| {
        use unicode_properties::GeneralCategoryGroup::{Letter, Number, Separator};
        matches!(one.general_category_group(), Letter | Number | Separator)
            || "_.:/=+-@".contains(one)
    };
    match text.chars().find(|one| !accepted(*one)) {
        Some(one) => Err(format!(
            "the {part} of a tag cannot contain {one:?}; use letters, digits, spaces, and _ . : / = + - @"
        )),
        None => Ok(()),
    }
}

/// Reads the ARN of a policy that this account can use: its own, or one of AWS's.
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

fn read_function(function: &Fields<'_>) -> Option<Function> {
    let architecture = function.value("architecture", |field| {
        field.parse("invalid-value", Architecture::parse)
    });
    let memory = function.integer("memory");
    let timeout = function.value("timeout", |field| {
        field.parse("invalid-duration", parse_timeout)
    });
    let log_retention = function.value("log_retention", |field| {
        field.parse("invalid-duration", parse_log_retention)
    });
    let artifact_bucket = function.optional("artifact_bucket", |field| {
        field.parse("invalid-name", BucketName::parse)
    });
    Some(Function {
        architecture: architecture?,
        memory: memory?,
        timeout: timeout?,
        log_retention: log_retention?,
        artifact_bucket: artifact_bucket?,
    })
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = Duration::parse(text)?;
    match timeout.as_seconds() {
        10..=900 => Ok(timeout),
        _ => Err(format!(
            "the timeout must be 10s to 15m, not {timeout}, because a new key can take 15s to propagate"
        )),
    }
}

/// Reads a duration that CloudWatch Logs accepts, in days.
fn parse_log_retention(text: &str) -> Result<u32, String> {
    let retention = Duration::parse(text)?;
    let mut accepted = FUNCTION.words("log_retention").iter();
    let days = match accepted.any(|word| Duration::parse(word) == Ok(retention)) {
        true => retention.as_days(),
        false => None,
    };
    days.and_then(|days| u32::try_from(days).ok())
        .ok_or_else(|| {
            format!(
                "CloudWatch Logs supports 1d, 3d, 5d, 7d, 14d, 30d, 60d, 90d … 3653d, not {text}"
            )
        })
}

fn read_alarms(alarms: &Fields<'_>) -> Alarms {
    let addresses = alarms.get("email").and_then(|field| field.list());
    let mut email: Vec<String> = Vec::new();
    for field in addresses.unwrap_or_default() {
        let address = field.parse("invalid-value", parse_address);
        email.extend(address.filter(|address| !email.contains(address)));
    }
    Alarms { email }
}

/// Checks an e-mail address.
///
/// # Errors
///
/// Returns why the text is not an address.
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
