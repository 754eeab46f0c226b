//! An attack: what a principal tries with its permissions, and the administrator's commands
//! after it.

use std::collections::BTreeSet;

use super::account::FOREIGN;
use super::call::{Call, Principal};
use super::row::{Row, row};
use super::scene::{Entry, Scene};
use super::{abuse, permission, value};
use crate::environment::is_in_part;

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip --format json";
pub const TEARDOWN: &str = "teardown --yes --delete-keys --force-delete-secrets --format json";

/// A running attack.
pub struct Attack<'row> {
    pub row: &'row Row,
    pub scene: Scene,
    pub attacker: Principal,
    /// The state outside of the attacked secret, before the attack.
    pub outside: Vec<String>,
    /// The values of the attacked secret so far.
    pub own: BTreeSet<String>,
    accepted: usize,
    token: u32,
}

impl<'row> Attack<'row> {
    pub async fn new(row: &'row Row) -> Self {
        let scene = Scene::new(row.entry).await;
        let policy = match row.part {
            Some(part) => {
                let generate = "generate --output rendered";
                scene.test.keyrota(generate).await.exits(0);
                let policy = scene.test.home.read("rendered/deployer-policy.json");
                crate::least::part(&policy, part)
            }
            None => permission::policy(&scene, row.actions),
        };
        let key = scene.test.make_user_with("attacker", &policy).await;
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

    pub async fn make(&mut self, call: &Call) {
        if self.attacker.makes(&self.scene.test, call).await {
            self.accepted += 1;
        }
    }

    /// Records the values of the attacked secret, if the attacker may read it.
    pub async fn remember(&mut self) {
        const READ: [&str; 2] = [
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutResourcePolicy",
        ];
        if READ.iter().any(|action| self.row.allows(action)) {
            let held = self.scene.own_secrets(self.row.entry.secret()).await;
            self.own.extend(held);
        }
    }

    pub fn next_token(&mut self) -> u32 {
        self.token += 1;
        self.token
    }

    /// Tries what the row does not allow: AWS refuses it.
    pub async fn denied(&mut self) {
        let before = self.scene.test.everything().await;
        let mut calls = abuse::elsewhere(&self.scene);
        calls.extend(abuse::fixed(&self.scene, &self.scene.tags()));
        calls.extend(abuse::events(&self.scene).await.into_iter().take(1));
        calls.push(abuse::put(&self.scene, "{}", &["AWSCURRENT"], 902));
        calls.extend(abuse::moves(&self.scene, "AWSPREVIOUS").await);
        for call in calls {
            let own = call.is_on(self.scene.arn()) || matches!(call, Call::Invoke(..));
            if own && self.row.allows(&call.action()) {
                continue;
            }
            let made = self.attacker.makes(&self.scene.test, &call).await;
            assert!(!made, "{}: {call:?} is not refused", self.row.name);
        }
        self.expect(&before, &self.scene.test.everything().await, "denied calls");
    }

    /// Tries something, and then runs the administrator's commands.
    pub async fn tries(&mut self, what: &str, calls: &[Call]) {
        self.remember().await;
        for call in calls {
            self.make(call).await;
        }
        if self.row.allows("lambda:InvokeFunction") {
            let mut events = abuse::events(&self.scene).await;
            let about = [self.scene.arn(), &self.scene.arns[FOREIGN]];
            events.retain(|event| event.names_one_of(&about));
            for event in events {
                self.make(&event).await;
            }
        }
        self.scene.provoke().await;
        self.unchanged(what).await;
    }

    pub async fn values(&mut self, row: usize) {
        let mut turn = 0..;
        for label in 0..abuse::LABELS.len() {
            for value in 0..value::VALUES {
                let chosen = (value + label + row).is_multiple_of(value::VALUES)
                    || (value, label) == (value::ANOTHER_USER, 0);
                if !self.row.whole && !chosen || !turn.next().is_some_and(is_in_part) {
                    continue;
                }
                let reserve = value::needs_reserve(value);
                self.scene.heal(reserve, (value + label) % 2 == 0).await;
                let labels = abuse::LABELS[label];
                let text = value::value(&self.scene, &self.attacker.key, value).await;
                let token = self.next_token();
                let call = match self.row.allows("secretsmanager:PutSecretValue") {
                    true => abuse::put(&self.scene, &text, labels, token),
                    false => abuse::update(&self.scene, &text, token),
                };
                let mut calls = vec![call];
                if self.row.allows("secretsmanager:TagResource") {
                    calls.push(abuse::tag(&self.scene, &self.scene.tags()));
                }
                self.tries(&format!("value {value} under {labels:?}"), &calls)
                    .await;
            }
        }
    }

    pub async fn labels(&mut self) {
        let without = (self.row.actions.len() == 1).then_some(false);
        for reserve in [true].into_iter().chain(without) {
            for labels in abuse::LABELS {
                self.scene.heal(reserve, !reserve).await;
                // An intent in the format of earlier versions, as old as the key in reserve.
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

    /// Leaves the secret as the attacker wants it, and runs every command as the administrator.
    pub async fn commands(&mut self) {
        let row = self.row.name;
        let reserve = self.row.entry != Entry::Robot;
        self.scene.heal(reserve, true).await;
        self.remember().await;
        let text = value::value(&self.scene, &self.attacker.key, 0).await;
        let mut calls = Vec::new();
        for labels in [
            "AWSPREVIOUS",
            "AWSPENDING",
            "KEYROTA_MADE",
            "KEYROTA_REPLACED",
        ] {
            let token = self.next_token();
            calls.push(abuse::put(&self.scene, &text, &[labels], token));
        }
        calls.extend(abuse::fixed(&self.scene, &self.scene.tags()));
        calls.retain(|call| self.row.allows(&call.action()));
        for call in calls {
            self.make(&call).await;
        }
        self.scene.provoke().await;
        for command in ["status", "doctor", "doctor --fix --yes", BOOTSTRAP] {
            let ran = self.scene.test.keyrota(command).await;
            self.unchanged(&format!("{ran}")).await;
        }
        self.learned();

        // The others rotate as always.
        let mut before = Vec::new();
        for other in self.scene.others() {
            before.push((other, self.scene.test.current_key(other.secret()).await));
        }
        let ran = self.scene.test.keyrota("rotate").await;
        for (other, old) in before {
            let current = self.scene.test.current_key(other.secret()).await;
            assert_ne!(current, old, "{row}: {other:?} was not rotated\n{ran}");
            let holder = self.scene.test.holder(&current).await;
            assert_eq!(holder, Ok(Scene::arn_of(other.user())), "{row}: {ran}");
        }
        self.down().await;
    }

    /// Sends every event.
    pub async fn tries_events(&mut self) {
        for event in abuse::events(&self.scene).await {
            self.make(&event).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own clock")]
fn now() -> String {
    jiff::Timestamp::now().as_second().to_string()
}

/// Runs a row.
pub async fn attack(row: &Row, number: usize) {
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
        // Not even the attacked secret.
        let before = attack.scene.test.everything().await;
        attack.tries_events().await;
        attack.expect(&before, &attack.scene.test.everything().await, "events");
    }
    attack.commands().await;
    assert!(attack.accepted > 0, "{}: nothing was tried", row.name);
}

/// Tries everything as a person who may run one command and nothing else.
pub async fn command(part: &'static str, changes: bool) {
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
    let all = attack.scene.test.everything().await;
    let mut calls = abuse::elsewhere(&attack.scene);
    calls.push(abuse::put(&attack.scene, "{}", &["AWSCURRENT"], 903));
    calls.extend(abuse::fixed(&attack.scene, &attack.scene.tags()));
    calls.extend(abuse::events(&attack.scene).await);
    for label in abuse::LABELS.concat() {
        calls.extend(abuse::moves(&attack.scene, label).await);
    }
    for call in calls {
        attack.make(&call).await;
    }
    attack.expect(&before, &attack.scene.outside_stack().await, part);
    if !changes {
        let mut after = attack.scene.test.everything().await;
        after.retain(|line| !line.starts_with("change set of "));
        attack.expect(&all, &after, part);
    }
    // The attacker may have received the current values of these secrets.
    for entry in Entry::ALL {
        let held = attack.scene.own_secrets(entry.secret()).await;
        attack.own.extend(held);
    }
    attack.learned();
    // The attacker's change set exists, and nobody executes it.
    attack.outside = attack.scene.outside().await;
    attack.commands().await;
    assert!(attack.accepted > 0, "{part}: nothing was tried");
}
