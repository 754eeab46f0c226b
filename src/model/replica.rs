//! The replicas of a secret in other Regions.

use super::entry::Entry;
use super::fields::{Fields, REPLICA};
use super::reader::Field;
use super::word_or_arn::parse_kms_key;
use super::{Arn, Finding, KmsKey, Region};

/// A replica of a secret in another Region, with the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Replica {
    /// The Region.
    pub region: Region,
    /// The customer managed key of that Region that encrypts the replica. Without one, it is
    /// `aws/secretsmanager` of that Region.
    pub kms_key: Option<Arn>,
}

/// Reads `replicas` of an entry, or of `defaults`: a list whose items are Regions, or mappings
/// with a Region and a key. Returns the replicas in alphabetical order of their Regions, so that
/// the order of the list has no meaning.
pub(super) fn read(fields: &Fields<'_>) -> Option<Vec<Replica>> {
    let list = fields.optional("replicas", |field| {
        let mut replicas: Vec<Replica> = Vec::new();
        let mut is_complete = true;
        for item in field.list()? {
            let Some(replica) = read_one(&item) else {
                is_complete = false;
                continue;
            };
            if replicas.iter().any(|other| other.region == replica.region) {
                let message = format!("the Region {} is already in the list", replica.region);
                item.refuse("contradiction", message);
            }
            replicas.push(replica);
        }
        replicas.sort();
        is_complete.then_some(replicas)
    })?;
    Some(list.unwrap_or_default())
}

fn read_one(item: &Field<'_>) -> Option<Replica> {
    if !item.is_mapping() {
        let region = item.parse("invalid-name", Region::parse)?;
        return Some(Replica {
            region,
            kms_key: None,
        });
    }
    let fields = Fields::of(item, &REPLICA)?;
    let region = fields
        .require("region")
        .and_then(|field| field.parse("invalid-name", Region::parse));
    let key = fields.value("kms_key", |field| {
        let key = field.parse("invalid-value", parse_key)?;
        if let (Some(arn), Some(region)) = (&key, &region)
            && let Some(why) = elsewhere(arn, region)
        {
            field.refuse("contradiction", why);
        }
        Some(key)
    });
    Some(Replica {
        region: region?,
        kms_key: key?,
    })
}

/// Reads the key of a replica. The stack creates no key in another Region.
fn parse_key(text: &str) -> Result<Option<Arn>, String> {
    let refused = || format!("expected aws/secretsmanager or the ARN of a KMS key, found `{text}`");
    match parse_kms_key(text).map_err(|_| refused())? {
        KmsKey::AwsManaged => Ok(None),
        KmsKey::Existing(arn) => Ok(Some(arn)),
        KmsKey::Create => Err(
            "the stack creates no KMS key in another Region; specify the ARN of a key there"
                .to_owned(),
        ),
    }
}

/// Returns why a key cannot encrypt a secret of a Region: it is in another one
/// (`API_ReplicaRegionType`).
fn elsewhere(arn: &Arn, region: &Region) -> Option<String> {
    let [partition, _, of, _, _] = arn.parts();
    if of != region.as_str() {
        return Some(format!(
            "the KMS key is in {of}, but the replica is in {region}"
        ));
    }
    (partition != region.partition()).then(|| {
        format!(
            "`{arn}` is in the partition {partition}, but {region} is in {}",
            region.partition()
        )
    })
}

/// Returns why a secret of a Region cannot have a replica: it is there itself, or the Region is in
/// another partition (`replicate-secrets` in the Secrets Manager User Guide).
pub fn refusal(replica: &Replica, region: &Region) -> Option<String> {
    let there = &replica.region;
    if there == region {
        return Some(format!(
            "{there} is the stack's own Region, where the secret itself is"
        ));
    }
    (there.partition() != region.partition()).then(|| {
        format!(
            "{there} is in the partition {}, but {region} is in {}",
            there.partition(),
            region.partition()
        )
    })
}

