"""Rotation rules, and when the next rotation is due.

Rules: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
Windows: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html

The emulator only reports the date; it does not rotate a secret on it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from ministack.services import eventbridge

_RATE = re.compile(r"rate\(\s*([1-9][0-9]*) (hours?|days?)\s*\)")
_CRON = re.compile(r"cron\((0) (\S+) (\S+) (\S+) (\S+) (\*)\)")
_DURATION = re.compile(r"([1-9]|1[0-9]|2[0-4])h")
_LEAST_HOURS = 4
_MOST_DAYS = 999

Rules = dict[str, Any]


def problem(rules: Rules) -> str | None:
    """Returns why Secrets Manager would refuse the rules, or nothing.

    It checks only the ranges and the form of the expression. It does not look for
    overlapping windows, or for an hour list that Secrets Manager does not document.
    """
    expression = rules.get("ScheduleExpression")
    days = rules.get("AutomaticallyAfterDays")
    duration = rules.get("Duration")
    if expression is not None and days is not None:
        return "You can specify either AutomaticallyAfterDays or ScheduleExpression, not both."
    if days is not None and not 1 <= days <= 1000:
        return "AutomaticallyAfterDays must be between 1 and 1000."
    if duration is not None and not _DURATION.fullmatch(duration):
        return "Duration must be a number of hours from 1h to 24h."
    if expression is None:
        return None
    if rate := _RATE.fullmatch(expression):
        count, in_hours = int(rate[1]), rate[2].startswith("hour")
        if in_hours and count < _LEAST_HOURS:
            return "A secret can't be rotated more often than every four hours."
        if not in_hours and count > _MOST_DAYS:
            return f"A rate in days is at most {_MOST_DAYS}."
        return None
    if _cron_fields(expression) is None:
        return "ScheduleExpression is not a rate() or cron() expression."
    return None


def next_rotation(rules: Rules | None, after: float) -> float | None:
    """Returns the end of the first window that opens after ``after``, in epoch seconds.

    DescribeSecret: "The next rotation is scheduled to occur on or before this date."
    None if there are no rules.
    """
    if not rules:
        return None
    start = datetime.fromtimestamp(after, tz=timezone.utc)
    in_hours = False
    opens: datetime | None
    if days := rules.get("AutomaticallyAfterDays"):
        opens = _midnight(start + timedelta(days=days))
    elif rate := _RATE.fullmatch(rules.get("ScheduleExpression", "")):
        in_hours = rate[2].startswith("hour")
        if in_hours:
            opens = (start + timedelta(hours=int(rate[1]))).replace(
                minute=0, second=0, microsecond=0
            )
        else:
            opens = _midnight(start + timedelta(days=int(rate[1])))
    else:
        expression = rules.get("ScheduleExpression", "")
        in_hours = bool(expression) and "/" in expression.split(" ")[1]
        fields = _cron_fields(expression)
        opens = eventbridge._cron_next_fire(fields, start) if fields else None
    if opens is None:
        return None
    return (opens + _window(rules, opens, in_hours)).timestamp()


def _window(rules: Rules, opens: datetime, in_hours: bool) -> timedelta:
    """Returns the length of a window: Duration, or else one hour or the rest of the UTC day."""
    if duration := rules.get("Duration"):
        return timedelta(hours=int(duration.removesuffix("h")))
    if in_hours:
        return timedelta(hours=1)
    return _midnight(opens) + timedelta(days=1) - opens


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _cron_fields(expression: str) -> Any:
    """Returns a cron expression as EventBridge parses it, or None if it cannot.

    The two grammars differ only in an hour step without a start: Secrets Manager
    documents ``/8``, and EventBridge ``0/8``.
    """
    match = _CRON.fullmatch(expression)
    if match is None:
        return None
    hours = f"0{match[2]}" if match[2].startswith("/") else match[2]
    fields = " ".join((match[1], hours, *match.groups()[2:]))
    return eventbridge._parse_cron_fields(f"cron({fields})")
