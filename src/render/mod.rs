//! Renders the model as a CloudFormation stack, with every policy in a separate file for
//! review. Pure and deterministic: the same model results in the same bytes, without dates,
//! paths, or secrets.

mod arn;
mod check;
mod deployer;
mod document;
mod fleet;
mod name;
mod parallel;
mod pins;
mod policy;
mod quota;
mod resolve;
mod review;
mod role;
mod service_statement;
mod stack_set;
mod statement;
mod strategy;
mod target_statement;
mod template;
#[cfg(test)]
mod tests;
pub mod tree;
mod view;

use std::collections::BTreeMap;

use crate::cost::{self, Prices, Usage};
use crate::model::{Entry, Finding, Kind, Model};

pub use check::{
    Exception, INTENDED_WILDCARDS, IntendedWildcard, Level, Report, Rule, THEMES, Theme,
    check_readers, lets_account, lets_service, rules,
};
use document::{Document, DocumentError};
pub use fleet::{Assignment, Fleet, Record, Shard};
pub use name::{
    NOTIFY_PERMISSION, NOTIFY_ROLE, NOTIFY_RULE, OWN_KEYS_POLICY, OWN_SECRET_POLICY,
    artifact_bucket, key_alias, log_group_name, notify_rule_logical_id,
    own_secret_policy_logical_id, readers_logical_id, schedule_logical_id, secret_logical_id,
    secret_output, service_key_alias, user_logical_id, user_policy_logical_id,
};
#[cfg(feature = "aws")]
pub(crate) use parallel::both;
pub(crate) use parallel::parallel;
pub use pins::Pins;
pub use quota::MAX_TEMPLATE_IN_REQUEST;
pub use resolve::ResolveError;
pub use review::{Baseline, FILE as REVIEW, registry as page_registry};
use review::{ExternalPolicy, Holder};
pub use service_statement::{
    ServiceStatement, account_statement, events_statement, service_statements,
};
pub use stack_set::{
    FOLDER as STACK_SET_FOLDER, FirstCredential, StackSet, Step, render_stack_set,
};
pub use strategy::{FunctionCode, Strategy};
pub use target_statement::{Admission, admits, target_statement};
pub use template::{TemplateError, Templates};
#[cfg(test)]
pub(crate) use view::MAX_SWEPT;
pub use view::secret_tags;

/// The logical ID of the access keys' function.
pub const FUNCTION: &str = Strategy::AccessKeys.function();
/// The logical ID of that function's log group.
pub const LOG_GROUP: &str = Strategy::AccessKeys.log_group();
/// The logical ID of the KMS key, if the stack creates one.
pub const KMS_KEY: &str = "EncryptionKey";
/// The logical ID of the KMS key for AWS services, if the stack creates one.
pub const SERVICE_KEY: &str = "ServiceKey";
/// The logical ID of the alarms' topic.
pub const TOPIC: &str = "AlarmTopic";
/// The stack output with the function's ARN.
pub const FUNCTION_OUTPUT: &str = "FunctionArn";
/// The stack parameter for the bucket that contains the function's zip file.
pub const BUCKET_PARAMETER: &str = "ArtifactBucket";
/// The stack parameter for the zip file's object key.
pub const KEY_PARAMETER: &str = "ArtifactKey";
/// The stack parameter for the version of that object. It is empty for the latest version.
pub const VERSION_PARAMETER: &str = "ArtifactVersion";
/// The output with the ARN of the databases' function, in a stack with both functions.
pub const DATABASE_FUNCTION_OUTPUT: &str = "DatabaseFunctionArn";
/// The parameter for the object key of that function's zip file.
pub const DATABASE_KEY_PARAMETER: &str = "DatabaseArtifactKey";
/// The parameter for the version of that object. It is empty for the latest version.
pub const DATABASE_VERSION_PARAMETER: &str = "DatabaseArtifactVersion";
pub use keyrota_contract::tag::{
    ABANDONED as ABANDONED_TAG, KEYS as KEYS_TAG, LEAKED as LEAKED_TAG, MAKING as MAKING_TAG,
    OF_SECRETS as SECRET_TAGS, OLD_KEY as OLD_KEY_TAG, SEEDING as SEEDING_TAG, STACK as STACK_TAG,
};

