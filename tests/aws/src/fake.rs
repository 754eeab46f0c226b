//! Secrets Manager and IAM with any number of secrets and users, using the rules for one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::conformance::{
    Described, Function, Iam, ListedKey, Outcome, ROTATED, STEPS, SecretsManager,
};
use crate::versions::{self, Versions};
use crate::{Refusal, keys};

/// A secret.
#[derive(Default)]
struct Secret {
    versions: Versions<String, ()>,
    deleted: bool,
    function: Option<Function>,
    /// Whether rotation is on, or `None` if it never was.
    rotation_enabled: Option<bool>,
    /// Whether a rotation has succeeded.
    rotated: bool,
    /// The steps and tokens of the calls of the function.
    calls: Vec<(String, String)>,
}

/// Secrets Manager.
#[derive(Default)]
pub struct FakeSecretsManager {
    secrets: RefCell<BTreeMap<String, Secret>>,
}

impl FakeSecretsManager {
    /// Runs an operation on a secret that is not scheduled for deletion.
    fn with<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Secret) -> Result<T, Refusal>,
    ) -> Outcome<T> {
        let mut secrets = self.secrets.borrow_mut();
        let secret = secrets.get_mut(name).ok_or(Refusal::NotFound);
        let answer = secret.and_then(|secret| match secret.deleted {
            true => Err(Refusal::InvalidRequest),
            false => act(secret),
        });
        answer.map_err(|refusal| refusal.code().to_owned())
    }
}

impl SecretsManager for FakeSecretsManager {
    async fn create(&self, name: &str, token: &str, value: &str) -> Outcome<()> {
        let mut secrets = self.secrets.borrow_mut();
        if let Some(held) = secrets.get(name) {
            let refusal = match held.deleted {
                true => Refusal::InvalidRequest,
                false => Refusal::Exists,
            };
            return Err(refusal.code().to_owned());
        }
        let mut secret = Secret::default();
        let token = token.to_owned();
        let put = versions::put(&mut secret.versions, &token, value, &[], || ());
        put.map_err(|refusal| refusal.code().to_owned())?;
        secrets.insert(name.to_owned(), secret);
        Ok(())
    }

    async fn describe(&self, name: &str) -> Outcome<Described> {
        let secrets = self.secrets.borrow();
        let secret = secrets.get(name).ok_or(Refusal::NotFound.code())?;
        Ok(Described {
            stages: versions::stages(&secret.versions),
            deleted: secret.deleted,
            rotation_enabled: secret.rotation_enabled,
            scheduled: secret.function.is_some(),
            rotated: secret.rotated && secret.rotation_enabled == Some(true),
        })
    }

    async fn value(&self, name: &str, label: Option<&str>, id: Option<&str>) -> Outcome<String> {
        self.with(name, |secret| {
            let labelled = versions::carrier(&secret.versions, label.unwrap_or("AWSCURRENT"));
            let id = id.or(labelled.map(String::as_str));
            let version = id.and_then(|id| secret.versions.get(id));
            let value = version.and_then(|version| version.value.clone());
            value.ok_or(Refusal::NotFound)
        })
    }

    async fn put(&self, name: &str, token: &str, value: &str, labels: &[&str]) -> Outcome<()> {
        self.with(name, |secret| {
            let token = token.to_owned();
            let put = versions::put(&mut secret.versions, &token, value, labels, || ());
            put.map(drop)
        })
    }