/// Checks the replicas of an entry against the stack's Region.
pub(super) fn check_region(entry: &Entry, region: &Region, at: &Field<'_>) {
    for replica in &entry.replicas {
        if let Some(why) = refusal(replica, region) {
            let path = format!("{}.replicas", at.path());
            at.report(Finding::error("contradiction", path, why));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::load;

    const KEY: &str =
        "arn:aws:kms:eu-central-1:111122223333:key/mrk-0a1b2c3d4e5f6789abcdef0123456789";

    fn manifest(more: &str) -> String {
        format!("version: 1\nstack: keys\nregion: eu-west-1\n{more}")
    }

    fn replicas(more: &str) -> Vec<(String, Option<String>)> {
        let model = load(&manifest(more), None).unwrap().model;
        let replicas = model.entries[0].replicas.iter();
        let told = replicas.map(|one| {
            let key = one.kms_key.as_ref().map(ToString::to_string);
            (one.region.to_string(), key)
        });
        told.collect()
    }

    fn refused(more: &str) -> Vec<(&'static str, String)> {
        let found = load(&manifest(more), None).unwrap_err();
        found
            .iter()
            .map(|one| (one.kind, one.path.clone()))
            .collect()
    }

    #[test]
    fn a_replica_is_a_region_or_a_region_with_a_key() {
        let list = format!("[us-west-2, {{ region: eu-central-1, kms_key: '{KEY}' }}]");
        let expected = [
            ("eu-central-1".to_owned(), Some(KEY.to_owned())),
            ("us-west-2".to_owned(), None),
        ];
        let entry = format!("access_keys: [{{ user: ada, replicas: {list} }}]\n");
        assert_eq!(replicas(&entry), expected);
        let database = format!(
            "databases: [{{ secret: a, engine: postgres, host: db, username: ada, replicas: {list} }}]\n"
        );
        assert_eq!(replicas(&database), expected);
        assert_eq!(replicas("access_keys: [{ user: ada }]\n"), []);
    }

    #[test]
    fn the_list_of_an_entry_replaces_that_of_the_defaults() {
        let defaults = "defaults: { replicas: [us-west-2] }\n";
        let with =
            |own: &str| replicas(&format!("{defaults}access_keys: [{{ user: ada{own} }}]\n"));
        assert_eq!(with(""), [("us-west-2".to_owned(), None)]);
        assert_eq!(
            with(", replicas: [us-east-1]"),
            [("us-east-1".to_owned(), None)]
        );
        assert_eq!(with(", replicas: []"), []);
    }

    #[test]
    fn what_is_no_replica_is_refused() {
        for (list, kind, path) in [
            ("us-west-2", "wrong-type", ""),
            ("[Oregon]", "invalid-name", "[0]"),
            ("[us-west-2, { region: us-west-2 }]", "contradiction", "[1]"),
            ("[{ kms_key: aws/secretsmanager }]", "missing", "[0].region"),
            ("[{ region: us-west-2, key: a }]", "unknown-key", "[0].key"),
            (
                "[{ region: us-west-2, kms_key: create }]",
                "invalid-value",
                "[0].kms_key",
            ),
            (
                "[{ region: us-west-2, kms_key: alias/a }]",
                "invalid-value",
                "[0].kms_key",
            ),
            ("[eu-west-1]", "contradiction", ""),
            ("[cn-north-1]", "contradiction", ""),
        ] {
            let entry = format!("access_keys: [{{ user: ada, replicas: {list} }}]\n");
            let path = format!("access_keys[0].replicas{path}");
            assert_eq!(refused(&entry), [(kind, path)], "{list}");
        }
    }

    #[test]
    fn the_key_of_a_replica_is_in_its_region() {
        for key in [
            KEY.replace("eu-central-1", "eu-west-1"),
            KEY.replace("arn:aws:", "arn:aws-cn:"),
        ] {
            let list = format!("[{{ region: eu-central-1, kms_key: '{key}' }}]");
            let entry =
                format!("defaults: {{ replicas: {list} }}\naccess_keys: [{{ user: ada }}]\n");
            let path = "defaults.replicas[0].kms_key".to_owned();
            assert_eq!(refused(&entry), [("contradiction", path)], "{key}");
        }
    }
}
