//! How to deploy a StackSet, in order. AWS's own tools do it.

use serde::Serialize;

use super::{FOLDER, Plan};
use crate::model::Model;

/// A step of the deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What it does.
    pub what: String,
    /// The commands for a shell. They set variables that later steps use.
    pub commands: Vec<String>,
}

/// Returns the name of the stack that contains the StackSet.
pub(super) fn stack_of_stack_set(model: &Model) -> String {
    format!("{}-stack-set", model.stack)
}

/// Returns the name of the stacks that contain the buckets.
pub(super) fn stack_of_buckets(model: &Model) -> String {
    format!("{}-artifacts", model.stack)
}

/// Returns the steps, for a shell with the credentials of the administrator.
pub(super) fn steps(plan: &Plan<'_>, directory: &str) -> Vec<Step> {
    let Plan {
        model,
        bucket,
        home,
        template_key,
        ..
    } = plan;
    let (stack, folder) = (&model.stack, format!("{directory}/{FOLDER}"));
    let regions = plan.regions.join(" ");
    let has_accounts = plan.groups.iter().any(|group| !group.accounts.is_empty());
    let mut codes = plan.codes();
    codes.dedup_by_key(|code| code.kind);
    let mut ids = vec![
        "account=$(aws sts get-caller-identity --query Account --output text)".to_owned(),
        "organization=$(aws organizations describe-organization --query Organization.Id --output text)".to_owned(),
    ];
    let mut values = Vec::new();
    if has_accounts {
        ids.push(
            "root=$(aws organizations list-roots --query 'Roots[0].Id' --output text)".to_owned(),
        );
        values.push("ParentOfAccounts=$root".to_owned());
    }
    let mut bundles = Vec::new();
    let mut uploads = Vec::new();
    for code in &codes {
        let (file, variable) = (format!("{}.zip", code.kind), code.kind.replace('-', "_"));
        bundles.push(format!("keyrota bundle --kind {} -o {file}", code.kind));
        bundles.push(format!(
            "{variable}={stack}/function/$(sha256sum {file} | cut -c -64).zip"
        ));
        uploads.push(format!(
            "aws s3 cp {file} \"s3://{bucket}-$account-$region/${variable}\" --region \"$region\";"
        ));
    }
    for code in plan.codes() {
        values.push(format!(
            "{}=${}",
            code.artifact_key,
            code.kind.replace('-', "_")
        ));
    }
    let buckets = stack_of_buckets(model);
    vec![
        Step {
            what: "look up the IDs, as a delegated administrator of StackSets".to_owned(),
            commands: ids,
        },
        Step {
            what: "create a bucket in each Region".to_owned(),
            commands: vec![format!(
                "for region in {regions}; do aws cloudformation deploy --region \"$region\" --stack-name {buckets} --template-file {folder}/artifact-bucket.yaml --parameter-overrides OrganizationId=$organization; done"
            )],
        },
        Step {
            what: "package the functions, and upload them".to_owned(),
            commands: bundles
                .into_iter()
                .chain([format!(
                    "for region in {regions}; do {} done",
                    uploads.join(" ")
                )])
                .collect(),
        },
        Step {
            what: "upload the template of the members".to_owned(),
            commands: vec![format!(
                "aws s3 cp {folder}/stack.yaml \"s3://{bucket}-$account-{home}/{template_key}\" --region {home}"
            )],
        },
        Step {
            what: "deploy the StackSet; in the management account, append CallAs=SELF".to_owned(),
            commands: vec![format!(
                "aws cloudformation deploy --region {home} --stack-name {} --template-file {folder}/stack-set.yaml --parameter-overrides {}",
                stack_of_stack_set(model),
                values.join(" ")
            )],
        },
        Step {
            what: "show the stacks".to_owned(),
            commands: vec![format!("keyrota status --stack-set --region {home}")],
        },
    ]
}
