//! Reads a request of an HTTP adapter's file.

use std::collections::BTreeMap;

use keyrota_contract::adapter::{Outcome, Previous};
use keyrota_contract::pins::service::{Answer, Basic, HttpRequest, Method};
use keyrota_contract::template::{Placeholder, Template};
use keyrota_contract::url::HttpsUrl;
use serde_json::Value as Json;

use crate::model::document::{Node, Value};
use crate::model::fields::Fields;
use crate::model::reader::Field;
use crate::model::{Duration, Finding};

/// The longest time that a request may take, in seconds.
const LONGEST_TIMEOUT: u64 = 20;
/// Headers that follow from the rest of the request (RFC 9110, RFC 9112).
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The request that tries a login.
    Authenticate,
    /// The request that changes the password.
    Change,
}

impl Part {
    /// Returns its field in the file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Change => "change",
        }
    }
}

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
    part: Part,
    settings: Option<&BTreeMap<String, String>>,
) -> Option<HttpRequest> {
    let templates = Templates { part, settings };
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
        .and_then(|field| read_answers(&field, part));
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
    check(&request, part, fields);
    Some(request)
}

/// Checks the parts of a request against each other.
fn check(request: &HttpRequest, part: Part, fields: &Fields<'_>) {
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
    match part {
        Part::Authenticate if !uses(Placeholder::Password) => {
            missing("{{password}}", "so it cannot say whether a password works");
        }
        Part::Change if !uses(Placeholder::NewPassword) => {
            missing("{{new_password}}", "so it cannot change the password");
        }
        Part::Authenticate | Part::Change => {}
    }
    let means = |outcome: Outcome| request.answers.iter().any(|it| it.outcome == outcome);
    if !means(Outcome::Success) {
        let message = "no answer has the outcome `success`";
        let path = fields.path("answers");
        fields
            .place("answers")
            .report(Finding::error("missing", path, message));
    }
    if part == Part::Authenticate && !means(Outcome::Refused) {
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
    part: Part,
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
                (Placeholder::NewPassword, _) if self.part == Part::Authenticate => {
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
    match (duration.as_seconds(), u16::try_from(duration.as_seconds())) {
        (1..=LONGEST_TIMEOUT, Ok(seconds)) => Ok(seconds),
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
        } else if OWN_HEADERS.contains(&lower.as_str()) {
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
fn json_of(node: &Node, each_key: &dyn Fn(&str)) -> Json {
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

fn read_answers(field: &Field<'_>, part: Part) -> Option<Vec<Answer>> {
    let definition = &crate::model::fields::HTTP_ANSWER;
    let answers = field.list()?.into_iter().map(|item| {
        let fields = Fields::of(&item, definition)?;
        read_answer(&fields, part)
    });
    let answers: Vec<Option<Answer>> = answers.collect();
    answers.into_iter().collect()
}

fn read_answer(fields: &Fields<'_>, part: Part) -> Option<Answer> {
    let status = fields
        .require("status")
        .and_then(|field| read_status(&field));
    let json = match fields.get("json") {
        Some(field) => read_pointers(&field),
        None => Some(BTreeMap::new()),
    };
    let outcome = fields.require("outcome").and_then(|field| {
        field.parse("invalid-value", |text| {
            let found = Outcome::ALL.into_iter().find(|it| it.name() == text);
            match (found, part) {
                (Some(Outcome::PasswordRejected), Part::Authenticate) => {
                    Err("a login has no new password that could be rejected".to_owned())
                }
                (Some(outcome), _) => Ok(outcome),
                (None, _) => {
                    let names = Outcome::ALL.map(Outcome::name).join(", ");
                    Err(format!("expected one of {names}, found `{text}`"))
                }
            }
        })
    });
    let previous = fields.value("previous", |field| {
        field.parse("invalid-value", |text| match text {
            "void" => Ok(Previous::Void),
            "works" => Ok(Previous::Works),
            _ => Err(format!("expected void or works, found `{text}`")),
        })
    });
    let (outcome, previous) = (outcome?, previous?);
    if previous == Previous::Works && (part, outcome) != (Part::Change, Outcome::Success) {
        let path = fields.path("previous");
        let message = "only a successful change says that the previous password still works";
        fields
            .place("previous")
            .report(Finding::error("contradiction", path, message));
    }
    Some(Answer {
        status: status?,
        json: json?,
        outcome,
        previous,
    })
}

fn read_status(field: &Field<'_>) -> Option<Vec<u16>> {
    let read = |field: &Field<'_>| {
        let status = field.number(200, 599)?;
        u16::try_from(status).ok()
    };
    if !field.is_list() {
        return Some(vec![read(field)?]);
    }
    let items = field.list()?;
    if items.is_empty() {
        field.refuse("invalid-number", "the list has no status code");
        return None;
    }
    let all: Vec<Option<u16>> = items.iter().map(read).collect();
    all.into_iter().collect()
}

/// Reads the values that a body must have, by JSON pointers (RFC 6901).
fn read_pointers(field: &Field<'_>) -> Option<BTreeMap<String, Json>> {
    let mut pointers = BTreeMap::new();
    for (pointer, value, _) in field.any_mapping()?.fields() {
        if !pointer.is_empty() && !pointer.starts_with('/') {
            value.refuse(
                "invalid-value",
                format!(
                    "`{}` is not a JSON pointer; it begins with `/`",
                    pointer.escape_debug()
                ),
            );
        }
        pointers.insert(pointer.to_owned(), json_of(value.node(), &|_| {}));
    }
    Some(pointers)
}