/// The tag in which CloudFormation stores the name of the stack that created a resource
/// ("Resource tag" in the CloudFormation User Guide). Only AWS can write tags whose keys begin
/// with `aws:`.
pub const STACK_ID_TAG: &str = "aws:cloudformation:stack-id";

/// The beginning of the names that StackSets gives to stacks. The name of the StackSet and a UUID follow
/// ("StackSets concepts" in the CloudFormation User Guide shows an example).
pub const STACK_SET_PREFIX: &str = "StackSet-";

/// The result of rendering a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// The file names of the templates, in the order of the shards.
    stacks: Vec<String>,
    /// The files for review, by relative path: the templates, each policy as IAM will see it,
    /// and the policy that the deployer needs.
    pub files: BTreeMap<String, String>,
    /// The findings that do not refuse the stack.
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
    /// A defect in the templates.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A defect in the templates' references.
    #[error(transparent)]
    Reference(#[from] ResolveError),
    /// The earlier rendering to compare with cannot be read.
    #[error("cannot compare with {file}: {reason}")]
    Before {
        /// The template.
        file: String,
        /// The reason.
        reason: String,
    },
    /// The rendered stack is not valid YAML, or a policy is not valid JSON.
    #[error("cannot read the rendered stack: {0}")]
    Malformed(String),
}

fn count(findings: &[Finding]) -> String {
    match findings.len() {
        1 => "1 error".to_owned(),
        more => format!("{more} errors"),
    }
}

/// One rendered stack, with everything that is checked and reviewed.
pub(crate) struct Rendered<'model> {
    /// The model that it was rendered from.
    pub model: &'model Model,
    /// The template's file name.
    pub file: &'model str,
    /// The prefix of its files. It is empty if there is one stack.
    pub prefix: &'model str,
    /// Whether the template is too long for a request.
    pub long: bool,
    /// The parsed template, as CloudFormation will see it.
    pub tree: tree::Value,
    /// Every policy document, as IAM will see it.
    pub documents: Vec<Document>,
    /// The account and the Region, as far as the manifest specifies them.
    pub resolver: resolve::Resolver,
    /// The longest values that references can have, for comparing lengths with limits.
    pub longest: resolve::Resolver,
    /// The names of the overlay templates.
    pub overlaid: &'model [String],
}

/// Renders the stacks.
///
/// # Errors
///
/// Returns every finding if AWS or keyrota's own rules would refuse a stack. The other errors
/// are defects in the templates.
pub fn render(shards: &[Shard], templates: &Templates) -> Result<Rendering, Error> {
    render_since(shards, templates, None)
}

/// Renders the stacks. The review page shows the changes since an earlier rendering.
///
/// # Errors
///
/// The same as [`render`], and [`Error::Before`] if the earlier templates cannot be read.
pub fn render_since(
    shards: &[Shard],
    templates: &Templates,
    before: Option<&Baseline>,
) -> Result<Rendering, Error> {
    render_with(shards, templates, before, |first| {
        vec![(BUCKET_POLICY, Holder::Bucket, bucket_policy(first))]
    })
}

