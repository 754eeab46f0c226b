//! Looks at an account's access keys. It changes nothing: the only call that is not a read
//! requests a credential report.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::{CONCURRENCY, Context};
use crate::plan::{
    self, CredentialReport, InspectedSecret, LastUse, ObservedUser, Origin, Survey, SurveyInputs,
    SurveyOptions,
};
use crate::port::{
    CURRENT, Clock, Error, ErrorKind, Event, Key, ListedSecret, Optional, Result, Stage, User,
};

/// How long IAM may take to generate a credential report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(180);
/// After how many calls the progress is shown.
const PROGRESS_STEP: usize = 50;

/// Returns the account's keys, and what should become of each. What cannot be looked up is a
/// warning in the result.
///
/// # Errors
///
/// Returns the call without which there is no result: `iam:ListUsers`, or one that failed
/// because AWS refuses the credentials.
pub async fn survey(
    context: &Context<'_>,
    account: &str,
    options: SurveyOptions,
) -> Result<Survey> {
    context.stage(Stage::Surveying(
        "users and the credential report".to_owned(),
    ));
    let gaps = Gaps::default();
    let (users, report) =
        future::join(context.cloud.users(), credential_report(context, &gaps)).await;
    let report = report?;
    let mut users = users?;
    users.sort_by(|one, other| one.name().cmp(other.name()));
    let mut inputs = SurveyInputs {
        account: account.to_owned(),
        region: context.region.to_owned(),
        now: context.clock.now(),
        users: list_keys(context, users, report.as_ref(), &gaps).await?,
        report,
        last_uses: BTreeMap::new(),
        secrets: Vec::new(),
        origins: BTreeMap::new(),
        warnings: Vec::new(),
    };
    inputs.last_uses = last_uses(context, &inputs, &gaps).await?;
    inputs.secrets = secrets(context, &inputs, options, &gaps).await?;
    if options.cloudtrail {
        inputs.origins = origins(context, &inputs, &gaps).await?;
    }
    inputs.warnings = gaps.into_warnings();
    Ok(plan::assemble(inputs))
}

/// What could not be looked up: each call with what is missing without it, how often it failed, and
/// the first error.
#[derive(Default)]
struct Gaps(RefCell<Vec<Gap>>);

struct Gap {
    missing: &'static str,
    count: usize,
    error: Error,
}

impl Gaps {
    /// Notes a failure.
    ///
    /// # Errors
    ///
    /// Returns a failure because of the credentials, after which every other call fails as well.
    fn note(&self, error: Error, missing: &'static str) -> Result<()> {
        if error.kind == ErrorKind::Credentials {
            return Err(error);
        }
        let mut gaps = self.0.borrow_mut();
        let known = gaps.iter_mut();
        let mut known = known.filter(|gap| gap.missing == missing && gap.error.call == error.call);
        match known.next() {
            Some(gap) => gap.count += 1,
            None => gaps.push(Gap {
                missing,
                count: 1,
                error,
            }),
        }
        Ok(())
    }

    fn into_warnings(self) -> Vec<String> {
        let gaps = self.0.into_inner().into_iter();
        gaps.map(|gap| {
            let Gap {
                missing,
                count,
                error,
            } = gap;
            let times = match count {
                1 => String::new(),
                count => format!(" ({count} calls)"),
            };
            match error.kind {
                ErrorKind::Denied => {
                    format!("{} is not allowed{times}: {missing}", error.call)
                }
                _ => format!("{error}{times}: {missing}"),
            }
        })
        .collect()
    }
}

/// Returns the credential report, once IAM has generated it.
async fn credential_report(context: &Context<'_>, gaps: &Gaps) -> Result<Option<CredentialReport>> {
    const MISSING: &str = "without a credential report, console passwords and the root user's keys are missing, and every key's last use is looked up by itself";
    let begun = context.clock.now();
    loop {
        match context.cloud.request_report().await {
            Ok(true) => break,
            Ok(false) if context.waited(begun) < REPORT_TIMEOUT => context.wait().await,
            Ok(false) => {
                let error = error_of(
                    "iam:GenerateCredentialReport",
                    ErrorKind::Unavailable,
                    "IAM is still generating the report",
                );
                gaps.note(error, "the credential report may be up to four hours old")?;
                break;
            }
            Err(error) => {
                gaps.note(error, "the credential report may be missing or hours old")?;
                break;
            }
        }
    }
    const CALL: &str = "iam:GetCredentialReport";
    let document = match context.cloud.report().await {
        Ok(Some(document)) => document,
        Ok(None) => {
            let error = error_of(CALL, ErrorKind::NotFound, "there is no credential report");
            gaps.note(error, MISSING)?;
            return Ok(None);
        }
        Err(error) => {
            gaps.note(error, MISSING)?;
            return Ok(None);
        }
    };
    match CredentialReport::parse(&document) {
        Ok(report) => Ok(Some(report)),
        Err(why) => {
            gaps.note(error_of(CALL, ErrorKind::Other, why), MISSING)?;
            Ok(None)
        }
    }
}

