//! Reads a request of an HTTP adapter's file.

use std::collections::BTreeMap;

use keyrota_contract::adapter::{Operation, Outcome};
use keyrota_contract::pins::service::rules::{LONGEST_TIMEOUT, RESERVED};
use keyrota_contract::pins::service::{Basic, HttpRequest, Method};
use keyrota_contract::template::{Placeholder, Template};
use keyrota_contract::url::HttpsUrl;
use serde_json::Value as Json;

use super::http_answer;
use crate::model::document::{Node, Value};
use crate::model::fields::Fields;
use crate::model::reader::Field;
use crate::model::{Duration, Finding};

/// Returns the texts of a request in which placeholders are replaced.
pub(super) fn texts(request: &HttpRequest) -> Vec<&str> {
    let mut texts = vec![request.url.as_str()];
    texts.extend(request.headers.values().map(String::as_str));
    if let Some(basic) = &request.basic {
        texts.extend([basic.username.as_str(), basic.password.as_str()]);
    }
    texts.extend(
        request
            .form
            .iter()
            .flat_map(BTreeMap::values)
            .map(String::as_str),
    );
    if let Some(json) = &request.json {
        strings(json, &mut texts);
    }
    texts
}

fn strings<'a>(json: &'a Json, texts: &mut Vec<&'a str>) {
    match json {
        Json::String(text) => texts.push(text),
        Json::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        Json::Object(fields) => fields.values().for_each(|field| strings(field, texts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Reads a request.
pub(super) fn read(
    fields: &Fields<'_>,
    operation: Operation,
    settings: Option<&BTreeMap<String, String>>,
) -> Option<HttpRequest> {
    let templates = Templates {
        operation,
        settings,
    };
    let method = fields
        .require("method")
        .and_then(|field| field.parse("invalid-value", parse_method));
    let url = fields.require("url").and_then(|field| {
        let url = templates.read(&field)?;
        if let Err(why) = HttpsUrl::parse(&url) {
            field.refuse("invalid-url", format!("the URL {why}"));
            return None;
        }
        warn_of_secrets(&url, &field);
        Some(url)
    });
    let headers = match fields.get("headers") {
        Some(field) => read_headers(&field, &templates),
        None => Some(BTreeMap::new()),
    };
    let basic = match fields.get("basic") {
        Some(_) => read_basic(&fields.mapping("basic")?, &templates).map(Some),
        None => Some(None),
    };
    let json = fields.optional("json", |field| read_json(field, &templates));
    let form = fields.optional("form", |field| read_texts(field, &templates));
    let answers = fields
        .require("answers")
        .and_then(|field| http_answer::read(&field, operation));
    let timeout = fields.value("timeout", |field| {
        field.parse("invalid-duration", parse_timeout)
    });
    let request = HttpRequest {
        method: method?,
        url: url?,
        headers: headers?,
        basic: basic?,
        json: json?,
        form: form?,
        answers: answers?,
        timeout: timeout?,
    };
    check(&request, operation, fields);
    Some(request)
}

/// Checks the parts of a request against each other.
fn check(request: &HttpRequest, operation: Operation, fields: &Fields<'_>) {
    let refuse = |name: &str, message: &str, hint: &str| {
        let finding = Finding::error("contradiction", fields.path(name), message);
        fields.place(name).report(finding.hint(hint));
    };
    if request.json.is_some() && request.form.is_some() {
        refuse("form", "a request has one body", "remove `json` or `form`");
    }
    if request.method == Method::Get && (request.json.is_some() || request.form.is_some()) {
        refuse(
            "method",
            "a request with the method GET has no body",
            "use POST, or remove the body",
        );
    }
    if request.basic.is_some() && request.headers.contains_key("authorization") {
        refuse(
            "basic",
            "`headers` sets `authorization` too",
            "remove `basic` or the header",
        );
    }
    let uses = |wanted: Placeholder<'_>| {
        texts(request).into_iter().any(|text| {
            let template = Template::parse(text);
            template.is_ok_and(|template| template.placeholders().any(|one| one == wanted))
        })
    };
    let missing = |placeholder: &str, why: &str| {
        let path = fields.at().path().to_owned();
        let message = format!("no part of the request contains `{placeholder}`, {why}");
        fields.at().report(Finding::error("missing", path, message));
    };
    match operation {
        Operation::Authenticate if !uses(Placeholder::Password) => {
            missing("{{password}}", "so it cannot say whether a password works");
        }
        Operation::Change if !uses(Placeholder::NewPassword) => {
            missing("{{new_password}}", "so it cannot change the password");
        }
        Operation::Authenticate | Operation::Change => {}
    }
    let means = |outcome: Outcome| request.answers.iter().any(|it| it.outcome == outcome);
    if !means(Outcome::Success) {
        let message = "no answer has the outcome `success`";
        let path = fields.path("answers");
        fields
            .place("answers")
            .report(Finding::error("missing", path, message));
    }
    if operation == Operation::Authenticate && !means(Outcome::Refused) {
        let message = "no answer has the outcome `refused`, so keyrota would never learn that a password is wrong, and could not recover from an unclear change";
        let path = fields.path("answers");
        fields.place("answers").report(
            Finding::error("missing", path, message)
                .hint("add the answer of a login with a wrong password"),
        );
    }
}

/// Reads the texts in which placeholders are replaced.
struct Templates<'a> {
    operation: Operation,
    settings: Option<&'a BTreeMap<String, String>>,
}

impl Templates<'_> {
    fn read(&self, field: &Field<'_>) -> Option<String> {
        field.parse("invalid-template", |text| {
            self.check(text)?;
            Ok(text.to_owned())
        })
    }

    fn check(&self, text: &str) -> Result<(), String> {
        let template = Template::parse(text).map_err(|why| format!("the text {why}"))?;
        for placeholder in template.placeholders() {
            match (placeholder, self.settings) {
                (Placeholder::NewPassword, _) if self.operation == Operation::Authenticate => {
                    return Err(
                        "`{{new_password}}` is only in `change`; a login uses `{{password}}`"
                            .to_owned(),
                    );
                }
                (Placeholder::Setting(name), Some(settings)) if !settings.contains_key(name) => {
                    return Err(format!(
                        "the entry has no setting `{name}`, which `{{{{settings.{name}}}}}` names"
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Warns about a password in a URL, which servers and proxies log.
fn warn_of_secrets(url: &str, field: &Field<'_>) {
    let Ok(template) = Template::parse(url) else {
        return;
    };
    let mut placeholders = template.placeholders();
    if placeholders.any(|it| matches!(it, Placeholder::Password | Placeholder::NewPassword)) {
        let message = "servers and proxies log URLs, and this one contains a password";
        field.report(
            Finding::warning("password-in-url", field.path(), message)
                .hint("send the password in the body or in a header if the service accepts that"),
        );
    }
}

fn parse_method(text: &str) -> Result<Method, String> {
    match text {
        "GET" => Ok(Method::Get),
        "POST" => Ok(Method::Post),
        "PUT" => Ok(Method::Put),
        "PATCH" => Ok(Method::Patch),
        _ => Err(format!("expected GET, POST, PUT, or PATCH, found `{text}`")),
    }
}

fn parse_timeout(text: &str) -> Result<u16, String> {
    let duration = Duration::parse(text)?;
    match u16::try_from(duration.as_seconds()) {
        Ok(seconds @ 1..=LONGEST_TIMEOUT) => Ok(seconds),
        _ => Err(format!(
            "expected 1s to {LONGEST_TIMEOUT}s, and not {duration}"
        )),
    }
}

fn read_texts(field: &Field<'_>, templates: &Templates<'_>) -> Option<BTreeMap<String, String>> {
    let mut texts = Some(BTreeMap::new());
    for (name, field, _) in field.any_mapping()?.fields() {
        refuse_placeholder(name, &field);
        match (templates.read(&field), &mut texts) {
            (Some(text), Some(texts)) => drop(texts.insert(name.to_owned(), text)),
            _ => texts = None,
        }
    }
    texts
}

fn read_headers(field: &Field<'_>, templates: &Templates<'_>) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    for (name, text) in read_texts(field, templates)? {
        let lower = name.to_ascii_lowercase();
        let at = || Finding::error("invalid-header", format!("{}.{name}", field.path()), "");
        let report = |message: String| field.report(Finding { message, ..at() });
        // RFC 9110, section 5.6.2.
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            report(format!(
                "`{}` is not the name of a header",
                name.escape_debug()
            ));
        } else if RESERVED.contains(&lower.as_str()) {
            report(format!(
                "`{lower}` follows from the rest of the request; remove it"
            ));
        } else if text.contains(char::is_control) {
            report(format!(
                "the value of `{lower}` contains a control character"
            ));
        } else if headers.insert(lower.clone(), text).is_some() {
            report(format!("`{lower}` is set twice"));
        }
    }
    Some(headers)
}

fn read_basic(fields: &Fields<'_>, templates: &Templates<'_>) -> Option<Basic> {
    let username = fields
        .require("username")
        .and_then(|field| templates.read(&field));
    let password = fields
        .require("password")
        .and_then(|field| templates.read(&field));
    Some(Basic {
        username: username?,
        password: password?,
    })
}

/// Reads a body in JSON, with placeholders in its strings.
fn read_json(field: &Field<'_>, templates: &Templates<'_>) -> Option<Json> {
    let json = json_of(field.node(), &|key| refuse_placeholder(key, field));
    let mut texts = Vec::new();
    strings(&json, &mut texts);
    let mut valid = true;
    for text in texts {
        if let Err(why) = templates.check(text) {
            field.refuse("invalid-template", why);
            valid = false;
        }
    }
    valid.then_some(json)
}

fn refuse_placeholder(key: &str, field: &Field<'_>) {
    if key.contains("{{") {
        field.refuse(
            "invalid-template",
            format!(
                "placeholders are not replaced in a name such as `{}`",
                key.escape_debug()
            ),
        );
    }
}

/// Returns a node of YAML as JSON. `each_key` gets the keys of mappings.
pub(super) fn json_of(node: &Node, each_key: &dyn Fn(&str)) -> Json {
    match &node.value {
        _ if node.is_null() => Json::Null,
        Value::Scalar { text, plain: true } => match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            // Other texts that JSON takes for a value are numbers.
            text => match serde_json::from_str(text) {
                Ok(Json::Number(number)) => Json::Number(number),
                _ => Json::String(text.to_owned()),
            },
        },
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Sequence(items) => items.iter().map(|item| json_of(item, each_key)).collect(),
        Value::Mapping(entries) => {
            let pair = |entry: &crate::model::document::KeyValue| {
                each_key(&entry.key);
                (entry.key.clone(), json_of(&entry.node, each_key))
            };
            Json::Object(entries.iter().map(pair).collect())
        }
    }
}
