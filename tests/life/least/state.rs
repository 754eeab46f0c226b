//! The states of the account in which commands start.

use aws_sdk_cloudformation::types::Capability;
use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use serde_json::json;

use super::policy::Policy;
use super::{DEPLOYER, database, self_reader};
use crate::environment::{ACCOUNT, REGION, TestEnvironment};

/// A state of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    New {
        large: bool,
    },
    Deployed {
        large: bool,
    },
    Changed {
        large: bool,
    },
    Unfinished,
    Ailing,
    LockedOut,
    Leaked,
    Seeded,
    LeftBehind,
    Gone,
    TornDown,
    Busy,
    /// With a database and no access key.
    Database(Stage),
    /// With one access key, whose user reads its own secret.
    SelfReader(self_reader::Stage),
}

/// The state of a stack with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    New,
    Deployed,
    /// Deployed, and its first rotation waits for a request.
    OnRequest,
    /// Deployed, with a user that the function has created.
    Created,
    /// A rotation is unfinished, and the function cannot complete it.
    Unfinished,
    /// The value is damaged, and the server has a password that no version contains.
    Damaged,
}

/// The content of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    Small,
    /// The role's policies are managed, and the template is uploaded to S3.
    Large,
    Database,
    SelfReader,
}

pub const SMALL: State = State::New { large: false };
pub const LARGE: State = State::New { large: true };
/// Deployed and rotated.
pub const DEPLOYED: State = State::Deployed { large: false };
pub const LARGE_DEPLOYED: State = State::Deployed { large: true };
/// Deployed, and the manifest has changed since.
pub const CHANGED: State = State::Changed { large: false };
pub const LARGE_CHANGED: State = State::Changed { large: true };
/// A rotation is unfinished, and its value can never be promoted.
pub const UNFINISHED: State = State::Unfinished;
/// The same, and rotated, with a secret that is scheduled for deletion.
pub const AILING: State = State::Ailing;
/// Rotated, and then each key of two users was deleted.
pub const LOCKED_OUT: State = State::LockedOut;
/// Rotated, and then AWS has put a user under quarantine.
pub const LEAKED: State = State::Leaked;
/// The seed of a deployed secret differs from the rendered one.
pub const SEEDED: State = State::Seeded;
/// An earlier manifest has left a secret.
pub const LEFT_BEHIND: State = State::LeftBehind;
/// The stack is deleted, but its secrets and KMS key are not.
pub const GONE: State = State::Gone;
/// A teardown has ended, and the secrets and the KMS key await their deletion.
pub const TORN_DOWN: State = State::TornDown;
/// CloudFormation is updating the stack.
pub const BUSY: State = State::Busy;
pub const DATABASE: State = State::Database(Stage::New);
pub const DATABASE_DEPLOYED: State = State::Database(Stage::Deployed);
pub const DATABASE_ON_REQUEST: State = State::Database(Stage::OnRequest);
pub const DATABASE_CREATED: State = State::Database(Stage::Created);
pub const DATABASE_UNFINISHED: State = State::Database(Stage::Unfinished);
pub const DATABASE_DAMAGED: State = State::Database(Stage::Damaged);

pub const STACK: &str = "payments-keys";
/// The Region of a replica.
const ELSEWHERE: &str = "eu-central-1";

impl State {
    /// Returns the content of its stack.
    pub const fn kind(self) -> CredentialKind {
        match self {
            Self::New { large: true }
            | Self::Deployed { large: true }
            | Self::Changed { large: true } => CredentialKind::Large,
            Self::Database(_) => CredentialKind::Database,
            Self::SelfReader(_) => CredentialKind::SelfReader,
            _ => CredentialKind::Small,
        }
    }

    const fn large(self) -> bool {
        matches!(self.kind(), CredentialKind::Large)
    }

