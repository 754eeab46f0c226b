//! Rules about the secrets, and against secret values in a template.

use keyrota_contract::{tag, value};

use super::material;
use super::rule::{Level, Rule, RuleFindings, Theme};
use super::stack::Stack;
use super::template::Resource;
use crate::model::{ByKind, Entry};
use crate::render::resolve::literal;
use crate::render::tree::Value;
use crate::render::view;

pub(super) const THEME: Theme = Theme {
    title: "Secrets",
    rules: &[
        Rule {
            id: "secret-material",
            level: Level::Error,
            title: "The template contains no key, token, private key, or password",
            why: "Templates are stored by CloudFormation, in S3, and in version control, where many people can read them.",
            remedy: "remove it, and revoke it, because it has been exposed",
            source: "AWS CloudFormation User Guide, security-best-practices (Do not embed credentials)",
            check: Some(|stack, found| {
                material::scan(stack, found);
                passwords(stack, found);
            }),
        },
        Rule {
            id: "secret-seed",
            level: Level::Error,
            title: "The seed of a secret contains only `username` and `secretarn`, `engine` and `username` for a database, or `username` for a service, derived from names",
            why: "CloudFormation overwrites the current credential with a changed seed, and with what a SecretTargetAttachment adds. GenerateSecretString does the same, with a password that neither IAM nor a server accepts.",
            remedy: "use the SecretString of keyrota's template",
            source: "AWS CloudFormation Template Reference, aws-resource-secretsmanager-secret",
            check: Some(seeds),
        },
        Rule {
            id: "secret-parameter",
            level: Level::Error,
            title: "A parameter for a secret has NoEcho and no default",
            why: "Without NoEcho, every principal that can describe the stack sees its value. A default is visible in the template.",
            remedy: "remove the parameter, or add `NoEcho: true` and remove the default",
            source: "AWS CloudFormation User Guide, parameters-section-structure",
            check: Some(parameters),
        },
        Rule {
            id: "secret-retained",
            level: Level::Error,
            title: "A secret is retained when the stack is deleted",
            why: "CloudFormation deletes a secret immediately and permanently. `keyrota teardown` deletes it with a recovery window.",
            remedy: "set DeletionPolicy to RetainExceptOnCreate or Retain, and UpdateReplacePolicy to Retain",
            source: "AWS CloudFormation Template Reference, aws-attribute-deletionpolicy",
            check: Some(|stack, found| retained(stack, "AWS::SecretsManager::Secret", found)),
        },
        Rule {
            id: "secret-tags",
            level: Level::Error,
            title: "A secret's tags specify the user and the server of its credential, and how the old one is retired",
            why: "People and searches rely on these tags. The functions do not read them, but follow their pins.",
            remedy: "use the tags keyrota:… of keyrota's template",
            source: "keyrota: the function's pins",
            check: Some(pins),
        },
        Rule {
            id: "entry-without-secret",
            level: Level::Error,
            title: "Every entry of the manifest has a secret in the stack",
            why: "A secret that is removed from a template no longer rotates, without a notification.",
            remedy: "render the secret, or remove the entry from the manifest",
            source: "keyrota: what is deployed follows from the manifest",
            check: Some(|stack, found| {
                for entry in stack.entries.iter().filter(|entry| entry.secret.is_none()) {
                    let message = format!("the stack has no secret `{}`", entry.served.secret);
                    found.add(format!("{}.secret", entry.served.place), message);
                }
            }),
        },
    ],
};

/// The values of each policy that retain a resource of a stack that exists.
/// `RetainExceptOnCreate` deletes it only if the operation that creates it is rolled back. It is
/// no value of `UpdateReplacePolicy`.
const RETAINING: [(&str, &[&str]); 2] = [
    ("DeletionPolicy", &["RetainExceptOnCreate", "Retain"]),
    ("UpdateReplacePolicy", &["Retain"]),
];

/// Checks both policies: the deletion policy, and the update-replace policy.
pub(super) fn retained(stack: &Stack<'_>, kind: &str, found: &mut RuleFindings) {
    for resource in stack.template.of_type(kind) {
        for (policy, retaining) in RETAINING {
            let value = resource.attribute(policy).unwrap_or("Delete");
            if !retaining.contains(&value) {
                let message = format!("{policy} is {value}, which does not retain it");
                found.add(resource.at(policy), message);
            }
        }
    }
}

/// Finds passwords in properties. A password is recognised by the name of its property, since
/// its value may look like any other word.
fn passwords(stack: &Stack<'_>, found: &mut RuleFindings) {
    // Resource types that every entry has contain no password, and there may be thousands of
    // them.
    let entries = [
        "AWS::IAM::UserPolicy",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SecretsManager::Secret",
    ];
    let others = stack.template.resources.iter();
    for resource in others.filter(|one| !entries.contains(&one.kind)) {
        if let Some(properties) = resource.whole.get("Properties")
            && holds_password(properties)
        {
            let message = "its properties contain a password";
            found.add(resource.id, message);
        }
    }
}

