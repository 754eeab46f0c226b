//! The properties of the rendering, checked on whole manifests.

mod contract;
mod limits;
mod manifests;
mod names;
mod overlay;
mod releases;
mod stability;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::fleet::single;
use super::resolve;
use super::tree::{self, Value};
use super::{Error, Rendering, Shard, Templates, render};
use crate::model::{self, Finding, Model};

/// Returns the model as a single stack, whatever its size.
pub(in crate::render) fn shards(model: Model) -> [Shard; 1] {
    [single(model)]
}

fn rendered(manifest: &str) -> Rendering {
    let loaded = load_in("examples", manifest, None).unwrap();
    render(&shards(loaded.model), &templates()).unwrap()
}

/// Loads a manifest with the files that it names, relative to a folder of the repository.
#[expect(clippy::disallowed_methods, reason = "a test's own files")]
pub(in crate::render) fn load_in(
    folder: impl AsRef<Path>,
    manifest: &str,
    environment: Option<&str>,
) -> Result<model::Loaded, Vec<Finding>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    model::load_with(manifest, environment, &|file| {
        std::fs::read_to_string(folder.join(file)).map_err(|error| error.to_string())
    })
}

fn findings(manifest: &str, environment: Option<&str>) -> Vec<Finding> {
    match load_in("tests/manifests/invalid", manifest, environment) {
        Err(findings) => findings,
        Ok(loaded) => match render(&shards(loaded.model), &templates()) {
            Err(Error::Refused(findings)) => {
                findings.into_iter().filter(Finding::is_error).collect()
            }
            Err(error) => panic!("{error}"),
            Ok(_) => Vec::new(),
        },
    }
}

fn parsed(rendering: &Rendering) -> Value {
    tree::read(rendering.stacks()[0]).unwrap()
}

fn resource<'stack>(stack: &'stack Value, id: &str) -> &'stack Value {
    stack
        .get("Resources")
        .and_then(|all| all.get(id))
        .unwrap_or_else(|| panic!("no {id}"))
}

/// Returns the contents of every file except the stack, concatenated.
fn reviewed(rendering: &Rendering) -> String {
    let mut text = String::new();
    for (path, content) in rendering
        .files
        .iter()
        .filter(|(path, _)| !matches!(path.as_str(), "stack.yaml" | "review.html"))
    {
        writeln!(text, "── {path}\n{content}").unwrap();
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests read the manifests beside them"
)]
pub(in crate::render) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

pub(in crate::render) fn folder(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name} is empty");
    files
}

