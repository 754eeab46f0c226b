//! `keyrota rotate --compromised`.

use std::fmt::Write as _;

use super::Exit;
use super::failure::Failed;
use super::fleet::Stacks;
use super::rotate::{chosen, untouched};
use super::session::Session;
use super::settings::Settings;
use crate::model::{AccessKeyId, Entry, Model};
use crate::plan::{DENY_SESSIONS_POLICY, LeakBasis, LeakStep, QuarantineReport, key_details};
use crate::port::{Event, Listener};
use crate::run::{
    self, Context, Deployed, LeakAssessment, LeakOutcome, LeakRequest, assess_leak,
    investigate_leak, respond_to_leak,
};
use crate::view::{RotateResult, RotatedSecret};

/// The options of `rotate --compromised`.
pub(super) struct Options<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) deny_sessions: bool,
    pub(super) delete_old_key: bool,
    pub(super) yes: bool,
}

pub(super) async fn run(
    settings: &Settings,
    name: &str,
    options: &Options<'_>,
) -> Result<Exit, Failed> {
    let mut stacks = Stacks::load(settings)?;
    let names = [name.to_owned()];
    // A name that is not in the manifest is refused before any call.
    only_entry(chosen(&stacks.fleet, &names)?, name)?;
    // An ID is shown in messages, and a secret access key may have been pasted instead.
    if options
        .key
        .is_some_and(|key| AccessKeyId::parse(key).is_none())
    {
        let message = "the value of --key is not an access key ID: 16 to 128 upper-case letters and digits, such as AKIAIOSFODNN7EXAMPLE";
        return Err(Failed::new("usage", message).exit(Exit::Usage));
    }
    let session = Session::open(settings, stacks.model()).await?;
    let context = session.context(settings);
    stacks.locate(&context).await?;
    let (model, entry) = only_entry(chosen(&stacks.fleet, &names)?, name)?;
    run::guard_account(&context, model).await?;
    let deployed = Deployed::observe(&context, model).await?;
    let mut result = untouched(&deployed, entry);
    let responded = respond(
        settings,
        &context,
        model,
        &deployed,
        entry,
        options,
        &mut result,
    );
    if let Err(error) = responded.await? {
        let error = Failed::from(error).failure;
        let hint = error.hint.map(|hint| format!("; {hint}"));
        let error = error.message + &hint.unwrap_or_default();
        settings.progress.on(Event::Warning(error.clone()));
        result.error = Some(error);
    }
    settings.progress.finish();
    let exit = match result.error {
        Some(_) => Exit::Failed,
        None => Exit::Done,
    };
    let secrets = vec![result];
    settings.view.show(&RotateResult { secrets });
    Ok(exit)
}

/// Returns the only entry of that name, which holds an access key.
fn only_entry<'fleet>(
    found: Vec<(&'fleet Model, Vec<&'fleet Entry>)>,
    name: &str,
) -> Result<(&'fleet Model, &'fleet Entry), Failed> {
    let entries = found.into_iter().flat_map(|(model, entries)| {
        let entries = entries.into_iter();
        entries.map(move |entry| (model, entry))
    });
    let entries: Vec<(&Model, &Entry)> = entries.collect();
    let usage = |message: String| Failed::new("usage", message).exit(Exit::Usage);
    match entries.as_slice() {
        [(model, entry)] if entry.as_access_key().is_some() => Ok((model, entry)),
        [(_, entry)] => Err(usage(format!(
            "{} contains a password, and --compromised replaces access keys only",
            entry.secret
        ))
        .hint(format!(
            "to replace a leaked password, run `keyrota rotate {}`",
            entry.secret
        ))),
        several => {
            let secrets = several.iter().map(|(_, entry)| entry.secret.as_str());
            let secrets: Vec<&str> = secrets.collect();
            Err(
                usage(format!("`{name}` names several secrets of the manifest"))
                    .hint(format!("name one of the secrets: {}", secrets.join(", "))),
            )
        }
    }
}

