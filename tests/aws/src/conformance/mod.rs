//! Conformance suites for any implementation of AWS.
//!
//! A suite panics at the first response that differs. Each assertion comes from the API
//! references of Secrets Manager and IAM. What they do not specify is not tested.

use std::collections::{BTreeMap, BTreeSet};

mod iam;
mod secrets_manager;

pub use iam::iam;
pub use secrets_manager::secrets_manager;

/// The response of a service, or its error code.
pub type Outcome<T> = Result<T, String>;

/// A secret, as `DescribeSecret` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// `VersionIdsToStages`.
    pub stages: BTreeMap<String, BTreeSet<String>>,
    /// Whether the secret is scheduled for deletion.
    pub deleted: bool,
    /// `RotationEnabled`.
    pub rotation_enabled: Option<bool>,
    /// Whether there are `RotationRules`.
    pub scheduled: bool,
    /// Whether there is a `LastRotatedDate`.
    pub rotated: bool,
}

/// Secrets Manager.
#[expect(async_fn_in_trait, reason = "tests run on one thread")]
pub trait SecretsManager {
    /// `CreateSecret`.
    async fn create(&self, name: &str, token: &str, value: &str) -> Outcome<()>;
    /// `DescribeSecret`.
    async fn describe(&self, name: &str) -> Outcome<Described>;
    /// `GetSecretValue` with a label or a version's ID.
    async fn value(&self, name: &str, label: Option<&str>, id: Option<&str>) -> Outcome<String>;
    /// `PutSecretValue`. An empty list of labels is omitted from the request.
    async fn put(&self, name: &str, token: &str, value: &str, labels: &[&str]) -> Outcome<()>;
    /// `UpdateSecretVersionStage`.
    async fn update_stage(
        &self,
        name: &str,
        label: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Outcome<()>;
    /// `DeleteSecret` with a window of days.
    async fn delete(&self, name: &str, days: i64) -> Outcome<()>;
    /// `RestoreSecret`.
    async fn restore(&self, name: &str) -> Outcome<()>;
    /// `RotateSecret`.
    async fn rotate(&self, name: &str, token: &str) -> Outcome<()>;
    /// `RotateSecret` with a rotation function and a schedule.
    async fn rotate_with(&self, name: &str, token: &str, function: Function) -> Outcome<()>;
    /// `CancelRotateSecret`.
    async fn cancel_rotation(&self, name: &str) -> Outcome<()>;
    /// Returns the step and the token of each call of the secret's rotation function.
    async fn calls(&self, name: &str) -> Vec<(String, String)>;
    /// Lets a rotation in progress continue.
    async fn pause(&self);
}

/// The steps of a rotation, in order.
pub const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// The value that [`Function::Rotating`] stores.
pub const ROTATED: &str = "rotated";

/// A rotation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// It stores a value in `createSecret` and moves AWSCURRENT in `finishSecret`.
    Rotating,
    /// It stores nothing, and fails at this step.
    FailingAt(&'static str),
}

/// One of a user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// The key's ID.
    pub id: String,
    /// Whether it is active.
    pub active: bool,
    /// Whether `GetAccessKeyLastUsed` reports a use.
    pub used: bool,
}

/// IAM's access keys, and the tags of users.
#[expect(async_fn_in_trait, reason = "tests run on one thread")]
pub trait Iam {
    /// `CreateUser`.
    async fn create_user(&self, user: &str) -> Outcome<()>;
    /// `CreateAccessKey`.
    async fn create_key(&self, user: &str) -> Outcome<String>;
    /// `ListAccessKeys`, and `GetAccessKeyLastUsed` for each key.
    async fn keys(&self, user: &str) -> Outcome<Vec<ListedKey>>;
    /// `UpdateAccessKey`.
    async fn set_active(&self, user: &str, id: &str, active: bool) -> Outcome<()>;
    /// `DeleteAccessKey`.
    async fn delete_key(&self, user: &str, id: &str) -> Outcome<()>;
    /// `ListAccessKeys` in pages of one key. Returns the IDs.
    async fn keys_by_page(&self, user: &str) -> Outcome<Vec<String>>;
    /// Signs a request with a key that [`Iam::create_key`] has returned.
    async fn use_key(&self, user: &str, id: &str) -> Outcome<()>;
    /// `ListUserTags`.
    async fn tags(&self, user: &str) -> Outcome<BTreeMap<String, String>>;
    /// `TagUser`.
    async fn tag(&self, user: &str, key: &str, value: &str) -> Outcome<()>;
    /// `UntagUser`.
    async fn untag(&self, user: &str, key: &str) -> Outcome<()>;
}

/// Asserts that a request was refused with this error code.
fn refused<T: std::fmt::Debug>(outcome: Outcome<T>, code: &str, what: &str) {
    let refusal = outcome.map(|answer| format!("{answer:?}"));
    assert_eq!(refusal, Err(code.to_owned()), "{what}");
}
