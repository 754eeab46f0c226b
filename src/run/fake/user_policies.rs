//! The policies of IAM users.

use async_trait::async_trait;

use super::FakeAws;
use super::state::refused;
use crate::port::{ErrorKind, Result, UserPolicies};

/// The characters of a user's inline policies, all together (`reference_iam-quotas`).
const MOST: usize = 2_048;

#[async_trait(?Send)]
impl UserPolicies for FakeAws {
    async fn inline_policies(&self, user: &str) -> Result<Vec<String>> {
        self.act("iam:ListUserPolicies", |state| {
            let policies = state.user_policies.iter();
            let mine = policies.filter(|(owner, _)| owner == user);
            Ok(mine.map(|(_, policy)| policy.clone()).collect())
        })
        .await
    }

    async fn user_policy(&self, user: &str, policy: &str) -> Result<Option<String>> {
        self.act("iam:GetUserPolicy", |state| {
            let held = (user.to_owned(), policy.to_owned());
            let exists = state.user_policies.contains(&held);
            let document = state.policy_documents.get(&held).cloned();
            Ok(exists.then(|| document.unwrap_or_else(|| "{}".to_owned())))
        })
        .await
    }

    async fn managed_policy(&self, arn: &str) -> Result<Option<String>> {
        self.act("iam:GetPolicyVersion", |state| {
            Ok(state.managed_documents.get(arn).cloned())
        })
        .await
    }

    async fn put_user_policy(&self, user: &str, policy: &str, document: &str) -> Result<()> {
        self.act("iam:PutUserPolicy", |state| {
            let held = (user.to_owned(), policy.to_owned());
            let documents = state.policy_documents.iter();
            let others = documents.filter(|(other, _)| other.0 == user && **other != held);
            let sizes = others.map(|(_, document)| document.len());
            if sizes.sum::<usize>() + document.len() > MOST {
                return refused(ErrorKind::Limit, "the quota of inline policies is used up");
            }
            state.user_policies.insert(held.clone());
            state.policy_documents.insert(held, document.to_owned());
            Ok(())
        })
        .await
    }

    async fn delete_user_policy(&self, user: &str, policy: &str) -> Result<bool> {
        self.act("iam:DeleteUserPolicy", |state| {
            let held = (user.to_owned(), policy.to_owned());
            state.policy_documents.remove(&held);
            Ok(state.user_policies.remove(&held))
        })
        .await
    }
}
