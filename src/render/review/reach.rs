//! The databases' function and its servers: where it stands, what it has to reach,
//! and what becomes of a password while it changes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::prose::{self, Prose};
use crate::model::{Database, Engine, EntryOf, OldKey};
use crate::render::Rendered;

/// The section.
#[derive(Debug, Serialize)]
pub struct Reach {
    /// Where the function stands.
    place: Prose,
    /// What it has to reach from there.
    ways: Vec<Way>,
    /// What becomes of a password while it changes, step by step.
    steps: Vec<Prose>,
    /// For how long nobody but who reads again gets in.
    gap: Vec<Prose>,
}

/// Something that the function has to reach.
#[derive(Debug, Serialize)]
struct Way {
    to: Prose,
    by: Prose,
}

/// Returns the section, where there are databases.
pub fn reach(stacks: &[Rendered<'_>], region: &str) -> Option<Reach> {
    let databases: Vec<EntryOf<'_, Database>> = stacks
        .iter()
        .flat_map(|rendered| rendered.model.databases())
        .collect();
    let network = &stacks.first()?.model.network;
    if databases.is_empty() {
        return None;
    }
    let place = match network.is_in_vpc() {
        true => {
            let subnets = network.subnets.iter().map(Prose::name);
            let groups = network.security_groups.iter().map(Prose::name);
            Prose::words("The databases’ function stands in ")
                .say(plural(network.subnets.len(), "the subnet ", "the subnets "))
                .then(prose::list(subnets, "and"))
                .say(", with ")
                .say(plural(
                    network.security_groups.len(),
                    "the security group ",
                    "the security groups ",
                ))
                .then(prose::list(groups, "and"))
                .say(". Neither is made by the stack, and what they let through cannot be seen here.")
        }
        false => Prose::words(
            "The databases’ function stands in no VPC: it reaches what can be reached from the Internet.",
        ),
    };
    let endpoints: BTreeSet<String> = databases.iter().map(|one| one.kind.endpoint()).collect();
    let shown = endpoints.iter().take(prose::LISTED).map(Prose::name);
    let servers = match endpoints.len().saturating_sub(prose::LISTED) {
        0 => prose::list(shown, "and"),
        more => prose::list(shown, ",").say(format!(" and {} more", prose::number(more))),
    };
    let server_way = match network.is_in_vpc() {
        true => "routes and security groups of the VPC; a name has to resolve there",
        false => "the Internet; an address that is private cannot be reached",
    };
    let mut ways = vec![Way {
        to: servers,
        by: Prose::words(server_way),
    }];
    if network.is_in_vpc() {
        ways.push(Way {
            to: Prose::words("Secrets Manager, ").code(format!("secretsmanager.{region}.amazonaws.com")),
            by: Prose::words(
                "an interface endpoint of the VPC with private DNS, or a NAT gateway: the stack makes neither, and without one every rotation ends in a time-out",
            ),
        });
    }
    Some(Reach {
        place,
        ways,
        steps: steps(),
        gap: gap(&databases),
    })
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

fn steps() -> Vec<Prose> {
    [
        "Secrets Manager makes a random password, which is stored as `AWSPENDING`; every other field stays as it is.",
        "The function logs in with the pending password, in case it is the live one already, then with the current one, and changes the user’s password to the pending one. It does so on the engine, host and port that the secret’s tags name, and nowhere else.",
        "It logs in with the pending password and reads.",
        "`AWSCURRENT` moves to the new password; `AWSPREVIOUS` is the one before.",
    ]
    .map(Prose::marked)
    .to_vec()
}

fn gap(databases: &[EntryOf<'_, Database>]) -> Vec<Prose> {
    let voids = databases.iter().any(|one| one.kind.engine != Engine::MySql);
    let keeps = databases.iter().any(|one| one.kind.engine == Engine::MySql);
    let mut gap = Vec::new();
    if voids {
        gap.push(Prose::words(
            "PostgreSQL and MariaDB know one password a user. Between the change and the move of the label, with the test and some calls to Secrets Manager in between, a client that logs in with what it read is refused. Connections that are open stay open. A client that is refused has to read the secret again and to try again, with growing pauses: it is in as soon as the label has moved. Where a rotation is broken off in between, the hourly look mends it, or the next rotation.",
        ));
    }
    if keeps {
        let discarded = databases
            .iter()
            .any(|one| one.kind.engine == Engine::MySql && matches!(one.old_key, OldKey::After(_)));
        let until = match discarded {
            true => "until its time is over or the next rotation comes",
            false => "until the next rotation comes",
        };
        gap.push(Prose::words(format!(
            "MySQL 8 keeps the old password beside the new one {until}, where the user may have that: no client is refused meanwhile. A client that keeps what it read for longer has to read again when it is refused."
        )));
    }
    gap
}
