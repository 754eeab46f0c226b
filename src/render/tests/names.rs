//! The stack contains exactly the names in the manifest, whatever names AWS accepts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{self as render, resolve, tree};
use super::rendered;
use crate::model;

/// Returns the resolved properties of a resource, as JSON.
fn properties(stack: &tree::Value, resolver: &resolve::Resolver, id: &str) -> Value {
    let properties = super::resource(stack, id).get("Properties").unwrap();
    serde_json::to_value(resolver.resolve(properties).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn names_arrive_as_they_were_written(
        user in "[A-Za-z0-9+=,.@_-]{1,64}",
        secret in "[A-Za-z0-9/_+=.@]{1,80}",
        stack in "[A-Za-z][A-Za-z0-9-]{0,40}",
        tag in "[A-Za-z0-9가-힣_.:/=+@ -]{0,40}",
        administrator in "[A-Za-z0-9/_+=.@]{9,80}",
        create_user in any::<bool>(),
    ) {
        let manifest = json!({
            "version": 1,
            "stack": stack,
            "region": "eu-west-1",
            "account": "111122223333",
            "tags": { "note": tag },
            "access_keys": [
                { "user": user, "secret": secret, "create_user": create_user, "kms_key": "create" },
                { "user": "z", "secret": "z-z", "rotate_as": administrator },
            ],
        });
        // JSON is valid YAML, so this test needs no YAML writer.
        let manifest = manifest.to_string();
        let loaded = model::load(&manifest, None);
        // Names may collide, and a secret cannot be its own administrator's.
        prop_assume!(loaded.is_ok());
        let loaded = loaded.unwrap();
        let entry = loaded.model.access_keys().next().unwrap();
        let rendering = rendered(&manifest);
        let stack_tree = super::parsed(&rendering);
        let resolver = resolve::Resolver::placeholders().with_region("eu-west-1");
        let resolver = resolver.with_resources(&stack_tree);

        let made = properties(&stack_tree, &resolver, &render::secret_logical_id(entry.entry()));
        prop_assert_eq!(&made["Name"], &json!(secret));
        let seed: Value = serde_json::from_str(made["SecretString"].as_str().unwrap()).unwrap();
        let arn = format!("arn:${{AWS::Partition}}:secretsmanager:eu-west-1:${{AWS::AccountId}}:secret:{secret}");
        prop_assert_eq!(seed, json!({ "username": user, "secretarn": arn }));
        let tags = made["Tags"].as_array().unwrap();
        for (key, value) in [
            ("note", tag.as_str()),
            ("keyrota:stack", &stack),
            ("keyrota:user", &user),
            ("keyrota:rotate-as", "self"),
            ("keyrota:owns-user", if create_user { "true" } else { "false" }),
        ] {
            let expected = json!({ "Key": key, "Value": value });
            prop_assert!(tags.contains(&expected), "{}", expected);
        }

        let policy = properties(&stack_tree, &resolver, &render::user_policy_logical_id(entry.kind));
        prop_assert_eq!(&policy["UserName"], &json!(user));
        let read = &rendering.files["policies/function-role-administrators.json"];
        let suffixed = format!(":secret:{administrator}-??????\"");
        prop_assert!(read.contains(&suffixed));
        for (path, text) in &rendering.files {
            if path.ends_with(".json") {
                serde_json::from_str::<Value>(text).unwrap();
            }
        }
    }
}
