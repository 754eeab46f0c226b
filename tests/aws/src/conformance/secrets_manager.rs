//! What Secrets Manager documents for versions, labels, deletion, and rotation.

use std::collections::BTreeSet;

use super::{Described, Function, ROTATED, STEPS, SecretsManager, refused};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";
const OURS: &str = "KEYROTA_TEST";

/// Returns the token with this number: 32 to 64 characters.
fn token(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02}")
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

/// The longest wait for a rotation, in pauses.
const PAUSES: usize = 600;

/// Waits for the function's calls to be these steps, all with the same token.
async fn called(service: &impl SecretsManager, name: &str, steps: &[&str], number: u8) {
    let expected = steps.iter().map(|step| ((*step).to_owned(), token(number)));
    let expected: Vec<_> = expected.collect();
    for _ in 0..PAUSES {
        if service.calls(name).await.len() >= expected.len() {
            break;
        }
        service.pause().await;
    }
    assert_eq!(service.calls(name).await, expected);
}

/// Waits for a successful rotation to end.
async fn rotated(service: &impl SecretsManager, name: &str) -> Described {
    for _ in 0..PAUSES {
        let described = service.describe(name).await.expect("a description");
        if described.rotated {
            return described;
        }
        service.pause().await;
    }
    panic!("{name} has no LastRotatedDate");
}

