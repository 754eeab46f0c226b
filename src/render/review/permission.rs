//! Every permission that the stacks give, those alike taken together, each with
//! the statement that gives it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;
use serde_yaml::Value;

use super::prose::Prose;
use super::sentence::{self, Setting};
use super::statement::{self, Condition, Statement};
use super::subject::Holder;
use super::{action, prose, resource};
use crate::render::document::{Document, Kind};
use crate::render::resolve::World;
use crate::render::{Rendered, policy_file};

/// A list in a statement that is longer is shortened where the statement is shown.
const LONGEST_LIST: usize = 12;
/// What is shown of such a list.
const SHOWN: usize = 3;
/// Characters of a line in a statement that is shown.
const LINE: usize = 66;
/// Files named where several hold the same statement.
const NAMED_FILES: usize = 3;

/// One permission.
#[derive(Clone, Debug, Serialize)]
pub struct Permission {
    /// The anchor.
    pub id: String,
    /// Who may do what.
    pub prose: Prose,
    /// Where it is about several kinds of things: what may be done with each.
    pub parts: Vec<Prose>,
    /// What its wildcards are.
    pub notes: Vec<String>,
    /// What is grave about it.
    pub gravity: Vec<&'static str>,
    /// The statement's name.
    pub sid: String,
    /// Where it is.
    pub files: Vec<String>,
    /// In how many files more.
    pub more_files: String,
    /// The statement, or the first of those alike.
    pub json: String,
    /// It is shown shortened.
    pub shortened: bool,
    /// It comes unfolded.
    pub open: bool,
    /// Whose policy it is.
    #[serde(skip)]
    pub holder: Holder,
    /// The statement, with all that those alike name.
    #[serde(skip)]
    pub statement: Statement,
}

/// Permissions of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The anchor.
    pub id: &'static str,
    /// What they are.
    pub title: &'static str,
    /// What to know of them.
    pub words: &'static str,
    /// There are many, and they come folded.
    pub folded: bool,
    /// How many there are, in words.
    pub count: String,
    /// The permissions.
    pub permissions: Vec<Permission>,
}

/// One statement with where it is from.
struct Source<'tree> {
    holder: Holder,
    statement: Statement,
    value: &'tree Value,
    file: String,
    stack: usize,
}

/// Statements alike, taken together.
struct Alike<'tree> {
    holder: Holder,
    statement: Statement,
    value: &'tree Value,
    files: Vec<String>,
    stacks: BTreeSet<usize>,
}

/// A policy beside the stack: its file, its holder, and what is in it.
pub struct Beside {
    /// The file.
    pub file: String,
    /// Whose it is.
    pub holder: Holder,
    /// Which stack's.
    pub stack: usize,
    /// The document.
    pub body: Value,
}

/// Returns all permissions, in groups.
pub fn groups(stacks: &[Rendered<'_>], beside: &[Beside], setting: &Setting) -> Vec<Group> {
    let sources = sources(stacks, beside);
    let alike = gather(
        gather(sources, Shape::whatever_the_resources),
        Shape::whatever_the_secrets,
    );
    let alone = Alone::of(&alike);
    let mut ids = BTreeMap::new();
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(id, title, words)| Group {
            id,
            title,
            words,
            folded: *id == "deployer",
            count: String::new(),
            permissions: Vec::new(),
        })
        .collect();
    for one in &alike {
        let group = group_of(&one.holder);
        let permission = permission(one, setting, &alone, &mut ids);
        if let Some(group) = groups.iter_mut().find(|held| held.id == group) {
            group.permissions.push(permission);
        }
    }
    groups.retain(|group| !group.permissions.is_empty());
    for group in &mut groups {
        group.count = prose::count(group.permissions.len(), "permission", "permissions");
    }
    groups
}

const GROUPS: [(&str, &str, &str); 8] = [
    (
        "function",
        "What the function may do",
        "These are the policies of the function’s role. It has no others.",
    ),
    (
        "started",
        "Who may start the function",
        "The function’s own policy, made of the stack’s Lambda permissions.",
    ),
    (
        "trust",
        "Who may take on its role",
        "The role’s trust policy.",
    ),
    (
        "users",
        "What the users may do to themselves",
        "A policy of each user whose secret rotates with the user’s own key.",
    ),
    (
        "readers",
        "Who else may read the secrets",
        "Policies of the secrets. Whoever the account’s own IAM policies let read them may read them too.",
    ),
    (
        "key",
        "Who may use the KMS key",
        "The policy of the stack’s own key.",
    ),
    (
        "others",
        "What else is allowed and refused",
        "Policies of the alarms’ topic and of the bucket for the function’s code.",
    ),
    (
        "deployer",
        "What whoever deploys needs",
        "deployer-policy.json: nobody has it until somebody attaches it to a person or a pipeline.",
    ),
];

