//! What is found of the replicas before a deployment: the Regions, what has their names there, and
//! their keys.

use super::super::Lookup;
use super::check_kms_key;
use crate::model::{Arn, Entry, Finding, Region, Replica, replica_refusal};
use crate::port::{EncryptionKey, Error, ErrorKind, Result, Secret};

const KIND: &str = "replica";

/// A replica of the manifest, as its Region was found.
#[derive(Clone, Debug)]
pub struct ObservedReplica<'model> {
    /// The replica.
    pub replica: &'model Replica,
    /// What has the name of the secret there. `None` if the replica exists already.
    pub namesake: Option<Result<Lookup<Secret>>>,
    /// The key that the manifest names.
    pub key: Option<Lookup<EncryptionKey>>,
}

/// Returns the finding of a replica that cannot exist: in the stack's own Region, or in another
/// partition.
pub fn check_replica_region(entry: &Entry, replica: &Replica, region: &Region) -> Option<Finding> {
    let why = replica_refusal(replica, region)?;
    let hint = format!("remove {} from `replicas`", replica.region);
    Some(Finding::error(KIND, path(entry), why).hint(hint))
}

/// Returns what is wrong with a replica of a secret. `own` is the secret itself, if it exists.
pub fn check_replica(
    entry: &Entry,
    own: Option<&Secret>,
    seen: &ObservedReplica<'_>,
) -> Vec<Finding> {
    let region = &seen.replica.region;
    let mut findings = Vec::new();
    findings.extend(match &seen.namesake {
        None | Some(Ok(Lookup::Missing)) => None,
        Some(Ok(Lookup::Found(secret))) => Some(taken(entry, own, secret, region)),
        Some(Ok(Lookup::Denied(error))) => Some(unknown(
            entry,
            &format!("whether a secret of this name exists in {region}"),
            error,
        )),
        Some(Err(error)) => Some(unreachable(entry, region, error)),
    });
    if let (Some(arn), Some(key)) = (&seen.replica.kms_key, &seen.key) {
        findings.extend(check_key(entry, arn, key));
    }
    findings
}

/// Returns the finding of a secret that has the name of a replica: Secrets Manager overwrites it
/// only on request, which CloudFormation does not make.
fn taken(entry: &Entry, own: Option<&Secret>, secret: &Secret, region: &Region) -> Finding {
    let name = &entry.secret;
    let is_promoted = own.is_some_and(|own| own.arn_in(region.as_str()) == secret.arn);
    let what = match (secret.deleted, secret.primary_elsewhere()) {
        (Some(_), _) => "a secret of this name is scheduled for deletion".to_owned(),
        (None, Some(primary)) => {
            format!("a secret of this name is a replica of one in {primary}")
        }
        (None, None) if is_promoted => "the replica was promoted to a secret of its own".to_owned(),
        (None, None) => "a secret of this name exists".to_owned(),
    };
    let message = format!("{what} in {region}, so `{name}` cannot be replicated there");
    Finding::error("replica-name-taken", path(entry), message).hint(format!(
        "remove {region} from `replicas`, or choose another name with `secret:`"
    ))
}

fn unreachable(entry: &Entry, region: &Region, error: &Error) -> Finding {
    let message = format!("cannot reach Secrets Manager in {region}: {error}");
    let hint = match error.kind {
        ErrorKind::Credentials => {
            format!(
                "enable the Region for the account: aws account enable-region --region-name {region}"
            )
        }
        _ => format!("check that {region} is a Region of AWS, or remove it from `replicas`"),
    };
    Finding::error(KIND, path(entry), message).hint(hint)
}

fn check_key(entry: &Entry, arn: &Arn, key: &Lookup<EncryptionKey>) -> Option<Finding> {
    if let Some(why) = check_kms_key(arn, key) {
        let hint = format!(
            "specify a symmetric encryption key that is enabled in {}, or remove `kms_key` of the replica",
            arn.parts()[2]
        );
        return Some(Finding::error("replica-key", path(entry), why).hint(hint));
    }
    let error = key.denied()?;
    Some(unknown(entry, &format!("the KMS key {arn}"), error))
}

fn unknown(entry: &Entry, what: &str, error: &Error) -> Finding {
    Finding::warning(KIND, path(entry), format!("cannot check {what}: {error}"))
}

