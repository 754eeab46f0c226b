//! Every permission in the stacks, grouped with similar ones, each with its statement.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::grouping::{self, StatementGroup};
use super::prose::Prose;
use super::sentence::{self, SentenceContext};
use super::subject::Holder;
use super::{excerpt, prose};
use crate::render::document::{Document, DocumentKind};
use crate::render::policy::Policy;
use crate::render::statement::{self, Statement, UnknownEffect};
use crate::render::tree::Value;
use crate::render::{Rendered, Strategy, policy_file};

/// The maximum number of files that are named if several contain the same statement.
const NAMED_FILES: usize = 3;

/// One permission.
#[derive(Clone, Debug, Serialize)]
pub struct Permission {
    /// The anchor.
    pub id: String,
    /// Who may do what.
    pub prose: Prose,
    /// The permissions on each kind of resource, if there are several kinds.
    pub parts: Vec<Prose>,
    /// The meaning of its wildcards.
    pub notes: Vec<String>,
    /// Its risks.
    pub risks: Vec<&'static str>,
    /// The statement's Sid.
    pub sid: String,
    /// The files that contain it.
    pub files: Vec<String>,
    /// The number of further files, in words.
    pub more_files: String,
    /// The statement, or the first of the group.
    pub json: String,
    /// Whether the statement is shortened.
    pub shortened: bool,
    /// Whether the statement is expanded.
    pub open: bool,
    /// The holder of the policy.
    #[serde(skip)]
    pub holder: Holder,
    /// The statement, with all names in the group.
    #[serde(skip)]
    pub statement: Statement,
}

/// Permissions of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The anchor.
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// The explanation.
    pub words: &'static str,
    /// Whether there are many, so that they are collapsed.
    pub folded: bool,
    /// The number of permissions, in words.
    pub count: String,
    /// The permissions.
    pub permissions: Vec<Permission>,
}

/// A policy outside of the stacks: its file, its holder, and its document.
pub struct ExternalPolicy {
    /// The file.
    pub file: String,
    /// The holder.
    pub holder: Holder,
    /// The document.
    pub body: Value,
}

impl ExternalPolicy {
    /// Returns a policy that is written to a file.
    pub fn new(file: &str, holder: Holder, policy: &Policy) -> Self {
        Self {
            file: file.to_owned(),
            holder,
            body: policy.into(),
        }
    }
}

/// Returns all permissions, in groups.
///
/// # Errors
///
/// Returns an effect that AWS does not know. keyrota's own policies have none.
pub fn groups(
    stacks: &[Rendered<'_>],
    beside: &[ExternalPolicy],
    setting: &SentenceContext,
) -> Result<Vec<Group>, UnknownEffect> {
    let sources = sources(stacks, beside)?;
    let similar = grouping::gather(sources);
    let alone = ActionCounts::of(&similar);
    let mut ids = BTreeMap::new();
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(id, title, words)| Group {
            id,
            title,
            words,
            folded: ["deployer", "administrator"].contains(id),
            count: String::new(),
            permissions: Vec::new(),
        })
        .collect();
    for one in &similar {
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
    Ok(groups)
}

const GROUPS: [(&str, &str, &str); 12] = [
    (
        "function",
        "What the function can do",
        "These are all policies of the execution role of the function.",
    ),
    (
        "database-function",
        "What the database function can do",
        "These are all policies of the execution role of the database function.",
    ),
    (
        "service-function",
        "What the service function can do",
        "These are all policies of the execution role of the service function.",
    ),
    (
        "service-no-vpc-function",
        "What the service function outside the network can do",
        "These are all policies of the execution role of the function for the services with `network: none`.",
    ),
    (
        "started",
        "Who can invoke the function",
        "The resource policy of the function, from the Lambda permissions of the stack.",
    ),
    (
        "trust",
        "Who can assume its role",
        "The trust policy of the role.",
    ),
    (
        "users",
        "What the users can do to themselves",
        "A policy of each user with `rotate_as: self`, and one of each user with `self` in `readers`.",
    ),
    (
        "readers",
        "Who else can read the secrets",
        "The resource policies of the secrets. Principals that the account’s IAM policies allow can read them too.",
    ),
    (
        "key",
        "Who can use the KMS keys",
        "The key policies of the stack’s KMS keys.",
    ),
    (
        "others",
        "What else is allowed or denied",
        "The resource policies of the alarm topic and of the artifact bucket.",
    ),
    (
        "deployer",
        "What the deployer needs",
        "deployer-policy.json. It takes effect when you attach it to a person or a pipeline. A principal with the Bootstrap part decides which permissions the execution role and the users get, and which code runs with that role. Give this part only to principals that are allowed to have all these permissions.",
    ),
    (
        "administrator",
        "What the administrator of the StackSet needs",
        "administrator-policy.json. It takes effect when you attach it to a person or a pipeline in the account that administers StackSets. CloudFormation deploys a StackSet with all permissions in each account, so a principal that may change it can do anything there.",
    ),
];

fn group_of(holder: &Holder) -> &'static str {
    match holder {
        Holder::Function(Strategy::AccessKeys) => "function",
        Holder::Function(Strategy::Databases) => "database-function",
        Holder::Function(Strategy::Services) => "service-function",
        Holder::Function(Strategy::ServicesOutside) => "service-no-vpc-function",
        Holder::Started(_) => "started",
        Holder::Trust(_) => "trust",
        Holder::Users(_) => "users",
        Holder::Secret => "readers",
        Holder::Key(_) => "key",
        Holder::Topic | Holder::Bucket | Holder::Other(_) => "others",
        Holder::Deployer => "deployer",
        Holder::Administrator => "administrator",
    }
}