/// Responds to the leak. The outer error is that of the prompt; the inner one is part of the result.
async fn respond(
    settings: &Settings,
    context: &Context<'_>,
    model: &Model,
    deployed: &Deployed,
    entry: &Entry,
    options: &Options<'_>,
    result: &mut RotatedSecret,
) -> Result<Result<(), run::Error>, Failed> {
    let Some(entry) = entry.as_access_key() else {
        return Ok(Ok(()));
    };
    let request = LeakRequest {
        key: options.key,
        deny_sessions: options.deny_sessions,
        delete_old_key: options.delete_old_key,
    };
    let assessment = match assess_leak(context, deployed, entry, request).await {
        Ok(assessment) => assessment,
        Err(error) => return Ok(Err(error)),
    };
    if entry.reads_itself {
        let secret = &entry.secret;
        settings.progress.on(Event::Warning(format!(
            "{secret}: `self` is in `readers`, so anyone who has the leaked key can read the new one in {secret} until the leaked key is deactivated; to prevent that, remove `self` and run `keyrota bootstrap` first"
        )));
    }
    for warning in warnings(&assessment) {
        settings.progress.on(Event::Warning(warning));
    }
    let mut outcome = LeakOutcome::of(&assessment);
    let responded = match assessment.refusal() {
        Some(refusal) => Err(refusal),
        None => {
            if !assessment.steps.is_empty() {
                settings.confirm(options.yes, &question(&assessment))?;
            }
            respond_to_leak(context, model, deployed, &assessment, &mut outcome).await
        }
    };
    result.old_access_key_id = Some(assessment.leaked.clone());
    result.old_key_status = outcome.status;
    result.new_access_key_id.clone_from(&outcome.current_key);
    result.version_id.clone_from(&outcome.version);
    result.verified = outcome.verified;
    result.leak = Some(investigate_leak(context, &assessment, &outcome).await);
    Ok(responded)
}

/// Returns what is worth knowing whether or not the command continues.
fn warnings(assessment: &LeakAssessment<'_>) -> Vec<String> {
    let LeakAssessment { seen, leaked, .. } = assessment;
    let user = &seen.user_name;
    let mut warnings = Vec::new();
    if let LeakBasis::Reported(at) = assessment.basis {
        let current = seen.credential();
        let current = current.map_or("the key in AWSCURRENT", |held| held.accesskey.as_str());
        warnings.push(format!(
            "{}: the key {leaked} was reported as leaked at {at:.0}, and this command continues that response; if {current} has leaked, too, run it with --key {current}",
            seen.secret_name
        ));
    }
    let QuarantineReport {
        summary, unknown, ..
    } = &assessment.quarantine;
    if let Some(summary) = summary {
        warnings.push(format!(
            "AWS has put the user {user} under quarantine: {summary}; keyrota does not detach the policy, as AWS asks; follow the support case that AWS has opened, and do not detach it before the case is settled"
        ));
    }
    if let Some(why) = unknown {
        warnings.push(format!(
            "it is unknown whether AWS has put the user {user} under quarantine: {why}"
        ));
    }
    warnings
}

/// Returns the confirmation prompt: what happens, and what breaks.
fn question(assessment: &LeakAssessment<'_>) -> String {
    let LeakAssessment { seen, leaked, .. } = assessment;
    let (user, secret) = (&seen.user_name, &seen.secret_name);
    let mut text = match assessment.leaked_key() {
        Some(key) => format!(
            "The leaked key of {user} is {leaked} ({}).\n",
            key_details(key)
        ),
        None => format!("The leaked key of {user} is {leaked}, which does not exist any more.\n"),
    };
    text.push_str("This will:\n");
    for step in &assessment.steps {
        let _ = match step {
            LeakStep::Abandon(None) => {
                writeln!(text, "  abandon the unfinished rotation of {secret}")
            }
            LeakStep::Abandon(Some(key)) => writeln!(
                text,
                "  first abandon the unfinished rotation of {secret}, and delete its key {} ({})",
                key.id,
                key_details(key)
            ),
            LeakStep::MakeRoom(key) => writeln!(
                text,
                "  first delete the key {} of {user} ({}), because IAM allows two keys; clients that still use it are refused",
                key.id,
                key_details(key)
            ),
            LeakStep::Replace => writeln!(
                text,
                "  create a new key of {user}, and store it in {secret} as AWSCURRENT"
            ),
            LeakStep::Deactivate => writeln!(
                text,
                "  deactivate {leaked}; every client that uses it is refused, until it reads {secret} again"
            ),
            LeakStep::Delete => writeln!(
                text,
                "  delete {leaked}, which cannot be undone; CloudTrail keeps its events"
            ),
            LeakStep::DenySessions => writeln!(
                text,
                "  deny all sessions of {user} that were issued until then, with the inline policy {DENY_SESSIONS_POLICY}; every client that uses one is refused, and people who are signed in to the console as {user}"
            ),
        };
    }
    if !assessment.deny_sessions {
        let _ = writeln!(
            text,
            "Sessions that were requested with the key remain valid for up to 36 hours. --deny-sessions denies them."
        );
    }
    text.push_str("Continue?");
    text
}
