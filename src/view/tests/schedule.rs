//! Tests the next rotation windows.

use jiff::Timestamp;

use super::super::{RefusedSchedule, ScheduleResult};
use super::{script, shown};
use crate::model::Schedule;

fn result(expression: &str, from: &str, count: usize) -> ScheduleResult {
    let from: Timestamp = from.parse().unwrap();
    let schedule = Schedule::parse(expression).unwrap();
    ScheduleResult {
        expression: expression.to_owned(),
        calendar: schedule.calendar(),
        windows: schedule.windows(from, None).take(count).collect(),
        from,
    }
}

#[test]
fn windows() {
    let grid = result("cron(0 8 L * ? *)", "2026-01-31T07:15:30Z", 2);
    insta::assert_snapshot!(shown(&grid), @"
    OPENS                     CLOSES                    IN
    Sat 2026-01-31 08:00 UTC  Sun 2026-02-01 00:00 UTC  44min
    Sat 2026-02-28 08:00 UTC  Sun 2026-03-01 00:00 UTC  28d
    ");
    insta::assert_snapshot!(script(&grid), @r#"
    {
      "calendar": {
        "days": {
          "days": [],
          "last": true,
          "of": "month"
        },
        "hours": [
          8
        ],
        "kind": "cron",
        "months": [
          1,
          2,
          3,
          4,
          5,
          6,
          7,
          8,
          9,
          10,
          11,
          12
        ],
        "unit": "days"
      },
      "error": null,
      "expression": "cron(0 8 L * ? *)",
      "from": "2026-01-31T07:15:30Z",
      "valid": true,
      "windows": [
        {
          "closes": "2026-02-01T00:00:00Z",
          "opens": "2026-01-31T08:00:00Z"
        },
        {
          "closes": "2026-03-01T00:00:00Z",
          "opens": "2026-02-28T08:00:00Z"
        }
      ]
    }
    "#);
    let rate = result("rate(4 hours)", "2026-01-31T07:15:00Z", 2);
    insta::assert_snapshot!(shown(&rate), @"
    OPENS                     CLOSES                    IN
    Sat 2026-01-31 11:00 UTC  Sat 2026-01-31 12:00 UTC  3h 45min
    Sat 2026-01-31 15:00 UTC  Sat 2026-01-31 16:00 UTC  7h 45min

    Secrets Manager counts a rate from the last rotation. These windows assume a rotation at 2026-01-31 07:15 UTC.
    ");
    let end = result("rate(999 days)", "9999-01-01T00:00:00Z", 2);
    insta::assert_snapshot!(shown(&end), @"
    No window opens after 9999-01-01 00:00 UTC.

    Secrets Manager counts a rate from the last rotation. These windows assume a rotation at 9999-01-01 00:00 UTC.
    ");
}

#[test]
fn a_refusal() {
    let refused = RefusedSchedule {
        error: "rate(1 hour): value must be at least 4 hours".to_owned(),
    };
    insta::assert_snapshot!(script(&refused), @r#"
    {
      "error": "rate(1 hour): value must be at least 4 hours",
      "valid": false,
      "windows": []
    }
    "#);
}
