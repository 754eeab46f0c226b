//! Differences between what was deployed and what exists.
//!
//! CloudFormation detects most of them. What it does not compare, or compares in part, is looked at
//! directly: secrets and their rotation, whether a function's resource policy admits the services
//! that invoke it, the policy of the topic, and the state of KMS keys.

mod deployed;
mod detection;
mod difference;
mod function;
mod intrinsic;
mod look;
mod notify;
mod policy;
mod revert;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Drift, Lookup, Observed};
use crate::port::{
    DriftStatus, EncryptionKey, FunctionCode, LogGroup, ResourceDrift, Secret, Subscription,
};
use crate::render;

pub use deployed::{DeployedResource, DeployedTemplate};
pub use detection::{is_comparable, is_detected, without_stale};
pub use function::DeployedCode;
pub use look::topics;
pub use revert::{
    Consent, Repair, check_replacement, check_revert, is_restored, repair_of, without_resources,
};
pub use secret::{DEFAULT_KEY, document, wanted_rotation, wanted_tags};

use detection::{is_held, of_cloudformation};
use look::{Look, look_at, secret_tags};

/// The types of resources, as CloudFormation names them.
pub const SECRET: &str = "AWS::SecretsManager::Secret";
/// A rotation schedule.
pub const SCHEDULE: &str = "AWS::SecretsManager::RotationSchedule";
/// The resource policy of a secret.
pub const SECRET_POLICY: &str = "AWS::SecretsManager::ResourcePolicy";
/// A statement of a function's resource policy.
pub const PERMISSION: &str = "AWS::Lambda::Permission";
/// The policy of a topic.
pub const TOPIC_POLICY: &str = "AWS::SNS::TopicPolicy";
/// A KMS key.
pub const KMS_KEY: &str = "AWS::KMS::Key";
/// The alias of a KMS key.
pub const ALIAS: &str = "AWS::KMS::Alias";
/// A subscription to a topic.
pub const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
/// A function.
pub const FUNCTION: &str = "AWS::Lambda::Function";
/// A log group.
pub const LOG_GROUP: &str = "AWS::Logs::LogGroup";

/// How a stack differs from what was deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackDrift {
    /// The resources that differ, in the order of the template. One that differs in what
    /// CloudFormation compares, and in what it does not, is here twice.
    pub resources: Vec<DriftedResource>,
    /// The resources that could not be checked.
    pub unchecked: Vec<UncheckedResource>,
    /// The logical IDs of resources that CloudFormation finds changed only in what the template does
    /// not specify. That is no drift, but a change set may contain them.
    pub ignored: BTreeSet<String>,
    /// The tags of secrets that differ from the deployed ones.
    pub tags: Vec<Drift>,
    /// Why CloudFormation could not be asked at all.
    pub obstacle: Option<String>,
}

/// A resource that differs from what was deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Its name in AWS.
    pub physical_id: String,
    /// How it differs.
    pub change: DriftChange,
    /// What it is there for, after "it", if its logical ID does not say so.
    pub purpose: Option<String>,
}

/// How a resource differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriftChange {
    /// It does not exist.
    Gone,
    /// The secret is scheduled for deletion.
    Deleted,
    /// In these properties, one text for each.
    Changed(Vec<String>),
    /// It is as it was deployed, but does not admit a request that it is there for.
    Refuses(String),
    /// Rotation of the secret is disabled.
    RotationDisabled,
    /// The KMS key is disabled or awaits its deletion.
    KeyUnusable(String),
    /// The function has other code than that of the zip file it was deployed from.
    Code(String),
    /// The log group is encrypted with another KMS key.
    LogKey(String),
}

/// A resource whose drift is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Why it is unknown, or `None` if nothing compares it.
    pub reason: Option<String>,
}

impl DriftedResource {
    /// Returns each difference as `plan` and `status` show it.
    pub fn shown(&self) -> Vec<Drift> {
        let texts = self.differences().into_iter();
        let purpose = self.purpose();
        let drift = texts.map(|difference| Drift {
            logical_id: self.logical_id.clone(),
            kind: self.kind.clone(),
            difference: difference + &purpose,
        });
        drift.collect()
    }

    /// Returns what it is there for, to append to a difference, or nothing.
    pub fn purpose(&self) -> String {
        let purpose = self.purpose.as_ref();
        purpose.map_or(String::new(), |purpose| format!("; it {purpose}"))
    }

    /// Returns the differences, one text for each.
    pub fn differences(&self) -> Vec<String> {
        match &self.change {
            DriftChange::Gone => vec!["it does not exist".to_owned()],
            DriftChange::Deleted => vec!["it is scheduled for deletion".to_owned()],
            DriftChange::Changed(texts) => texts.clone(),
            DriftChange::Refuses(text)
            | DriftChange::KeyUnusable(text)
            | DriftChange::Code(text)
            | DriftChange::LogKey(text) => vec![text.clone()],
            DriftChange::RotationDisabled => {
                vec!["rotation is disabled; `keyrota doctor --fix` enables it".to_owned()]
            }
        }
    }
}

impl StackDrift {
    /// Returns each difference as `plan` and `status` show it.
    pub fn shown(&self) -> Vec<Drift> {
        let resources = self.resources.iter();
        resources.flat_map(DriftedResource::shown).collect()
    }