fn sources<'tree>(
    stacks: &'tree [Rendered<'_>],
    beside: &'tree [ExternalPolicy],
) -> Result<Vec<StatementGroup<'tree>>, UnknownEffect> {
    let mut sources = Vec::new();
    // Users' policies differ only in the user, and there may be thousands of them.
    let mut users: Vec<(&Document, usize, String, Vec<String>)> = Vec::new();
    let mut known: HashMap<&Value, usize> = HashMap::new();
    for (stack, rendered) in stacks.iter().enumerate() {
        let mut first = None;
        for document in &rendered.documents {
            let file = policy_file(document, rendered.prefix, &mut first);
            if document.kind == DocumentKind::UserInline {
                // Most are equal to the previous one, which is fast to check.
                let last = users.last().filter(|held| held.0.body == document.body);
                let index = match last {
                    Some(_) => users.len() - 1,
                    None => *known.entry(&*document.body).or_insert(users.len()),
                };
                if index == users.len() {
                    users.push((document, stack, file.unwrap_or_default(), Vec::new()));
                }
                users[index].3.push(user_of(document));
                continue;
            }
            add(
                document,
                holder(document),
                &file.unwrap_or_default(),
                stack,
                &mut sources,
            );
        }
    }
    for (document, stack, file, names) in users {
        add(document, Holder::Users(names), &file, stack, &mut sources);
    }
    // The deployer's statements for several stacks differ only in the names that they contain.
    // There are many names, so each such statement is parsed once.
    let mut similar: HashMap<String, usize> = HashMap::new();
    for (index, one) in beside.iter().enumerate() {
        for value in statement::values(&one.body) {
            if one.holder.is_a_person() {
                let key = but_for_names(value);
                if let Some(first) = similar.get(&key) {
                    sources[*first].unread += 1;
                    continue;
                }
                similar.insert(key, sources.len());
            }
            sources.push(StatementGroup {
                holder: one.holder.clone(),
                statement: statement::read(value)?,
                value,
                files: vec![one.file.clone()],
                stacks: BTreeSet::from([index % stacks.len().max(1)]),
                unread: 0,
            });
        }
    }
    Ok(sources)
}

/// Returns the parts of a statement that identify it apart from names: its Sid, its actions,
/// and its condition keys.
fn but_for_names(value: &Value) -> String {
    let mut key = String::new();
    let part = |key: &str| value.get(key).map(serde_json::to_string);
    let parts = ["Sid", "Effect", "Action"].map(part);
    key.extend(parts.into_iter().flatten().flatten());
    let conditions = value.get("Condition").and_then(Value::as_mapping);
    for (operator, keys) in conditions.into_iter().flatten() {
        key.extend(operator.as_str());
        let keys = keys.as_mapping().into_iter().flatten();
        key.extend(keys.filter_map(|(name, _)| name.as_str()));
    }
    key
}

fn add<'tree>(
    document: &'tree Document,
    holder: Holder,
    file: &str,
    stack: usize,
    sources: &mut Vec<StatementGroup<'tree>>,
) {
    let values = statement::values(&document.body);
    for (statement, value) in document.statements.iter().zip(values) {
        sources.push(StatementGroup {
            holder: holder.clone(),
            statement: statement.clone(),
            value,
            files: vec![file.to_owned()],
            stacks: BTreeSet::from([stack]),
            unread: 0,
        });
    }
}

