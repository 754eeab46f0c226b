//! The databases' function and its servers: its network, the endpoints that it must reach, and
//! the states of a password during a change.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::prose::{self, Prose};
use crate::model::{Database, Engine, Entry, EntryOf, OldKey};
use crate::render::Rendered;

/// Returns the section, if there are databases: the function's network, the endpoints that it
/// must reach from there, and what happens during the change of a password.
pub fn reach(stacks: &[Rendered<'_>], region: &str) -> Option<Json> {
    let databases: Vec<EntryOf<'_, Database>> = stacks
        .iter()
        .flat_map(|rendered| &rendered.model.entries)
        .filter_map(Entry::as_database)
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
    let mut ways = vec![json!({ "to": servers, "by": Prose::words(server_way) })];
    if network.is_in_vpc() {
        let host = format!("secretsmanager.{region}.amazonaws.com");
        ways.push(json!({
            "to": Prose::words("Secrets Manager, ").code(host),
            "by": Prose::words(
                "an interface endpoint of the VPC with private DNS, or a NAT gateway. The stack creates neither, and without one, every rotation times out",
            ),
        }));
    }
    let alternate = databases.iter().all(|one| one.kind.alternate.is_some());
    let steps = match alternate {
        true => ALTERNATING_STEPS,
        false => STEPS,
    };
    let steps = steps.map(Prose::marked);
    Some(json!({ "place": place, "ways": ways, "steps": steps, "gap": gap(&databases) }))
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// The states of a password during a change, step by step.
const STEPS: [&str; 4] = [
    "Secrets Manager generates a random password. The function stores it as `AWSPENDING`, and leaves all other fields unchanged.",
    "The function tries to log in with the pending password, in case the server has it already. Otherwise, it logs in with the current password, and changes the password of the user to the pending one. It connects only to the engine, host, and port that its pins name.",
    "It logs in with the pending password, and runs a query.",
    "It moves `AWSCURRENT` to the new password. `AWSPREVIOUS` is then on the old one.",
];

/// The same if two users alternate.
const ALTERNATING_STEPS: [&str; 4] = [
    "Secrets Manager generates a random password. The function stores it as `AWSPENDING` with the name of the user that is not current, and leaves all other fields unchanged.",
    "The administrator logs in, creates this user if it is missing, grants it the rights of the current user that it lacks, and sets its password. The current user is not changed. The function connects only to the engine, host, and port that its pins name.",
    "It logs in as this user with the pending password, and runs a query.",
    "It moves `AWSCURRENT` to the new login. `AWSPREVIOUS` is then on the login of the other user.",
];

/// Returns how long only clients that read the secret again can log in.
fn gap(databases: &[EntryOf<'_, Database>]) -> Vec<Prose> {
    let single = || databases.iter().filter(|one| one.kind.alternate.is_none());
    let voids = single().any(|one| one.kind.engine != Engine::MySql);
    let keeps = single().any(|one| one.kind.engine == Engine::MySql);
    let mut gap = Vec::new();
    if databases.iter().any(|one| one.kind.alternate.is_some()) {
        gap.push(Prose::words(
            "If two users alternate, a rotation changes only the one that is not current, through the administrator, so no client is refused. A client must read the user name and the password from the secret at least once between two rotations.",
        ));
    }
    if voids {
        gap.push(Prose::words(
            "PostgreSQL and MariaDB accept one password per user. After the change, a client with the old password is refused until the staging label moves, which takes one login and a few calls to Secrets Manager. Open connections stay open. A refused client must read the secret again, and retry with back-off until the label has moved. If a rotation is interrupted in between, the hourly sweep or the next rotation completes it.",
        ));
    }
    if keeps {
        let discarded = single()
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
