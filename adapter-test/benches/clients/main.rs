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

#[path = "../../tests/adapters/files.rs"]
mod files;
mod member;
mod watch;

use std::time::Duration;

use keyrota_test_servers::Product;

use member::Member;
use watch::{Count, Pace, Seen, watch};

const PRODUCTS: [Product; 5] = [
    Product::Redis,
    Product::Valkey,
    Product::RabbitMq,
    Product::Keystone,
    Product::Devpi,
];

/// Where clients log in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    OneServer,
    /// Two servers, and the rotation does not wait for the second.
    Farm,
    /// Two servers, and the rotation waits for the second.
    FarmWithPropagation,
}

impl Place {
    const ALL: [Self; 3] = [Self::OneServer, Self::Farm, Self::FarmWithPropagation];

    const fn name(self) -> &'static str {
        match self {
            Self::OneServer => "one server",
            Self::Farm => "farm",
            Self::FarmWithPropagation => "farm, propagation",
        }
    }
}

/// What is measured, and how often.
struct Arguments {
    rotations: usize,
    delay: Duration,
    service: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let all: Vec<String> = std::env::args().collect();
        let after = |name: &str| {
            let at = all.iter().position(|argument| argument == name)?;
            all.get(at + 1).cloned()
        };
        let number = |name: &str, default: u64| {
            let given = after(name);
            given.map_or(default, |text| text.parse().expect("a number"))
        };
        Self {
            rotations: usize::try_from(number("--rotations", 10)).expect("a small number"),
            delay: Duration::from_secs(number("--delay", 5)),
            service: after("--service"),
        }
    }

    /// Returns how a rotation behaves there. On a farm, which is slow, there is one for every five.
    fn pace(&self, place: Place) -> Pace {
        Pace {
            rotations: match place {
                Place::OneServer => self.rotations,
                Place::Farm | Place::FarmWithPropagation => self.rotations.div_ceil(5),
            },
            delay: self.delay,
            propagation: match place {
                Place::OneServer | Place::Farm => Duration::ZERO,
                Place::FarmWithPropagation => self.delay + Duration::from_secs(1),
            },
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read();
    println!(
        "| service | on | refused for, ms: least / median / greatest | failed without retry | failed with retry |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for product in PRODUCTS {
        let name = product.name();
        let only = arguments.service.as_deref();
        if only.is_some_and(|only| !name.eq_ignore_ascii_case(only)) {
            continue;
        }
        for place in Place::ALL {
            let mut members = vec![Member::start(product).await];
            if place != Place::OneServer {
                members.push(Member::start(product).await);
            }
            let seen = watch(&members, &arguments.pace(place)).await;
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