fn path(entry: &Entry) -> String {
    format!("{}.replicas", entry.place)
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::sample::model;
    use super::*;

    const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/a";

    fn error(kind: ErrorKind) -> Error {
        Error {
            call: "secretsmanager:DescribeSecret",
            kind,
            code: None,
            message: "no".to_owned(),
        }
    }

    fn secret(region: &str, suffix: &str) -> Secret {
        Secret {
            arn: format!("arn:aws:secretsmanager:{region}:111122223333:secret:keys/ada-{suffix}"),
            name: "keys/ada".to_owned(),
            ..Secret::default()
        }
    }

    fn found(
        namesake: Option<Result<Lookup<Secret>>>,
        key: Option<Lookup<EncryptionKey>>,
    ) -> Vec<Finding> {
        let model = model(&format!(
            ", replicas: [{{ region: us-west-2, kms_key: '{KEY}' }}]"
        ));
        let entry = &model.entries[0];
        let seen = ObservedReplica {
            replica: &entry.replicas[0],
            namesake,
            key,
        };
        check_replica(entry, Some(&secret("eu-west-1", "AbCdEf")), &seen)
    }

    #[test]
    fn what_has_the_name_of_a_replica_is_told() {
        let there = |more: &dyn Fn(&mut Secret), suffix: &str| {
            let mut one = secret("us-west-2", suffix);
            more(&mut one);
            let found = found(Some(Ok(Lookup::Found(one))), None);
            assert_eq!(found[0].kind, "replica-name-taken");
            assert!(found[0].is_error() && found[0].path == "access_keys[0].replicas");
            found[0].message.clone()
        };
        let other = there(&|_| {}, "GhIjKl");
        assert!(
            other.starts_with("a secret of this name exists in us-west-2"),
            "{other}"
        );
        let promoted = there(&|_| {}, "AbCdEf");
        assert!(
            promoted.starts_with("the replica was promoted"),
            "{promoted}"
        );
        let replica = there(
            &|one| one.primary_region = Some("us-east-1".to_owned()),
            "GhIjKl",
        );
        assert!(
            replica.contains("a replica of one in us-east-1"),
            "{replica}"
        );
        let deleted = there(
            &|one| one.deleted = Some("2026-11-02T09:00:00Z".parse().unwrap()),
            "GhIjKl",
        );
        assert!(deleted.contains("scheduled for deletion"), "{deleted}");
        assert_eq!(found(Some(Ok(Lookup::Missing)), None), []);
        assert_eq!(found(None, None), []);
    }

    #[test]
    fn a_region_that_refuses_the_caller_is_an_error_and_a_denied_look_up_is_a_warning() {
        let one = |kind, namesake: fn(Error) -> Result<Lookup<Secret>>| {
            let found = found(Some(namesake(error(kind))), None);
            (
                found[0].is_error(),
                found[0].hint.clone().unwrap_or_default(),
            )
        };
        let (is_error, hint) = one(ErrorKind::Credentials, Err);
        assert!(is_error && hint.contains("enable-region"), "{hint}");
        let (is_error, hint) = one(ErrorKind::Unavailable, Err);
        assert!(is_error && hint.contains("is a Region of AWS"), "{hint}");
        assert!(!one(ErrorKind::Denied, |error| Ok(Lookup::Denied(error))).0);
    }

    #[test]
    fn a_key_that_cannot_be_used_is_an_error() {
        let key = |enabled| EncryptionKey {
            enabled,
            state: "Disabled".to_owned(),
            symmetric: true,
        };
        let kinds = |key| {
            let found = found(None, Some(key));
            found
                .iter()
                .map(|one| (one.kind, one.is_error()))
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(Lookup::Found(key(true))), []);
        assert_eq!(kinds(Lookup::Found(key(false))), [("replica-key", true)]);
        assert_eq!(kinds(Lookup::Missing), [("replica-key", true)]);
        let denied = Lookup::Denied(error(ErrorKind::Denied));
        assert_eq!(kinds(denied), [("replica", false)]);
    }

    #[test]
    fn the_stacks_own_region_has_no_replica() {
        let text = "version: 1\nstack: keys\naccess_keys: [{ user: ada, replicas: [us-west-2] }]\n";
        let model = crate::model::load(text, None).unwrap().model;
        let entry = &model.entries[0];
        let found = |region: &str| {
            let region = Region::parse(region).unwrap();
            check_replica_region(entry, &entry.replicas[0], &region).is_some()
        };
        assert!(found("us-west-2") && found("cn-north-1") && !found("eu-west-1"));
    }
}
