//! Lambda and CloudWatch Logs.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Aws;
use super::error::failed;
use crate::port::{Functions, Optional, Result};

#[async_trait(?Send)]
impl Functions for Aws {
    async fn code_sha256(&self, function: &str) -> Result<Option<String>> {
        let request = self
            .lambda
            .get_function_configuration()
            .function_name(function);
        let answer = request.send().await;
        let answer = answer
            .map_err(failed("lambda:GetFunctionConfiguration"))
            .optional()?;
        Ok(answer.and_then(|answer| answer.code_sha256))
    }

    async fn log_messages(&self, group: &str, since: Timestamp) -> Result<Vec<String>> {
        let request = self.logs.filter_log_events().log_group_name(group);
        let request = request.start_time(since.as_millisecond());
        let mut pages = request.into_paginator().send();
        let mut messages = Vec::new();
        while let Some(page) = pages.next().await {
            let Some(page) = page.map_err(failed("logs:FilterLogEvents")).optional()? else {
                break;
            };
            let events = page.events.unwrap_or_default();
            messages.extend(events.into_iter().filter_map(|event| event.message));
        }
        Ok(messages)
    }

    async fn delete_log_group(&self, group: &str) -> Result<bool> {
        let answer = self
            .logs
            .delete_log_group()
            .log_group_name(group)
            .send()
            .await;
        let answer = answer.map_err(failed("logs:DeleteLogGroup")).optional()?;
        Ok(answer.is_some())
    }
}
