//! KMS, Lambda and logs, networks, and CloudTrail.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::FakeAws;
use super::state::refused;
use crate::bundle::sha256_base64;
use crate::port::{
    CodeUpdate, Encryption, EncryptionKey, ErrorKind, FunctionCode, Functions, Invoked, LogEvent,
    LogGroup, NetworkPart, Networks, Result, TrailEvent, TrailHistory, Trails,
};

impl FakeAws {
    /// Changes the state of a KMS key from one to another.
    async fn change_key(
        &self,
        id: &str,
        call: &'static str,
        from: &'static str,
        to: &'static str,
    ) -> Result<()> {
        self.act(call, |state| {
            match state.kms_keys.iter_mut().find(|(key, _)| key.ends_with(id)) {
                Some((_, state)) if state == from => {
                    to.clone_into(state);
                    Ok(())
                }
                Some((_, state)) => refused(ErrorKind::Conflict, format!("it is {state}")),
                None => refused(ErrorKind::NotFound, "no such key"),
            }
        })
        .await
    }
}

#[async_trait(?Send)]
impl Encryption for FakeAws {
    async fn encryption_key(&self, arn: &str) -> Result<Option<EncryptionKey>> {
        self.act("kms:DescribeKey", |state| {
            let state = state.kms_keys.iter().find(|(key, _)| key.ends_with(arn));
            Ok(state.map(|(_, state)| EncryptionKey {
                enabled: state == "Enabled",
                state: state.clone(),
                symmetric: true,
            }))
        })
        .await
    }

    async fn key_policy(&self, arn: &str) -> Result<Option<String>> {
        self.act("kms:GetKeyPolicy", |state| {
            Ok(state.key_policies.get(arn).cloned())
        })
        .await
    }

    async fn schedule_key_deletion(&self, id: &str, days: u32) -> Result<()> {
        self.act("kms:ScheduleKeyDeletion", |state| {
            assert!((7..=30).contains(&days));
            let ends = state.now.as_second() + i64::from(days) * 86_400;
            for secret in state.secrets.values() {
                if let Some(deleted) = secret.deleted {
                    assert!(deleted.as_second() <= ends, "the key goes before a secret");
                }
            }
            match state.kms_keys.iter_mut().find(|(key, _)| key.ends_with(id)) {
                Some((_, state)) if state == "PendingDeletion" => {
                    refused(ErrorKind::Conflict, "it is pending deletion")
                }
                Some((_, state)) => {
                    "PendingDeletion".clone_into(state);
                    Ok(())
                }
                None => refused(ErrorKind::NotFound, "no such key"),
            }
        })
        .await
    }

    async fn cancel_key_deletion(&self, id: &str) -> Result<()> {
        self.change_key(id, "kms:CancelKeyDeletion", "PendingDeletion", "Disabled")
            .await
    }

    async fn enable_key(&self, id: &str) -> Result<()> {
        self.change_key(id, "kms:EnableKey", "Disabled", "Enabled")
            .await
    }

    async fn alias(&self, alias: &str) -> Result<Option<String>> {
        self.act("kms:ListAliases", |state| Ok(state.alias_target(alias)))
            .await
    }
}

fn parts(held: &BTreeMap<String, String>, ids: &[String]) -> Vec<NetworkPart> {
    let part = |id: &String| {
        Some(NetworkPart {
            id: id.clone(),
            vpc: held.get(id)?.clone(),
        })
    };
    ids.iter().filter_map(part).collect()
}

#[async_trait(?Send)]
impl Networks for FakeAws {
    async fn subnets(&self, ids: &[String]) -> Result<Vec<NetworkPart>> {
        self.act("ec2:DescribeSubnets", |state| {
            Ok(parts(&state.subnets, ids))
        })
        .await
    }

    async fn security_groups(&self, ids: &[String]) -> Result<Vec<NetworkPart>> {
        self.act("ec2:DescribeSecurityGroups", |state| {
            Ok(parts(&state.security_groups, ids))
        })
        .await
    }
}

#[async_trait(?Send)]
impl Functions for FakeAws {
    async fn function_code(&self, function: &str) -> Result<Option<FunctionCode>> {
        self.act("lambda:GetFunctionConfiguration", |state| {
            let held = state.functions.get(function);
            Ok(held.map(|sha256| FunctionCode {
                sha256: sha256.clone(),
                update: CodeUpdate::Done,
            }))
        })
        .await
    }

    async fn update_code(&self, function: &str, zip: Vec<u8>) -> Result<()> {
        self.act("lambda:UpdateFunctionCode", |state| {
            match state.functions.get_mut(function) {
                Some(held) => *held = sha256_base64(&zip),
                None => return refused(ErrorKind::NotFound, "no such function"),
            }
            Ok(())
        })
        .await
    }

    async fn function_policy(&self, function: &str) -> Result<Option<String>> {
        self.act("lambda:GetPolicy", |state| {
            Ok(state.function_policy(function))
        })
        .await
    }

    async fn remove_permission(&self, _: &str, statement: &str) -> Result<()> {
        self.act("lambda:RemovePermission", |state| {
            state.drift.removed.insert(statement.to_owned());
            state.drift.conditions.remove(statement);
            Ok(())
        })
        .await
    }

    async fn invoke(&self, function: &str, payload: &str) -> Result<Invoked> {
        self.act("lambda:InvokeFunction", |state| {
            state.invoke(function, payload)
        })
        .await
    }

    async fn log_events(&self, group: &str, since: Timestamp) -> Result<Vec<LogEvent>> {
        self.act("logs:FilterLogEvents", |state| {
            let lines = state.logs.get(group).into_iter().flatten();
            let lines = lines.filter(|(at, _)| *at >= since);
            Ok(lines
                .map(|(at, line)| LogEvent {
                    at: *at,
                    message: line.clone(),
                })
                .collect())
        })
        .await
    }

    async fn log_group(&self, group: &str) -> Result<Option<LogGroup>> {
        self.act("logs:DescribeLogGroups", |state| {
            Ok(state.logs.contains_key(group).then(|| LogGroup {
                kms_key: state.log_keys.get(group).cloned(),
            }))
        })
        .await
    }

    async fn set_log_key(&self, group: &str, key: &str) -> Result<()> {
        self.act("logs:AssociateKmsKey", |state| {
            state.log_keys.insert(group.to_owned(), key.to_owned());
            Ok(())
        })
        .await
    }

    async fn delete_log_group(&self, group: &str) -> Result<bool> {
        self.act("logs:DeleteLogGroup", |state| {
            Ok(state.logs.remove(group).is_some())
        })
        .await
    }
}

#[async_trait(?Send)]
impl Trails for FakeAws {
    async fn key_events(&self, region: &str, key: &str) -> Result<Vec<TrailEvent>> {
        self.act("cloudtrail:LookupEvents", |state| {
            if state.denied_regions.contains(region) {
                return refused(ErrorKind::Denied, "explicit deny of the Region");
            }
            Ok(state.trail.get(key).cloned().unwrap_or_default())
        })
        .await
    }

    async fn key_history(&self, region: &str, key: &str) -> Result<TrailHistory> {
        Ok(TrailHistory {
            events: self.key_events(region, key).await?,
            has_more: false,
        })
    }
}
