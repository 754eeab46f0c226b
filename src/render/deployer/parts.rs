//! A policy that is too long for IAM, as several that allow the same.

use std::collections::BTreeMap;

use super::Command;
use crate::render::document::{Policy, Statement};
use crate::render::role::{MAX_ATTACHED, MAX_MANAGED};

/// Returns policies that together allow what one does, each short enough for a
/// managed policy; none where it is short enough itself.
///
/// Where they are more than a role takes, none holds statements of two commands, so
/// that each command can have a role of its own.
pub fn parts(policy: &Policy) -> Vec<Policy> {
    if policy.size() <= MAX_MANAGED {
        return Vec::new();
    }
    let parts = packed(policy.statements());
    if parts.len() <= MAX_ATTACHED {
        return parts;
    }
    let of = |command: Command| {
        let mine = |it: &&Statement| it.sid().starts_with(command.name());
        let statements: Vec<Statement> = policy.statements().iter().filter(mine).cloned().collect();
        packed(&statements)
    };
    Command::ALL.into_iter().flat_map(of).collect()
}

fn packed(statements: &[Statement]) -> Vec<Policy> {
    let mut parts: Vec<Policy> = Vec::new();
    for piece in statements.iter().flat_map(pieces) {
        let room = parts
            .iter_mut()
            .find(|part| part.size() + 1 + piece.size() <= MAX_MANAGED);
        match room {
            Some(part) => part.add(piece),
            None => parts.push(Policy::new(vec![piece])),
        }
    }
    parts
}

/// Cuts a statement that no policy holds: by service first, since no action means
/// anything on another service's resources, then within the list of resources.
fn pieces(statement: &Statement) -> Vec<Statement> {
    if fits(statement) {
        return vec![statement.clone()];
    }
    let mut pieces = Vec::new();
    for (service, actions) in by_service(statement) {
        let its = |arn: &&String| *arn == "*" || arn.split(':').nth(2) == Some(&service);
        let resources: Vec<String> = statement.resources().iter().filter(its).cloned().collect();
        let mut rest = resources.as_slice();
        while !rest.is_empty() {
            let piece = |end: usize| {
                let sid = format!("{}{}", statement.sid(), pieces.len() + 1);
                statement.part(sid, actions.clone(), rest[..end].to_vec())
            };
            let fitting = (1..=rest.len()).take_while(|end| fits(&piece(*end)));
            let end = fitting.last().unwrap_or(1);
            let piece = piece(end);
            pieces.push(piece);
            rest = &rest[end..];
        }
    }
    pieces
}

fn fits(statement: &Statement) -> bool {
    Policy::new(Vec::new()).size() + statement.size() <= MAX_MANAGED
}

fn by_service(statement: &Statement) -> BTreeMap<String, Vec<String>> {
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for action in statement.actions() {
        let service = action.split(':').next().unwrap_or_default();
        services
            .entry(service.to_owned())
            .or_default()
            .push(action.clone());
    }
    services
}
