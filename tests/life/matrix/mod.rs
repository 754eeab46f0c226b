//! The attack matrix: somebody who holds one small permission tries whatever it can be
//! abused for, the administrator then runs everything, and nothing but the one secret
//! and its own credential may have changed. Nothing may have been learned either.
//!
//! What is compared is the whole account (`TestEnvironment::everything`), and in the end, after a
//! teardown, with what it was before there was a stack.
//!
//! - here: the rows of access keys
//! - `row`, `permission`: what somebody holds
//! - `account`, `scene`: what is attacked, and what stands beside it
//! - `abuse`, `value`, `call`: what is tried
//! - `attack`: the course of a row
//! - `comparison`: what has to be as it was, and what nobody may have learned
//! - `database`: the same for databases' secrets, with rows of its own

mod abuse;
mod account;
mod attack;
mod call;
mod comparison;
mod database;
mod permission;
mod row;
mod scene;
mod value;

use serde_json::json;

use attack::{attack, command};
use call::{Call, Principal};
use permission::ALL;
use row::{Row, row};
use scene::{Entry, Scene};

#[tokio::test]
async fn the_part_plan() {
    command("Plan", false).await;
}

#[tokio::test]
async fn the_part_status() {
    command("Status", false).await;
}

#[tokio::test]
async fn the_part_rotate() {
    command("Rotate", true).await;
}

#[tokio::test]
async fn the_part_doctor() {
    command("Doctor", true).await;
}

/// Who may write an administrator's secret stops what it rotates, and no more.
#[tokio::test]
async fn put_secret_value_of_an_administrators_secret() {
    let scene = Scene::new(Entry::Clerk).await;
    let test = &scene.test;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "secretsmanager:PutSecretValue",
            "Resource": scene.arns[scene::ADMINISTRATOR],
        }],
    });
    let key = test.make_user_with("attacker", &policy.to_string()).await;
    let attacker = Principal::new(key.clone());
    let right = test.value(scene::ADMINISTRATOR, "AWSCURRENT").await;
    let current = test.current_key("prod/clerk").await;
    for index in (0..value::VALUES).step_by(2) {
        let before = scene.outside().await;
        let text = value::value(&scene, &key, index).await;
        let call = Call::Json(
            "secretsmanager",
            "secretsmanager.PutSecretValue",
            json!({
                "SecretId": scene.arns[scene::ADMINISTRATOR], "SecretString": text,
                "ClientRequestToken": format!("00000000-0000-4000-8000-{index:012}"),
            }),
        );
        assert!(attacker.makes(test, &call).await, "value {index}");
        let outside = |lines: Vec<String>| -> Vec<String> {
            let of_it = |line: &String| line.contains(scene::ADMINISTRATOR);
            lines.into_iter().filter(|line| !of_it(line)).collect()
        };
        scene.provoke().await;
        let after = outside(scene.outside().await);
        assert_eq!(after, outside(before), "value {index}");
        assert_eq!(test.current_key("prod/clerk").await, current);
    }
    let mut secrets = test.concealed();
    secrets.remove(&key.secret);
    assert_eq!(attacker.learned(secrets.iter()), None);
    // The others rotate, and this one again once its administrator is back.
    test.keyrota("rotate prod/mailer prod/robot").await.exits(0);
    let right = right.expect("the administrator's value");
    test.store(scene::ADMINISTRATOR, &right).await;
    test.keyrota("rotate prod/clerk").await.exits(0);
}

const PUT: &[&str] = &["secretsmanager:PutSecretValue"];
const MOVE: &[&str] = &["secretsmanager:UpdateSecretVersionStage"];

#[tokio::test]
async fn put_secret_value_of_an_entry_that_rotates_itself() {
    let row = row("PutSecretValue on self", Entry::Mailer, PUT);
    attack(&Row { whole: true, ..row }, 0).await;
}

#[tokio::test]
async fn put_secret_value_of_an_entry_that_the_role_rotates() {
    attack(&row("PutSecretValue on role", Entry::Robot, PUT), 1).await;
}

#[tokio::test]
async fn put_secret_value_of_an_entry_that_an_administrator_rotates() {
    attack(
        &row("PutSecretValue on administrator", Entry::Clerk, PUT),
        2,
    )
    .await;
}

#[tokio::test]
async fn put_secret_value_and_get_secret_value() {
    attack(
        &row(
            "PutSecretValue, GetSecretValue",
            Entry::Mailer,
            &[
                "secretsmanager:PutSecretValue",
                "secretsmanager:GetSecretValue",
            ],
        ),
        3,
    )
    .await;
}

#[tokio::test]
async fn update_secret() {
    attack(
        &row(
            "UpdateSecret",
            Entry::Robot,
            &["secretsmanager:UpdateSecret"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn update_secret_version_stage_of_an_entry_that_rotates_itself() {
    attack(
        &row("UpdateSecretVersionStage on self", Entry::Mailer, MOVE),
        0,
    )
    .await;
}

#[tokio::test]
async fn update_secret_version_stage_of_an_entry_that_the_role_rotates() {
    attack(
        &row("UpdateSecretVersionStage on role", Entry::Robot, MOVE),
        0,
    )
    .await;
}

#[tokio::test]
async fn tag_resource() {
    attack(
        &row("TagResource", Entry::Robot, &["secretsmanager:TagResource"]),
        0,
    )
    .await;
}

#[tokio::test]
async fn untag_resource() {
    attack(
        &row(
            "UntagResource",
            Entry::Clerk,
            &["secretsmanager:UntagResource"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn cancel_rotate_secret() {
    attack(
        &row(
            "CancelRotateSecret",
            Entry::Mailer,
            &["secretsmanager:CancelRotateSecret"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn rotate_secret() {
    attack(
        &row(
            "RotateSecret, and InvokeFunction, without which AWS refuses it",
            Entry::Robot,
            &["secretsmanager:RotateSecret", "lambda:InvokeFunction"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn delete_secret() {
    attack(
        &row(
            "DeleteSecret",
            Entry::Clerk,
            &["secretsmanager:DeleteSecret"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn delete_secret_and_restore_secret() {
    attack(
        &row(
            "DeleteSecret, RestoreSecret",
            Entry::Mailer,
            &[
                "secretsmanager:DeleteSecret",
                "secretsmanager:RestoreSecret",
            ],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn put_resource_policy() {
    attack(
        &row(
            "PutResourcePolicy",
            Entry::Robot,
            &["secretsmanager:PutResourcePolicy"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn replicate_secret_to_regions() {
    attack(
        &row(
            "ReplicateSecretToRegions",
            Entry::Clerk,
            &["secretsmanager:ReplicateSecretToRegions"],
        ),
        0,
    )
    .await;
}

#[tokio::test]
async fn invoke_function() {
    attack(
        &row("InvokeFunction", Entry::Robot, &["lambda:InvokeFunction"]),
        0,
    )
    .await;
}

#[tokio::test]
async fn everything_of_an_entry_that_rotates_itself() {
    attack(&row("everything on self", Entry::Mailer, ALL), 0).await;
}

#[tokio::test]
async fn everything_of_an_entry_that_the_role_rotates() {
    attack(&row("everything on role", Entry::Robot, ALL), 1).await;
}

#[tokio::test]
async fn everything_of_an_entry_that_an_administrator_rotates() {
    attack(&row("everything on administrator", Entry::Clerk, ALL), 2).await;
}
