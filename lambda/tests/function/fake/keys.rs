//! IAM, STS, the services that a key is used for, and the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use keyrota_function::decide::{AccessKeyId, Activity};
use keyrota_function::permission::Permission;
use keyrota_function::port::{
    AccessKey, Authenticator, CallError, CallErrorKind, Caller, Clock, Identity, KeyPair, Keys,
    LastUsed, Moment, NewKey, Probe,
};
use keyrota_test_aws::keys;
use keyrota_test_function::secrets::{FakeSecrets as _, kind};
use secrecy::{ExposeSecret, SecretString};

use super::aws::{ADMINISTRATOR, FakeAws, Key, USER};

impl FakeAws {
    /// Returns the user whose key signed a request, if the key is valid.
    fn authenticate(&self, pair: &KeyPair) -> Result<(String, Key), CallErrorKind> {
        let (user, key) = self
            .find_key(&pair.id)
            .ok_or(CallErrorKind::NotAuthenticated)?;
        let known = key.known_at <= self.now.get();
        let good = key.activity == Activity::Active && known;
        if !good || key.secret != pair.secret.expose_secret() {
            return Err(CallErrorKind::NotAuthenticated);
        }
        self.use_key(&key.id);
        Ok((user, key))
    }

    /// Returns whether a caller may manage a user's keys: the user itself, the role, or the
    /// administrator.
    fn authorise(&self, caller: &Caller, user: &str) -> Result<(), CallErrorKind> {
        let who = match caller {
            Caller::Role if user == USER => return Ok(()),
            Caller::Role => return Err(CallErrorKind::NotAuthorised),
            Caller::Key(pair) => self.authenticate(pair)?.0,
        };
        if who == user || who == ADMINISTRATOR {
            Ok(())
        } else {
            Err(CallErrorKind::NotAuthorised)
        }
    }

    fn change_own_key(
        &self,
        user: &str,
        key: &AccessKeyId,
        change: impl FnOnce(&mut Vec<Key>, usize),
    ) -> Result<(), CallErrorKind> {
        if user != USER {
            self.violated("a key of another user was deactivated or deleted");
        }
        let mut users = self.users.borrow_mut();
        let keys = users.get_mut(user).ok_or(CallErrorKind::NotFound)?;
        let position = keys
            .iter()
            .position(|known| known.id == *key)
            .ok_or(CallErrorKind::NotFound)?;
        let key = &keys[position];
        // If the stack created the user, this includes a key that was never used.
        let given = self.owns_user() && !key.used;
        if key.foreign && key.activity == Activity::Active && !given {
            self.violated("an active key that is not ours was deactivated or deleted");
        }
        self.before.replace(keys.clone());
        change(keys, position);
        Ok(())
    }
}

fn signer(caller: &Caller) -> String {
    match caller {
        Caller::Role => "role".to_owned(),
        Caller::Key(pair) => pair.id.clone(),
    }
}

impl Keys for FakeAws {
    async fn list(&self, caller: &Caller, user: &str) -> Result<Vec<AccessKey>, CallError> {
        let effect = || {
            self.authorise(caller, user)?;
            let users = self.users.borrow();
            let keys = users.get(user).ok_or(CallErrorKind::NotFound)?;
            let before = self.before.borrow();
            let keys = if self.out_of_date.get() {
                &*before
            } else {
                keys
            };
            let listed = keys.iter().map(|key| AccessKey {
                id: key.id.clone(),
                activity: key.activity,
                created: Some(key.created),
            });
            Ok(listed.collect())
        };
        self.call("iam:ListAccessKeys", &signer(caller), effect)
            .await
    }

    async fn usage(
        &self,
        caller: &Caller,
        key: &AccessKeyId,
    ) -> Result<Option<LastUsed>, CallError> {
        let effect = || {
            let (user, key) = self
                .find_key(key.as_str())
                .ok_or(CallErrorKind::NotAuthorised)?;
            self.authorise(caller, &user)?;
            Ok(key.used.then(|| LastUsed {
                at: key.last_used,
                service: "s3".to_owned(),
                region: "eu-central-1".to_owned(),
            }))
        };
        self.call("iam:GetAccessKeyLastUsed", &signer(caller), effect)
            .await
    }

