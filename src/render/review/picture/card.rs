//! The cards of the diagram and their contents: every resource of the stacks, and the external
//! parties that interact with them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::super::prose;
use super::super::subject;
use super::{Arrow, measure};
use crate::model::{Adapter, Arn, Kind, KmsKey};
use crate::render::resolve::{items, target};
use crate::render::statement::Principal;
use crate::render::tree::Value;
use crate::render::{FunctionCode, Rendered, Strategy, arn, resolve};

/// The maximum number of resources that have a line each.
const LINES: usize = 12;
/// If there are more, the number of lines for them.
const FIRST: usize = 3;
/// The font size of a card's lines, in tenths of a pixel.
pub const LINE_SIZE: u32 = 118;
/// The maximum width of a line's text.
pub const LINE_ROOM: u32 = 152;

/// A card.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    pub id: &'static str,
    pub title: &'static str,
    #[serde(skip)]
    pub column: usize,
    /// The place in the drawing.
    pub x: u32,
    pub y: u32,
    pub height: u32,
    pub lines: Vec<Line>,
    /// The arrows that start here.
    pub calls: Vec<Arrow>,
}

/// A line in a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The full text.
    pub text: String,
    /// The text, shortened to fit.
    pub shown: String,
    /// The resource's type. Empty for anything outside the stacks.
    pub kind: Option<String>,
    /// The logical ID, if the line represents one resource.
    pub id: Option<String>,
    /// The number of resources that the line represents.
    pub count: usize,
    /// The place in the card.
    pub y: u32,
}

/// The cards, their titles, and their columns, from top to bottom.
const CARDS: [(&str, &str, usize); 26] = [
    ("deployer", "Deployer", 0),
    ("cloudformation", "CloudFormation", 0),
    ("manager", "Secrets Manager", 0),
    ("events", "EventBridge", 0),
    ("watch", "CloudWatch", 0),
    ("function", "Rotation function", 1),
    ("role", "Execution role", 1),
    ("log", "Log", 1),
    ("database-function", "Database function", 1),
    ("database-role", "Role for databases", 1),
    ("database-log", "Log for databases", 1),
    ("service-function", "Service function", 1),
    ("service-role", "Role for services", 1),
    ("service-log", "Log for services", 1),
    ("topic", "Alarm topic", 1),
    ("other", "Also in the stack", 1),
    ("users", "IAM users", 2),
    ("databases", "Database servers", 2),
    ("adapters", "Adapters", 2),
    ("services", "Services", 2),
    ("secrets", "Secrets", 2),
    ("key", "KMS keys", 2),
    ("administrators", "Administrators", 2),
    ("mail", "E-mail", 2),
    ("clients", "Clients", 3),
    ("readers", "Named readers", 3),
];