fn error_of(call: &'static str, kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        call,
        kind,
        code: None,
        message: message.into(),
    }
}

/// Lists the keys of the users, except those without a key in the credential report. A user that
/// was deleted in the meantime is left out.
async fn list_keys(
    context: &Context<'_>,
    users: Vec<User>,
    report: Option<&CredentialReport>,
    gaps: &Gaps,
) -> Result<Vec<ObservedUser>> {
    let now = context.clock.now();
    let needed = |user: &User| plan::needs_listing(user, report, now);
    let total = users.iter().filter(|user| needed(user)).count();
    let progress = Progress::begin(context, format!("the access keys of {total} users"), total);
    let rate = RateLimit::new(context.clock, context.pace.survey);
    let mut listed = stream::iter(users)
        .map(async |user| {
            if !needed(&user) {
                return (user, Ok(Some(Vec::new())));
            }
            rate.wait().await;
            let keys = context.cloud.keys(user.name()).await.optional();
            progress.step();
            (user, keys)
        })
        .buffered(CONCURRENCY);
    let mut observed = Vec::new();
    while let Some((user, keys)) = listed.next().await {
        let keys = match keys {
            Ok(None) => continue,
            Ok(keys) => keys,
            Err(error) => {
                gaps.note(
                    error,
                    "access key IDs are missing, and keys that are not in the credential report",
                )?;
                None
            }
        };
        observed.push(ObservedUser { user, keys });
    }
    Ok(observed)
}

/// Looks up the last use of the keys for which the credential report does not have it.
async fn last_uses(
    context: &Context<'_>,
    inputs: &SurveyInputs,
    gaps: &Gaps,
) -> Result<BTreeMap<String, LastUse>> {
    let report = inputs.report.as_ref();
    let needed: Vec<&Key> = keys(inputs)
        .filter(|(user, key)| plan::needs_last_use(user, key, report, inputs.now))
        .map(|(_, key)| key)
        .collect();
    let what = format!("the last use of {} access keys", needed.len());
    let progress = Progress::begin(context, what, needed.len());
    let rate = RateLimit::new(context.clock, context.pace.survey);
    let mut looked_up = stream::iter(needed)
        .map(async |key| {
            rate.wait().await;
            let last = context.cloud.last_used(&key.id).await;
            progress.step();
            (key, last)
        })
        .buffered(CONCURRENCY);
    let mut uses = BTreeMap::new();
    while let Some((key, last)) = looked_up.next().await {
        let last = match last {
            Ok(last) => LastUse::of(last),
            // A key that was deleted in the meantime.
            Err(error) if error.kind == ErrorKind::NotFound => LastUse::Unknown,
            Err(error) => {
                gaps.note(error, "the last use of keys is unknown or as old as the credential report, so it does not count for the verdict delete")?;
                LastUse::Unknown
            }
        };
        uses.insert(key.id.clone(), last);
    }
    Ok(uses)
}

fn keys(inputs: &SurveyInputs) -> impl Iterator<Item = (&ObservedUser, &Key)> {
    let keys = |user: &ObservedUser| user.keys.as_ref().map(Vec::len);
    let users = inputs.users.iter().filter(move |user| keys(user).is_some());
    users.flat_map(|user| user.keys.iter().flatten().map(move |key| (user, key)))
}

