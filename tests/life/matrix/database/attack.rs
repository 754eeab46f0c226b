//! An attack on a database's secret, and the administrator's commands after it.

use std::collections::BTreeSet;

use super::scene::{Scene, TargetSecret};
use super::value;
use crate::database::test_server::Engine;
use crate::environment::is_in_part;
use crate::matrix::call::{Call, Principal};
use crate::matrix::comparison::{expect_nothing_learned, expect_same};
use crate::matrix::{abuse, permission};

const TEARDOWN: &str = "teardown --yes --delete-keys --force-delete-secrets --format json";

/// The labels under which a value is stored, one after the other, and whether the password in
/// AWSCURRENT works. If it does not, another version's is tried.
const LABELS: [(&[&str], bool); 3] = [
    (&["AWSCURRENT"], true),
    (&["AWSPENDING", "KEYROTA_SETTING"], true),
    (&["AWSPREVIOUS", "KEYROTA_SETTING", "KEYROTA_FIRST"], false),
];

/// A running attack.
pub struct Attack {
    pub scene: Scene,
    name: &'static str,
    actions: &'static [&'static str],
    attacker: Principal,
    /// The state outside of the attacked secret, before the attack.
    outside: Vec<String>,
    /// The number of strangers' logins before.
    strangers: usize,
    /// The values of the attacked secret so far.
    own: BTreeSet<String>,
    accepted: usize,
    token: u32,
}

