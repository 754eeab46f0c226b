//! AWS's limits: keyrota refuses a stack before AWS would, and never estimates too low.

use std::fmt::Write as _;

use super::super::document::{self, DocumentKind};
use super::super::resolve::Resolver;
use super::super::{FunctionCode, Strategy, quota, role, tree};
use super::{findings, parsed, rendered};
use crate::model;

/// Returns a manifest with this number of users, each with `settings`.
fn fleet(count: usize, name: &str, settings: &str) -> String {
    let mut text = "version: 1\nstack: fleet\naccess_keys:\n".to_owned();
    for index in 0..count {
        let secret = format!("{name}/u{index:04}");
        writeln!(
            text,
            "  - {{ user: u{index:04}, secret: {secret}{settings} }}"
        )
        .unwrap();
    }
    text
}

/// Returns a manifest with this number of databases, each with `settings`.
fn databases(count: usize, settings: &str) -> String {
    let mut text = "version: 1\nstack: fleet\nnetwork: { subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d] }\ndatabases:\n".to_owned();
    for index in 0..count {
        writeln!(
            text,
            "  - {{ secret: prod/d{index:04}, engine: postgres, host: db{index}.internal, username: app{settings} }}"
        )
        .unwrap();
    }
    text
}

#[test]
fn a_large_fleet_gets_managed_policies_that_fit() {
    let text = fleet(155, "prod", ", kms_key: create");
    let model = model::load(&text, None).unwrap().model;
    let stack = parsed(&rendered(&text));
    let resolver = Resolver::longest(&model).with_resources(&stack);
    let sizes = document::documents(&stack, &resolver, &resolver).unwrap();
    let managed: Vec<_> = sizes
        .iter()
        .filter(|one| one.kind == DocumentKind::Managed)
        .collect();
    assert!(
        (2..=quota::MAX_ATTACHED).contains(&managed.len()),
        "{}",
        managed.len()
    );
    for one in managed {
        assert!(one.size <= quota::MAX_MANAGED, "{}", one.resource);
    }
    let deployer = &rendered(&text).files["deployer-policy.json"];
    assert!(deployer.contains("iam:AttachRolePolicy"));
    assert!(
        !rendered(&fleet(1, "prod", "")).files["deployer-policy.json"]
            .contains("iam:AttachRolePolicy")
    );
}

/// A setting of the whole manifest.
const ENVIRONMENT: &str = "encrypt: { environment: create }\n";

/// The estimate before rendering is never less than the result, for each kind of statement,
/// both inline and managed.
#[test]
fn no_estimate_is_too_low() {
    for settings in [
        "",
        ", rotate_as: role",
        ", rotate_as: ops/administrator",
        ", kms_key: create",
        ", kms_key: \"arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789\"",
        ENVIRONMENT,
    ] {
        for (count, strategy) in [1, 2, 30]
            .into_iter()
            .flat_map(|count| Strategy::ALL.map(|strategy| (count, strategy)))
        {
            let is_settable = match strategy.code() {
                FunctionCode::AccessKeys => true,
                FunctionCode::Databases => !settings.contains("rotate_as: role"),
                FunctionCode::Services => !settings.contains("rotate_as"),
            };
            if !is_settable {
                continue;
            }
            let (whole, settings) = match settings {
                ENVIRONMENT => (settings, ""),
                _ => ("", settings),
            };
            let text = match strategy {
                Strategy::AccessKeys => fleet(count, "prod", settings),
                Strategy::Databases => databases(count, settings),
                Strategy::Services => services(count, settings),
                Strategy::ServicesOutside => services(count, &format!(", network: none{settings}")),
            } + whole;
            let model = model::load(&text, None).unwrap().model;
            let stack = parsed(&rendered(&text));
            let resolver = Resolver::longest(&model).with_resources(&stack);
            let entries: Vec<_> = model.entries.iter().collect();
            let environment = model.encrypt.environment.as_ref();
            let estimated = role::estimate(strategy, environment, &entries, &resolver);
            let sizes = document::documents(&stack, &resolver, &resolver).unwrap();
            let inline = sizes
                .iter()
                .filter(|one| one.kind == DocumentKind::RoleInline);
            let real: usize = inline.map(|one| one.size).sum();
            assert!(real <= estimated, "{settings}: {real} > {estimated}");
            assert!(
                estimated <= real + 1_000,
                "{settings}: {estimated} is far above {real}"
            );
        }
    }
}

