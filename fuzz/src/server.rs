//! A database server that an input plays: what is asked of it, and what must hold for any of its answers.

use keyrota_database_function::engine::Session;
use keyrota_database_function::server::{
    Change, ChangeError, Endpoint, Engine, Login, NewUser, Rights, ServerError, Verification,
};
use secrecy::SecretString;

use crate::played::{Played, Script, contains};
use crate::{CANARY, assert_silent, block_on};

const NEW: &str = "xK9canary-new";

/// Logs in to the server, and asks something of it.
pub fn play(script: impl Script + 'static, engine: Engine, verification: Verification, call: u8) {
    let endpoint = Endpoint {
        engine,
        host: "db.example.com".to_owned(),
        port: 5432,
        dbname: Some("orders".to_owned()),
        any_database: call & 1 != 0,
        verification,
        authorities: None,
    };
    let login = Login {
        username: "orders_app".to_owned(),
        password: SecretString::from(CANARY),
    };
    let (stream, written) = Played::new(script);
    let outcome = block_on(async {
        let session = Session::over(stream, &endpoint, &login).await?;
        ask(session, &login, call).await
    });
    if let Err(error) = outcome {
        check(&error);
    }
    let is_proven = verification != Verification::None || engine == Engine::MySql;
    let written = written.lock().expect("no panic");
    // The new password is in statements of MySQL and MariaDB, which a server gets that has proven
    // itself or let the client in.
    let without_new = String::from_utf8_lossy(&written).replace(NEW, "");
    let shows = contains(without_new.as_bytes(), CANARY.as_bytes());
    assert!(
        !shows || is_proven,
        "the password is sent to a server that has proven nothing"
    );
}

async fn ask(session: Session, login: &Login, call: u8) -> Result<(), ServerError> {
    let new = SecretString::from(NEW);
    let (grants, roles) = (["SELECT ON shop.*".to_owned()], ["readers".to_owned()]);
    let of_change = |error: ChangeError| match error {
        ChangeError::Sent(error) | ChangeError::Unsent(error) => error,
    };
    let every = call & 8 != 0;
    match call >> 4 {
        0 | 1 => session.authenticate().await,
        2 | 3 => {
            let inspection = session.inspect(login, "orders_app").await?;
            for account in inspection.accounts.all.iter().flatten() {
                let shown = account.shown("orders_app");
                assert!(
                    !shown.chars().any(char::is_control) && shown.len() < 1024,
                    "{shown}"
                );
            }
            Ok(())
        }
        4 | 5 => {
            let change = Change {
                username: if call & 2 == 0 { "orders_app" } else { "other" },
                password: &new,
                retain: call & 4 != 0,
                every,
            };
            session
                .change(login, &change)
                .await
                .map(drop)
                .map_err(of_change)
        }
        6 | 7 => {
            let user = NewUser {
                username: "other",
                password: &new,
                rights: match call & 2 {
                    0 => Rights::Of("orders_app"),
                    _ => Rights::Granted {
                        grants: &grants,
                        roles: &roles,
                    },
                },
                every,
            };
            session
                .prepare(login, &user)
                .await
                .map(drop)
                .map_err(of_change)
        }
        8 => session.has_user("other").await.map(drop),
        9 => session.drop_user("other", &grants).await.map(drop),
        _ => session.discard(login, "orders_app", every).await,
    }
}

/// Asserts that an error says nothing but a code.
fn check(error: &ServerError) {
    assert_silent(&format!("{error} {error:?}"));
    if let Some(code) = &error.code {
        let plain = |one: char| one.is_ascii_alphanumeric() || " _-".contains(one);
        assert!(
            (1..=40).contains(&code.len()) && code.chars().all(plain),
            "{code}"
        );
    }
}
