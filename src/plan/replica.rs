//! The replicas of secrets: what the manifest has, and what Secrets Manager reports.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Observed;
use crate::model::{Entry, Replica};
use crate::port::{Change, ReplicaState, ReplicaStatus, Secret};
use crate::render;

/// A replica in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplicaReport {
    /// Its Region.
    pub region: String,
    /// Its state, or `None` if it does not exist.
    pub status: Option<ReplicaState>,
    /// Why it is in this state, in AWS's words.
    pub message: Option<String>,
    /// The customer managed key that encrypts it, if any.
    pub kms_key: Option<String>,
    /// What is wrong with it.
    pub fault: Option<ReplicaFault>,
}

/// What is wrong with a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReplicaFault {
    /// Secrets Manager could not copy the value.
    #[serde(rename = "replica-failed")]
    Failed,
    /// The manifest has it, and Secrets Manager does not.
    #[serde(rename = "replica-missing")]
    Missing,
    /// Secrets Manager has it, and the manifest does not.
    #[serde(rename = "replica-unknown")]
    Unknown,
}

/// Returns the replicas of a secret that exist and those that the manifest has, in alphabetical
/// order of their Regions.
pub fn replicas(entry: &Entry, secret: &Secret) -> Vec<ReplicaReport> {
    let mut all: BTreeMap<&str, (Option<&Replica>, Option<&ReplicaStatus>)> = BTreeMap::new();
    for replica in &entry.replicas {
        all.entry(replica.region.as_str()).or_default().0 = Some(replica);
    }
    for status in &secret.replicas {
        all.entry(&status.region).or_default().1 = Some(status);
    }
    let report = |(region, (wanted, held)): (&str, _)| report(region, wanted, held);
    all.into_iter().map(report).collect()
}

fn report(region: &str, wanted: Option<&Replica>, held: Option<&ReplicaStatus>) -> ReplicaReport {
    let fault = match (wanted, held) {
        (Some(_), None) => Some(ReplicaFault::Missing),
        (None, _) => Some(ReplicaFault::Unknown),
        (Some(_), Some(held)) => {
            (held.state == ReplicaState::Failed).then_some(ReplicaFault::Failed)
        }
    };
    let wanted = wanted.and_then(|wanted| wanted.kms_key.as_ref());
    ReplicaReport {
        region: region.to_owned(),
        status: held.map(|held| held.state),
        message: held.and_then(|held| held.message.clone()),
        kms_key: match held {
            Some(held) => held.kms_key.clone(),
            None => wanted.map(ToString::to_string),
        },
        fault,
    }
}

/// A replica that the deployment of a manifest deletes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemovedReplica {
    /// The name of the secret.
    pub secret: String,
    /// The Region.
    pub region: String,
}

/// Returns the replicas that exist and that the manifest does not have. CloudFormation deletes
/// those that the stack has made. Without `changes`, it is not known which secrets change.
pub fn removed_replicas(
    observed: &Observed<'_>,
    changes: Option<&[Change]>,
) -> Vec<RemovedReplica> {
    let mut removed = Vec::new();
    for seen in &observed.entries {
        let (entry, Some(secret)) = (seen.entry(), seen.secret()) else {
            continue;
        };
        let logical_id = render::secret_logical_id(entry);
        let is_changed = |change: &Change| {
            change.logical_id == logical_id
                && change.properties.iter().any(|it| it == "ReplicaRegions")
        };
        if changes.is_some_and(|changes| !changes.iter().any(is_changed))
            || !seen.is_in(&observed.resources)
        {
            continue;
        }
        let unknown = replicas(entry, secret).into_iter();
        let unknown = unknown.filter(|one| one.fault == Some(ReplicaFault::Unknown));
        removed.extend(unknown.map(|one| RemovedReplica {
            secret: secret.name.clone(),
            region: one.region,
        }));
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample::{entry, model, observed};
    use super::*;

    fn status(region: &str, state: ReplicaState) -> ReplicaStatus {
        ReplicaStatus {
            region: region.to_owned(),
            state,
            message: None,
            kms_key: None,
        }
    }

    #[test]
    fn a_replica_fails_is_missing_or_is_unknown() {
        use ReplicaFault::{Failed, Missing, Unknown};
        let model = model(", replicas: [us-west-2]");
        for (held, expected) in [
            (vec![], vec![("us-west-2", None, Some(Missing))]),
            (
                vec![status("us-west-2", ReplicaState::InSync)],
                vec![("us-west-2", Some(ReplicaState::InSync), None)],
            ),
            (
                vec![status("us-west-2", ReplicaState::InProgress)],
                vec![("us-west-2", Some(ReplicaState::InProgress), None)],
            ),
            (
                vec![status("us-west-2", ReplicaState::Failed)],
                vec![("us-west-2", Some(ReplicaState::Failed), Some(Failed))],
            ),
            (
                vec![
                    status("us-west-2", ReplicaState::InSync),
                    status("eu-central-1", ReplicaState::Failed),
                ],
                vec![
                    ("eu-central-1", Some(ReplicaState::Failed), Some(Unknown)),
                    ("us-west-2", Some(ReplicaState::InSync), None),
                ],
            ),
        ] {
            let secret = Secret {
                replicas: held,
                ..Secret::default()
            };
            let found = replicas(&model.entries[0], &secret);
            let told: Vec<_> = found
                .iter()
                .map(|one| (one.region.as_str(), one.status, one.fault))
                .collect();
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_deployment_removes_what_the_manifest_no_longer_has() {
        let mut seen = entry();
        let secret = &mut seen.secret.as_mut().unwrap().secret;
        secret.replicas = vec![status("us-west-2", ReplicaState::InSync)];
        let observed = observed(seen);
        let removed = [RemovedReplica {
            secret: "keys/ada".to_owned(),
            region: "us-west-2".to_owned(),
        }];
        assert_eq!(removed_replicas(&observed, None), removed);
        let change = |property: &str| Change {
            action: "Modify".to_owned(),
            logical_id: render::secret_logical_id(&model("").entries[0]),
            kind: "AWS::SecretsManager::Secret".to_owned(),
            replacement: None,
            properties: vec![property.to_owned()],
            drift: None,
        };
        let of = |property: &str| removed_replicas(&observed, Some(&[change(property)]));
        assert_eq!(of("ReplicaRegions"), removed);
        assert_eq!(of("Tags"), []);
    }
}