#[test]
fn an_event_pattern_keeps_to_its_length() {
    let text = fleet(150, "prod", "").replace(
        "access_keys:",
        "alarms: { email: [ops@example.com] }\naccess_keys:",
    );
    let model = model::load(&text, None).unwrap().model;
    let stack = parsed(&rendered(&text));
    let resolver = Resolver::longest(&model).with_resources(&stack);
    let mut rules = 0;
    let mut secrets = 0;
    for (id, resource) in super::super::resolve::resources(&stack) {
        if id.starts_with("RotationFailedRule") {
            let pattern = resource
                .get("Properties")
                .unwrap()
                .get("EventPattern")
                .unwrap();
            let pattern = serde_json::to_string(&resolver.resolve(pattern).unwrap()).unwrap();
            assert!(
                pattern.len() <= quota::MAX_EVENT_PATTERN,
                "{id}: {}",
                pattern.len()
            );
            rules += 1;
            secrets += pattern.matches(":secret:").count();
        }
    }
    assert!(rules > 1);
    assert_eq!(secrets, 150);
}

/// Returns the input of each target of the sweeps' rules, as AWS stores it.
fn sweep_inputs(text: &str) -> Vec<Vec<String>> {
    let model = model::load(text, None).unwrap().model;
    let stack = parsed(&rendered(text));
    let resolver = Resolver::longest(&model).with_resources(&stack);
    let resources = super::super::resolve::resources(&stack);
    let rules = resources.filter(|(id, _)| id.starts_with("SweepRule"));
    rules
        .map(|(_, rule)| {
            let targets = rule["Properties"]["Targets"].as_sequence().unwrap();
            let input = |target: &tree::Value| resolver.resolve(&target["Input"]).unwrap();
            let inputs = targets.iter().map(input);
            inputs
                .map(|input| input.as_str().unwrap().to_owned())
                .collect()
        })
        .collect()
}

#[test]
fn every_secret_is_swept_once_and_no_input_is_too_long() {
    let long = "x".repeat(500);
    for (count, name, rules) in [(1, "prod", 1), (150, "prod", 1), (90, long.as_str(), 2)] {
        let inputs = sweep_inputs(&fleet(count, name, ", rotate_as: role"));
        assert_eq!(inputs.len(), rules);
        let mut swept = std::collections::BTreeSet::new();
        for targets in &inputs {
            assert!((1..=quota::MAX_TARGETS).contains(&targets.len()));
            for input in targets {
                assert!(input.len() <= quota::MAX_TARGET_INPUT, "{}", input.len());
                let event: serde_json::Value = serde_json::from_str(input).unwrap();
                let arns = event["secrets"].as_array().unwrap();
                let arns: Vec<&str> = arns.iter().map(|arn| arn.as_str().unwrap()).collect();
                let written = keyrota_contract::event::sweep(&arns);
                let written: serde_json::Value = serde_json::from_str(&written).unwrap();
                assert_eq!(event, written);
                for arn in arns {
                    assert!(arn.contains(&format!(":secret:{name}/u")), "{arn}");
                    assert!(swept.insert(arn.to_owned()), "{arn} is swept twice");
                }
            }
        }
        assert_eq!(swept.len(), count);
    }
}

#[test]
fn too_many_resources_are_refused_with_the_limit() {
    let found = findings(&fleet(170, "prod", ""), None);
    let messages: Vec<_> = found
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    insta::assert_debug_snapshot!(messages);
}

#[test]
fn too_many_outputs_are_refused_with_the_limit() {
    let found = findings(&fleet(200, "prod", ", rotate_as: role"), None);
    assert!(
        found
            .iter()
            .any(|finding| finding.message.contains("outputs")),
        "{found:?}"
    );
}

#[test]
fn policies_that_no_role_can_hold_are_refused() {
    let long = "x".repeat(500);
    let found = findings(&fleet(150, &long, ""), None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, "attached-policies");
    assert!(
        found[0].message.contains("managed policies"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_secret_policy_with_too_many_readers_is_refused() {
    let mut readers = String::new();
    for index in 0..400 {
        write!(
            readers,
            "\"arn:aws:iam::111122223333:role/a-reader-with-a-long-name-{index}\","
        )
        .unwrap();
    }
    let found = findings(&fleet(1, "prod", &format!(", readers: [{readers}]")), None);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].message.contains("secret's policy"),
        "{}",
        found[0].message
    );
}

/// Returns a manifest with services, each with an adapter of its own.
fn services(count: usize, settings: &str) -> String {
    let mut text = "version: 1\nstack: prod\nservices:\n".to_owned();
    for index in 0..count {
        text.push_str(&format!(
            "  - {{ secret: prod/service-{index}, username: user-{index}, adapter: {{ function: \"arn:aws:lambda:eu-west-1:111122223333:function:adapter-{index}\" }}{settings} }}\n"
        ));
    }
    text
}
