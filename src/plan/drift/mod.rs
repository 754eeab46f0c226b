//! Differences between what was deployed and what exists.
//!
//! CloudFormation detects most of them. What it does not compare, or compares in part, is looked at
//! directly: secrets and their rotation, whether a function's resource policy admits the services
//! that invoke it, the policy of the topic, and the state of KMS keys.

mod deployed;
mod difference;
mod policy;
mod revert;
mod secret;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::plan::{Drift, Lookup, Observed, same_key};
use crate::port::{
    DriftStatus, EncryptionKey, ResourceDrift, Secret, StackResource, StackStatus, Subscription,
};
use crate::render;

pub use deployed::{DeployedResource, DeployedTemplate};
pub use revert::{Repair, check_replacement, check_revert, repair_of, without_resources};
pub use secret::{DEFAULT_KEY, document, wanted_rotation};

use difference::differences;
use policy::{ServiceRequest, policy_differences, refusal};

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

const SECRETS_MANAGER: &str = "secretsmanager.amazonaws.com";

/// How a stack differs from what was deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackDrift {
    /// The resources that differ, in the order of the template.
    pub resources: Vec<DriftedResource>,
    /// The resources that could not be checked.
    pub unchecked: Vec<UncheckedResource>,
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
}

/// A resource whose drift is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// Why it is unknown, or `None` if CloudFormation does not compare resources of its type.
    pub reason: Option<String>,
}

impl DriftedResource {
    /// Returns the differences, one text for each.
    pub fn differences(&self) -> Vec<String> {
        match &self.change {
            DriftChange::Gone => vec!["it does not exist".to_owned()],
            DriftChange::Deleted => vec!["it is scheduled for deletion".to_owned()],
            DriftChange::Changed(texts) => texts.clone(),
            DriftChange::Refuses(text) | DriftChange::KeyUnusable(text) => vec![text.clone()],
            DriftChange::RotationDisabled => {
                vec!["rotation is disabled; `keyrota doctor --fix` enables it".to_owned()]
            }
        }
    }
}

impl StackDrift {
    /// Returns each difference as `plan` and `status` show it.
    pub fn shown(&self) -> Vec<Drift> {
        let each = self.resources.iter().flat_map(|resource| {
            let texts = resource.differences().into_iter();
            texts.map(|difference| Drift {
                logical_id: resource.logical_id.clone(),
                kind: resource.kind.clone(),
                difference,
            })
        });
        each.collect()
    }

    /// Returns what could not be checked because a call failed, with the reason.
    pub fn obstacles(&self) -> Vec<String> {
        let failed = self.unchecked.iter().filter_map(|one| {
            let reason = one.reason.as_deref()?;
            Some(format!("{} ({}): {reason}", one.logical_id, one.kind))
        });
        self.obstacle.iter().cloned().chain(failed).collect()
    }

    /// Returns the resources of types that CloudFormation does not compare.
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
}

/// Returns whether CloudFormation is asked about a resource. It does not compare these types
/// (`resource-import-supported-resources` in its user guide), or reads values of secrets to do so.
/// They are looked at directly.
pub fn is_detected(resource: &StackResource) -> bool {
    let kind = resource.kind.as_str();
    is_held(resource)
        && ![
            SECRET,
            SCHEDULE,
            SECRET_POLICY,
            TOPIC_POLICY,
            SUBSCRIPTION,
            ALIAS,
        ]
        .contains(&kind)
}

/// Returns whether CloudFormation detects drift of a stack in this status
/// (`using-cfn-stack-drift` in its user guide, which also recommends to detect drift after an
/// import).
pub fn is_comparable(status: &StackStatus) -> bool {
    status.is_healthy() || status.as_str() == "UPDATE_ROLLBACK_FAILED"
}

