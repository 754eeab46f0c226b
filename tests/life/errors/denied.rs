//! The table "What AWS denies".

use serde_json::{Value, json};

use super::Table;
use crate::environment::{ACCOUNT, CommandOutput, TestEnvironment};

const BOOTSTRAP: &str = "bootstrap --yes --function-zip function.zip";
const ROTATE: &str = "rotate --format json";
const SECRET: &str = "prod/mailer";

/// What a person does.
#[derive(Debug)]
enum Change {
    /// Denies the function's role an action in an inline policy.
    DenyRole(&'static str),
    /// Removes that policy.
    RemoveDenial,
    /// Denies an action on the secret to everybody in its resource policy.
    DenyInSecret(&'static str),
    /// Removes that policy.
    RemoveSecretsPolicy,
    /// Deletes the role's own policies.
    DeleteRolesPolicies,
    /// Removes the statements about the KMS key from the role's own policies.
    ForgetKey,
    /// Takes an action out of the role's permissions boundary.
    NarrowBoundary(&'static str),
    /// Lets the permissions boundary allow everything.
    WidenBoundary,
    /// Lets nobody use the KMS key for secrets.
    CloseKey,
    /// Runs `keyrota doctor`, and adds the statement that it names to the key policy.
    AddStatement,
    /// Runs `keyrota doctor`, which names the role's policies, and then `keyrota doctor --fix`.
    AskDoctor,
    /// Runs `keyrota doctor --fix`.
    Fix,
}

use Change::{
    AddStatement, AskDoctor, CloseKey, DeleteRolesPolicies, DenyInSecret, DenyRole, Fix, ForgetKey,
    NarrowBoundary, RemoveDenial, RemoveSecretsPolicy, WidenBoundary,
};

/// A row, named by the begin of its cause, how the cause is produced, and how its remedy is
/// carried out.
const CASES: &[(&str, Change, Change)] = &[
    (
        "an explicit deny",
        DenyRole("secretsmanager:PutSecretValue"),
        RemoveDenial,
    ),
    (
        "an explicit deny",
        DenyRole("iam:CreateAccessKey"),
        RemoveDenial,
    ),
    (
        "an explicit deny",
        DenyInSecret("secretsmanager:GetSecretValue"),
        RemoveSecretsPolicy,
    ),
    ("the role's own policies", DeleteRolesPolicies, Fix),
    // The statement that is added names the role, which then needs no policy of its own.
    ("the key policy", ForgetKey, AskDoctor),
    ("the key policy", CloseKey, AddStatement),
    (
        "the role's permissions boundary",
        NarrowBoundary("secretsmanager:PutSecretValue"),
        WidenBoundary,
    ),
    (
        "the role's permissions boundary",
        NarrowBoundary("iam:CreateAccessKey"),
        WidenBoundary,
    ),
];

/// The rows that cannot be produced here, and why. `denial.rs` of the functions tests their forms.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "the secret's resource policy",
        "within one account, a resource policy without a statement denies nothing, and the local AWS has one account",
    ),
    (
        "a policy of the organization",
        "the local AWS has no organizations",
    ),
    (
        "the policy of a VPC endpoint",
        "the local AWS has no VPC endpoints",
    ),
    (
        "AWS does not name the policy",
        "the local AWS always names it",
    ),
];

fn row(cause: &str) -> [&'static str; 3] {
    Table::below("What AWS denies").row(cause, |_| true)
}

#[test]
fn every_row_has_a_case() {
    let cases = CASES.iter().map(|(cause, ..)| row(cause));
    let elsewhere = ELSEWHERE.iter().map(|(cause, _)| row(cause));
    Table::below("What AWS denies").expect_all(cases.chain(elsewhere));
}

fn policy(statements: &[Value]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// A stack whose secret has a KMS key of the account, and whose role has a permissions boundary.
struct Site {
    test: TestEnvironment,
    key: String,
    boundary: String,
}

impl Site {
    async fn new() -> Self {
        let test = TestEnvironment::new().await;
        test.make_user("mailer").await;
        let key = test.make_kms_key().await;
        let request = test.iam.create_policy().policy_name("boundary");
        let request = request.policy_document(policy(&[json!({
            "Effect": "Allow", "Action": "*", "Resource": "*",
        })]));
        let made = request.send().await.expect("the policy is made").policy;
        let boundary = made.expect("a policy").arn.expect("an ARN");
        test.manifest(&format!(
            "version: 1\nstack: keys\npermissions_boundary: '{boundary}'\naccess_keys:\n\
             \x20 - {{ user: mailer, secret: {SECRET}, rotate_as: role, kms_key: '{key}' }}\n"
        ));
        test.keyrota(BOOTSTRAP).await.exits(0);
        Self {
            test,
            key,
            boundary,
        }
    }

    async fn put_boundary(&self, statement: Value) {
        // A policy has five versions at most.
        let listed = self.test.iam.list_policy_versions();
        let listed = listed.policy_arn(&self.boundary).send().await;
        let versions = listed.expect("versions").versions.unwrap_or_default();
        for version in versions.iter().filter(|it| !it.is_default_version()) {
            let request = self.test.iam.delete_policy_version();
            let request = request.policy_arn(&self.boundary);
            let request = request.version_id(version.version_id().expect("an ID"));
            request.send().await.expect("the version is deleted");
        }
        let request = self.test.iam.create_policy_version();
        let request = request.policy_arn(&self.boundary).set_as_default(true);
        let request = request.policy_document(policy(&[statement]));
        request.send().await.expect("the boundary is changed");
    }

    async fn put_key_policy(&self, statements: &[Value]) {
        let request = self.test.kms.put_key_policy().key_id(&self.key);
        let request = request.policy_name("default").policy(policy(statements));
        request.send().await.expect("the key policy is put");
    }

    /// Changes the role's own policies: each becomes what is returned of it, or is deleted.
    async fn change_role(&self, changed: impl Fn(Value) -> Option<Value>) {
        let iam = &self.test.iam;
        let role = self.test.role().await;
        let listed = iam.list_role_policies().role_name(&role).send().await;
        for name in listed.expect("policies").policy_names {
            let request = iam.get_role_policy().role_name(&role);
            let held = request.policy_name(&name).send().await.expect("a policy");
            let text = decoded(&held.policy_document);
            let document = serde_json::from_str(&text).expect("JSON");
            if let Some(document) = changed(document) {
                let request = iam.put_role_policy().role_name(&role).policy_name(&name);
                let request = request.policy_document(document.to_string());
                request.send().await.expect("the policy is changed");
            } else {
                let request = iam.delete_role_policy().role_name(&role);
                let request = request.policy_name(&name).send().await;
                request.expect("the policy is deleted");
            }
        }
    }

    /// Returns the remedy of `keyrota doctor` for the next rotation.
    async fn doctors_remedy(&self) -> String {
        let ran = self.test.keyrota("doctor --format json").await.exits(5);
        let findings = ran.json()["findings"].clone();
        let findings = findings.as_array().expect("findings").iter();
        let mut remedies = findings.filter(|it| it["id"] == "rotation-rehearsal-failed");
        let remedy = remedies.next().unwrap_or_else(|| panic!("{ran}"));
        remedy["remedy"].as_str().expect("a remedy").to_owned()
    }

    async fn fix(&self) {
        self.test.keyrota("doctor --fix --yes").await.exits(0);
    }

    async fn make(&self, change: &Change) {
        let test = &self.test;
        let manages = json!({
            "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
            "Action": ["kms:Describe*", "kms:Get*", "kms:PutKeyPolicy"], "Resource": "*",
        });
        match *change {
            DenyRole(action) => test.deny_role(action).await,
            RemoveDenial => test.allow_role().await,
            DenyInSecret(action) => {
                let request = test.secretsmanager.put_resource_policy().secret_id(SECRET);
                let request = request.resource_policy(policy(&[json!({
                    "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*",
                })]));
                request.send().await.expect("the policy is put");
            }
            RemoveSecretsPolicy => {
                let request = test.secretsmanager.delete_resource_policy();
                let request = request.secret_id(SECRET).send().await;
                request.expect("the policy is deleted");
            }
            DeleteRolesPolicies => self.change_role(|_| None).await,
            ForgetKey => {
                let is_about_key =
                    |statement: &Value| statement["Action"].to_string().contains("kms:");
                let without = |mut document: Value| {
                    let statements = document["Statement"].as_array_mut().expect("statements");
                    statements.retain(|statement| !is_about_key(statement));
                    (!statements.is_empty()).then_some(document)
                };
                self.change_role(without).await;
            }
            NarrowBoundary(action) => {
                let statement = json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" });
                self.put_boundary(statement).await;
            }
            WidenBoundary => {
                let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
                self.put_boundary(statement).await;
            }
            CloseKey => self.put_key_policy(&[manages]).await,
            AddStatement => {
                let remedy = self.doctors_remedy().await;
                assert!(remedy.contains(&self.key), "{remedy}");
                let (_, rest) = remedy
                    .split_once("add this statement to that policy: ")
                    .expect("it");
                let statement = serde_json::Deserializer::from_str(rest).into_iter().next();
                let statement: Value = statement.expect("a statement").expect("JSON");
                self.put_key_policy(&[manages, statement]).await;
            }
            AskDoctor => {
                let remedy = self.doctors_remedy().await;
                for text in ["restore the policies of the role", "`keyrota doctor --fix`"] {
                    assert!(remedy.contains(text), "{text}: {remedy}");
                }
                self.fix().await;
            }
            Fix => self.fix().await,
        }
    }

    async fn rotates(&self, cause: &str) {
        let before = self.test.current_key(SECRET).await;
        let ran = self.test.keyrota(ROTATE).await;
        assert_eq!(ran.code, Some(0), "{cause}: {ran}");
        assert_ne!(self.test.current_key(SECRET).await, before);
    }
}

/// Returns a policy document as it was put. IAM returns it URL-encoded (RFC 3986).
fn decoded(document: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = document.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: Vec<u8> = rest.by_ref().take(2).collect();
        let digits = String::from_utf8(digits).expect("digits");
        bytes.push(u8::from_str_radix(&digits, 16).expect("a number"));
    }
    String::from_utf8(bytes).expect("text")
}

/// Returns what a rotation that failed says.
fn told(ran: &CommandOutput) -> String {
    ran.json()["secrets"][0]["error"].to_string()
}

#[tokio::test]
async fn each_remedy_works_as_it_is_written() {
    let site = Site::new().await;
    for (cause, produced, remedied) in CASES {
        site.make(produced).await;
        let ran = site.test.keyrota(ROTATE).await;
        let [cause, _, remedy] = row(cause);
        assert_eq!(ran.code, Some(1), "{cause}, {produced:?}: {ran}");
        assert!(
            told(&ran).contains(remedy),
            "{cause}: `{remedy}` is not told\n{ran}"
        );
        site.make(remedied).await;
        site.rotates(cause).await;
    }
    site.test.keyrota("status --check").await.exits(0);
    site.test.check_logs_for_secrets().await;
}
