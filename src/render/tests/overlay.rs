//! An organisation's templates as an overlay over the built-in ones.

use std::collections::BTreeMap;

use super::{parsed, resource, shards};
use crate::model;
use crate::render::{Error, Rendering, TemplateError, Templates, render};

const MANIFEST: &str =
    "version: 1\nstack: keys\naccess_keys:\n  - { user: ada, rotate_as: role }\n";

fn overlaid(files: &[(&str, &str)]) -> Result<Rendering, Error> {
    let owned = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let templates = Templates::overlaid(owned.collect::<BTreeMap<_, _>>())?;
    let model = model::load(MANIFEST, None).unwrap().model;
    render(&shards(model), &templates)
}

#[test]
fn tags_names_and_resources_of_an_organisation_s_own() {
    let rendering = overlaid(&[
        ("tags", "      Tags:\n{{#each tags}}\n        - { Key: {{key}}, Value: {{value}} }\n{{/each}}\n        - { Key: cost-centre, Value: \"4711\" }\n"),
        ("extra", "{{> dashboard}}\n"),
        ("dashboard", "  Dashboard:\n    Type: AWS::CloudWatch::Dashboard\n    Properties:\n      DashboardName: {{stack}}\n      DashboardBody: \"{}\"\n"),
    ])
    .unwrap();
    let stack = parsed(&rendering);
    let body = serde_yaml::to_string(resource(&stack, "FunctionRole")).unwrap();
    assert!(
        body.contains("cost-centre") && body.contains("keyrota:stack"),
        "{body}"
    );
    let dashboard = resource(&stack, "Dashboard");
    assert_eq!(
        dashboard["Properties"]["DashboardName"].as_str(),
        Some("keys")
    );
}

#[test]
fn a_missing_variable_is_an_error_wherever_it_stands() {
    for text in [
        "  # {{comment nothing}}\n",
        "  A: { Type: {{nothing}} }\n",
        "{{#if nothing}}  # there\n{{/if}}",
        "{{#unless nothing}}  # there\n{{/unless}}",
        "{{#each nothing}}  # there\n{{/each}}",
        "{{#with nothing}}  # there\n{{/with}}",
        "{{#each access_keys}}{{#if nothing}}  # there\n{{/if}}{{/each}}",
        "{{#each access_keys}}  # {{comment nothing}}\n{{/each}}",
    ] {
        let outcome = overlaid(&[("extra", text)]);
        let refused = matches!(outcome, Err(Error::Template(TemplateError::Render(_))));
        assert!(refused, "{text}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (files, part) in [
        (vec![("extra", "{{{stack}}}")], "`extra`"),
        (vec![("extra", "{{&stack}}")], "without escaping"),
        (
            vec![("secrets", "  A: 1\n")],
            "`secrets` is not included anywhere",
        ),
        (vec![("extra", "{{#if stack}}")], "`extra`"),
        (vec![("extra", "{{> nothing}}")], "nothing"),
        (
            vec![("extra", "\n  A: {{nothing}}\n")],
            "line 2 of the template `extra` uses the variable `nothing`",
        ),
    ] {
        let error = overlaid(&files).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{files:?}: {error}");
    }
}

#[test]
fn a_statement_that_neither_allows_nor_denies_is_refused() {
    let policy = |effect: &str| {
        format!(
            "  Own:\n    Type: AWS::SNS::TopicPolicy\n    Properties:\n      Topics: [!Ref AlarmTopic]\n      PolicyDocument:\n        Statement:\n          - {{ Effect: Deny, Principal: \"*\", Action: sns:Publish, Resource: !Ref AlarmTopic }}\n          - {{ {effect}Principal: \"*\", Action: sns:Publish, Resource: !Ref AlarmTopic }}\n"
        )
    };
    for effect in ["Effect: allow, ", "Effect: Audit, ", "Effect: true, ", ""] {
        let outcome = overlaid(&[("extra", &policy(effect))]);
        let Err(Error::Refused(findings)) = outcome else {
            panic!("{effect}: {outcome:?}");
        };
        let [finding] = findings.as_slice() else {
            panic!("{effect}: {findings:?}");
        };
        assert_eq!(finding.kind, "statement-effect");
        assert_eq!(finding.path, "Own.PolicyDocument.Statement[1]");
    }
    assert!(overlaid(&[("extra", &policy("Effect: Deny, "))]).is_ok());
}

fn source(path: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Collects the names of all fields.
fn names_of(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                names_of(value, found);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| names_of(item, found)),
        _ => {}
    }
}

#[test]
fn every_variable_is_documented() {
    let everything = super::read(&source("examples/everything.yaml"));
    let model = model::load(&everything, None).unwrap().model;
    let context = serde_json::to_value(crate::render::view::stack(&model).unwrap()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    names_of(&context, &mut names);
    // Only the template `role-policies` uses the content of a policy's statement.
    for entry in context["role_policies"].as_array().unwrap() {
        let mut inner = std::collections::BTreeSet::new();
        names_of(&entry["statement"], &mut inner);
        names.retain(|name| {
            !inner.contains(name)
                || ["user", "secret", "secrets", "arn", "user_id"].contains(&name.as_str())
        });
    }
    let page = super::read(&source("docs/reference/templates.md"));
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for (name, _) in crate::render::template::TEMPLATES {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
