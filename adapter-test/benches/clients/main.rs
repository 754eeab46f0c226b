//! Measures how long clients of each shipped adapter's service are refused while a password rotates.
//!
//!     cargo test --workspace --bench clients -- [--rotations N] [--delay SECONDS] [--service NAME]
//!
//! A rotation changes the password, logs in with the new one, and then publishes it, as a rotation does
//! with AWSCURRENT. Meanwhile two clients log in all the time with what is published: one gives up when
//! it is refused, and one waits and reads again. On a farm, they reach two servers in turn, and the
//! second learns each new password `--delay` seconds after the first. AWS's own time between the steps
//! of a rotation is added to this. The results are in benches/gap/README.md.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod clients;
#[path = "../../tests/adapters/files.rs"]
mod files;
mod member;
#[path = "../../../benches/gap/setup.rs"]
mod setup;

use std::time::Duration;

use keyrota_test_servers::Product;

use clients::{Count, Pace, Seen, watch};
use member::Member;
use setup::{Arguments, Place};

const PRODUCTS: [Product; 5] = [
    Product::Redis,
    Product::Valkey,
    Product::RabbitMq,
    Product::Keystone,
    Product::Devpi,
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read(5, "--service");
    println!(
        "| service | on | refused for, ms: least / median / greatest | failed without retry | failed with retry |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for product in PRODUCTS {
        let name = product.name();
        if !arguments.includes(name) {
            continue;
        }
        for place in Place::ALL {
            let mut members = vec![Member::start(product).await];
            if place != Place::OneServer {
                members.push(Member::start(product).await);
            }
            let pace = Pace {
                rotations: arguments.rotations(place),
                delay: arguments.delay,
                propagation: arguments.propagation(place),
            };
            let seen = watch(&members, &pace).await;
            println!("| {name} | {} | {} |", place.name(), row(seen));
        }
    }
}

fn row(seen: Seen) -> String {
    let mut gaps: Vec<u128> = seen.gaps.iter().map(Duration::as_millis).collect();
    gaps.sort_unstable();
    let of = |count: &Count| format!("{} of {}", count.failed, count.logins);
    format!(
        "{} / {} / {} | {} | {}",
        gaps[0],
        gaps[gaps.len() / 2],
        gaps[gaps.len() - 1],
        of(&seen.without_retry),
        of(&seen.with_retry)
    )
}