    async fn update_stage(
        &self,
        name: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Outcome<()> {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        self.with(name, |secret| {
            versions::update_stage(&mut secret.versions, label, from.as_ref(), to.as_ref())
        })
    }

    async fn delete(&self, name: &str, days: i64) -> Outcome<()> {
        self.with(name, |secret| match days {
            7..=30 => {
                secret.deleted = true;
                Ok(())
            }
            _ => Err(Refusal::InvalidParameter),
        })
    }

    async fn restore(&self, name: &str) -> Outcome<()> {
        let mut secrets = self.secrets.borrow_mut();
        let secret = secrets.get_mut(name).ok_or(Refusal::NotFound.code())?;
        secret.deleted = false;
        Ok(())
    }

    async fn rotate(&self, name: &str, token: &str) -> Outcome<()> {
        self.with(name, |secret| {
            let function = secret.function.ok_or(Refusal::InvalidRequest)?;
            versions::begin_rotation(&mut secret.versions, &token.to_owned())?;
            secret.rotation_enabled = Some(true);
            for step in STEPS {
                secret.calls.push((step.to_owned(), token.to_owned()));
                if function == Function::FailingAt(step) {
                    return Ok(());
                }
                if function == Function::Rotating {
                    rotate_at(secret, step, token)?;
                }
            }
            secret.rotated |= versions::end_rotation(&mut secret.versions, &token.to_owned());
            Ok(())
        })
    }

    async fn rotate_with(&self, name: &str, token: &str, function: Function) -> Outcome<()> {
        self.with(name, |secret| {
            secret.function = Some(function);
            Ok(())
        })?;
        self.rotate(name, token).await
    }

    async fn cancel_rotation(&self, name: &str) -> Outcome<()> {
        self.with(name, |secret| {
            secret.function.ok_or(Refusal::InvalidRequest)?;
            secret.rotation_enabled = Some(false);
            Ok(())
        })
    }

    async fn calls(&self, name: &str) -> Vec<(String, String)> {
        let calls = self.with(name, |secret| Ok(secret.calls.clone()));
        calls.expect("the secret")
    }

    /// The fake runs each rotation to its end in `RotateSecret`.
    async fn pause(&self) {}
}

/// Runs a step of [`Function::Rotating`].
fn rotate_at(secret: &mut Secret, step: &str, token: &str) -> Result<(), Refusal> {
    let (token, versions) = (token.to_owned(), &mut secret.versions);
    match step {
        "createSecret" => {
            versions::put(versions, &token, ROTATED, &["AWSPENDING"], || ()).map(drop)
        }
        "finishSecret" => {
            let current = versions::carrier(versions, "AWSCURRENT").cloned();
            versions::update_stage(versions, "AWSCURRENT", current.as_ref(), Some(&token))
        }
        _ => Ok(()),
    }
}

/// IAM.
#[derive(Default)]
pub struct FakeIam {
    users: RefCell<BTreeMap<String, User>>,
    made: Cell<u32>,
}

#[derive(Default)]
struct User {
    keys: Vec<ListedKey>,
    tags: BTreeMap<String, String>,
}

impl FakeIam {
    fn with<T>(&self, user: &str, act: impl FnOnce(&mut User) -> Result<T, Refusal>) -> Outcome<T> {
        let mut users = self.users.borrow_mut();
        let user = users.get_mut(user).ok_or(Refusal::NoSuchEntity);
        let answer = user.and_then(act);
        answer.map_err(|refusal| refusal.code().to_owned())
    }
}

impl Iam for FakeIam {
    async fn create_user(&self, user: &str) -> Outcome<()> {
        let mut users = self.users.borrow_mut();
        users.insert(user.to_owned(), User::default());
        Ok(())
    }

    async fn create_key(&self, user: &str) -> Outcome<String> {
        let number = self.made.get() + 1;
        self.with(user, |user| {
            keys::room(Some(user.keys.len()))?;
            self.made.set(number);
            let id = format!("AKIAFAKE{number:012}");
            user.keys.push(ListedKey {
                id: id.clone(),
                active: true,
                used: false,
            });
            Ok(id)
        })
    }

    async fn keys(&self, user: &str) -> Outcome<Vec<ListedKey>> {
        self.with(user, |user| Ok(user.keys.clone()))
    }

    async fn set_active(&self, user: &str, id: &str, active: bool) -> Outcome<()> {
        self.with(user, |user| {
            let mut keys = user.keys.iter_mut();
            let key = keys.find(|key| key.id == id).ok_or(Refusal::NoSuchEntity)?;
            key.active = active;
            Ok(())
        })
    }

    async fn delete_key(&self, user: &str, id: &str) -> Outcome<()> {
        self.with(user, |user| {
            let mut keys = user.keys.iter();
            let place = keys.position(|key| key.id == id);
            user.keys.remove(place.ok_or(Refusal::NoSuchEntity)?);
            Ok(())
        })
    }

    async fn keys_by_page(&self, user: &str) -> Outcome<Vec<String>> {
        let keys = self.keys(user).await?;
        Ok(keys.into_iter().map(|key| key.id).collect())
    }

    async fn use_key(&self, user: &str, id: &str) -> Outcome<()> {
        let authenticated = self.with(user, |user| {
            let mut keys = user.keys.iter_mut().filter(|key| key.active);
            let key = keys.find(|key| key.id == id);
            Ok(key.map(|key| key.used = true).is_some())
        })?;
        authenticated
            .then_some(())
            .ok_or_else(|| "InvalidClientTokenId".to_owned())
    }

    async fn tags(&self, user: &str) -> Outcome<BTreeMap<String, String>> {
        self.with(user, |user| Ok(user.tags.clone()))
    }

    async fn tag(&self, user: &str, key: &str, value: &str) -> Outcome<()> {
        self.with(user, |user| {
            user.tags.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
    }

    async fn untag(&self, user: &str, key: &str) -> Outcome<()> {
        self.with(user, |user| {
            user.tags.remove(key);
            Ok(())
        })
    }
}
