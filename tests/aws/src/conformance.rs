//! Conformance suites for any implementation of AWS.
//!
//! A suite panics at the first response that differs. Each assertion comes from the API
//! references of Secrets Manager and IAM. What they do not specify is not tested.

use std::collections::{BTreeMap, BTreeSet};

/// The response of a service, or its error code.
pub type Outcome<T> = Result<T, String>;

/// A secret, as `DescribeSecret` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// `VersionIdsToStages`.
    pub stages: BTreeMap<String, BTreeSet<String>>,
    /// Whether the secret is scheduled for deletion.
    pub deleted: bool,
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
    /// `RotateSecret` with a function that only fails at this step.
    async fn rotate_failing(&self, name: &str, token: &str, step: &str) -> Outcome<()>;
    /// Waits for this number of calls of the function, and returns the step and the token of
    /// each.
    async fn calls(&self, name: &str, count: usize) -> Vec<(String, String)>;
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
    /// Signs a request with a key that [`Iam::create_key`] has returned.
    async fn use_key(&self, user: &str, id: &str);
    /// `ListUserTags`.
    async fn tags(&self, user: &str) -> Outcome<BTreeMap<String, String>>;
    /// `TagUser`.
    async fn tag(&self, user: &str, key: &str, value: &str) -> Outcome<()>;
    /// `UntagUser`.
    async fn untag(&self, user: &str, key: &str) -> Outcome<()>;
}

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
const OURS: &str = "KEYROTA_TEST";

/// Returns the token with this number: 32 to 64 characters.
fn token(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02}")
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>, code: &str, what: &str) {
    let refusal = outcome.map(|answer| format!("{answer:?}"));
    assert_eq!(refusal, Err(code.to_owned()), "{what}");
}

/// Asserts which version each label is on; a label that is not listed is on none.
async fn labels(service: &impl SecretsManager, name: &str, expected: &[(&str, u8)], what: &str) {
    let described = service.describe(name).await.expect("a description");
    let mut found = BTreeSet::new();
    for (id, labels) in &described.stages {
        assert!(
            !labels.is_empty(),
            "{what}: a version without a label is listed"
        );
        found.extend(labels.iter().map(|label| (label.clone(), id.clone())));
    }
    let expected = expected.iter();
    let expected = expected.map(|(label, number)| ((*label).to_owned(), token(*number)));
    assert_eq!(found, expected.collect(), "{what}");
}

/// Tests everything that Secrets Manager documents and keyrota relies on.
pub async fn secrets_manager(service: &impl SecretsManager) {
    put(service).await;
    update_stage(service).await;
    current(service).await;
    absent(service).await;
    deletion(service).await;
    rotation(service).await;
}

/// `PutSecretValue`: tokens, idempotency, and labels.
async fn put(service: &impl SecretsManager) {
    let name = "conformance/put";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    labels(
        service,
        name,
        &[(CURRENT, 1)],
        "the first version is AWSCURRENT",
    )
    .await;

    let put = service.put(name, &token(2), "two", &[]).await;
    put.expect("a value is put");
    let expected = [(PREVIOUS, 1), (CURRENT, 2)];
    labels(service, name, &expected, "without labels, AWSCURRENT moves").await;

    let put = service
        .put(name, &token(3), "three", &[PENDING, OURS])
        .await;
    put.expect("a value is put");
    let expected = [(PREVIOUS, 1), (CURRENT, 2), (PENDING, 3), (OURS, 3)];
    labels(service, name, &expected, "labels of the request alone move").await;

    let again = service.put(name, &token(3), "three", &[PENDING]).await;
    again.expect("the same value under the same token");
    refused(
        service.put(name, &token(3), "another", &[PENDING]).await,
        "ResourceExistsException",
        "another value under the same token",
    );
    let held = service.value(name, None, Some(&token(3))).await;
    assert_eq!(held.as_deref(), Ok("three"));

    let again = service.put(name, &token(1), "one", &[CURRENT]).await;
    again.expect("the same value under the same token");
    labels(
        service,
        name,
        &expected,
        "a request that is ignored moves no label",
    )
    .await;

    let put = service.put(name, &token(4), "four", &[PENDING]).await;
    put.expect("a value is put");
    let expected = [(PREVIOUS, 1), (CURRENT, 2), (PENDING, 4), (OURS, 3)];
    labels(service, name, &expected, "a label is on one version").await;
}

