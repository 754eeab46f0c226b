//! Groups the secrets that have the same settings. Shared settings appear once, and settings
//! that a reader must compare appear side by side.

mod database;
mod service;
mod setup;

use std::collections::HashMap;

use serde::Serialize;

use super::prose::{self, LISTED, Prose};
use super::recurrence;
use super::subject;
use super::timeline::{self, Timeline};
use crate::model::{
    self, AccessKey, Arn, Entry, FirstRotation, InitialKey, Kind, KmsKey, Names, OldKey, Probe,
    Replica, RotateAs,
};
use crate::render::statement::Principal;
use crate::render::{Rendered, Strategy, name, resolve};
use setup::Setup;

/// The heading of the readers, before which the replicas are.
const READERS: &str = "Named readers";

/// Secrets with the same settings.
#[derive(Debug, Serialize)]
pub struct Arrangement<'a> {
    /// The letter that identifies the group.
    pub letter: String,
    /// The number of its secrets, in words. For a single secret, its name.
    pub count: String,
    /// The settings that all of them share.
    pub facts: Vec<Fact>,
    /// The schedule expression, as AWS receives it.
    pub expression: String,
    /// The secrets.
    pub rows: Vec<Row>,
    #[serde(skip)]
    first: &'a Entry,
}

/// Returns the user that the credential belongs to.
fn user(entry: &Entry) -> String {
    match &entry.kind {
        Kind::AccessKey(key) => {
            let path = key.path.as_str();
            format!("{}{}", path.trim_start_matches('/'), key.user)
        }
        Kind::Database(database) => database::user(database),
        Kind::Service(service) => service::user(service),
    }
}

/// A setting that all secrets of a group share.
#[derive(Debug, Serialize)]
pub struct Fact {
    pub what: &'static str,
    pub prose: Prose,
}

/// One secret.
#[derive(Debug, Serialize)]
pub struct Row {
    pub secret: String,
    /// The description of its own in the manifest.
    pub description: Option<String>,
    pub user: String,
    /// The logical IDs of the resources that the stack creates for it.
    pub ids: String,
    /// The file of its stack, if there are several.
    pub file: Option<String>,
}

/// The schedule of some groups.
#[derive(Debug, Serialize)]
pub struct Rota {
    pub letters: String,
    /// The letters, separated by spaces.
    pub marks: String,
    pub expression: String,
    pub when: String,
    pub window: String,
    pub count: String,
    /// Whether the schedule counts from the last rotation.
    pub rate: bool,
    /// The calendar in the format of the page's script.
    pub calendar: String,
    /// The length of the rotation window in hours. Empty if AWS chooses it.
    pub hours: String,
}

/// Returns the groups. The secrets are sorted by name.
pub fn arrangements<'a>(stacks: &'a [Rendered<'_>], account: &str) -> Vec<Arrangement<'a>> {
    let mut all: Vec<Arrangement<'_>> = Vec::new();
    let mut places: HashMap<Setup<'_>, usize> = HashMap::new();
    for rendered in stacks {
        let file = (stacks.len() > 1).then(|| rendered.file.to_owned());
        let made = resolve::resources(&rendered.tree)
            .map(|(id, _)| id)
            .collect();
        let mut entries: Vec<&Entry> = rendered.model.entries.iter().collect();
        entries.sort_by_key(|entry| (Strategy::for_entry(entry), &entry.secret));
        for entry in entries {
            let next = all.len();
            let place = *places.entry(Setup::of(entry)).or_insert(next);
            if place == next {
                all.push(arrangement(entry, next, account));
            }
            all[place].rows.push(Row {
                secret: entry.secret.to_string(),
                description: entry.description.clone(),
                user: user(entry),
                ids: logical_ids(entry, &made),
                file: file.clone(),
            });
        }
    }
    for one in &mut all {
        one.count = match one.rows.as_slice() {
            [only] => only.secret.clone(),
            more => prose::count(more.len(), "secret", "secrets"),
        };
    }
    all
}

/// Returns the logical IDs that are derived from the entry and exist in the stack.
fn logical_ids(entry: &Entry, made: &std::collections::HashSet<&str>) -> String {
    let ids = entry_ids(entry);
    let ids: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| made.contains(id))
        .collect();
    ids.join(" ")
}

