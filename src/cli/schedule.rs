//! `keyrota schedule`.

use clap::Args;
use jiff::Timestamp;

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::aws::SystemClock;
use crate::model::schedule::ScheduleFault;
use crate::model::{Duration, Finding, Schedule};
use crate::port::Clock;
use crate::view::{RefusedSchedule, ScheduleResult};

/// Validate a rotation schedule, and list its next rotation windows
///
/// Checks whether Secrets Manager accepts the expression, without calling AWS. All times
/// are in UTC. EXPR is one of
///
///   rate(N hours)   N from 4        rate(N days)   N up to 999
///   cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)
///
/// HOURS is an hour, START/STEP, or /STEP; steps start again at midnight. The other
/// fields accept lists (1,15), ranges (MON-FRI), steps (1/3), and *. DAY-OF-MONTH also
/// accepts L, the last day. DAY-OF-WEEK also accepts TUE#3 (the third Tuesday of the
/// month), SUNL (its last Sunday), and L (Saturday). One of DAY-OF-MONTH and DAY-OF-WEEK
/// must be ?.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ScheduleCommand {
    /// Schedule expression, in quotes: rate(…) or cron(…)
    #[arg(value_name = "EXPR")]
    expression: String,
    /// Length of the rotation window, in whole hours: 1h to 24h
    ///
    /// By default, the window of a schedule in hours closes after one hour, and the window
    /// of a schedule in days closes at the end of the UTC day.
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    window: Option<Duration>,
    /// Number of rotation windows to list, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    next: u16,
    /// List the windows that open after this time (RFC 3339). By default, now
    ///
    /// A rate is counted from this time, as Secrets Manager counts from the last rotation.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "expected an RFC 3339 time such as 2026-01-31T08:00:00Z".to_owned())
}

pub(super) fn run(settings: &Settings, verb: &ScheduleCommand) -> Exit {
    let read = Schedule::parse(&verb.expression);
    let schedule = match read {
        Ok(schedule) => schedule,
        Err(fault) => return refuse(settings, fault.to_string(), finding(&fault)),
    };
    if let Some(window) = verb.window
        && let Err(why) = schedule.check_window(window)
    {
        let finding = Finding::error("invalid-window", "window", why.clone())
            .hint("omit --window to let Secrets Manager set the length of the window");
        return refuse(settings, why, finding);
    }
    let from = verb.from.unwrap_or_else(|| SystemClock.now());
    let windows = schedule.windows(from, verb.window).take(verb.next.into());
    settings.view.show(&ScheduleResult {
        windows: windows.collect(),
        calendar: schedule.calendar(),
        expression: verb.expression.clone(),
        from,
    });
    Exit::Done
}

fn refuse(settings: &Settings, error: String, finding: Finding) -> Exit {
    let failed = Failed::refused("the schedule", vec![finding]);
    let result = RefusedSchedule { error };
    settings.view.refuse(&result, &failed.failure);
    failed.exit
}

/// Returns the fault as a finding, with the invalid part of the expression marked.
fn finding(fault: &ScheduleFault) -> Finding {
    let message = match fault.excerpt() {
        Some(excerpt) => format!("{}\n  {}", fault.why, excerpt.replace('\n', "\n  ")),
        None => fault.to_string(),
    };
    let hint = match fault.field {
        Some("minutes") => "write cron(0 …)",
        Some("hours") => "for example 8, or 4/12 for 04:00 and 16:00",
        Some("day-of-month") => {
            "for example 1, or 1,15, or L for the last day; ? if day-of-week is specified"
        }
        Some("month") => "for example *, 1/3, or JAN,JUL",
        Some("day-of-week") => {
            "for example MON-FRI, TUE#3 for the third Tuesday, or SUNL for the last Sunday; ? if day-of-month is specified"
        }
        Some("year") => "write * for the year",
        _ => "for example rate(30 days), rate(12 hours), or cron(0 8 1 * ? *)",
    };
    Finding::error("invalid-schedule", fault.field.unwrap_or_default(), message).hint(hint)
}