/// `UpdateSecretVersionStage`: its errors.
async fn update_stage(service: &impl SecretsManager) {
    let name = "conformance/stage";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let put = service.put(name, &token(2), "two", &[OURS]).await;
    put.expect("a value is put");
    let (one, two, none) = (token(1), token(2), token(9));
    let (one, two, none) = (Some(one.as_str()), Some(two.as_str()), Some(none.as_str()));

    let invalid = "InvalidParameterException";
    refused(
        service.update_stage(name, OURS, None, one).await,
        invalid,
        "from is missing",
    );
    refused(
        service.update_stage(name, OURS, one, one).await,
        invalid,
        "from is another",
    );
    refused(
        service.update_stage(name, OURS, one, None).await,
        invalid,
        "removed from another",
    );
    refused(
        service.update_stage(name, OURS, None, None).await,
        invalid,
        "no version",
    );
    let absent = "ResourceNotFoundException";
    refused(
        service.update_stage(name, OURS, two, none).await,
        absent,
        "no such version",
    );
    let expected = [(CURRENT, 1), (OURS, 2)];
    labels(service, name, &expected, "a refusal moves nothing").await;

    let moved = service.update_stage(name, OURS, two, one).await;
    moved.expect("a label moves");
    labels(service, name, &[(CURRENT, 1), (OURS, 1)], "a label moves").await;
    let removed = service.update_stage(name, OURS, one, None).await;
    removed.expect("a label is removed");
    labels(service, name, &[(CURRENT, 1)], "a label is removed").await;
}

/// AWSPREVIOUS follows AWSCURRENT.
async fn current(service: &impl SecretsManager) {
    let name = "conformance/current";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    for number in [2, 3] {
        let label = if number == 2 { PENDING } else { OURS };
        let put = service.put(name, &token(number), "more", &[label]).await;
        put.expect("a value is put");
    }
    let (one, two, three) = (token(1), token(2), token(3));
    let (one, two, three) = (Some(one.as_str()), Some(two.as_str()), Some(three.as_str()));

    let moved = service.update_stage(name, CURRENT, one, two).await;
    moved.expect("AWSCURRENT moves");
    let expected = [(PREVIOUS, 1), (CURRENT, 2), (PENDING, 2), (OURS, 3)];
    labels(
        service,
        name,
        &expected,
        "AWSPREVIOUS is where AWSCURRENT was",
    )
    .await;

    let again = service.update_stage(name, CURRENT, None, two).await;
    again.expect("AWSCURRENT is on that version");
    labels(
        service,
        name,
        &expected,
        "AWSCURRENT that stays moves no AWSPREVIOUS",
    )
    .await;

    let moved = service.update_stage(name, CURRENT, two, three).await;
    moved.expect("AWSCURRENT moves");
    let expected = [(PREVIOUS, 2), (PENDING, 2), (CURRENT, 3), (OURS, 3)];
    labels(service, name, &expected, "AWSPREVIOUS follows").await;

    let back = service.update_stage(name, CURRENT, three, two).await;
    back.expect("AWSCURRENT moves back");
    let expected = [(CURRENT, 2), (PENDING, 2), (PREVIOUS, 3), (OURS, 3)];
    labels(service, name, &expected, "the two change places").await;
}

/// Missing secrets, versions, and labels.
async fn absent(service: &impl SecretsManager) {
    let name = "conformance/absent";
    let absent = "ResourceNotFoundException";
    refused(service.describe(name).await, absent, "no such secret");
    refused(
        service.value(name, None, None).await,
        absent,
        "no such secret",
    );
    refused(
        service.put(name, &token(1), "one", &[]).await,
        absent,
        "no such secret",
    );
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    refused(
        service.create(name, &token(2), "two").await,
        "ResourceExistsException",
        "the name is taken",
    );
    refused(
        service.value(name, Some(PENDING), None).await,
        absent,
        "no such label",
    );
    refused(
        service.value(name, None, Some(&token(9))).await,
        absent,
        "no such version",
    );
    refused(
        service.rotate(name, &token(3)).await,
        "InvalidRequestException",
        "no rotation function",
    );
    labels(
        service,
        name,
        &[(CURRENT, 1)],
        "a refused rotation leaves no version",
    )
    .await;
}

