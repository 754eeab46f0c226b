//! Secrets Manager's calls.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::FakeAws;
use super::state::{AwsState, SecretRecord, refused};
use crate::port::{
    CURRENT, Deletion, ErrorKind, KeyPair, ListedSecret, Result, Rotation, Secret, SecretValue,
    Secrets, TaggedSecret,
};

#[async_trait(?Send)]
impl Secrets for FakeAws {
    async fn secret(&self, id: &str) -> Result<Option<Secret>> {
        self.act("secretsmanager:DescribeSecret", |state| {
            let held = state.find_secret(id);
            Ok(held.map(|held| describe(state, held)))
        })
        .await
    }

    async fn secrets_tagged(&self, key: &str, value: &str) -> Result<Vec<TaggedSecret>> {
        self.act("secretsmanager:ListSecrets", |state| {
            let secrets = state.secrets.values();
            let secrets =
                secrets.filter(|secret| secret.tags.get(key).is_some_and(|tag| tag == value));
            Ok(secrets
                .map(|secret| TaggedSecret {
                    arn: secret.arn.clone(),
                    name: secret.name.clone(),
                    deleted: secret.deleted.is_some(),
                    tags: secret.tags.clone(),
                })
                .collect())
        })
        .await
    }

    async fn version_created(&self, id: &str, version: &str) -> Result<Option<Timestamp>> {
        self.act("secretsmanager:ListSecretVersionIds", |state| {
            let secret = state.find_secret(id);
            let held = secret.and_then(|secret| secret.versions.get(version));
            Ok(held.and_then(|held| held.details))
        })
        .await
    }

    async fn resource_policy(&self, id: &str) -> Result<Option<String>> {
        self.act("secretsmanager:GetResourcePolicy", |state| {
            let held = state.find_secret(id);
            Ok(held.and_then(|held| held.policy.clone()))
        })
        .await
    }

    async fn list_secrets(&self) -> Result<Vec<ListedSecret>> {
        self.act("secretsmanager:ListSecrets", |state| {
            let secrets = state.secrets.values();
            Ok(secrets
                .map(|secret| ListedSecret {
                    arn: secret.arn.clone(),
                    name: secret.name.clone(),
                    tags: secret.tags.clone(),
                    deleted: secret.deleted.is_some(),
                    rotated_by: secret.rotation.function.clone().filter(|_| secret.rotates),
                })
                .collect())
        })
        .await
    }

    async fn value(&self, id: &str, label: &str) -> Result<Option<SecretValue>> {
        self.act("secretsmanager:GetSecretValue", |state| {
            let secret = state.live_secret(id)?;
            let Some(version) = secret.labelled(label) else {
                return Ok(None);
            };
            let held = &secret.versions[version];
            Ok(held.value.clone().map(|text| SecretValue {
                version: version.to_owned(),
                created: held.details,
                text: text.into(),
            }))
        })
        .await
    }

    async fn value_with(&self, pair: &KeyPair, id: &str) -> Result<Option<SecretValue>> {
        self.act("secretsmanager:GetSecretValue", |state| {
            state.signs(pair)?;
            let secret = state.live_secret(id)?;
            let held = secret.labelled(CURRENT).map(str::to_owned);
            let held = held.and_then(|version| {
                let held = &secret.versions[&version];
                let text = held.value.clone()?.into();
                let created = held.details;
                Some(SecretValue {
                    version,
                    created,
                    text,
                })
            });
            Ok(held)
        })
        .await
    }

    async fn put_value(
        &self,
        id: &str,
        token: &str,
        label: &str,
        text: &SecretString,
    ) -> Result<()> {
        self.act("secretsmanager:PutSecretValue", |state| {
            state.put(id, token, label, text.expose_secret())
        })
        .await
    }

    async fn move_label(
        &self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        self.act("secretsmanager:UpdateSecretVersionStage", |state| {
            state.move_label(id, label, from, to)
        })
        .await
    }

    async fn rotate(&self, id: &str, token: &str, attached: Option<&Rotation>) -> Result<String> {
        self.act("secretsmanager:RotateSecret", |state| {
            if let Some(rotation) = attached {
                state.live_secret(id)?.rotation = rotation.clone();
            }
            state.rotate(id, token)
        })
        .await
    }

    async fn schedule(&self, id: &str, _: &str, rotation: &Rotation) -> Result<()> {
        self.act("secretsmanager:RotateSecret", |state| {
            let secret = state.live_secret(id)?;
            if secret.in_rotation() {
                return refused(ErrorKind::Conflict, "a rotation is not complete");
            }
            secret.rotates = true;
            secret.rotation = rotation.clone();
            let name = secret.name.clone();
            state.begin_trial(&name);
            Ok(())
        })
        .await
    }

    async fn cancel_rotation(&self, id: &str) -> Result<()> {
        self.act("secretsmanager:CancelRotateSecret", |state| {
            let secret = state.live_secret(id)?;
            secret.rotates = false;
            let name = secret.name.clone();
            // AWSPENDING stays where it was (`API_CancelRotateSecret`).
            state.rotations.retain(|process| process.secret != name);
            Ok(())
        })
        .await
    }