/// Tests everything that Secrets Manager documents and keyrota relies on.
pub async fn secrets_manager(service: &impl SecretsManager) {
    put(service).await;
    update_stage(service).await;
    current(service).await;
    absent(service).await;
    deletion(service).await;
    failed_rotation(service).await;
    rotation(service).await;
    cancelled_rotation(service).await;
    restarted_rotation(service).await;
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

/// `RotateSecret` whose function fails.
async fn failed_rotation(service: &impl SecretsManager) {
    let name = "conformance/failed-rotation";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let function = Function::FailingAt("testSecret");
    let begun = service.rotate_with(name, &token(2), function).await;
    begun.expect("a rotation begins");
    called(service, name, &STEPS[..3], 2).await;
    let expected = [(CURRENT, 1), (PENDING, 2)];
    labels(
        service,
        name,
        &expected,
        "a rotation that fails leaves AWSPENDING",
    )
    .await;
    let described = service.describe(name).await.expect("a description");
    assert!(!described.rotated, "a rotation that fails sets no date");
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

/// `RotateSecret` whose function succeeds.
///
/// "When rotation is successful, the AWSPENDING staging label might be attached to the same
/// version as the AWSCURRENT version, or it might not be attached to any version." The suite
/// accepts both.
async fn rotation(service: &impl SecretsManager) {
    let name = "conformance/rotation";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let described = service.describe(name).await.expect("a description");
    assert_eq!(described.rotation_enabled, None, "rotation was never on");
    assert!(!described.scheduled && !described.rotated);

    let function = Function::Rotating;
    let begun = service.rotate_with(name, &token(2), function).await;
    begun.expect("a rotation begins");
    let described = rotated(service, name).await;
    called(service, name, &STEPS, 2).await;
    assert_eq!(described.rotation_enabled, Some(true));
    assert!(described.scheduled);
    promoted(service, name, 2, 1).await;
    let value = service.value(name, None, None).await;
    assert_eq!(value.as_deref(), Ok(ROTATED));
    let value = service.value(name, Some(PREVIOUS), None).await;
    assert_eq!(value.as_deref(), Ok("one"));

    // RotateSecret without a configuration uses "the values already stored in the secret".
    let begun = service.rotate(name, &token(3)).await;
    begun.expect("another rotation begins");
    for _ in 0..PAUSES {
        let described = service.describe(name).await.expect("a description");
        let current = described.stages.get(&token(3));
        if current.is_some_and(|labels| labels.contains(CURRENT)) {
            break;
        }
        service.pause().await;
    }
    promoted(service, name, 3, 2).await;
    let stages = service.describe(name).await.expect("a description").stages;
    let deprecated = stages.get(&token(1));
    assert_eq!(deprecated, None, "a version without a label is deprecated");
}

/// Asserts the labels at the end of a successful rotation.
async fn promoted(service: &impl SecretsManager, name: &str, current: u8, previous: u8) {
    let described = service.describe(name).await.expect("a description");
    let carrier = |label| {
        let mut stages = described.stages.iter();
        let found = stages.find(|(_, labels)| labels.contains(label));
        found.map(|(id, _)| id.clone())
    };
    assert_eq!(carrier(CURRENT), Some(token(current)), "AWSCURRENT moved");
    assert_eq!(
        carrier(PREVIOUS),
        Some(token(previous)),
        "AWSPREVIOUS follows"
    );
    let pending = carrier(PENDING);
    assert!(
        pending.is_none() || pending == carrier(CURRENT),
        "AWSPENDING is on another version: {pending:?}"
    );
}

/// `CancelRotateSecret`: "Turns off automatic rotation, and if a rotation is currently in
/// progress, cancels the rotation." The labels stay where they are.
async fn cancelled_rotation(service: &impl SecretsManager) {
    let name = "conformance/cancelled-rotation";
    refused(
        service.cancel_rotation(name).await,
        "ResourceNotFoundException",
        "no such secret",
    );
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let function = Function::FailingAt("setSecret");
    let begun = service.rotate_with(name, &token(2), function).await;
    begun.expect("a rotation begins");
    called(service, name, &STEPS[..2], 2).await;

    let pending = [(CURRENT, 1), (PENDING, 2)];
    // Whether a second request succeeds is not documented. It changes nothing.
    for cancelled in ["once", "twice"] {
        let outcome = service.cancel_rotation(name).await;
        assert!(outcome.is_ok() || cancelled == "twice", "{outcome:?}");
        let described = service.describe(name).await.expect("a description");
        assert_eq!(described.rotation_enabled, Some(false), "{cancelled}");
        assert!(described.scheduled, "the previous schedule remains");
        labels(service, name, &pending, "cancelling leaves AWSPENDING").await;
    }
    refused(
        service.rotate(name, &token(3)).await,
        "InvalidRequestException",
        "AWSPENDING is on another version",
    );
    let two = token(2);
    let removed = service.update_stage(name, PENDING, Some(&two), None).await;
    removed.expect("AWSPENDING is removed");
    let begun = service.rotate(name, &token(4)).await;
    begun.expect("a rotation begins");
    let described = service.describe(name).await.expect("a description");
    assert_eq!(
        described.rotation_enabled,
        Some(true),
        "RotateSecret turns rotation on"
    );
    let expected = [(CURRENT, 1), (PENDING, 4)];
    labels(service, name, &expected, "a rotation has a version").await;

    service.delete(name, 7).await.expect("it is deleted");
    refused(
        service.cancel_rotation(name).await,
        "InvalidRequestException",
        "it awaits deletion",
    );
}

/// `LastRotatedDate` while rotation is off, and `RotateSecret` afterwards.
async fn restarted_rotation(service: &impl SecretsManager) {
    let name = "conformance/restarted-rotation";
    let created = service.create(name, &token(1), "one").await;
    created.expect("a secret is created");
    let function = Function::Rotating;
    let begun = service.rotate_with(name, &token(2), function).await;
    begun.expect("a rotation begins");
    rotated(service, name).await;

    let cancelled = service.cancel_rotation(name).await;
    cancelled.expect("rotation is turned off");
    let described = service.describe(name).await.expect("a description");
    assert_eq!(described.rotation_enabled, Some(false));
    assert!(
        !described.rotated,
        "LastRotatedDate is null while rotation is off"
    );
    promoted(service, name, 2, 1).await;

    let begun = service.rotate(name, &token(3)).await;
    begun.expect("RotateSecret turns rotation on again");
    let described = rotated(service, name).await;
    assert_eq!(described.rotation_enabled, Some(true));
}
