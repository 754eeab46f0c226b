//! What is tried: generated from everything that a value, a label, a tag, and an event can
//! name.

use serde_json::{Value, json};

use super::account::{Account, FOREIGN, OUTSIDER};
use super::call::Call;

const SECRETS: &str = "secretsmanager";

/// The labels that have or had a meaning.
pub const LABELS: [&[&str]; 4] = [
    &["AWSCURRENT"],
    &["AWSPENDING"],
    &["AWSPREVIOUS"],
    &[
        "KEYROTA_MADE",
        "KEYROTA_REPLACED",
        "KEYROTA_FIRST",
        "KEYROTA_BEFORE",
        "KEYROTA_SETTING",
        "KEYROTA_RETAINED",
    ],
];

/// Returns the call that stores a value under labels.
pub fn put(account: &Account, value: &str, labels: &[&str], token: u32) -> Call {
    let body = json!({
        "SecretId": account.arn(), "SecretString": value, "VersionStages": labels,
        "ClientRequestToken": self::token(token),
    });
    Call::Json(SECRETS, "secretsmanager.PutSecretValue", body)
}

/// Returns the other call that stores a value as AWSCURRENT.
pub fn update(account: &Account, value: &str, token: u32) -> Call {
    let body = json!({
        "SecretId": account.arn(), "SecretString": value,
        "ClientRequestToken": self::token(token),
    });
    Call::Json(SECRETS, "secretsmanager.UpdateSecret", body)
}

fn token(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn on_it(account: &Account, name: &'static str, more: Value) -> Call {
    let mut body = json!({ "SecretId": account.arn() });
    let fields = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    Call::Json(SECRETS, name, body)
}

/// Returns the calls that move a label to each version of the secret, one after the other.
pub async fn moves(account: &Account, label: &str) -> Vec<Call> {
    let request = account.test.secretsmanager.list_secret_version_ids();
    let request = request.secret_id(account.arn()).include_deprecated(true);
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
            account,
            "secretsmanager.UpdateSecretVersionStage",
            fields,
        ));
    }
    calls
}

/// Returns the call that writes tags.
pub fn tag(account: &Account, tags: &[(&str, &str)]) -> Call {
    let tag = |(key, value): &(&str, &str)| json!({ "Key": key, "Value": value });
    let written: Vec<Value> = tags.iter().map(tag).collect();
    let fields = json!({ "Tags": written });
    on_it(account, "secretsmanager.TagResource", fields)
}

/// Returns the calls of each permission on the secret that need nothing but names.
pub fn fixed(account: &Account, tags: &[(&str, &str)]) -> Vec<Call> {
    let stack = format!(
        "arn:aws:cloudformation:us-east-1:000000000000:stack/{}/theirs",
        account.target.stack
    );
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
        // First, so that the written value stays.
        on_it(
            account,
            "secretsmanager.UntagResource",
            json!({ "TagKeys": keys }),
        ),
        self::tag(account, tags),
        // Tags that only AWS may write.
        on_it(
            account,
            "secretsmanager.TagResource",
            json!({ "Tags": [{ "Key": "aws:cloudformation:stack-id", "Value": stack }] }),
        ),
        on_it(
            account,
            "secretsmanager.UpdateSecret",
            json!({ "KmsKeyId": account.kms_key, "Description": "theirs" }),
        ),
        on_it(
            account,
            "secretsmanager.RotateSecret",
            json!({ "RotationRules": { "ScheduleExpression": "rate(4 hours)" } }),
        ),
        on_it(
            account,
            "secretsmanager.PutResourcePolicy",
            json!({ "ResourcePolicy": everyone.to_string() }),
        ),
        on_it(
            account,
            "secretsmanager.ReplicateSecretToRegions",
            json!({ "AddReplicaRegions": [{ "Region": "eu-west-1" }] }),
        ),
        on_it(account, "secretsmanager.CancelRotateSecret", json!({})),
        on_it(account, "secretsmanager.GetSecretValue", json!({})),
        on_it(
            account,
            "secretsmanager.GetSecretValue",
            json!({ "VersionStage": "AWSPREVIOUS" }),
        ),
        on_it(
            account,
            "secretsmanager.DeleteSecret",
            json!({ "RecoveryWindowInDays": 7 }),
        ),
        on_it(account, "secretsmanager.RestoreSecret", json!({})),
    ]
}

/// Returns events for the function: every step and a sweep, for every secret, with an existing
/// version and with a missing one.
pub async fn events(account: &Account) -> Vec<Call> {
    let mut events = vec![
        json!({}),
        json!({ "keyrota": "sweep", "secrets": [account.arns[FOREIGN]] }),
    ];
    let all: Vec<&String> = account.arns.values().collect();
    events.push(json!({ "keyrota": "sweep", "secrets": all }));
    events.push(json!({ "keyrota": "check", "secret": account.arns[FOREIGN] }));
    let mut names: Vec<&str> = account.arns.keys().copied().collect();
    // The attacked one last, with any value that was stored in it.
    names.sort_by_key(|name| *name == account.target.secret);
    for name in names {
        let held = account.test.secret(name).await.unwrap_or_default();
        let mut tokens = vec![token(900)];
        tokens.extend(held.labels.into_values());
        tokens.dedup();
        for token in tokens {
            for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
                events.push(json!({
                    "Step": step, "SecretId": account.arns[name], "ClientRequestToken": token,
                }));
            }
        }
    }
    let call = |event: Value| Call::Invoke(account.function.clone(), event.to_string());
    events.into_iter().map(call).collect()
}

/// Returns calls on others' resources that one permission does not allow, and calls that only
/// read.
pub fn elsewhere(account: &Account) -> Vec<Call> {
    let mut calls = Vec::new();
    for arn in account.arns.values() {
        let read = json!({ "SecretId": arn });
        calls.push(Call::Json(SECRETS, "secretsmanager.GetSecretValue", read));
        let store = json!({
            "SecretId": arn, "SecretString": "{}", "ClientRequestToken": token(901),
        });
        calls.push(Call::Json(SECRETS, "secretsmanager.PutSecretValue", store));
    }
    for user in account.target.users {
        let named = || vec![("UserName", (*user).to_owned())];
        calls.push(Call::Form("iam", "CreateAccessKey", named()));
        let mut tag = named();
        tag.extend([
            ("Tags.member.1.Key", "keyrota:making".to_owned()),
            ("Tags.member.1.Value", "1".to_owned()),
        ]);
        calls.push(Call::Form("iam", "TagUser", tag));
    }
    for key in &account.outsiders {
        let fields = vec![
            ("UserName", OUTSIDER.to_owned()),
            ("AccessKeyId", key.id.clone()),
        ];
        calls.push(Call::Form("iam", "DeleteAccessKey", fields));
    }
    let stack = || vec![("StackName", account.target.stack.to_owned())];
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
    let schedule = json!({ "KeyId": account.kms_key, "PendingWindowInDays": 7 });
    calls.push(Call::Json(
        "kms",
        "TrentService.ScheduleKeyDeletion",
        schedule,
    ));
    for key in [
        format!("{}/function/theirs.zip", account.target.stack),
        format!("{}/template/theirs.yaml", account.target.stack),
        "theirs".to_owned(),
    ] {
        calls.push(Call::Put(account.bucket.clone(), key.clone()));
        calls.push(Call::Get(account.bucket.clone(), key.clone()));
    }
    let read = json!({ "logGroupName": format!("/keyrota/{}", account.target.stack) });
    calls.push(Call::Json("logs", "Logs_20140328.FilterLogEvents", read));
    calls
}

/// Grants everything to the attacker.
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
