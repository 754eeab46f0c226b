//! `keyrota schedule`.

use clap::Args;
use jiff::Timestamp;

use super::Exit;
use super::failure::Failed;
use super::settings::Settings;
use crate::aws::SystemClock;
use crate::model::schedule::Fault;
use crate::model::{Duration, Finding, Schedule};
use crate::port::Clock;
use crate::view::{RefusedSchedule, ScheduleResult};

/// Say whether Secrets Manager would accept a schedule, and when its next windows open
///
/// Offline, and in UTC. EXPR is one of
///
///   rate(N hours)   N from 4        rate(N days)   N up to 999
///   cron(0 HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK *)
///
/// HOURS is one hour, START/STEP or /STEP, and steps count anew from every
/// midnight. The other fields take lists (1,15), ranges (MON-FRI), steps (1/3)
/// and *. DAY-OF-MONTH also takes L, the last day; DAY-OF-WEEK also takes TUE#3,
/// the third Tuesday of the month, SUNL, its last Sunday, and L, Saturday. One of
/// the two is ?.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ScheduleCommand {
    /// The expression, in quotes: rate(…) or cron(…)
    #[arg(value_name = "EXPR")]
    expression: String,
    /// How long a window is open, in whole hours: 1h to 24h
    ///
    /// Without it, a window of a schedule in hours closes after an hour, and one
    /// of a schedule in days with the UTC day.
    #[arg(long, value_name = "DURATION", value_parser = Duration::parse)]
    window: Option<Duration>,
    /// How many windows to list, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    next: u16,
    /// List the windows that open after this moment, in RFC 3339; now by default
    ///
    /// A rate is counted from it, as Secrets Manager counts from the last rotation.
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    from: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "this is not a moment such as 2026-01-31T08:00:00Z".to_owned())
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
            .hint("Secrets Manager closes a window in time by itself where none is given");
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

/// Returns the fault as a finding, with the expression and its part marked below.
fn finding(fault: &Fault) -> Finding {
    let message = match fault.excerpt() {
        Some(excerpt) => format!("{}\n  {}", fault.why, excerpt.replace('\n', "\n  ")),
        None => fault.to_string(),
    };
    let hint = match fault.field {
        Some("minutes") => "write cron(0 …)",
        Some("hours") => "one hour such as 8, or 4/12 for 04:00 and 16:00",
        Some("day-of-month") => {
            "such as 1, or 1,15, or L for the last day; ? where the day of the week counts"
        }
        Some("month") => "such as *, or 1/3, or JAN,JUL",
        Some("day-of-week") => {
            "such as MON-FRI, or TUE#3 for the third Tuesday, or SUNL for the last Sunday; ? where the day of the month counts"
        }
        Some("year") => "write * for the year",
        _ => "such as rate(30 days), rate(12 hours) or cron(0 8 1 * ? *)",
    };
    Finding::error("invalid-schedule", fault.field.unwrap_or_default(), message).hint(hint)
}
