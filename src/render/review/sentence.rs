//! Describes a statement as a plain sentence: who may do what to which resource, and under
//! which conditions. The sentence contains every action, resource, and condition of the
//! statement, in words or by name, so it is true of the whole statement.

use std::collections::BTreeSet;

use serde::Serialize;

use super::prose::Prose;
use super::resource::{ResourceKind, Wildcard};
use super::subject::{self, Holder};
use super::{action, condition, part, prose, resource};
use crate::render::Strategy;
use crate::render::statement::{Principal, Statement};

/// The context of the sentences besides the statement.
#[derive(Clone, Debug)]
pub struct SentenceContext {
    /// The stack's name.
    pub stack: String,
    /// The account number, or its placeholder.
    pub account: String,
    /// The Region, or its placeholder.
    pub region: String,
}

/// The action that has no resource and concerns no secret.
const PASSWORDS: &str = "secretsmanager:GetRandomPassword";

/// A statement in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// The sentence.
    pub prose: Prose,
    /// The meaning of its wildcards, and why they are necessary.
    pub notes: Vec<String>,
    /// Its risks.
    pub risks: Vec<&'static str>,
}

/// Returns a statement as a sentence.
///
/// `alone` says that no other statement of the same holder allows the same actions, so that
/// "and no others" is true.
pub fn sentence(
    holder: &Holder,
    statement: &Statement,
    setting: &SentenceContext,
    alone: bool,
) -> Sentence {
    let subject = subject::phrase(holder, &statement.principals, &setting.account);
    about(subject, holder, statement, setting, alone)
}

fn about(
    subject: Prose,
    holder: &Holder,
    statement: &Statement,
    setting: &SentenceContext,
    alone: bool,
) -> Sentence {
    let mut kinds = resource::named_resources(
        statement.resources.iter().map(String::as_str),
        Some(setting),
    );
    if let Some([any]) = kinds
        .get_mut(&ResourceKind::Everything)
        .map(Vec::as_mut_slice)
        && statement.excepts.is_empty()
    {
        let kind = resource::anything(&statement.actions);
        any.name = kind.unwrap_or_default();
    }
    let object = object(holder, statement, &kinds);
    let several = kinds.values().flatten().count() > 1;
    let exact = !statement.resources.is_empty()
        && statement.excepts.is_empty()
        && kinds.values().flatten().all(|named_resource| {
            matches!(named_resource.wildcard, None | Some(Wildcard::Suffix))
                && named_resource.kind != ResourceKind::Itself
        });
    let of_keys = kinds.contains_key(&ResourceKind::Key);
    let (action_phrases, parts) = action_phrases(statement, &object, several, of_keys);
    let mut prose = subject;
    if statement.excepts.contains(&"NotPrincipal") {
        prose = Prose::words("everyone but ").then(prose);
    }
    let nobody = statement.denies && statement.principals == [Principal::Anyone];
    prose = match (nobody && statement.excepts.is_empty(), statement.denies) {
        (true, _) => Prose::words("nobody may "),
        (_, true) => prose.say(" must not "),
        (_, false) if prose.is_empty() => prose,
        (_, false) => prose.say(" may "),
    }
    .then(action_phrases);
    if alone && exact && !statement.denies && parts == 1 {
        prose = prose.say(match several {
            true => ", and no others",
            false => ", and no other",
        });
    }
    if !statement.conditions.is_empty() {
        let all = statement.conditions.iter();
        let all = all.map(|one| condition::phrase(one, setting));
        let so = if statement.denies { " " } else { ", but only " };
        for (index, one) in all.enumerate() {
            prose = prose.say(if index == 0 { so } else { ", and " }).then(one);
        }
    }
    Sentence {
        prose: prose.say("."),
        notes: notes(holder, statement, &kinds),
        risks: risks(statement),
    }
}

/// Returns the permissions in a statement of the deployer's, with one sentence for each kind of
/// resource: the purpose, and each sentence without its subject.
pub fn in_parts(statement: &Statement, setting: &SentenceContext) -> (Prose, Vec<Sentence>) {
    // One Sid prefix is the beginning of another, so the longer one comes first.
    let command = [
        ("Plan", "plan"),
        ("Bootstrap", "bootstrap"),
        ("Rotate", "rotate"),
        ("StatusWithoutValues", "status --no-values"),
        ("Status", "status"),
        ("Teardown", "teardown"),
        ("Doctor", "doctor"),
        ("DetectDrift", "plan, bootstrap, status --check, and doctor"),
    ]
    .into_iter()
    .find(|(prefix, _)| statement.sid.starts_with(prefix));
    let subject = match command {
        Some((_, command)) => {
            let command = format!("keyrota {command}");
            Prose::words("for ").code(command).say(", the deployer")
        }
        None => subject::phrase(&Holder::Deployer, &[], &setting.account),
    };
    let parts = part::parts(statement, setting);
    let parts = parts
        .iter()
        .map(|part| about(Prose::default(), &Holder::Deployer, part, setting, false));
    (subject, parts.collect())
}