    /// Returns a state with the same manifest that is quick to create.
    pub const fn first(self) -> Self {
        match self {
            Self::Changed { .. } => self,
            // Its manifest is another one.
            Self::Database(Stage::Created) => self,
            Self::Database(_) => DATABASE,
            Self::SelfReader(_) => Self::SelfReader(self_reader::Stage::New),
            _ => Self::New {
                large: self.large(),
            },
        }
    }
}

/// Creates the state in an empty account, with a deployer that has no permissions yet, and
/// returns the policy that is rendered for it.
pub async fn prepare(test: &TestEnvironment, state: State) -> Policy {
    test.reset().await;
    test.act_as(&test.root());
    match state {
        State::Database(stage) => database::prepare(test, stage).await,
        State::SelfReader(stage) => self_reader::prepare(test, stage).await,
        _ => prepare_keys(test, state).await,
    }
    test.keyrota("generate --output rendered").await.exits(0);
    let policy = Policy::read(&test.home.read("rendered/deployer-policy.json"));
    test.make_user(DEPLOYER).await;
    let deployer = test.make_key(DEPLOYER).await;
    test.act_as(&deployer);
    policy
}

/// Creates a state of a stack with access keys.
async fn prepare_keys(test: &TestEnvironment, state: State) {
    let (key, replica_key) = match state.large() {
        true => (String::new(), String::new()),
        false => users(test).await,
    };
    if state == CHANGED {
        make_boundary(test).await;
    }
    let (before, after) = manifests(state, &key, &replica_key);
    test.manifest(&before);
    let rotates = match state {
        DEPLOYED | AILING | LOCKED_OUT | LEAKED => "",
        _ => " --no-rotate",
    };
    if !matches!(state, State::New { .. } | State::Busy) {
        let bootstrap = format!("bootstrap --yes --function-zip function.zip{rotates}");
        test.keyrota(&bootstrap).await.exits(0);
    }
    test.manifest(&after);
    if state == CHANGED {
        open_bucket(test).await;
    }
    match state {
        State::Unfinished => leave_unfinished(test).await,
        State::Ailing => break_stack(test).await,
        State::LockedOut => delete_all_keys(test).await,
        State::Leaked => quarantine(test).await,
        State::Seeded => seed_otherwise(test).await,
        State::LeftBehind => leave_behind(test).await,
        State::Gone => lose_stack(test).await,
        State::TornDown => {
            test.keyrota("teardown --yes").await.exits(0);
        }
        State::Busy => keep_busy(test).await,
        State::New { .. }
        | State::Deployed { .. }
        | State::Changed { .. }
        | State::Database(_)
        | State::SelfReader(_) => {}
    }
}

/// Creates the users and the reader of the small manifest, and returns the ARNs of a KMS key and
/// of one in the Region of the replica.
async fn users(test: &TestEnvironment) -> (String, String) {
    test.make_user("mailer").await;
    test.make_user("batch").await;
    test.make_role("app").await;
    test.make_administrator("administrator", "ops/administrator")
        .await;
    let made = test.kms_in(ELSEWHERE).create_key().send().await;
    let there = made.expect("the key is made").key_metadata;
    let there = there.expect("metadata").arn.expect("an ARN");
    (test.make_kms_key().await, there)
}

/// Creates the permissions boundary of the changed manifest. The users that the stack does not
/// create have it, because the deployer may write no policy of a user without it.
async fn make_boundary(test: &TestEnvironment) {
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let request = test.iam.create_policy().policy_name("boundary");
    let request = request.policy_document(everything.to_string());
    request.send().await.expect("the policy is made");
    for user in ["mailer", "batch"] {
        let request = test.iam.put_user_permissions_boundary().user_name(user);
        let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/boundary");
        let request = request.permissions_boundary(boundary);
        request.send().await.expect("the user has the boundary");
    }
}