/// Returns the holder of a document of a stack.
pub fn holder(document: &Document) -> Holder {
    match document.kind {
        DocumentKind::RoleInline | DocumentKind::Managed => Holder::Function(strategy(
            document.holder.as_ref().unwrap_or(&document.resource),
        )),
        DocumentKind::UserInline => Holder::Users(vec![user_of(document)]),
        DocumentKind::Trust => Holder::Trust(strategy(&document.resource)),
        DocumentKind::Key => Holder::Key(document.resource.clone()),
        DocumentKind::Secret => Holder::Secret,
        DocumentKind::Topic => Holder::Topic,
        DocumentKind::Function => Holder::Started(strategy(&document.resource)),
        DocumentKind::Other => Holder::Other(document.resource.clone()),
    }
}

/// Returns the strategy that a logical ID belongs to. It is the access keys' if it belongs to
/// none.
fn strategy(id: &str) -> Strategy {
    let is_of = |one: &Strategy| id == one.role() || id == one.function();
    let found = Strategy::ALL.into_iter().find(is_of);
    found.unwrap_or(Strategy::AccessKeys)
}

/// Returns the user that a policy is attached to, or the policy's logical ID if the user is
/// unknown.
fn user_of(document: &Document) -> String {
    let user = document.holder.as_ref();
    user.unwrap_or(&document.resource).clone()
}

/// Counts the statements of a holder that allow each action.
struct ActionCounts(BTreeMap<(&'static str, String), usize>);

impl ActionCounts {
    fn of(similar: &[StatementGroup<'_>]) -> Self {
        let mut counts = BTreeMap::new();
        for one in similar.iter().filter(|one| !one.statement.denies) {
            for action in &one.statement.actions {
                let key = (group_of(&one.holder), action.clone());
                *counts.entry(key).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// Returns whether no other statement of the holder allows its actions, so that it lists
    /// all of the resources.
    fn holds(&self, one: &StatementGroup<'_>) -> bool {
        let group = group_of(&one.holder);
        let wild = self
            .0
            .keys()
            .any(|(of, action)| *of == group && action.contains('*'));
        let single = |action: &String| self.0.get(&(group, action.clone())) == Some(&1);
        matches!(one.holder, Holder::Function(_))
            && !wild
            && one.statement.excepts.is_empty()
            && one.statement.actions.iter().all(single)
    }
}

fn permission(
    one: &StatementGroup<'_>,
    setting: &SentenceContext,
    alone: &ActionCounts,
    ids: &mut BTreeMap<String, usize>,
) -> Permission {
    let alone = alone.holds(one);
    let mut said = sentence::sentence(&one.holder, &one.statement, setting, alone);
    let mut parts = Vec::new();
    if one.holder.is_a_person() && !one.statement.denies {
        let (subject, of) = sentence::in_parts(&one.statement, setting);
        let mut notes: BTreeSet<String> = BTreeSet::new();
        for part in of {
            notes.extend(part.notes);
            parts.push(part.prose);
        }
        if one.unread > 0 {
            notes.insert(format!(
                "This is the policy of the first stack. {} the same policy with their own names, in separate files",
                match one.unread {
                    1 => "Another one has".to_owned(),
                    more => format!("{} others have", prose::number(more)),
                }
            ));
        }
        said.notes = notes.into_iter().collect();
        said.prose = subject.say(" may");
        if let [only] = parts.as_mut_slice() {
            said.prose = said.prose.say(" ").then(std::mem::take(only));
            parts.clear();
        }
    }
    let prose = match one.stacks.len() {
        spread if spread > 1 => {
            Prose::words(format!("In {} stacks together, ", prose::number(spread))).then(said.prose)
        }
        _ => said.prose,
    };
    let prose = prose.capitalised();
    let anchor = format!("{}-{}", group_of(&one.holder), slug(&one.statement.sid));
    let again = ids.entry(anchor.clone()).or_insert(0);
    *again += 1;
    let (json, shortened) = excerpt::excerpt(one.value);
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
        risks: said.risks,
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

/// Returns an anchor of letters, digits, and hyphens.
fn slug(sid: &str) -> String {
    let kept = sid.chars().filter(char::is_ascii_alphanumeric);
    let kept: String = kept.take(60).collect();
    match kept.is_empty() {
        true => "statement".to_owned(),
        false => kept,
    }
}
