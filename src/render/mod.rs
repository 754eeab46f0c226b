//! The model as a CloudFormation stack, with every policy shown apart for
//! review. Pure and deterministic: the same model gives the same bytes, with no
//! date, path or secret in them.

mod check;
mod deployer;
mod document;
mod fleet;
mod name;
mod pins;
mod policy;
mod quota;
mod resolve;
mod review;
mod role;
mod spread;
mod statement;
mod strategy;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod view;

use std::collections::BTreeMap;

use crate::cost::{self, Prices, Usage};
use crate::model::{Finding, Model};

pub use check::{
    EXPLAINED, Exception, Explained, Report, Rule, THEMES, Theme, check_readers, rules,
};
use document::{Document, DocumentError};
pub use fleet::{Assignment, Fleet, Record, Shard};
pub use name::{
    artifact_bucket, key_alias, log_group_name, schedule_logical_id, secret_logical_id,
    secret_output, user_logical_id, user_policy_logical_id,
};
pub use pins::Pins;
pub use quota::MAX_TEMPLATE_IN_REQUEST;
pub use resolve::ResolveError;
pub use review::{Before, FILE as REVIEW};
use review::{Beside, Holder};
#[cfg(feature = "aws")]
pub(crate) use spread::both;
pub(crate) use spread::spread;
pub use strategy::Strategy;
pub use template::{TemplateError, Templates};
#[cfg(test)]
pub(crate) use view::MAX_SWEPT;
pub use view::secret_tags;

/// The logical ID of the access keys' function.
pub const FUNCTION: &str = Strategy::AccessKeys.function();
/// The logical ID of that function's log group.
pub const LOG_GROUP: &str = Strategy::AccessKeys.log_group();
/// The logical ID of the KMS key, where the stack makes one.
pub const KMS_KEY: &str = "EncryptionKey";
/// The logical ID of the topic for alarms.
pub const TOPIC: &str = "AlarmTopic";
/// The stack's output with the function's ARN.
pub const FUNCTION_OUTPUT: &str = "FunctionArn";
/// The stack's parameter for the bucket with the function's zip.
pub const BUCKET_PARAMETER: &str = "ArtifactBucket";
/// The stack's parameter for the zip's key in it.
pub const KEY_PARAMETER: &str = "ArtifactKey";
/// The stack's parameter for the version of that object; empty for the newest.
pub const VERSION_PARAMETER: &str = "ArtifactVersion";
/// The output with the ARN of the databases' function, where there are two.
pub const DATABASE_FUNCTION_OUTPUT: &str = "DatabaseFunctionArn";
/// The parameter for the key of that function's zip.
pub const DATABASE_KEY_PARAMETER: &str = "DatabaseArtifactKey";
/// The parameter for the version of that object, likewise.
pub const DATABASE_VERSION_PARAMETER: &str = "DatabaseArtifactVersion";
pub use keyrota_contract::tag::{
    ABANDONED as ABANDONED_TAG, KEYS as KEYS_TAG, MAKING as MAKING_TAG, OF_SECRETS as SECRET_TAGS,
    OLD_KEY as OLD_KEY_TAG, SEEDING as SEEDING_TAG, STACK as STACK_TAG,
};

/// The tag by which CloudFormation says which stack made a resource ("Resource tag" in
/// the CloudFormation User Guide). AWS alone writes tags whose keys begin with `aws:`.
pub const STACK_ID_TAG: &str = "aws:cloudformation:stack-id";

/// What a manifest renders to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The templates' files, in the order of the shards.
    stacks: Vec<String>,
    /// What is written for review, by relative path: the templates, each policy
    /// as IAM will see it, and what the person who deploys needs.
    pub files: BTreeMap<String, String>,
    /// What the check found that refuses nothing.
    pub findings: Vec<Finding>,
}

impl Rendering {
    /// Returns the CloudFormation template of each stack, in the order of the shards.
    pub fn stacks(&self) -> Vec<&str> {
        let text = |file| self.files.get(file).map(String::as_str);
        self.stacks.iter().filter_map(text).collect()
    }
}

/// Why a model could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS would refuse the stack.
    #[error("cannot render the stack: {}", count(.0))]
    Refused(Vec<Finding>),
    /// A fault in the templates.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A fault in the templates' references.
    #[error(transparent)]
    Reference(#[from] ResolveError),
    /// The earlier rendering, with which this one is compared, cannot be read.
    #[error("cannot compare with {file}: {reason}")]
    Before {
        /// The template.
        file: String,
        /// Why.
        reason: String,
    },
    /// The rendered stack is not YAML, or a policy is not JSON.
    #[error("cannot read the rendered stack: {0}")]
    Malformed(String),
}

