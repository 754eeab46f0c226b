//! IAM users and their keys, and STS.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use keyrota_test_aws::keys;
use secrecy::ExposeSecret;

use super::FakeAws;
use super::secrets_manager::refusal;
use super::state::{ACCOUNT, AwsState, Origin, REGION, refused};
use crate::port::{
    Caller, ErrorKind, Identity, Key, KeyPair, Keys, LastUse, PolicyDecision, ReportDocument,
    Result, Simulated, Simulation, UsedIn, User,
};

impl AwsState {
    pub fn keys_of(&self, user: &str) -> Vec<String> {
        let keys = self.keys.iter().filter(|(_, key)| key.user == user);
        keys.map(|(id, _)| id.clone()).collect()
    }

    /// Returns whether a key is known where it is asked for by now.
    pub fn has_spread(&self, id: &str) -> bool {
        self.is_seen(self.keys[id].created)
    }

    /// Returns whether what was created at a time is seen by now.
    pub fn is_seen(&self, created: Timestamp) -> bool {
        self.now.duration_since(created).unsigned_abs() >= self.lag
    }

    pub fn pair(&self, id: &str) -> KeyPair {
        KeyPair {
            id: id.to_owned(),
            secret: self.keys[id].secret.clone().into(),
        }
    }
}

#[async_trait(?Send)]
impl Identity for FakeAws {
    async fn caller(&self) -> Result<Caller> {
        self.act("sts:GetCallerIdentity", |_| {
            Ok(Caller {
                account: ACCOUNT.to_owned(),
                arn: format!("arn:aws:iam::{ACCOUNT}:user/deployer"),
            })
        })
        .await
    }

    async fn holder(&self, pair: &KeyPair) -> Result<Caller> {
        self.act("sts:GetCallerIdentity", |state| {
            let user = state.signs(pair)?;
            Ok(Caller {
                account: ACCOUNT.to_owned(),
                arn: state.users[&user].clone(),
            })
        })
        .await
    }

    async fn profile_key(&self, profile: &str) -> Result<KeyPair> {
        // A file on this machine: no call that could meet a fault.
        let state = self.state.borrow();
        match state.profiles.get(profile) {
            Some(id) => Ok(state.pair(id)),
            None => refused(ErrorKind::NotFound, "no such profile"),
        }
    }
}

#[async_trait(?Send)]
impl Keys for FakeAws {
    async fn user(&self, user: &str) -> Result<Option<User>> {
        self.act("iam:GetUser", |state| {
            Ok(state.users.get(user).map(|arn| User {
                arn: arn.clone(),
                path: "/".to_owned(),
                tags: state.user_tags.get(user).cloned().unwrap_or_default(),
                boundary: state.boundaries.get(user).cloned(),
            }))
        })
        .await
    }

    async fn users(&self) -> Result<Vec<User>> {
        self.act("iam:ListUsers", |state| {
            let arns = state.users.values();
            Ok(arns
                .map(|arn| User {
                    arn: arn.clone(),
                    path: "/".to_owned(),
                    tags: BTreeMap::new(),
                    boundary: None,
                })
                .collect())
        })
        .await
    }

    async fn keys(&self, user: &str) -> Result<Vec<Key>> {
        self.act("iam:ListAccessKeys", |state| {
            if !state.users.contains_key(user) {
                return refused(ErrorKind::NotFound, "no such user");
            }
            let keys = state.keys.iter();
            let keys = keys.filter(|(id, key)| key.user == user && state.has_spread(id));
            Ok(keys
                .map(|(id, key)| Key {
                    id: id.clone(),
                    active: key.active,
                    created: Some(key.created),
                    last_used: None,
                    used_in: None,
                })
                .collect())
        })
        .await
    }

    async fn last_used(&self, id: &str) -> Result<Option<LastUse>> {
        self.act("iam:GetAccessKeyLastUsed", |state| {
            match state.keys.get(id) {
                Some(key) => Ok(key.last_used.map(|at| LastUse {
                    at,
                    used_in: Some(UsedIn {
                        service: "sts".to_owned(),
                        region: REGION.to_owned(),
                    }),
                })),
                None => refused(ErrorKind::Denied, "no such key"),
            }
        })
        .await
    }

    async fn request_report(&self) -> Result<bool> {
        self.act("iam:GenerateCredentialReport", |state| {
            let complete = state.report_delay == 0;
            state.report_delay = state.report_delay.saturating_sub(1);
            Ok(complete)
        })
        .await
    }

