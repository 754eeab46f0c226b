//! The function's role, and the policy with which a user rotates itself. Without any one of the
//! actions, a step of the rotation or the sweep fails, and its log says so.

use std::time::Duration;

use serde_json::Value;

use crate::environment::{ACCOUNT, REGION, TestEnvironment};

const TIMED: &str = "{ deactivate_after: 1s, delete_after: 1h, hold_if_used_within: 1s }";

/// Actions that nothing is observed to need, and why they are granted.
const EXCUSED: &[(&str, &str)] = &[
    (
        "iam:UntagUser",
        "what stays recorded lapses within a minute, and the next rotation removes it",
    ),
    (
        "kms:DescribeKey",
        "Secrets Manager's page rotating-secrets-required-permissions-function asks for it",
    ),
    (
        "logs:CreateLogStream",
        "Lambda writes the log in the role's name (lambda-intro-execution-role); the local \
         Lambda does it in its own",
    ),
    ("logs:PutLogEvents", "as logs:CreateLogStream"),
];

/// The holder of a policy.
#[derive(Clone, Debug)]
enum Holder {
    Role(String),
    User(&'static str),
}

/// An inline policy.
#[derive(Clone, Debug)]
pub struct InlinePolicy {
    holder: Holder,
    pub name: String,
    pub document: Value,
}

impl InlinePolicy {
    pub fn actions(&self) -> Vec<String> {
        let statements = self.document["Statement"].as_array().expect("statements");
        let allowing = statements.iter().filter(|it| it["Effect"] == "Allow");
        let actions = allowing.flat_map(|it| match &it["Action"] {
            Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        });
        let text = |action: Value| action.as_str().expect("an action").to_owned();
        actions.map(text).collect()
    }

    pub fn without(&self, missing: &[&str]) -> Option<Value> {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().expect("statements");
        for statement in statements.iter_mut().filter(|it| it["Effect"] == "Allow") {
            if let Value::String(one) = &statement["Action"] {
                statement["Action"] = Value::Array(vec![one.clone().into()]);
            }
            let actions = statement["Action"].as_array_mut().expect("actions");
            actions.retain(|it| !missing.contains(&it.as_str().expect("an action")));
        }
        statements.retain(|it| it["Action"].as_array().is_some_and(|it| !it.is_empty()));
        (!statements.is_empty()).then_some(document)
    }

    pub async fn put(&self, test: &TestEnvironment, document: Option<&Value>) {
        let iam = &test.iam;
        let name = &self.name;
        match (&self.holder, document.map(ToString::to_string)) {
            (Holder::Role(role), Some(text)) => {
                let request = iam.put_role_policy().role_name(role).policy_name(name);
                let put = request.policy_document(text).send().await;
                put.expect("the policy is put");
            }
            (Holder::Role(role), None) => {
                let request = iam.delete_role_policy().role_name(role).policy_name(name);
                request.send().await.expect("the policy is deleted");
            }
            (Holder::User(user), Some(text)) => {
                let request = iam.put_user_policy().user_name(*user).policy_name(name);
                let put = request.policy_document(text).send().await;
                put.expect("the policy is put");
            }
            (Holder::User(user), None) => {
                let request = iam.delete_user_policy().user_name(*user).policy_name(name);
                request.send().await.expect("the policy is deleted");
            }
        }
    }

    /// Returns the user whose rotation needs the policy.
    fn serves(&self, existing_key: &str) -> &'static str {
        let names_key = self.document.to_string().contains(existing_key);
        match &self.holder {
            Holder::User(user) => user,
            Holder::Role(_) if names_key || self.name.contains("Administrators") => "batch",
            Holder::Role(_) if self.name.contains("Records") => "uploader",
            Holder::Role(_) => "mailer",
        }
    }
}

