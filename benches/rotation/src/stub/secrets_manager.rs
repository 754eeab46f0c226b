//! Secrets Manager's JSON: the actions that rotation functions call.

use serde_json::{Value, json};

use super::account::{Account, ROLE_KEY, SECRET_ARN, SECRET_NAME};
use super::refusal::Refusal;
use super::secret::CURRENT;

/// Answers a call that was signed with the access key `signer`.
///
/// # Errors
///
/// Refuses what the service would refuse.
pub fn answer(
    account: &mut Account,
    signer: &str,
    action: &str,
    request: &Value,
) -> Result<Value, Refusal> {
    if signer != ROLE_KEY {
        let message = "the security token included in the request is invalid";
        return Err(Refusal::new("UnrecognizedClientException", message));
    }
    if action == "GetRandomPassword" {
        let made = account.random_password(request)?;
        return Ok(json!({ "RandomPassword": made }));
    }
    let named = request["SecretId"].as_str();
    if !named.is_some_and(|named| [SECRET_ARN, SECRET_NAME].contains(&named)) {
        return Err(Refusal::new(
            "ResourceNotFoundException",
            "there is no such secret",
        ));
    }
    match action {
        "DescribeSecret" => Ok(describe(account)),
        "GetSecretValue" => get_value(account, request),
        "PutSecretValue" => put_value(account, request),
        "UpdateSecretVersionStage" => update_stage(account, request),
        _ => Err(Refusal::new("InvalidAction", action)),
    }
}

fn describe(account: &Account) -> Value {
    let mut answer = json!({
        "ARN": SECRET_ARN,
        "Name": SECRET_NAME,
        "RotationEnabled": true,
        "RotationRules": { "ScheduleExpression": "rate(1 day)" },
        "VersionIdsToStages": account.secret.labels(),
    });
    if let Some(ended) = account.secret.last_rotated() {
        answer["LastRotatedDate"] = ended.seconds().into();
    }
    answer
}

fn get_value(account: &Account, request: &Value) -> Result<Value, Refusal> {
    let id = request["VersionId"].as_str();
    let label = request["VersionStage"].as_str();
    let found = account.secret.value(id, label)?;
    Ok(json!({
        "ARN": SECRET_ARN,
        "Name": SECRET_NAME,
        "VersionId": found.id,
        "SecretString": found.value,
        "VersionStages": found.labels,
        "CreatedDate": found.created.seconds(),
    }))
}

fn put_value(account: &mut Account, request: &Value) -> Result<Value, Refusal> {
    let invalid = |field| Refusal::new("InvalidParameterException", field);
    let id = request["ClientRequestToken"]
        .as_str()
        .ok_or_else(|| invalid("ClientRequestToken"))?;
    let value = request["SecretString"]
        .as_str()
        .ok_or_else(|| invalid("SecretString"))?;
    let labels: Vec<&str> = match request["VersionStages"].as_array() {
        Some(labels) => labels.iter().filter_map(Value::as_str).collect(),
        None => vec![CURRENT],
    };
    account.secret.put(id, value, &labels)?;
    Ok(json!({
        "ARN": SECRET_ARN,
        "Name": SECRET_NAME,
        "VersionId": id,
        "VersionStages": labels,
    }))
}

fn update_stage(account: &mut Account, request: &Value) -> Result<Value, Refusal> {
    let label = request["VersionStage"]
        .as_str()
        .ok_or_else(|| Refusal::new("InvalidParameterException", "VersionStage"))?;
    let to = request["MoveToVersionId"].as_str();
    let from = request["RemoveFromVersionId"].as_str();
    account.secret.move_label(label, to, from)?;
    Ok(json!({ "ARN": SECRET_ARN, "Name": SECRET_NAME }))
}