#[test]
fn a_small_manifest() {
    let rendering = rendered(include_str!("../../../examples/minimal.yaml"));
    insta::assert_snapshot!("minimal-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("minimal-policies", reviewed(&rendering));
}

#[test]
fn a_manifest_with_everything() {
    let rendering = rendered(include_str!("../../../examples/everything.yaml"));
    insta::assert_snapshot!("everything-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("everything-policies", reviewed(&rendering));
}

#[test]
fn every_arn_of_a_user_below_a_path_has_the_path() {
    let rendering = rendered(
        "version: 1\nstack: keys\naccount: \"111122223333\"\nregion: eu-west-1\naccess_keys:\n\
         \x20 - { user: ada, path: /ci/ }\n\
         \x20 - { user: bob, path: /ci/, rotate_as: role }\n\
         \x20 - { user: cy, path: /ci/, rotate_as: ops/admin }\n\
         \x20 - { user: dee, path: /ci/, create_user: true, rotate_as: role }\n\
         \x20 - { user: eve, path: /ci/, create_user: true }\n",
    );
    for user in ["ada", "bob", "cy", "dee", "eve"] {
        let arn = format!("arn:aws:iam::111122223333:user/ci/{user}\"");
        assert!(
            rendering.files["deployer-policy.json"].contains(&arn),
            "{user}"
        );
        for (file, text) in &rendering.files {
            // The deployer looks for users that may not exist yet.
            let bare = text.contains(&format!(":user/{user}\""));
            let whole = file == "deployer-policy.json";
            let part = file.starts_with("deployer-policy-");
            assert!(bare == whole || part, "{user}: {file}");
        }
        let pin = format!("\"user\": \"{user}\",\n      \"path\": \"/ci/\"");
        assert!(
            rendering.files["pins/function.json"].contains(&pin),
            "{user}"
        );
    }
    let stack = rendering.stacks()[0];
    let own = ":user/ci/${!aws:username}\"";
    assert_eq!(stack.matches(own).count(), 2, "{stack}");
    for user in ["ada", "bob", "cy"] {
        // The role manages or records the keys of a user that existed before.
        let arn = format!(":user/ci/{user}\"");
        assert_eq!(stack.matches(&arn).count(), 1, "{user}: {stack}");
    }
    assert_eq!(stack.matches("Path: \"/ci/\"").count(), 2, "{stack}");
    assert!(rendering.files["review.html"].contains("ci/eve"));
    let policy: serde_json::Value =
        serde_json::from_str(&rendering.files["deployer-policy.json"]).unwrap();
    for statement in policy["Statement"].as_array().unwrap() {
        let bare = statement["Resource"].to_string().contains(":user/ada\"");
        let sid = statement["Sid"].as_str().unwrap();
        assert_eq!(bare, sid.ends_with("AbsentUsers"), "{statement}");
    }
}

#[test]
fn the_description_and_the_tags_of_a_secret() {
    let text = "version: 1\nstack: keys\ntags: { team: payments, env: prod }\naccess_keys:\n\
         \x20 - { user: ada, create_user: true }\n\
         \x20 - { user: bob, create_user: true, description: Für den Export, tags: { env: test, owner: bob } }\n";
    let rendering = rendered(text);
    let stack = parsed(&rendering);
    let properties = |id: &str| resource(&stack, id).get("Properties").unwrap();
    let tags = |id: &str| -> Vec<String> {
        let tags = resolve::items(properties(id).get("Tags"));
        let text = |tag: &Value, key| tag.get(key).and_then(Value::as_str).unwrap().to_owned();
        tags.map(|tag| format!("{}={}", text(tag, "Key"), text(tag, "Value")))
            .filter(|tag| !tag.starts_with("keyrota:"))
            .collect()
    };
    let described = |id: &str| properties(id).get("Description").and_then(Value::as_str);
    let ids: Vec<&str> = resolve::resources(&stack).map(|(id, _)| id).collect();
    let id = |start: &str| {
        ids.iter()
            .copied()
            .find(|id| id.starts_with(start))
            .unwrap()
    };
    let (ada, bob) = (id("SecretKeysAda"), id("SecretKeysBob"));
    assert_eq!(described(ada), Some("The access key of the IAM user ada"));
    assert_eq!(described(bob), Some("Für den Export"));
    let of_all = ["env=prod", "team=payments"];
    assert_eq!(tags(ada), of_all);
    assert_eq!(tags(bob), ["env=test", "owner=bob", "team=payments"]);
    for other in [id("UserBob"), "FunctionRole", "Function"] {
        assert_eq!(tags(other), of_all, "{other}");
    }
    let review = &rendering.files["review.html"];
    for shown in ["Für den Export", "env=test", "owner=bob"] {
        assert!(review.contains(shown), "{shown}");
    }
    // Restoring a tag is permitted with its value only if each secret has that value.
    let policy: serde_json::Value =
        serde_json::from_str(&rendering.files["deployer-policy.json"]).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let restores = |one: &&serde_json::Value| {
        let sid = one["Sid"].as_str().unwrap();
        sid.starts_with("BootstrapRestoreTags")
    };
    let conditions: Vec<String> = statements
        .iter()
        .filter(restores)
        .map(|one| one["Condition"].to_string())
        .collect();
    let conditions = conditions.concat();
    for key in ["\"env\"", "\"owner\"", "\"team\""] {
        assert!(conditions.contains(key), "{key} in {conditions}");
    }
    assert!(conditions.contains("aws:RequestTag/team"), "{conditions}");
    for varies in ["aws:RequestTag/env", "aws:RequestTag/owner"] {
        assert!(!conditions.contains(varies), "{varies} in {conditions}");
    }
}

#[test]
fn a_manifest_with_a_boundary() {
    let rendering = rendered(include_str!("../../../examples/boundary.yaml"));
    let stack = parsed(&rendering);
    let boundary = "arn:aws:iam::111122223333:policy/boundaries/workload";
    let mut bounded = Vec::new();
    for (id, resource) in super::resolve::resources(&stack) {
        let properties = resource.get("Properties").unwrap();
        if let Some(found) = properties.get("PermissionsBoundary") {
            assert_eq!(found.as_str(), Some(boundary));
            bounded.push(id);
        }
        let path = properties.get("Path").and_then(Value::as_str);
        assert_eq!(
            path,
            (id == super::Strategy::AccessKeys.role()).then_some("/platform/keyrota/")
        );
    }
    let ["FunctionRole", user] = bounded[..] else {
        panic!("{bounded:?}");
    };
    assert!(user.starts_with("UserReportUploader"), "{user}");
    let deployer = &rendering.files["deployer-policy.json"];
    let role = "arn:aws:iam::111122223333:role/platform/keyrota/bounded-keys-FunctionRole-*";
    assert!(deployer.contains(role), "{deployer}");
    // The deployer can create nothing without the boundary, and cannot remove it.
    let policy: serde_json::Value = serde_json::from_str(deployer).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    for action in [
        "iam:CreateRole",
        "iam:CreateUser",
        "iam:PutRolePermissionsBoundary",
    ] {
        let has = |one: &&serde_json::Value| one["Action"].to_string().contains(action);
        let mut with = statements.iter().filter(has);
        let condition = &with.next().unwrap()["Condition"]["ArnEquals"];
        assert_eq!(condition["iam:PermissionsBoundary"], boundary, "{action}");
        assert!(with.next().is_none(), "{action}");
    }
    assert!(!deployer.contains("DeleteRolePermissionsBoundary"));
    // Managed policies have the path too, and the key policy names the role with the path.
    let mut text = "version: 1\nstack: keys\nrole_path: /a/b/\naccess_keys:\n".to_owned();
    for index in 0..100 {
        writeln!(text, "  - {{ user: u{index:03}, kms_key: create }}").unwrap();
    }
    let large = rendered(&text);
    let stack = parsed(&large);
    let managed = resource(&stack, "FunctionManagedSecretsPart1");
    assert_eq!(managed["Properties"]["Path"].as_str(), Some("/a/b/"));
    let key = &large.files["policies/encryption-key.json"];
    assert!(key.contains(":role/a/b/${FunctionRole}\""), "{key}");
    let deployer = &large.files["deployer-policy.json"];
    assert!(deployer.contains(":policy/a/b/keys-FunctionManaged*\""));
    assert!(!deployer.contains("PermissionsBoundary"));
}

/// The seed may depend only on names: if it changed with anything that an operator may change,
/// CloudFormation would overwrite a live key.
#[test]
fn nothing_but_the_names_changes_what_seeds_a_secret() {
    let base = "version: 1\nstack: s\naccess_keys: [{ user: u";
    let seed = |rest: &str| {
        let stack = parsed(&rendered(&format!("{base}{rest} }}]\n")));
        let mut secrets = super::resolve::resources(&stack)
            .filter(|(_, one)| super::resolve::type_of(one) == "AWS::SecretsManager::Secret");
        let (_, secret) = secrets.next().unwrap();
        let properties = secret.get("Properties").unwrap();
        format!(
            "{:?} {:?}",
            properties.get("Name"),
            properties.get("SecretString")
        )
    };
    let first = seed("");
    assert!(
        first.contains(r#"{\"username\":\"u\",\"secretarn\":\"arn:"#),
        "{first}"
    );
    for rest in [
        ", rotate_as: role",
        ", rotate_as: ops/administrator",
        ", kms_key: create",
        ", create_user: true",
        ", schedule: rate(7 days)",
        ", readers: [\"arn:aws:iam::111122223333:root\"]",
    ] {
        assert_eq!(seed(rest), first, "{rest}");
    }
}

/// The tags of the secret contain what the entry specifies for the function.
#[test]
fn the_old_key_and_the_probe_are_tags_of_the_secret() {
    let tags = |settings: &str| {
        let base = "version: 1\nstack: s\nregion: eu-west-1\naccess_keys: [{ user: u";
        let text = format!("{base}{settings} }}]\n");
        let stack = parsed(&rendered(&text));
        let resolver = super::resolve::Resolver::placeholders().with_region("eu-west-1");
        let mut secrets = super::resolve::resources(&stack)
            .filter(|(_, one)| super::resolve::type_of(one) == "AWS::SecretsManager::Secret");
        let tags = &secrets.next().unwrap().1["Properties"]["Tags"];
        let tags = resolver.resolve(tags).unwrap();
        let tags = tags.as_sequence().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs = tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"])));
        let pairs = pairs.collect::<std::collections::BTreeMap<_, _>>();
        let get = |key: &str| pairs.get(key).cloned().unwrap_or_default();
        [get(super::OLD_KEY_TAG), get("keyrota:probe")]
    };
    assert_eq!(tags(""), ["until_next_rotation", ""]);
    assert_eq!(
        tags(", old_key: { deactivate_after: 24h, delete_after: 7d }, probe: none"),
        [
            "deactivate_after=1d delete_after=7d hold_if_used_within=1d",
            ""
        ]
    );
    assert_eq!(
        tags(", old_key: { delete_after: 0, hold_if_used_within: 90s, force_after: 30d }"),
        [
            "deactivate_after=0s delete_after=0s hold_if_used_within=90s force_after=30d",
            ""
        ]
    );
    let bucket = "{ action: s3:ListBucket, resource: 'arn:aws:s3:::artifacts'";
    assert_eq!(
        tags(&format!(", probe: {bucket} }}"))[1],
        "s3:ListBucket arn:aws:s3:::artifacts eu-west-1"
    );
    assert_eq!(
        tags(&format!(", probe: {bucket}, region: us-east-2 }}"))[1],
        "s3:ListBucket arn:aws:s3:::artifacts us-east-2"
    );
    let role = "arn:aws:iam::111122223333:role/ci/deploy";
    assert_eq!(
        tags(&format!(
            ", probe: {{ action: sts:AssumeRole, resource: '{role}' }}"
        ))[1],
        format!("sts:AssumeRole {role}")
    );
    assert_eq!(
        tags(", smtp: [eu-west-1], probe: { smtp: 'relay.example.com:465' }")[1],
        "smtp relay.example.com:465"
    );
}

/// The pin has the Region for which the password derives: that of the server, or the first one.
#[test]
fn an_smtp_login_is_pinned_with_its_region() {
    let rendering = rendered(include_str!("../../../tests/manifests/valid/smtp.yaml"));
    let pins: serde_json::Value =
        serde_json::from_str(&rendering.files["pins/function.json"]).unwrap();
    let probe = |secret: &str| pins["secrets"][secret]["probe"].clone();
    assert_eq!(
        probe("mail/proven"),
        serde_json::json!({
            "action": "smtp",
            "resource": "email-smtp.eu-west-1.amazonaws.com:587",
            "region": "eu-west-1",
        })
    );
    assert_eq!(probe("mail/relayed")["region"], "us-east-1");
}

#[test]
fn clients_are_told_by_rules_of_their_own() {
    let rendering = rendered(include_str!("../../../tests/manifests/valid/notify.yaml"));
    insta::assert_snapshot!("notify-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("notify-policies", reviewed(&rendering));
    // Nothing of the manifests without it changes.
    let plain = rendered("version: 1\nstack: keys\naccess_keys: [{ user: ada }]\n");
    assert!(!plain.stacks()[0].contains("Notify"));
    assert!(!plain.files["deployer-policy.json"].contains("Notify"));
}

#[test]
fn the_order_of_targets_and_entries_does_not_matter() {
    let text = |a: &str, b: &str| {
        let topic = |name: &str| format!("'arn:aws:sns:eu-west-1:111122223333:{name}'");
        let (first, second) = (topic(a), topic(b));
        format!(
            "version: 1\nstack: keys\nnotify: [{first}]\naccess_keys: [{{ user: ada, notify: [{second}] }}]\n"
        )
    };
    assert_eq!(
        rendered(&text("a", "b")).stacks(),
        rendered(&text("b", "a")).stacks()
    );
}

#[test]
fn every_resource_that_can_is_tagged() {
    let rendering = rendered(include_str!("../../../examples/everything.yaml"));
    let stack = parsed(&rendering);
    // CloudFormation's schemas define no tags for these types.
    let untagged = [
        "AWS::CloudFormation::Stack",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::RolePolicy",
        "AWS::IAM::UserPolicy",
        "AWS::KMS::Alias",
        "AWS::Lambda::Permission",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SecretsManager::RotationSchedule",
        "AWS::SNS::Subscription",
        "AWS::SNS::TopicPolicy",
    ];
    for (id, resource) in super::resolve::resources(&stack) {
        if untagged.contains(&super::resolve::type_of(resource)) {
            continue;
        }
        let tags = resource
            .get("Properties")
            .and_then(|properties| properties.get("Tags"));
        let tags = serde_json::to_string(&tags).unwrap();
        for tag in [
            r#"{"Key":"team","Value":"payments"}"#,
            r#"{"Key":"keyrota:stack","Value":"everything"}"#,
        ] {
            assert!(tags.contains(tag), "{id}: {tags}");
        }
    }
}

#[test]
fn databases_beside_access_keys() {
    let rendering = rendered(include_str!("../../../examples/keys-and-databases.yaml"));
    insta::assert_snapshot!("both-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("both-policies", reviewed(&rendering));
}

#[test]
fn logs_topic_and_environment_with_keys() {
    let manifest = include_str!("../../../tests/manifests/valid/encrypt.yaml");
    let rendering = rendered(manifest);
    insta::assert_snapshot!("encrypt-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("encrypt-policies", reviewed(&rendering));
    // The key of the secrets serves nobody else.
    let policy = &rendering.files["policies/encryption-key.json"];
    assert!(!policy.contains("\"Service\""), "{policy}");
}

#[test]
fn services_in_the_network_and_outside() {
    let rendering = rendered(include_str!("../../../examples/services.yaml"));
    insta::assert_snapshot!("services-stack", rendering.stacks()[0]);
    insta::assert_snapshot!("services-policies", reviewed(&rendering));
    // Each function acts on its own entries only.
    let inside = &rendering.files["pins/service-function.json"];
    let outside = &rendering.files["pins/service-no-vpc-function.json"];
    assert!(inside.contains("prod/cache") && !inside.contains("partner/portal"));
    assert!(outside.contains("partner/portal") && !outside.contains("prod/cache"));
    insta::assert_snapshot!("services-pins", format!("{inside}{outside}"));
}

#[test]
fn databases_alone() {
    let manifest = include_str!("../../../examples/databases.yaml");
    let rendering = rendered(manifest);
    insta::assert_snapshot!("databases-stack", rendering.stacks()[0]);
    let stack = parsed(&rendering);
    assert!(stack["Resources"].get("Function").is_none());
    assert!(stack["Parameters"].get("DatabaseArtifactKey").is_none());
    assert!(stack["Outputs"].get("DatabaseFunctionArn").is_none());
    // The seed of a secret does not contain the server's address, so a database can move.
    let moved = manifest.replace("orders.internal", "elsewhere.internal");
    let seed = |text: &str| {
        let stack = parsed(&rendered(text));
        let secret = resource(&stack, "SecretProdOrdersDbb6bb4d7a");
        secret["Properties"]["SecretString"].clone()
    };
    assert_eq!(seed(manifest), seed(&moved));
}

/// The stack contains the names that the deployment looks for.
#[test]
fn an_entry_on_request_has_no_schedule() {
    let manifest = |first: &str| {
        format!(
            "version: 1\nstack: keys\nalarms: {{ email: [ops@example.com] }}\ndatabases:\n  - {{ secret: a, \
             engine: mysql, host: db, username: app, first_rotation: {first} }}\n"
        )
    };
    let text = |first: &str| rendered(&manifest(first)).stacks()[0].to_owned();
    let (scheduled, request) = (text("scheduled"), text("on_request"));
    assert_eq!(text("now"), scheduled);
    let schedule = "Type: AWS::SecretsManager::RotationSchedule";
    assert_eq!(scheduled.matches(schedule).count(), 1);
    assert_eq!(request.matches(schedule).count(), 0);
    assert!(request.contains("`keyrota rotate a` requests its first rotation"));
    // Secrets Manager may invoke the function once a request attaches it.
    let permission = "Principal: secretsmanager.amazonaws.com";
    assert_eq!(request.matches(permission).count(), 1);
}

#[test]
fn the_named_resources_and_outputs_are_there() {
    let manifest = include_str!("../../../examples/everything.yaml");
    let model = model::load(manifest, None).unwrap().model;
    let stack = parsed(&render(&shards(model.clone()), &templates()).unwrap());
    for id in [
        super::FUNCTION,
        super::Strategy::AccessKeys.role(),
        super::LOG_GROUP,
        super::Strategy::AccessKeys.permission(),
        super::KMS_KEY,
        super::TOPIC,
    ] {
        resource(&stack, id);
    }
    for parameter in [super::BUCKET_PARAMETER, super::KEY_PARAMETER] {
        assert!(
            stack
                .get("Parameters")
                .and_then(|all| all.get(parameter))
                .is_some()
        );
    }
    let outputs = stack.get("Outputs").unwrap();
    assert!(outputs.get(super::FUNCTION_OUTPUT).is_some());
    for entry in model.access_keys() {
        let value = outputs
            .get(super::secret_output(&entry).as_str())
            .and_then(|one| one.get("Value"));
        let Value::Tagged(value) = value.unwrap() else {
            panic!("{value:?}")
        };
        assert_eq!(
            value.value.as_str(),
            Some(super::secret_logical_id(&entry).as_str())
        );
        resource(&stack, &super::schedule_logical_id(&entry));
    }
    assert!(super::needs_named_iam(&model));
}

/// Strings that AWS allows reach the stack unchanged.
#[test]
fn metacharacters_stay_in_their_place() {
    let stack = parsed(&rendered(&read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/valid/metacharacters.yaml"),
    )));
    let text = serde_json::to_string(&stack.get("Resources").map(strip)).unwrap();
    for expected in [
        "{{user}}${AWS::Region}'#&*!|?%@example.com",
        "arn:aws:kms:eu-west-1:111122223333:key/${AWS::Region}{{user}}'#: ",
        "a+b=c,d.e@f_g-h",
        "a/b_c+d=e.f@g-h",
    ] {
        assert!(text.contains(expected.trim_end()), "{expected}");
    }
    assert!(!text.contains("&quot;") && !text.contains("&amp;"));
}

/// Returns the value without its tags, which JSON does not support.
fn strip(value: &Value) -> Value {
    match value {
        Value::Tagged(tagged) => strip(&tagged.value),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), strip(value)))
                .collect(),
        ),
        Value::Sequence(items) => Value::Sequence(items.iter().map(strip).collect()),
        _ => value.clone(),
    }
}

pub(in crate::render) fn templates() -> Templates {
    Templates::built_in().unwrap()
}