/// Returns the resources that the statement applies to.
fn object(
    holder: &Holder,
    statement: &Statement,
    kinds: &std::collections::BTreeMap<ResourceKind, Vec<resource::NamedResource<'_>>>,
) -> Prose {
    let everything = kinds.contains_key(&ResourceKind::Everything);
    let object = match holder {
        Holder::Trust(Strategy::AccessKeys) => Prose::words("the execution role of the function"),
        Holder::Trust(Strategy::Databases) => {
            Prose::words("the execution role of the database function")
        }
        Holder::Trust(Strategy::Services) => {
            Prose::words("the execution role of the service function")
        }
        Holder::Trust(Strategy::ServicesOutside) => {
            Prose::words("the execution role of the service function outside the network")
        }
        Holder::Key(name) if everything => Prose::words("the key ").code(name),
        _ if everything && statement.actions == [PASSWORDS] => Prose::words("Secrets Manager"),
        _ if statement.resources.is_empty() => Prose::words("the resource that it is attached to"),
        _ => resource::phrase(kinds),
    };
    match statement.excepts.contains(&"NotResource") {
        true => Prose::words("everything except ").then(object),
        false => object,
    }
}

/// Returns for example "look at, read and write 3 secrets: …, and list their versions".
fn action_phrases(
    statement: &Statement,
    object: &Prose,
    several: bool,
    of_keys: bool,
) -> (Prose, usize) {
    if statement.excepts.contains(&"NotAction") {
        let named = statement.actions.iter().map(Prose::name);
        let all_but = Prose::words("do everything except ");
        let all_but = all_but.then(prose::list(named, "and"));
        return (all_but.say(" with ").then(object.clone()), 1);
    }
    // The verbs for each part of the resource, in the order of the statement.
    let mut parts: Vec<(&str, Vec<Prose>)> = Vec::new();
    for name in &statement.actions {
        let words = action::words(name);
        // An alias is a separate resource, and is attached to a key.
        let part = match words {
            Some(_) if name.ends_with("Alias") && of_keys => "aliases of",
            Some(words) => words.part,
            None => "on",
        };
        let place = parts
            .iter()
            .position(|(held, _)| *held == part)
            .unwrap_or_else(|| {
                parts.push((part, Vec::new()));
                parts.len() - 1
            });
        let verbs = &mut parts[place].1;
        let said: Vec<Prose> = match words {
            Some(words) => words.verbs.iter().copied().map(Prose::words).collect(),
            None => vec![Prose::words("call ").code(name)],
        };
        for verb in said {
            if !verbs.contains(&verb) {
                verbs.push(verb);
            }
        }
    }
    for (_, verbs) in &mut parts {
        verbs.sort_by_key(|verb| action::rank(&verb.plain()));
    }
    // The resource itself comes first. The other parts then refer to it as "it".
    parts.sort_by_key(|(part, _)| !part.is_empty());
    let said = parts.into_iter().enumerate().map(|(index, (part, verbs))| {
        let what = match index {
            0 => object.clone(),
            _ if object.plain() == "itself" => Prose::words("its own"),
            _ if several => Prose::words("them"),
            _ => Prose::words("it"),
        };
        let verbs = prose::list(verbs, "and");
        match part.is_empty() {
            true => verbs.say(" ").then(what),
            false => verbs.say(format!(" {part} ")).then(what),
        }
    });
    let said: Vec<Prose> = said.collect();
    let mut prose = Prose::default();
    let last = said.len().saturating_sub(1);
    for (index, one) in said.into_iter().enumerate() {
        prose = match index {
            0 => one,
            _ if index == last => prose.say(", and ").then(one),
            _ => prose.say(", ").then(one),
        };
    }
    (prose, last + 1)
}

fn notes(
    holder: &Holder,
    statement: &Statement,
    kinds: &std::collections::BTreeMap<ResourceKind, Vec<resource::NamedResource<'_>>>,
) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for named_resource in kinds.values().flatten() {
        notes.extend(match (named_resource.wildcard, holder) {
            // This appears once, where the sentences begin.
            (None | Some(Wildcard::Suffix), _) => None,
            (Some(Wildcard::Everything), Holder::Key(_)) => {
                Some("* in a key policy matches only that key")
            }
            (Some(Wildcard::Everything), _)
                if statement.actions.iter().all(|one| action::is_unscoped(one)) =>
            {
                Some("* because these actions do not support resource-level permissions")
            }
            (Some(wildcard), _) => Some(wildcard.note()),
        });
    }
    if kinds.contains_key(&ResourceKind::Itself) {
        notes.insert("${aws:username} is the name of the calling user");
    }
    if !statement.denies
        && statement
            .actions
            .iter()
            .any(|one| action::is_of_network(one))
    {
        notes.insert(
            "Lambda creates the network interfaces with this role; the code of the function is denied these actions",
        );
    }
    if matches!(holder, Holder::Key(_))
        && statement.principals.iter().any(subject::is_root)
        && statement.actions.iter().any(|one| one == "kms:*")
    {
        notes.insert(
            "kms:* for the account keeps the key manageable: without it, nobody could change this policy after the role is deleted",
        );
    }
    notes.into_iter().map(str::to_owned).collect()
}

fn risks(statement: &Statement) -> Vec<&'static str> {
    if statement.denies {
        return Vec::new();
    }
    let mut found: Vec<&str> = Vec::new();
    if !statement.excepts.is_empty() {
        found.push("by exception");
    }
    for one in statement.actions.iter().filter_map(|one| action::risk(one)) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}
