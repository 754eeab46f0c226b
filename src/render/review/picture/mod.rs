//! The stacks as a diagram of who may call what. Its contents come from the templates, and each
//! arrow represents a permission.

mod card;
mod layout;
mod measure;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use card::{Card, Line, cards};
pub use layout::Drawing;

use super::permission::{Group, Permission};
use super::resource::{self, ResourceKind};
use super::subject::{self, Holder};
use crate::render::Strategy;
use crate::render::statement::{Principal, Statement};

/// An arrow: one card may perform an action on another.
#[derive(Clone, Debug, Serialize)]
pub struct Arrow {
    /// The start.
    pub from: &'static str,
    pub from_title: &'static str,
    /// The end.
    pub to: &'static str,
    pub to_title: &'static str,
    /// The action.
    pub verb: &'static str,
    /// The anchor of the permission that allows it, or of the section that explains it.
    pub href: String,
    /// Whether the permission is outside the stack.
    pub elsewhere: bool,
}

/// The diagram in its two forms: as a drawing, and as cards in words.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub drawing: Drawing,
    pub cards: Vec<Card>,
    pub arrows: Vec<Arrow>,
}

/// Draws the cards of the stacks, with arrows for the permissions.
pub fn picture(mut cards: Vec<Card>, groups: &[Group]) -> Picture {
    let arrows = arrows(&cards, groups);
    for card in &mut cards {
        card.calls = arrows
            .iter()
            .filter(|arrow| arrow.from == card.id)
            .cloned()
            .collect();
    }
    Picture {
        drawing: layout::draw(&cards, &arrows),
        cards,
        arrows,
    }
}

/// Tests whether an arrow represents a permission.
type Allows = fn(&Holder, &Statement) -> bool;

/// The definitions of the arrows: the start, the end, the action, and the permission.
const ARROWS: [(&str, &str, &str, Allows); 21] = [
    ("manager", "function", "invokes", |holder, statement| {
        *holder == STARTED && by_service(statement, "secretsmanager")
    }),
    (
        "manager",
        "database-function",
        "invokes",
        |holder, statement| *holder == DATABASES_STARTED && by_service(statement, "secretsmanager"),
    ),
    (
        "events",
        "function",
        "invokes hourly",
        |holder, statement| *holder == STARTED && by_service(statement, "events"),
    ),
    (
        "events",
        "database-function",
        "invokes hourly",
        |holder, statement| *holder == DATABASES_STARTED && by_service(statement, "events"),
    ),
    ("events", "topic", "publishes", |holder, statement| {
        *holder == Holder::Topic && by_service(statement, "events")
    }),
    ("watch", "topic", "publishes", |holder, statement| {
        *holder == Holder::Topic && by_service(statement, "cloudwatch")
    }),
    ("function", "role", "assumes", |holder, _| {
        *holder == Holder::Trust(Strategy::AccessKeys)
    }),
    (
        "database-function",
        "database-role",
        "assumes",
        |holder, _| *holder == Holder::Trust(Strategy::Databases),
    ),
    ("role", "log", "writes", |holder, statement| {
        *holder == KEYS && on(statement, ResourceKind::LogGroup)
    }),
    (
        "database-role",
        "database-log",
        "writes",
        |holder, statement| *holder == DATABASES && on(statement, ResourceKind::LogGroup),
    ),
    ("function", "users", "acts as", |holder, _| {
        matches!(holder, Holder::Users(_))
    }),
    ("role", "users", "manages keys", |holder, statement| {
        *holder == KEYS
            && on(statement, ResourceKind::User)
            && does(statement, "iam:CreateAccessKey")
    }),
    ("role", "users", "records keys", |holder, statement| {
        *holder == KEYS && on(statement, ResourceKind::User)
    }),
    ("role", "secrets", "reads, writes", |holder, statement| {
        *holder == KEYS && writes_secrets(statement)
    }),
    (
        "database-role",
        "secrets",
        "reads, writes",
        |holder, statement| *holder == DATABASES && writes_secrets(statement),
    ),
    ("role", "key", "decrypts", |holder, statement| {
        *holder == KEYS && decrypts(statement)
    }),
    ("database-role", "key", "decrypts", |holder, statement| {
        *holder == DATABASES && decrypts(statement)
    }),
    ("role", "administrators", "reads", |holder, statement| {
        *holder == KEYS && reads_others(statement)
    }),
    (
        "database-role",
        "administrators",
        "reads",
        |holder, statement| *holder == DATABASES && reads_others(statement),
    ),
    ("readers", "secrets", "read", |holder, _| {
        *holder == Holder::Secret
    }),
    ("readers", "key", "decrypt", |holder, statement| {
        matches!(holder, Holder::Key(_))
            && does(statement, "kms:Decrypt")
            && !statement.principals.iter().any(is_function)
    }),
];

