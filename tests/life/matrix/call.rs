//! The calls of a principal, signed by hand so that every word of the answer is heard.

use std::cell::RefCell;

use serde_json::Value;

use crate::environment::{Key, Signed, TestEnvironment};

/// One call to AWS.
#[derive(Clone, Debug)]
pub enum Call {
    /// Of a service that speaks JSON: its name for signatures, the target, the body.
    Json(&'static str, &'static str, Value),
    /// Of IAM or CloudFormation: the service, and the fields of a form.
    Form(&'static str, &'static str, Vec<(&'static str, String)>),
    /// An event for a function.
    Invoke(String, String),
    /// An object: the bucket, its key, and what it holds.
    Put(String, String),
    /// An object to be read.
    Get(String, String),
}

impl Call {
    /// Returns whether it is an event that names one of some secrets.
    pub fn names_one_of(&self, arns: &[&str]) -> bool {
        matches!(self, Self::Invoke(_, event) if arns.iter().any(|arn| event.contains(arn)))
    }

    /// Returns whether it is a call on a secret.
    pub fn is_on(&self, arn: &str) -> bool {
        matches!(self, Self::Json(_, _, body) if body["SecretId"] == arn)
    }

    /// Returns the IAM action that allows it.
    pub fn action(&self) -> String {
        match self {
            Self::Json(service, target, _) => {
                let name = target.rsplit('.').next().unwrap_or_default();
                format!("{service}:{name}")
            }
            Self::Form(service, action, _) => format!("{service}:{action}"),
            Self::Invoke(..) => "lambda:InvokeFunction".to_owned(),
            Self::Put(..) => "s3:PutObject".to_owned(),
            Self::Get(..) => "s3:GetObject".to_owned(),
        }
    }
}

/// Returns a text as a form has it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Somebody with a key, and all that they were ever told.
pub struct Principal {
    pub key: Key,
    heard: RefCell<String>,
}

impl Principal {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            heard: RefCell::default(),
        }
    }

    /// Makes a call; returns whether AWS did not refuse it.
    pub async fn makes(&self, test: &TestEnvironment, call: &Call) -> bool {
        let (request, body) = match call {
            Call::Json(service, target, body) => {
                let request = Signed::new(service, "POST", "/")
                    .header("content-type", "application/x-amz-json-1.1")
                    .header("x-amz-target", target);
                (request, body.to_string())
            }
            Call::Form(service, action, fields) => {
                let request = Signed::new(service, "POST", "/")
                    .header("content-type", "application/x-www-form-urlencoded");
                let version = match *service {
                    "iam" => "2010-05-08",
                    _ => "2010-05-15",
                };
                let mut form = format!("Action={action}&Version={version}");
                for (name, value) in fields {
                    form.push_str(&format!("&{name}={}", encoded(value)));
                }
                (request, form)
            }
            Call::Invoke(function, event) => {
                let path = format!("/2015-03-31/functions/{function}/invocations");
                return self
                    .sends(test, Signed::new("lambda", "POST", &path), event)
                    .await;
            }
            Call::Put(bucket, key) => {
                let path = format!("/{bucket}/{key}");
                return self
                    .sends(test, Signed::new("s3", "PUT", &path), "theirs")
                    .await;
            }
            Call::Get(bucket, key) => {
                let path = format!("/{bucket}/{key}");
                return self.sends(test, Signed::new("s3", "GET", &path), "").await;
            }
        };
        self.sends(test, request, &body).await
    }

    async fn sends(&self, test: &TestEnvironment, request: Signed<'_>, body: &str) -> bool {
        let answer = request.answer(test.endpoint(), &self.key, body).await;
        self.heard.borrow_mut().push_str(&answer);
        let refused = answer.starts_with("HTTP/1.1 403")
            || answer.contains("AccessDenied")
            || answer.contains("not authorized to perform");
        !refused
    }

    /// Returns the first of the secrets in their responses.
    pub fn learned<'a>(&self, mut secrets: impl Iterator<Item = &'a String>) -> Option<&'a String> {
        let heard = self.heard.borrow();
        secrets.find(|secret| heard.contains(secret.as_str()))
    }
}
