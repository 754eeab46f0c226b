//! KMS.

use async_trait::async_trait;
use aws_sdk_kms::types::KeySpec;

use super::Aws;
use super::error::{done, failed, found};
use crate::port::{Encryption, EncryptionKey, Result};

#[async_trait(?Send)]
impl Encryption for Aws {
    async fn encryption_key(&self, arn: &str) -> Result<Option<EncryptionKey>> {
        let region = arn.strip_prefix("arn:").and_then(|_| arn.split(':').nth(3));
        let client = match region.filter(|region| Some(*region) != self.region()) {
            Some(region) => &self.kms_in(region),
            None => &self.kms,
        };
        let request = client.describe_key().key_id(arn);
        let answer = found("kms:DescribeKey", request.send()).await?;
        Ok(answer
            .and_then(|answer| answer.key_metadata)
            .map(|key| EncryptionKey {
                enabled: key.enabled,
                state: key
                    .key_state
                    .map_or_else(String::new, |state| state.as_str().to_owned()),
                symmetric: key.key_spec == Some(KeySpec::SymmetricDefault),
            }))
    }

    async fn key_policy(&self, arn: &str) -> Result<Option<String>> {
        let request = self.kms.get_key_policy().key_id(arn);
        let answer = found("kms:GetKeyPolicy", request.send()).await?;
        Ok(answer.and_then(|answer| answer.policy))
    }

    async fn schedule_key_deletion(&self, id: &str, days: u32) -> Result<()> {
        let days = i32::try_from(days).unwrap_or(30);
        let request = self
            .kms
            .schedule_key_deletion()
            .key_id(id)
            .pending_window_in_days(days);
        done("kms:ScheduleKeyDeletion", request.send()).await
    }

    async fn cancel_key_deletion(&self, id: &str) -> Result<()> {
        let request = self.kms.cancel_key_deletion().key_id(id);
        done("kms:CancelKeyDeletion", request.send()).await
    }

    async fn enable_key(&self, id: &str) -> Result<()> {
        let request = self.kms.enable_key().key_id(id);
        done("kms:EnableKey", request.send()).await
    }

    async fn alias(&self, alias: &str) -> Result<Option<String>> {
        let mut pages = self.kms.list_aliases().into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("kms:ListAliases"))?;
            let mut aliases = page.aliases.unwrap_or_default().into_iter();
            if let Some(found) = aliases.find(|it| it.alias_name() == Some(alias)) {
                return Ok(Some(found.target_key_id.unwrap_or_default()));
            }
        }
        Ok(None)
    }
}