/// Returns the drift of each requested resource after a detection that failed for some of them.
/// `reason` stands for those that have none of their own.
///
/// A resource without a result was not compared, and neither was one whose result is older than the
/// detection. A difference that was found earlier is still reported.
pub fn without_stale(
    detected: Vec<ResourceDrift>,
    requested: &[&StackResource],
    began: Timestamp,
    reason: &str,
) -> Vec<ResourceDrift> {
    let drift = |resource: &&StackResource| {
        let mut found = detected.iter();
        let found = found.find(|one| one.logical_id == resource.logical_id);
        let mut drift = found.cloned().unwrap_or_else(|| ResourceDrift {
            logical_id: resource.logical_id.clone(),
            kind: resource.kind.clone(),
            status: DriftStatus::Unchecked,
            differences: Vec::new(),
            reason: None,
            at: None,
        });
        if drift.status == DriftStatus::InSync && drift.at.is_some_and(|at| at < began) {
            drift.status = DriftStatus::Unchecked;
        }
        drift.reason.get_or_insert_with(|| reason.to_owned());
        drift
    };
    requested.iter().map(drift).collect()
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
        let found = match look_at(template, resource, looks) {
            Look::Decides(found) => found,
            look => match detected {
                Err(_) => look.into_found(),
                Ok(detected) => match of_cloudformation(resource, detected) {
                    Ok(None) => look.into_found(),
                    found => found,
                },
            },
        };
        match found {
            Ok(None) => {}
            Ok(Some(change)) => drift.resources.push(DriftedResource {
                logical_id: resource.logical_id.to_owned(),
                kind: resource.kind.to_owned(),
                physical_id: resource.physical_id.to_owned(),
                change,
            }),
            Err(reason) => drift.unchecked.push(UncheckedResource {
                logical_id: resource.logical_id.to_owned(),
                kind: resource.kind.to_owned(),
                reason,
            }),
        }
    }
    drift
}

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

/// Returns whether the stack has created a resource and keeps it.
fn is_held(resource: &StackResource) -> bool {
    let status = resource.status.as_str();
    !resource.physical_id.is_empty()
        && !status.starts_with("DELETE_")
        && !status.starts_with("CREATE_F")
}

/// How a resource differs, or why that is unknown.
type Found = Result<Option<DriftChange>, Option<String>>;

/// The result of a direct look at a resource.
enum Look {
    /// It decides.
    Decides(Found),
    /// It counts unless CloudFormation found something.
    Adds(Found),
}

impl Look {
    fn into_found(self) -> Found {
        match self {
            Self::Decides(found) | Self::Adds(found) => found,
        }
    }
}

fn of_cloudformation(resource: DeployedResource<'_>, detected: &[ResourceDrift]) -> Found {
    let is_it = |one: &&ResourceDrift| one.logical_id == resource.logical_id;
    let Some(found) = detected.iter().find(is_it) else {
        return Err(None);
    };
    match found.status {
        DriftStatus::InSync => Ok(None),
        DriftStatus::Deleted => Ok(Some(DriftChange::Gone)),
        DriftStatus::Modified => {
            let texts = differences(&found.differences);
            Ok((!texts.is_empty()).then_some(DriftChange::Changed(texts)))
        }
        DriftStatus::Unchecked => {
            let reason = found.reason.clone();
            Err(Some(reason.unwrap_or_else(|| {
                "CloudFormation gave no reason".to_owned()
            })))
        }
    }
}