/// Lists the secrets, and reads their values if asked to.
async fn secrets(
    context: &Context<'_>,
    inputs: &SurveyInputs,
    options: SurveyOptions,
    gaps: &Gaps,
) -> Result<Vec<InspectedSecret>> {
    context.stage(Stage::Surveying("secrets".to_owned()));
    let listed = match context.cloud.list_secrets().await {
        Ok(listed) => listed,
        Err(error) => {
            gaps.note(error, "no secret is matched with a key")?;
            Vec::new()
        }
    };
    if !options.read_values {
        let secrets = listed.into_iter();
        return Ok(secrets
            .map(|listed| InspectedSecret {
                listed,
                key_ids: None,
            })
            .collect());
    }
    let known = keys(inputs).map(|(_, key)| key.id.clone()).collect();
    let what = format!("the values of {} secrets", listed.len());
    let progress = Progress::begin(context, what, listed.len());
    let mut read = stream::iter(listed)
        .map(async |listed: ListedSecret| {
            // The value of a secret that is scheduled for deletion cannot be read.
            let value = match listed.deleted {
                true => Ok(None),
                false => context.cloud.value(&listed.arn, CURRENT).await,
            };
            progress.step();
            let key_ids = value.map(|value| {
                value.map(|value| plan::key_ids_in(value.text.expose_secret(), &known))
            });
            (listed, key_ids)
        })
        .buffered(CONCURRENCY);
    let mut secrets = Vec::new();
    while let Some((listed, key_ids)) = read.next().await {
        let key_ids = match key_ids {
            Ok(key_ids) => key_ids,
            // Binary data.
            Err(error) if error.kind == ErrorKind::Invalid => None,
            Err(error) => {
                gaps.note(
                    error,
                    "these secrets are matched by their tags and names only",
                )?;
                None
            }
        };
        secrets.push(InspectedSecret { listed, key_ids });
    }
    Ok(secrets)
}

/// Asks CloudTrail where the keys are used, in the Regions of their last use. The quota of the API
/// is two requests a second in each Region, so each Region is asked about one key at a time.
async fn origins(
    context: &Context<'_>,
    inputs: &SurveyInputs,
    gaps: &Gaps,
) -> Result<BTreeMap<String, Origin>> {
    let mut regions: BTreeMap<String, Vec<&Key>> = BTreeMap::new();
    for (user, key) in keys(inputs) {
        if let Some(region) = plan::region_of_use(inputs, user, key) {
            regions.entry(region).or_default().push(key);
        }
    }
    let total = regions.values().map(Vec::len).sum();
    let what = format!(
        "CloudTrail for {total} access keys in {} Regions, two each second in a Region",
        regions.len()
    );
    let progress = Progress::begin(context, what, total);
    let asked = regions.iter().map(async |(region, keys)| {
        let rate = RateLimit::new(context.clock, context.pace.lookup);
        let mut origins = Vec::new();
        for key in keys {
            rate.wait().await;
            let origin = match context.cloud.key_events(region, &key.id).await {
                Ok(events) => plan::origin(region, &events),
                Err(error) => {
                    gaps.note(error, "no key is shown to be one for a role")?;
                    Origin::Unavailable
                }
            };
            progress.step();
            origins.push((key.id.clone(), origin));
        }
        Ok::<_, Error>(origins)
    });
    let asked = future::try_join_all(asked).await?;
    Ok(asked.into_iter().flatten().collect())
}

/// Shows how far a series of calls is.
struct Progress<'a> {
    context: &'a Context<'a>,
    done: Cell<usize>,
    total: usize,
}

impl<'a> Progress<'a> {
    fn begin(context: &'a Context<'_>, what: String, total: usize) -> Self {
        if total > 0 {
            context.stage(Stage::Surveying(what));
        }
        Self {
            context,
            done: Cell::new(0),
            total,
        }
    }

    fn step(&self) {
        let done = self.done.get() + 1;
        self.done.set(done);
        if done.is_multiple_of(PROGRESS_STEP) {
            let text = format!("{done} of {}", self.total);
            self.context.listener.on(Event::Output(text));
        }
    }
}

/// Spaces the beginnings of calls evenly.
struct RateLimit<'a> {
    clock: &'a dyn Clock,
    interval: Duration,
    next: Cell<Option<Timestamp>>,
}

impl<'a> RateLimit<'a> {
    fn new(clock: &'a dyn Clock, interval: Duration) -> Self {
        Self {
            clock,
            interval,
            next: Cell::new(None),
        }
    }

    /// Returns when the next call may begin.
    async fn wait(&self) {
        if self.interval.is_zero() {
            return;
        }
        let now = self.clock.now();
        let turn = self.next.get().map_or(now, |next| next.max(now));
        self.next.set(Some(turn + self.interval));
        if turn > now {
            self.clock
                .sleep(turn.duration_since(now).unsigned_abs())
                .await;
        }
    }
}
