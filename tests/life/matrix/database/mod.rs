//! The rows of databases' secrets: with permissions on one of them, nobody has the
//! function connect to a server of theirs, or change another user's password.

mod attack;
mod comparison;
mod scene;
mod value;

use attack::Attack;
use scene::TargetSecret;

use super::permission::ALL;
use crate::database::test_server::Engine;

const PUT: &[&str] = &["secretsmanager:PutSecretValue"];

/// Permissions that need no values, each with the name of its row.
const WITHOUT_VALUES: [(&str, &[&str]); 6] = [
    ("TagResource", &["secretsmanager:TagResource"]),
    ("UntagResource", &["secretsmanager:UntagResource"]),
    (
        "PutResourcePolicy, ReplicateSecretToRegions",
        &[
            "secretsmanager:PutResourcePolicy",
            "secretsmanager:ReplicateSecretToRegions",
        ],
    ),
    (
        "RotateSecret, and InvokeFunction, without which AWS refuses it",
        &["secretsmanager:RotateSecret", "lambda:InvokeFunction"],
    ),
    (
        "CancelRotateSecret, DeleteSecret, RestoreSecret",
        &[
            "secretsmanager:CancelRotateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:RestoreSecret",
        ],
    ),
    ("DeleteSecret", &["secretsmanager:DeleteSecret"]),
];

/// Goes through a row: the values, the labels where they may be moved alone, and then
/// the administrator's commands.
async fn attack(
    name: &'static str,
    engine: Engine,
    attacked: TargetSecret,
    actions: &'static [&'static str],
    values: impl IntoIterator<Item = usize>,
) {
    let mut attack = Attack::new(name, engine, attacked, actions).await;
    attack.denied().await;
    attack.values(values).await;
    if actions == ["secretsmanager:UpdateSecretVersionStage"] {
        attack.labels().await;
    }
    if actions == ["lambda:InvokeFunction"] {
        attack.events().await;
    }
    attack.spoil().await;
    attack.look().await;
    attack.end().await;
}

#[tokio::test]
async fn put_secret_value_of_an_entry_that_rotates_itself() {
    let name = "PutSecretValue on self";
    let all = 0..value::VALUES;
    attack(name, Engine::Postgres, TargetSecret::Orders, PUT, all).await;
}

#[tokio::test]
async fn put_secret_value_of_an_entry_that_an_administrator_rotates() {
    let name = "PutSecretValue on administrator";
    let values = [4, 6, 7];
    attack(name, Engine::Postgres, TargetSecret::Reports, PUT, values).await;
}

#[tokio::test]
async fn update_secret() {
    const UPDATE: &[&str] = &["secretsmanager:UpdateSecret"];
    let values = [2, 7];
    let engine = Engine::Postgres;
    attack(
        "UpdateSecret",
        engine,
        TargetSecret::Reports,
        UPDATE,
        values,
    )
    .await;
}

#[tokio::test]
async fn update_secret_version_stage() {
    const MOVE: &[&str] = &["secretsmanager:UpdateSecretVersionStage"];
    let name = "UpdateSecretVersionStage";
    attack(name, Engine::Postgres, TargetSecret::Orders, MOVE, []).await;
}

#[tokio::test]
async fn invoke_function() {
    const INVOKE: &[&str] = &["lambda:InvokeFunction"];
    let name = "InvokeFunction";
    attack(name, Engine::Postgres, TargetSecret::Orders, INVOKE, []).await;
}

/// One after the other, on one account.
#[tokio::test]
async fn each_permission_that_needs_no_value() {
    let (name, actions) = WITHOUT_VALUES[0];
    let mut attack = Attack::new(name, Engine::Postgres, TargetSecret::Orders, actions).await;
    for (name, actions) in WITHOUT_VALUES {
        attack.hold(name, actions).await;
        attack.denied().await;
        attack.spoil().await;
        attack.look().await;
    }
    attack.end().await;
}

#[tokio::test]
async fn everything_of_an_entry_that_rotates_itself() {
    let name = "everything on self";
    attack(name, Engine::Postgres, TargetSecret::Orders, ALL, [4]).await;
}

/// MariaDB keeps an account for each host, and is sent another statement.
#[tokio::test]
async fn everything_of_an_entry_that_an_administrator_rotates() {
    let name = "everything on administrator";
    attack(name, Engine::MariaDb, TargetSecret::Reports, ALL, [6, 9]).await;
}

/// Who may write an administrator's secret stops what it rotates, and no more. It stays,
/// whatever its tags say.
#[tokio::test]
async fn everything_of_an_administrators_secret() {
    let name = "everything of the administrator's secret";
    let values = [1, 4];
    attack(
        name,
        Engine::Postgres,
        TargetSecret::Administrator,
        ALL,
        values,
    )
    .await;
}
