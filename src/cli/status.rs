//! `keyrota status`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::session::Session;
use super::settings::Settings;
use crate::embedded::Embedded;
use crate::plan::{self, SecretReport, StatusReport};
use crate::run::{self, Context, Values};

/// Show the deployed stack and the state of each credential
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Compare the resources with what was deployed, rehearse the next rotation, look at the targets
    /// in `notify`, and exit with 5 if a resource differs, a call would be refused, a target cannot
    /// receive events, a credential is not `ok`, or tags differ from the manifest
    #[arg(long)]
    check: bool,
    /// Read no secret values, and report what depends on them as unknown; rehearses no rotation
    #[arg(long)]
    no_values: bool,
    /// Show the state again and again until interrupted: as a live tree on a terminal, and
    /// elsewhere with a line for each change
    #[arg(long, conflicts_with = "check")]
    watch: bool,
    /// List the stacks of the StackSet of `generate --stack-set`, in the account that administers it
    ///
    /// Shows whether each account has its stack, and not the state of the credentials, which
    /// only the accounts themselves can read.
    #[arg(long, conflicts_with_all = ["no_values", "watch"])]
    stack_set: bool,
    /// Account that administers the StackSet
    #[arg(
        long,
        value_name = "WHO",
        value_enum,
        default_value_t,
        requires = "stack_set"
    )]
    call_as: Caller,
}

/// The account that administers the StackSet.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Caller {
    /// A delegated administrator of StackSets
    #[default]
    DelegatedAdmin,
    /// The organization's management account
    #[value(name = "self")]
    Management,
}

impl Status {
    /// Returns whether it runs until it is interrupted.
    pub(super) fn is_endless(&self) -> bool {
        self.watch
    }
}

pub(super) async fn run(settings: &Settings, verb: &Status) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    if verb.stack_set {
        return stack_set(settings, &context, &stacks, verb).await;
    }
    stacks.locate(&context).await?;
    for shard in &stacks.fleet.shards {
        run::guard_account(&context, &shard.model).await?;
    }
    if verb.watch {
        return watch(settings, &context, &stacks, verb).await;
    }
    let (report, deployed) = look(&context, &stacks, verb).await?;
    settings.progress.finish();
    settings.view.show(&report);
    let credentials = report.secrets.iter().all(SecretReport::is_fine);
    let fine = deployed && report.is_in_sync() && report.findings.is_empty() && credentials;
    Ok(match verb.check && !fine {
        true => Exit::Attention,
        false => Exit::Done,
    })
}

/// Shows the stacks of the StackSet.
async fn stack_set(
    settings: &Settings,
    context: &Context<'_>,
    stacks: &Stacks,
    verb: &Status,
) -> Result<Exit, Failed> {
    let model = stacks.model().filter(|model| !model.accounts.is_empty());
    let model = model.ok_or_else(|| {
        Failed::new(
            "no-accounts",
            "the manifest has no `accounts`, and no StackSet",
        )
        .hint("add `accounts` to the manifest, and run `keyrota generate --stack-set`")
    })?;
    let call_as = match verb.call_as {
        Caller::DelegatedAdmin => plan::CallAs::DelegatedAdministrator,
        Caller::Management => plan::CallAs::Management,
    };
    let report = run::stack_set(context, model, call_as).await?;
    settings.progress.finish();
    settings.view.show(&report);
    Ok(match verb.check && !report.is_fine() {
        true => Exit::Attention,
        false => Exit::Done,
    })
}

/// Returns the report of all stacks, and whether all of them are deployed.
async fn look(
    context: &Context<'_>,
    stacks: &Stacks,
    verb: &Status,
) -> Result<(StatusReport, bool), Failed> {
    let mut reports = Vec::new();
    for model in stacks.fleet.models() {
        let mut report = match (verb.check, verb.no_values) {
            (true, false) => run::checked_status(context, model).await?,
            (_, true) => run::status(context, model, Values::Unread).await?,
            (false, false) => run::status(context, model, Values::Read).await?,
        };
        if verb.check {
            report = run::with_drift(context, model, report).await?;
        }
        let architecture = model.function.architecture;
        let embedded = Embedded::of_this_program();
        reports.push(report.compared_with(|code| embedded.executable_sha256(code, architecture)));
    }
    let deployed = reports.iter().all(|report| report.stack.is_some());
    Ok((StatusReport::of_all(reports), deployed))
}

/// The time between two drawings of a tree, which shows times relative to now.
const REDRAW: Duration = Duration::from_secs(1);

async fn watch(
    settings: &Settings,
    context: &Context<'_>,
    stacks: &Stacks,
    verb: &Status,
) -> Result<Exit, Failed> {
    let mut watch = settings.view.watch();
    loop {
        let (report, _) = look(context, stacks, verb).await?;
        settings.progress.finish();
        watch.show(report, context.clock.now());
        let mut left = context.pace.watch;
        while !left.is_zero() {
            let pause = left.min(REDRAW);
            context.clock.sleep(pause).await;
            left -= pause;
            watch.refresh(context.clock.now());
        }
    }
}