/// IAM returns documents in URL encoding (`API_GetRolePolicy`).
fn decoded(text: &str) -> Value {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%').then(|| std::str::from_utf8(&after[..2]));
        let code = code.and_then(Result::ok);
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Returns the policies of the function's role, the only role that has some.
pub async fn role_policies(test: &TestEnvironment) -> Vec<InlinePolicy> {
    let role = test.role().await;
    let request = test.iam.list_role_policies().role_name(&role);
    let names = request.send().await.expect("policies").policy_names;
    let mut held = Vec::new();
    for name in names {
        let request = test.iam.get_role_policy().role_name(&role);
        let answer = request.policy_name(&name).send().await;
        let document = decoded(&answer.expect("the policy").policy_document);
        let holder = Holder::Role(role.clone());
        held.push(InlinePolicy {
            holder,
            name,
            document,
        });
    }
    held
}

async fn policies(test: &TestEnvironment) -> Vec<InlinePolicy> {
    let mut held = role_policies(test).await;
    let name = "keyrota-ManageOwnAccessKeys".to_owned();
    let request = test.iam.get_user_policy().user_name("uploader");
    let answer = request.policy_name(&name).send().await;
    let document = decoded(&answer.expect("the policy").policy_document);
    let holder = Holder::User("uploader");
    held.push(InlinePolicy {
        holder,
        name,
        document,
    });
    held
}

/// Returns the step that failed according to the function's log, without the first `before`
/// lines.
pub async fn failed_step(test: &TestEnvironment, before: usize) -> Option<String> {
    let lines = test.logged().await;
    let lines = lines.iter().skip(before);
    let parsed = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut failed = parsed.filter(|line| line["level"] == "ERROR");
    failed.find_map(|line| line["step"].as_str().map(str::to_owned))
}

/// Removes the role from the key policy of the stack's own key. Each of the two policies is
/// sufficient to use the key (`policy-evaluation`), so the role's policy has a visible effect
/// only alone.
async fn only_by_the_role(test: &TestEnvironment) {
    let alias = "alias/keyrota-payments-keys";
    let key = test.kms.describe_key().key_id(alias).send().await;
    let key = key.expect("the key").key_metadata.expect("metadata").key_id;
    let request = test.kms.get_key_policy().key_id(&key);
    let policy = request.policy_name("default").send().await;
    let policy = policy.expect("an answer").policy.expect("a policy");
    let mut policy: Value = serde_json::from_str(&policy).expect("JSON");
    let statements = policy["Statement"].as_array_mut().expect("statements");
    let before = statements.len();
    statements.retain(|it| it["Sid"] != "UsedByTheFunction");
    assert_eq!(statements.len() + 1, before);
    let request = test.kms.put_key_policy().key_id(&key);
    let request = request.policy_name("default").policy(policy.to_string());
    request.send().await.expect("the policy is put");
}

#[tokio::test]
async fn each_action_of_the_function_is_needed_by_a_step() {
    let test = TestEnvironment::new().await;
    for user in ["mailer", "batch", "uploader"] {
        test.make_user(user).await;
    }
    test.make_administrator("administrator", "ops/administrator")
        .await;
    let key = test.make_kms_key().await;
    test.manifest(&format!(
        "version: 1\nstack: payments-keys\naccount: \"{ACCOUNT}\"\nregion: {REGION}\naccess_keys:\n\
         \x20 - {{ user: mailer, rotate_as: role, kms_key: create, old_key: {TIMED} }}\n\
         \x20 - {{ user: batch, rotate_as: ops/administrator, kms_key: '{key}' }}\n\
         \x20 - {{ user: uploader, old_key: {TIMED} }}\n"
    ));
    let bootstrap = "bootstrap --yes --function-zip function.zip";
    test.keyrota(bootstrap).await.exits(0);
    only_by_the_role(&test).await;
    let policies = policies(&test).await;

    // Nothing may need an exempted action.
    let exemption: Vec<&str> = EXCUSED.iter().map(|(action, _)| *action).collect();
    let granted: Vec<String> = policies.iter().flat_map(InlinePolicy::actions).collect();
    for (action, reason) in EXCUSED {
        assert!(
            granted.contains(&(*action).to_owned()),
            "{action}: {reason}"
        );
    }
    for held in &policies {
        held.put(&test, held.without(&exemption).as_ref()).await;
    }
    test.keyrota("rotate").await.exits(0);
    test.sweep().await;

    let sweeps =
        |action: &str| matches!(action, "iam:GetAccessKeyLastUsed" | "iam:UpdateAccessKey");
    for of_sweep in [true, false] {
        for held in &policies {
            if of_sweep && held.actions().iter().any(|action| sweeps(action)) {
                // An old key that is due. It stays while the sweep fails.
                let rotate = format!("rotate {}", held.serves(&key));
                test.keyrota(&rotate).await.exits(0);
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            for action in held.actions() {
                if exemption.contains(&action.as_str()) || sweeps(&action) != of_sweep {
                    continue;
                }
                let user = held.serves(&key);
                let before = test.logged().await.len();
                held.put(&test, held.without(&[&action]).as_ref()).await;
                if of_sweep {
                    let told = test.try_sweep().await;
                    let failed = told.unwrap_or_else(|| panic!("the sweep misses no {action}"));
                    assert!(
                        failed.contains(&format!("payments-keys/{user}")),
                        "{failed}"
                    );
                } else {
                    test.keyrota(&format!("rotate {user}")).await.exits(1);
                }
                let step = failed_step(&test, before).await;
                let step = step.unwrap_or_else(|| panic!("no step misses {action}"));
                println!("{action:<46} {step} ({}, {user})", held.name);
                held.put(&test, Some(&held.document)).await;
                if !of_sweep {
                    test.keyrota(&format!("rotate {user}")).await.exits(0);
                }
            }
        }
    }
    test.sweep().await;
    // The policies of the role are not those that were deployed, so a check would report them.
    let ran = test.keyrota("status --format json").await.exits(0);
    assert_eq!(ran.json()["secrets"][0]["state"], "ok", "{ran}");
}
