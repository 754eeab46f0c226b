//! Describes in words the resources that a statement applies to.

use std::collections::BTreeMap;

use super::prose::{self, LISTED, Prose};
use super::sentence::SentenceContext;
use super::subject;
use crate::render::Strategy;
use crate::render::arn::{self, SUFFIX};

/// A resource that an ARN names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedResource<'arn> {
    /// The kind, by which resources are grouped.
    pub kind: ResourceKind,
    /// The name, as far as it is known.
    pub name: &'arn str,
    /// The wildcard in it, if there is one.
    pub wildcard: Option<Wildcard>,
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// The user that the policy is attached to.
    Itself,
    Function,
    Secret,
    User,
    Role,
    ManagedPolicy,
    Key,
    Alias,
    LogGroup,
    Topic,
    Alarm,
    Rule,
    Stack,
    Bucket,
    Objects,
    /// All resources.
    Everything,
    /// Any other resource, shown as its ARN.
    Other,
}

/// Why a name is not exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wildcard {
    /// `-??????`.
    Suffix,
    /// The end of a name that CloudFormation generates.
    Generated,
    /// All resources of that kind.
    Every,
    /// `*` alone.
    Everything,
    /// Any other wildcard.
    Other,
}

impl Wildcard {
    /// Returns the meaning of the wildcard.
    pub fn note(self) -> &'static str {
        match self {
            Self::Suffix => {
                "-?????? matches exactly six characters: the suffix that Secrets Manager adds to a name"
            }
            Self::Generated => {
                "* matches the suffix of a name that CloudFormation generates from the name of the stack"
            }
            Self::Every => "* matches every resource of that type in this account and Region",
            Self::Everything => "* matches every resource",
            Self::Other => "* and ? match any characters",
        }
    }
}

impl ResourceKind {
    fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::Itself => ("itself", "itself"),
            Self::Function => ("function", "functions"),
            Self::Secret => ("secret", "secrets"),
            Self::User => ("user", "users"),
            Self::Role => ("role", "roles"),
            Self::ManagedPolicy => ("managed policy", "managed policies"),
            Self::Key => ("KMS key", "KMS keys"),
            Self::Alias => ("alias", "aliases"),
            Self::LogGroup => ("log group", "log groups"),
            Self::Topic => ("topic", "topics"),
            Self::Alarm => ("alarm", "alarms"),
            Self::Rule => ("rule", "rules"),
            Self::Stack => ("stack", "stacks"),
            Self::Bucket => ("bucket", "buckets"),
            Self::Objects => ("bucket's objects", "buckets' objects"),
            Self::Everything => ("resource", "everything"),
            Self::Other => ("resource", "resources"),
        }
    }
}

/// Parses a resource from its ARN.
///
/// A resource in another account or Region is shown as its ARN, so that nobody mistakes it for
/// one of the stack's.
pub fn named_resource<'arn>(
    arn: &'arn str,
    setting: Option<&SentenceContext>,
) -> NamedResource<'arn> {
    let stack = setting.map_or("", |setting| &setting.stack);
    let of = |kind: ResourceKind, name: &'arn str| NamedResource {
        kind,
        wildcard: wildcard(name, stack),
        name: name.strip_suffix(SUFFIX).unwrap_or(name),
    };
    if arn == "*" {
        return NamedResource {
            kind: ResourceKind::Everything,
            name: "",
            wildcard: Some(Wildcard::Everything),
        };
    }
    let Some([_, service, region, account, resource]) = arn::parts(arn) else {
        return of(ResourceKind::Other, arn);
    };
    let elsewhere = |setting: &SentenceContext| {
        (!account.is_empty() && account != setting.account)
            || (!region.is_empty() && region != setting.region)
    };
    if setting.is_some_and(elsewhere) {
        return of(ResourceKind::Other, arn);
    }
    let known = [
        ("secretsmanager", "secret:", ResourceKind::Secret),
        ("iam", "user/", ResourceKind::User),
        ("iam", "role/", ResourceKind::Role),
        ("iam", "policy/", ResourceKind::ManagedPolicy),
        ("kms", "key/", ResourceKind::Key),
        ("kms", "alias/", ResourceKind::Alias),
        ("lambda", "function:", ResourceKind::Function),
        ("logs", "log-group:", ResourceKind::LogGroup),
        ("cloudwatch", "alarm:", ResourceKind::Alarm),
        ("events", "rule/", ResourceKind::Rule),
        ("cloudformation", "stack/", ResourceKind::Stack),
        ("sns", "", ResourceKind::Topic),
        ("s3", "", ResourceKind::Bucket),
    ];
    let known = known.into_iter().find_map(|(of, prefix, kind)| {
        let name = resource.strip_prefix(prefix).filter(|_| of == service)?;
        Some((kind, name))
    });
    match known {
        Some((ResourceKind::User, name)) if is_itself(name) => of(ResourceKind::Itself, ""),
        // CloudFormation's attribute has this ending, which covers the log group's streams.
        Some((ResourceKind::LogGroup, name)) => of(
            ResourceKind::LogGroup,
            name.strip_suffix(":*").unwrap_or(name),
        ),
        // The name is followed by an ID that AWS assigns.
        Some((ResourceKind::Stack, name)) => {
            of(ResourceKind::Stack, name.strip_suffix("/*").unwrap_or(name))
        }
        Some((ResourceKind::Bucket, name)) => match name.split_once('/') {
            Some((bucket, "*")) => of(ResourceKind::Objects, bucket),
            Some(_) => of(ResourceKind::Objects, name),
            None => of(ResourceKind::Bucket, name),
        },
        Some((kind, name)) => of(kind, name),
        None => of(ResourceKind::Other, arn),
    }
}