/// Removes settings of the artifact bucket that S3 applies to every new bucket.
async fn open_bucket(test: &TestEnvironment) {
    let buckets = test.s3.list_buckets().send().await.expect("buckets");
    let bucket = buckets.buckets()[0].name().expect("a name").to_owned();
    let request = test.s3.delete_public_access_block().bucket(&bucket);
    request.send().await.expect("public access is not blocked");
    let default = ServerSideEncryptionByDefault::builder();
    let default = default.sse_algorithm(ServerSideEncryption::AwsKms).build();
    let rule = ServerSideEncryptionRule::builder();
    let rule = rule.apply_server_side_encryption_by_default(default.expect("a default"));
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule.build());
    let request = test.s3.put_bucket_encryption().bucket(&bucket);
    let request =
        request.server_side_encryption_configuration(rules.build().expect("a configuration"));
    request.send().await.expect("the encryption is set");
}

/// Returns the deployed manifest and the later one.
fn manifests(state: State, key: &str, replica_key: &str) -> (String, String) {
    let head = |tags: &str, email: &str| {
        format!(
            "version: 1\nstack: {STACK}\naccount: \"{ACCOUNT}\"\nregion: {REGION}\n\
             tags: {{ {tags} }}\nalarms: {{ email: [{email}] }}\n"
        )
    };
    let before = head("team: payments", "ops@example.com");
    let after = match state {
        State::Changed { large } => {
            let bound = format!("permissions_boundary: 'arn:aws:iam::{ACCOUNT}:policy/boundary'\n");
            let head = head("owner: platform", "ops@example.com, night@example.com");
            // The large manifest contains only what it is needed for.
            if large { head } else { head + &bound }
        }
        _ => before.clone(),
    };
    if state.large() {
        let entries = |count: usize| -> String {
            let entry = |index: usize| {
                let name = format!("prod/{index:03}-{}", "long".repeat(110));
                format!(
                    "  - {{ user: u{index:03}, secret: {name}, create_user: true, \
                     rotate_as: role, kms_key: create }}\n"
                )
            };
            (0..count).map(entry).collect()
        };
        let more = if matches!(state, State::Changed { .. }) {
            11
        } else {
            10
        };
        return (
            format!("{before}access_keys:\n{}", entries(10)),
            format!("{after}access_keys:\n{}", entries(more)),
        );
    }
    let replicated = format!("{{ region: {ELSEWHERE}, kms_key: '{replica_key}' }}");
    let both = format!("{replicated}, us-west-2");
    let entries = |batch: &str, replicas: &str| {
        format!(
            "access_keys:\n\
             \x20 - {{ user: uploader, secret: prod/uploader, kms_key: create, \
             create_user: true, readers: ['arn:aws:iam::{ACCOUNT}:role/app'] }}\n\
             \x20 - {{ user: mailer, secret: prod/mailer, rotate_as: role, kms_key: '{key}', \
             replicas: [{replicas}] }}\n\
             \x20 - {{ user: batch, secret: prod/batch, rotate_as: {batch} }}\n"
        )
    };
    let (batch, replicas) = match state {
        State::Changed { .. } => ("self", replicated.as_str()),
        _ => ("ops/administrator", both.as_str()),
    };
    (
        before + &entries("ops/administrator", &both),
        after + &entries(batch, replicas),
    )
}

/// Leaves a version pending with another user's value, so that the function refuses it
/// immediately.
async fn leave_unfinished(test: &TestEnvironment) {
    let key = test.make_key("mailer").await;
    let arn = test.secret("prod/mailer").await.expect("the secret").arn;
    let value = json!({
        "accesskey": key.id, "secretkey": key.secret, "username": "another", "secretarn": arn,
    });
    let request = test.secretsmanager.put_secret_value().secret_id(&arn);
    let request = request.client_request_token("00000000-0000-0000-0000-000000000001");
    let request = request
        .secret_string(value.to_string())
        .version_stages("AWSPENDING");
    request.send().await.expect("the value is stored");
}

