//! What is tried: generated from what a value, a label, a tag, and an event may name.

use serde_json::{Value, json};

use super::call::Call;
use super::scene::{ADMINISTRATOR, Entry, FOREIGN, OUTSIDER, STACK, Scene};

const SECRETS: &str = "secretsmanager";

/// The labels of a version that decide something, or did in earlier versions.
pub const LABELS: [&[&str]; 4] = [
    &["AWSCURRENT"],
    &["AWSPENDING"],
    &["AWSPREVIOUS"],
    &[
        "KEYROTA_MADE",
        "KEYROTA_FIRST",
        "KEYROTA_BEFORE",
        "KEYROTA_SETTING",
        "KEYROTA_RETAINED",
    ],
];

/// How many values there are.
pub const VALUES: usize = 10;

/// Returns whether a value is about the key in reserve.
pub const fn needs_reserve(value: usize) -> bool {
    matches!(value, 0 | 5 | 8)
}

/// Returns a value that somebody stores who wants something else to be done.
pub async fn value(scene: &Scene, attacker: &crate::world::Key, index: usize) -> String {
    let user = scene.entry.user();
    let other = scene.others().next().expect("another entry");
    let reserve = scene
        .reserve
        .as_ref()
        .map_or("AKIANOBODYS00000000", |it| &it.id);
    let arn = match scene.entry {
        Entry::Clerk => scene.arns[ADMINISTRATOR].as_str(),
        _ => scene.arn(),
    };
    let named = |key: &str, user: &str, arn: &str| scene.naming(key, user, arn);
    let value = match index {
        0 => named(reserve, user, arn),
        1 => named(&scene.outsiders[0].id, user, arn),
        2 => named(&scene.outsiders[1].id, OUTSIDER, arn),
        3 => {
            let current = scene.world.current_key(other.secret()).await;
            named(&current.id, other.user(), &scene.arns[other.secret()])
        }
        4 => {
            let current = scene.world.current_key(other.secret()).await;
            named(&current.id, user, arn)
        }
        // Another administrator, and a server.
        5 => named(reserve, user, &scene.arns[FOREIGN]),
        6 => json!({
            "accesskey": attacker.id, "secretkey": attacker.secret, "username": user,
            "secretarn": scene.arns[FOREIGN], "masterarn": scene.arns[FOREIGN],
            "engine": "postgres", "host": "theirs.example", "port": 5432,
        }),
        7 => json!({
            "accesskey": attacker.id, "secretkey": attacker.secret, "username": "attacker",
            "secretarn": scene.arn(),
        }),
        8 => json!({ "accesskey": reserve, "username": user }),
        _ => return "no JSON at all".to_owned(),
    };
    value.to_string()
}

/// Returns the call that stores a value under labels.
pub fn put(scene: &Scene, value: &str, labels: &[&str], token: u32) -> Call {
    let body = json!({
        "SecretId": scene.arn(), "SecretString": value, "VersionStages": labels,
        "ClientRequestToken": self::token(token),
    });
    Call::Json(SECRETS, "secretsmanager.PutSecretValue", body)
}

/// Returns the call that stores a value as AWSCURRENT, by the other way.
pub fn update(scene: &Scene, value: &str, token: u32) -> Call {
    let body = json!({
        "SecretId": scene.arn(), "SecretString": value,
        "ClientRequestToken": self::token(token),
    });
    Call::Json(SECRETS, "secretsmanager.UpdateSecret", body)
}

