//! The databases' function and its servers: its network, the endpoints that it must reach, and
//! the states of a password during a change.

use std::collections::BTreeSet;

use serde::Serialize;

use super::prose::{self, Prose};
use crate::model::{Database, Engine, EntryOf, OldKey};
use crate::render::Rendered;

/// The section.
#[derive(Debug, Serialize)]
pub struct Reach {
    /// The function's network.
    place: Prose,
    /// The endpoints that it must reach from there.
    ways: Vec<RequiredEndpoint>,
    /// The states of a password during a change, step by step.
    steps: Vec<Prose>,
    /// How long only clients that read the secret again can log in.
    gap: Vec<Prose>,
}

/// An endpoint that the function must reach.
#[derive(Debug, Serialize)]
struct RequiredEndpoint {
    to: Prose,
    by: Prose,
}

/// Returns the section, if there are databases.
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
            Prose::words("The database function is connected to ")
                .say(plural(network.subnets.len(), "the subnet ", "the subnets "))
                .then(prose::list(subnets, "and"))
                .say(", with ")
                .say(plural(
                    network.security_groups.len(),
                    "the security group ",
                    "the security groups ",
                ))
                .then(prose::list(groups, "and"))
                .say(". The stack does not create them, and this page does not show which traffic they allow.")
        }
        false => Prose::words(
            "The database function is not connected to a VPC. It can reach only public endpoints.",
        ),
    };
    let endpoints: BTreeSet<String> = databases.iter().map(|one| one.kind.endpoint()).collect();
    let shown = endpoints.iter().take(prose::LISTED).map(Prose::name);
    let servers = match endpoints.len().saturating_sub(prose::LISTED) {
        0 => prose::list(shown, "and"),
        more => prose::list(shown, ",").say(format!(" and {} more", prose::number(more))),
    };
    let server_way = match network.is_in_vpc() {
        true => "the routes and security groups of the VPC, where the host name must resolve",
        false => "the Internet; a private address is not reachable",
    };
    let mut ways = vec![RequiredEndpoint {
        to: servers,
        by: Prose::words(server_way),
    }];
    if network.is_in_vpc() {
        ways.push(RequiredEndpoint {
            to: Prose::words("Secrets Manager, ").code(format!("secretsmanager.{region}.amazonaws.com")),
            by: Prose::words(
                "an interface endpoint of the VPC with private DNS, or a NAT gateway. The stack creates neither, and without one, every rotation times out",
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
        "Secrets Manager generates a random password. The function stores it as `AWSPENDING`, and leaves all other fields unchanged.",
        "The function tries to log in with the pending password, in case the server has it already. Otherwise, it logs in with the current password, and changes the password of the user to the pending one. It connects only to the engine, host, and port that its pins name.",
        "It logs in with the pending password, and runs a query.",
        "It moves `AWSCURRENT` to the new password. `AWSPREVIOUS` is then on the old one.",
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
            "PostgreSQL and MariaDB accept one password per user. After the change, a client with the old password is refused until the staging label moves, which takes one login and a few calls to Secrets Manager. Open connections stay open. A refused client must read the secret again, and retry with back-off until the label has moved. If a rotation is interrupted in between, the hourly sweep or the next rotation completes it.",
        ));
    }
    if keeps {
        let discarded = databases
            .iter()
            .any(|one| one.kind.engine == Engine::MySql && matches!(one.old_key, OldKey::After(_)));
        let until = match discarded {
            true => "until its time is over or the next rotation begins",
            false => "until the next rotation begins",
        };
        gap.push(Prose::words(format!(
            "MySQL 8 retains the old password {until}, if the user may retain it, so no client is refused during that time. A client that caches the password for longer must read the secret again when it is refused."
        )));
    }
    gap
}
