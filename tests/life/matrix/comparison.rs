//! Compares after an attack: everything outside the attacked secret, and everything that
//! the attacker received.

use std::collections::BTreeSet;

use super::account::Account;
use super::attack::{Attack, TEARDOWN};
use super::call::Principal;

/// Expects the same lines as before.
pub fn expect_same(before: &[String], after: &[String], what: &str) {
    let gone: Vec<&String> = before.iter().filter(|it| !after.contains(it)).collect();
    let new: Vec<&String> = after.iter().filter(|it| !before.contains(it)).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "{what}: gone {gone:#?}, new {new:#?}"
    );
}

/// Expects that an attacker knows no secret but their own, and those that the one secret
/// has held where they may read that.
pub fn expect_nothing_learned(
    account: &Account,
    attacker: &Principal,
    own: &BTreeSet<String>,
    row: &str,
) {
    let mut secrets = account.test.concealed();
    secrets.remove(&attacker.key.secret);
    secrets.retain(|secret| !own.contains(secret) && !secret.contains("made/up"));
    let learned = attacker.learned(secrets.iter());
    assert_eq!(learned, None, "{row}: a secret was learned");
}

impl Attack<'_> {
    pub fn expect(&self, before: &[String], after: &[String], what: &str) {
        expect_same(before, after, &format!("{}: {what}", self.row.name));
    }

    /// Expects everything outside as it was before anything was tried.
    pub async fn unchanged(&self, what: &str) {
        let (mut after, user) = (self.scene.outside().await, self.row.entry.user());
        if let Some(reserve) = &self.scene.reserve {
            let line = format!("key of {user} {} active", reserve.id);
            assert!(after.contains(&line), "{}: {what}: {line}", self.row.name);
            after.retain(|it| *it != line);
        }
        self.expect(&self.outside, &after, what);
    }

    /// Takes everything down, and expects what was there before there was a stack.
    pub async fn down(&mut self) {
        let ran = self.scene.test.keyrota(TEARDOWN).await;
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
        self.expect(&before, &after, &format!("teardown: {ran}"));
        self.scene.test.check_logs_for_secrets().await;
    }

    /// Expects that the attacker received no secret.
    pub fn learned(&self) {
        // A part reads the stack's own secrets.
        expect_nothing_learned(&self.scene, &self.attacker, &self.own, self.row.name);
    }
}