/// Returns whether a value contains a password. A dynamic reference, which CloudFormation
/// itself resolves, contains none.
fn holds_password(value: &Value) -> bool {
    match value {
        Value::Sequence(items) => items.iter().any(holds_password),
        Value::Mapping(entries) => entries.iter().any(|(key, value)| {
            let named = key.as_str().is_some_and(|key| key.ends_with("Password"));
            let given = |text: &str| !text.is_empty() && !text.contains("{{resolve:");
            named && literal(value).is_some_and(given) || holds_password(value)
        }),
        _ => false,
    }
}

fn seeds(stack: &Stack<'_>, found: &mut RuleFindings) {
    for attachment in stack
        .template
        .of_type("AWS::SecretsManager::SecretTargetAttachment")
    {
        let message = "the stack would write the address of a database to a secret's value";
        found.add(attachment.id, message);
    }
    for secret in stack.template.of_type("AWS::SecretsManager::Secret") {
        if secret.get("GenerateSecretString").is_some() {
            let message = "the stack would generate a value";
            found.add(secret.at("GenerateSecretString"), message);
        }
        let Some(seed) = secret.get("SecretString") else {
            continue;
        };
        let name = secret.text("Name");
        let mut entries = stack.model().entries.iter();
        if entries.any(|entry| entry.adopt && Some(entry.secret.as_str()) == name) {
            let message = "the secret is adopted, and its value would be overwritten";
            found.add(secret.at("SecretString"), message);
            continue;
        }
        let checked = match secret.tag(tag::KIND).and_then(literal) {
            Some(tag::DATABASE | tag::SERVICE) => check_password_seed(stack, secret, seed),
            _ => check_seed(stack, secret, seed),
        };
        if let Err(why) = checked {
            found.add(secret.at("SecretString"), why);
        }
    }
}

/// Checks the value with which an access key's secret is created. The finding omits the value,
/// which may be a secret.
fn check_seed(stack: &Stack<'_>, secret: &Resource<'_>, seed: &Value) -> Result<(), &'static str> {
    let text = stack
        .resolved(seed)
        .ok_or("it does not depend on names only")?;
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&text) else {
        return Err("it is not a JSON object");
    };
    let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    if fields.len() != 2 {
        return Err("it contains other fields than username and secretarn");
    }
    if field("username").is_none() || field("username") != secret.tag(tag::USER).and_then(literal) {
        return Err("its username is not the user in the tag keyrota:user");
    }
    let name = secret.text("Name").unwrap_or_default();
    let own = stack
        .resolver()
        .arn("secretsmanager", &format!("secret:{name}"));
    match field(value::SECRET_ARN) == Some(&own) {
        true => Ok(()),
        false => Err("its secretarn is not the secret's own"),
    }
}

/// Checks the value with which a password's secret is created. The finding omits the value here
/// too.
fn check_password_seed(
    stack: &Stack<'_>,
    secret: &Resource<'_>,
    seed: &Value,
) -> Result<(), &'static str> {
    let mut entries = stack.model().entries.iter();
    let name = secret.text("Name");
    let entry = entries.find(|entry| Some(entry.secret.as_str()) == name);
    let expected = match entry.map(Entry::by_kind) {
        Some(ByKind::Database(database)) => database.kind.seed(),
        Some(ByKind::Service(service)) => service.kind.seed(),
        Some(ByKind::AccessKey(_)) | None => return Err("its password is not in the manifest"),
    };
    match stack.resolved(seed) {
        Some(text) if text == expected => Ok(()),
        _ => Err("it contains other values than names"),
    }
}

fn parameters(stack: &Stack<'_>, found: &mut RuleFindings) {
    let telling = [
        "password",
        "passwd",
        "secret",
        "token",
        "credential",
        value::ACCESS_KEY,
        "privatekey",
    ];
    for (id, parameter) in stack.template.section("Parameters").into_iter().flatten() {
        let id = id.as_str().unwrap_or_default();
        let folded = id.to_lowercase();
        let hidden = match parameter.get("NoEcho") {
            Some(Value::Bool(hidden)) => *hidden,
            Some(value) => literal(value).is_some_and(|text| text.eq_ignore_ascii_case("true")),
            None => false,
        };
        let place = || format!("Parameters.{id}");
        if !hidden && telling.iter().any(|word| folded.contains(word)) {
            found.add(place(), "its name suggests a secret, but it has no NoEcho");
        }
        if hidden && parameter.get("Default").is_some() {
            found.add(place(), "its default is visible in the template");
        }
    }
}

fn pins(stack: &Stack<'_>, found: &mut RuleFindings) {
    for entry in &stack.entries {
        let Some(secret) = &entry.secret else {
            continue;
        };
        for (key, expected) in view::pins(entry.served) {
            if secret.tag(key).and_then(literal) != Some(expected.as_str()) {
                let message = format!("the tag {key} is not `{expected}`, as in the manifest");
                found.add(secret.at("Tags"), message);
            }
        }
    }
}
