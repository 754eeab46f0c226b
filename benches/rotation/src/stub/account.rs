//! The account that is rotated in: one user and the secret with its key, or the
//! secret with the password of a database's user.

use std::time::Duration;

use serde_json::{Value, json};

use super::password::password;
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

const DAY: Duration = Duration::from_secs(86_400);

/// What a secret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecretContent {
    /// The access key of the account's user.
    Key,
    /// The password of a database's user.
    Password,
}

/// One user, and the secret.
#[derive(Debug)]
pub struct Account {
    pub secret: Secret,
    /// Without a key where the secret holds a password.
    pub user: User,
    holds: SecretContent,
    rotations: u64,
    passwords: u64,
}

impl Account {
    /// Returns an account before the secret's first rotation: the user has one
    /// key, and AWSCURRENT names it.
    ///
    /// # Errors
    ///
    /// Does not fail in an account without keys.
    pub fn of_key() -> Result<Self, Refusal> {
        let mut user = User::new(USER);
        let key = user.create()?;
        let value = json!({
            "accesskey": key.id,
            "secretkey": key.secret,
            "username": USER,
            "secretarn": SECRET_ARN,
        });
        // As a bootstrap leaves it.
        user.tag("keyrota:keys", &key.id);
        Self::new(user, SecretContent::Key, &value)
    }

    /// Returns an account before the first rotation of a database's secret, whose
    /// value is given.
    ///
    /// # Errors
    ///
    /// Does not fail in an account without secrets.
    pub fn of_password(value: &Value) -> Result<Self, Refusal> {
        Self::new(User::new(USER), SecretContent::Password, value)
    }

    fn new(user: User, holds: SecretContent, value: &Value) -> Result<Self, Refusal> {
        let mut secret = Secret::default();
        secret.put(&token(0), &value.to_string(), &[CURRENT])?;
        Ok(Self {
            secret,
            user,
            holds,
            rotations: 0,
            passwords: 0,
        })
    }

    /// Makes a password.
    ///
    /// # Errors
    ///
    /// Refuses where nothing is left to make it of.
    pub fn random_password(&mut self, request: &Value) -> Result<String, Refusal> {
        self.passwords += 1;
        password(self.passwords, request)
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

    /// Ends a rotation, and returns the ID of the new key or the new password
    /// where it took place: AWSCURRENT is the new version, and holds an active key
    /// of the user that no other version has, or a password of which this can be
    /// said by its server only.
    pub fn end_rotation(&mut self, token: &str) -> Option<String> {
        let new = self.credential_of(CURRENT);
        let keys = self.user.keys();
        let works = |new: &String| match self.holds {
            SecretContent::Key => keys.iter().any(|key| key.active && key.id == *new),
            SecretContent::Password => true,
        };
        let took_place = self.secret.carrier(CURRENT) == Some(token)
            && new != self.credential_of(PREVIOUS)
            && new.as_ref().is_some_and(works);
        self.secret.end_rotation();
        new.filter(|_| took_place)
    }

    /// Deletes AWSPREVIOUS's key, as an operator does once it is not used any
    /// more. It does nothing where there is none.
    pub fn retire_previous_key(&mut self) {
        if let Some(id) = self.credential_of(PREVIOUS) {
            // What is gone already is as good.
            let _ = self.user.delete(&id);
        }
    }

    /// Returns what tells a version's credential from another's.
    fn credential_of(&self, label: &str) -> Option<String> {
        let field = match self.holds {
            SecretContent::Key => "accesskey",
            SecretContent::Password => "password",
        };
        let found = self.secret.value(None, Some(label)).ok()?;
        let value: Value = serde_json::from_str(found.value).ok()?;
        value[field].as_str().map(str::to_owned)
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
    fn rotate(account: &mut Account) -> Option<String> {
        let key = account.user.create().unwrap();
        rotate_to(account, &json!({ "accesskey": key.id }))
    }

    fn rotate_to(account: &mut Account, value: &Value) -> Option<String> {
        let token = account.begin_rotation();
        let value = value.to_string();
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
        let mut account = Account::of_key().unwrap();
        assert!(rotate(&mut account).is_some());
        assert_eq!(account.user.keys().len(), 2);
        let untouched = account.begin_rotation();
        assert_eq!(account.end_rotation(&untouched), None);
    }

    #[test]
    fn a_rotation_to_a_dead_key_did_not_take_place() {
        let mut account = Account::of_key().unwrap();
        assert!(rotate(&mut account).is_some());
        account.retire_previous_key();
        assert_eq!(account.user.keys().len(), 1);
        let token = account.begin_rotation();
        let value = r#"{"accesskey":"AKIA9999999999999999"}"#;
        account
            .secret
            .put(&token, value, &[PENDING, CURRENT])
            .unwrap();
        assert_eq!(account.end_rotation(&token), None);
    }

    #[test]
    fn a_rotation_of_a_password_takes_place_once_another_is_current() {
        let value = json!({ "password": "first" });
        let mut account = Account::of_password(&value).unwrap();
        assert_eq!(rotate_to(&mut account, &value), None);
        let second = json!({ "password": "second" });
        let rotated = rotate_to(&mut account, &second);
        assert_eq!(rotated.as_deref(), Some("second"));
    }
}