    async fn tag(&self, id: &str, key: &str, value: &str) -> Result<()> {
        self.act("secretsmanager:TagResource", |state| {
            let accepted = |one: char| one.is_alphanumeric() || " _.:/=+-@".contains(one);
            assert!(value.len() <= 256 && value.chars().all(accepted), "{value}");
            let secret = state.live_secret(id)?;
            secret.tags.insert(key.to_owned(), value.to_owned());
            Ok(())
        })
        .await
    }

    async fn update_settings(
        &self,
        id: &str,
        description: Option<&str>,
        kms_key: Option<&str>,
    ) -> Result<()> {
        self.act("secretsmanager:UpdateSecret", |state| {
            let secret = state.live_secret(id)?;
            if let Some(description) = description {
                description.clone_into(&mut secret.description);
            }
            if let Some(key) = kms_key {
                secret.kms_key = Some(key.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn put_resource_policy(&self, id: &str, policy: &str) -> Result<()> {
        self.act("secretsmanager:PutResourcePolicy", |state| {
            state.live_secret(id)?.policy = Some(policy.to_owned());
            Ok(())
        })
        .await
    }

    async fn untag(&self, id: &str, key: &str) -> Result<()> {
        self.act("secretsmanager:UntagResource", |state| {
            state.live_secret(id)?.tags.remove(key);
            Ok(())
        })
        .await
    }

    async fn delete_secret(&self, id: &str, deletion: Deletion) -> Result<Option<Timestamp>> {
        self.act("secretsmanager:DeleteSecret", |state| {
            let now = state.now;
            let forced = state.watch.forced;
            let Ok(secret) = state.secret_mut(id) else {
                return Ok(None);
            };
            match deletion {
                _ if !secret.replicas.is_empty() => {
                    refused(ErrorKind::Invalid, "it still has replica regions")
                }
                Deletion::Forced => {
                    let held = secret.field(crate::port::CURRENT, "accesskey");
                    let held = held.or_else(|| secret.field(crate::port::CURRENT, "password"));
                    assert!(forced || held.is_none(), "{id} goes without a window");
                    let name = secret.name.clone();
                    state.secrets.remove(&name);
                    Ok(None)
                }
                Deletion::Window(_) if secret.deleted.is_some() => {
                    refused(ErrorKind::Conflict, "it is scheduled for deletion")
                }
                Deletion::Window(days) => {
                    let until = now + SignedDuration::from_hours(24 * i64::from(days));
                    secret.deleted = Some(until);
                    assert!(!secret.rotates, "{id} is deleted with its schedule on");
                    Ok(Some(until))
                }
            }
        })
        .await
    }

    async fn restore_secret(&self, id: &str) -> Result<()> {
        self.act("secretsmanager:RestoreSecret", |state| {
            state.secret_mut(id)?.deleted = None;
            Ok(())
        })
        .await
    }

    async fn secret_in(&self, region: &str, name: &str) -> Result<Option<Secret>> {
        self.act("secretsmanager:DescribeSecret", |state| {
            if state.closed_regions.contains(region) {
                return refused(ErrorKind::Credentials, "the token is invalid");
            }
            let held = state.elsewhere.get(&(region.to_owned(), name.to_owned()));
            Ok(held.map(|held| describe(state, held)))
        })
        .await
    }

    async fn replicate(&self, id: &str, region: &str, kms_key: Option<&str>) -> Result<()> {
        self.act("secretsmanager:ReplicateSecretToRegions", |state| {
            state.replicate(id, region, kms_key)
        })
        .await
    }

    async fn remove_replica(&self, id: &str, region: &str) -> Result<()> {
        self.act("secretsmanager:RemoveRegionsFromReplication", |state| {
            state.remove_replica(id, region)
        })
        .await
    }
}

fn describe(state: &AwsState, held: &SecretRecord) -> Secret {
    let labelled = held.versions.iter();
    let labelled = labelled.filter(|(_, version)| !version.labels.is_empty());
    Secret {
        arn: held.arn.clone(),
        name: held.name.clone(),
        description: held.description.clone(),
        owner: None,
        tags: match state.is_seen(held.created) {
            true => held.tags.clone(),
            false => BTreeMap::new(),
        },
        kms_key: held.kms_key.clone(),
        rotation_enabled: held.rotates,
        rotation: held.rotation.clone(),
        last_rotated: held.last_rotated.filter(|_| held.rotates),
        next_rotation: held
            .last_rotated
            .map(|at| at + SignedDuration::from_hours(720)),
        deleted: held.deleted,
        versions: labelled
            .map(|(id, version)| (id.clone(), version.labels.iter().cloned().collect()))
            .collect(),
        replicas: held.replicas.clone(),
        primary_region: held.primary_region.clone(),
    }
}
