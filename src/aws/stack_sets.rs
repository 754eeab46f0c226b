//! CloudFormation StackSets.

use async_trait::async_trait;
use aws_sdk_cloudformation::operation::list_stack_instances::ListStackInstancesError;
use aws_sdk_cloudformation::types;

use super::Aws;
use super::error::failed;
use crate::port::{CallAs, Result, StackSetInstance, StackSets};

const CALL: &str = "cloudformation:ListStackInstances";

#[async_trait(?Send)]
impl StackSets for Aws {
    async fn stack_set_instances(
        &self,
        name: &str,
        call_as: CallAs,
    ) -> Result<Option<Vec<StackSetInstance>>> {
        let request = self.cloudformation.list_stack_instances();
        let request = request.stack_set_name(name).call_as(match call_as {
            CallAs::Management => types::CallAs::SelfValue,
            CallAs::DelegatedAdministrator => types::CallAs::DelegatedAdmin,
        });
        let mut pages = request.into_paginator().send();
        let mut instances = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(ListStackInstancesError::is_stack_set_not_found_exception) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(failed(CALL)(error)),
            };
            instances.extend(page.summaries.unwrap_or_default().into_iter().map(instance));
        }
        instances.sort();
        Ok(Some(instances))
    }
}

fn instance(summary: types::StackInstanceSummary) -> StackSetInstance {
    let operation = summary.stack_instance_status;
    let operation = operation.and_then(|status| status.detailed_status);
    StackSetInstance {
        account: summary.account.unwrap_or_default(),
        region: summary.region.unwrap_or_default(),
        unit: summary.organizational_unit_id,
        status: summary
            .status
            .map_or_else(String::new, |it| it.as_str().to_owned()),
        operation: operation.map_or_else(String::new, |it| it.as_str().to_owned()),
        reason: summary.status_reason,
        stack_id: summary.stack_id,
    }
}