    /// Returns each difference that is reverted without further questions.
    pub fn restored(&self) -> Vec<Drift> {
        let resources = self.resources.iter().filter(|one| is_restored(one));
        let restored = resources.flat_map(DriftedResource::shown);
        self.tags.iter().cloned().chain(restored).collect()
    }

    /// Returns the differences of each resource that differs.
    pub fn by_resource(&self) -> impl Iterator<Item = &[DriftedResource]> {
        let resources = self.resources.as_slice();
        resources.chunk_by(|one, next| one.logical_id == next.logical_id)
    }

    /// Returns what could not be checked because a call failed, with the reason.
    pub fn obstacles(&self) -> Vec<String> {
        let failed = self.unchecked.iter().filter_map(|one| {
            let reason = one.reason.as_deref()?;
            Some(format!("{} ({}): {reason}", one.logical_id, one.kind))
        });
        self.obstacle.iter().cloned().chain(failed).collect()
    }

    /// Adds what was found of a resource.
    fn add(
        &mut self,
        template: &DeployedTemplate<'_>,
        resource: DeployedResource<'_>,
        found: Found,
    ) {
        match found {
            Ok(None) => {}
            Ok(Some(change)) => self.resources.push(DriftedResource {
                logical_id: resource.logical_id.to_owned(),
                kind: resource.kind.to_owned(),
                physical_id: resource.physical_id.to_owned(),
                change,
                purpose: notify::purpose(template, resource),
            }),
            Err(reason) => self.unchecked.push(UncheckedResource {
                logical_id: resource.logical_id.to_owned(),
                kind: resource.kind.to_owned(),
                reason,
            }),
        }
    }

    /// Returns the resources that cannot be compared.
    pub fn uncompared(&self) -> impl Iterator<Item = &UncheckedResource> {
        self.unchecked.iter().filter(|one| one.reason.is_none())
    }
}

/// What was looked at directly, by the physical ID of the resource that was looked at.
#[derive(Clone, Debug, Default)]
pub struct DirectLooks {
    /// The secrets.
    pub secrets: BTreeMap<String, Lookup<Secret>>,
    /// The resource policies of functions.
    pub function_policies: BTreeMap<String, Lookup<String>>,
    /// The policies of topics.
    pub topic_policies: BTreeMap<String, Lookup<String>>,
    /// The KMS keys.
    pub keys: BTreeMap<String, Lookup<EncryptionKey>>,
    /// The key that each alias refers to.
    pub aliases: BTreeMap<String, Lookup<String>>,
    /// The subscriptions.
    pub subscriptions: BTreeMap<String, Lookup<Subscription>>,
    /// The resource policies of secrets.
    pub secret_policies: BTreeMap<String, Lookup<String>>,
    /// The code of functions.
    pub codes: BTreeMap<String, Lookup<FunctionCode>>,
    /// The log groups.
    pub log_groups: BTreeMap<String, Lookup<LogGroup>>,
}

/// Returns how a stack differs from what was deployed. `detected` is what CloudFormation found, or
/// why it could not be asked.
pub fn stack_drift(
    template: &DeployedTemplate<'_>,
    detected: Result<&[ResourceDrift], &str>,
    looks: &DirectLooks,
) -> StackDrift {
    let mut drift = StackDrift {
        obstacle: detected.err().map(str::to_owned),
        ..StackDrift::default()
    };
    for resource in template.resources() {
        let of_cloudformation = detected.map(|detected| of_cloudformation(resource, detected));
        let of_cloudformation = of_cloudformation.unwrap_or(Ok(None));
        if resource.kind == SECRET {
            drift.tags.extend(secret_tags(template, resource, looks));
        }
        match (look_at(template, resource, looks), of_cloudformation) {
            (Look::Decides(found) | Look::Adds(found), Ok(None)) | (Look::Decides(found), _) => {
                drift.add(template, resource, found);
            }
            (Look::Adds(_), found) | (Look::Compares(_), found @ Ok(Some(DriftChange::Gone))) => {
                drift.add(template, resource, found);
            }
            (Look::Compares(seen), found) => {
                drift.add(template, resource, found);
                drift.add(template, resource, seen);
            }
        }
    }
    let modified = detected.into_iter().flatten();
    let modified = modified.filter(|one| one.status == DriftStatus::Modified);
    let told = |id: &str| drift.resources.iter().any(|one| one.logical_id == id);
    drift.ignored = modified
        .map(|one| one.logical_id.clone())
        .filter(|id| !told(id))
        .collect();
    drift
}

/// How a resource differs, or why that is unknown.
type Found = Result<Option<DriftChange>, Option<String>>;

/// A secret of the stack that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneSecret {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// Returns the secrets of the manifest that the stack has created and that do not exist.
pub fn gone_secrets(observed: &Observed<'_>) -> Vec<GoneSecret> {
    if observed.stack.is_none() {
        return Vec::new();
    }
    let gone = observed
        .entries
        .iter()
        .filter(|seen| seen.secret().is_none());
    gone.filter_map(|seen| {
        let logical_id = render::secret_logical_id(seen.entry());
        let mut listed = observed.resources.iter();
        let held = listed.find(|one| one.logical_id == logical_id && is_held(one))?;
        Some(GoneSecret {
            logical_id,
            name: seen.entry().secret.to_string(),
            arn: held.physical_id.clone(),
        })
    })
    .collect()
}