/// Leaves a rotation unfinished without its previous key, deletes a secret, and removes a replica.
async fn break_stack(test: &TestEnvironment) {
    let before = test.key_in("prod/mailer", "AWSPREVIOUS").await;
    let before = before.expect("a key before");
    test.delete_key("mailer", &before.id).await;
    leave_unfinished(test).await;
    test.delete_secret("prod/batch").await;
    let request = test.secretsmanager.remove_regions_from_replication();
    let request = request.secret_id("prod/mailer");
    let request = request.remove_replica_regions(ELSEWHERE).send().await;
    request.expect("the replica is removed");
}

/// Deletes every key of a user, and of one that the stack created. Each secret has a KMS key.
async fn delete_all_keys(test: &TestEnvironment) {
    for user in ["mailer", "uploader"] {
        for id in test.keys(user).await.expect("keys").into_keys() {
            test.delete_key(user, &id).await;
        }
    }
}

/// Attaches the policy that AWS attaches to the user of a leaked key.
async fn quarantine(test: &TestEnvironment) {
    let request = test.iam.attach_user_policy().user_name("mailer");
    let request = request.policy_arn("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3");
    request.send().await.expect("the policy is attached");
}

/// Deploys the template with another seed, as by hand.
async fn seed_otherwise(test: &TestEnvironment) {
    let request = test.cloudformation.get_template().stack_name(STACK);
    let template = request.send().await.expect("the template").template_body;
    let template = template.expect("a template");
    let seed = ":secret:prod/mailer\"}";
    assert!(template.contains(seed), "{template}");
    let template = template.replace(seed, ":secret:elsewhere\"}");
    let parameter = |name: &str| {
        let builder = aws_sdk_cloudformation::types::Parameter::builder();
        builder.parameter_key(name).use_previous_value(true).build()
    };
    let request = test.cloudformation.update_stack().stack_name(STACK);
    let request = request.template_body(template);
    let request = request.capabilities(Capability::CapabilityNamedIam);
    let request = request.parameters(parameter("ArtifactBucket"));
    let request = request.parameters(parameter("ArtifactKey"));
    let request = request.parameters(parameter("ArtifactVersion"));
    request.send().await.expect("the update begins");
    test.until_stack_is(STACK, "UPDATE_COMPLETE").await;
}

/// Creates a secret with the stack's tag, as if its entry had been renamed.
async fn leave_behind(test: &TestEnvironment) {
    let tag = |key: &str, value: &str| {
        let tag = aws_sdk_secretsmanager::types::Tag::builder();
        tag.key(key).value(value).build()
    };
    let request = test.secretsmanager.create_secret().name("prod/earlier");
    let request = request.tags(tag("keyrota:stack", STACK));
    let request = request.tags(tag("keyrota:user", "mailer"));
    let request = request.secret_string("{}");
    request.send().await.expect("the secret is made");
    // The unfinished rotation has recorded that it creates a key.
    let making = aws_sdk_iam::types::Tag::builder().key("keyrota:making");
    let making = making.value("1795854000").build().expect("a tag");
    let request = test.iam.tag_user().user_name("mailer").tags(making);
    request.send().await.expect("the user is tagged");
}

/// Deletes only the stack, as an interrupted teardown does.
async fn lose_stack(test: &TestEnvironment) {
    let key = test.current_key("prod/uploader").await;
    test.delete_key("uploader", &key.id).await;
    let request = test.cloudformation.delete_stack().stack_name(STACK);
    request.send().await.expect("the deletion begins");
    while test.stack_status(STACK).await.is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A stack that waits for a second, and rolls back.
const WAITING: &str = "
Resources:
  Handle: { Type: 'AWS::CloudFormation::WaitConditionHandle' }
  Condition:
    Type: AWS::CloudFormation::WaitCondition
    Properties: { Handle: !Ref Handle, Timeout: '1' }
";

async fn keep_busy(test: &TestEnvironment) {
    let request = test.cloudformation.create_stack().stack_name(STACK);
    let request = request.template_body(WAITING);
    let request = request.capabilities(Capability::CapabilityIam);
    request.send().await.expect("the stack is made");
}