fn count(findings: &[Finding]) -> String {
    match findings.len() {
        1 => "1 error".to_owned(),
        more => format!("{more} errors"),
    }
}

/// One stack as it was rendered, with all that is checked and reviewed of it.
pub(crate) struct Rendered<'model> {
    /// What it was rendered from.
    pub model: &'model Model,
    /// The template's file.
    pub file: &'model str,
    /// What tells its files from other stacks'; empty where there is one.
    pub prefix: &'model str,
    /// The template is too long for a request.
    pub long: bool,
    /// The template, read again: what CloudFormation will see.
    pub tree: tree::Value,
    /// Every policy document, as IAM will see it.
    pub documents: Vec<Document>,
    /// What the manifest says of the account and Region.
    pub world: resolve::World,
    /// Names of the templates that are not keyrota's own.
    pub overlaid: &'model [String],
}

/// Renders the stacks.
///
/// # Errors
///
/// Returns every finding where a stack is refused, by AWS or by the check's own
/// rules; the other errors are faults of the templates.
pub fn render(shards: &[Shard], templates: &Templates) -> Result<Rendering, Error> {
    render_since(shards, templates, None)
}

/// Renders the stacks; the review says what changed since what was there before.
///
/// # Errors
///
/// As [`render`], and [`Error::Before`] where the earlier templates cannot be read.
pub fn render_since(
    shards: &[Shard],
    templates: &Templates,
    before: Option<&Before>,
) -> Result<Rendering, Error> {
    let mut rendered = Vec::new();
    let mut stacks = Vec::new();
    let mut files = BTreeMap::new();
    let mut reports = Vec::new();
    let mut refused = Vec::new();
    for outcome in spread(shards, |shard| render_stack(templates, shard)) {
        match outcome {
            Ok((one, text, report)) => {
                stacks.push(one.file.to_owned());
                files.insert(one.file.to_owned(), text);
                rendered.push(one);
                reports.push(report);
            }
            Err(Error::Refused(findings)) => refused.extend(findings),
            Err(error) => return Err(error),
        }
    }
    let findings = check::conclude(&rendered, &reports);
    if !refused.is_empty() || findings.iter().any(Finding::is_error) {
        refused.extend(findings);
        return Err(Error::Refused(refused));
    }
    let mut beside = Vec::new();
    for written in spread(&rendered, files_of) {
        let (made, deployer) = written?;
        files.extend(made);
        beside.push(deployer);
    }
    if let Some(first) = rendered.first() {
        let (file, bucket) = bucket_policy(first);
        files.insert(file.to_owned(), pretty(&bucket)?);
        beside.push(Beside::new(file, Holder::Bucket, &bucket));
    }
    let models: Vec<&Model> = rendered.iter().map(|one| one.model).collect();
    let review = review::page(review::Content {
        templates: templates.page(),
        stacks: &rendered,
        files: &files,
        beside: &beside,
        checks: &checks(&reports, &findings),
        cost: &cost::estimate(&models, &Prices::built_in(), &Usage::default()),
        before,
    })?;
    files.insert(review::FILE.to_owned(), review);
    Ok(Rendering {
        stacks,
        files,
        findings,
    })
}

/// Returns what the check says of all the stacks, for the review. A rule has passed
/// where no stack of them found anything.
fn checks(reports: &[Report], findings: &[Finding]) -> review::Checks {
    let passes = |rule: &check::Rule| {
        let of = |report: &Report| report.passed.iter().any(|passed| passed.id == rule.id);
        reports.iter().all(of)
    };
    let mut checks = review::Checks::default();
    for rule in check::rules().filter(|rule| passes(rule)) {
        checks.pass(rule.id, rule.title);
    }
    for finding in findings {
        checks.warn(finding);
    }
    for exception in reports.iter().flat_map(|report| &report.excepted) {
        checks.accept(&exception.finding, &exception.reason);
    }
    checks
}

fn render_stack<'model>(
    templates: &'model Templates,
    shard: &'model Shard,
) -> Result<(Rendered<'model>, String, Report), Error> {
    let context = view::stack(&shard.model)?;
    let text = templates.stack(&context)?;
    checked(shard, templates.overlaid_names(), text)
}