fn group_of(holder: &Holder) -> &'static str {
    match holder {
        Holder::Function => "function",
        Holder::Started => "started",
        Holder::Trust => "trust",
        Holder::Users(_) => "users",
        Holder::Secret => "readers",
        Holder::Key(_) => "key",
        Holder::Topic | Holder::Bucket | Holder::Other(_) => "others",
        Holder::Deployer => "deployer",
    }
}

fn sources<'tree>(stacks: &'tree [Rendered<'_>], beside: &'tree [Beside]) -> Vec<Source<'tree>> {
    let mut sources = Vec::new();
    // Policies of users are alike but for the user, and there may be thousands.
    let mut users: Vec<(&Value, usize, String, Vec<String>)> = Vec::new();
    let mut known: HashMap<&Value, usize> = HashMap::new();
    for (stack, rendered) in stacks.iter().enumerate() {
        let mut first = None;
        for document in &rendered.documents {
            let file = policy_file(document, rendered.prefix, &mut first);
            if document.kind == Kind::UserInline {
                // Most are the same as the one before, which is quicker to see.
                let last = users.last().filter(|held| *held.0 == document.body);
                let index = match last {
                    Some(_) => users.len() - 1,
                    None => *known.entry(&document.body).or_insert(users.len()),
                };
                if index == users.len() {
                    users.push((&document.body, stack, file.unwrap_or_default(), Vec::new()));
                }
                users[index]
                    .3
                    .push(user_of(&rendered.tree, &rendered.world, document));
                continue;
            }
            read(
                &document.body,
                holder(&rendered.tree, &rendered.world, document),
                &file.unwrap_or_default(),
                stack,
                &mut sources,
            );
        }
    }
    for (body, stack, file, names) in users {
        read(body, Holder::Users(names), &file, stack, &mut sources);
    }
    for one in beside {
        read(
            &one.body,
            one.holder.clone(),
            &one.file,
            one.stack,
            &mut sources,
        );
    }
    sources
}

fn read<'tree>(
    body: &'tree Value,
    holder: Holder,
    file: &str,
    stack: usize,
    sources: &mut Vec<Source<'tree>>,
) {
    for (statement, value) in statement::statements(body) {
        sources.push(Source {
            holder: holder.clone(),
            statement,
            value,
            file: file.to_owned(),
            stack,
        });
    }
}

/// Returns whose policy a document of a stack is.
pub fn holder(tree: &Value, world: &World, document: &Document) -> Holder {
    match document.kind {
        Kind::RoleInline | Kind::Managed => Holder::Function,
        Kind::UserInline => Holder::Users(vec![user_of(tree, world, document)]),
        Kind::Trust => Holder::Trust,
        Kind::Key => Holder::Key(document.resource.clone()),
        Kind::Secret => Holder::Secret,
        Kind::Topic => Holder::Topic,
        Kind::Function => Holder::Started,
        Kind::Other => Holder::Other(document.resource.clone()),
    }
}

/// Returns the user that a policy is attached to; where that cannot be said, the
/// policy's logical ID.
fn user_of(tree: &Value, world: &World, document: &Document) -> String {
    let named = || {
        let resource = tree.get("Resources")?.get(document.resource.as_str())?;
        let user = resource.get("Properties")?.get("UserName")?;
        Some(world.resolve(user).ok()?.as_str()?.to_owned())
    };
    named().unwrap_or_else(|| document.resource.clone())
}

/// What statements that are taken together have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    holder: Holder,
    statement: Statement,
    kinds: BTreeSet<(resource::Kind, Option<resource::Wildcard>)>,
}