/// `DeleteSecret` and `RestoreSecret`.
async fn deletion(service: &impl SecretsManager) {
    let name = "conformance/deletion";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    for days in [6, 31] {
        let outcome = service.delete(name, days).await;
        refused(
            outcome,
            "InvalidParameterException",
            "a window of other than 7 to 30 days",
        );
    }
    service.delete(name, 7).await.expect("it is deleted");
    let described = service.describe(name).await.expect("a description");
    assert!(described.deleted);
    let invalid = "InvalidRequestException";
    refused(
        service.value(name, None, None).await,
        invalid,
        "it awaits deletion",
    );
    refused(
        service.put(name, &token(2), "two", &[]).await,
        invalid,
        "it awaits deletion",
    );
    let one = token(1);
    let moved = service.update_stage(name, OURS, None, Some(&one)).await;
    refused(moved, invalid, "it awaits deletion");
    refused(
        service.rotate(name, &token(3)).await,
        invalid,
        "it awaits deletion",
    );
    refused(
        service.create(name, &token(4), "four").await,
        invalid,
        "its name is in use",
    );
    service.restore(name).await.expect("it is restored");
    let value = service.value(name, None, None).await;
    assert_eq!(value.as_deref(), Ok("one"));
}

/// `RotateSecret`: the order of the steps, and its errors.
async fn rotation(service: &impl SecretsManager) {
    let name = "conformance/rotation";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let begun = service.rotate_failing(name, &token(2), "testSecret").await;
    begun.expect("a rotation begins");
    let calls = service.calls(name, 3).await;
    let expected = ["createSecret", "setSecret", "testSecret"];
    assert_eq!(calls, expected.map(|step| (step.to_owned(), token(2))));
    let expected = [(CURRENT, 1), (PENDING, 2)];
    labels(
        service,
        name,
        &expected,
        "a rotation that fails leaves AWSPENDING",
    )
    .await;
    refused(
        service.value(name, Some(PENDING), None).await,
        "ResourceNotFoundException",
        "the version has no value",
    );
    refused(
        service.rotate(name, &token(3)).await,
        "InvalidRequestException",
        "a rotation is in progress",
    );
    labels(
        service,
        name,
        &expected,
        "a refused rotation leaves no version",
    )
    .await;
}

/// Tests everything that IAM documents and keyrota relies on.
pub async fn iam(service: &impl Iam) {
    let user = "conformance";
    service.create_user(user).await.expect("a user is created");
    let first = service.create_key(user).await.expect("a key is created");
    let second = service.create_key(user).await.expect("a key is created");
    let limit = "LimitExceeded";
    refused(service.create_key(user).await, limit, "a third key");

    let inactive = service.set_active(user, &second, false).await;
    inactive.expect("a key is deactivated");
    refused(
        service.create_key(user).await,
        limit,
        "an inactive key counts",
    );
    service.use_key(user, &first).await;
    let mut keys = service.keys(user).await.expect("a list");
    keys.sort_by_key(|key| key.id != first);
    let expected = [(first.clone(), true, true), (second.clone(), false, false)];
    let expected = expected.map(|(id, active, used)| ListedKey { id, active, used });
    assert_eq!(keys, expected);
    let active = service.set_active(user, &second, true).await;
    active.expect("a key is activated");
    service
        .delete_key(user, &second)
        .await
        .expect("a key is deleted");
    service.create_key(user).await.expect("there is room again");

    let absent = "NoSuchEntity";
    refused(
        service.delete_key(user, &second).await,
        absent,
        "a key that is gone",
    );
    refused(
        service.set_active(user, &second, false).await,
        absent,
        "a key that is gone",
    );
    let nobody = "conformance-nobody";
    refused(service.create_key(nobody).await, absent, "no such user");
    refused(service.keys(nobody).await, absent, "no such user");
    refused(service.tags(nobody).await, absent, "no such user");
    refused(
        service.tag(nobody, "key", "value").await,
        absent,
        "no such user",
    );

    for value in ["first", "second"] {
        service
            .tag(user, "keyrota:test", value)
            .await
            .expect("a tag");
    }
    let tags = service.tags(user).await.expect("tags");
    assert_eq!(tags.get("keyrota:test").map(String::as_str), Some("second"));
    for _ in 0..2 {
        let untagged = service.untag(user, "keyrota:test").await;
        untagged.expect("a tag that is gone is no error");
    }
    assert_eq!(service.tags(user).await, Ok(BTreeMap::new()));
}
