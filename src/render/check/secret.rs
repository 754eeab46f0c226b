//! The secrets, and that nothing secret stands in a template.

use super::material;
use super::rule::{Found, Rule, Theme};
use super::stack::{Entry, Stack};
use super::template::{Resource, literal};
use crate::model::Severity::Error;
use crate::render::tree::Value;

pub(super) const THEME: Theme = Theme {
    title: "Secrets",
    rules: &[
        Rule {
            id: "secret-material",
            severity: Error,
            refused_by_aws: false,
            title: "No key, token, private key or password stands in the template",
            why: "Templates are kept by CloudFormation, in S3 and in version control, and read by many.",
            remedy: "take it out, and make it invalid where it came from: it has been seen",
            source: "AWS CloudFormation User Guide, security-best-practices (Do not embed credentials)",
            check: Some(|stack, found| {
                material::scan(stack, found);
                passwords(stack, found);
            }),
        },
        Rule {
            id: "secret-seed",
            severity: Error,
            refused_by_aws: false,
            title: "A secret is seeded with `username` and `secretarn`, or a database's with `engine` and `username`, which follow from names alone, and nothing else",
            why: "CloudFormation writes a changed seed over the live credential, as it writes what a SecretTargetAttachment adds. GenerateSecretString would do the same, and gives a password that IAM does not take and no server knows.",
            remedy: "leave SecretString as the template of keyrota has it",
            source: "AWS CloudFormation Template Reference, aws-resource-secretsmanager-secret",
            check: Some(seeds),
        },
        Rule {
            id: "secret-parameter",
            severity: Error,
            refused_by_aws: false,
            title: "A parameter that holds something secret has NoEcho and no default",
            why: "Without NoEcho its value is shown to whoever may describe the stack; a default stands in the template.",
            remedy: "add `NoEcho: true` and take the default out, or better the parameter",
            source: "AWS CloudFormation User Guide, parameters-section-structure",
            check: Some(parameters),
        },
        Rule {
            id: "secret-retained",
            severity: Error,
            refused_by_aws: false,
            title: "A secret is kept when the stack goes",
            why: "CloudFormation deletes a secret at once and for good; `keyrota teardown` deletes it with a recovery window.",
            remedy: "set DeletionPolicy and UpdateReplacePolicy to Retain",
            source: "AWS CloudFormation Template Reference, aws-attribute-deletionpolicy",
            check: Some(|stack, found| retained(stack, "AWS::SecretsManager::Secret", found)),
        },
        Rule {
            id: "secret-tags",
            severity: Error,
            refused_by_aws: false,
            title: "A secret's tags say whose credential it holds, where it counts, and what becomes of the old one",
            why: "The function believes the tags, not the value: they are what keeps whoever can write the value from turning its rotation on another user.",
            remedy: "leave the tags that begin with keyrota: as the template of keyrota has them",
            source: "keyrota: the function's pins",
            check: Some(pins),
        },
        Rule {
            id: "entry-without-secret",
            severity: Error,
            refused_by_aws: false,
            title: "Every entry of the manifest has its secret in the stack",
            why: "A secret that is taken out of a template is no longer rotated, and nobody is told.",
            remedy: "render the secret, or take the entry out of the manifest",
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

/// Both policies: the one for a deleted stack, and the one for a replaced resource.
pub(super) fn retained(stack: &Stack<'_>, kind: &str, found: &mut Found) {
    for resource in stack.template.of_type(kind) {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            if resource.attribute(policy) != Some("Retain") {
                found.add(resource.at(policy), format!("{policy} is not Retain"));
            }
        }
    }
}

/// A password by the name of its property: it may look like any other word.
fn passwords(stack: &Stack<'_>, found: &mut Found) {
    // What an entry has, and there may be thousands of, holds none.
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
            let message = "a password stands in its properties";
            found.add(resource.id, message);
        }
    }
}

