//! The pin of a service's secret.

pub mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::names::Names;

/// The entry of one secret in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The user whose password is rotated.
    pub username: String,
    /// What knows the service.
    pub adapter: Adapter,
    /// The settings that the adapter gets with each request. They are not secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The rules for new passwords.
    pub password: Password,
    /// How long it takes until every member of a farm of servers knows a new password: a
    /// [`duration`](crate::duration). If absent, each knows it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<String>,
    /// The names of the value's fields.
    #[serde(default, skip_serializing_if = "Names::are_default")]
    pub fields: Names,
}

/// What knows a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adapter {
    /// The Lambda function with this ARN, which answers [`adapter`](crate::adapter) requests.
    Function(String),
    /// The requests of an HTTP adapter's file.
    Http(Box<Http>),
}

/// The rules for new passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// Their length in characters.
    pub length: u16,
    /// The characters that they must not contain.
    pub exclude: String,
    /// The classes of which they must contain a character. If it is empty, Secrets Manager's default
    /// applies, which is one of each class that is not excluded completely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<CharacterClass>,
}

/// A class of characters, as `GetRandomPassword` of Secrets Manager divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CharacterClass {
    /// `A` to `Z`.
    Upper,
    /// `a` to `z`.
    Lower,
    /// `0` to `9`.
    Digit,
    /// The other printable ASCII characters except the space.
    Symbol,
}

impl CharacterClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Upper, Self::Lower, Self::Digit, Self::Symbol];

    /// Returns whether a character is of the class.
    pub const fn contains(self, one: char) -> bool {
        match self {
            Self::Upper => one.is_ascii_uppercase(),
            Self::Lower => one.is_ascii_lowercase(),
            Self::Digit => one.is_ascii_digit(),
            Self::Symbol => one.is_ascii_punctuation(),
        }
    }
}

/// An HTTP adapter: how its requests are sent to a service, and what the answers mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The version of the format, [`adapter::VERSION`](crate::adapter::VERSION).
    pub version: u32,
    /// How a login is tried.
    pub authenticate: HttpRequest,
    /// How the password is changed.
    pub change: HttpRequest,
    /// The name of the file in the package that contains the certificate authorities. If absent, the
    /// operating system's authorities are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<String>,
}

/// One HTTPS request.
///
/// `url`, the values of `headers`, `json`, and `form`, and both parts of `basic` may contain the
/// placeholders `{{username}}`, `{{password}}`, `{{new_password}}`, and `{{settings.NAME}}`. What
/// replaces them is escaped for its place. The scheme, the host, and the port of a URL
/// contain none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// GET, POST, PUT, or PATCH.
    pub method: Method,
    /// An absolute URL that begins with `https://`.
    pub url: String,
    /// Headers by their names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The user name and the password of an `Authorization` header of the method Basic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    /// A body in JSON. Its strings may contain placeholders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
    /// A body in the format of an HTML form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// What answers mean. The first that matches applies, and an answer that none matches is unclear.
    pub answers: Vec<Answer>,
    /// How long the request may take, in seconds, 1 to [`LONGEST_TIMEOUT`](rules::LONGEST_TIMEOUT).
    #[serde(default = "usual_timeout")]
    pub timeout: u16,
}

/// Returns the usual timeout of a request, in seconds.
pub fn usual_timeout() -> u16 {
    10
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user name, a template.
    pub username: String,
    /// The password, a template.
    pub password: String,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status codes.
    pub status: Vec<u16>,
    /// The values that the body must have, by JSON pointers. If it is empty, any body matches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// What it means.
    pub outcome: crate::adapter::Outcome,
    /// The state of the previous password, after a successful change.
    #[serde(default)]
    pub previous: crate::adapter::Previous,
}