/// Returns the logical IDs that an entry can have.
fn entry_ids(entry: &Entry) -> Vec<String> {
    let mut ids = vec![
        name::secret_logical_id(entry),
        name::schedule_logical_id(entry),
        name::readers_logical_id(entry),
    ];
    if let Kind::AccessKey(key) = &entry.kind {
        ids.extend([
            name::user_policy_logical_id(key),
            name::own_secret_policy_logical_id(key),
            name::user_logical_id(key),
        ]);
    }
    ids
}

/// Returns A, B … Z, AA, AB …
fn letter(index: usize) -> String {
    let before = match index / 26 {
        0 => String::new(),
        more => letter(more - 1),
    };
    let last = b'A' + u8::try_from(index % 26).unwrap_or_default();
    before + &char::from(last).to_string()
}

fn arrangement<'a>(entry: &'a Entry, index: usize, account: &str) -> Arrangement<'a> {
    let own = match &entry.kind {
        Kind::AccessKey(key) => facts(entry, key, account),
        Kind::Database(database) => database::facts(entry, database, account),
        Kind::Service(service) => service::facts(entry, service, account),
    };
    let mut facts: Vec<Fact> = adopted(entry).into_iter().chain(own).collect();
    if !entry.replicas.is_empty() {
        let fact = Fact {
            what: "Replicated to",
            prose: replicated(&entry.replicas),
        };
        let readers = facts.iter().position(|fact| fact.what == READERS);
        facts.insert(readers.unwrap_or(facts.len()), fact);
    }
    if !entry.notify.is_empty() {
        let targets = entry.notify.iter();
        let targets =
            targets.map(|it| Prose::words(format!("the {} ", it.kind.noun())).code(it.name()));
        facts.push(Fact {
            what: "Each promotion is reported to",
            prose: prose::list(targets, "and"),
        });
    }
    Arrangement {
        letter: letter(index),
        count: String::new(),
        facts,
        expression: entry.schedule.to_string(),
        rows: Vec::new(),
        first: entry,
    }
}

/// Returns what becomes of a secret that exists already.
fn adopted(entry: &Entry) -> Option<Fact> {
    entry.adopt.then(|| Fact {
        what: "The secret",
        prose: Prose::words("already exists, and is imported with its name, ARN, and value"),
    })
}

/// Returns the settings that an access key shares with similar ones.
fn facts(entry: &Entry, key: &AccessKey, account: &str) -> Vec<Fact> {
    let when = Prose::words(recurrence::when(&entry.schedule))
        .say(" (")
        .code(entry.schedule.as_str())
        .say("), ")
        .say(recurrence::window(&entry.schedule, entry.window));
    let user = match (key.create_user, &key.initial_key) {
        _ if entry.adopt => Prose::words("already exists; its current key is in the secret"),
        (true, _) => Prose::words("is created by the stack, which owns all its keys"),
        (false, InitialKey::Create) => Prose::words("already exists; its first key is a new one"),
        (false, InitialKey::Profile(name)) => {
            Prose::words("already exists; its current key is adopted from the profile ").code(name)
        }
        (false, InitialKey::Secret(secret)) => {
            Prose::words("already exists; its current key is adopted from the secret ")
                .code(secret.as_str())
                .say(", which is only read")
        }
    };
    let origin = match &entry.rotate_as {
        RotateAs::Itself => Prose::words("the user’s own current key"),
        RotateAs::Role => Prose::words("the function’s execution role, without a long-lived key"),
        RotateAs::Administrator(secret) => {
            Prose::words("the key in the administrator’s secret ").code(secret.as_str())
        }
    };
    let mut facts = vec![
        ("Rotates", when),
        ("With", origin),
        ("The user", user),
        ("Encrypted with", encrypted(&entry.kms_key)),
        (READERS, named(&entry.readers, account)),
        ("The old key", old_key(entry.old_key)),
        ("A key is active", age(entry, key)),
    ];
    if let Some(probe) = &key.probe {
        facts.push(("A new key must first", self::probe(probe)));
    }
    facts.extend(own_secret(entry));
    if !key.smtp.is_empty() {
        let regions = key.smtp.iter().map(|region| Prose::name(region.as_str()));
        let says =
            Prose::words("SMTP credentials of Amazon SES for ").then(prose::list(regions, "and"));
        facts.push(("Also contains", says));
    }
    facts.extend(first_rotation(entry));
    facts.extend(own_tags(entry));
    let fields = keyrota_contract::value::OF_ACCESS_KEYS;
    let fields = fields.map(|name| field(&entry.fields, name));
    facts.push(("Fields", prose::list(fields, "and")));
    let facts = facts.into_iter();
    facts.map(|(what, prose)| Fact { what, prose }).collect()
}

