//! `keyrota plan`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use super::failure::Failed;
use super::fleet::{Overlay, Stacks};
use super::function::FunctionSource;
use super::session::Session;
use super::settings::Settings;
use crate::plan::{self, Preflight};
use crate::port::{Event, Listener as _};
use crate::render::{self, Baseline};
use crate::run::{self, Cleared, Context};
use crate::system::shown;
use crate::view::PlanResult;

const EXAMPLES: &str = "\
Examples:

  # Show what would change
  keyrota plan
  # Fail a pipeline with exit code 4 if the account differs from the manifest
  keyrota plan --detailed-exitcode --function-zip function.zip
  # Write a page that shows reviewers what would change
  keyrota plan --review review.html";

/// Show what a deployment would change, without changing it
///
/// Creates a CloudFormation change set, shows it, and deletes it. If the stack does not
/// exist, shows the rendered resources instead, without a change set. Also shows what
/// differs from what was deployed, which a deployment restores.
#[derive(Args, Debug)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Plan {
    /// Exit with 4 if there are changes, or differences from what was deployed
    #[arg(long)]
    detailed_exitcode: bool,
    /// Write the review page to FILE, with the changes since the deployed stack
    #[arg(long, value_name = "FILE")]
    review: Option<PathBuf>,
    #[command(flatten)]
    overlay: Overlay,
    #[command(flatten)]
    function: FunctionSource,
}

pub(super) async fn run(settings: &Settings, verb: &Plan) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let rendering = verb.overlay.render(&stacks.fleet)?;
    let authorities = verb.function.authorities(settings, &stacks.fleet)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let shards = &stacks.fleet.shards;
    if let Some(name) = shards
        .iter()
        .find_map(|shard| shard.model.deployed_as.as_ref())
    {
        let message =
            format!("a StackSet deploys the stack {name}, and `bootstrap` does not change it");
        return Err(Failed::new("stack-set", message).hint(
            "run `keyrota generate --stack-set --check`, and create a change set of stack-set.yaml in the account that administers the StackSet",
        ));
    }
    let cleared = stacks.clear(&context, Preflight { rotates: false }).await?;
    let (source, fleet) = (&verb.function, &stacks.fleet);
    let packages = source.packages(settings, fleet, &authorities).await?;
    let mut result = PlanResult {
        stacks: Vec::new(),
        imports: Vec::new(),
        drift: Vec::new(),
        removed: Vec::new(),
        first_rotations: Vec::new(),
    };
    for ((shard, template), cleared) in shards.iter().zip(rendering.stacks()).zip(&cleared) {
        let model = &shard.model;
        let artifacts = packages.of(model)?;
        let changes = run::preview(&context, model, cleared, &artifacts, template).await?;
        let stack = model.stack.to_string();
        let mut drift = plan::tag_drift(model, &cleared.observed, &changes);
        if let Some(held) = &cleared.observed.stack {
            let resources = &cleared.observed.resources;
            let found = run::observe_drift(&context, held, resources).await?;
            for obstacle in found.obstacles() {
                let warning = format!("cannot check for drift: {obstacle}");
                settings.progress.on(Event::Warning(warning));
            }
            drift.extend(found.shown());
        }
        let drift = drift.into_iter().map(|drift| (stack.clone(), drift));
        result.drift.extend(drift);
        let imports = cleared.imports.secrets.iter().cloned();
        result
            .imports
            .extend(imports.map(|import| (stack.clone(), import)));
        let removed = plan::removed_replicas(&cleared.observed, Some(&changes));
        result.removed.extend(removed);
        let rotates = Preflight { rotates: true };
        let first = cleared.first_rotations(rotates, context.clock.now());
        result.first_rotations.extend(first);
        result.stacks.push((stack, changes));
    }
    if let Some(file) = &verb.review {
        let before = deployed(&context, &stacks, &cleared).await?;
        let rendering = verb.overlay.render_since(&stacks.fleet, Some(&before))?;
        write(file, &rendering.files[render::REVIEW])?;
        settings
            .progress
            .on(Event::Done(format!("wrote {}", shown(file))));
    }
    settings.progress.finish();
    settings.view.show(&result);
    Ok(match verb.detailed_exitcode && !result.is_empty() {
        true => Exit::Different,
        false => Exit::Done,
    })
}

/// Returns the templates that are deployed now.
async fn deployed(
    context: &Context<'_>,
    stacks: &Stacks,
    cleared: &[Cleared<'_>],
) -> Result<Baseline, Failed> {
    let mut templates = BTreeMap::new();
    for (shard, cleared) in stacks.fleet.shards.iter().zip(cleared) {
        let stack = cleared.observed.stack.as_ref();
        if let Some(stack) = stack.filter(|stack| !stack.status.is_review()) {
            let template = context.cloud.template(&stack.name).await?;
            templates.insert(shard.file.clone(), template);
        }
    }
    Ok(Baseline {
        what: "the deployed stack".to_owned(),
        stacks: templates,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is where files are written"
)]
fn write(file: &Path, text: &str) -> Result<(), Failed> {
    std::fs::write(file, text).map_err(|error| Failed::file("write", file, &error))
}
