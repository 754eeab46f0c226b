//! From a request to a response, in the service's protocol.

use hyper::HeaderMap;
use serde_json::{Value, json};

use super::account::Account;
use super::query::{self, Form};
use super::refusal::Refusal;
use super::secrets_manager;

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    SecretsManagerClient,
    Iam,
    Sts,
}

/// A response, and the action that it answers.
pub struct Answer {
    /// Such as `iam:CreateAccessKey`.
    pub action: String,
    pub refused: Option<&'static str>,
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Service {
    /// Returns the variable that points SDKs at another endpoint.
    pub const fn endpoint_variable(self) -> &'static str {
        match self {
            Self::SecretsManagerClient => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::Iam => "AWS_ENDPOINT_URL_IAM",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::SecretsManagerClient => "secretsmanager",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    /// Answers a request.
    pub fn answer(self, account: &mut Account, headers: &HeaderMap, body: &[u8]) -> Answer {
        let signer = signer(headers).unwrap_or_default();
        match self {
            Self::SecretsManagerClient => self.answer_json(account, signer, headers, body),
            Self::Iam | Self::Sts => self.answer_form(account, signer, body),
        }
    }

    fn answer_json(
        self,
        account: &mut Account,
        signer: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let target = header(headers, "x-amz-target").unwrap_or_default();
        let action = target.rsplit('.').next().unwrap_or_default();
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let (status, refused, body) =
            match secrets_manager::answer(account, signer, action, &request) {
                Ok(answer) => (200, None, answer),
                Err(refusal) => {
                    let body = json!({ "__type": refusal.code, "message": refusal.message });
                    (400, Some(refusal.code), body)
                }
            };
        Answer {
            action: format!("{}:{action}", self.name()),
            refused,
            status,
            content_type: "application/x-amz-json-1.1",
            body: body.to_string(),
        }
    }

    fn answer_form(self, account: &mut Account, signer: &str, body: &[u8]) -> Answer {
        let form: Form = url::form_urlencoded::parse(body).into_owned().collect();
        let action = form.get("Action").cloned().unwrap_or_default();
        let (status, refused, body) = match query::answer(account, signer, &action, &form) {
            Ok(result) => (200, None, self.success(&action, &result)),
            Err(refusal) => (status(&refusal), Some(refusal.code), self.failure(&refusal)),
        };
        Answer {
            action: format!("{}:{action}", self.name()),
            refused,
            status,
            content_type: "text/xml",
            body,
        }
    }

    const fn namespace(self) -> &'static str {
        match self {
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::SecretsManagerClient | Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }

    fn success(self, action: &str, result: &str) -> String {
        let result = if result.is_empty() {
            String::new()
        } else {
            format!("<{action}Result>{result}</{action}Result>")
        };
        format!(
            "<{action}Response xmlns=\"{}\">{result}<ResponseMetadata><RequestId>stub</RequestId>\
             </ResponseMetadata></{action}Response>",
            self.namespace()
        )
    }

    fn failure(self, refusal: &Refusal) -> String {
        format!(
            "<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{}</Code>\
             <Message>{}</Message></Error><RequestId>stub</RequestId></ErrorResponse>",
            self.namespace(),
            refusal.code,
            refusal.message
        )
    }
}

fn status(refusal: &Refusal) -> u16 {
    match refusal.code {
        "InvalidClientTokenId" | "AccessDenied" => 403,
        "NoSuchEntity" => 404,
        "LimitExceeded" => 409,
        _ => 400,
    }
}

/// Returns the ID of the access key that a request is signed with. The signature itself is not
/// verified.
fn signer(headers: &HeaderMap) -> Option<&str> {
    let authorization = header(headers, "authorization")?;
    let (_, scope) = authorization.split_once("Credential=")?;
    scope.split('/').next()
}

fn header<'headers>(headers: &'headers HeaderMap, name: &str) -> Option<&'headers str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