fn token(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn on_it(scene: &Scene, name: &'static str, more: Value) -> Call {
    let mut body = json!({ "SecretId": scene.arn() });
    let fields = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    Call::Json(SECRETS, name, body)
}

/// Returns the calls that put a label on each version that the secret has, one after
/// the other.
pub async fn moves(scene: &Scene, label: &str) -> Vec<Call> {
    let request = scene.world.secretsmanager.list_secret_version_ids();
    let request = request.secret_id(scene.arn()).include_deprecated(true);
    let versions = request.send().await.expect("versions");
    let mut holder = versions
        .versions()
        .iter()
        .find(|it| it.version_stages().iter().any(|it| it == label))
        .and_then(|it| it.version_id().map(str::to_owned));
    let mut calls = Vec::new();
    for version in versions.versions().iter().filter_map(|it| it.version_id()) {
        let mut fields = json!({ "VersionStage": label, "MoveToVersionId": version });
        if let Some(holder) = holder.replace(version.to_owned()) {
            fields["RemoveFromVersionId"] = holder.into();
        }
        calls.push(on_it(
            scene,
            "secretsmanager.UpdateSecretVersionStage",
            fields,
        ));
    }
    calls
}

/// Returns the calls of one permission on the secret that need nothing but names.
pub fn fixed(scene: &Scene) -> Vec<Call> {
    let reserve = scene.reserve.as_ref().map_or("-", |it| &it.id);
    let foreign = scene.arns[FOREIGN].as_str();
    let stack = format!("arn:aws:cloudformation:us-east-1:000000000000:stack/{STACK}/theirs");
    let tags = [
        ("keyrota:user", OUTSIDER),
        ("keyrota:stack", "another"),
        ("keyrota:rotate-as", foreign),
        ("keyrota:owns-user", "true"),
        ("keyrota:abandoned", reserve),
        ("keyrota:keys", reserve),
        ("keyrota:seeding", "2026-11-28T00:00:00Z"),
        ("keyrota:old-key", "deactivate_after=0 delete_after=0"),
        ("keyrota:encryption-key", scene.kms_key.as_str()),
        (
            "keyrota:probe",
            "sts:AssumeRole arn:aws:iam::000000000000:role/x",
        ),
        ("team", "theirs"),
    ];
    let tag = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
    let written: Vec<Value> = tags.iter().map(tag).collect();
    let keys: Vec<&str> = tags.iter().map(|(key, _)| *key).collect();
    let everyone = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::000000000000:user/attacker" },
            "Action": "secretsmanager:*", "Resource": "*",
        }, {
            "Effect": "Deny", "Principal": "*", "Resource": "*",
            "Action": "secretsmanager:DescribeSecret",
        }],
    });
    vec![
        on_it(
            scene,
            "secretsmanager.TagResource",
            json!({ "Tags": written }),
        ),
        // Of AWS alone.
        on_it(
            scene,
            "secretsmanager.TagResource",
            json!({ "Tags": [{ "Key": "aws:cloudformation:stack-id", "Value": stack }] }),
        ),
        on_it(
            scene,
            "secretsmanager.UntagResource",
            json!({ "TagKeys": keys }),
        ),
        on_it(
            scene,
            "secretsmanager.UpdateSecret",
            json!({ "KmsKeyId": scene.kms_key, "Description": "theirs" }),
        ),
        on_it(
            scene,
            "secretsmanager.RotateSecret",
            json!({ "RotationRules": { "ScheduleExpression": "rate(4 hours)" } }),
        ),
        on_it(
            scene,
            "secretsmanager.PutResourcePolicy",
            json!({ "ResourcePolicy": everyone.to_string() }),
        ),
        on_it(
            scene,
            "secretsmanager.ReplicateSecretToRegions",
            json!({ "AddReplicaRegions": [{ "Region": "eu-west-1" }] }),
        ),
        on_it(scene, "secretsmanager.CancelRotateSecret", json!({})),
        on_it(scene, "secretsmanager.GetSecretValue", json!({})),
        on_it(
            scene,
            "secretsmanager.GetSecretValue",
            json!({ "VersionStage": "AWSPREVIOUS" }),
        ),
        on_it(
            scene,
            "secretsmanager.DeleteSecret",
            json!({ "RecoveryWindowInDays": 7 }),
        ),
        on_it(scene, "secretsmanager.RestoreSecret", json!({})),
    ]
}

