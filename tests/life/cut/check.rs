//! What has to be so after every rotation, however it ended.

use super::rotation::Ended;
use super::standing::Standing;
use super::trial::Trial;
use super::{SECRET, USER};
use crate::world::Key;

impl Trial<'_> {
    /// Expects a rotation to have ended as it is bound to: well, and after being
    /// taken up once at most, unless a foreign key is in its way.
    pub(super) async fn conclude(
        &self,
        foreign: Option<&Key>,
        ended: &Ended,
        again: u32,
    ) -> Standing {
        let standing = self.look(0, foreign).await;
        if foreign.is_some() {
            if ended.is_well() {
                self.wrong("it found a place that there is not".into());
            }
            return standing;
        }
        if !ended.is_well() || again > 1 {
            self.wrong(format!("{ended:?} after {again} more RotateSecret"));
        }
        let rotation = self.rotation.borrow();
        if standing.labels["AWSCURRENT"] != rotation.version {
            self.wrong(format!("another version is current: {standing}"));
        }
        if standing.key("AWSPREVIOUS") != rotation.before.as_deref() {
            self.wrong(format!("{:?} is not previous: {standing}", rotation.before));
        }
        drop(rotation);
        standing
    }

    /// Looks at what is there: two keys at most, AWSCURRENT's and the foreign one
    /// active, and no more than so many that no version names.
    pub(super) async fn look(&self, strays: usize, foreign: Option<&Key>) -> Standing {
        let before = self.standing.borrow().clone();
        let standing = before.anew(self.world, SECRET, USER).await;
        let current = standing.key("AWSCURRENT");
        let kept = [current, foreign.map(|key| key.id.as_str())];
        for id in kept.into_iter().flatten() {
            if standing.keys.get(id) != Some(&true) {
                self.wrong(format!("{id} is not active any more: {standing}"));
            }
        }
        let strays = strays + usize::from(foreign.is_some());
        if standing.keys.len() > 2 || standing.strays().len() > strays {
            self.wrong(format!("keys that no version names: {standing}"));
        }
        self.standing.replace(standing.clone());
        standing
    }

    /// Expects that no log line and no response contains a secret of the requests.
    pub(super) async fn check_for_secrets(&self) {
        let told = self.proxy.told();
        assert!(told.len() > 10, "hardly anything was told");
        let mut lines = self.world.logged().await;
        assert!(lines.len() > 10, "hardly anything was logged");
        lines.extend(self.said.borrow().iter().cloned());
        lines.extend(self.world.emulator_log().lines().map(str::to_owned));
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
