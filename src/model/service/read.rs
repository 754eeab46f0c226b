//! Reads the services of a manifest.

use std::collections::BTreeMap;

use keyrota_contract::url::HttpsUrl;
use keyrota_contract::value::OF_SERVICES;

use super::tag::{MAX_VALUE, class_name};
use super::{Adapter, CharacterClass, HttpAdapter, Service, http};
use crate::model::database::read::{check_path, parse_propagation, read_rule};
use crate::model::entry::{Entry, Identity, Kind, Specific, Surroundings};
use crate::model::fields::Fields;
use crate::model::reader::Field;
use crate::model::{
    AccountId, Arn, Finding, InitialPassword, OldKey, PasswordRule, RotateAs, SecretName,
    field_names, tag_text,
};

/// Words in the name of a setting that probably is a secret.
const SECRET_WORDS: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "credential",
];

/// The longest name of a user, in characters.
const LONGEST_USER: usize = 256;
/// The longest name of a setting, in characters.
const LONGEST_SETTING: usize = 64;
/// The longest value of a setting, in characters.
const LONGEST_SETTING_VALUE: usize = 1_024;

/// The valid values of `initial_password`.
const PASSWORDS: &str = "prompt, env:NAME, or the name or complete ARN of a secret";

/// Reads what is specific to a service.
pub(in crate::model) fn read(fields: &Fields<'_>, around: &Surroundings<'_>) -> Specific {
    let secret = fields.require("secret");
    let service = read_kind(fields, around);
    Specific {
        secret: secret.and_then(|field| field.parse("invalid-name", SecretName::parse)),
        rotate_as: Some(RotateAs::Itself),
        users: service.as_ref().map(identity).into_iter().collect(),
        names: field_names::read(fields, &OF_SERVICES),
        kind: service.map(|service| Kind::Service(Box::new(service))),
    }
}