    async fn report(&self) -> Result<Option<ReportDocument>> {
        self.act("iam:GetCredentialReport", |state| {
            Ok(state.report.clone().filter(|_| state.report_delay == 0))
        })
        .await
    }

    async fn create_key(&self, user: &str) -> Result<KeyPair> {
        self.act("iam:CreateAccessKey", |state| {
            let is_known = state.users.contains_key(user);
            let count = is_known.then(|| state.keys_of(user).len());
            keys::room(count).or_else(refusal)?;
            let id = state.add_key(user, Origin::Engine);
            Ok(state.pair(&id))
        })
        .await
    }

    async fn deactivate_key(&self, user: &str, id: &str) -> Result<bool> {
        self.act("iam:UpdateAccessKey", |state| {
            state.watch_deactivated_key(id);
            let key = state.keys.get_mut(id).filter(|key| key.user == user);
            let exists = key.is_some();
            if let Some(key) = key {
                key.active = false;
            }
            Ok(exists)
        })
        .await
    }

    async fn delete_key(&self, user: &str, id: &str) -> Result<bool> {
        self.act("iam:DeleteAccessKey", |state| {
            state.watch_deleted_key(id);
            let exists = state.keys.get(id).is_some_and(|key| key.user == user);
            if exists {
                state.keys.remove(id);
            }
            Ok(exists)
        })
        .await
    }

    async fn tag_user(&self, user: &str, key: &str, value: &str) -> Result<()> {
        self.act("iam:TagUser", |state| {
            let accepted = |one: char| one.is_alphanumeric() || " _.:/=+-@".contains(one);
            assert!(value.len() <= 256 && value.chars().all(accepted), "{value}");
            if !state.users.contains_key(user) {
                return refused(ErrorKind::NotFound, "no such user");
            }
            let tags = state.user_tags.entry(user.to_owned()).or_default();
            tags.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
        .await
    }

    async fn untag_user(&self, user: &str, key: &str) -> Result<()> {
        self.act("iam:UntagUser", |state| {
            if let Some(tags) = state.user_tags.get_mut(user) {
                tags.remove(key);
            }
            Ok(())
        })
        .await
    }

    async fn role(&self, role: &str) -> Result<Option<String>> {
        self.act("iam:GetRole", |state| {
            let mut roles = state.roles.iter();
            let found = roles.find(|arn| arn.rsplit('/').next() == Some(role));
            Ok(found.cloned())
        })
        .await
    }

    async fn has_policy(&self, arn: &str) -> Result<bool> {
        self.act("iam:GetPolicy", |state| Ok(state.policies.contains(arn)))
            .await
    }

    async fn has_user_policy(&self, user: &str, policy: &str) -> Result<bool> {
        self.act("iam:GetUserPolicy", |state| {
            let held = (user.to_owned(), policy.to_owned());
            Ok(state.user_policies.contains(&held))
        })
        .await
    }

    async fn simulate(&self, simulation: &Simulation) -> Result<Vec<Simulated>> {
        self.act("iam:SimulatePrincipalPolicy", |_| {
            let actions = simulation.actions.iter();
            Ok(actions
                .map(|action| Simulated {
                    action: action.clone(),
                    by: simulation.by,
                    of: simulation.of.clone(),
                    decision: PolicyDecision::Allowed,
                    is_conclusive: true,
                })
                .collect())
        })
        .await
    }

    async fn attached_policies(&self, user: &str) -> Result<Option<Vec<String>>> {
        self.act("iam:ListAttachedUserPolicies", |state| {
            let attached = state.attached_policies.get(user).cloned();
            let attached = attached.unwrap_or_default().into_iter().collect();
            Ok(state.users.contains_key(user).then_some(attached))
        })
        .await
    }
}

impl AwsState {
    /// Returns the user that signs a request with this key.
    pub(super) fn signs(&mut self, pair: &KeyPair) -> Result<String> {
        let now = self.now;
        let spread = self.keys.contains_key(&pair.id) && self.has_spread(&pair.id);
        match self.keys.get_mut(&pair.id) {
            Some(key) if spread && key.active && key.secret == pair.secret.expose_secret() => {
                key.last_used = Some(now);
                Ok(key.user.clone())
            }
            _ => refused(ErrorKind::Credentials, "the key is not known"),
        }
    }
}
