//! The policies of IAM users.

use async_trait::async_trait;

use super::Aws;
use super::error::{done, failed, found};
use crate::port::{Result, UserPolicies};

#[async_trait(?Send)]
impl UserPolicies for Aws {
    async fn inline_policies(&self, user: &str) -> Result<Vec<String>> {
        let pages = self.iam.list_user_policies().user_name(user);
        let mut pages = pages.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("iam:ListUserPolicies"))?;
            found.extend(page.policy_names);
        }
        Ok(found)
    }

    async fn user_policy(&self, user: &str, policy: &str) -> Result<Option<String>> {
        let request = self.iam.get_user_policy().user_name(user);
        let request = request.policy_name(policy);
        let answer = found("iam:GetUserPolicy", request.send()).await?;
        Ok(answer.map(|answer| decoded(&answer.policy_document)))
    }

    async fn managed_policy(&self, arn: &str) -> Result<Option<String>> {
        let request = self.iam.get_policy().policy_arn(arn);
        let answer = found("iam:GetPolicy", request.send()).await?;
        let version = answer.and_then(|answer| answer.policy?.default_version_id);
        let Some(version) = version else {
            return Ok(None);
        };
        let request = self.iam.get_policy_version().policy_arn(arn);
        let request = request.version_id(version);
        let answer = found("iam:GetPolicyVersion", request.send()).await?;
        let document = answer.and_then(|answer| answer.policy_version?.document);
        Ok(document.as_deref().map(decoded))
    }

    async fn put_user_policy(&self, user: &str, policy: &str, document: &str) -> Result<()> {
        let request = self.iam.put_user_policy().user_name(user);
        let request = request.policy_name(policy).policy_document(document);
        done("iam:PutUserPolicy", request.send()).await
    }

    async fn delete_user_policy(&self, user: &str, policy: &str) -> Result<bool> {
        let request = self.iam.delete_user_policy().user_name(user);
        let request = request.policy_name(policy);
        let deleted = found("iam:DeleteUserPolicy", request.send()).await?;
        Ok(deleted.is_some())
    }
}

/// Returns a document, which IAM returns percent-encoded as in RFC 3986 (`API_GetUserPolicy`).
fn decoded(document: &str) -> String {
    let bytes = document.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match byte {
            Some(byte) => {
                text.push(byte);
                rest = &after[2..];
            }
            None => {
                text.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_document_is_decoded() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%A9%22%7D"), "{\"a\": \"é\"}");
        for plain in ["{}", "100%", "%zz", "%4", ""] {
            assert_eq!(decoded(plain), plain);
        }
    }
}