const KEYS: Holder = Holder::Function(Strategy::AccessKeys);
const DATABASES: Holder = Holder::Function(Strategy::Databases);
const STARTED: Holder = Holder::Started(Strategy::AccessKeys);
const DATABASES_STARTED: Holder = Holder::Started(Strategy::Databases);

fn writes_secrets(statement: &Statement) -> bool {
    on(statement, ResourceKind::Secret) && does(statement, "secretsmanager:PutSecretValue")
}

fn decrypts(statement: &Statement) -> bool {
    on(statement, ResourceKind::Key) && does(statement, "kms:Decrypt")
}

fn reads_others(statement: &Statement) -> bool {
    on(statement, ResourceKind::Secret) && !does(statement, "secretsmanager:PutSecretValue")
}

/// Arrows without a permission in the stack: the start, the end, the action, and the section of
/// the page that explains it.
const ELSEWHERE: [(&str, &str, &str, &str); 6] = [
    ("deployer", "cloudformation", "deploys", "deployer"),
    ("topic", "mail", "sends", "resources"),
    ("clients", "secrets", "read", "readers"),
    ("clients", "users", "call AWS as", "secrets"),
    ("clients", "databases", "log in", "databases"),
    ("database-function", "databases", "changes", "databases"),
];

fn by_service(statement: &Statement, name: &str) -> bool {
    let is =
        |one: &Principal| matches!(one, Principal::Service(service) if service.starts_with(name));
    statement.principals.iter().any(is)
}

fn on(statement: &Statement, kind: ResourceKind) -> bool {
    statement
        .resources
        .iter()
        .any(|arn| resource::named_resource(arn, None).kind == kind)
}

fn does(statement: &Statement, action: &str) -> bool {
    statement.actions.iter().any(|one| one == action)
}

fn is_function(principal: &Principal) -> bool {
    matches!(principal, Principal::Aws(arn) if subject::role_of(arn).is_some())
}

fn arrows(cards: &[Card], groups: &[Group]) -> Vec<Arrow> {
    let permissions: Vec<&Permission> =
        groups.iter().flat_map(|group| &group.permissions).collect();
    let card = |id: &str| cards.iter().find(|card| card.id == id);
    let arrow = |from: &str, to: &str, verb, href: String, elsewhere| {
        let (from, to) = (card(from)?, card(to)?);
        Some(Arrow {
            from: from.id,
            from_title: from.title,
            to: to.id,
            to_title: to.title,
            verb,
            href,
            elsewhere,
        })
    };
    let allowed = ARROWS.iter().filter_map(|(from, to, verb, allows)| {
        let stands =
            |one: &&&Permission| !one.statement.denies && allows(&one.holder, &one.statement);
        let permission = permissions.iter().find(stands)?;
        arrow(from, to, verb, permission.id.clone(), false)
    });
    let elsewhere = ELSEWHERE
        .iter()
        .filter_map(|(from, to, verb, href)| arrow(from, to, verb, (*href).to_owned(), true));
    first_of_each_pair(allowed.chain(elsewhere))
}

/// Returns one arrow from a card to another: the first, which is the most informative.
fn first_of_each_pair(all: impl Iterator<Item = Arrow>) -> Vec<Arrow> {
    let mut arrows: Vec<Arrow> = Vec::new();
    for arrow in all {
        let ends = |one: &Arrow| (one.from, one.to) == (arrow.from, arrow.to);
        if !arrows.iter().any(ends) {
            arrows.push(arrow);
        }
    }
    arrows
}