/// Renders the stacks, with these policies that are in none of them.
fn render_with(
    shards: &[Shard],
    templates: &Templates,
    before: Option<&Baseline>,
    outside: impl FnOnce(&Rendered<'_>) -> Vec<(&'static str, Holder, policy::Policy)>,
) -> Result<Rendering, Error> {
    let mut rendered = Vec::new();
    let mut stacks = Vec::new();
    let mut files = BTreeMap::new();
    let mut reports = Vec::new();
    let mut refused = Vec::new();
    for outcome in parallel(shards, |shard| render_stack(templates, shard)) {
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
    for written in parallel(&rendered, files_of) {
        let (made, deployer) = written?;
        files.extend(made);
        beside.push(deployer);
    }
    for (file, holder, policy) in rendered.first().map(outside).into_iter().flatten() {
        files.insert(file.to_owned(), pretty(&policy)?);
        beside.push(ExternalPolicy::new(file, holder, &policy));
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

/// Returns the result of checking all stacks for the review page. A rule has passed if it found
/// nothing in any stack.
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
    let text = templates.stack(context)?;
    checked(shard, templates.overlaid_names(), text)
}

/// Parses a rendered template and checks it against every rule.
fn checked<'model>(
    shard: &'model Shard,
    overlaid: &'model [String],
    text: String,
) -> Result<(Rendered<'model>, String, Report), Error> {
    let model = &shard.model;
    let tree = tree::read(&text).map_err(|error| Error::Malformed(error.to_string()))?;
    let resolver = resolve::Resolver::of(model).with_resources(&tree);
    let longest = resolve::Resolver::longest(model).with_resources_of(&resolver);
    let documents =
        document::documents(&tree, &resolver, &longest).map_err(|error| match error {
            DocumentError::Reference(error) => {
                // The findings about references are more helpful than the error that one cannot be
                // resolved.
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
    let rendered = Rendered {
        documents,
        model,
        file: &shard.file,
        prefix: &shard.prefix,
        long: text.len() > quota::MAX_TEMPLATE_IN_REQUEST,
        tree,
        resolver,
        longest,
        overlaid,
    };
    let report = check::check(&rendered, &text);
    Ok((rendered, text, report))
}

/// Returns the files for review of a stack besides its template, and the one policy among them
/// that is not in a stack: the deployer's.
fn files_of(rendered: &Rendered<'_>) -> Result<(BTreeMap<String, String>, ExternalPolicy), Error> {
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
    // IAM counts a managed policy's characters. A policy that is too long is also written in
    // parts.
    for (index, part) in deployer::parts(&deployer).iter().enumerate() {
        files.insert(format!("{name}-{}.json", index + 1), pretty(part)?);
    }
    let file = format!("{name}.json");
    let beside = ExternalPolicy::new(&file, Holder::Deployer, &deployer);
    files.insert(file, pretty(&deployer)?);
    Ok((files, beside))
}

/// The file of the artifact bucket's policy, which all stacks share.
const BUCKET_POLICY: &str = "policies/artifact-bucket.json";

/// Returns the policy of the artifact bucket.
fn bucket_policy(rendered: &Rendered<'_>) -> policy::Policy {
    let Rendered {
        model, resolver, ..
    } = rendered;
    let bucket = artifact_bucket(model, resolver.account(), resolver.region());
    policy::artifact_bucket_policy(&bucket, resolver)
}

/// Returns the file of a policy, or `None` if an earlier file shows the same policy. `users` is
/// the first of the users' policies in the stack.
fn policy_file<'documents>(
    document: &'documents Document,
    prefix: &str,
    users: &mut Option<&'documents Document>,
) -> Option<String> {
    let mut name = document.name.clone();
    // The users' policies are identical, unless an overlay template makes them differ.
    let is_named_after_resource = document.name == document::kebab(&document.resource);
    if document.kind == document::DocumentKind::UserInline && !is_named_after_resource {
        match users {
            Some(first) if first.body == document.body => return None,
            Some(_) => name = format!("{name}-{}", document.resource),
            None => *users = Some(document),
        }
    }
    // The documents of users and secrets have unique names across all stacks.
    let prefix = match document.kind {
        document::DocumentKind::UserInline | document::DocumentKind::Secret => "",
        _ => prefix,
    };
    Some(format!("policies/{prefix}{name}.json"))
}

/// Returns the policy of the artifact bucket, which denies every request without TLS.
/// `bootstrap` creates the bucket before the stack.
///
/// # Errors
///
/// Returns an error if the document cannot be serialised, which does not happen.
pub fn artifact_bucket_policy(model: &Model, bucket: &str) -> Result<String, Error> {
    pretty(&policy::artifact_bucket_policy(
        bucket,
        &resolve::Resolver::of(model),
    ))
}

/// Returns whether the stack names an IAM resource. In that case, CloudFormation requires
/// `CAPABILITY_NAMED_IAM` rather than `CAPABILITY_IAM`.
pub fn needs_named_iam(model: &Model) -> bool {
    let creates = |entry: &Entry| matches!(&entry.kind, Kind::AccessKey(key) if key.create_user);
    model.entries.iter().any(creates)
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