/// Returns that the user may read its own secret, if it may, and how often a host with the key must
/// read it.
fn own_secret(entry: &Entry) -> Option<(&'static str, Prose)> {
    let interval = model::longest_interval(&entry.schedule, entry.window, entry.old_key)?;
    let says =
        Prose::words("may read this secret, and no other; a host that has only the key runs ")
            .code("keyrota follow")
            .say(format!(
                " at least once every {}. A thief of the key can read each new key too",
                model::days_and_hours(interval)
            ));
    entry.reads_itself.then_some(("The user itself", says))
}

/// Returns when the first rotation takes place, unless it is an access key that rotates at once.
fn first_rotation(entry: &Entry) -> Option<(&'static str, Prose)> {
    let when = match (entry.first_rotation, &entry.kind) {
        (FirstRotation::Now, Kind::AccessKey(_)) => return None,
        (FirstRotation::Now, Kind::Database(_) | Kind::Service(_)) => {
            Prose::words("takes place during ").code("keyrota bootstrap")
        }
        (FirstRotation::Scheduled, _) => Prose::words("takes place in the first rotation window"),
        (FirstRotation::OnRequest, _) => Prose::words("waits for ")
            .code(format!("keyrota rotate {}", entry.secret))
            .say(", which also turns on the schedule"),
    };
    Some(("The first rotation", when))
}

/// Returns the tags that the entry has in addition to the manifest's, if there are any.
fn own_tags(entry: &Entry) -> Option<(&'static str, Prose)> {
    let tags = entry.tags.iter();
    let tags: Vec<Prose> = tags
        .map(|(key, value)| Prose::name(format!("{key}={value}")))
        .collect();
    (!tags.is_empty()).then(|| ("Tagged with", prose::list(tags, "and")))
}

/// Returns the name of a field of the value.
fn field(names: &Names, field: &'static str) -> Prose {
    match names.of(field) {
        name if name == field => Prose::name(name),
        name => Prose::name(name).say(" for ").code(field),
    }
}

fn encrypted(key: &KmsKey) -> Prose {
    match key {
        KmsKey::AwsManaged => Prose::name("aws/secretsmanager").say(", the account’s default key"),
        KmsKey::Create => Prose::words("a customer managed key that the stack creates"),
        KmsKey::Existing(arn) => Prose::words("the customer managed key ").code(arn.as_str()),
    }
}

/// Says in which Regions a secret has replicas, and with which keys.
fn replicated(replicas: &[Replica]) -> Prose {
    let one = |replica: &Replica| {
        let region = Prose::name(replica.region.as_str());
        match &replica.kms_key {
            None => region,
            Some(arn) => region
                .say(", encrypted with the customer managed key ")
                .code(arn.as_str()),
        }
    };
    prose::list(replicas.iter().map(one), "and")
}

fn named(readers: &[Arn], account: &str) -> Prose {
    if readers.is_empty() {
        return Prose::words("none");
    }
    let mut named: Vec<&str> = readers.iter().map(|arn| arn.as_str()).collect();
    named.sort_unstable();
    named.dedup();
    match named.len() {
        few if few <= LISTED => {
            let all = named
                .iter()
                .map(|arn| subject::principal(&Principal::Aws((*arn).to_owned()), account));
            prose::list(all, "and")
        }
        more => Prose::words(format!(
            "{} principals, listed under permissions",
            prose::number(more)
        )),
    }
}

