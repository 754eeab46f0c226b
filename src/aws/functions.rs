//! Lambda and CloudWatch Logs.

use async_trait::async_trait;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LastUpdateStatus;
use jiff::Timestamp;

use super::Aws;
use super::error::{answered, failed, found, refused};
use crate::port::{
    CodeUpdate, ErrorKind, FunctionCode, Functions, Invoked, LogEvent, LogGroup, Optional, Result,
};

#[async_trait(?Send)]
impl Functions for Aws {
    async fn function_code(&self, function: &str) -> Result<Option<FunctionCode>> {
        let request = self
            .lambda
            .get_function_configuration()
            .function_name(function);
        let answer = found("lambda:GetFunctionConfiguration", request.send()).await?;
        Ok(answer.map(|answer| FunctionCode {
            sha256: answer.code_sha256.unwrap_or_default(),
            update: match answer.last_update_status {
                Some(LastUpdateStatus::InProgress) => CodeUpdate::InProgress,
                Some(LastUpdateStatus::Failed) => CodeUpdate::Failed,
                _ => CodeUpdate::Done,
            },
        }))
    }

    async fn update_code(&self, function: &str, zip: Vec<u8>) -> Result<()> {
        let request = self.lambda.update_function_code().function_name(function);
        let request = request.zip_file(Blob::new(zip));
        answered("lambda:UpdateFunctionCode", request.send())
            .await
            .map(drop)
    }

    async fn function_policy(&self, function: &str) -> Result<Option<String>> {
        let request = self.lambda.get_policy().function_name(function);
        let answer = found("lambda:GetPolicy", request.send()).await?;
        Ok(answer.and_then(|answer| answer.policy))
    }

    async fn remove_permission(&self, function: &str, statement: &str) -> Result<()> {
        let request = self.lambda.remove_permission().function_name(function);
        let request = request.statement_id(statement);
        found("lambda:RemovePermission", request.send())
            .await
            .map(drop)
    }

    async fn invoke(&self, function: &str, payload: &str) -> Result<Invoked> {
        const CALL: &str = "lambda:InvokeFunction";
        let request = self.lambda.invoke().function_name(function);
        let request = request.payload(Blob::new(payload));
        let answer = answered(CALL, request.send()).await?;
        let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
        let unreadable = |_| refused(CALL, ErrorKind::Other, "the response is not text");
        let text = String::from_utf8(payload).map_err(unreadable)?;
        if answer.function_error.is_none() {
            return Ok(Invoked::Answered(text));
        }
        // The runtime reports an error in this format ("Lambda function handler errors").
        let report: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let message = report.and_then(|report| Some(report.get("errorMessage")?.as_str()?.into()));
        Ok(Invoked::Failed(message.unwrap_or_else(|| {
            "the function failed without an error message".to_owned()
        })))
    }

    async fn log_events(&self, group: &str, since: Timestamp) -> Result<Vec<LogEvent>> {
        let request = self.logs.filter_log_events().log_group_name(group);
        let request = request.start_time(since.as_millisecond());
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = page.map_err(failed("logs:FilterLogEvents")).optional()? else {
                break;
            };
            let events = page.events.unwrap_or_default();
            found.extend(events.into_iter().filter_map(|event| {
                Some(LogEvent {
                    at: Timestamp::from_millisecond(event.timestamp?).ok()?,
                    message: event.message?,
                })
            }));
        }
        Ok(found)
    }

    async fn log_group(&self, group: &str) -> Result<Option<LogGroup>> {
        let request = self.logs.describe_log_groups().log_group_name_prefix(group);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("logs:DescribeLogGroups"))?;
            let mut groups = page.log_groups.unwrap_or_default().into_iter();
            if let Some(held) = groups.find(|it| it.log_group_name.as_deref() == Some(group)) {
                return Ok(Some(LogGroup {
                    kms_key: held.kms_key_id,
                }));
            }
        }
        Ok(None)
    }

    async fn set_log_key(&self, group: &str, key: &str) -> Result<()> {
        let request = self.logs.associate_kms_key().log_group_name(group);
        answered("logs:AssociateKmsKey", request.kms_key_id(key).send())
            .await
            .map(drop)
    }

    async fn delete_log_group(&self, group: &str) -> Result<bool> {
        let request = self.logs.delete_log_group().log_group_name(group);
        let answer = found("logs:DeleteLogGroup", request.send()).await?;
        Ok(answer.is_some())
    }
}
