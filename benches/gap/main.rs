//! Measures how long clients are refused while a password rotates.
//!
//!     cargo test --workspace --bench gap -- [--rotations N] [--delay SECONDS] [--engine NAME]
//!
//! Each case deploys a stack to the local AWS, with the real function and a real server, and rotates
//! several times. Meanwhile, two clients log in all the time, each with a password that it has just
//! read from the secret: one gives up when it is refused, and one waits and reads again. On a farm, the
//! clients reach two servers in turn, and the second learns each new password `--delay` seconds after
//! the first. The results are in benches/gap/README.md.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark writes files and prints its table"
)]

mod clients;
mod farm;
mod setup;

/// The local AWS, as the tests of the whole program use it.
#[path = "../../tests/life/environment/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use all of it")]
mod environment;

/// What the tests of databases share.
#[expect(dead_code, reason = "the tests use all of it")]
mod database;

use std::time::Duration;

use database::site::Site;
use database::test_server::{self, Engine};
use serde_json::json;

use clients::Observed;
use farm::Farm;
use setup::{Arguments, Place};

/// How a password rotates.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strategy {
    /// The user changes its own password.
    Own,
    /// An administrator changes it.
    Administrator,
    /// The server retains the previous password.
    Retained,
    /// Two users take turns.
    Alternate,
}

impl Strategy {
    const ALL: [Self; 4] = [
        Self::Own,
        Self::Administrator,
        Self::Retained,
        Self::Alternate,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Own => "one user, rotates itself",
            Self::Administrator => "one user, administrator",
            Self::Retained => "one user, old password retained",
            Self::Alternate => "two users take turns",
        }
    }

    const fn has_administrator(self) -> bool {
        matches!(self, Self::Administrator | Self::Alternate)
    }

    fn fits(self, engine: Engine) -> bool {
        self != Self::Retained || engine == Engine::MySql
    }
}

const ADMINISTRATOR: &str = "ops/dba";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read(30, "--engine");
    println!(
        "{:9} {:32} {:18} {:>22} {:>17} {:>17} {:>12}",
        "engine",
        "strategy",
        "on",
        "refused for, ms",
        "without retry",
        "with retry",
        "longest wait"
    );
    for engine in [Engine::Postgres, Engine::MariaDb, Engine::MySql] {
        let name = test_server::name(engine);
        if !arguments.includes(name) {
            continue;
        }
        for strategy in Strategy::ALL.into_iter().filter(|it| it.fits(engine)) {
            for place in Place::ALL {
                let observed = measure(&arguments, engine, strategy, place).await;
                println!(
                    "{name:9} {:32} {:18} {observed}",
                    strategy.name(),
                    place.name()
                );
            }
        }
    }
}

async fn measure(
    arguments: &Arguments,
    engine: Engine,
    strategy: Strategy,
    place: Place,
) -> Observed {
    let server = test_server::start(engine, &[]);
    let farm = match place {
        Place::OneServer => None,
        _ => Some(Farm::start(&server, arguments.delay).await),
    };
    let site = Site::new(server).await;
    let mut settings = Vec::new();
    if strategy.has_administrator() {
        make_administrator(&site).await;
        settings.push(format!("rotate_as: {ADMINISTRATOR}"));
    }
    match strategy {
        Strategy::Alternate => settings.push("users: alternate".to_owned()),
        Strategy::Retained => site.may_retain(),
        Strategy::Own | Strategy::Administrator => {}
    }
    if let Some(farm) = &farm {
        farm.follow(&site);
        settings.push(format!(
            "clients: {{ host: localhost, port: {} }}",
            farm.port()
        ));
    }
    if place == Place::FarmWithPropagation {
        let propagation = arguments.propagation(place);
        settings.push(format!("propagation: {}s", propagation.as_secs()));
    }
    let stack = match place {
        Place::FarmWithPropagation => "function: { timeout: 2m, ",
        _ => "function: { ",
    };
    site.manifest(&settings.join("\n"));
    if place == Place::FarmWithPropagation {
        // A step waits for the second server.
        let file = site.test.home.file("keyrota.yaml");
        let text = std::fs::read_to_string(file).expect("the manifest");
        site.test.manifest(&text.replace("function: { ", stack));
    }
    site.bootstrap().await.exits(0);
    let spread = match (place, strategy) {
        (Place::OneServer, _) => Duration::ZERO,
        _ => arguments.delay + Duration::from_secs(2),
    };
    tokio::time::sleep(spread).await;
    let observed = clients::watch(&site, arguments.rotations(place), spread).await;
    // It asks the site's server until it ends.
    drop(farm);
    observed
}

/// Creates a superuser with a secret of its own.
async fn make_administrator(site: &Site) {
    let password = "adm1nistrator-of-the-bench";
    test_server::sql(
        &site.server,
        &match site.server.engine() {
            Engine::Postgres => {
                format!("CREATE ROLE bench_dba LOGIN SUPERUSER PASSWORD '{password}'")
            }
            Engine::MariaDb | Engine::MySql => format!(
                "CREATE USER bench_dba@'%' IDENTIFIED BY '{password}'; GRANT ALL ON *.* TO bench_dba@'%' WITH GRANT OPTION"
            ),
        },
    );
    let value = json!({ "username": "bench_dba", "password": password });
    site.test
        .make_secret(ADMINISTRATOR, &value.to_string())
        .await;
}
