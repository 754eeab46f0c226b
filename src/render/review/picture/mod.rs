//! The stacks as a picture: who may call whom. What there is comes from the
//! templates, and an arrow is there only if a permission is.

mod card;
mod layout;
mod measure;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use card::{Card, Line};
pub use layout::Drawing;

use super::permission::{Group, Permission};
use super::resource::{self, Kind};
use super::statement::{Principal, Statement};
use super::subject::Holder;
use crate::render::Rendered;

/// An arrow: one card may do something with another.
#[derive(Clone, Debug, Serialize)]
pub struct Arrow {
    /// Where it begins.
    pub from: &'static str,
    pub from_title: &'static str,
    /// Where it points.
    pub to: &'static str,
    pub to_title: &'static str,
    /// What may be done.
    pub verb: &'static str,
    /// The anchor of the permission that allows it, or of what there is to say.
    pub href: String,
    /// No permission of the stack's allows it; somebody else's does.
    pub elsewhere: bool,
}

/// The picture in its two forms: drawn, and as cards in words.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub drawing: Drawing,
    pub cards: Vec<Card>,
    pub arrows: Vec<Arrow>,
}

/// Draws the stacks.
pub fn picture(stacks: &[Rendered<'_>], groups: &[Group], account: &str) -> Picture {
    let mut cards = card::cards(stacks, account);
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

/// Whether a permission is what an arrow stands for.
type Allows = fn(&Holder, &Statement) -> bool;

/// What the arrows stand for: from, to, what may be done, and by which permission.
const ARROWS: [(&str, &str, &str, Allows); 13] = [
    ("manager", "function", "starts", |holder, statement| {
        *holder == Holder::Started && by_service(statement, "secretsmanager")
    }),
    (
        "events",
        "function",
        "starts hourly",
        |holder, statement| *holder == Holder::Started && by_service(statement, "events"),
    ),
    ("events", "topic", "publishes", |holder, statement| {
        *holder == Holder::Topic && by_service(statement, "events")
    }),
    ("watch", "topic", "publishes", |holder, statement| {
        *holder == Holder::Topic && by_service(statement, "cloudwatch")
    }),
    ("function", "role", "takes on", |holder, _| {
        *holder == Holder::Trust
    }),
    ("role", "log", "writes", |holder, statement| {
        *holder == Holder::Function && on(statement, Kind::LogGroup)
    }),
    ("function", "users", "acts as", |holder, _| {
        matches!(holder, Holder::Users(_))
    }),
    ("role", "users", "manages keys", |holder, statement| {
        *holder == Holder::Function && on(statement, Kind::User)
    }),
    ("role", "secrets", "reads, writes", |holder, statement| {
        *holder == Holder::Function
            && on(statement, Kind::Secret)
            && does(statement, "secretsmanager:PutSecretValue")
    }),
    ("role", "key", "decrypts", |holder, statement| {
        *holder == Holder::Function && on(statement, Kind::Key) && does(statement, "kms:Decrypt")
    }),
    ("role", "administrators", "reads", |holder, statement| {
        *holder == Holder::Function
            && on(statement, Kind::Secret)
            && !does(statement, "secretsmanager:PutSecretValue")
    }),
    ("readers", "secrets", "read", |holder, _| {
        *holder == Holder::Secret
    }),
    ("readers", "key", "decrypt", |holder, statement| {
        matches!(holder, Holder::Key(_))
            && does(statement, "kms:Decrypt")
            && !statement.principals.iter().any(is_function)
    }),
];

/// Arrows for which the stack has no permission: from, to, what is done, and where
/// the page says more.
const ELSEWHERE: [(&str, &str, &str, &str); 4] = [
    ("deployer", "cloudformation", "deploys", "deployer"),
    ("topic", "mail", "sends", "resources"),
    ("clients", "secrets", "read", "readers"),
    ("clients", "users", "call AWS as", "secrets"),
];

fn by_service(statement: &Statement, name: &str) -> bool {
    let is =
        |one: &Principal| matches!(one, Principal::Service(service) if service.starts_with(name));
    statement.principals.iter().any(is)
}

fn on(statement: &Statement, kind: Kind) -> bool {
    statement
        .resources
        .iter()
        .any(|arn| resource::thing(arn, None).kind == kind)
}

fn does(statement: &Statement, action: &str) -> bool {
    statement.actions.iter().any(|one| one == action)
}

fn is_function(principal: &Principal) -> bool {
    matches!(principal, Principal::Aws(arn) if arn.ends_with("${FunctionRole}"))
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
    allowed.chain(elsewhere).collect()
}
