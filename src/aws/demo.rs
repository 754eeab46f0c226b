//! What the tour needs beside the ports: the people and programs of its scene.
//! Nothing else calls these, and a real account never does.

use super::Aws;
use super::error::{failed, refused};
use crate::port::{ErrorKind, KeyPair, Keys, Result};

impl Aws {
    /// Makes a user with an inline policy and a key; returns the key.
    ///
    /// # Errors
    ///
    /// Returns the call that was refused.
    pub async fn make_user(&self, user: &str, policy: Option<&str>) -> Result<KeyPair> {
        let request = self.iam.create_user().user_name(user);
        request.send().await.map_err(failed("iam:CreateUser"))?;
        if let Some(policy) = policy {
            let request = self.iam.put_user_policy().user_name(user);
            let request = request.policy_name("scene").policy_document(policy);
            request.send().await.map_err(failed("iam:PutUserPolicy"))?;
        }
        self.create_key(user).await
    }

    /// Attaches a managed policy of its own to a user.
    ///
    /// # Errors
    ///
    /// Returns the call that was refused.
    pub async fn attach_policy(&self, user: &str, name: &str, document: &str) -> Result<()> {
        const CALL: &str = "iam:CreatePolicy";
        let request = self
            .iam
            .create_policy()
            .policy_name(name)
            .policy_document(document);
        let answer = request.send().await.map_err(failed(CALL))?;
        let arn = answer.policy.and_then(|policy| policy.arn);
        let arn =
            arn.ok_or_else(|| refused(CALL, ErrorKind::Other, "the response contains no ARN"))?;
        let request = self
            .iam
            .attach_user_policy()
            .user_name(user)
            .policy_arn(arn);
        request
            .send()
            .await
            .map_err(failed("iam:AttachUserPolicy"))?;
        Ok(())
    }
}