impl Shape {
    /// All but which resources of their kind they name.
    fn whatever_the_resources(holder: &Holder, statement: &Statement) -> Self {
        let things = statement.resources.iter();
        let things = things.map(|arn| resource::thing(arn, None));
        Self {
            holder: holder.clone(),
            kinds: things.map(|thing| (thing.kind, thing.wildcard)).collect(),
            statement: Statement {
                sid: String::new(),
                resources: Vec::new(),
                ..statement.clone()
            },
        }
    }

    /// All but for which secrets they hold.
    fn whatever_the_secrets(holder: &Holder, statement: &Statement) -> Self {
        let blank = |one: &Condition| match is_of_secrets(one) {
            true => Condition {
                values: Vec::new(),
                ..one.clone()
            },
            false => one.clone(),
        };
        Self {
            holder: holder.clone(),
            kinds: BTreeSet::new(),
            statement: Statement {
                sid: String::new(),
                conditions: statement.conditions.iter().map(blank).collect(),
                ..statement.clone()
            },
        }
    }
}

/// Returns whether a condition says for which secrets a statement holds.
pub fn is_of_secrets(condition: &Condition) -> bool {
    condition.key == "kms:EncryptionContext:SecretARN"
}

impl<'tree> From<Source<'tree>> for Alike<'tree> {
    fn from(source: Source<'tree>) -> Self {
        Self {
            holder: source.holder,
            statement: source.statement,
            value: source.value,
            files: vec![source.file],
            stacks: BTreeSet::from([source.stack]),
        }
    }
}

/// Takes statements of one shape together, in the order of the first of each.
fn gather<'tree>(
    sources: Vec<impl Into<Alike<'tree>>>,
    shape: impl Fn(&Holder, &Statement) -> Shape,
) -> Vec<Alike<'tree>> {
    let mut places: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut gathered: Vec<Alike<'tree>> = Vec::new();
    for source in sources {
        let one: Alike<'tree> = source.into();
        let place = places.entry(shape(&one.holder, &one.statement));
        match place {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(gathered.len());
                gathered.push(one);
            }
            std::collections::btree_map::Entry::Occupied(held) => {
                let held = &mut gathered[*held.get()];
                held.files.extend(one.files);
                held.stacks.extend(one.stacks);
                held.statement.resources.extend(one.statement.resources);
                let pairs = held.statement.conditions.iter_mut();
                for (held, more) in pairs.zip(one.statement.conditions) {
                    held.values.extend(more.values);
                }
            }
        }
    }
    for one in &mut gathered {
        distinct(&mut one.files);
        distinct(&mut one.statement.resources);
        for condition in &mut one.statement.conditions {
            distinct(&mut condition.values);
        }
    }
    gathered
}

/// Drops what was there before, and keeps the order.
fn distinct(items: &mut Vec<String>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = items
        .iter()
        .map(|item| seen.insert(item.as_str()))
        .collect();
    let mut first = first.into_iter();
    items.retain(|_| first.next().unwrap_or(true));
}

