//! The policies of IAM users.

use async_trait::async_trait;

use super::Result;

/// The documents of the policies of IAM users, and inline policies.
#[async_trait(?Send)]
pub trait UserPolicies {
    /// Returns the names of a user's inline policies (`iam:ListUserPolicies`).
    async fn inline_policies(&self, user: &str) -> Result<Vec<String>>;
    /// Returns the document of a user's inline policy (`iam:GetUserPolicy`).
    async fn user_policy(&self, user: &str, policy: &str) -> Result<Option<String>>;
    /// Returns the document of a managed policy's default version (`iam:GetPolicy`,
    /// `iam:GetPolicyVersion`).
    async fn managed_policy(&self, arn: &str) -> Result<Option<String>>;
    /// Creates or replaces a user's inline policy (`iam:PutUserPolicy`).
    async fn put_user_policy(&self, user: &str, policy: &str, document: &str) -> Result<()>;
    /// Deletes a user's inline policy, and returns whether it existed (`iam:DeleteUserPolicy`).
    async fn delete_user_policy(&self, user: &str, policy: &str) -> Result<bool>;
}
