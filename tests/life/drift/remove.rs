//! How each type of resource is removed.

use serde_json::{Value, json};

use super::Held;
use super::account::{cloudwatch, events, sns};
use crate::environment::TestEnvironment;

/// Returns the name of a resource's holder and its own, from an ID that has both.
pub fn policy_of(held: &Held) -> (String, String) {
    let (name, holder) = held
        .physical_id
        .split_once('|')
        .expect("a policy and its holder");
    (name.to_owned(), holder.to_owned())
}

/// Removes a resource behind CloudFormation's back.
pub async fn remove(test: &TestEnvironment, held: &Held) {
    let id = held.physical_id.as_str();
    match held.kind.as_str() {
        "AWS::CloudWatch::Alarm" => cloudwatch(test, "DeleteAlarms", id).await,
        "AWS::Events::Rule" => remove_rule(test, id).await,
        "AWS::IAM::Role" => remove_role(test, id).await,
        "AWS::IAM::RolePolicy" => {
            let (name, role) = policy_of(held);
            let request = test.iam.delete_role_policy().role_name(role);
            let request = request.policy_name(name).send().await;
            request.expect("the policy is deleted");
        }
        "AWS::IAM::User" => {
            for key in test.keys(id).await.expect("keys").into_keys() {
                test.delete_key(id, &key).await;
            }
            let request = test.iam.delete_user().user_name(id);
            request.send().await.expect("the user is deleted");
        }
        "AWS::IAM::UserPolicy" => {
            let (name, user) = policy_of(held);
            let request = test.iam.delete_user_policy().user_name(user);
            let request = request.policy_name(name).send().await;
            request.expect("the policy is deleted");
        }
        "AWS::KMS::Alias" => {
            let request = test.kms.delete_alias().alias_name(id).send().await;
            request.expect("the alias is deleted");
        }
        "AWS::KMS::Key" => {
            let request = test.kms.schedule_key_deletion().key_id(id);
            request.send().await.expect("the deletion is scheduled");
        }
        "AWS::Lambda::Function" => {
            let request = test.lambda.delete_function().function_name(id);
            request.send().await.expect("the function is deleted");
        }
        "AWS::Lambda::Permission" => {
            let request = test.lambda.remove_permission().statement_id(id);
            let request = request.function_name(function(test).await);
            request.send().await.expect("the permission is removed");
        }
        "AWS::Logs::LogGroup" => {
            let request = test.logs.delete_log_group().log_group_name(id);
            request.send().await.expect("the log group is deleted");
        }
        "AWS::SNS::Subscription" => {
            sns(test, "Unsubscribe", &[("SubscriptionArn", id)]).await;
        }
        "AWS::SNS::Topic" => sns(test, "DeleteTopic", &[("TopicArn", id)]).await,
        "AWS::SNS::TopicPolicy" => set_topic_policy(test, &json!({ "Statement": [] })).await,
        "AWS::SecretsManager::ResourcePolicy" => {
            let request = test.secretsmanager.delete_resource_policy();
            let request = request.secret_id(id).send().await;
            request.expect("the policy is deleted");
        }
        "AWS::SecretsManager::RotationSchedule" => {
            let request = test.secretsmanager.cancel_rotate_secret();
            let request = request.secret_id(id).send().await;
            request.expect("rotation is disabled");
        }
        "AWS::SecretsManager::Secret" => {
            let request = test.secretsmanager.delete_secret().secret_id(id);
            let request = request.force_delete_without_recovery(true).send().await;
            request.expect("the secret is deleted");
        }
        other => panic!("write here how {other} is removed"),
    }
}

/// Returns the name of the stack's function.
pub async fn function(test: &TestEnvironment) -> String {
    super::current(test, "Function").await.physical_id
}

/// Gives the topic another policy.
pub async fn set_topic_policy(test: &TestEnvironment, policy: &Value) {
    let topic = super::current(test, "AlarmTopic").await.physical_id;
    let policy = policy.to_string();
    let fields = [
        ("TopicArn", topic.as_str()),
        ("AttributeName", "Policy"),
        ("AttributeValue", policy.as_str()),
    ];
    sns(test, "SetTopicAttributes", &fields).await;
}

async fn remove_rule(test: &TestEnvironment, rule: &str) {
    let targets = events(test, "ListTargetsByRule", &json!({ "Rule": rule })).await;
    let targets = targets["Targets"].as_array().expect("targets");
    let ids: Vec<&Value> = targets.iter().map(|target| &target["Id"]).collect();
    events(test, "RemoveTargets", &json!({ "Rule": rule, "Ids": ids })).await;
    events(test, "DeleteRule", &json!({ "Name": rule })).await;
}

async fn remove_role(test: &TestEnvironment, role: &str) {
    let request = test.iam.list_role_policies().role_name(role).send().await;
    for policy in request.expect("policies").policy_names {
        let request = test.iam.delete_role_policy().role_name(role);
        let request = request.policy_name(policy).send().await;
        request.expect("the policy is deleted");
    }
    let request = test.iam.delete_role().role_name(role).send().await;
    request.expect("the role is deleted");
}

/// Creates a role as the remedy says.
pub async fn make_role_again(test: &TestEnvironment, role: &str) {
    let statement = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "lambda.amazonaws.com" },
    });
    let trust = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let request = test.iam.create_role().role_name(role);
    let request = request.assume_role_policy_document(trust.to_string());
    request.send().await.expect("the role is made");
}
