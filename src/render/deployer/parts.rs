//! Splits a policy that is too long for IAM into several that allow the same actions.

use std::collections::BTreeMap;

use super::Command;
use crate::render::arn;
use crate::render::policy::{self, Policy, Statement};
use crate::render::quota::{MAX_ATTACHED, MAX_MANAGED};

/// Returns policies that together allow the same as one, each short enough for a managed
/// policy. Returns `None` if the policy itself is short enough.
///
/// If there are more policies than a role can have, none contains statements of two commands,
/// so that each command can have its own role.
pub fn parts(policy: &Policy) -> Vec<Policy> {
    let frame = frame();
    let statements = policy.statements().iter();
    // Each statement adds a comma.
    let sized: Vec<(&Statement, usize)> = statements.map(|it| (it, it.size() + 1)).collect();
    let whole: usize = sized.iter().map(|(_, length)| length).sum();
    // The last statement adds no comma.
    if frame + whole <= MAX_MANAGED + 1 {
        return Vec::new();
    }
    let pieces = sized.into_iter();
    let pieces: Vec<Piece> = pieces
        .flat_map(|(it, length)| pieces_of(it, length, frame))
        .collect();
    let mut parts = packed(&pieces);
    if parts.len() > MAX_ATTACHED {
        let of = |command: Command| {
            let mine = |it: &&Piece| Command::of(it.statement.sid()) == Some(command);
            packed(pieces.iter().filter(mine))
        };
        parts = Command::ALL.into_iter().flat_map(of).collect();
    }
    let statements = |part: Vec<&Piece>| part.iter().map(|it| it.statement.clone()).collect();
    parts
        .into_iter()
        .map(|part| Policy::new(statements(part)))
        .collect()
}

/// A statement that a policy contains, and its length there. A fleet has many policies with
/// long lists, so lengths are added up instead of being computed again.
struct Piece {
    statement: Statement,
    length: usize,
}

/// Puts each piece into the first policy that has room for it.
fn packed<'pieces>(pieces: impl IntoIterator<Item = &'pieces Piece>) -> Vec<Vec<&'pieces Piece>> {
    let frame = frame();
    let mut parts: Vec<(usize, Vec<&Piece>)> = Vec::new();
    for piece in pieces {
        let fits = |taken: usize| taken + piece.length <= MAX_MANAGED;
        match parts.iter_mut().find(|(taken, _)| fits(*taken)) {
            Some((taken, part)) => {
                *taken += piece.length;
                part.push(piece);
            }
            None => parts.push((frame + piece.length, vec![piece])),
        }
    }
    parts.into_iter().map(|(_, part)| part).collect()
}

fn frame() -> usize {
    Policy::new(Vec::new()).size()
}

/// Splits a statement that is too long for any policy: first by service, since no action
/// applies to another service's resources, and then by resources.
fn pieces_of(statement: &Statement, length: usize, frame: usize) -> Vec<Piece> {
    if frame + length <= MAX_MANAGED {
        return vec![Piece {
            statement: statement.clone(),
            length,
        }];
    }
    let mut of_service: BTreeMap<&str, Vec<(&String, usize)>> = BTreeMap::new();
    let actions = by_service(statement);
    for arn in statement.resources() {
        let length = policy::length(arn);
        match arn::parts(arn).map(|parts| parts[1]) {
            _ if arn == "*" => {
                for service in actions.keys() {
                    of_service.entry(service).or_default().push((arn, length));
                }
            }
            Some(service) => of_service.entry(service).or_default().push((arn, length)),
            None => {}
        }
    }
    let mut pieces = Vec::new();
    for (service, actions) in &actions {
        let its = of_service.remove(service.as_str()).unwrap_or_default();
        let mut rest = its.into_iter().peekable();
        while rest.peek().is_some() {
            let sid = format!("{}{}", statement.sid(), pieces.len() + 1);
            let mut resources = Vec::new();
            let empty = statement.part(sid.clone(), actions.clone(), Vec::new());
            let mut taken = empty.size() + 1;
            while let Some((arn, length)) = rest
                .next_if(|(_, length)| resources.is_empty() || frame + taken + length < MAX_MANAGED)
            {
                // Each resource adds a comma.
                taken += length + 1;
                resources.push(arn.clone());
            }
            pieces.push(Piece {
                statement: statement.part(sid, actions.clone(), resources),
                // The last resource adds no comma.
                length: taken - 1,
            });
        }
    }
    pieces
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
