//! The keys that encrypt what is not a secret: the logs, the topic, and the functions'
//! environment.

use super::fields::Fields;
use super::reader::Field;
use super::{Arn, Finding, Region};

/// What encrypts the log groups, the topic, and the functions' environment. Without a key, AWS
/// encrypts log groups and the environment with keys of its own, and the topic not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encrypt {
    /// The key of the log groups.
    pub logs: Option<ServiceKey>,
    /// The key of the alarms' topic.
    pub topic: Option<ServiceKey>,
    /// The key of the functions' environment variables.
    pub environment: Option<ServiceKey>,
}

/// A customer managed key that AWS services use on the stack's behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKey {
    /// The one that the stack makes for its services.
    Create,
    /// One that exists, and that keyrota never changes.
    Existing(Arn),
}

impl ServiceKey {
    /// Returns the ARN of a key that exists.
    pub const fn existing(&self) -> Option<&Arn> {
        match self {
            Self::Create => None,
            Self::Existing(arn) => Some(arn),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text == "create" {
            return Ok(Self::Create);
        }
        let refused = || format!("expected create or the ARN of a KMS key, found `{text}`");
        let arn = Arn::parse(text).map_err(|_| refused())?;
        let [_, service, _, _, resource] = arn.parts();
        // CloudWatch Logs and Lambda accept no alias (`API_CreateLogGroup`, `API_CreateFunction`).
        let id = resource.strip_prefix("key/").unwrap_or_default();
        let exact = |one: char| one.is_ascii_alphanumeric() || one == '-';
        match service == "kms" && !id.is_empty() && id.chars().all(exact) {
            true => Ok(Self::Existing(arn)),
            false => Err(refused()),
        }
    }
}

impl Encrypt {
    /// Returns the fields of the manifest that are set, each with its key.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &ServiceKey)> {
        let all = [
            ("logs", &self.logs),
            ("topic", &self.topic),
            ("environment", &self.environment),
        ];
        all.into_iter()
            .filter_map(|(name, key)| Some((name, key.as_ref()?)))
    }

    /// Returns whether the stack makes a key for its services.
    pub fn creates(&self) -> bool {
        self.keys().any(|(_, key)| *key == ServiceKey::Create)
    }
}

/// Reads the mapping, and checks the keys against the stack's Region.
pub(super) fn read(encrypt: &Fields<'_>, region: Option<&Region>) -> Option<Encrypt> {
    let key = |name: &str| {
        encrypt.optional(name, |field| {
            let key = field.parse("invalid-value", ServiceKey::parse)?;
            if let (Some(arn), Some(region)) = (key.existing(), region) {
                check_region(arn, region, field);
            }
            Some(key)
        })
    };
    let (logs, topic, environment) = (key("logs"), key("topic"), key("environment"));
    Some(Encrypt {
        logs: logs?,
        topic: topic?,
        environment: environment?,
    })
}

/// Reports a key of another Region or partition. A service uses keys of its own Region only
/// (`concepts-intro` in the KMS Developer Guide).
fn check_region(arn: &Arn, region: &Region, field: &Field<'_>) {
    let [partition, _, of, _, _] = arn.parts();
    let message = if of != region.as_str() {
        format!("the KMS key is in {of}, but the stack is in {region}")
    } else if partition != region.partition() {
        format!(
            "`{arn}` is in the partition {partition}, but {region} is in {}",
            region.partition()
        )
    } else {
        return;
    };
    field.report(Finding::error("contradiction", field.path(), message));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-4e5f-6789-abcd-ef0123456789";

    fn manifest(encrypt: &str) -> String {
        format!(
            "version: 1\nstack: keys\nregion: eu-west-1\naccess_keys: [{{ user: ada }}]\nencrypt: {encrypt}\n"
        )
    }

    fn read(encrypt: &str) -> Encrypt {
        load(&manifest(encrypt), None).unwrap().model.encrypt
    }

    #[test]
    fn each_key_is_optional() {
        assert_eq!(read("{}"), Encrypt::default());
        assert_eq!(read("null"), Encrypt::default());
        let some = read(&format!("{{ logs: create, topic: '{ARN}' }}"));
        assert_eq!(some.logs, Some(ServiceKey::Create));
        assert_eq!(
            some.topic.as_ref().unwrap().existing().unwrap().as_str(),
            ARN
        );
        assert_eq!(some.environment, None);
        assert!(some.creates() && !read(&format!("{{ environment: '{ARN}' }}")).creates());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for key in [
            "aws/secretsmanager",
            "alias/mine",
            "arn:aws:kms:eu-west-1:111122223333:alias/mine",
            "arn:aws:kms:eu-west-1:111122223333:key/",
            "arn:aws:kms:eu-west-1:111122223333:key/*",
            "arn:aws:s3:::key/a",
        ] {
            for name in ["logs", "topic", "environment"] {
                let found = load(&manifest(&format!("{{ {name}: '{key}' }}")), None).unwrap_err();
                let found: Vec<_> = found
                    .iter()
                    .map(|one| (one.kind, one.path.as_str()))
                    .collect();
                let path = format!("encrypt.{name}");
                assert_eq!(found, [("invalid-value", path.as_str())], "{key}");
            }
        }
    }

    #[test]
    fn a_key_is_in_the_region_of_the_stack() {
        let elsewhere = ARN.replace("eu-west-1", "eu-central-1");
        let partition = ARN.replace("arn:aws:", "arn:aws-cn:");
        for key in [elsewhere, partition] {
            let found = load(&manifest(&format!("{{ logs: '{key}' }}")), None).unwrap_err();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].kind, found[0].path.as_str()),
                ("contradiction", "encrypt.logs")
            );
            assert_eq!(found[0].line, Some(5));
        }
    }
}