/// Returns whether a path and name stand for the calling user.
fn is_itself(name: &str) -> bool {
    let last = name.rsplit('/').next();
    last == Some("${aws:username}") && !name.contains(['*', '?'])
}

fn wildcard(name: &str, stack: &str) -> Option<Wildcard> {
    // A reference that CloudFormation resolves is one name, whatever it contains.
    let plain = name.strip_suffix(SUFFIX).unwrap_or(name);
    let generated = plain.strip_suffix('*');
    let begun = |text: &str| stack.len() >= 8 && text.starts_with(&stack[..stack.len().min(20)]);
    let begun = |text: &str| text.starts_with(&format!("{stack}-")) || begun(text);
    match generated {
        Some("") => Some(Wildcard::Every),
        Some(text) if !text.contains(['*', '?']) && begun(text) => Some(Wildcard::Generated),
        _ if plain.contains(['*', '?']) => Some(Wildcard::Other),
        _ if plain.len() < name.len() => Some(Wildcard::Suffix),
        _ => None,
    }
}

/// Returns the resources of several ARNs by kind, sorted and without duplicates.
pub fn named_resources<'arn>(
    arns: impl IntoIterator<Item = &'arn str>,
    setting: Option<&SentenceContext>,
) -> BTreeMap<ResourceKind, Vec<NamedResource<'arn>>> {
    let mut kinds: BTreeMap<ResourceKind, Vec<NamedResource<'arn>>> = BTreeMap::new();
    for arn in arns {
        let named_resource = named_resource(arn, setting);
        kinds
            .entry(named_resource.kind)
            .or_default()
            .push(named_resource);
    }
    for named_resources in kinds.values_mut() {
        named_resources
            .sort_by_key(|named_resource| (named_resource.name, named_resource.wildcard));
        // While a secret does not exist, its name alone identifies the same secret.
        named_resources.dedup_by_key(|named_resource| named_resource.name);
    }
    kinds
}

/// Returns the resources in words: `the secret prod/a`, `3 secrets: a, b and c`, `142 secrets`.
pub fn phrase(kinds: &BTreeMap<ResourceKind, Vec<NamedResource<'_>>>) -> Prose {
    prose::list(
        kinds
            .iter()
            .map(|(kind, named_resources)| of_kind(*kind, named_resources)),
        "and",
    )
}

fn of_kind(kind: ResourceKind, named_resources: &[NamedResource<'_>]) -> Prose {
    let (one, many) = kind.nouns();
    if kind == ResourceKind::Itself {
        return Prose::words("itself");
    }
    if kind == ResourceKind::Everything {
        return Prose::words(match named_resources {
            [any] if !any.name.is_empty() => format!("any {}", any.name),
            _ => "everything".to_owned(),
        });
    }
    let every =
        |named_resource: &NamedResource<'_>| named_resource.wildcard == Some(Wildcard::Every);
    if named_resources.iter().any(every) {
        return Prose::words(format!("every {one} of this account and Region"));
    }
    if kind == ResourceKind::Function
        && let [named_resource] = named_resources
        && let Some(strategy) = function_of(named_resource.name)
    {
        return Prose::words(subject::function(strategy));
    }
    match named_resources {
        [named_resource] => Prose::words(match kind {
            ResourceKind::Objects if named_resource.name.contains('/') => "the objects ".to_owned(),
            ResourceKind::Objects => "the objects in the bucket ".to_owned(),
            ResourceKind::Other => String::new(),
            _ => format!("the {one} "),
        })
        .code(readable(named_resource.name)),
        few if few.len() <= LISTED => {
            let names = few
                .iter()
                .map(|named_resource| Prose::name(readable(named_resource.name)));
            Prose::words(format!("{} {many}: ", few.len())).then(prose::list(names, "and"))
        }
        more => Prose::words(format!("{} {many}", prose::number(more.len()))),
    }
}

/// Returns the strategy of the function with this name, if it is one of the stack's.
fn function_of(name: &str) -> Option<Strategy> {
    let id = name.strip_prefix("${")?.strip_suffix('}')?;
    Strategy::ALL.into_iter().find(|one| one.function() == id)
}

/// Returns the kind of resource that `*` stands for if the actions belong to one service, such
/// as `secret` or `role`.
pub fn anything(actions: &[String]) -> Option<&'static str> {
    let service = |action: &String| {
        action
            .split_once(':')
            .map(|(service, _)| service.to_owned())
    };
    let services: std::collections::BTreeSet<Option<String>> =
        actions.iter().map(service).collect();
    if services.len() != 1 {
        return None;
    }
    Some(match services.first()?.as_deref()? {
        "cloudformation" => "stack",
        "cloudwatch" => "alarm",
        "ec2" => "network interface",
        "events" => "rule",
        "kms" => "KMS key or alias",
        "lambda" => "function",
        "logs" => "log group",
        "s3" => "bucket and object",
        "secretsmanager" => "secret",
        "sns" => "topic",
        _ => return None,
    })
}

/// Returns the name without `${` and `}` if it refers to a resource of the stack.
fn readable(name: &str) -> String {
    match name
        .strip_prefix("${")
        .and_then(|name| name.strip_suffix('}'))
    {
        Some(id) if !id.contains(':') => id.to_owned(),
        _ => name.to_owned(),
    }
}