/// Returns the cards that are not empty.
pub fn cards(stacks: &[Rendered<'_>], account: &str) -> Vec<Card> {
    let mut lines: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    let fixed = [
        ("deployer", "runs keyrota"),
        ("cloudformation", "creates what is marked ■"),
    ];
    let any = |strategy: Strategy| {
        let mut stacks = stacks.iter();
        stacks.any(|one| strategy.entries(one.model).next().is_some())
    };
    let has_passwords = Strategy::ALL
        .into_iter()
        .any(|one| one.makes_passwords() && any(one));
    let (stores, uses) = match (any(Strategy::AccessKeys), has_passwords) {
        (_, false) => ("stores first keys", "use the current key"),
        (false, true) => ("stores first passwords", "use the current password"),
        (true, true) => ("stores first credentials", "use current credentials"),
    };
    let varying = [("deployer", stores), ("clients", uses)];
    for (card, text) in fixed.into_iter().chain(varying) {
        lines.entry(card).or_default().push(words(text));
    }
    for (card, names) in outside(stacks, account) {
        let shown = if names.len() > LINES { FIRST } else { LINES };
        let lines = lines.entry(card).or_default();
        lines.extend(names.iter().take(shown).map(|name| words(name)));
        if let more @ 1.. = names.len().saturating_sub(shown) {
            lines.push(words(&format!("and {} more", prose::number(more))));
        }
    }
    for (card, line) in resources(stacks) {
        lines.entry(card).or_default().push(line);
    }
    let cards = CARDS.iter().filter_map(|(id, title, column)| {
        Some(Card {
            id,
            title,
            column: *column,
            x: 0,
            y: 0,
            height: 0,
            lines: together(lines.remove(id)?),
            calls: Vec::new(),
        })
    });
    cards.collect()
}

/// Resources of the same type are next to each other.
fn together(mut lines: Vec<Line>) -> Vec<Line> {
    let mut order: Vec<Option<String>> = Vec::new();
    for line in &lines {
        if !order.contains(&line.kind) {
            order.push(line.kind.clone());
        }
    }
    lines.sort_by_key(|line| order.iter().position(|kind| *kind == line.kind));
    lines
}

fn words(text: &str) -> Line {
    Line {
        shown: measure::fit(text, LINE_SIZE, LINE_ROOM),
        text: text.to_owned(),
        kind: None,
        id: None,
        count: 1,
        y: 0,
    }
}

/// Returns the external parties that interact with the stacks.
fn outside<'a>(
    stacks: &'a [Rendered<'_>],
    account: &str,
) -> BTreeMap<&'static str, BTreeSet<Cow<'a, str>>> {
    let mut found: BTreeMap<&str, BTreeSet<Cow<'a, str>>> = BTreeMap::new();
    let mut add = |card: &'static str, text: Cow<'a, str>| {
        found.entry(card).or_default().insert(text);
    };
    let mut readers: BTreeSet<&Arn> = BTreeSet::new();
    let short = |arn: &'a Arn| {
        let [.., resource] = arn.parts();
        let short = resource.strip_prefix("key/");
        let short = short.or_else(|| resource.strip_prefix("function:"));
        short.unwrap_or(resource)
    };
    for model in stacks.iter().map(|rendered| rendered.model) {
        for (_, key) in model.encrypt.keys() {
            key.existing()
                .into_iter()
                .for_each(|arn| add("key", short(arn).into()));
        }
        for entry in model.entries.iter() {
            match &entry.kind {
                Kind::AccessKey(key) if key.create_user => {}
                Kind::AccessKey(key) => add("users", key.user.as_str().into()),
                Kind::Database(database) => add("databases", database.endpoint().into()),
                Kind::Service(service) => match &service.adapter {
                    Adapter::Function(arn) => {
                        add("adapters", short(arn).into());
                        add("services", "reached by adapters".into());
                    }
                    Adapter::Http(http) => {
                        for host in http.hosts() {
                            add("services", host.into());
                        }
                    }
                },
            }
            if let KmsKey::Existing(arn) = &entry.kms_key {
                add("key", short(arn).into());
            }
            if let Some(secret) = entry.administrator() {
                add("administrators", arn::secret_name(secret.as_str()).into());
            }
            readers.extend(&entry.readers);
        }
        for address in &model.alarms.email {
            add("mail", address.as_str().into());
        }
    }
    for reader in readers {
        let short = match reader.parts() {
            [_, _, _, of, "root"] if of == account => "this account".to_owned(),
            [_, _, _, of, "root"] => format!("account {of}"),
            _ => {
                let principal = Principal::Aws(reader.to_string());
                let said = subject::principal(&principal, account).plain();
                said.replace('`', "").trim_start_matches("the ").to_owned()
            }
        };
        add("readers", short.into());
    }
    found
}

