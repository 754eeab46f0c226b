//! What Secrets Manager does to the replicas of secrets.

use super::state::{AwsState, SecretRecord, refused};
use crate::port::{ErrorKind, ReplicaState, ReplicaStatus, Result};

impl AwsState {
    /// `ReplicateSecretToRegions` without `ForceOverwriteReplicaSecret`.
    pub fn replicate(&mut self, id: &str, region: &str, kms_key: Option<&str>) -> Result<()> {
        let secret = self.live_secret(id)?.clone();
        if secret.primary_region.is_some() {
            return refused(ErrorKind::Invalid, "it is a replica");
        }
        let held = secret.replicas.iter().find(|held| held.region == region);
        if held.is_some_and(|held| held.state != ReplicaState::Failed) {
            return refused(ErrorKind::AlreadyExists, "there is a replica");
        }
        let place = (region.to_owned(), secret.name.clone());
        let is_usable = |key: &str| {
            let state = self.kms_keys.get(key);
            state.is_some_and(|state| state == "Enabled")
        };
        let failure = if self.elsewhere.contains_key(&place) {
            Some("a secret of this name exists")
        } else if kms_key.is_some_and(|key| !is_usable(key)) {
            Some("the KMS key is disabled or not found")
        } else {
            None
        };
        if failure.is_none() {
            let there = SecretRecord {
                arn: secret.arn.replace(super::REGION, region),
                primary_region: Some(super::REGION.to_owned()),
                ..secret.clone()
            };
            self.elsewhere.insert(place, there);
        }
        let status = ReplicaStatus {
            region: region.to_owned(),
            state: match failure {
                Some(_) => ReplicaState::Failed,
                None => ReplicaState::InSync,
            },
            message: failure.map(str::to_owned),
            kms_key: kms_key.map(str::to_owned),
        };
        let secret = self.live_secret(id)?;
        secret.replicas.retain(|held| held.region != region);
        secret.replicas.push(status);
        Ok(())
    }

    /// `RemoveRegionsFromReplication` of one Region.
    pub fn remove_replica(&mut self, id: &str, region: &str) -> Result<()> {
        let secret = self.live_secret(id)?;
        let name = secret.name.clone();
        let arn = secret.arn.replace(super::REGION, region);
        let count = secret.replicas.len();
        secret.replicas.retain(|held| held.region != region);
        if secret.replicas.len() == count {
            return refused(ErrorKind::Invalid, "there is no replica");
        }
        let place = (region.to_owned(), name);
        let there = self.elsewhere.get(&place);
        if there.is_some_and(|there| there.arn == arn && there.primary_region.is_some()) {
            self.elsewhere.remove(&place);
        }
        Ok(())
    }

    /// What CloudFormation does with `ReplicaRegions`.
    pub fn reconcile_replicas(
        &mut self,
        arn: &str,
        wanted: &[(String, Option<String>)],
    ) -> Result<()> {
        let held = self.live_secret(arn)?.replicas.clone();
        for one in &held {
            if wanted.iter().all(|(region, _)| *region != one.region) {
                self.remove_replica(arn, &one.region)?;
            }
        }
        for (region, key) in wanted {
            if held.iter().all(|one| one.region != *region) {
                self.replicate(arn, region, key.as_deref())?;
            }
        }
        Ok(())
    }

    /// `StopReplicationToReplica`: the replica becomes a secret of its own.
    pub fn promote(&mut self, name: &str, region: &str) {
        let secret = self.secrets.get_mut(name).unwrap();
        secret.replicas.retain(|held| held.region != region);
        let place = (region.to_owned(), name.to_owned());
        self.elsewhere.get_mut(&place).unwrap().primary_region = None;
    }
}
