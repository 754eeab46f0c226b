//! IAM users and their access keys, roles, and policies.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::types::{
    AccessKeyLastUsed, ContextEntry, ContextKeyTypeEnum, EvaluationResult,
    PolicyEvaluationDecisionType, ReportStateType, StatusType, Tag,
};

use super::Aws;
use super::error::{answered, done, failed, found, refused};
use super::system::timestamp;
use crate::port::{
    ErrorKind, Key, KeyPair, Keys, LastUse, Optional, PolicyDecision, ReportDocument, Result,
    Simulated, Simulation, UsedIn, User,
};

/// The one condition key of a simulation that has several values.
const TAG_KEYS: &str = "aws:TagKeys";

#[async_trait(?Send)]
impl Keys for Aws {
    async fn user(&self, user: &str) -> Result<Option<User>> {
        let request = self.iam.get_user().user_name(user);
        let answer = found("iam:GetUser", request.send()).await?;
        Ok(answer.and_then(|answer| answer.user).map(user_of))
    }

    async fn users(&self) -> Result<Vec<User>> {
        let mut pages = self.iam.list_users().into_paginator().send();
        let mut users = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListUsers"))?;
            users.extend(page.users.into_iter().map(user_of));
        }
        Ok(users)
    }

    async fn keys(&self, user: &str) -> Result<Vec<Key>> {
        let pages = self.iam.list_access_keys().user_name(user);
        let mut pages = pages.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListAccessKeys"))?;
            keys.extend(page.access_key_metadata.into_iter().filter_map(|key| {
                Some(Key {
                    id: key.access_key_id?,
                    active: key.status == Some(StatusType::Active),
                    created: key.create_date.as_ref().and_then(timestamp),
                    last_used: None,
                    used_in: None,
                })
            }));
        }
        Ok(keys)
    }

    async fn last_used(&self, id: &str) -> Result<Option<LastUse>> {
        let request = self.iam.get_access_key_last_used().access_key_id(id);
        let answer = answered("iam:GetAccessKeyLastUsed", request.send()).await?;
        Ok(answer.access_key_last_used.and_then(last_use))
    }

    async fn request_report(&self) -> Result<bool> {
        let request = self.iam.generate_credential_report();
        let answer = answered("iam:GenerateCredentialReport", request.send()).await?;
        Ok(answer.state == Some(ReportStateType::Complete))
    }

    async fn report(&self) -> Result<Option<ReportDocument>> {
        const CALL: &str = "iam:GetCredentialReport";
        let request = self.iam.get_credential_report();
        let Some(answer) = found(CALL, request.send()).await? else {
            return Ok(None);
        };
        let content = answer
            .content
            .map(aws_sdk_iam::primitives::Blob::into_inner);
        let text = String::from_utf8(content.unwrap_or_default());
        let text =
            text.map_err(|_| refused(CALL, ErrorKind::Other, "the report is not in UTF-8"))?;
        Ok(Some(ReportDocument {
            text,
            generated: answer.generated_time.as_ref().and_then(timestamp),
        }))
    }

    async fn create_key(&self, user: &str) -> Result<KeyPair> {
        const CALL: &str = "iam:CreateAccessKey";
        let once = aws_sdk_iam::config::Builder::new().retry_config(RetryConfig::disabled());
        let request = self.iam.create_access_key().user_name(user);
        let request = request.customize().config_override(once);
        let key = answered(CALL, request.send()).await?.access_key;
        let key = key.ok_or_else(|| {
            refused(
                CALL,
                ErrorKind::Other,
                "the response contains no access key",
            )
        })?;
        Ok(KeyPair {
            id: key.access_key_id,
            secret: key.secret_access_key.into(),
        })
    }

    async fn deactivate_key(&self, user: &str, id: &str) -> Result<bool> {
        let request = self.iam.update_access_key().user_name(user);
        let request = request.access_key_id(id).status(StatusType::Inactive);
        let updated = found("iam:UpdateAccessKey", request.send()).await?;
        Ok(updated.is_some())
    }

    async fn delete_key(&self, user: &str, id: &str) -> Result<bool> {
        let request = self
            .iam
            .delete_access_key()
            .user_name(user)
            .access_key_id(id);
        let deleted = found("iam:DeleteAccessKey", request.send()).await?;
        Ok(deleted.is_some())
    }

    async fn tag_user(&self, user: &str, key: &str, value: &str) -> Result<()> {
        const CALL: &str = "iam:TagUser";
        let tag = Tag::builder().key(key).value(value).build();
        let tag = tag.map_err(|error| refused(CALL, ErrorKind::Invalid, error.to_string()))?;
        let request = self.iam.tag_user().user_name(user).tags(tag);
        done(CALL, request.send()).await
    }

    async fn untag_user(&self, user: &str, key: &str) -> Result<()> {
        let request = self.iam.untag_user().user_name(user).tag_keys(key);
        found("iam:UntagUser", request.send()).await.map(drop)
    }

    async fn role(&self, role: &str) -> Result<Option<String>> {
        let request = self.iam.get_role().role_name(role);
        let answer = found("iam:GetRole", request.send()).await?;
        Ok(answer.and_then(|answer| answer.role).map(|role| role.arn))
    }

    async fn has_policy(&self, arn: &str) -> Result<bool> {
        let request = self.iam.get_policy().policy_arn(arn);
        let answer = found("iam:GetPolicy", request.send()).await?;
        Ok(answer.is_some())
    }

    async fn has_user_policy(&self, user: &str, policy: &str) -> Result<bool> {
        let request = self.iam.get_user_policy().user_name(user);
        let request = request.policy_name(policy);
        let answer = found("iam:GetUserPolicy", request.send()).await?;
        Ok(answer.is_some())
    }

    async fn simulate(&self, simulation: &Simulation) -> Result<Vec<Simulated>> {
        let request = self.iam.simulate_principal_policy();
        let mut pages = request
            .policy_source_arn(&simulation.principal)
            .set_action_names(Some(simulation.actions.clone()))
            .resource_arns(&simulation.resource)
            .set_context_entries(Some(context_entries(&simulation.context)))
            .into_paginator()
            .send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:SimulatePrincipalPolicy"));
            let Some(page) = page.optional()? else {
                return Ok(Vec::new());
            };
            let results = page.evaluation_results.unwrap_or_default().into_iter();
            all.extend(results.map(|result| Simulated {
                decision: decision(&result),
                action: result.eval_action_name,
                by: simulation.by,
                of: simulation.of.clone(),
                is_conclusive: result.missing_context_values.unwrap_or_default().is_empty(),
            }));
        }
        Ok(all)
    }

    async fn attached_policies(&self, user: &str) -> Result<Option<Vec<String>>> {
        let pages = self.iam.list_attached_user_policies().user_name(user);
        let mut pages = pages.into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListAttachedUserPolicies"));
            let Some(page) = page.optional()? else {
                return Ok(None);
            };
            let policies = page.attached_policies.unwrap_or_default().into_iter();
            arns.extend(policies.filter_map(|policy| policy.policy_arn));
        }
        Ok(Some(arns))
    }
}