/// Returns the resources with their cards. A resource that several stacks have is one line. If
/// there are many of a type, most are only counted.
fn resources(stacks: &[Rendered<'_>]) -> Vec<(&'static str, Line)> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut distinct = Vec::new();
    let mut of_kind: HashMap<(&str, &str), usize> = HashMap::new();
    for rendered in stacks {
        for (id, resource) in resolve::resources(&rendered.tree) {
            let held = times.entry(id).or_insert(0);
            *held += 1;
            if *held == 1 {
                let kind = resolve::type_of(resource);
                let card = card_of(id, kind, resource);
                *of_kind.entry((card, kind)).or_insert(0) += 1;
                distinct.push((card, id, kind, resource, &rendered.tree));
            }
        }
    }
    let mut found: Vec<(&'static str, Line)> = Vec::new();
    let mut seen: HashMap<(&str, &str), (usize, usize)> = HashMap::new();
    for (card, id, kind, resource, tree) in distinct {
        let (number, rest) = seen.entry((card, kind)).or_insert((0, 0));
        *number += 1;
        let count = times[id];
        if of_kind[&(card, kind)] > LINES && *number > FIRST {
            *rest += count;
            if *number == of_kind[&(card, kind)] {
                let (one, many) = nouns(kind);
                let noun = if *rest == 1 { one } else { many };
                let text = format!("and {} more {noun}", prose::number(*rest));
                found.push((card, line(text.trim_end(), kind, None, *rest)));
            }
            continue;
        }
        let mut text = label(id, kind, resource, tree);
        if count > 1 {
            text = format!("{text} × {}", prose::number(count));
        }
        found.push((card, line(&text, kind, Some(id), count)));
    }
    found
}

fn line(text: &str, kind: &str, id: Option<&str>, count: usize) -> Line {
    Line {
        kind: Some(kind.to_owned()),
        id: id.map(str::to_owned),
        count,
        ..words(text)
    }
}

/// Returns the card of a resource. The resources of each kind's function have their own cards.
fn card_of(id: &str, kind: &str, resource: &Value) -> &'static str {
    let target = |key: &str| {
        let mut values = items(resource.get("Properties")?.get(key));
        target(values.next()?)
    };
    let is_of = |one: &Strategy| match kind {
        "AWS::Lambda::Permission" => target("FunctionName") == Some(one.function()),
        "AWS::IAM::RolePolicy" => target("RoleName") == Some(one.role()),
        "AWS::IAM::ManagedPolicy" => target("Roles") == Some(one.role()),
        _ => [one.function(), one.role(), one.log_group()].contains(&id),
    };
    let of = Strategy::ALL.into_iter().find(is_of);
    let of_kind = |key, database, service| match of.map(Strategy::code) {
        None | Some(FunctionCode::AccessKeys) => key,
        Some(FunctionCode::Databases) => database,
        Some(FunctionCode::Services) => service,
    };
    match kind {
        "AWS::SecretsManager::RotationSchedule" => "manager",
        "AWS::Events::Rule" => "events",
        _ if id.starts_with("Notify") => "events",
        "AWS::CloudWatch::Alarm" => "watch",
        "AWS::Lambda::Function" | "AWS::Lambda::Permission" => {
            of_kind("function", "database-function", "service-function")
        }
        "AWS::IAM::Role" | "AWS::IAM::RolePolicy" | "AWS::IAM::ManagedPolicy" => {
            of_kind("role", "database-role", "service-role")
        }
        "AWS::Logs::LogGroup" => of_kind("log", "database-log", "service-log"),
        "AWS::SNS::Topic" | "AWS::SNS::TopicPolicy" => "topic",
        "AWS::SNS::Subscription" => "mail",
        "AWS::IAM::User" | "AWS::IAM::UserPolicy" => "users",
        "AWS::SecretsManager::Secret" | "AWS::SecretsManager::ResourcePolicy" => "secrets",
        "AWS::KMS::Key" | "AWS::KMS::Alias" => "key",
        _ => "other",
    }
}

/// Returns the label of a resource: its own name or that of its subject, if that is more
/// informative than its logical ID.
fn label(id: &str, kind: &str, resource: &Value, tree: &Value) -> String {
    let property = |key: &str| resource.get("Properties")?.get(key);
    let text = |key: &str| property(key).and_then(Value::as_str);
    let of = |key: &str, name: &str| match property(key)? {
        Value::Tagged(reference) => {
            let other = tree.get("Resources")?.get(reference.value.as_str()?)?;
            other.get("Properties")?.get(name)?.as_str()
        }
        value => value.as_str(),
    };
    let (what, name) = match kind {
        "AWS::SecretsManager::Secret" => ("", text("Name")),
        "AWS::IAM::User" => ("", text("UserName")),
        "AWS::SecretsManager::RotationSchedule" => ("rotates ", of("SecretId", "Name")),
        "AWS::SecretsManager::ResourcePolicy" => ("policy of ", of("SecretId", "Name")),
        "AWS::IAM::UserPolicy" => ("policy of ", of("UserName", "UserName")),
        "AWS::SNS::Subscription" => ("mails to ", text("Endpoint")),
        _ => ("", None),
    };
    name.map_or_else(|| id.to_owned(), |name| format!("{what}{name}"))
}

/// Returns the words after the number of resources that have no line.
fn nouns(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "AWS::SecretsManager::Secret" => ("secret", "secrets"),
        "AWS::IAM::User" => ("user", "users"),
        "AWS::SecretsManager::ResourcePolicy"
        | "AWS::IAM::UserPolicy"
        | "AWS::IAM::RolePolicy"
        | "AWS::IAM::ManagedPolicy" => ("policy", "policies"),
        "AWS::Events::Rule" => ("rule", "rules"),
        "AWS::Lambda::Permission" => ("permission", "permissions"),
        _ => ("", ""),
    }
}
