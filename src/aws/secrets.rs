//! Secrets Manager.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{
    Filter, FilterNameStringType, ReplicaRegionType, ReplicationStatusType, RotationRulesType,
    StatusType, Tag,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::Aws;
use super::error::{answered, done, failed, found, refused};
use super::system::timestamp;
use crate::port::{
    CURRENT, Deletion, ErrorKind, KeyPair, ListedSecret, ReplicaState, ReplicaStatus, Result,
    Rotation, Secret, SecretValue, Secrets, TaggedSecret,
};

/// Returns the schedule of a rotation configuration.
fn rules(rotation: &Rotation) -> RotationRulesType {
    RotationRulesType::builder()
        .set_schedule_expression(rotation.schedule.clone())
        .set_duration(rotation.window.clone())
        .build()
}

#[async_trait(?Send)]
impl Secrets for Aws {
    async fn secret(&self, id: &str) -> Result<Option<Secret>> {
        describe(&self.secretsmanager, id).await
    }

    async fn secrets_tagged(&self, key: &str, value: &str) -> Result<Vec<TaggedSecret>> {
        // Secrets Manager combines the two filters with AND, but each matches by prefix, and
        // they need not match the same tag. Therefore the results are filtered again.
        let filter = |kind, text: &str| Filter::builder().key(kind).values(text).build();
        let request = self
            .secretsmanager
            .list_secrets()
            .include_planned_deletion(true)
            .filters(filter(FilterNameStringType::TagKey, key))
            .filters(filter(FilterNameStringType::TagValue, value));
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("secretsmanager:ListSecrets"))?;
            for secret in page.secret_list.unwrap_or_default() {
                let carries = |tag: &Tag| tag.key() == Some(key) && tag.value() == Some(value);
                if secret.tags().iter().any(carries) {
                    found.push(TaggedSecret {
                        arn: secret.arn.unwrap_or_default(),
                        name: secret.name.unwrap_or_default(),
                        deleted: secret.deleted_date.is_some(),
                        tags: pairs(secret.tags),
                    });
                }
            }
        }
        Ok(found)
    }

    async fn version_created(&self, id: &str, version: &str) -> Result<Option<Timestamp>> {
        const CALL: &str = "secretsmanager:ListSecretVersionIds";
        let request = self.secretsmanager.list_secret_version_ids().secret_id(id);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let versions = page.map_err(failed(CALL))?.versions.unwrap_or_default();
            let mut versions = versions.iter();
            if let Some(found) = versions.find(|it| it.version_id() == Some(version)) {
                return Ok(found.created_date().and_then(timestamp));
            }
        }
        Ok(None)
    }

    async fn resource_policy(&self, id: &str) -> Result<Option<String>> {
        let request = self.secretsmanager.get_resource_policy().secret_id(id);
        let answer = found("secretsmanager:GetResourcePolicy", request.send()).await?;
        Ok(answer.and_then(|answer| answer.resource_policy))
    }

    async fn list_secrets(&self) -> Result<Vec<ListedSecret>> {
        let request = self.secretsmanager.list_secrets();
        let request = request.include_planned_deletion(true).max_results(100);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("secretsmanager:ListSecrets"))?;
            let secrets = page.secret_list.unwrap_or_default().into_iter();
            found.extend(secrets.map(|secret| {
                let rotates = secret.rotation_enabled.unwrap_or_default();
                let rotated_by = secret.rotation_lambda_arn.or(secret.owning_service);
                ListedSecret {
                    arn: secret.arn.unwrap_or_default(),
                    name: secret.name.unwrap_or_default(),
                    deleted: secret.deleted_date.is_some(),
                    rotated_by: rotated_by.filter(|_| rotates),
                    tags: pairs(secret.tags),
                }
            }));
        }
        Ok(found)
    }

    async fn value(&self, id: &str, label: &str) -> Result<Option<SecretValue>> {
        value(&self.secretsmanager, id, label).await
    }

    async fn value_with(&self, key: &KeyPair, id: &str) -> Result<Option<SecretValue>> {
        value(&self.secretsmanager_with(key), id, CURRENT).await
    }

    async fn put_value(
        &self,
        id: &str,
        token: &str,
        label: &str,
        text: &SecretString,
    ) -> Result<()> {
        let request = self
            .secretsmanager
            .put_secret_value()
            .secret_id(id)
            .client_request_token(token)
            .secret_string(text.expose_secret())
            .version_stages(label);
        done("secretsmanager:PutSecretValue", request.send()).await
    }

    async fn move_label(
        &self,
        id: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<()> {
        let request = self
            .secretsmanager
            .update_secret_version_stage()
            .secret_id(id)
            .version_stage(label)
            .set_remove_from_version_id(from.map(str::to_owned))
            .set_move_to_version_id(to.map(str::to_owned));
        done("secretsmanager:UpdateSecretVersionStage", request.send()).await
    }

    async fn rotate(&self, id: &str, token: &str, attached: Option<&Rotation>) -> Result<String> {
        const CALL: &str = "secretsmanager:RotateSecret";
        let request = self.secretsmanager.rotate_secret().secret_id(id);
        let request = request
            .client_request_token(token)
            .set_rotation_lambda_arn(attached.and_then(|it| it.function.clone()))
            .set_rotation_rules(attached.map(rules));
        let version = answered(CALL, request.send()).await?.version_id;
        version.ok_or_else(|| refused(CALL, ErrorKind::Other, "the response contains no version"))
    }

    async fn schedule(&self, id: &str, token: &str, rotation: &Rotation) -> Result<()> {
        let request = self
            .secretsmanager
            .rotate_secret()
            .secret_id(id)
            .client_request_token(token)
            .set_rotation_lambda_arn(rotation.function.clone())
            .rotation_rules(rules(rotation))
            .rotate_immediately(false);
        done("secretsmanager:RotateSecret", request.send()).await
    }

    async fn cancel_rotation(&self, id: &str) -> Result<()> {
        let request = self.secretsmanager.cancel_rotate_secret().secret_id(id);
        found("secretsmanager:CancelRotateSecret", request.send())
            .await
            .map(drop)
    }

    async fn tag(&self, id: &str, key: &str, value: &str) -> Result<()> {
        let tag = Tag::builder().key(key).value(value).build();
        let request = self.secretsmanager.tag_resource().secret_id(id).tags(tag);
        done("secretsmanager:TagResource", request.send()).await
    }

    async fn update_settings(
        &self,
        id: &str,
        description: Option<&str>,
        kms_key: Option<&str>,
    ) -> Result<()> {
        let request = self.secretsmanager.update_secret().secret_id(id);
        let request = request
            .set_description(description.map(str::to_owned))
            .set_kms_key_id(kms_key.map(str::to_owned));
        done("secretsmanager:UpdateSecret", request.send()).await
    }

    async fn put_resource_policy(&self, id: &str, policy: &str) -> Result<()> {
        let request = self
            .secretsmanager
            .put_resource_policy()
            .secret_id(id)
            .resource_policy(policy)
            .block_public_policy(true);
        done("secretsmanager:PutResourcePolicy", request.send()).await
    }

    async fn untag(&self, id: &str, key: &str) -> Result<()> {
        let request = self
            .secretsmanager
            .untag_resource()
            .secret_id(id)
            .tag_keys(key);
        done("secretsmanager:UntagResource", request.send()).await
    }

    async fn delete_secret(&self, id: &str, deletion: Deletion) -> Result<Option<Timestamp>> {
        let request = self.secretsmanager.delete_secret().secret_id(id);
        let request = match deletion {
            Deletion::Window(days) => request.recovery_window_in_days(i64::from(days)),
            Deletion::Forced => request.force_delete_without_recovery(true),
        };
        let answer = found("secretsmanager:DeleteSecret", request.send()).await?;
        let until = answer.and_then(|answer| answer.deletion_date);
        Ok(until.as_ref().and_then(timestamp))
    }

    async fn restore_secret(&self, id: &str) -> Result<()> {
        let request = self.secretsmanager.restore_secret().secret_id(id);
        done("secretsmanager:RestoreSecret", request.send()).await
    }

    async fn secret_in(&self, region: &str, name: &str) -> Result<Option<Secret>> {
        describe(&self.secretsmanager_in(region), name).await
    }

    async fn replicate(&self, id: &str, region: &str, kms_key: Option<&str>) -> Result<()> {
        let replica = ReplicaRegionType::builder().region(region);
        let replica = replica.set_kms_key_id(kms_key.map(str::to_owned)).build();
        let request = self
            .secretsmanager
            .replicate_secret_to_regions()
            .secret_id(id)
            .add_replica_regions(replica);
        done("secretsmanager:ReplicateSecretToRegions", request.send()).await
    }

    async fn remove_replica(&self, id: &str, region: &str) -> Result<()> {
        let request = self
            .secretsmanager
            .remove_regions_from_replication()
            .secret_id(id)
            .remove_replica_regions(region);
        done(
            "secretsmanager:RemoveRegionsFromReplication",
            request.send(),
        )
        .await
    }
}

