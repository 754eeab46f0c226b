//! The stacks as a diagram of who may call what. Its contents come from the templates, and each
//! arrow represents a permission.

mod card;
mod layout;
mod measure;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use card::{Card, cards};

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
    /// How it is drawn.
    pub flow: Flow,
}

/// How an arrow is drawn.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flow {
    /// The line, as a path.
    pub path: String,
    /// The arrowhead, as a path.
    pub head: String,
    /// The place of the label.
    pub x: u32,
    pub y: u32,
    /// The text anchor at `x`: `start` or `end`.
    pub anchor: &'static str,
}

/// The heading of a column.
#[derive(Debug, Serialize)]
pub struct Heading {
    pub x: u32,
    pub text: &'static str,
}

/// The diagram. The page shows it as a drawing, and as cards in words.
#[derive(Debug, Serialize)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub card_width: u32,
    pub headings: Vec<Heading>,
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
    layout::draw(cards, arrows)
}

/// A permission, and the function that an arrow concerns.
struct Case<'a> {
    holder: &'a Holder,
    statement: &'a Statement,
    strategy: Strategy,
}

impl Case<'_> {
    /// Returns whether a service may invoke the function.
    fn invokes(&self, service: &str) -> bool {
        *self.holder == Holder::Started(self.strategy) && by_service(self.statement, service)
    }

    /// Returns whether a service may publish to the topic.
    fn publishes(&self, service: &str) -> bool {
        *self.holder == Holder::Topic && by_service(self.statement, service)
    }

    /// Returns whether the function's role may do something with resources of a kind.
    fn is_on(&self, kind: ResourceKind) -> bool {
        let mut arns = self.statement.resources.iter();
        *self.holder == Holder::Function(self.strategy)
            && arns.any(|arn| resource::named_resource(arn, None).kind == kind)
    }

    fn does(&self, action: &str) -> bool {
        self.statement.actions.iter().any(|one| one == action)
    }
}

/// Tests whether a permission is what an arrow represents.
type Allows = fn(&Case<'_>) -> bool;

/// The definitions of the arrows: the start, the end, the action, and the permission. An arrow
/// from or to a function, its role, or its log exists for each function.
const ARROWS: [(&str, &str, &str, Allows); 17] = [
    ("manager", "function", "invokes", |case| {
        case.invokes("secretsmanager")
    }),
    ("events", "function", "invokes hourly", |case| {
        case.invokes("events")
    }),
    ("events", "topic", "publishes", |case| {
        case.publishes("events")
    }),
    ("watch", "topic", "publishes", |case| {
        case.publishes("cloudwatch")
    }),
    ("function", "role", "assumes", |case| {
        *case.holder == Holder::Trust(case.strategy)
    }),
    ("role", "log", "writes", |case| {
        case.is_on(ResourceKind::LogGroup)
    }),
    ("function", "users", "acts as", |case| {
        case.strategy == Strategy::AccessKeys && matches!(case.holder, Holder::Users(_))
    }),
    ("role", "users", "manages keys", |case| {
        case.is_on(ResourceKind::User) && case.does("iam:CreateAccessKey")
    }),
    ("role", "users", "records keys", |case| {
        case.is_on(ResourceKind::User)
    }),
    ("role", "secrets", "reads, writes", |case| {
        case.is_on(ResourceKind::Secret) && case.does("secretsmanager:PutSecretValue")
    }),
    ("log", "key", "encrypted with", |case| {
        matches!(case.holder, Holder::Key(_)) && by_service(case.statement, "logs.")
    }),
    ("topic", "key", "encrypted with", |case| {
        matches!(case.holder, Holder::Key(_)) && by_service(case.statement, "cloudwatch.")
    }),
    ("role", "key", "decrypts", |case| {
        case.is_on(ResourceKind::Key) && case.does("kms:Decrypt")
    }),
    ("role", "administrators", "reads", |case| {
        case.is_on(ResourceKind::Secret) && !case.does("secretsmanager:PutSecretValue")
    }),
    ("role", "adapters", "invokes", |case| {
        case.is_on(ResourceKind::Function) && case.does("lambda:InvokeFunction")
    }),
    ("readers", "secrets", "read", |case| {
        *case.holder == Holder::Secret
    }),
    ("readers", "key", "decrypt", |case| {
        matches!(case.holder, Holder::Key(_))
            && case.does("kms:Decrypt")
            && !case.statement.principals.iter().any(is_function)
            && !by_service(case.statement, "")
    }),
];

/// Arrows without a permission in the stack: the start, the end, the action, and the section of
/// the page that explains it.
const ELSEWHERE: [(&str, &str, &str, &str); 9] = [
    ("deployer", "cloudformation", "deploys", "deployer"),
    ("topic", "mail", "sends", "resources"),
    ("clients", "secrets", "read", "readers"),
    ("clients", "users", "call AWS as", "secrets"),
    ("clients", "databases", "log in", "databases"),
    ("database-function", "databases", "changes", "databases"),
    ("clients", "services", "log in", "services"),
    ("service-function", "services", "changes", "services"),
    ("adapters", "services", "change", "services"),
];

fn by_service(statement: &Statement, name: &str) -> bool {
    let is =
        |one: &Principal| matches!(one, Principal::Service(service) if service.starts_with(name));
    statement.principals.iter().any(is)
}

/// Returns the ID of a card. The function of each kind has cards of its own.
fn card_id(id: &str, strategy: Strategy) -> String {
    match (strategy, id) {
        (Strategy::Databases, "function" | "role" | "log") => format!("database-{id}"),
        (Strategy::Services | Strategy::ServicesOutside, "function" | "role" | "log") => {
            format!("service-{id}")
        }
        _ => id.to_owned(),
    }
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
            flow: Flow::default(),
        })
    };
    let each = ARROWS
        .iter()
        .flat_map(|one| Strategy::ALL.map(|strategy| (one, strategy)));
    let allowed = each.filter_map(|((from, to, verb, allows), strategy)| {
        let stands = |one: &&&Permission| {
            let (holder, statement) = (&one.holder, &one.statement);
            !statement.denies
                && allows(&Case {
                    holder,
                    statement,
                    strategy,
                })
        };
        let permission = permissions.iter().find(stands)?;
        let (from, to) = (card_id(from, strategy), card_id(to, strategy));
        arrow(&from, &to, verb, permission.id.clone(), false)
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
