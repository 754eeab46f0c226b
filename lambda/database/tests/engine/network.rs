//! Connecting to a server.

use std::net::TcpListener;

use keyrota_database_function::engine::Engines;
use keyrota_database_function::server::{
    Endpoint, Engine, Server as _, ServerError, ServerFault, Verification,
};

use crate::test_server::{check, login};

const ENGINES: [Engine; 3] = [Engine::Postgres, Engine::MySql, Engine::MariaDb];

async fn reach(engine: Engine, host: &str, port: u16) -> Result<(), ServerError> {
    let endpoint = Endpoint {
        engine,
        host: host.to_owned(),
        port,
        dbname: None,
        any_database: false,
        verification: Verification::None,
        authorities: None,
    };
    let package = tempfile::tempdir().expect("a temporary folder");
    let engines = Engines::new(package.path());
    engines.authenticate(&endpoint, &login("app", "old")).await
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    for engine in ENGINES {
        let result = reach(engine, "no-such-host.invalid", 5432).await;
        check(result, ServerFault::NameUnknown, "");
    }
}

#[tokio::test]
async fn a_port_without_a_listener_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    for engine in ENGINES {
        let result = reach(engine, "127.0.0.1", port).await;
        check(result, ServerFault::Unreachable, "ECONNREFUSED");
    }
}

#[tokio::test]
async fn a_listener_that_says_nothing_is_given_up_on() {
    // The operating system accepts connections, but nothing responds on them.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (first, second) = tokio::join!(
        reach(Engine::Postgres, "127.0.0.1", port),
        reach(Engine::MySql, "127.0.0.1", port),
    );
    check(first, ServerFault::TimedOut, "");
    check(second, ServerFault::TimedOut, "");
}

#[tokio::test]
async fn a_listener_that_hangs_up_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let thread = std::thread::spawn(move || {
        for _ in ENGINES {
            drop(listener.accept().expect("a connection"));
        }
    });
    for engine in ENGINES {
        let error = reach(engine, "127.0.0.1", port)
            .await
            .expect_err("no server");
        assert_eq!(error.fault, ServerFault::Unreachable, "{error}");
    }
    thread.join().expect("three connections");
}
