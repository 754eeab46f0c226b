//! The rules for an HTTP adapter. The program refuses a file that breaks one, and the function refuses
//! such a pin, so that both sides agree on what an adapter can do.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{Answer, Http, HttpRequest, Method};
use crate::adapter::{Operation, Outcome, Previous, VERSION};
use crate::template::{Placeholder, Template};
use crate::url::HttpsUrl;

/// The longest timeout of a request, in seconds.
pub const LONGEST_TIMEOUT: u16 = 20;

/// Headers that belong to the connection, which the function sets itself or never sends.
pub const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A fault of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `change.headers.x-tenant`.
    pub field: String,
    /// What is wrong. It reads after the field's name.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` {}", self.field, self.problem)
    }
}

/// Returns the faults of an adapter. `settings` are those of the manifest's entry.
pub fn faults(http: &Http, settings: &BTreeMap<String, String>) -> Vec<Fault> {
    let mut faults = Faults {
        found: Vec::new(),
        settings,
        seen: Vec::new(),
    };
    if http.version != VERSION {
        faults.add("version", format!("is not {VERSION}"));
    }
    for (operation, request) in [
        (Operation::Authenticate, &http.authenticate),
        (Operation::Change, &http.change),
    ] {
        faults.request(operation, request);
    }
    faults.found
}

struct Faults<'http> {
    found: Vec<Fault>,
    settings: &'http BTreeMap<String, String>,
    /// The placeholders of the request that was looked at last.
    seen: Vec<Placeholder<'http>>,
}

