//! How each type of resource is changed.

use aws_sdk_lambda::primitives::Blob;
use serde_json::json;

use super::Held;
use super::account::{cloudwatch, events, sns};
use super::remove::{function, policy_of, set_topic_policy};
use crate::environment::{ACCOUNT, REGION, TestEnvironment};
use crate::pins::bare;

/// A policy that allows nothing that the stack needs.
fn other_policy() -> String {
    let statement = json!({ "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

/// Changes a resource behind CloudFormation's back.
pub async fn change(test: &TestEnvironment, held: &Held) {
    let id = held.physical_id.as_str();
    match held.kind.as_str() {
        "AWS::CloudWatch::Alarm" => cloudwatch(test, "DisableAlarmActions", id).await,
        "AWS::Events::Rule" => {
            events(test, "DisableRule", &json!({ "Name": id })).await;
        }
        "AWS::IAM::Role" => {
            let request = test.iam.update_role().role_name(id);
            let request = request.description("another").send().await;
            request.expect("the role is changed");
        }
        "AWS::IAM::RolePolicy" => {
            let (name, role) = policy_of(held);
            let request = test.iam.put_role_policy().role_name(role);
            let request = request.policy_name(name).policy_document(other_policy());
            request.send().await.expect("the policy is changed");
        }
        "AWS::IAM::User" => {
            let tag = aws_sdk_iam::types::Tag::builder().key("team");
            let tag = tag.value("another").build().expect("a tag");
            let request = test.iam.tag_user().user_name(id).tags(tag);
            request.send().await.expect("the tag is written");
        }
        "AWS::IAM::UserPolicy" => {
            let (name, user) = policy_of(held);
            let request = test.iam.put_user_policy().user_name(user);
            let request = request.policy_name(name).policy_document(other_policy());
            request.send().await.expect("the policy is changed");
        }
        "AWS::KMS::Alias" => {
            let made = test.kms.create_key().send().await.expect("a key");
            let key = made.key_metadata.expect("metadata").key_id;
            let request = test.kms.update_alias().alias_name(id).target_key_id(key);
            request.send().await.expect("the alias is changed");
        }
        "AWS::KMS::Key" => {
            let request = test.kms.update_key_description().key_id(id);
            let request = request.description("another").send().await;
            request.expect("the key is changed");
        }
        "AWS::Lambda::Function" => {
            let request = test.lambda.update_function_configuration();
            let request = request.function_name(id).memory_size(512).send().await;
            request.expect("the function is changed");
        }
        "AWS::Lambda::Permission" => change_permission(test, held).await,
        "AWS::Logs::LogGroup" => {
            let request = test.logs.put_retention_policy().log_group_name(id);
            let request = request.retention_in_days(1).send().await;
            request.expect("the log group is changed");
        }
        "AWS::SNS::Subscription" => {
            let fields = [
                ("SubscriptionArn", id),
                ("AttributeName", "FilterPolicy"),
                ("AttributeValue", "{\"never\":[\"met\"]}"),
            ];
            sns(test, "SetSubscriptionAttributes", &fields).await;
        }
        "AWS::SNS::Topic" => {
            let fields = [
                ("TopicArn", id),
                ("AttributeName", "DisplayName"),
                ("AttributeValue", "another"),
            ];
            sns(test, "SetTopicAttributes", &fields).await;
        }
        "AWS::SNS::TopicPolicy" => {
            let statement = json!({
                "Sid": "EventsMayPublish", "Effect": "Deny", "Action": "sns:Publish",
                "Principal": "*", "Resource": "*",
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
            set_topic_policy(test, &policy).await;
        }
        "AWS::SecretsManager::ResourcePolicy" => {
            let statement = json!({
                "Sid": "Readers", "Effect": "Allow", "Action": "secretsmanager:DescribeSecret",
                "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:role/app") },
                "Resource": "*",
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
            let request = test.secretsmanager.put_resource_policy().secret_id(id);
            let request = request.resource_policy(policy.to_string()).send().await;
            request.expect("the policy is changed");
        }
        "AWS::SecretsManager::RotationSchedule" => {
            let rules = aws_sdk_secretsmanager::types::RotationRulesType::builder();
            let rules = rules.schedule_expression("rate(300 days)").build();
            let request = test.secretsmanager.rotate_secret().secret_id(id);
            let request = request.rotation_rules(rules).rotate_immediately(false);
            request.send().await.expect("the schedule is changed");
        }
        "AWS::SecretsManager::Secret" => {
            let request = test.secretsmanager.update_secret().secret_id(id);
            let request = request.description("another").send().await;
            request.expect("the secret is changed");
        }
        other => panic!("write here how {other} is changed"),
    }
}

/// Lets another service assume a role.
pub async fn change_trust(test: &TestEnvironment, role: &str) {
    let statement = json!({
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "ec2.amazonaws.com" },
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    let request = test.iam.update_assume_role_policy().role_name(role);
    let request = request.policy_document(policy.to_string()).send().await;
    request.expect("the trust policy is changed");
}

/// Lets another service invoke the function with the Sid of a permission.
pub async fn change_principal(test: &TestEnvironment, held: &Held) {
    let function = function(test).await;
    let request = test.lambda.remove_permission().function_name(&function);
    let request = request.statement_id(&held.physical_id).send().await;
    request.expect("the permission is removed");
    let request = test.lambda.add_permission().function_name(&function);
    let request = request
        .statement_id(&held.physical_id)
        .action("lambda:InvokeFunction")
        .principal("s3.amazonaws.com")
        .source_account(ACCOUNT);
    request.send().await.expect("the permission is added");
}

/// Returns the SHA-256 of the function's code.
pub async fn code(test: &TestEnvironment) -> String {
    let request = test.lambda.get_function_configuration();
    let request = request.function_name(function(test).await).send().await;
    let code = request.expect("the function").code_sha256;
    code.expect("the SHA-256 of its code")
}

/// Replaces the code of the function with the zip file without pins.
pub async fn replace_code(test: &TestEnvironment) {
    let zip = bare().bytes().to_vec();
    let request = test.lambda.update_function_code();
    let request = request.function_name(function(test).await);
    let request = request.zip_file(Blob::new(zip)).send().await;
    request.expect("the code is replaced");
}

/// Has CloudWatch Logs encrypt a log group with its own key.
pub async fn disassociate_key(test: &TestEnvironment, group: &str) {
    let request = test.logs.disassociate_kms_key().log_group_name(group);
    request.send().await.expect("the log group has no key");
}

/// Adds a condition that no request meets, which is no property of the template.
async fn change_permission(test: &TestEnvironment, held: &Held) {
    let function = function(test).await;
    let request = test.lambda.get_policy().function_name(&function);
    let policy = request.send().await.expect("the policy").policy;
    let policy: serde_json::Value = serde_json::from_str(&policy.expect("a policy")).expect("JSON");
    let mut statements = policy["Statement"].as_array().expect("statements").iter();
    let statement = statements.find(|it| it["Sid"] == held.physical_id.as_str());
    let service = statement.expect("the statement")["Principal"]["Service"].clone();
    let request = test.lambda.remove_permission().function_name(&function);
    let request = request.statement_id(&held.physical_id).send().await;
    request.expect("the permission is removed");
    let other = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:another-AbCdEf");
    let request = test.lambda.add_permission().function_name(&function);
    let request = request
        .statement_id(&held.physical_id)
        .action("lambda:InvokeFunction")
        .principal(service.as_str().expect("a service"))
        .source_account(ACCOUNT)
        .source_arn(other);
    request.send().await.expect("the permission is added");
}
