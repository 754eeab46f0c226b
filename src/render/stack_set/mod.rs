//! What AWS's own engine for many accounts needs: a service-managed StackSet, and what it deploys.
//!
//! The files are in the folder `stack-set`. `stack.yaml` there is the template of each account and
//! Region, a whole rendering with its policies and its review page. It is the stack that `bootstrap`
//! deploys, with two differences: its bucket is that of its own Region, and a rotation that creates
//! a first key begins at once.

mod administrator;
mod check;
mod steps;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::fleet::single;
use super::policy::organization_bucket_policy;
use super::review::Holder;
use super::{
    BUCKET_POLICY, Error, Fleet, FunctionCode, Strategy, Templates, capability, name, render_with,
    view,
};
use crate::bundle::sha256_hex;
use crate::model::{Finding, Model};

pub use check::FirstCredential;
pub use steps::Step;
use target::Group;

/// The folder of the files.
pub const FOLDER: &str = "stack-set";
/// The StackSet, below the folder.
const STACK_SET: &str = "stack-set.yaml";
/// The bucket of a Region, below the folder.
const BUCKET: &str = "artifact-bucket.yaml";
/// The policy of the principal that administers the StackSet, below the folder.
const ADMINISTRATOR: &str = "administrator-policy.json";

/// A rendered StackSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSet {
    /// The files, by relative path.
    pub files: BTreeMap<String, String>,
    /// The findings that do not refuse it.
    pub findings: Vec<Finding>,
    /// How each secret gets its first credential, in each account.
    pub first_credentials: Vec<FirstCredential>,
    /// How to deploy it, in order.
    pub steps: Vec<Step>,
}

/// What the templates and the commands have in common.
struct Plan<'model> {
    /// The model of a member's stack.
    model: &'model Model,
    /// The targets with the same Regions, in groups.
    groups: Vec<Group>,
    /// Every Region, sorted.
    regions: Vec<&'model str>,
    /// The Region of the StackSet itself.
    home: &'model str,
    /// The beginning of the buckets' names, without the account and the Region.
    bucket: String,
    /// The object key of the member's template.
    template_key: String,
    /// Whether accounts that join a unit get a stack.
    automatic: bool,
}

/// Renders the StackSet of a manifest with `accounts`. `directory` is the output directory, as it
/// appears in the commands.
///
/// # Errors
///
/// The same as [`render`](super::render), and every entry and setting that cannot work in a
/// StackSet.
pub fn render_stack_set(
    fleet: &Fleet,
    templates: &Templates,
    directory: &str,
) -> Result<StackSet, Error> {
    let findings = check::check(fleet);
    if findings.iter().any(Finding::is_error) {
        return Err(Error::Refused(findings));
    }
    // The check refuses a manifest whose entries need several stacks.
    let manifest = &fleet.shards[0].model;
    let member = single(manifest.for_stack_set());
    let model = &member.model;
    let bucket = name::artifact_bucket_of_stack_set(model);
    let shards = std::slice::from_ref(&member);
    let rendering = render_with(shards, templates, None, |_| {
        let readers = organization_bucket_policy(&bucket);
        let administrator = administrator::policy(model, &bucket);
        vec![
            (BUCKET_POLICY, Holder::Bucket, readers),
            (ADMINISTRATOR, Holder::Administrator, administrator),
        ]
    })?;
    let template = rendering.stacks().concat();
    let regions = target::regions(manifest);
    let plan = Plan {
        model,
        groups: target::groups(manifest),
        home: target::home(manifest, &regions),
        regions,
        bucket,
        template_key: format!(
            "{}/template/{}.yaml",
            model.stack,
            sha256_hex(template.as_bytes())
        ),
        automatic: is_automatic(model),
    };
    let mut files: BTreeMap<String, String> = rendering.files;
    files.insert(
        STACK_SET.to_owned(),
        templates.stack_set("stack-set/stack-set", plan.stack_set())?,
    );
    files.insert(
        BUCKET.to_owned(),
        templates.stack_set("stack-set/artifact-bucket", plan.buckets())?,
    );
    let files = files.into_iter();
    Ok(StackSet {
        files: files
            .map(|(path, text)| (format!("{FOLDER}/{path}"), text))
            .collect(),
        findings: findings.into_iter().chain(rendering.findings).collect(),
        first_credentials: check::first_credentials(model),
        steps: steps::steps(&plan, directory),
    })
}

/// Returns whether an account that joins a unit gets a stack without anyone's help: if a rotation
/// creates each first credential. It is not documented whether an account that joins is compared
/// with the accounts that are selected by their IDs, so these exclude it.
fn is_automatic(model: &Model) -> bool {
    let mut entries = model.entries.iter();
    let mut targets = model.accounts.iter();
    targets.all(|target| target.unit().is_some())
        && entries.all(|entry| entry.has_first_credential_by_rotation())
}

/// The zip file of a function's code.
#[derive(Clone, Copy, Debug, Serialize)]
struct Code {
    /// The parameter for its object key.
    artifact_key: &'static str,
    /// The function, in words.
    title: &'static str,
    /// The value of `--kind` of `keyrota bundle`.
    #[serde(skip)]
    kind: &'static str,
}

impl Plan<'_> {
    /// Returns the functions' zip files, in the order of the template. Two functions with the same code
    /// have the same zip file.
    fn codes(&self) -> Vec<Code> {
        let strategies = Strategy::of(self.model);
        strategies
            .map(|strategy| Code {
                artifact_key: strategy.key_parameter(self.model),
                title: strategy.code().title(),
                kind: match strategy.code() {
                    FunctionCode::AccessKeys => "access-keys",
                    FunctionCode::Databases => "database",
                    FunctionCode::Services => "service",
                },
            })
            .collect()
    }

    fn stack_set(&self) -> Json {
        let model = self.model;
        json!({
            "home": self.home,
            "description": format!("{}: the StackSet of stacks that rotate credentials, by keyrota", model.stack),
            "stack": model.stack.as_str(),
            "capability": capability(model),
            "keys": self.codes(),
            "has_accounts": self.groups.iter().any(|group| !group.accounts.is_empty()),
            "bucket": self.bucket,
            "template_key": self.template_key,
            "automatic": self.automatic,
            "manual": match model.accounts.iter().all(|target| target.unit().is_some()) {
                true => "Off, because the secrets of an account that joins a unit wait for `keyrota bootstrap` there.",
                false => "Off, because the manifest selects accounts by their IDs.",
            },
            "groups": self.groups,
            "tags": view::tags(model),
        })
    }

    fn buckets(&self) -> Json {
        json!({
            "regions": self.regions,
            "description": format!("{}: the zip files of the rotation functions, by keyrota", self.model.stack),
            "bucket": self.bucket,
            "tags": view::tags(self.model),
        })
    }
}
