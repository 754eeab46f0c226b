//! The attack matrix: somebody who holds one small permission tries whatever it can be
//! abused for, the administrator then runs everything, and nothing but the one secret
//! and its own credential may have changed. Nothing may have been learned either.
//!
//! What is compared is the whole account (`World::everything`), and in the end, after a
//! teardown, with what it was before there was a stack.

mod abuse;
mod call;
mod scene;

use std::collections::BTreeSet;

use serde_json::json;

use call::{Call, Principal};
use scene::{Entry, Scene};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
const TEARDOWN: &str = "teardown --yes --delete-keys --force-delete-secrets --format json";

/// Which permissions somebody holds on one of the secrets, or on the function.
struct Row {
    name: &'static str,
    entry: Entry,
    actions: &'static [&'static str],
    /// Every value under every label, and not a part of them.
    whole: bool,
    /// The part of the deployer's policy that they hold instead.
    part: Option<&'static str>,
}

const fn row(name: &'static str, entry: Entry, actions: &'static [&'static str]) -> Row {
    Row {
        name,
        entry,
        actions,
        whole: false,
        part: None,
    }
}

/// What may be done to one secret, all at once.
const ALL: &[&str] = &[
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:PutSecretValue",
    "secretsmanager:ReplicateSecretToRegions",
    "secretsmanager:RestoreSecret",
    "secretsmanager:RotateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
    "lambda:InvokeFunction",
];

impl Row {
    fn policy(&self, scene: &Scene) -> String {
        let secret = format!(
            "arn:aws:secretsmanager:*:*:secret:{}-??????",
            self.entry.secret()
        );
        let mut on_secret = Vec::new();
        let mut on_function = Vec::new();
        for action in self.actions {
            match action.starts_with("lambda:") {
                true => on_function.push(action),
                false => on_secret.push(action),
            }
        }
        let mut statements = Vec::new();
        for (actions, resource) in [
            (on_secret, secret),
            (
                on_function,
                format!("arn:aws:lambda:*:*:function:{}", scene.function),
            ),
        ] {
            if !actions.is_empty() {
                statements.push(json!({
                    "Effect": "Allow", "Action": actions, "Resource": resource,
                }));
            }
        }
        // What encrypts with a key of somebody's own needs that key.
        if self.allows("secretsmanager:UpdateSecret") {
            statements.push(json!({
                "Effect": "Allow", "Resource": scene.kms_key,
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            }));
        }
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    fn allows(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }
}

/// An attack under way.
struct Attack<'row> {
    row: &'row Row,
    scene: Scene,
    attacker: Principal,
    /// What was outside before anything was tried.
    outside: Vec<String>,
    /// What the one secret has held.
    own: BTreeSet<String>,
    accepted: usize,
    token: u32,
}

impl<'row> Attack<'row> {
    async fn new(row: &'row Row) -> Self {
        let scene = Scene::new(row.entry).await;
        let policy = match row.part {
            Some(part) => {
                let generate = "generate --output rendered";
                scene.world.keyrota(generate).await.exits(0);
                let policy = scene.world.home.read("rendered/deployer-policy.json");
                crate::least::part(&policy, part)
            }
            None => row.policy(&scene),
        };
        let key = scene.world.make_user_with("attacker", &policy).await;
        Self {
            row,
            outside: scene.outside().await,
            scene,
            attacker: Principal::new(key),
            own: BTreeSet::new(),
            accepted: 0,
            token: 0,
        }
    }

    async fn make(&mut self, call: &Call) {
        if self.attacker.makes(&self.scene.world, call).await {
            self.accepted += 1;
        }
    }

    /// Remembers what the one secret holds, where they may come to read it.
    async fn remember(&mut self) {
        const READ: [&str; 2] = [
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutResourcePolicy",
        ];
        if READ.iter().any(|action| self.row.allows(action)) {
            let held = self.scene.own_secrets(self.row.entry.secret()).await;
            self.own.extend(held);
        }
    }

    fn next_token(&mut self) -> u32 {
        self.token += 1;
        self.token
    }

    /// Tries what the row does not allow: AWS refuses it.
    async fn denied(&mut self) {
        let before = self.scene.world.everything().await;
        let mut calls = abuse::elsewhere(&self.scene);
        calls.extend(abuse::fixed(&self.scene));
        calls.extend(abuse::events(&self.scene).await.into_iter().take(1));
        calls.push(abuse::put(&self.scene, "{}", &["AWSCURRENT"], 902));
        calls.extend(abuse::moves(&self.scene, "AWSPREVIOUS").await);
        for call in calls {
            let own = call_is_on(&call, self.scene.arn()) || matches!(call, Call::Invoke(..));
            if own && self.row.allows(&call.action()) {
                continue;
            }
            let made = self.attacker.makes(&self.scene.world, &call).await;
            assert!(!made, "{}: {call:?} is not refused", self.row.name);
        }
        self.expect(&before, self.scene.world.everything().await, "denied calls");
    }

    fn expect(&self, before: &[String], after: Vec<String>, what: &str) {
        let gone: Vec<&String> = before.iter().filter(|it| !after.contains(it)).collect();
        let new: Vec<&String> = after.iter().filter(|it| !before.contains(it)).collect();
        assert!(
            gone.is_empty() && new.is_empty(),
            "{}: {what}: gone {gone:#?}, new {new:#?}",
            self.row.name
        );
    }

    /// Tries something, and what the administrator does makes of it.
    async fn tries(&mut self, what: &str, calls: &[Call]) {
        self.remember().await;
        for call in calls {
            self.make(call).await;
        }
        if self.row.allows("lambda:InvokeFunction") {
            let mut events = abuse::events(&self.scene).await;
            let about = [self.scene.arn(), &self.scene.arns[scene::FOREIGN]];
            events.retain(|event| event.names_one_of(&about));
            for event in events {
                self.make(&event).await;
            }
        }
        self.scene.provoke().await;
        self.unchanged(what).await;
    }

    /// Expects everything outside as it was before anything was tried.
    async fn unchanged(&self, what: &str) {
        let (mut after, user) = (self.scene.outside().await, self.row.entry.user());
        if let Some(reserve) = &self.scene.reserve {
            let line = format!("key of {user} {} active", reserve.id);
            assert!(after.contains(&line), "{}: {what}: {line}", self.row.name);
            after.retain(|it| *it != line);
        }
        self.expect(&self.outside, after, what);
    }

    async fn values(&mut self, row: usize) {
        for label in 0..abuse::LABELS.len() {
            for value in 0..abuse::VALUES {
                if !self.row.whole && !(value + label + row).is_multiple_of(10) {
                    continue;
                }
                let reserve = abuse::needs_reserve(value);
                self.scene.heal(reserve, (value + label) % 2 == 0).await;
                let labels = abuse::LABELS[label];
                let text = abuse::value(&self.scene, &self.attacker.key, value).await;
                let token = self.next_token();
                let call = match self.row.allows("secretsmanager:PutSecretValue") {
                    true => abuse::put(&self.scene, &text, labels, token),
                    false => abuse::update(&self.scene, &text, token),
                };
                self.tries(&format!("value {value} under {labels:?}"), &[call])
                    .await;
            }
        }
    }

    async fn labels(&mut self) {
        let without = (self.row.actions.len() == 1).then_some(false);
        for reserve in [true].into_iter().chain(without) {
            for labels in abuse::LABELS {
                self.scene.heal(reserve, !reserve).await;
                // An intent of earlier versions, as old as the key in reserve.
                let making = format!("KEYROTA_MAKING_{}", now());
                let own = (labels.len() > 1).then_some(making.as_str());
                let mut calls = Vec::new();
                for label in labels.iter().copied().chain(own) {
                    calls.extend(abuse::moves(&self.scene, label).await);
                }
                self.tries(&format!("moving {labels:?}"), &calls).await;
            }
        }
    }

    /// Leaves the secret as the attacker wants it, and has the administrator run every
    /// command.
    async fn commands(&mut self) {
        let row = self.row.name;
        let reserve = self.row.entry != Entry::Robot;
        self.scene.heal(reserve, true).await;
        self.remember().await;
        let text = abuse::value(&self.scene, &self.attacker.key, 0).await;
        let mut calls = Vec::new();
        for labels in ["AWSPREVIOUS", "AWSPENDING", "KEYROTA_MADE"] {
            let token = self.next_token();
            calls.push(abuse::put(&self.scene, &text, &[labels], token));
        }
        calls.extend(abuse::fixed(&self.scene));
        calls.retain(|call| self.row.allows(&call.action()));
        for call in calls {
            self.make(&call).await;
        }
        self.scene.provoke().await;
        for command in ["status", "doctor", "doctor --fix --yes", BOOTSTRAP] {
            let ran = self.scene.world.keyrota(command).await;
            self.unchanged(&format!("{ran}")).await;
        }
        self.learned();

        // The others rotate as ever.
        let mut before = Vec::new();
        for other in self.scene.others() {
            before.push((other, self.scene.world.current_key(other.secret()).await));
        }
        let ran = self.scene.world.keyrota("rotate").await;
        for (other, old) in before {
            let current = self.scene.world.current_key(other.secret()).await;
            assert_ne!(current, old, "{row}: {other:?} was not rotated\n{ran}");
            let holder = self.scene.world.holder(&current).await;
            assert_eq!(holder, Ok(Scene::arn_of(other.user())), "{row}: {ran}");
        }
        self.down().await;
    }

    /// Takes everything down, and expects what was there before there was a stack.
    async fn down(&mut self) {
        let ran = self.scene.world.keyrota(TEARDOWN).await;
        let mut before = self.scene.before.clone();
        let mut after = self.scene.outside().await;
        // What is left of the one secret is its own, and the KMS key that it was
        // encrypted with was not the stack's.
        let user = self.row.entry.user();
        let theirs = |line: &String| {
            line.contains(" attacker") || line.starts_with(&format!("key of {user} "))
        };
        if let Some(reserve) = &self.scene.reserve {
            let line = format!("key of {user} {} active", reserve.id);
            assert!(after.contains(&line), "{}: {ran}", self.row.name);
        }
        after.retain(|line| !theirs(line));
        before.retain(|line| !theirs(line));
        self.expect(&before, after, &format!("teardown: {ran}"));
        self.scene.world.check_logs_for_secrets().await;
    }

    /// Expects that the attacker knows no secret but their own, and those that the one
    /// secret has held where they may read that.
    fn learned(&self) {
        let mut secrets = self.scene.world.concealed();
        secrets.remove(&self.attacker.key.secret);
        // A part reads the stack's own secrets.
        secrets.retain(|secret| !self.own.contains(secret));
        secrets.retain(|secret| !secret.contains("made/up"));
        let learned = self.attacker.learned(secrets.iter());
        assert_eq!(learned, None, "{}: a secret was learned", self.row.name);
    }
}

fn call_is_on(call: &Call, arn: &str) -> bool {
    matches!(call, Call::Json(_, _, body) if body["SecretId"] == arn)
}

#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
fn now() -> String {
    jiff::Timestamp::now().as_second().to_string()
}

/// Goes through a row.
async fn attack(row: &Row, number: usize) {
    let mut attack = Attack::new(row).await;
    attack.denied().await;
    let stores = [
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecret",
    ];
    if stores.iter().any(|action| row.allows(action)) {
        attack.values(number).await;
    }
    if row.allows("secretsmanager:UpdateSecretVersionStage") {
        attack.labels().await;
    }
    if row.actions == ["lambda:InvokeFunction"] {
        // Not even the one secret.
        let before = attack.scene.world.everything().await;
        attack.tries_events().await;
        attack.expect(&before, attack.scene.world.everything().await, "events");
    }
    attack.commands().await;
    assert!(attack.accepted > 0, "{}: nothing was tried", row.name);
}

impl Attack<'_> {
    async fn tries_events(&mut self) {
        for event in abuse::events(&self.scene).await {
            self.make(&event).await;
        }
    }
}