/// Returns the value of the version with a staging label, with the credentials of a client.
async fn value(client: &Client, id: &str, label: &str) -> Result<Option<SecretValue>> {
    const CALL: &str = "secretsmanager:GetSecretValue";
    let request = client.get_secret_value().secret_id(id);
    let request = request.version_stage(label);
    let Some(answer) = found(CALL, request.send()).await? else {
        return Ok(None);
    };
    let created = answer.created_date.as_ref().and_then(timestamp);
    match (answer.version_id, answer.secret_string) {
        (Some(version), Some(text)) => Ok(Some(SecretValue {
            version,
            created,
            text: text.into(),
        })),
        _ => Err(refused(
            CALL,
            ErrorKind::Invalid,
            format!("{id} contains binary data instead of text"),
        )),
    }
}

/// Describes a secret in the Region of a client.
async fn describe(client: &Client, id: &str) -> Result<Option<Secret>> {
    let request = client.describe_secret().secret_id(id);
    let answer = found("secretsmanager:DescribeSecret", request.send()).await?;
    Ok(answer.map(|answer| Secret {
        arn: answer.arn.unwrap_or_default(),
        name: answer.name.unwrap_or_default(),
        description: answer.description.unwrap_or_default(),
        owner: answer.owning_service,
        tags: pairs(answer.tags),
        kms_key: answer.kms_key_id,
        rotation_enabled: answer.rotation_enabled.unwrap_or_default(),
        rotation: rotation(answer.rotation_lambda_arn, answer.rotation_rules),
        last_rotated: answer.last_rotated_date.as_ref().and_then(timestamp),
        next_rotation: answer.next_rotation_date.as_ref().and_then(timestamp),
        deleted: answer.deleted_date.as_ref().and_then(timestamp),
        versions: answer
            .version_ids_to_stages
            .unwrap_or_default()
            .into_iter()
            .collect(),
        replicas: answer
            .replication_status
            .unwrap_or_default()
            .into_iter()
            .filter_map(replica)
            .collect(),
        primary_region: answer.primary_region,
    }))
}

/// Returns the state of a replica. One that this SDK does not know yet is not a failure.
fn replica(status: ReplicationStatusType) -> Option<ReplicaStatus> {
    Some(ReplicaStatus {
        region: status.region?,
        state: match status.status {
            Some(StatusType::InSync) => ReplicaState::InSync,
            Some(StatusType::Failed) => ReplicaState::Failed,
            _ => ReplicaState::InProgress,
        },
        message: status.status_message,
        kms_key: status.kms_key_id,
    })
}

fn pairs(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value?)))
        .collect()
}

/// Returns the rotation settings of a secret. A number of days becomes a rate.
fn rotation(function: Option<String>, rules: Option<RotationRulesType>) -> Rotation {
    let Some(rules) = rules else {
        return Rotation {
            function,
            ..Rotation::default()
        };
    };
    let days = rules.automatically_after_days;
    Rotation {
        function,
        schedule: rules
            .schedule_expression
            .or_else(|| days.map(|days| format!("rate({days} days)"))),
        window: rules.duration,
    }
}
