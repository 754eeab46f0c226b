//! Permissions on one secret, and on the function.

use serde_json::json;

use super::account::Account;

/// All permissions on one secret.
pub const ALL: &[&str] = &[
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:PutSecretValue",
    "secretsmanager:ReplicateSecretToRegions",
    "secretsmanager:RestoreSecret",
    "secretsmanager:RotateSecret",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
    "lambda:InvokeFunction",
];

/// Returns a policy that allows actions on the attacked secret, or on the function.
pub fn policy(account: &Account, actions: &[&str]) -> String {
    let secret = format!(
        "arn:aws:secretsmanager:*:*:secret:{}-??????",
        account.target.secret
    );
    let mut on_secret = Vec::new();
    let mut on_function = Vec::new();
    for action in actions {
        match action.starts_with("lambda:") {
            true => on_function.push(action),
            false => on_secret.push(action),
        }
    }
    let mut statements = Vec::new();
    for (actions, resource) in [
        (on_secret, secret),
        (
            on_function,
            format!("arn:aws:lambda:*:*:function:{}", account.function),
        ),
    ] {
        if !actions.is_empty() {
            statements.push(json!({
                "Effect": "Allow", "Action": actions, "Resource": resource,
            }));
        }
    }
    // Encrypting with one's own key needs permissions for that key.
    if actions.contains(&"secretsmanager:UpdateSecret") {
        statements.push(json!({
            "Effect": "Allow", "Resource": account.kms_key,
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}
