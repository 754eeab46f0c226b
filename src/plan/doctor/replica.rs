//! Faults of the replicas of a secret.

use super::fault::{REPLICA_FAILED, REPLICA_MISSING, REPLICA_UNKNOWN};
use super::{Diagnosis, Fix};
use crate::model::Entry;
use crate::plan::replica::{ReplicaFault, ReplicaReport, replicas};
use crate::port::Secret;

/// Returns the faults of the replicas of a secret.
pub(super) fn diagnose(entry: &Entry, secret: &Secret) -> Vec<Diagnosis> {
    let all = replicas(entry, secret).into_iter();
    all.filter_map(|replica| diagnosis(entry, secret, &replica))
        .collect()
}

fn diagnosis(entry: &Entry, secret: &Secret, replica: &ReplicaReport) -> Option<Diagnosis> {
    let ReplicaReport {
        region,
        message,
        kms_key,
        fault,
        ..
    } = replica;
    let id = &entry.secret;
    let key = kms_key
        .as_ref()
        .map_or_else(String::new, |arn| format!(",KmsKeyId={arn}"));
    let add = format!(
        "`aws secretsmanager replicate-secret-to-regions --secret-id {id} --add-replica-regions Region={region}{key}`"
    );
    let (fault, evidence, remedy) = match fault.as_ref()? {
        ReplicaFault::Failed => (
            &REPLICA_FAILED,
            match message {
                Some(message) => format!("its status is Failed: {message}"),
                None => "its status is Failed".to_owned(),
            },
            format!("fix the cause, then run {add}"),
        ),
        ReplicaFault::Missing => (
            &REPLICA_MISSING,
            format!("{} has no replica in {region}", secret.arn),
            format!("run `keyrota bootstrap` if the manifest was changed; otherwise, run {add}"),
        ),
        ReplicaFault::Unknown => (
            &REPLICA_UNKNOWN,
            format!("the manifest has no replica in {region}"),
            format!(
                "if no client reads it, delete it: `aws secretsmanager remove-regions-from-replication --secret-id {id} --remove-replica-regions {region}`; otherwise, add it to `replicas`"
            ),
        ),
    };
    let found = Diagnosis {
        secret: Some(id.clone()),
        ..fault.seen(format!("replica {region} of {id}"), evidence, remedy)
    };
    Some(found.fixed_by(Fix::Replicate, fault.fix.is_some()))
}
