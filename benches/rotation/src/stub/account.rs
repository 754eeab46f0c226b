//! The account that is rotated in: one user, and the secret with its key.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::refusal::Refusal;
use super::secret::{CURRENT, PREVIOUS, Secret};
use super::user::User;

pub const NUMBER: &str = "111122223333";
pub const REGION: &str = "us-east-1";
pub const USER: &str = "ci-deployer";
pub const SECRET_NAME: &str = "prod/ci-deployer/key";
pub const SECRET_ARN: &str =
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/ci-deployer/key-a1B2c3";

/// The access key of the function's role.
pub const ROLE_KEY: &str = "ASIAFUNCTIONROLE0000";

/// What the stack writes for a user that rotates its own key.
const TAGS: [(&str, &str); 5] = [
    ("keyrota:stack", "bench"),
    ("keyrota:user", USER),
    ("keyrota:rotate-as", "self"),
    ("keyrota:owns-user", "false"),
    ("keyrota:old-key", "until_next_rotation"),
];

const DAY: Duration = Duration::from_secs(86_400);

/// One user, and the secret with its key.
#[derive(Debug)]
pub struct Account {
    pub secret: Secret,
    pub user: User,
    rotations: u64,
}

impl Account {
    /// Returns an account before the secret's first rotation: the user has one
    /// key, and AWSCURRENT names it.
    ///
    /// # Errors
    ///
    /// Does not fail in an account without keys.
    pub fn new() -> Result<Self, Refusal> {
        let mut user = User::new(USER);
        let mut secret = Secret::default();
        let key = user.create()?;
        let value = json!({
            "accesskey": key.id,
            "secretkey": key.secret,
            "username": USER,
            "secretarn": SECRET_ARN,
        });
        secret.put(&token(0), &value.to_string(), &[CURRENT])?;
        Ok(Self {
            secret,
            user,
            rotations: 0,
        })
    }

    /// Returns the secret's tags.
    pub fn tags(&self) -> BTreeMap<&str, &str> {
        TAGS.into()
    }

    /// Begins a rotation, as if a day after the one before, and returns its
    /// token.
    pub fn begin_rotation(&mut self) -> String {
        self.secret.age(DAY);
        self.user.age(DAY);
        self.rotations += 1;
        let token = token(self.rotations);
        self.secret.begin_rotation(&token);
        token
    }

    /// Ends a rotation, and says whether it took place: AWSCURRENT is the new
    /// version, and names an active key of the user that no other version has.
    pub fn end_rotation(&mut self, token: &str) -> bool {
        let new = self.key_of(CURRENT);
        let took_place = self.secret.carrier(CURRENT) == Some(token)
            && new.is_some()
            && new != self.key_of(PREVIOUS)
            && self
                .user
                .keys()
                .iter()
                .any(|key| key.active && Some(&key.id) == new.as_ref());
        self.secret.end_rotation();
        took_place
    }

    /// Deletes AWSPREVIOUS's key, as an operator does once it is not used any
    /// more. It does nothing where there is none.
    pub fn retire_previous_key(&mut self) {
        if let Some(id) = self.key_of(PREVIOUS) {
            // What is gone already is as good.
            let _ = self.user.delete(&id);
        }
    }

    fn key_of(&self, label: &str) -> Option<String> {
        let found = self.secret.value(None, Some(label)).ok()?;
        let value: serde_json::Value = serde_json::from_str(found.value).ok()?;
        value["accesskey"].as_str().map(str::to_owned)
    }
}

/// Returns a token in the form that Secrets Manager gives it.
fn token(rotation: u64) -> String {
    format!("6b1f0c52-0000-4000-8000-{rotation:012x}")
}

#[cfg(test)]
mod tests {
    use super::super::secret::PENDING;
    use super::*;

    /// Rotates as a function would.
    fn rotate(account: &mut Account) -> bool {
        let token = account.begin_rotation();
        let key = account.user.create().unwrap();
        let value = json!({ "accesskey": key.id }).to_string();
        account.secret.put(&token, &value, &[PENDING]).unwrap();
        let from = account.secret.carrier(CURRENT).map(str::to_owned);
        let to = Some(token.as_str());
        account
            .secret
            .move_label(CURRENT, to, from.as_deref())
            .unwrap();
        account.end_rotation(&token)
    }

    #[test]
    fn a_rotation_takes_place_once_the_new_key_is_current() {
        let mut account = Account::new().unwrap();
        assert!(rotate(&mut account));
        assert_eq!(account.user.keys().len(), 2);
        let untouched = account.begin_rotation();
        assert!(!account.end_rotation(&untouched));
    }

    #[test]
    fn a_rotation_to_a_dead_key_did_not_take_place() {
        let mut account = Account::new().unwrap();
        assert!(rotate(&mut account));
        account.retire_previous_key();
        assert_eq!(account.user.keys().len(), 1);
        let token = account.begin_rotation();
        let value = r#"{"accesskey":"AKIA9999999999999999"}"#;
        account
            .secret
            .put(&token, value, &[PENDING, CURRENT])
            .unwrap();
        assert!(!account.end_rotation(&token));
    }
}
