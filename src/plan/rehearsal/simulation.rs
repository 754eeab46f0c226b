//! Which calls IAM simulates, and with which context.

use std::collections::BTreeMap;

use keyrota_contract::check::{CallResult, CheckAnswer, CheckedCall, Signer, call};
use keyrota_contract::tag::{KEYS, MAKING};

use crate::model::{Entry, KmsKey, Model, Region};
use crate::port::{Secret, Simulation};

/// The principals and resources of a secret's rotation, as ARNs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principals {
    /// The function's role.
    pub role: String,
    /// The IAM user whose key is rotated, with its name.
    pub user: Option<(String, String)>,
    /// The secret.
    pub secret: String,
    /// The customer managed key that encrypts the secret.
    pub key: Option<String>,
    /// The host name with which Secrets Manager calls KMS.
    pub via: String,
}

impl Principals {
    /// Returns those of an entry, whose secret is deployed. `role` is the name of the function's
    /// role.
    pub fn of(model: &Model, entry: &Entry, secret: &Secret, role: &str) -> Self {
        let mut parts = secret.arn.splitn(6, ':').skip(1);
        let mut next = || parts.next().unwrap_or_default();
        let (partition, _, region, account) = (next(), next(), next(), next());
        let iam = |resource: &str| format!("arn:{partition}:iam::{account}:{resource}");
        let path = model.role_path.as_ref().map_or("/", |path| path.as_str());
        let suffix = Region::parse(region).map_or("amazonaws.com", |it| it.dns_suffix());
        let key = secret.kms_key.clone();
        Self {
            role: iam(&format!("role{path}{role}")),
            user: entry.as_access_key().map(|entry| {
                (
                    iam(&entry.kind.user_resource()),
                    entry.kind.user.to_string(),
                )
            }),
            secret: secret.arn.clone(),
            // Secrets Manager needs no permission for its own key.
            key: key.filter(|key| entry.kms_key != KmsKey::AwsManaged && key.starts_with("arn:")),
            via: format!("secretsmanager.{region}.{suffix}"),
        }
    }
}

/// Returns the simulations for the calls that the function did not make, and for those that failed,
/// whose cause they tell.
pub fn simulations(answer: &CheckAnswer, principals: &Principals) -> Vec<Simulation> {
    let mut all: Vec<Simulation> = Vec::new();
    let encrypts = principals.key.is_some();
    let calls = super::complete(answer.calls.clone(), encrypts);
    let undecided =
        |it: &&CheckedCall| matches!(it.result, CallResult::Untried | CallResult::Failed);
    for checked in calls.iter().filter(undecided) {
        let Some(one) = simulation(checked, principals) else {
            continue;
        };
        let same = |held: &&mut Simulation| {
            (&held.principal, &held.resource, &held.of, &held.context)
                == (&one.principal, &one.resource, &one.of, &one.context)
        };
        match all.iter_mut().find(same) {
            Some(held) => held.actions.extend(one.actions),
            None => all.push(one),
        }
    }
    all
}

/// Returns whose policies decide about a call, and its service, or `None` if IAM cannot simulate
/// it: an administrator may be any principal, databases and adapters are no services of AWS, and
/// `GetCallerIdentity` needs no permission.
pub(super) fn signer(checked: &CheckedCall) -> Option<(Signer, &str)> {
    let (service, _) = checked.call.split_once(':')?;
    let is_known =
        checked.by != Signer::Administrator && !["database", "adapter"].contains(&service);
    (is_known && checked.call != call::GET_CALLER_IDENTITY).then_some((checked.by, service))
}

fn simulation(checked: &CheckedCall, principals: &Principals) -> Option<Simulation> {
    let (by, service) = signer(checked)?;
    let user = principals.user.as_ref();
    let mut context = BTreeMap::new();
    let principal = match by {
        Signer::Role => principals.role.clone(),
        Signer::User => {
            let (arn, name) = user?;
            // The user's policy names the user by this variable.
            context.insert("aws:username".to_owned(), vec![name.clone()]);
            arn.clone()
        }
        Signer::Administrator => return None,
    };
    let resource = match (service, &checked.resource) {
        // An administrator's secret or the resource of a probe. A name is no ARN.
        (_, Some(named)) => named.starts_with("arn:").then(|| named.clone())?,
        ("iam", None) => user?.0.clone(),
        ("kms", None) => {
            let encrypted = "kms:EncryptionContext:SecretARN";
            context.insert(encrypted.to_owned(), vec![principals.secret.clone()]);
            context.insert("kms:ViaService".to_owned(), vec![principals.via.clone()]);
            principals.key.clone()?
        }
        ("secretsmanager", None) if checked.call == call::GET_RANDOM_PASSWORD => "*".to_owned(),
        ("secretsmanager", None) => principals.secret.clone(),
        _ => return None,
    };
    if [call::TAG_USER, call::UNTAG_USER].contains(&checked.call.as_str()) {
        let keys = [MAKING, KEYS].map(str::to_owned);
        context.insert("aws:TagKeys".to_owned(), keys.into());
    }
    Some(Simulation {
        by,
        principal,
        actions: vec![checked.call.clone()],
        resource,
        of: checked.resource.clone(),
        context,
    })
}