impl<'http> Faults<'http> {
    fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.found.push(Fault {
            field: field.into(),
            problem: problem.into(),
        });
    }

    fn request(&mut self, operation: Operation, request: &'http HttpRequest) {
        let name = operation.name();
        self.seen.clear();
        let field = format!("{name}.url");
        match HttpsUrl::parse(&request.url) {
            Ok(url) => {
                // No value of a placeholder can make such a request one that is sent.
                if url.path.split('/').any(|it| matches!(it, "." | "..")) {
                    self.add(&field, "has a segment `.` or `..` in its path");
                }
                self.template(operation, &field, &request.url);
            }
            Err(error) => self.add(field, error.to_string()),
        }
        self.headers(operation, request);
        if let Some(basic) = &request.basic {
            self.template(
                operation,
                &format!("{name}.basic.username"),
                &basic.username,
            );
            self.template(
                operation,
                &format!("{name}.basic.password"),
                &basic.password,
            );
        }
        self.body(operation, request);
        if !(1..=LONGEST_TIMEOUT).contains(&request.timeout) {
            let problem = format!("is not from 1 to {LONGEST_TIMEOUT} seconds");
            self.add(format!("{name}.timeout"), problem);
        }
        let (needed, text) = match operation {
            Operation::Authenticate => (Placeholder::Password, "{{password}}"),
            Operation::Change => (Placeholder::NewPassword, "{{new_password}}"),
        };
        if !self.seen.contains(&needed) {
            self.add(name, format!("sends no `{text}`"));
        }
        self.answers(operation, &request.answers);
    }

    fn headers(&mut self, operation: Operation, request: &'http HttpRequest) {
        for (header, text) in &request.headers {
            let field = format!("{}.headers.{header}", operation.name());
            let is_name = |one: u8| {
                one.is_ascii_lowercase()
                    || one.is_ascii_digit()
                    || b"!#$%&'*+-.^_`|~".contains(&one)
            };
            if header.is_empty() || !header.bytes().all(is_name) {
                self.add(&field, "is not the name of a header in lower case");
            }
            if RESERVED.contains(&header.as_str()) {
                self.add(&field, "is set by the function itself");
            }
            if header == "authorization" && request.basic.is_some() {
                self.add(&field, "is set by `basic` already");
            }
            if !text.chars().all(|one| one == ' ' || one.is_ascii_graphic()) {
                self.add(&field, "has a control character or one that is not ASCII");
            }
            self.template(operation, &field, text);
        }
    }

    fn body(&mut self, operation: Operation, request: &'http HttpRequest) {
        let name = operation.name();
        if let Some(json) = &request.json {
            self.json(operation, &format!("{name}.json"), json);
        }
        for (key, text) in request.form.iter().flatten() {
            self.template(operation, &format!("{name}.form.{key}"), text);
        }
        if request.json.is_some() && request.form.is_some() {
            self.add(format!("{name}.form"), "is a second body beside `json`");
        }
        if request.method == Method::Get && (request.json.is_some() || request.form.is_some()) {
            self.add(format!("{name}.method"), "is GET, which has no body");
        }
    }

    fn json(&mut self, operation: Operation, field: &str, json: &'http Value) {
        match json {
            Value::String(text) => self.template(operation, field, text),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.json(operation, &format!("{field}.{number}"), item);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.json(operation, &format!("{field}.{key}"), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn template(&mut self, operation: Operation, field: &str, text: &'http str) {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => return self.add(field, error.to_string()),
        };
        for placeholder in template.placeholders() {
            match placeholder {
                Placeholder::NewPassword if operation == Operation::Authenticate => {
                    self.add(field, "has `{{new_password}}`, which only `change` has");
                }
                Placeholder::Setting(name) if !self.settings.contains_key(name) => {
                    let problem = format!("names the setting `{name}`, which `settings` lacks");
                    self.add(field, problem);
                }
                _ => {}
            }
            self.seen.push(placeholder);
        }
    }

    fn answers(&mut self, operation: Operation, answers: &[Answer]) {
        let name = operation.name();
        for (number, answer) in answers.iter().enumerate() {
            let field = format!("{name}.answers.{number}");
            let is_status = |status: &u16| (200..=599).contains(status);
            if answer.status.is_empty() || !answer.status.iter().all(is_status) {
                self.add(format!("{field}.status"), "is not from 200 to 599");
            }
            let is_pointer = |text: &String| text.is_empty() || text.starts_with('/');
            if !answer.json.keys().all(is_pointer) {
                self.add(
                    format!("{field}.json"),
                    "has a key that is not a JSON pointer",
                );
            }
            if operation == Operation::Authenticate && answer.outcome == Outcome::PasswordRejected {
                self.add(format!("{field}.outcome"), "is for `change` only");
            }
            let is_change = operation == Operation::Change && answer.outcome == Outcome::Success;
            if answer.previous == Previous::Works && !is_change {
                self.add(
                    format!("{field}.previous"),
                    "is for a successful change only",
                );
            }
        }
        // Without these, nothing can be found out about a password.
        let needed: &[Outcome] = match operation {
            Operation::Authenticate => &[Outcome::Success, Outcome::Refused],
            Operation::Change => &[Outcome::Success],
        };
        for outcome in needed {
            if !answers.iter().any(|answer| answer.outcome == *outcome) {
                let problem = format!("has none with the outcome `{}`", outcome.name());
                self.add(format!("{name}.answers"), problem);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn portal() -> Value {
        json!({
            "version": 1,
            "authenticate": {
                "method": "POST",
                "url": "https://portal.example.com/api/login?user={{username}}",
                "headers": { "x-tenant": "{{settings.tenant}}" },
                "json": { "user": "{{username}}", "password": ["{{password}}"] },
                "answers": [
                    { "status": [200], "outcome": "success" },
                    { "status": [401, 403], "outcome": "refused" },
                ],
            },
            "change": {
                "method": "PUT",
                "url": "https://portal.example.com/api/password",
                "basic": { "username": "{{username}}", "password": "{{password}}" },
                "form": { "new": "{{new_password}}" },
                "answers": [{ "status": [204], "json": { "/a": 1 }, "outcome": "success", "previous": "works" }],
            },
        })
    }

    fn found(portal: Value) -> Vec<String> {
        let http: Http = serde_json::from_value(portal).unwrap();
        let settings = BTreeMap::from([("tenant".to_owned(), "4711".to_owned())]);
        let faults = faults(&http, &settings);
        faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn a_sound_adapter_has_no_fault() {
        assert_eq!(found(portal()), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_found() {
        for (pointer, value, field) in [
            ("/version", json!(2), "version"),
            ("/change/url", json!("http://a/"), "change.url"),
            (
                "/change/url",
                json!("https://a/{{settings.x}}"),
                "change.url",
            ),
            ("/change/url", json!("https://a/b/../c"), "change.url"),
            ("/change/url", json!("https://a/b/.?c"), "change.url"),
            ("/change/url", json!("https://a/<b>"), "change.url"),
            ("/change/url", json!("https://a/\"b"), "change.url"),
            ("/change/url", json!("https://a/?b=`"), "change.url"),
            (
                "/authenticate/headers/x-tenant",
                json!("{{new_password}}"),
                "authenticate.headers.x-tenant",
            ),
            (
                "/authenticate/headers/x-tenant",
                json!("a\r\nb: c"),
                "authenticate.headers.x-tenant",
            ),
            (
                "/authenticate/headers",
                json!({ "Host": "a" }),
                "authenticate.headers.Host",
            ),
            (
                "/authenticate/headers",
                json!({ "host": "a" }),
                "authenticate.headers.host",
            ),
            (
                "/authenticate/headers",
                json!({ "transfer-encoding": "a" }),
                "authenticate.headers.transfer-encoding",
            ),
            (
                "/change/headers",
                json!({ "authorization": "a" }),
                "change.headers.authorization",
            ),
            (
                "/change/basic/username",
                json!("{{user"),
                "change.basic.username",
            ),
            (
                "/authenticate/json/password/0",
                json!("secret"),
                "authenticate",
            ),
            (
                "/authenticate/json/user",
                json!("{{x}}"),
                "authenticate.json.user",
            ),
            ("/change/form/new", json!("{{password}}"), "change"),
            ("/change/json", json!({}), "change.form"),
            ("/change/method", json!("GET"), "change.method"),
            ("/change/timeout", json!(0), "change.timeout"),
            ("/change/timeout", json!(21), "change.timeout"),
            (
                "/change/answers/0/status",
                json!([]),
                "change.answers.0.status",
            ),
            (
                "/change/answers/0/status",
                json!([100]),
                "change.answers.0.status",
            ),
            (
                "/change/answers/0/json",
                json!({ "a": 1 }),
                "change.answers.0.json",
            ),
            (
                "/authenticate/answers/0/previous",
                json!("works"),
                "authenticate.answers.0.previous",
            ),
            (
                "/authenticate/answers",
                json!([{ "status": [200], "outcome": "success" }]),
                "authenticate.answers",
            ),
        ] {
            let mut portal = portal();
            match portal.pointer_mut(pointer) {
                Some(place) => *place = value,
                None => {
                    let (parent, key) = pointer.rsplit_once('/').unwrap();
                    portal.pointer_mut(parent).unwrap()[key] = value;
                }
            }
            assert_eq!(found(portal), [field], "{pointer}");
        }
        let mut portal = portal();
        portal["authenticate"]["answers"][1]["outcome"] = json!("password_rejected");
        assert_eq!(
            found(portal),
            ["authenticate.answers.1.outcome", "authenticate.answers"]
        );
    }
}