/// Returns the condition keys of a simulated request.
fn context_entries(context: &BTreeMap<String, Vec<String>>) -> Vec<ContextEntry> {
    let entries = context.iter().map(|(key, values)| {
        let kind = match key == TAG_KEYS {
            true => ContextKeyTypeEnum::StringList,
            false => ContextKeyTypeEnum::String,
        };
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_type(kind)
            .set_context_key_values(Some(values.clone()))
            .build()
    });
    entries.collect()
}

/// Returns the last use, if there was one. IAM writes `N/A` for what it does not know.
fn last_use(used: AccessKeyLastUsed) -> Option<LastUse> {
    let at = used.last_used_date.as_ref().and_then(timestamp)?;
    let is_known = |text: &str| !text.is_empty() && text != "N/A";
    let used_in = is_known(&used.service_name).then_some(UsedIn {
        service: used.service_name,
        region: used.region,
    });
    Some(LastUse { at, used_in })
}

fn user_of(user: aws_sdk_iam::types::User) -> User {
    let tags = user.tags.unwrap_or_default().into_iter();
    let boundary = user.permissions_boundary;
    User {
        boundary: boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        arn: user.arn,
        path: user.path,
        tags: tags.map(|tag| (tag.key, tag.value)).collect(),
    }
}

/// Returns what the policies of a principal say. Of a call that several of them do not allow, it
/// names the one outside of the principal first.
///
/// Source: *EvaluationResult* in the API reference of IAM.
fn decision(result: &EvaluationResult) -> PolicyDecision {
    let organization = result.organizations_decision_detail.as_ref();
    let boundary = result.permissions_boundary_decision_detail.as_ref();
    match &result.eval_decision {
        PolicyEvaluationDecisionType::Allowed => PolicyDecision::Allowed,
        PolicyEvaluationDecisionType::ExplicitDeny => PolicyDecision::DeniedExplicitly,
        _ if organization.is_some_and(|it| !it.allowed_by_organizations) => {
            PolicyDecision::OutsideOrganization
        }
        _ if boundary.is_some_and(|it| !it.allowed_by_permissions_boundary) => {
            PolicyDecision::OutsideBoundary
        }
        _ => PolicyDecision::NotAllowed,
    }
}
