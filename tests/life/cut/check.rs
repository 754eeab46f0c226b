//! What has to be so after every rotation, however it ended.

use super::key_state::KeyState;
use super::rotation::RotationOutcome;
use super::trial::Trial;
use super::{SECRET, USER};
use crate::environment::Key;

impl Trial<'_> {
    /// Expects a rotation to have ended as it is bound to: well, and after being
    /// taken up once at most, unless a foreign key is in its way.
    pub(super) async fn conclude(
        &self,
        foreign: Option<&Key>,
        ended: &RotationOutcome,
        again: u32,
    ) -> KeyState {
        let key_state = self.look(0, foreign).await;
        if foreign.is_some() {
            if ended.is_well() {
                self.wrong("it found a place that there is not".into());
            }
            return key_state;
        }
        if !ended.is_well() || again > 1 {
            self.wrong(format!("{ended:?} after {again} more RotateSecret"));
        }
        let rotation = self.rotation.borrow();
        if key_state.labels["AWSCURRENT"] != rotation.version {
            self.wrong(format!("another version is current: {key_state}"));
        }
        if key_state.key("AWSPREVIOUS") != rotation.before.as_deref() {
            self.wrong(format!(
                "{:?} is not previous: {key_state}",
                rotation.before
            ));
        }
        drop(rotation);
        key_state
    }

    /// Looks at what is there: two keys at most, AWSCURRENT's and the foreign one
    /// active, and no more than so many that no version names.
    pub(super) async fn look(&self, strays: usize, foreign: Option<&Key>) -> KeyState {
        let before = self.key_state.borrow().clone();
        let key_state = before.anew(self.test, SECRET, USER).await;
        let current = key_state.key("AWSCURRENT");
        let kept = [current, foreign.map(|key| key.id.as_str())];
        for id in kept.into_iter().flatten() {
            if key_state.keys.get(id) != Some(&true) {
                self.wrong(format!("{id} is not active any more: {key_state}"));
            }
        }
        let strays = strays + usize::from(foreign.is_some());
        if key_state.keys.len() > 2 || key_state.strays().len() > strays {
            self.wrong(format!("keys that no version names: {key_state}"));
        }
        self.key_state.replace(key_state.clone());
        key_state
    }

    /// Expects that no log line and no response contains a secret of the requests.
    pub(super) async fn check_for_secrets(&self) {
        let told = self.proxy.secret_values();
        assert!(told.len() > 10, "hardly anything was told");
        let mut lines = self.test.logged().await;
        assert!(lines.len() > 10, "hardly anything was logged");
        lines.extend(self.said.borrow().iter().cloned());
        lines.extend(self.test.emulator_log().lines().map(str::to_owned));
        let text = lines.join("\n");
        for secret in told.iter().filter(|secret| text.contains(*secret)) {
            let found = lines.iter().filter(|line| line.contains(secret)).take(3);
            let found = found.map(|line| line.replace(secret, "[a secret]"));
            self.wrong(format!(
                "a secret is told: {:#?}",
                found.collect::<Vec<_>>()
            ));
        }
    }

    pub(super) fn expect(&self, outcome: Result<(), String>) {
        if let Err(wrong) = outcome {
            self.wrong(wrong);
        }
    }

    pub(super) fn wrong(&self, wrong: String) {
        let wrong = format!("{}: {wrong}", self.now.borrow());
        self.wrong.borrow_mut().push(wrong);
    }
}