/// How many statements of a holder allow each action.
struct Alone(BTreeMap<(&'static str, String), usize>);

impl Alone {
    fn of(alike: &[Alike<'_>]) -> Self {
        let mut counts = BTreeMap::new();
        for one in alike.iter().filter(|one| !one.statement.denies) {
            for action in &one.statement.actions {
                let key = (group_of(&one.holder), action.clone());
                *counts.entry(key).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// No other statement of the holder allows what this one does, so that it
    /// names all there is.
    fn holds(&self, one: &Alike<'_>) -> bool {
        let group = group_of(&one.holder);
        let wild = self
            .0
            .keys()
            .any(|(of, action)| *of == group && action.contains('*'));
        let single = |action: &String| self.0.get(&(group, action.clone())) == Some(&1);
        one.holder == Holder::Function
            && !wild
            && one.statement.excepts.is_empty()
            && one.statement.actions.iter().all(single)
    }
}

fn permission(
    one: &Alike<'_>,
    setting: &Setting,
    alone: &Alone,
    ids: &mut BTreeMap<String, usize>,
) -> Permission {
    let alone = alone.holds(one);
    let mut said = sentence::sentence(&one.holder, &one.statement, setting, alone);
    let mut parts = Vec::new();
    if one.holder == Holder::Deployer && !one.statement.denies {
        let (subject, of) = sentence::in_parts(&one.statement, setting);
        let mut notes: BTreeSet<String> = BTreeSet::new();
        for part in of {
            notes.extend(part.notes);
            parts.push(part.prose);
        }
        said.notes = notes.into_iter().collect();
        said.prose = subject.say(" may");
        if let [only] = parts.as_mut_slice() {
            said.prose = said.prose.say(" ").then(std::mem::take(only));
            parts.clear();
        }
    }
    let prose = match one.stacks.len() {
        spread if spread > 1 => Prose::words(format!(
            "In {} stacks, taken together, ",
            prose::number(spread)
        ))
        .then(said.prose),
        _ => said.prose,
    };
    let prose = prose.capitalised();
    let anchor = format!("{}-{}", group_of(&one.holder), slug(&one.statement.sid));
    let again = ids.entry(anchor.clone()).or_insert(0);
    *again += 1;
    let (json, shortened) = shown(one.value);
    let mut files = one.files.clone();
    let more = files.len().saturating_sub(NAMED_FILES);
    files.truncate(NAMED_FILES);
    Permission {
        id: match *again {
            1 => anchor,
            more => format!("{anchor}-{more}"),
        },
        prose,
        parts,
        notes: said.notes,
        gravity: said.gravity,
        sid: one.statement.sid.clone(),
        more_files: match (&one.holder, more) {
            (Holder::Users(names), _) if names.len() > 1 => {
                format!(
                    "and the same for {}",
                    prose::count(names.len() - 1, "more user", "more users")
                )
            }
            (_, 0) => String::new(),
            (_, more) => format!("and {}", prose::count(more, "more file", "more files")),
        },
        files,
        open: json.lines().count() <= super::OPEN_LINES,
        json,
        shortened,
        holder: one.holder.clone(),
        statement: one.statement.clone(),
    }
}

/// An anchor of letters, digits and hyphens.
fn slug(sid: &str) -> String {
    let kept = sid.chars().filter(char::is_ascii_alphanumeric);
    let kept: String = kept.take(60).collect();
    match kept.is_empty() {
        true => "statement".to_owned(),
        false => kept,
    }
}

/// A statement as its file has it, long lists shortened.
fn shown(value: &Value) -> (String, bool) {
    let mut shortened = false;
    let value = shorten(value, &mut shortened);
    let mut text = String::new();
    write(&value, 0, 0, &mut text);
    (text, shortened)
}

/// Writes JSON, with what fits on a line on one line.
fn write(value: &Value, indent: usize, before: usize, text: &mut String) {
    let flat = flat(value);
    let whole = indent == 0 && matches!(value, Value::Mapping(_));
    if !whole && indent + before + flat.chars().count() <= LINE {
        text.push_str(&flat);
        return;
    }
    let deeper = " ".repeat(indent + 2);
    match value {
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "[\n" } else { ",\n" });
                text.push_str(&deeper);
                write(item, indent + 2, 0, text);
            }
            text.extend(["\n", &deeper[2..], "]"]);
        }
        Value::Mapping(entries) => {
            for (index, (key, item)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "{\n" } else { ",\n" });
                let key = json(key) + ": ";
                text.extend([deeper.as_str(), &key]);
                write(item, indent + 2, key.len(), text);
            }
            text.extend(["\n", &deeper[2..], "}"]);
        }
        _ => text.push_str(&flat),
    }
}

/// JSON on one line, with a space where one reads better.
fn flat(value: &Value) -> String {
    match value {
        Value::Sequence(items) => {
            format!(
                "[{}]",
                items.iter().map(flat).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| format!("{}: {}", json(key), flat(item)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        _ => json(value),
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn shorten(value: &Value, shortened: &mut bool) -> Value {
    match value {
        Value::Sequence(items) if items.len() > LONGEST_LIST && !of_actions(items) => {
            *shortened = true;
            let more = format!("… {} more", prose::number(items.len() - SHOWN));
            let shown = items.iter().take(SHOWN).cloned();
            Value::Sequence(shown.chain([Value::String(more)]).collect())
        }
        Value::Sequence(items) => {
            Value::Sequence(items.iter().map(|one| shorten(one, shortened)).collect())
        }
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), shorten(value, shortened)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// A list of actions is never shortened: it is what the reader is here for.
fn of_actions(items: &[Value]) -> bool {
    let text = items.first().and_then(Value::as_str).unwrap_or_default();
    action::words(text).is_some() || !text.starts_with("arn:")
}
