//! Logins through PgBouncer: what it answers for a right password, and for a wrong one.

use keyrota_database_function::server::{Endpoint, Login, Server as _, ServerError, ServerFault};
use keyrota_test_servers::{Passwords, Pooler};

use crate::test_server::{Kind, TestServer, login, unique};

async fn through(server: &TestServer, pooler: &Pooler, login: &Login) -> Result<(), ServerError> {
    let endpoint = Endpoint {
        port: pooler.port(),
        ..server.endpoint.clone()
    };
    server.engines.authenticate(&endpoint, login).await
}

fn user(server: &TestServer) -> Login {
    let name = unique("pooled");
    server.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD 'old'"));
    login(&name, "old")
}

/// The next login asks for the password that the server has by then.
#[tokio::test]
async fn a_pooler_that_asks_the_server_knows_a_new_password_at_once() {
    let server = TestServer::start(Kind::Postgres, &[]);
    let pooler = Pooler::start(&server.server, Passwords::Asked).expect("a pooler");
    let old = user(&server);
    assert_eq!(through(&server, &pooler, &old).await, Ok(()));
    let new = login(&old.username, "new");
    let wrong = through(&server, &pooler, &new).await.unwrap_err();
    assert_eq!(wrong.fault, ServerFault::WrongCredentials, "{wrong:?}");

    server.change(&old, &new, false).await.expect("the change");
    assert_eq!(through(&server, &pooler, &new).await, Ok(()));
    let refused = through(&server, &pooler, &old).await.unwrap_err();
    assert_eq!(refused.fault, ServerFault::WrongCredentials, "{refused:?}");
}

/// A list is reloaded by hand. Until then, the pooler refuses the new password.
#[tokio::test]
async fn a_pooler_with_a_list_is_reloaded() {
    let server = TestServer::start(Kind::Postgres, &[]);
    let pooler = Pooler::start(&server.server, Passwords::Listed).expect("a pooler");
    let old = user(&server);
    let unlisted = through(&server, &pooler, &old).await.unwrap_err();
    assert_eq!(
        unlisted.fault,
        ServerFault::WrongCredentials,
        "{unlisted:?}"
    );
    pooler.list(&[(&old.username, "old")]).expect("a list");
    pooler.reload();
    assert_eq!(through_soon(&server, &pooler, &old).await, Ok(()));

    let new = login(&old.username, "new");
    server.change(&old, &new, false).await.expect("the change");
    let refused = through(&server, &pooler, &new).await.unwrap_err();
    assert_eq!(refused.fault, ServerFault::WrongCredentials, "{refused:?}");
    pooler.list(&[(&old.username, "new")]).expect("a list");
    pooler.reload();
    assert_eq!(through_soon(&server, &pooler, &new).await, Ok(()));
}

/// Logs in once the pooler has read its list, which it does a moment after the signal.
async fn through_soon(
    server: &TestServer,
    pooler: &Pooler,
    login: &Login,
) -> Result<(), ServerError> {
    for _ in 0..100 {
        if through(server, pooler, login).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    through(server, pooler, login).await
}

/// The pooler runs, and the server behind it does not. Whatever it answers, the password is not
/// called wrong.
#[tokio::test]
async fn a_pooler_without_its_server_does_not_call_a_password_wrong() {
    let mut server = TestServer::start(Kind::Postgres, &[]);
    let pooler = Pooler::start(&server.server, Passwords::Asked).expect("a pooler");
    let old = user(&server);
    server.server.stop();
    let failed = through(&server, &pooler, &old).await.unwrap_err();
    assert!(failed.fault.is_transient(), "{failed:?}");
    server.server.start_again().expect("it starts again");
    assert_eq!(through_soon(&server, &pooler, &old).await, Ok(()));
}