/// Returns the identity of a service's user. The same name at the same adapter with other settings, such
/// as another tenant, is another user.
fn identity(service: &Service) -> Identity {
    let adapter = match &service.adapter {
        // A version or an alias belongs to the same function.
        Adapter::Function(arn) => {
            let parts: Vec<&str> = arn.as_str().split(':').take(7).collect();
            parts.join(":")
        }
        // Files that change passwords at one URL change those of the same users.
        Adapter::Http(http) => same_for_all_spellings(&http.requests.change.url),
    };
    let is_used = |name: &str| match &service.adapter {
        Adapter::Function(_) => true,
        Adapter::Http(http) => http::settings_of(&http.requests).any(|used| used == name),
    };
    let settings = service.settings.iter();
    let settings: Vec<String> = settings
        .filter(|(name, _)| is_used(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let parts = [adapter, settings.join("\n"), service.username.clone()];
    Identity {
        key: parts.join("\n\n"),
        field: "username",
        name: format!("the same user at {}", service.place()),
        reason: "use one entry per user, because a user has only one password",
    }
}

/// Returns a URL with the host in lower case, and with the port.
fn same_for_all_spellings(url: &str) -> String {
    match HttpsUrl::parse(url) {
        Ok(HttpsUrl {
            host,
            port,
            path,
            query,
        }) => {
            let host = host.to_ascii_lowercase();
            format!("{host}:{port}{path}?{}", query.unwrap_or_default())
        }
        Err(_) => url.to_owned(),
    }
}

/// Checks the settings of an entry against those of its service.
pub(in crate::model) fn check(entry: &Entry, service: &Service, fields: &Fields<'_>) {
    if let InitialPassword::Secret(reference) = &service.initial_password
        && reference.as_str() == entry.secret.as_str()
    {
        let message = format!("the secret `{}` is the secret of this entry", entry.secret);
        fields.place("initial_password").report(
            Finding::error("contradiction", fields.path("initial_password"), message)
                .hint("if it contains the password already, `keyrota bootstrap` keeps it; otherwise, specify another secret, prompt, or env:NAME"),
        );
    }
    if let (OldKey::After(_), Some(field)) = (entry.old_key, fields.own("old_key")) {
        let message = "the service decides how long the previous password works, not keyrota";
        field.report(
            Finding::warning("unused-old-key", field.path(), message).hint("remove `old_key`"),
        );
    }
    let tags = [
        ("username", tag_text(&service.username)),
        ("adapter", service.adapter_tag()),
        ("password", service.password_tag()),
    ];
    for (name, value) in tags {
        if value.len() > MAX_VALUE {
            let message = format!(
                "the secret's tag for it would have {} characters, but AWS accepts at most {MAX_VALUE}",
                value.len()
            );
            let finding = Finding::error("invalid-value", fields.path(name), message);
            fields.place(name).report(finding);
        }
    }
}

fn read_kind(item: &Fields<'_>, around: &Surroundings<'_>) -> Option<Service> {
    let username = item
        .require("username")
        .and_then(|field| field.parse("invalid-name", check_user));
    let settings = match item.get("settings") {
        Some(field) => read_settings(&field),
        None => Some(BTreeMap::new()),
    };
    let password = item.mapping("password");
    let rule = password.as_ref().and_then(read_rule);
    let require = password.as_ref().and_then(|fields| {
        let require = fields
            .optional("require", read_classes)?
            .unwrap_or_default();
        if let (Some(rule), Some(field)) = (&rule, fields.get("require")) {
            check_classes(rule, &require, &field);
        }
        Some(require)
    });
    let propagation = item.optional("propagation", |field| {
        field.parse("invalid-duration", parse_propagation)
    });
    let initial_password = item.value("initial_password", |field| {
        field.parse_one_of(PASSWORDS, "invalid-value", |text| match text {
            "set" => Err(
                "an adapter changes a password only with the present one; expected prompt, env:NAME, or the name or complete ARN of a secret"
                    .to_owned(),
            ),
            _ => InitialPassword::parse(text),
        })
    });
    let network = item.optional("network", |field| {
        field.parse("invalid-value", |text| match text {
            "none" => Ok(()),
            _ => Err(format!("expected none, found `{text}`")),
        })
    });
    let adapter = item
        .require("adapter")
        .and_then(|_| item.mapping("adapter"))
        .and_then(|adapter| read_adapter(&adapter, settings.as_ref(), around));
    let (settings, adapter) = (settings?, adapter?);
    if let (Some(http), Some(field)) = (adapter.http(), item.get("settings")) {
        http::check_unused_settings(&http.requests, &settings, &http.file, &field);
    }
    Some(Service {
        username: username?,
        adapter,
        settings,
        password: rule?,
        require: require?,
        propagation: propagation?,
        initial_password: initial_password?,
        in_network: network?.is_none(),
    })
}

fn read_adapter(
    fields: &Fields<'_>,
    settings: Option<&BTreeMap<String, String>>,
    around: &Surroundings<'_>,
) -> Option<Adapter> {
    let function = fields.optional("function", |field| {
        field.parse("invalid-value", parse_function)
    });
    let file = fields.optional("http", |field| {
        let file = field.parse("invalid-value", check_path)?;
        let read = (around.files)(&file).map_err(|why| {
            let message = format!("cannot read the HTTP adapter {file}: {why}");
            field.report(
                Finding::error("http-adapter", field.path(), message)
                    .hint("specify a YAML file, relative to the manifest"),
            );
        });
        let requests = http::read(&read.ok()?, &file, settings, field)?;
        Some(HttpAdapter { file, requests })
    });
    match (function?, file?) {
        (Some(arn), None) => Some(Adapter::Function(arn)),
        (None, Some(http)) => Some(Adapter::Http(Box::new(http))),
        (Some(_), Some(_)) => {
            fields.at().refuse(
                "contradiction",
                "an entry has one adapter: remove `function` or `http`",
            );
            None
        }
        (None, None) => {
            fields
                .at()
                .refuse("missing", "`function` or `http` is required");
            None
        }
    }
}

/// Reads the ARN of a Lambda function, which may end with a version or an alias (*Lambda API Reference*,
/// `FunctionName` of `Invoke`).
fn parse_function(text: &str) -> Result<Arn, String> {
    let refused = || {
        format!(
            "`{text}` is not the ARN of a Lambda function, such as arn:aws:lambda:eu-west-1:111122223333:function:portal-adapter"
        )
    };
    let arn = Arn::parse(text).map_err(|_| refused())?;
    let [_, service, region, account, resource] = arn.parts();
    let name = resource.strip_prefix("function:").ok_or_else(refused)?;
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    let is_word = |text: &str, longest: usize| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (1..=longest).contains(&text.len()) && text.bytes().all(plain)
    };
    if service != "lambda"
        || region.is_empty()
        || AccountId::parse(account).is_err()
        || !is_word(name, 64)
    {
        return Err(refused());
    }
    match qualifier {
        Some("$LATEST") => Err(
            "write the ARN without `:$LATEST`, which is what an ARN without a version means"
                .to_owned(),
        ),
        Some(qualifier) if !is_word(qualifier, 128) => Err(refused()),
        _ => Ok(arn),
    }
}

fn check_user(text: &str) -> Result<String, String> {
    let count = text.chars().count();
    match () {
        () if text.contains(char::is_control) => {
            Err("a name cannot contain control characters".to_owned())
        }
        () if text.contains("{{resolve:") => Err(
            "CloudFormation would interpret `{{resolve:` as a dynamic reference, and replace it"
                .to_owned(),
        ),
        () if !(1..=LONGEST_USER).contains(&count) => Err(format!(
            "a name must have 1 to {LONGEST_USER} characters, but this one has {count}"
        )),
        () => Ok(text.to_owned()),
    }
}

fn read_settings(field: &Field<'_>) -> Option<BTreeMap<String, String>> {
    let mapping = field.any_mapping()?;
    let mut settings = Some(BTreeMap::new());
    for (name, field, _) in mapping.fields() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if !(1..=LONGEST_SETTING).contains(&name.len()) || !name.bytes().all(plain) {
            let message = format!(
                "the name of a setting has 1 to {LONGEST_SETTING} letters, digits, hyphens, periods, or underscores"
            );
            field.refuse("invalid-name", message);
            settings = None;
        }
        let value = field.parse("invalid-value", |text| match () {
            () if text.contains(char::is_control) => {
                Err("a setting cannot contain control characters".to_owned())
            }
            () if text.chars().count() > LONGEST_SETTING_VALUE => Err(format!(
                "a setting can have at most {LONGEST_SETTING_VALUE} characters"
            )),
            () => Ok(text.to_owned()),
        });
        let lower = name.to_ascii_lowercase();
        if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
            let message = format!("`{name}` sounds like a secret, but settings are not secret");
            field.report(
                Finding::warning("secret-in-settings", field.path(), message).hint(
                    "keep a secret in Secrets Manager: a Lambda function as the adapter can read it there",
                ),
            );
        }
        match (value, &mut settings) {
            (Some(value), Some(settings)) => drop(settings.insert(name.to_owned(), value)),
            _ => settings = None,
        }
    }
    settings
}

