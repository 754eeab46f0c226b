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

/// Puts each piece into the first policy that has room for it. Lengths are added up
/// and not taken anew: a fleet has many policies with long lists.
fn packed(statements: &[Statement]) -> Vec<Policy> {
    let frame = Policy::new(Vec::new()).size();
    let mut parts: Vec<(usize, Policy)> = Vec::new();
    for piece in statements.iter().flat_map(|it| pieces(it, frame)) {
        let length = piece.size() + 1;
        let room = parts
            .iter_mut()
            .find(|(taken, _)| taken + length <= MAX_MANAGED);
        match room {
            Some((taken, part)) => {
                *taken += length;
                part.add(piece);
            }
            None => parts.push((frame + length, Policy::new(vec![piece]))),
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Cuts a statement that no policy holds: by service first, since no action means
/// anything on another service's resources, then within the list of resources.
fn pieces(statement: &Statement, frame: usize) -> Vec<Statement> {
    if frame + statement.size() < MAX_MANAGED {
        return vec![statement.clone()];
    }
    let mut pieces = Vec::new();
    for (service, actions) in by_service(statement) {
        let its = |arn: &&String| *arn == "*" || service_of(arn) == Some(&service);
        let mut rest = statement.resources().iter().filter(its).peekable();
        while rest.peek().is_some() {
            let sid = format!("{}{}", statement.sid(), pieces.len() + 1);
            let empty = statement.part(sid.clone(), actions.clone(), Vec::new());
            let mut length = frame + empty.size();
            let mut resources = Vec::new();
            while let Some(arn) = rest.next_if(|arn| {
                // Two quotes and a comma come with each.
                resources.is_empty() || length + arn.len() + 3 < MAX_MANAGED
            }) {
                length += arn.len() + 3;
                resources.push(arn.clone());
            }
            pieces.push(statement.part(sid, actions.clone(), resources));
        }
    }
    pieces
}

/// Returns the service of an ARN, whose partition may be a placeholder with colons of
/// its own.
fn service_of(arn: &str) -> Option<&str> {
    let after = arn.strip_prefix("arn:${AWS::Partition}:");
    let after = after.or_else(|| Some(arn.strip_prefix("arn:")?.split_once(':')?.1));
    after?.split(':').next()
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
