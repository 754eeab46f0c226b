//! Faults of the replicas of a secret.

use super::{expect, found_of};
use crate::plan::Fix;
use crate::port::{ReplicaState, ReplicaStatus};

const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/a";

fn status(region: &str, state: ReplicaState) -> ReplicaStatus {
    ReplicaStatus {
        region: region.to_owned(),
        state,
        message: Some("the KMS key is disabled".to_owned()),
        kms_key: None,
    }
}

#[test]
fn a_replica_that_failed_is_replicated_again() {
    let found = found_of(", replicas: [us-west-2]", |changed| {
        changed.secret().replicas = vec![status("us-west-2", ReplicaState::Failed)];
    });
    let remedy =
        "replicate-secret-to-regions --secret-id keys/ada --add-replica-regions Region=us-west-2`";
    let evidence = ["Failed: the KMS key is disabled"];
    expect(
        &found,
        "replica-failed",
        Some(Fix::Replicate),
        &evidence,
        remedy,
    );
    assert_eq!(found[0].subject, "replica us-west-2 of keys/ada");
}

#[test]
fn a_replica_that_is_missing_is_made() {
    let more = format!(", replicas: [{{ region: us-west-2, kms_key: '{KEY}' }}]");
    let found = found_of(&more, |_| {});
    let remedy = format!("Region=us-west-2,KmsKeyId={KEY}");
    expect(
        &found,
        "replica-missing",
        Some(Fix::Replicate),
        &["us-west-2"],
        &remedy,
    );
}

#[test]
fn a_replica_that_is_not_in_the_manifest_is_left_to_a_person() {
    let found = found_of("", |changed| {
        changed.secret().replicas = vec![status("us-west-2", ReplicaState::InSync)];
    });
    let remedy =
        "remove-regions-from-replication --secret-id keys/ada --remove-replica-regions us-west-2";
    expect(&found, "replica-unknown", None, &["us-west-2"], remedy);
}

#[test]
fn a_replica_that_is_being_copied_is_no_fault() {
    let found = found_of(", replicas: [us-west-2]", |changed| {
        changed.secret().replicas = vec![status("us-west-2", ReplicaState::InProgress)];
    });
    assert_eq!(found, []);
}
