//! The services: which adapter changes what at which host, with the requests of HTTP adapters.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::prose::{self, Prose};
use crate::model::{Adapter, EntryOf, HttpAdapter, HttpRequest, Method, Service};
use crate::render::Rendered;

/// An adapter with the entries that it serves.
type Served<'a> = (&'a Adapter, Vec<EntryOf<'a, Service>>);

/// Returns the section, if there are services.
pub fn services(stacks: &[Rendered<'_>]) -> Option<Json> {
    let mut served: BTreeMap<String, Served<'_>> = BTreeMap::new();
    let entries = stacks.iter().flat_map(|rendered| rendered.model.services());
    for entry in entries {
        let adapter = &entry.kind.adapter;
        let key = match adapter {
            Adapter::Function(arn) => arn.to_string(),
            Adapter::Http(http) => http.file.clone(),
        };
        let held = served.entry(key).or_insert_with(|| (adapter, Vec::new()));
        held.1.push(entry);
    }
    if served.is_empty() {
        return None;
    }
    let adapters: Vec<Json> = served.values().map(adapter).collect();
    let steps = STEPS.map(Prose::marked);
    Some(json!({ "adapters": adapters, "steps": steps }))
}

/// The states of a password during a change, step by step.
const STEPS: [&str; 4] = [
    "Secrets Manager generates a random password. The function stores it as `AWSPENDING`, and leaves all other fields unchanged.",
    "The function first asks the adapter to log in with the pending password, which the service may already have. If it does not, the function asks the adapter to change the password from the current one to the pending one. It asks only the adapter that its pins name. A password that the service’s policy rejects ends the rotation, and the next one takes another.",
    "The function asks the adapter to log in with the pending password.",
    "It moves `AWSCURRENT` to the new password. `AWSPREVIOUS` is then on the old one.",
];

fn adapter((adapter, entries): &Served<'_>) -> Json {
    let users = entries
        .iter()
        .map(|entry| Prose::name(&entry.kind.username));
    let users = users.take(prose::LISTED).collect::<Vec<_>>();
    let users = match entries.len().saturating_sub(prose::LISTED) {
        0 => prose::list(users, "and"),
        more => prose::list(users, ",").say(format!(" and {} more", prose::number(more))),
    };
    match adapter {
        Adapter::Function(arn) => json!({
            "title": Prose::words("The Lambda function ").code(arn.as_str()),
            "text": Prose::words("gets the user name, the settings, and the passwords of ")
                .then(users)
                .say(". It is not in this stack: anyone who can change its code or its alias can read these passwords."),
            "requests": [],
        }),
        Adapter::Http(http) => json!({
            "title": Prose::words("The requests in ").code(&http.file),
            "text": Prose::words("change the passwords of ")
                .then(users)
                .say(", and go only to ")
                .then(prose::list(http.hosts().into_iter().map(Prose::name), "and"))
                .say(certificate(http)),
            "requests": [
                { "what": "To try a login", "text": request(&http.requests.authenticate) },
                { "what": "To change the password", "text": request(&http.requests.change) },
            ],
        }),
    }
}

fn certificate(http: &HttpAdapter) -> String {
    match http.tls_ca() {
        Some(file) => format!(
            ". The certificate must match the host name, and must be signed by an authority in {file}. Redirects are not followed."
        ),
        None => ". The certificate must match the host name, and must be signed by an authority that the operating system trusts. Redirects are not followed.".to_owned(),
    }
}

/// Returns a request as it is sent, with its placeholders, and what answers mean.
fn request(request: &HttpRequest) -> String {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Patch => "PATCH",
    };
    let mut lines = vec![format!("{method} {}", request.url)];
    for (name, value) in &request.headers {
        lines.push(format!("{name}: {value}"));
    }
    if let Some(basic) = &request.basic {
        lines.push(format!(
            "authorization: Basic {}:{}",
            basic.username, basic.password
        ));
    }
    if let Some(json) = &request.json {
        lines.extend([String::new(), json.to_string()]);
    }
    if let Some(form) = &request.form {
        let fields = form.iter().map(|(name, value)| format!("{name}={value}"));
        lines.extend([String::new(), fields.collect::<Vec<_>>().join("&")]);
    }
    lines.push(String::new());
    for answer in &request.answers {
        let codes: Vec<String> = answer.status.iter().map(ToString::to_string).collect();
        let body = answer
            .json
            .iter()
            .map(|(pointer, value)| format!(", {pointer} = {value}"));
        let body: String = body.collect();
        let kept = match answer.previous {
            keyrota_contract::adapter::Previous::Works => ", and the previous password works",
            keyrota_contract::adapter::Previous::Void => "",
        };
        lines.push(format!(
            "{}{body} -> {}{kept}",
            codes.join(", "),
            answer.outcome.name()
        ));
    }
    lines.push(format!(
        "anything else, or no answer within {} s -> unclear",
        request.timeout
    ));
    lines.join("\n")
}