/// Tries everything as a person who may run one command, and no other.
async fn command(part: &'static str, changes: bool) {
    let row = Row {
        part: Some(part),
        ..row(part, Entry::Robot, &[])
    };
    let mut attack = Attack::new(&row).await;
    for entry in Entry::ALL {
        let held = attack.scene.own_secrets(entry.secret()).await;
        attack.own.extend(held);
    }
    let before = attack.scene.outside_stack().await;
    let all = attack.scene.world.everything().await;
    let mut calls = abuse::elsewhere(&attack.scene);
    calls.push(abuse::put(&attack.scene, "{}", &["AWSCURRENT"], 903));
    calls.extend(abuse::fixed(&attack.scene));
    calls.extend(abuse::events(&attack.scene).await);
    for label in abuse::LABELS.concat() {
        calls.extend(abuse::moves(&attack.scene, label).await);
    }
    for call in calls {
        attack.make(&call).await;
    }
    attack.expect(&before, attack.scene.outside_stack().await, part);
    if !changes {
        let mut after = attack.scene.world.everything().await;
        after.retain(|line| !line.starts_with("change set of "));
        attack.expect(&all, after, part);
    }
    // What they have heard by now is what these secrets held by now.
    for entry in Entry::ALL {
        let held = attack.scene.own_secrets(entry.secret()).await;
        attack.own.extend(held);
    }
    attack.learned();
    // A change set that they made is there, and nobody executes it.
    attack.outside = attack.scene.outside().await;
    attack.commands().await;
    assert!(attack.accepted > 0, "{part}: nothing was tried");
}

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
    let world = &scene.world;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "secretsmanager:PutSecretValue",
            "Resource": scene.arns[scene::ADMINISTRATOR],
        }],
    });
    let key = world.make_user_with("attacker", &policy.to_string()).await;
    let attacker = Principal::new(key.clone());
    let right = world.value(scene::ADMINISTRATOR, "AWSCURRENT").await;
    let current = world.current_key("prod/clerk").await;
    for index in (0..abuse::VALUES).step_by(2) {
        let before = scene.outside().await;
        let text = abuse::value(&scene, &key, index).await;
        let call = Call::Json(
            "secretsmanager",
            "secretsmanager.PutSecretValue",
            json!({
                "SecretId": scene.arns[scene::ADMINISTRATOR], "SecretString": text,
                "ClientRequestToken": format!("00000000-0000-4000-8000-{index:012}"),
            }),
        );
        assert!(attacker.makes(world, &call).await, "value {index}");
        let outside = |lines: Vec<String>| -> Vec<String> {
            let of_it = |line: &String| line.contains(scene::ADMINISTRATOR);
            lines.into_iter().filter(|line| !of_it(line)).collect()
        };
        scene.provoke().await;
        let after = outside(scene.outside().await);
        assert_eq!(after, outside(before), "value {index}");
        assert_eq!(world.current_key("prod/clerk").await, current);
    }
    let mut secrets = world.concealed();
    secrets.remove(&key.secret);
    assert_eq!(attacker.learned(secrets.iter()), None);
    // The others rotate, and this one again once its administrator is back.
    world
        .keyrota("rotate prod/mailer prod/robot")
        .await
        .exits(0);
    let right = right.expect("the administrator's value");
    world.store(scene::ADMINISTRATOR, &right).await;
    world.keyrota("rotate prod/clerk").await.exits(0);
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