/// A reference to a secret, which CloudFormation resolves itself, holds none.
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

fn seeds(stack: &Stack<'_>, found: &mut Found) {
    for attachment in stack
        .template
        .of_type("AWS::SecretsManager::SecretTargetAttachment")
    {
        found.add(
            attachment.id,
            "the stack would write where a database is into a secret's value",
        );
    }
    for secret in stack.template.of_type("AWS::SecretsManager::Secret") {
        if secret.get("GenerateSecretString").is_some() {
            found.add(
                secret.at("GenerateSecretString"),
                "the stack would make up a value",
            );
        }
        let Some(seed) = secret.get("SecretString") else {
            continue;
        };
        let checked = match secret.tag("keyrota:kind").and_then(literal) {
            Some("database") => check_database_seed(stack, secret, seed),
            _ => check_seed(stack, secret, seed),
        };
        if let Err(why) = checked {
            found.add(secret.at("SecretString"), why);
        }
    }
}

/// What is wrong is told without the value: it may be what must not be told.
fn check_seed(stack: &Stack<'_>, secret: &Resource<'_>, seed: &Value) -> Result<(), &'static str> {
    let text = stack
        .resolved(seed)
        .ok_or("it does not follow from names alone")?;
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(&text) else {
        return Err("it is no JSON object");
    };
    let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    if fields.len() != 2 {
        return Err("it has other fields than username and secretarn");
    }
    if field("username").is_none()
        || field("username") != secret.tag("keyrota:user").and_then(literal)
    {
        return Err("its username is not the user in the tag keyrota:user");
    }
    let name = secret.text("Name").unwrap_or_default();
    let own = stack
        .world()
        .arn("secretsmanager", &format!("secret:{name}"));
    match field("secretarn") == Some(&own) {
        true => Ok(()),
        false => Err("its secretarn is not the secret's own"),
    }
}

/// Likewise.
fn check_database_seed(
    stack: &Stack<'_>,
    secret: &Resource<'_>,
    seed: &Value,
) -> Result<(), &'static str> {
    let mut databases = stack.model().databases();
    let name = secret.text("Name");
    let database = databases
        .find(|database| Some(database.secret.as_str()) == name)
        .ok_or("the manifest has no such database")?;
    match stack.resolved(seed) {
        Some(text) if text == database.kind.seed() => Ok(()),
        _ => Err("it is not the engine and the user name alone"),
    }
}

fn parameters(stack: &Stack<'_>, found: &mut Found) {
    let telling = [
        "password",
        "passwd",
        "secret",
        "token",
        "credential",
        "accesskey",
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
            found.add(
                place(),
                "by its name it holds something secret, and it is shown",
            );
        }
        if hidden && parameter.get("Default").is_some() {
            found.add(place(), "its default stands in the template");
        }
    }
}

fn pins(stack: &Stack<'_>, found: &mut Found) {
    for entry in &stack.entries {
        let Some(secret) = &entry.secret else {
            continue;
        };
        for (key, expected) in expected_pins(entry) {
            if secret.tag(key).and_then(literal) != Some(expected.as_str()) {
                let message = format!("the tag {key} is not `{expected}`, as the manifest says");
                found.add(secret.at("Tags"), message);
            }
        }
    }
}

fn expected_pins(entry: &Entry<'_>) -> Vec<(&'static str, String)> {
    let entry = entry.served;
    let key = match &entry.kind {
        crate::model::Kind::AccessKey(key) => key,
        crate::model::Kind::Database(database) => return database.tags(entry),
    };
    let owns_user = if key.create_user { "true" } else { "false" };
    vec![
        ("keyrota:user", key.user.to_string()),
        ("keyrota:rotate-as", entry.rotate_as.as_str().to_owned()),
        ("keyrota:owns-user", owns_user.to_owned()),
        (crate::render::OLD_KEY_TAG, entry.old_key.to_string()),
    ]
}
