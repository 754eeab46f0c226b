//! What IAM documents for access keys and for the tags of users.

use std::collections::{BTreeMap, BTreeSet};

use super::{Iam, ListedKey, refused};

/// Tests everything that IAM documents and keyrota relies on.
pub async fn iam(service: &impl Iam) {
    quota(service).await;
    status(service).await;
    deleted_keys(service).await;
    pages(service).await;
    tags(service).await;
}

/// The quota of access keys, which counts inactive keys too.
async fn quota(service: &impl Iam) {
    let user = "conformance-quota";
    service.create_user(user).await.expect("a user is created");
    assert_eq!(service.keys(user).await, Ok(Vec::new()));
    service.create_key(user).await.expect("a key is created");
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
    let deleted = service.delete_key(user, &second).await;
    deleted.expect("a key is deleted");
    service.create_key(user).await.expect("there is room again");
}

/// `UpdateAccessKey`, and the last use of each key.
async fn status(service: &impl Iam) {
    let user = "conformance-status";
    service.create_user(user).await.expect("a user is created");
    let first = service.create_key(user).await.expect("a key is created");
    let second = service.create_key(user).await.expect("a key is created");
    let listed = async |first_used: bool, second_active: bool, what: &str| {
        // IAM documents no order.
        let mut keys = service.keys(user).await.expect("a list");
        keys.sort_by_key(|key| key.id != first);
        let key = |id: &String, active, used| {
            let id = id.clone();
            ListedKey { id, active, used }
        };
        let expected = [
            key(&first, true, first_used),
            key(&second, second_active, false),
        ];
        assert_eq!(keys, expected, "{what}");
    };
    listed(false, true, "a new key is active and was never used").await;
    let inactive = service.set_active(user, &second, false).await;
    inactive.expect("a key is deactivated");
    refused(
        service.use_key(user, &second).await,
        "InvalidClientTokenId",
        "an inactive key does not authenticate",
    );
    listed(false, false, "a refused request is no use").await;
    let used = service.use_key(user, &first).await;
    used.expect("an active key authenticates");
    listed(true, false, "each key has its own last use").await;
    let active = service.set_active(user, &second, true).await;
    active.expect("a key is activated");
    listed(true, true, "a key is active again").await;
    let used = service.use_key(user, &second).await;
    used.expect("a key that is active again authenticates");
}

/// Keys and users that do not exist.
async fn deleted_keys(service: &impl Iam) {
    let (user, other) = ("conformance-deleted", "conformance-other");
    for user in [user, other] {
        service.create_user(user).await.expect("a user is created");
    }
    let key = service.create_key(user).await.expect("a key is created");
    let absent = "NoSuchEntity";
    let foreign = "a key of another user";
    refused(service.delete_key(other, &key).await, absent, foreign);
    let changed = service.set_active(other, &key, false).await;
    refused(changed, absent, foreign);
    let used = service.use_key(user, &key).await;
    used.expect("the key remains, and is active");

    let deleted = service.delete_key(user, &key).await;
    deleted.expect("a key is deleted");
    assert_eq!(service.keys(user).await, Ok(Vec::new()));
    refused(
        service.use_key(user, &key).await,
        "InvalidClientTokenId",
        "a deleted key does not authenticate",
    );
    let gone = "a key that is gone";
    refused(service.delete_key(user, &key).await, absent, gone);
    let changed = service.set_active(user, &key, false).await;
    refused(changed, absent, gone);

    let (nobody, what) = ("conformance-nobody", "no such user");
    refused(service.create_key(nobody).await, absent, what);
    refused(service.keys(nobody).await, absent, what);
    refused(service.delete_key(nobody, &key).await, absent, what);
    refused(service.tags(nobody).await, absent, what);
    refused(service.tag(nobody, "key", "value").await, absent, what);
    refused(service.untag(nobody, "key").await, absent, what);
}

/// `ListAccessKeys`: "Although each user is limited to a small number of keys, you can still
/// paginate the results".
async fn pages(service: &impl Iam) {
    let user = "conformance-pages";
    service.create_user(user).await.expect("a user is created");
    let mut keys = BTreeSet::new();
    for _ in 0..2 {
        keys.insert(service.create_key(user).await.expect("a key is created"));
    }
    let listed = service.keys_by_page(user).await.expect("a list");
    assert_eq!(listed.len(), 2, "each key is on one page");
    assert_eq!(BTreeSet::from_iter(listed), keys);
}

/// `TagUser` and `UntagUser`.
async fn tags(service: &impl Iam) {
    let user = "conformance-tags";
    service.create_user(user).await.expect("a user is created");
    for value in ["first", "second"] {
        let tagged = service.tag(user, "keyrota:test", value).await;
        tagged.expect("a tag");
    }
    let tags = service.tags(user).await.expect("tags");
    assert_eq!(tags.get("keyrota:test").map(String::as_str), Some("second"));
    for _ in 0..2 {
        let untagged = service.untag(user, "keyrota:test").await;
        untagged.expect("a tag that is gone is no error");
    }
    assert_eq!(service.tags(user).await, Ok(BTreeMap::new()));
}