/// Reads a rendered template again and holds it to every rule.
fn checked<'model>(
    shard: &'model Shard,
    overlaid: &'model [String],
    text: String,
) -> Result<(Rendered<'model>, String, Report), Error> {
    let model = &shard.model;
    let tree = tree::read(&text).map_err(|error| Error::Malformed(error.to_string()))?;
    let world = resolve::World::of(model).with_resources(&tree);
    let documents = document::documents(&tree, &world).map_err(|error| match error {
        DocumentError::Reference(error) => {
            // Where a reference points says more than that it cannot be resolved.
            match check::check_references(&tree) {
                findings if findings.is_empty() => Error::Reference(error),
                findings => Error::Refused(findings),
            }
        }
        DocumentError::Effect { place, error } => {
            let finding = Finding::error("statement-effect", place, error.to_string());
            Error::Refused(vec![finding.hint("write Effect: Allow or Effect: Deny")])
        }
    })?;
    let longest = resolve::World::longest(model).with_resources_of(&world);
    let longest = check::Longest {
        sizes: document::sizes(&tree, &longest)?,
        world: longest,
    };
    let rendered = Rendered {
        documents,
        model,
        file: &shard.file,
        prefix: &shard.prefix,
        long: text.len() > quota::MAX_TEMPLATE_IN_REQUEST,
        tree,
        world,
        overlaid,
    };
    let report = check::check(&rendered, &text, &longest);
    Ok((rendered, text, report))
}

/// Returns what is written of a stack for review beside its template, and the policy
/// among it that is in no stack: the deployer's.
fn files_of(rendered: &Rendered<'_>) -> Result<(BTreeMap<String, String>, Beside), Error> {
    let Rendered {
        prefix, documents, ..
    } = rendered;
    let mut files = BTreeMap::new();
    let mut users: Option<&Document> = None;
    for document in documents {
        let Some(file) = policy_file(document, prefix, &mut users) else {
            continue;
        };
        files.insert(file, pretty(&*document.body)?);
    }
    for strategy in Strategy::of(rendered.model) {
        let pins = Pins::of(rendered.model, strategy)?;
        files.insert(Pins::file(prefix, strategy), pins.text);
    }
    let deployer = deployer::policy(rendered);
    let name = match prefix.strip_suffix('-') {
        Some(number) => format!("deployer-policy-{number}"),
        None => "deployer-policy".to_owned(),
    };
    // IAM counts a managed policy's characters; what is too long comes in parts, too.
    for (index, part) in deployer::parts(&deployer).iter().enumerate() {
        files.insert(format!("{name}-{}.json", index + 1), pretty(part)?);
    }
    let file = format!("{name}.json");
    let beside = Beside::new(&file, Holder::Deployer, &deployer);
    files.insert(file, pretty(&deployer)?);
    Ok((files, beside))
}

/// The policy of the artifact bucket, which is one for all stacks, and its file.
fn bucket_policy(rendered: &Rendered<'_>) -> (&'static str, policy::Policy) {
    let Rendered { model, world, .. } = rendered;
    let bucket = artifact_bucket(model, world.account(), world.region());
    let policy = policy::artifact_bucket_policy(&bucket, world);
    ("policies/artifact-bucket.json", policy)
}

/// Returns the file of a policy, where none before it shows the same. `users` is the
/// first of the users' policies in the stack.
fn policy_file<'documents>(
    document: &'documents Document,
    prefix: &str,
    users: &mut Option<&'documents Document>,
) -> Option<String> {
    let mut name = document.name.clone();
    // The users' policies are one and the same, unless a template of an
    // organisation's own tells them apart.
    if document.kind == document::Kind::UserInline {
        match users {
            Some(first) if first.body == document.body => return None,
            Some(_) => name = format!("{name}-{}", document.resource),
            None => *users = Some(document),
        }
    }
    // The documents of users and secrets have names of their own in every stack.
    let prefix = match document.kind {
        document::Kind::UserInline | document::Kind::Secret => "",
        _ => prefix,
    };
    Some(format!("policies/{prefix}{name}.json"))
}

/// Returns the policy of the artifact bucket, which denies every request that does not
/// use TLS. `bootstrap` creates the bucket before the stack.
///
/// # Errors
///
/// Returns an error where the document cannot be written; it always can.
pub fn artifact_bucket_policy(model: &Model, bucket: &str) -> Result<String, Error> {
    pretty(&policy::artifact_bucket_policy(
        bucket,
        &resolve::World::of(model),
    ))
}

/// Returns whether the stack names an IAM resource, for which CloudFormation
/// wants `CAPABILITY_NAMED_IAM` rather than `CAPABILITY_IAM`.
pub fn needs_named_iam(model: &Model) -> bool {
    model.access_keys().any(|entry| entry.kind.create_user)
}

fn capability(model: &Model) -> &'static str {
    if needs_named_iam(model) {
        "CAPABILITY_NAMED_IAM"
    } else {
        "CAPABILITY_IAM"
    }
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|error| Error::Malformed(error.to_string()))
}
