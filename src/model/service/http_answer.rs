//! Reads what the answers of a service mean, in an HTTP adapter's file.

use std::collections::BTreeMap;

use keyrota_contract::adapter::{Operation, Outcome, Previous};
use keyrota_contract::pins::service::Answer;
use serde_json::Value as Json;

use super::http_request::json_of;
use crate::model::Finding;
use crate::model::fields::{Fields, HTTP_ANSWER};
use crate::model::reader::Field;

/// Reads the answers of a request.
pub(super) fn read(field: &Field<'_>, operation: Operation) -> Option<Vec<Answer>> {
    let answers = field.list()?.into_iter().map(|item| {
        let fields = Fields::of(&item, &HTTP_ANSWER)?;
        read_answer(&fields, operation)
    });
    let answers: Vec<Option<Answer>> = answers.collect();
    answers.into_iter().collect()
}

fn read_answer(fields: &Fields<'_>, operation: Operation) -> Option<Answer> {
    let status = fields
        .require("status")
        .and_then(|field| read_status(&field));
    let json = match fields.get("json") {
        Some(field) => read_pointers(&field),
        None => Some(BTreeMap::new()),
    };
    let outcome = fields.require("outcome").and_then(|field| {
        field.parse("invalid-value", |text| {
            let found = Outcome::ALL.into_iter().find(|it| it.name() == text);
            match (found, operation) {
                (Some(Outcome::PasswordRejected), Operation::Authenticate) => {
                    Err("a login has no new password that could be rejected".to_owned())
                }
                (Some(outcome), _) => Ok(outcome),
                (None, _) => {
                    let names = Outcome::ALL.map(Outcome::name).join(", ");
                    Err(format!("expected one of {names}, found `{text}`"))
                }
            }
        })
    });
    let previous = fields.value("previous", |field| {
        field.parse("invalid-value", |text| match text {
            "void" => Ok(Previous::Void),
            "works" => Ok(Previous::Works),
            _ => Err(format!("expected void or works, found `{text}`")),
        })
    });
    let (outcome, previous) = (outcome?, previous?);
    if previous == Previous::Works && (operation, outcome) != (Operation::Change, Outcome::Success)
    {
        let path = fields.path("previous");
        let message = "only a successful change says that the previous password still works";
        fields
            .place("previous")
            .report(Finding::error("contradiction", path, message));
    }
    Some(Answer {
        status: status?,
        json: json?,
        outcome,
        previous,
    })
}

fn read_status(field: &Field<'_>) -> Option<Vec<u16>> {
    let read = |field: &Field<'_>| {
        let status = field.number(200, 599)?;
        u16::try_from(status).ok()
    };
    if !field.is_list() {
        return Some(vec![read(field)?]);
    }
    let items = field.list()?;
    if items.is_empty() {
        field.refuse("invalid-number", "the list has no status code");
        return None;
    }
    let all: Vec<Option<u16>> = items.iter().map(read).collect();
    all.into_iter().collect()
}

/// Reads the values that a body must have, by JSON pointers (RFC 6901).
fn read_pointers(field: &Field<'_>) -> Option<BTreeMap<String, Json>> {
    let mut pointers = BTreeMap::new();
    for (pointer, value, _) in field.any_mapping()?.fields() {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            value.refuse(
                "invalid-value",
                format!(
                    "`{}` is not a JSON pointer; it begins with `/`",
                    pointer.escape_debug()
                ),
            );
        }
        pointers.insert(pointer.to_owned(), json_of(value.node(), &|_| {}));
    }
    Some(pointers)
}