fn old_key(old_key: OldKey) -> Prose {
    match old_key {
        OldKey::UntilNextRotation => {
            Prose::words("stays active until the next rotation deletes it")
        }
        OldKey::After(after) if after.delete_after.as_seconds() == 0 => {
            Prose::words("is deleted as soon as it is replaced")
        }
        OldKey::After(after) => Prose::words(format!(
            "is deactivated after {} and deleted after {}, unless a client still uses it or may still use it",
            prose::duration(after.deactivate_after),
            prose::duration(after.delete_after),
        )),
    }
}

fn age(entry: &Entry, key: &AccessKey) -> Prose {
    let age = model::longest_active(&entry.schedule, entry.window, entry.old_key);
    let age = model::days_and_hours(age);
    let most = Prose::words(format!("for at most {age}, if no rotation is late"));
    match key.max_key_age {
        Some(limit) => most.say(format!("; the limit is {}", prose::duration(limit))),
        None => most,
    }
}

fn probe(probe: &Probe) -> Prose {
    match probe {
        Probe::ListBucket { bucket, region } => {
            let listed = Prose::words("be allowed to list the bucket ").code(bucket.parts()[4]);
            match region {
                Some(region) => listed.say(" in ").code(region.as_str()),
                None => listed,
            }
        }
        Probe::AssumeRole { role } => {
            Prose::words("be allowed to assume the role ").code(role.as_str())
        }
        Probe::LogIn(server) => Prose::words("log in by SMTP at ").code(server.address()),
    }
}

/// Returns each schedule once, with the groups that have it.
pub fn rotas(arrangements: &[Arrangement<'_>]) -> Vec<Rota> {
    let mut rotas: Vec<(Rota, Vec<&str>, usize)> = Vec::new();
    for one in arrangements {
        let (schedule, window) = (&one.first.schedule, one.first.window);
        let hours = window.and_then(|window| window.as_hours());
        let hours = hours.map(|hours| hours.to_string()).unwrap_or_default();
        let same = |held: &&mut (Rota, Vec<&str>, usize)| {
            held.0.expression == schedule.as_str() && held.0.hours == hours
        };
        if let Some((_, letters, secrets)) = rotas.iter_mut().find(same) {
            letters.push(&one.letter);
            *secrets += one.rows.len();
            continue;
        }
        let rota = Rota {
            letters: String::new(),
            marks: String::new(),
            expression: schedule.to_string(),
            when: prose::capitalised(&recurrence::when(schedule)),
            window: recurrence::window(schedule, window),
            count: String::new(),
            rate: schedule.rate().is_some(),
            calendar: serde_json::to_string(&schedule.calendar()).unwrap_or_default(),
            hours,
        };
        rotas.push((rota, vec![&one.letter], one.rows.len()));
    }
    let finished = rotas.into_iter().map(|(rota, letters, secrets)| Rota {
        marks: letters.join(" "),
        letters: prose::words(letters, "and"),
        count: prose::count(secrets, "secret", "secrets"),
        ..rota
    });
    finished.collect()
}

/// Returns each way to retire old keys, with the groups that have it.
pub fn timelines(arrangements: &[Arrangement<'_>]) -> Vec<Timeline> {
    let mut policies: Vec<(OldKey, Vec<&str>)> = Vec::new();
    for one in arrangements {
        let Some(first) = one.first.as_access_key() else {
            continue;
        };
        match policies.iter_mut().find(|(held, _)| *held == first.old_key) {
            Some((_, letters)) => letters.push(&one.letter),
            None => policies.push((first.old_key, vec![&one.letter])),
        }
    }
    let draw = |(old_key, letters): &(OldKey, Vec<&str>)| timeline::timeline(*old_key, letters);
    policies.iter().map(draw).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn letters_go_on_after_the_last() {
        let letters = [0, 25, 26, 51, 52, 701, 702].map(super::letter);
        assert_eq!(letters.join(" "), "A Z AA AZ BA ZZ AAA");
    }
}
