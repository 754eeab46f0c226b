//! The permissions that a survey needs.

use serde_json::{Value, json};

use super::SurveyOptions;
use crate::model::Region;

/// Returns the IAM policy that a survey with these options needs. Without a Region, it names every
/// Region.
///
/// `iam:GenerateCredentialReport` is the only action that is not a read. It creates a report, and
/// changes no resource.
pub fn survey_policy(options: SurveyOptions, region: Option<&Region>) -> Value {
    let partition = region.map_or("aws", Region::partition);
    let suffix = region.map_or("amazonaws.com", Region::dns_suffix);
    let region = region.map_or("*", Region::as_str);
    let allow = |sid: &str, actions: &[&str], resource: String| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": [resource] });
    // None of these supports resources.
    let mut statements = vec![allow(
        "SurveyAccount",
        &[
            "iam:GenerateCredentialReport",
            "iam:GetCredentialReport",
            "iam:ListUsers",
            "secretsmanager:ListSecrets",
        ],
        "*".to_owned(),
    )];
    statements.push(allow(
        "SurveyKeys",
        &["iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"],
        format!("arn:{partition}:iam::*:user/*"),
    ));
    if options.cloudtrail {
        let actions = ["cloudtrail:LookupEvents"];
        statements.push(allow("SurveyEvents", &actions, "*".to_owned()));
    }
    if options.read_values {
        statements.push(allow(
            "SurveyValues",
            &["secretsmanager:GetSecretValue"],
            format!("arn:{partition}:secretsmanager:{region}:*:secret:*"),
        ));
        let mut decrypt = allow(
            "SurveyEncryptedValues",
            &["kms:Decrypt"],
            format!("arn:{partition}:kms:{region}:*:key/*"),
        );
        let via = format!("secretsmanager.{region}.{suffix}");
        decrypt["Condition"] = json!({ "StringLike": { "kms:ViaService": via } });
        statements.push(decrypt);
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(read_values: bool, cloudtrail: bool) -> Vec<String> {
        let options = SurveyOptions {
            read_values,
            cloudtrail,
        };
        let policy = survey_policy(options, None);
        let statements = policy["Statement"].as_array().unwrap();
        let actions = statements
            .iter()
            .flat_map(|it| it["Action"].as_array().unwrap());
        actions.map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_option_adds_its_own_permissions() {
        let base = actions(false, false);
        assert_eq!(base.len(), 6, "{base:?}");
        assert_eq!(actions(false, true)[6..], ["cloudtrail:LookupEvents"]);
        assert_eq!(
            actions(true, false)[6..],
            ["secretsmanager:GetSecretValue", "kms:Decrypt"]
        );
        assert_eq!(actions(true, true).len(), 9);
    }

    #[test]
    fn the_region_decides_the_partition() {
        let options = SurveyOptions {
            read_values: true,
            cloudtrail: false,
        };
        let china = Region::parse("cn-north-1").unwrap();
        let policy = survey_policy(options, Some(&china)).to_string();
        for part in [
            "arn:aws-cn:iam::*:user/*",
            "arn:aws-cn:secretsmanager:cn-north-1:*:secret:*",
            "secretsmanager.cn-north-1.amazonaws.com",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
    }
}
