//! The grants for the keys of the logs, the topic, and the functions' environment.

use serde_json::json;

use super::Command::{Bootstrap, DetectDrift, Plan};
use super::secret::{any_key, tagged, via};
use super::{Action, Grant, Scope, each};
use crate::model::{Encrypt, ServiceKey};
use crate::render::Strategy;

/// The checks before a deployment look each key up.
const LOOK_UP: &[Action] = &[("kms:DescribeKey", &[Plan, Bootstrap])];

/// They also read which services the policy of a key for the logs or the topic lets use it.
const READ_POLICY: &[Action] = &[("kms:GetKeyPolicy", &[Plan, Bootstrap])];

/// Lambda encrypts the environment with the caller's permissions, and creates a grant with which
/// it decrypts it later (`configuration-envvars-encryption`). The actions are those of the
/// schema of AWS::Lambda::Function. `kms:DescribeKey` is granted above or with the stack's key.
const ENVIRONMENT: &[Action] = &[
    ("kms:CreateGrant", &[Bootstrap]),
    ("kms:Decrypt", &[Bootstrap, DetectDrift]),
    ("kms:Encrypt", &[Bootstrap]),
    ("kms:GenerateDataKey", &[Bootstrap]),
];

/// A log group that exists is associated with another key, or with none.
const LOGS: &[Action] = &[
    ("logs:AssociateKmsKey", &[Bootstrap]),
    ("logs:DisassociateKmsKey", &[Bootstrap]),
];

/// Returns the grants for the keys in `encrypt`. Those for managing a key that the stack creates
/// are with the key of the secrets.
pub fn grants(scope: &Scope<'_>) -> Vec<Grant> {
    let Scope {
        model, resolver, ..
    } = scope;
    let Encrypt {
        logs, environment, ..
    } = &model.encrypt;
    let existing = |field: fn(&str) -> bool| {
        let keys = model.encrypt.keys().filter(|(name, _)| field(name));
        each(keys.filter_map(|(_, key)| Some(key.existing()?.to_string())))
    };
    let mut grants = vec![
        Grant::new("FindKeys", "key", existing(|_| true), LOOK_UP),
        Grant::new(
            "ReadKeyPolicies",
            "key",
            existing(|field| field != "environment"),
            READ_POLICY,
        ),
    ];
    if model.encrypt.creates() {
        let own = Grant::new("FindOwnKey", "key", any_key(scope), LOOK_UP);
        grants.push(own.when(tagged(scope, json!({}))));
    }
    let lambda = via(&resolver.regional_service("lambda"));
    match environment {
        Some(ServiceKey::Create) => grants.push(
            Grant::new("EncryptEnvironment", "key", any_key(scope), ENVIRONMENT)
                .when(tagged(scope, lambda)),
        ),
        Some(ServiceKey::Existing(arn)) => grants.push(
            Grant::new(
                "EncryptEnvironment",
                "key",
                vec![arn.to_string()],
                ENVIRONMENT,
            )
            .when(json!({ "StringEquals": lambda })),
        ),
        None => {}
    }
    if logs.is_some() {
        let groups = Strategy::of(model).flat_map(|strategy| {
            let group = format!("log-group:{}", strategy.log_group_name(&model.stack));
            [
                resolver.arn("logs", &group),
                resolver.arn("logs", &format!("{group}:*")),
            ]
        });
        grants.push(Grant::new("Log", "log group", groups.collect(), LOGS));
    }
    grants
}
