//! What a direct look at a resource says of it.

use super::function::{code_drift, log_key_drift};
use super::policy::{ServiceRequest, policy_differences, refusal};
use super::{
    ALIAS, DeployedResource, DeployedTemplate, DirectLooks, DriftChange, FUNCTION, Found, KMS_KEY,
    LOG_GROUP, PERMISSION, SCHEDULE, SECRET, SECRET_POLICY, SUBSCRIPTION, TOPIC_POLICY, secret,
};
use crate::plan::{Drift, Lookup, same_key, tag_differences};

/// The service that invokes the functions to rotate.
const SECRETS_MANAGER: &str = "secretsmanager.amazonaws.com";

/// The result of a direct look at a resource.
pub(super) enum Look {
    /// It decides.
    Decides(Found),
    /// It counts unless CloudFormation found something.
    Adds(Found),
    /// It counts beside what CloudFormation found, because CloudFormation does not compare this.
    Compares(Found),
}

/// Returns what a direct look at a resource says.
pub(super) fn look_at(
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
        FUNCTION => Look::Compares(code_drift(template, resource, looks)),
        LOG_GROUP => Look::Compares(log_key_drift(template, resource, looks)),
        _ => Look::Adds(Ok(None)),
    }
}

/// Returns how the tags of a secret differ from those in the template.
pub(super) fn secret_tags(
    template: &DeployedTemplate<'_>,
    resource: DeployedResource<'_>,
    looks: &DirectLooks,
) -> Vec<Drift> {
    let Ok(Some(secret)) = seen(looks.secrets.get(resource.physical_id)) else {
        return Vec::new();
    };
    let differences = tag_differences(&secret::wanted_tags(template, resource), secret);
    let drift = differences.iter().map(|difference| Drift {
        logical_id: resource.logical_id.to_owned(),
        kind: resource.kind.to_owned(),
        difference: difference.to_string(),
    });
    drift.collect()
}

/// Returns what a look-up found.
pub(super) fn seen<T>(look: Option<&Lookup<T>>) -> Result<Option<&T>, Option<String>> {
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