    async fn create(&self, caller: &Caller, user: &str) -> Result<NewKey, CallError> {
        let effect = || {
            self.authorise(caller, user)?;
            let count = self.users.borrow().get(user).map(Vec::len);
            keys::room(count).map_err(kind)?;
            if user != USER {
                self.violated("a key of another user was made");
            }
            self.before.replace(self.keys());
            let key = self.give_key(user, false);
            Ok(NewKey {
                id: key.id,
                secret: SecretString::from(key.secret),
            })
        };
        self.call("iam:CreateAccessKey", &signer(caller), effect)
            .await
    }

    async fn deactivate(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError> {
        let effect = || {
            self.authorise(caller, user)?;
            self.change_own_key(user, key, |keys, position| {
                keys[position].activity = Activity::Inactive;
            })
        };
        self.call("iam:UpdateAccessKey", &signer(caller), effect)
            .await
    }

    async fn delete(
        &self,
        caller: &Caller,
        user: &str,
        key: &AccessKeyId,
    ) -> Result<(), CallError> {
        let effect = || {
            self.authorise(caller, user)?;
            self.change_own_key(user, key, |keys, position| {
                keys.remove(position);
            })
        };
        self.call("iam:DeleteAccessKey", &signer(caller), effect)
            .await
    }

    async fn tags(&self, user: &str) -> Result<BTreeMap<String, String>, CallError> {
        let effect = || {
            self.authorise(&Caller::Role, user)?;
            Ok(self.tags.borrow().clone())
        };
        self.call("iam:ListUserTags", "role", effect).await
    }

    async fn tag(&self, user: &str, key: &'static str, value: &str) -> Result<(), CallError> {
        let effect = || {
            self.authorise(&Caller::Role, user)?;
            // Source: "Tag naming limits" in the IAM User Guide.
            if value.len() > 256 {
                return Err(CallErrorKind::Refused);
            }
            let mut tags = self.tags.borrow_mut();
            tags.insert(key.to_owned(), value.to_owned());
            Ok(())
        };
        self.call("iam:TagUser", "role", effect).await
    }

    async fn untag(&self, user: &str, key: &'static str) -> Result<(), CallError> {
        let effect = || {
            self.authorise(&Caller::Role, user)?;
            self.tags.borrow_mut().remove(key);
            Ok(())
        };
        self.call("iam:UntagUser", "role", effect).await
    }
}

impl Authenticator for FakeAws {
    async fn identify(&self, key: &KeyPair) -> Result<Identity, CallError> {
        let effect = || {
            let (user, _) = self.authenticate(key)?;
            let arn = format!("arn:aws:iam::111122223333:user/{user}");
            Ok(Identity {
                arn: self.identity.borrow().clone().unwrap_or(arn),
            })
        };
        self.call("sts:GetCallerIdentity", &key.id, effect).await
    }

    async fn identify_caller(&self, caller: &Caller) -> Result<Identity, CallError> {
        let role = "arn:aws:sts::111122223333:assumed-role/keys-FunctionRole/keys-Function";
        match caller {
            Caller::Key(key) => self.identify(key).await,
            Caller::Role => {
                let arn = role.to_owned();
                let answer = || Ok(Identity { arn });
                self.call("sts:GetCallerIdentity", "role", answer).await
            }
        }
    }
}

impl Probe for FakeAws {
    async fn attempt(&self, key: &KeyPair, permission: &Permission) -> Result<(), CallError> {
        let effect = || {
            self.authenticate(key)?;
            match self.allowed_at.get() {
                Some(moment) if moment <= self.now.get() => Ok(()),
                _ => Err(CallErrorKind::NotAuthorised),
            }
        };
        self.call(permission.action(), &key.id, effect).await
    }
}

impl Clock for FakeAws {
    fn now(&self) -> Duration {
        self.now.get()
    }

    fn moment(&self) -> Moment {
        self.today()
    }

    async fn sleep(&self, duration: Duration) {
        let turn = self.turns.wait("sleep").await;
        self.turns.answered(turn, || (duration, self.now.get()));
        self.slept.set(self.slept.get() + duration);
        self.now.set(self.now.get() + duration);
    }
}