fn look_at(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Look {
    match resource.kind {
        SECRET => Look::Decides(
            seen(looks.secrets.get(resource.physical_id))
                .map(|found| secret::secret_drift(template, resource, found)),
        ),
        SCHEDULE => {
            let id = template.text(resource, "SecretId").unwrap_or_default();
            Look::Decides(
                seen(looks.secrets.get(&id))
                    .map(|found| secret::schedule_drift(template, resource, found)),
            )
        }
        SECRET_POLICY => {
            let id = template.text(resource, "SecretId").unwrap_or_default();
            let policy = looks.secret_policies.get(&id);
            let document = template.property(resource, "ResourcePolicy");
            Look::Decides(policy_drift(document, policy))
        }
        TOPIC_POLICY => Look::Decides(topic_policy(template, resource, looks)),
        SUBSCRIPTION => Look::Decides(subscription(template, resource, looks)),
        ALIAS => Look::Decides(alias(template, resource, looks)),
        KMS_KEY => match seen(looks.keys.get(resource.physical_id)) {
            Ok(found) => match secret::key_drift(found) {
                Some(change) => Look::Decides(Ok(Some(change))),
                None => Look::Adds(Ok(None)),
            },
            Err(reason) => Look::Adds(Err(reason)),
        },
        PERMISSION => Look::Adds(permission(template, resource, looks)),
        _ => Look::Adds(Ok(None)),
    }
}

/// Returns what a look-up found.
fn seen<T>(look: Option<&Lookup<T>>) -> Result<Option<&T>, Option<String>> {
    match look {
        Some(Lookup::Found(found)) => Ok(Some(found)),
        Some(Lookup::Missing) => Ok(None),
        Some(Lookup::Denied(error)) => Err(Some(error.to_string())),
        None => Err(Some("it was not looked at".to_owned())),
    }
}

/// Returns how a policy differs from the document in the template.
fn policy_drift(expected: Option<serde_json::Value>, look: Option<&Lookup<String>>) -> Found {
    let Some(expected) = expected else {
        return Err(None);
    };
    // What does not exist has no policy either.
    let policy = seen(look)?.map_or("", String::as_str);
    Ok(match policy_differences(&expected, policy) {
        None => Some(DriftChange::Gone),
        Some(texts) => (!texts.is_empty()).then_some(DriftChange::Changed(texts)),
    })
}

fn topic_policy(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    for topic in topics(template, resource) {
        let document = template.property(resource, "PolicyDocument");
        let found = policy_drift(document, looks.topic_policies.get(&topic))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn subscription(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    // It has no ARN of its own before it is confirmed, if it was made without asking for one.
    if !resource.physical_id.starts_with("arn:") {
        return Err(None);
    }
    let Some(held) = seen(looks.subscriptions.get(resource.physical_id))? else {
        return Ok(Some(DriftChange::Gone));
    };
    let mut texts = Vec::new();
    for (property, found) in [
        ("Endpoint", &held.endpoint),
        ("Protocol", &held.protocol),
        ("TopicArn", &held.topic),
    ] {
        let wanted = template.text(resource, property);
        // SNS may leave out what is not set.
        if !found.is_empty() && wanted.is_some_and(|wanted| wanted != *found) {
            texts.push(format!("`/{property}` is `{found}`"));
        }
    }
    if held.is_filtered && template.property(resource, "FilterPolicy").is_none() {
        texts.push("`/FilterPolicy` is not in the template".to_owned());
    }
    Ok((!texts.is_empty()).then_some(DriftChange::Changed(texts)))
}

fn alias(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    let Some(key) = seen(looks.aliases.get(resource.physical_id))? else {
        return Ok(Some(DriftChange::Gone));
    };
    let wanted = template.text(resource, "TargetKeyId");
    let is_other = wanted.as_ref().is_some_and(|wanted| !same_key(wanted, key));
    Ok(is_other.then(|| {
        let wanted = wanted.unwrap_or_default();
        DriftChange::Changed(vec![format!("`/TargetKeyId` is `{key}`, not `{wanted}`")])
    }))
}

/// Returns the topics that a topic policy is for.
pub fn topics(template: &DeployedTemplate<'_>, policy: DeployedResource<'_>) -> Vec<String> {
    let topics = template.property(policy, "Topics");
    let topics = topics.as_ref().and_then(serde_json::Value::as_array);
    let topics = topics.into_iter().flatten();
    topics
        .filter_map(|topic| topic.as_str().map(str::to_owned))
        .collect()
}

/// Returns whether a permission admits each request that it is for.
fn permission(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Found {
    let (Some(function), Some(service)) = (
        template.text(resource, "FunctionName"),
        template.text(resource, "Principal"),
    ) else {
        return Err(None);
    };
    let policy = match seen(looks.function_policies.get(&function)) {
        Ok(policy) => policy.map(String::as_str),
        Err(reason) => return Err(reason),
    };
    let sources = match template.text(resource, "SourceArn") {
        Some(source) => vec![source],
        None if service == SECRETS_MANAGER => rotated_by(template, &function),
        None => Vec::new(),
    };
    let refused = sources.iter().find_map(|source| {
        refusal(
            policy,
            ServiceRequest {
                service: &service,
                account: template.account(),
                source,
            },
        )
    });
    Ok(refused.map(DriftChange::Refuses))
}

/// Returns the ARNs of the secrets that a function rotates.
fn rotated_by(template: &DeployedTemplate<'_>, function: &str) -> Vec<String> {
    let schedules = template.of_kind(SCHEDULE);
    let mine = schedules.filter(|schedule| {
        template.text(*schedule, "RotationLambdaARN").as_deref() == Some(function)
    });
    mine.filter_map(|schedule| template.text(schedule, "SecretId"))
        .collect()
}