fn read_classes(field: &Field<'_>) -> Option<Vec<CharacterClass>> {
    let mut classes = Vec::new();
    for item in field.list()? {
        let class = item.parse("invalid-value", |text| {
            let found = CharacterClass::ALL
                .into_iter()
                .find(|class| class_name(*class) == text);
            found.ok_or_else(|| format!("expected upper, lower, digit, or symbol, found `{text}`"))
        })?;
        if classes.contains(&class) {
            item.refuse(
                "duplicate-value",
                format!("`{}` is in the list twice", class_name(class)),
            );
        } else {
            classes.push(class);
        }
    }
    classes.sort_unstable();
    Some(classes)
}

/// Refuses a class of which every character is excluded.
fn check_classes(rule: &PasswordRule, require: &[CharacterClass], field: &Field<'_>) {
    for class in require {
        let remains = |byte: u8| {
            let one = char::from(byte);
            class.contains(one) && !rule.exclude.contains(one)
        };
        if !(b'!'..=b'~').any(remains) {
            let name = class_name(*class);
            field.report(
                Finding::error(
                    "contradiction",
                    field.path(),
                    format!("`exclude` leaves no character of the class `{name}`"),
                )
                .hint(format!("remove `{name}`, or exclude fewer characters")),
            );
        }
    }
}