impl Attack {
    pub async fn new(
        name: &'static str,
        engine: Engine,
        attacked: TargetSecret,
        actions: &'static [&'static str],
    ) -> Self {
        let scene = Scene::new(engine, attacked).await;
        let policy = permission::policy(&scene, actions);
        let key = scene.test.make_user_with("attacker", &policy).await;
        Self {
            outside: scene.outside().await,
            strangers: scene.strangers(),
            scene,
            name,
            actions,
            attacker: Principal::new(key),
            own: BTreeSet::new(),
            accepted: 0,
            token: 0,
        }
    }

    /// Replaces the attacker's permissions.
    pub async fn hold(&mut self, name: &'static str, actions: &'static [&'static str]) {
        (self.name, self.actions, self.accepted) = (name, actions, 0);
        self.scene.heal(true).await;
        let policy = permission::policy(&self.scene, actions);
        self.scene.test.allow("attacker", &policy).await;
        self.outside = self.scene.outside().await;
    }

    fn allows(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }

    async fn make(&mut self, call: &Call) {
        if self.attacker.makes(&self.scene.test, call).await {
            self.accepted += 1;
        }
    }

    /// Records the values of the attacked secret, if the attacker may read it.
    async fn remember(&mut self) {
        if self.allows("secretsmanager:PutResourcePolicy") {
            self.own.extend(self.scene.own_secrets().await);
        }
    }

    fn fixed(&self) -> Vec<Call> {
        let tags = self.scene.tags();
        abuse::fixed(&self.scene, &pairs(&tags))
    }

    fn store(&mut self, index: usize, label: &str) -> Call {
        self.token += 1;
        let text = value::value(&self.scene, index);
        match self.allows("secretsmanager:PutSecretValue") {
            true => abuse::put(&self.scene, &text, &[label], self.token),
            false => abuse::update(&self.scene, &text, self.token),
        }
    }

    /// Tries what the permissions do not allow: AWS refuses it.
    pub async fn denied(&mut self) {
        let before = self.scene.test.everything().await;
        let mut calls = abuse::elsewhere(&self.scene);
        calls.extend(self.fixed());
        calls.extend(abuse::events(&self.scene).await.into_iter().take(1));
        calls.push(abuse::put(&self.scene, "{}", &["AWSCURRENT"], 902));
        calls.extend(abuse::moves(&self.scene, "AWSPREVIOUS").await);
        for call in calls {
            let own = call.is_on(self.scene.arn()) || matches!(call, Call::Invoke(..));
            if own && self.allows(&call.action()) {
                continue;
            }
            let made = self.attacker.makes(&self.scene.test, &call).await;
            assert!(!made, "{}: {call:?} is not refused", self.name);
        }
        let after = self.scene.test.everything().await;
        expect_same(&before, &after, &format!("{}: denied calls", self.name));
    }

    /// Expects that everything outside is unchanged, and that nothing connected to the
    /// attacker's server.
    async fn unchanged(&self, what: &str) {
        let what = format!("{}: {what}", self.name);
        self.scene.expect_no_caller(&what);
        let strangers = self.scene.strangers();
        assert_eq!(strangers, self.strangers, "{what}: somebody else's login");
        expect_same(&self.outside, &self.scene.outside().await, &what);
        if self.scene.attacked == TargetSecret::Administrator {
            // Whether or not it was rotated, the entry's own password works.
            let entry = self.scene.attacked.rotated();
            self.scene.expect_logins(&[entry], &what).await;
        }
    }

    /// Tries something, and then runs the administrator's commands.
    async fn tries(&mut self, what: &str, calls: &[Call]) {
        self.remember().await;
        let accepted = self.accepted + calls.len();
        for call in calls {
            self.make(call).await;
        }
        assert_eq!(self.accepted, accepted, "{}: {what} is refused", self.name);
        if self.allows("lambda:InvokeFunction") {
            let mut events = abuse::events(&self.scene).await;
            events.retain(|event| event.names_one_of(&[self.scene.arn()]));
            for event in events {
                self.make(&event).await;
            }
        }
        self.scene.provoke().await;
        self.unchanged(what).await;
    }

    /// Stores values under each label.
    pub async fn values(&mut self, values: impl IntoIterator<Item = usize>) {
        let mut turn = 0..;
        for index in values {
            for (labels, whole) in LABELS {
                let only_current = !self.allows("secretsmanager:PutSecretValue");
                let is_left_out = only_current && labels != ["AWSCURRENT"];
                if is_left_out || !turn.next().is_some_and(is_in_part) {
                    continue;
                }
                self.scene.heal(whole).await;
                let mut calls: Vec<Call> = labels
                    .iter()
                    .map(|label| self.store(index, label))
                    .collect();
                if self.allows("secretsmanager:TagResource") {
                    let tags = self.scene.tags();
                    calls.push(abuse::tag(&self.scene, &pairs(&tags)));
                }
                let what = format!("value {index} under {labels:?}");
                self.tries(&what, &calls).await;
            }
        }
    }

    /// Moves labels to each version.
    pub async fn labels(&mut self) {
        for labels in abuse::LABELS {
            self.scene.heal(labels.len() == 1).await;
            let mut calls = Vec::new();
            for label in labels {
                calls.extend(abuse::moves(&self.scene, label).await);
            }
            self.tries(&format!("moving {labels:?}"), &calls).await;
        }
    }

    /// Sends every event.
    pub async fn events(&mut self) {
        for event in abuse::events(&self.scene).await {
            self.make(&event).await;
        }
        self.unchanged("events").await;
    }

    /// Leaves the secret as the attacker wants it.
    pub async fn spoil(&mut self) {
        self.scene.heal(true).await;
        self.remember().await;
        let mut calls = Vec::new();
        for label in ["AWSPREVIOUS", "AWSPENDING", "KEYROTA_SETTING"] {
            calls.push(self.store(1, label));
        }
        calls.extend(self.fixed());
        calls.retain(|call| self.allows(&call.action()));
        for call in calls {
            self.make(&call).await;
        }
        self.scene.provoke_by_command().await;
        self.unchanged("every call").await;
    }

    /// Runs the commands that inspect and repair the stack as the administrator.
    pub async fn look(&mut self) {
        for command in ["status", "doctor", "doctor --fix --yes"] {
            let before = self.scene.administrators();
            let ran = self.scene.test.keyrota(command).await;
            if command != "status" {
                // The rehearsal of another entry logs in as its administrator.
                self.strangers += self.scene.administrators() - before;
            }
            self.unchanged(&format!("{ran}")).await;
        }
        let ran = self.scene.bootstrap().await;
        self.unchanged(&format!("{ran}")).await;
        expect_nothing_learned(&self.scene, &self.attacker, &self.own, self.name);
        assert!(self.accepted > 0, "{}: nothing was tried", self.name);
    }

    /// Rotates everything and deletes it, as the administrator. The other entries rotate as
    /// always, and then the account is as it was before the stack.
    pub async fn end(&mut self) {
        let others = self.scene.others();
        let mut before = Vec::new();
        for other in &others {
            before.push(self.scene.test.value(other, "AWSCURRENT").await);
        }
        let ran = self.scene.test.keyrota("rotate").await;
        for (other, old) in others.iter().zip(before) {
            let new = self.scene.test.value(other, "AWSCURRENT").await;
            assert_ne!(new, old, "{}: {other} was not rotated\n{ran}", self.name);
        }
        let what = format!("{}: {ran}", self.name);
        self.scene
            .expect_logins(&self.scene.bystanders(), &what)
            .await;

        let mut before = self.scene.before.clone();
        before.extend(self.scene.roles());
        let ran = self.scene.test.keyrota(TEARDOWN).await;
        let mut after = self.scene.outside().await;
        let secret = self.scene.attacked.secret();
        let theirs = |line: &String| {
            line.contains(" attacker") || line.split(' ').any(|word| word == secret)
        };
        after.retain(|line| !theirs(line));
        before.retain(|line| !theirs(line));
        let what = format!("{}: teardown: {ran}", self.name);
        self.scene.expect_no_caller(&what);
        expect_same(&before, &after, &what);
        if self.scene.attacked == TargetSecret::Administrator {
            assert!(
                self.scene.test.secret(secret).await.is_some(),
                "{what}: the administrator's secret is gone"
            );
        }
        self.scene.test.check_logs_for_secrets().await;
    }
}

fn pairs(tags: &[(String, String)]) -> Vec<(&str, &str)> {
    let tags = tags.iter();
    tags.map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}
