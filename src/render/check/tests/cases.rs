//! One mutation for each rule, of a rendering that passes the check.

use super::{BOTH, BOUNDARY, DATABASES, ENCRYPT, EVERYTHING, NOTIFY, swap};

/// Placeholders for secrets. The first two are from AWS's documentation.
pub const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET_PART: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE";
pub const PASSWORD: &str = "correct-horse";

/// A way to violate one rule.
pub struct Case {
    pub rule: &'static str,
    pub manifest: &'static str,
    pub edit: fn(&str) -> String,
}

const FOREIGN: &str = "\
version: 1
stack: keys
account: \"111122223333\"
alarms: { email: [ops@example.com] }
access_keys:
  - { user: ada, readers: [\"arn:aws:iam::444455556666:root\"] }
";
const EXCEPTIONS: &str = "\
version: 1
stack: keys
alarms: { email: [ops@example.com] }
access_keys: [{ user: ada }]
exceptions:
  - { rule: kms-rotatoin, reason: because of this }
  - { rule: stack-resources, reason: because of this }
  - { rule: kms-rotation, reason: because of this }
";

const FIFO: &str = "\
version: 1
stack: keys
account: \"111122223333\"
region: eu-west-1
alarms: { email: [ops@example.com] }
access_keys:
  - { user: ada, secret: ada, notify: [\"arn:aws:sqs:eu-west-1:111122223333:rotated.fifo\"] }
";

/// Adds resources before the outputs.
fn with(text: &str, resources: &str) -> String {
    swap(text, "\nOutputs:\n", &format!("\n{resources}\nOutputs:\n"))
}

/// Adds statements to one of the role's policies.
fn allowing(text: &str, statement: &str) -> String {
    let first = "          - Sid: WriteItsLog\n";
    swap(text, first, &format!("          - {statement}\n{first}"))
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

macro_rules! cases {
    ($($rule:literal, $manifest:expr => $edit:expr;)*) => {
        [$(Case { rule: $rule, manifest: $manifest, edit: $edit }),*]
    };
}

/// Returns every case, in the order of the rules.
pub fn all() -> impl Iterator<Item = Case> {
    limits()
        .into_iter()
        .chain(policies())
        .chain(people())
        .chain(services())
        .chain(secrets())
        .chain(databases())
        .chain(rest())
        .chain(deployer())
}

fn deployer() -> impl IntoIterator<Item = Case> {
    cases! {
        "deployer-permission", EVERYTHING => |text| {
            let replicas = "    Properties:\n      ReplicaRegions: [{ Region: us-west-2 }]\n      Name: ";
            let text = swap(text, "    Properties:\n      Name: ", replicas);
            with(&text, "  Own:\n    Type: AWS::CloudWatch::Dashboard\n")
        };
    }
}

fn limits() -> impl IntoIterator<Item = Case> {
    cases! {
        "stack-resources", EVERYTHING => |text| {
            with(text, &lines(480, |n| format!("  Alias{n}:\n    Type: AWS::KMS::Alias\n")))
        };
        "stack-parameters", EVERYTHING => |text| {
            let many = lines(199, |n| format!("  Many{n}: {{ Type: String }}\n"));
            swap(text, "Parameters:\n", &format!("Parameters:\n{many}"))
        };
        "stack-outputs", EVERYTHING => |text| {
            let many = lines(199, |n| format!("  Many{n}: {{ Value: x }}\n"));
            swap(text, "Outputs:\n", &format!("Outputs:\n{many}"))
        };
        "template-size", EVERYTHING => |text| format!("{text}# {}\n", "-".repeat(1_000_000));
        "description-length", EVERYTHING => |text| {
            let long = "x".repeat(257);
            swap(text, "Description: Rotates the access keys in this stack's secrets", &format!("Description: {long}"))
        };
        "event-pattern-size", EVERYTHING => |text| {
            swap(text, "[aws.secretsmanager]", &format!("[aws.secretsmanager, {}]", "x".repeat(2_048)))
        };
        "rule-targets", EVERYTHING => |text| {
            let many = lines(5, |n| format!("        - {{ Id: More{n}, Arn: !Ref AlarmTopic }}\n"));
            swap(text, "      Targets:\n", &format!("      Targets:\n{many}"))
        };
        "target-input-size", EVERYTHING => |text| {
            swap(text, "{\"keyrota\":\"sweep\"", &format!("{{\"x\":\"{}\",\"keyrota\":\"sweep\"", "x".repeat(8_192)))
        };
        "function-environment-size", EVERYTHING => |text| {
            let environment = format!("      Environment: {{ Variables: {{ X: {} }} }}\n", "x".repeat(4_096));
            swap(text, "      Handler: ", &format!("{environment}      Handler: "))
        };
        "role-inline-size", EVERYTHING => |text| {
            let long = "x".repeat(10_240);
            with(text, &format!("  More:\n    Type: AWS::IAM::Policy\n    Properties:\n      Roles: [!Ref FunctionRole]\n      PolicyDocument: {{ Statement: [{{ Effect: Deny, Sid: {long} }}] }}\n"))
        };
        "user-inline-size", EVERYTHING => |text| {
            let long = "x".repeat(2_048);
            swap(text, "Sid: ManageOwnAccessKeys", &format!("Sid: {long}"))
        };
        "managed-policy-size", EVERYTHING => |text| {
            let long = "x".repeat(6_144);
            with(text, &format!("  More:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument: {{ Statement: [{{ Effect: Deny, Sid: {long} }}] }}\n"))
        };
        "attached-policies", EVERYTHING => |text| {
            let many = lines(11, |n| format!("        - arn:aws:iam::aws:policy/More{n}\n"));
            swap(text, "      AssumeRolePolicyDocument:", &format!("      ManagedPolicyArns:\n{many}      AssumeRolePolicyDocument:"))
        };
        "trust-policy-size", EVERYTHING => |text| {
            swap(text, "Sid: LambdaMayAssume", &format!("Sid: {}", "x".repeat(2_048)))
        };
        "key-policy-size", EVERYTHING => |text| {
            swap(text, "Sid: UsedByTheFunction", &format!("Sid: {}", "x".repeat(32_768)))
        };
        "secret-policy-size", EVERYTHING => |text| {
            swap(text, "Sid: Readers\n", &format!("Sid: {}\n", "x".repeat(20_480)))
        };
        "topic-policy-size", EVERYTHING => |text| {
            swap(text, "Sid: AlarmsMayPublish", &format!("Sid: {}", "x".repeat(30_720)))
        };
        "function-policy-size", EVERYTHING => |text| {
            with(text, &lines(90, |n| format!(
                "  Permission{n}:\n    Type: AWS::Lambda::Permission\n    Properties:\n      Action: lambda:InvokeFunction\n      FunctionName: !GetAtt Function.Arn\n      Principal: events.amazonaws.com\n      SourceArn: !GetAtt SweepRule.Arn\n"
            )))
        };
    }
}

fn policies() -> impl IntoIterator<Item = Case> {
    cases! {
        "logical-id", EVERYTHING => |text| swap(text, "\n  EncryptionKeyAlias:", "\n  Encryption-Key-Alias:");
        "secret-name", EVERYTHING => |text| swap(text, "Name: \"prod/archive\"", "Name: \"prod/archive-backup\"");
        "user-name", EVERYTHING => |text| swap(text, "UserName: \"mailer\"", "UserName: \"mail er\"");
        "iam-name", EVERYTHING => |text| swap(text, "PolicyName: \"keyrota-Log\"", "PolicyName: \"keyrota/Log\"");
        "iam-path", BOUNDARY => |text| swap(text, "Path: \"/platform/keyrota/\"", "Path: \"/platform/keyrota\"");
        "log-group-name", EVERYTHING => |text| swap(text, "LogGroupName: \"/keyrota/everything\"", "LogGroupName: \"/keyrota/every thing\"");
        "alias-name", EVERYTHING => |text| swap(text, "alias/keyrota-everything", "alias/aws/keyrota");
        "duplicate-name", EVERYTHING => |text| {
            with(text, "  Other:\n    Type: AWS::IAM::User\n    Properties: { UserName: MAILER, Tags: [] }\n")
        };
        "tag-limits", EVERYTHING => |text| {
            swap(text, "- { Key: \"team\"", "- { Key: \"aws:mine\", Value: \"\" }\n        - { Key: \"team\", Value: \"\" }\n        - { Key: \"team\"")
        };
        "dangling-reference", EVERYTHING => |text| swap(text, "Resource: !GetAtt FunctionLogGroup.Arn", "Resource: !GetAtt LogGroup.Arn");
        "circular-reference", EVERYTHING => |text| {
            swap(text, "      Description: Execution role of the rotation function", "      Description: !Sub \"for ${Function}\"")
        };
        "partial-secret-arn", EVERYTHING => |text| {
            swap(text, "- !Ref SecretProdArchiveb3d8483c\n", "- !Sub \"arn:aws:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:prod/archive\"\n")
        };
        "foreign-account", EVERYTHING => |text| {
            allowing(text, "{ Effect: Deny, Action: \"*\", Resource: [\"arn:aws:iam::444455556666:user/ada\", \"arn:aws:sns:us-east-1:111122223333:topic\"] }")
        };
        "unexplained-wildcard", EVERYTHING => |text| {
            swap(text, "Action: lambda:InvokeFunction", "Action: lambda:InvokeFunction").replacen("              - iam:CreateAccessKey\n", "              - iam:Create*\n", 1)
        };
        "negated-statement", EVERYTHING => |text| {
            allowing(text, "{ Effect: Allow, NotAction: iam:CreateUser, Resource: !GetAtt FunctionLogGroup.Arn }")
        };
        "unpinned-resource", EVERYTHING => |text| {
            swap(text, "arn:${AWS::Partition}:iam::${AWS::AccountId}:user/${!aws:username}", "arn:aws:iam::*:user/${!aws:username}")
        };
        "role-trust", EVERYTHING => |text| {
            swap(text, "{ Service: lambda.amazonaws.com }", "{ Service: lambda.amazonaws.com, AWS: !Sub \"arn:aws:iam::${AWS::AccountId}:root\" }")
        };
        "function-role-actions", EVERYTHING => |text| swap(text, "- logs:PutLogEvents", "- logs:PutLogEvents\n              - logs:DeleteLogGroup");
        "function-role-resources", EVERYTHING => |text| {
            swap(text, "- !GetAtt UserMailer2e4330b8.Arn", "- !GetAtt UserMailer2e4330b8.Arn\n              - !Sub \"arn:aws:iam::${AWS::AccountId}:user/root-admin\"")
        };
        "permissions-boundary", BOUNDARY => |text| {
            text.replace("      PermissionsBoundary: \"arn:aws:iam::111122223333:policy/boundaries/workload\"\n", "")
        };
        "role-path", BOUNDARY => |text| swap(text, "      Path: \"/platform/keyrota/\"\n", "");
        "role-foreign-policy", EVERYTHING => |text| {
            swap(text, "      AssumeRolePolicyDocument:", "      ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess]\n      AssumeRolePolicyDocument:")
        };
        "role-foreign-policy", EVERYTHING => |text| {
            with(text, "  All: { Type: AWS::IAM::Group, Properties: { ManagedPolicyArns: [arn:aws:iam::aws:policy/AdministratorAccess] } }")
        };
        "user-permissions", EVERYTHING => |text| {
            with(text, "  More: { Type: AWS::IAM::UserToGroupAddition, Properties: { GroupName: administrators, Users: [mailer] } }")
        };
        "user-permissions", EVERYTHING => |text| {
            let statement = "{ Effect: Allow, Action: iam:PutUserPolicy, Resource: !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:user/ada\" }";
            with(text, &format!("  More:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      Users: [mailer]\n      PolicyDocument: {{ Statement: [{statement}] }}"))
        };
        "user-permissions", EVERYTHING => |text| {
            swap(text, "user/${!aws:username}", "user/ada")
        };
        "user-permissions", EVERYTHING => |text| {
            swap(text, "      UserName: \"mailer\"\n", "      UserName: \"mailer\"\n      Groups: [administrators]\n")
        };
        "access-key-resource", EVERYTHING => |text| {
            with(text, "  Key:\n    Type: AWS::IAM::AccessKey\n    Properties: { UserName: ci-deployer }\n")
        };
    }
}

/// A database with a questionable network, verification, and password rule.
const DOUBTFUL: &str = "\
version: 1
stack: keys
alarms: { email: [ops@example.com] }
databases:
  - { secret: a, engine: postgres, host: 192.168.7.7, username: a, tls: require }
  - { secret: b, engine: mysql, host: b.eu-west-1.rds.amazonaws.com, username: b, tls: verify-ca }
  - { secret: c, engine: mariadb, host: db, username: c, password: { length: 9 } }
  - { secret: d, engine: mysql, host: d.proxy-c0ffee.eu-west-1.rds.amazonaws.com, username: d, propagation: 50s }
";

fn databases() -> impl IntoIterator<Item = Case> {
    cases! {
        "database-network", DATABASES => |text| {
            swap(&swap(text, "          - \"subnet-0f9e8d7c6b5a43210\"\n", "          - !Ref ArtifactKey\n"), "          - \"sg-0a1b2c3d4e5f67890\"\n", "          - \"sg-00000000\"\n")
        };
        "database-network", BOTH => |text| {
            let from = text.find("      # These subnets need").unwrap();
            let end = text.find("      LoggingConfig:\n        LogGroup: !Ref DatabaseFunctionLogGroup").unwrap();
            format!("{}{}", &text[..from], &text[end..])
        };
        "network-waits-for-policy", DATABASES => |text| swap(text, "    DependsOn: DatabaseFunctionRoleNetwork\n", "");
        "network-waits-for-policy", DATABASES => |text| {
            let text = swap(text, "              - ec2:DeleteNetworkInterface\n", "");
            with(&text, "  Later:\n    Type: AWS::IAM::RolePolicy\n    Properties: { RoleName: !Ref DatabaseFunctionRole, PolicyName: Later, PolicyDocument: { Version: \"2012-10-17\", Statement: [{ Effect: Allow, Action: \"ec2:DeleteNetworkInterface\", Resource: \"*\" }] } }\n")
        };
        "network-code-denied", DATABASES => |text| {
            swap(text, "                lambda:SourceFunctionArn: !GetAtt DatabaseFunction.Arn\n", "                lambda:SourceFunctionArn: !GetAtt DatabaseFunction.Arn\n                aws:PrincipalArn: arn:aws:iam::111122223333:role/a\n")
        };
        "network-code-denied", DATABASES => |text| {
            let from = text.find("            Effect: Deny").unwrap();
            let (before, after) = text.split_at(from);
            format!("{before}{}", swap(after, "              - ec2:CreateNetworkInterface\n", ""))
        };
        "network-one-subnet", DATABASES => |text| swap(text, "          - \"subnet-0f9e8d7c6b5a43210\"\n", "");
        "database-out-of-reach", DOUBTFUL => str::to_owned;
        "database-unverified", DOUBTFUL => str::to_owned;
        "function-propagation", DOUBTFUL => str::to_owned;
        "rds-authority", DOUBTFUL => str::to_owned;
        "weak-password", DOUBTFUL => str::to_owned;
        // A rule for one function also applies to the other.
        "function-role-actions", BOTH => |text| {
            swap(text, "              - iam:CreateAccessKey\n", "              - iam:CreateAccessKey\n              - secretsmanager:GetRandomPassword\n              - ec2:DescribeSubnets\n")
        };
        "function-role-actions", DATABASES => |text| {
            swap(text, "              - logs:PutLogEvents\n", "              - logs:PutLogEvents\n              - iam:CreateAccessKey\n")
        };
        "function-role-resources", BOTH => |text| {
            let mut secrets = text.lines().filter(|line| line.starts_with("              - !Ref Secret"));
            let (key, database) = (secrets.next().unwrap(), secrets.find(|line| line.contains("Ledger")).unwrap());
            swap(text, &format!("Resource:\n{database}\n"), &format!("Resource:\n{database}\n{key}\n"))
        };
        "unexplained-wildcard", DATABASES => |text| {
            swap(text, "            Action: secretsmanager:GetRandomPassword\n", "            Action: [secretsmanager:GetRandomPassword, secretsmanager:GetSecretValue]\n")
        };
        "unexplained-wildcard", DATABASES => |text| {
            swap(text, "            Effect: Deny\n", "            Effect: Allow\n")
        };
        "schedule-function", BOTH => |text| {
            swap(text, "RotationLambdaARN: !GetAtt DatabaseFunction.Arn", "RotationLambdaARN: !GetAtt Function.Arn")
        };
        "schedule-waits-for-permission", DATABASES => |text| swap(text, "      - DatabaseSecretsManagerPermission\n", "");
        "schedule-waits-for-policies", DATABASES => |text| {
            let text = text.replace("      - DatabaseFunctionRoleLog\n", "");
            let text = swap(&text, "      - DatabaseFunctionRoleAdministrators\n", "");
            let text = text.replace("      - DatabaseFunctionRolePasswords\n", "");
            text.replace("      - DatabaseFunctionRoleSecrets\n", "")
        };
        "secret-seed", DATABASES => |text| {
            let password = format!("SecretString: \"{{\\\"password\\\":\\\"{PASSWORD}\\\",");
            swap(text, "SecretString: \"{", &password)
        };
        "secret-tags", DATABASES => |text| {
            let text = swap(text, "orders.internal:5432\" }", "elsewhere.internal:5432\" }");
            swap(&text, "\"keyrota:tls\", Value: \"verify-full", "\"keyrota:tls\", Value: \"require")
        };
        "named-resource", BOTH => |text| {
            text.replace("DatabaseArtifactKey", "DatabaseZip").replace("DatabaseFunctionLogGroup", "DatabaseLog")
        };
        "inline-code", BOTH => |text| swap(text, "        S3Key: !Ref DatabaseArtifactKey\n", "        S3Key: !Ref ArtifactKey\n");
        "function-role", BOTH => |text| {
            swap(text, "Role: !GetAtt DatabaseFunctionRole.Arn", "Role: !GetAtt FunctionRole.Arn")
        };
        "function-in-vpc", BOTH => |text| {
            swap(text, "      Handler: ", "      VpcConfig: { SubnetIds: [subnet-1, subnet-2], SecurityGroupIds: [sg-1] }\n      Handler: ")
        };
        "function-log-group", BOTH => |text| swap(text, "        LogGroup: !Ref DatabaseFunctionLogGroup\n", "        LogGroup: !Ref FunctionLogGroup\n");
        "outputs", BOTH => |text| {
            swap(text, "  DatabaseFunctionArn:\n", "  DatabaseArn:\n")
        };
    }
}

fn people() -> impl IntoIterator<Item = Case> {
    cases! {
        "permission-source", EVERYTHING => |text| {
            swap(&swap(text, "      SourceAccount: !Ref AWS::AccountId\n", ""), "SourceArn: !GetAtt SweepRule.Arn", "SourceArn: arn:aws:s3:::bucket")
        };
        "permission-principal", EVERYTHING => |text| {
            with(text, "  Source: { Type: AWS::Lambda::EventSourceMapping, Properties: { FunctionName: !Ref Function } }")
        };
        "permission-principal", EVERYTHING => |text| {
            swap(text, "Principal: events.amazonaws.com\n", "Principal: \"*\"\n")
        };
        "service-source", EVERYTHING => |text| {
            swap(text, "              StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }\n", "")
                .replacen("ArnEquals:", "ArnEqualsIfExists:", 1)
        };
        "service-source", EVERYTHING => |text| {
            swap(text, "Principal: { Service: events.amazonaws.com }\n            Action: sns:Publish\n", "Principal: { Service: events.amazonaws.com }\n            Action: [sns:Publish, sns:Subscribe]\n")
        };
        "foreign-reader-default-key", FOREIGN => str::to_owned;
        "foreign-reader-default-key", EVERYTHING => |text| {
            swap(text, "      KmsKeyId: \"arn:aws:kms:ap-northeast-2:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789\"\n", "")
        };
        "reader-without-policy", EVERYTHING => |text| {
            swap(text, "- \"arn:aws:iam::444455556666:root\"", "- \"arn:aws:iam::111122223333:root\"")
        };
        "reader-without-decrypt", EVERYTHING => |text| {
            swap(text, "secret:prod/mailer-??????\"\n          - Sid: \"ReadersProdCi", "secret:prod/mailer-??????\"\n          - Sid: \"ReadersProdCi")
                .replacen("kms:EncryptionContext:SecretARN: !Sub \"arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:prod/mailer-??????\"", "kms:EncryptionContext:SecretARN: !Sub \"arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:prod/other-??????\"", 1)
        };
        "reader-not-in-manifest", EVERYTHING => |text| {
            let text = swap(text, "                - \"arn:aws:iam::444455556666:root\"\n", "                - \"arn:aws:iam::444455556666:root\"\n                - \"arn:aws:iam::111122223333:role/other\"\n");
            swap(&text, "            Principal: { AWS: !GetAtt FunctionRole.Arn }", "            Principal: { AWS: [!GetAtt FunctionRole.Arn, \"arn:aws:iam::777788889999:root\"] }")
        };
        "block-public-policy", EVERYTHING => |text| swap(text, "BlockPublicPolicy: true", "BlockPublicPolicy: false");
        "kms-via-service", EVERYTHING => |text| {
            swap(text, "              StringEquals:\n                kms:ViaService: !Sub \"secretsmanager.${AWS::Region}.${AWS::URLSuffix}\"\n              StringLike:", "              StringLike:")
        };
        "kms-encryption-context", EVERYTHING => |text| {
            swap(text, "                kms:EncryptionContext:SecretARN:\n                  - !Ref SecretProdArchiveb3d8483c\n", "")
        };
        "kms-encryption-context", EVERYTHING => |text| {
            swap(text, "secret:prod/ci-deployer-??????\"\n                  -", "secret:*\"\n                  -")
        };
        "kms-via-service", EVERYTHING => |text| {
            swap(text, "kms:ViaService: !Sub \"secretsmanager.${AWS::Region}.${AWS::URLSuffix}\"", "kms:ViaService: !Sub \"s3.${AWS::Region}.${AWS::URLSuffix}\"")
        };
        "unexplained-wildcard", EVERYTHING => |text| {
            swap(text, "{ AWS: !Sub \"arn:${AWS::Partition}:iam::${AWS::AccountId}:root\" }", "{ AWS: \"arn:aws:iam::444455556666:root\" }")
        };
        "kms-rotation", EVERYTHING => |text| swap(text, "      EnableKeyRotation: true\n", "");
        "kms-administrator", EVERYTHING => |text| swap(text, "Action: kms:*\n", "Action: kms:DescribeKey\n");
        "key-retained", EVERYTHING => |text| {
            swap(text, "    DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n    Properties:\n      Description: \"Enc", "    DeletionPolicy: Delete\n    Properties:\n      Description: \"Enc")
        };
    }
}

fn services() -> impl IntoIterator<Item = Case> {
    cases! {
        "encrypt-key", ENCRYPT => |text| {
            swap(text, "      KmsKeyId: !GetAtt ServiceKey.Arn\n", "")
        };
        "encrypt-key", ENCRYPT => |text| {
            swap(text, "      KmsMasterKeyId: !GetAtt ServiceKey.Arn\n", "      KmsMasterKeyId: alias/aws/sns\n")
        };
        "encrypt-key", ENCRYPT => |text| {
            swap(text, "      KmsKeyArn: !GetAtt ServiceKey.Arn\n", "      KmsKeyArn: !GetAtt EncryptionKey.Arn\n")
        };
        "encrypt-variable", ENCRYPT => |text| {
            swap(text, "      Environment:\n        Variables: { KEYROTA_STACK: !Ref AWS::StackName }\n", "")
        };
        "service-key-policy", ENCRYPT => |text| {
            swap(text, "log-group:/keyrota/encrypted/database\"\n", "log-group:/keyrota/another\"\n")
        };
        "service-key-policy", ENCRYPT => |text| {
            swap(text, "            Principal: { Service: events.amazonaws.com }\n            Action:\n              - kms:Decrypt\n", "            Principal: { Service: events.amazonaws.com }\n            Action:\n              - kms:Encrypt\n")
        };
        "service-key-policy", ENCRYPT => |text| {
            swap(text, "              - kms:GenerateDataKey*\n            Resource: \"*\"\n      Tags:", "              - kms:GenerateDataKey*\n            Resource: \"*\"\n            Condition: { StringEquals: { aws:SourceAccount: !Ref AWS::AccountId } }\n      Tags:")
        };
        "service-key-use", ENCRYPT => |text| {
            swap(text, "log-group:/keyrota/encrypted\"\n", "log-group:*\"\n")
        };
        "service-key-use", ENCRYPT => |text| {
            swap(text, "              StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }\n              ArnLike: { aws:SourceArn", "              ArnLike: { aws:SourceArn")
        };
        "service-key-use", ENCRYPT => |text| {
            swap(text, "Principal: { Service: events.amazonaws.com }\n            Action:\n              - kms", "Principal: { Service: s3.amazonaws.com }\n            Action:\n              - kms")
        };
        // The key of the secrets is not for services, and the environment is not for others.
        "kms-via-service", ENCRYPT => |text| {
            swap(text, "          - Sid: UsedByTheFunction\n", "          - { Sid: More, Effect: Allow, Principal: { Service: events.amazonaws.com }, Action: kms:Decrypt, Resource: \"*\" }\n          - Sid: UsedByTheFunction\n")
        };
        "kms-encryption-context", ENCRYPT => |text| {
            swap(text, "aws:lambda:FunctionArn: !GetAtt Function.Arn", "aws:lambda:FunctionArn: \"*\"")
        };
        "unexplained-wildcard", ENCRYPT => |text| swap(text, "kms:ReEncrypt*", "kms:*Encrypt*");
    }
}

fn secrets() -> impl IntoIterator<Item = Case> {
    cases! {
        "secret-material", EVERYTHING => |text| {
            let material = [KEY_ID, SECRET_PART, TOKEN, "https://ada:correct-horse@example.com/"];
            let comments = material.map(|one| format!("  # {one}\n")).concat();
            format!("{text}  Note:\n{comments}    Value: |\n      -----BEGIN RSA PRIVATE KEY-----\n")
        };
        "secret-material", EVERYTHING => |text| {
            with(text, "  Admin:\n    Type: AWS::Example::Broker\n    Properties:\n      Users: [{ AdminPassword: correct-horse }]")
        };
        "secret-seed", EVERYTHING => |text| {
            with(text, "  Target: { Type: AWS::SecretsManager::SecretTargetAttachment, Properties: { TargetType: AWS::RDS::DBInstance } }")
        };
        "secret-seed", EVERYTHING => |text| {
            let password = format!("SecretString: !Sub '{{\"password\":\"{PASSWORD}\",");
            swap(text, "SecretString: !Sub '{", &password)
        };
        "secret-seed", EVERYTHING => |text| {
            swap(text, "SecretString: !Sub '{\"username\":\"mailer\"", "SecretString: !Sub '{\"username\":\"other\"")
        };
        "secret-seed", EVERYTHING => |text| {
            swap(text, "      SecretString:", "      GenerateSecretString: { PasswordLength: 40 }\n      SecretString:")
        };
        "secret-parameter", EVERYTHING => |text| {
            let parameters = "Parameters:\n  AdminPassword: { Type: String }\n  ApiToken: { Type: String, NoEcho: true, Default: correct-horse }\n";
            swap(text, "Parameters:\n", parameters)
        };
        "secret-retained", EVERYTHING => |text| {
            swap(text, "    DeletionPolicy: RetainExceptOnCreate\n    UpdateReplacePolicy: Retain\n    Properties:\n      Name:", "    DeletionPolicy: Snapshot\n    Properties:\n      Name:")
        };
        "secret-tags", EVERYTHING => |text| {
            swap(text, "- { Key: \"keyrota:user\", Value: \"mailer\" }", "- { Key: \"keyrota:user\", Value: \"root-admin\" }")
        };
        "entry-without-secret", EVERYTHING => |text| swap(text, "Name: \"prod/mailer\"", "Name: \"prod/mailers\"");
    }
}

fn rest() -> impl IntoIterator<Item = Case> {
    cases! {
        "schedule-expression", EVERYTHING => |text| {
            swap(&swap(text, "\"rate(30 days)\"", "\"rate(30 minutes)\""), "ScheduleExpression: \"rate(30 days)\"", "AutomaticallyAfterDays: 1001")
        };
        "rotation-window", EVERYTHING => |text| {
            swap(&swap(text, "Duration: \"3h\"", "Duration: \"90m\""), "Duration: \"3h\"", "Duration: \"25h\"")
        };
        "rotate-immediately", EVERYTHING => |text| swap(text, "      RotateImmediatelyOnUpdate: false\n", "");
        "schedule-function", EVERYTHING => |text| {
            swap(text, "RotationLambdaARN: !GetAtt Function.Arn", "RotationLambdaARN: !Sub \"arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:other\"")
        };
        "self-reader-without-policy", EVERYTHING => |text| {
            swap(text, "              - secretsmanager:DescribeSecret\n              - secretsmanager:GetSecretValue\n            Resource: !Ref SecretProdArchiveb3d8483c\n          - Sid: DecryptOwnSecret", "              - secretsmanager:DescribeSecret\n            Resource: !Ref SecretProdArchiveb3d8483c\n          - Sid: DecryptOwnSecret")
        };
        "user-permissions", EVERYTHING => |text| {
            swap(text, "            Resource: !Ref SecretProdArchiveb3d8483c\n          - Sid: DecryptOwnSecret", "            Resource:\n              - !Ref SecretProdArchiveb3d8483c\n              - !Ref SecretProdMailere448d42a\n          - Sid: DecryptOwnSecret")
        };
        "schedule-waits-for-permission", EVERYTHING => |text| swap(text, "      - SecretsManagerPermission\n", "");
        "schedule-waits-for-policies", EVERYTHING => |text| {
            let text = text.replace("      - FunctionRoleLog\n", "");
            let text = swap(&text, "      - UserPolicyCiDeployerf051247f\n", "");
            let text = swap(&text, "      - FunctionRoleAdministrators\n", "");
            let text = swap(&text, "      - FunctionRoleUsers\n", "");
            let text = swap(&text, "      - FunctionRoleKey33f78835\n", "");
            text.replace("      - FunctionRoleSecrets\n", "")
        };
        "secret-without-schedule", EVERYTHING => |text| {
            swap(text, "      SecretId: !Ref SecretProdMailere448d42a\n      RotationLambdaARN", "      SecretId: !Ref SecretProdArchiveb3d8483c\n      RotationLambdaARN")
        };
        "unswept-secret", EVERYTHING => |text| {
            swap(text, "            \"${SecretProdArchiveb3d8483c}\",\n", "            \"${SecretProdMailere448d42a}\",\n")
        };
        "unwatched-secret", EVERYTHING => |text| {
            swap(text, "              - !Ref SecretProdMailere448d42a\n      Targets:", "      Targets:")
        };
        "unnotified-target", NOTIFY => |text| {
            swap(text, "          labelUpdated: [AWSCURRENT]\n", "          labelUpdated: [AWSPREVIOUS]\n")
        };
        "unnotified-target", NOTIFY => |text| swap(text, "SourceArn: !GetAtt NotifyRule6cb7a30a.Arn", "SourceArn: !GetAtt NotifyRule4b576b16.Arn");
        "unnotified-target", NOTIFY => |text| swap(text, "          RoleArn: !GetAtt NotifyRole.Arn\n", "");
        "unnotified-target", NOTIFY => |text| swap(text, "            Action: events:PutEvents\n", "            Action: events:DescribeEventBus\n");
        "unnotified-target", FIFO => |text| swap(text, "          SqsParameters: { MessageGroupId: keyrota }\n", "");
        "named-resource", EVERYTHING => |text| {
            text.replace("AlarmTopic", "Topic").replacen("  ArtifactKey:", "  ZipKey:", 1).replace("!Ref ArtifactKey", "!Ref ZipKey")
        };
        "inline-code", EVERYTHING => |text| {
            swap(text, "        S3Key: !Ref ArtifactKey\n", "        ZipFile: print()\n")
        };
        "function-role-tags", EVERYTHING => |text| {
            swap(text, "aws:TagKeys: [\"keyrota:making\", \"keyrota:keys\"]", "aws:TagKeys: [\"keyrota:making\", \"team\"]")
        };
        "function-pins", EVERYTHING => |text| {
            swap(text, "Handler: \"pins/", "Handler: \"pins/0")
        };
        "inline-code", EVERYTHING => |text| {
            swap(text, "        S3ObjectVersion: !If [HasArtifactVersion, !Ref ArtifactVersion, !Ref AWS::NoValue]\n", "")
        };
        "function-role", EVERYTHING => |text| {
            swap(text, "Role: !GetAtt FunctionRole.Arn", "Role: !Sub \"arn:aws:iam::${AWS::AccountId}:role/admin\"")
        };
        "function-environment", EVERYTHING => |text| {
            swap(text, "      Handler: ", "      Layers: [!Ref ArtifactKey]\n      Environment: { Variables: { AWS_ENDPOINT_URL_IAM: https://example.com, LEVEL: info } }\n      Handler: ")
        };
        "unchecked-part", EVERYTHING => |text| {
            with(text, "  Other: { Type: Custom::Thing }\n").replacen("Parameters:", "Transform: [Thing]\nParameters:", 1)
        };
        "function-runtime", EVERYTHING => |text| {
            swap(&swap(text, "provided.al2023", "python3.13"), "Architectures: [\"arm64\"]", "Architectures: [\"x86_64\"]")
        };
        "function-limits", EVERYTHING => |text| swap(&swap(text, "MemorySize: 256", "MemorySize: 64"), "Timeout: 120", "Timeout: 901");
        "function-timeout", EVERYTHING => |text| swap(text, "      Timeout: 120\n", "");
        "function-in-vpc", EVERYTHING => |text| {
            swap(text, "      Handler: ", "      VpcConfig: { SubnetIds: [subnet-1], SecurityGroupIds: [sg-1] }\n      Handler: ")
        };
        "function-log-group", EVERYTHING => |text| swap(text, "        LogGroup: !Ref FunctionLogGroup\n", "");
        "log-retention", EVERYTHING => |text| {
            swap(&swap(text, "      RetentionInDays: 90\n", ""), "    DeletionPolicy: Delete\n", "    DeletionPolicy: Retain\n")
        };
        "alarm-without-subscriber", EVERYTHING => |text| swap(text, "      TopicArn: !Ref AlarmTopic\n", "      TopicArn: !Sub \"arn:aws:sns:${AWS::Region}:${AWS::AccountId}:other\"\n");
        "alarm-without-action", EVERYTHING => |text| swap(text, "      AlarmActions: [!Ref AlarmTopic]\n", "");
        "topic-delivery", EVERYTHING => |text| {
            swap(text, "Principal: { Service: events.amazonaws.com }\n", "Principal: { Service: events.amazonaws.com }\n            Condition: { StringEquals: { aws:SourceAccount: !Ref AWS::AccountId } }\n")
        };
        "topic-delivery", EVERYTHING => |text| {
            swap(text, "            Principal: { Service: events.amazonaws.com }\n", "            Principal: { Service: events.amazonaws.com }\n            NotResource: arn:aws:sns:eu-central-1:111122223333:other\n")
                .replacen("            Action: sns:Publish\n            Resource: !Ref AlarmTopic\n\n", "            Action: sns:Publish\n\n", 1)
        };
        "topic-delivery", EVERYTHING => |text| {
            swap(text, "          Arn: !Ref AlarmTopic\n", "          Arn: !Ref AlarmTopic\n          RoleArn: !GetAtt FunctionRole.Arn\n")
        };
        "stack-tag", EVERYTHING => |text| swap(text, "- { Key: \"keyrota:stack\", Value: \"everything\" }\n", "- { Key: \"keyrota:stack\", Value: \"other\" }\n");
        "template-ascii", EVERYTHING => |text| swap(text, "AWSTemplateFormatVersion:", "# F\u{fc}r das Team\nAWSTemplateFormatVersion:");
        "outputs", EVERYTHING => |text| {
            swap(&swap(text, "  SecretArnProdMailere448d42a:", "  MailerArn:"), "    Value: !GetAtt Function.Arn", "    Value: !Ref Function.Name").replace("!Ref Function.Name", "!Ref FunctionRole")
        };
        "unknown-rule", EXCEPTIONS => str::to_owned;
        "exception-refused", EXCEPTIONS => str::to_owned;
        "unused-exception", EXCEPTIONS => str::to_owned;
    }
}