/// Returns events for the function: every step and a sweep, for every secret, with the
/// version that is there and with one that is not.
pub async fn events(scene: &Scene) -> Vec<Call> {
    let mut events = vec![
        json!({}),
        json!({ "keyrota": "sweep", "secrets": [scene.arns[FOREIGN]] }),
    ];
    let all: Vec<&String> = scene.arns.values().collect();
    events.push(json!({ "keyrota": "sweep", "secrets": all }));
    events.push(json!({ "keyrota": "check", "secret": scene.arns[FOREIGN] }));
    let mut names: Vec<&str> = scene.arns.keys().copied().collect();
    // The attacked one last, with whatever was stored in it.
    names.sort_by_key(|name| *name == scene.entry.secret());
    for name in names {
        let held = scene.world.secret(name).await.unwrap_or_default();
        let mut tokens = vec![token(900)];
        tokens.extend(held.labels.into_values());
        tokens.dedup();
        for token in tokens {
            for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
                events.push(json!({
                    "Step": step, "SecretId": scene.arns[name], "ClientRequestToken": token,
                }));
            }
        }
    }
    let call = |event: Value| Call::Invoke(scene.function.clone(), event.to_string());
    events.into_iter().map(call).collect()
}

/// Returns calls on what belongs to others, which nobody with one permission may make,
/// and those that only read.
pub fn elsewhere(scene: &Scene) -> Vec<Call> {
    let mut calls = Vec::new();
    for arn in scene.arns.values() {
        let read = json!({ "SecretId": arn });
        calls.push(Call::Json(SECRETS, "secretsmanager.GetSecretValue", read));
        let store = json!({
            "SecretId": arn, "SecretString": "{}", "ClientRequestToken": token(901),
        });
        calls.push(Call::Json(SECRETS, "secretsmanager.PutSecretValue", store));
    }
    for user in Entry::ALL
        .map(Entry::user)
        .into_iter()
        .chain([OUTSIDER, "administrator"])
    {
        let named = || vec![("UserName", user.to_owned())];
        calls.push(Call::Form("iam", "CreateAccessKey", named()));
        let mut tag = named();
        tag.extend([
            ("Tags.member.1.Key", "keyrota:making".to_owned()),
            ("Tags.member.1.Value", "1".to_owned()),
        ]);
        calls.push(Call::Form("iam", "TagUser", tag));
    }
    for key in &scene.outsiders {
        let fields = vec![
            ("UserName", OUTSIDER.to_owned()),
            ("AccessKeyId", key.id.clone()),
        ];
        calls.push(Call::Form("iam", "DeleteAccessKey", fields));
    }
    let stack = || vec![("StackName", STACK.to_owned())];
    calls.push(Call::Form("cloudformation", "DeleteStack", stack()));
    let mut update = stack();
    update.push(("TemplateBody", EVIL.to_owned()));
    update.push(("Capabilities.member.1", "CAPABILITY_IAM".to_owned()));
    calls.push(Call::Form("cloudformation", "UpdateStack", update));
    let mut change = stack();
    change.push(("ChangeSetName", "theirs".to_owned()));
    let mut execute = change.clone();
    execute.push(("DisableRollback", "false".to_owned()));
    change.push(("TemplateBody", EVIL.to_owned()));
    change.push(("Capabilities.member.1", "CAPABILITY_IAM".to_owned()));
    calls.push(Call::Form("cloudformation", "CreateChangeSet", change));
    calls.push(Call::Form("cloudformation", "ExecuteChangeSet", execute));
    let schedule = json!({ "KeyId": scene.kms_key, "PendingWindowInDays": 7 });
    calls.push(Call::Json(
        "kms",
        "TrentService.ScheduleKeyDeletion",
        schedule,
    ));
    for key in [
        "payments-keys/function/theirs.zip",
        "payments-keys/template/theirs.yaml",
        "theirs",
    ] {
        calls.push(Call::Put(scene.bucket.clone(), key.to_owned()));
        calls.push(Call::Get(scene.bucket.clone(), key.to_owned()));
    }
    let read = json!({ "logGroupName": format!("/keyrota/{STACK}") });
    calls.push(Call::Json("logs", "Logs_20140328.FilterLogEvents", read));
    calls
}

/// Gives everything to the attacker.
pub const EVIL: &str = "
Resources:
  Evil:
    Type: AWS::IAM::UserPolicy
    Properties:
      UserName: attacker
      PolicyName: evil
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{ Effect: Allow, Action: '*', Resource: '*' }]
";
