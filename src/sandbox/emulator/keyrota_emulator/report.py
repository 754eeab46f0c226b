"""IAM's credential report, which is generated in the background and kept for four hours.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateCredentialReport.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html

The page says that the dates of an inactive key are N/A. Reports that others have published have
its dates, and so does this one.
"""

from __future__ import annotations

import base64
import dataclasses
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam

from . import clock, keys
from .replaced import put

KEPT = 4 * 3600.0
"""Seconds: "You can generate a credential report as often as once every four hours.\""""

_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(
        f"access_key_{number}_{column}"
        for number in (1, 2)
        for column in (
            "active",
            "last_rotated",
            "last_used_date",
            "last_used_region",
            "last_used_service",
        )
    ),
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
_NO_KEY = ("false", "N/A", "N/A", "N/A", "N/A")
_NO_CERTIFICATES = ("false", "N/A", "false", "N/A")
_LONGEST = 2
"""Requests for a report until it is complete."""

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


@dataclasses.dataclass
class _Report:
    content: str
    generated: str
    since: float
    requests: int = 0


_report: _Report | None = None


def install() -> None:
    """Replaces ministack's operations by this module's."""
    iam._IAM_HANDLERS["GenerateCredentialReport"] = _generate
    iam._IAM_HANDLERS["GetCredentialReport"] = _get
    put(iam, "reset", _reset(iam.reset))


def _generate(_: Parameters) -> Answer:
    global _report
    if _report is None or clock.now() - _report.since >= KEPT:
        _report = _Report(_content(), _iso(time.time()), clock.now())
    _report.requests += 1
    state = "COMPLETE"
    if _report.requests < _LONGEST:
        state = "STARTED"
    return iam._xml(
        200,
        "GenerateCredentialReportResponse",
        f"<GenerateCredentialReportResult><State>{state}</State>"
        "</GenerateCredentialReportResult>",
        ns="iam",
    )


def _get(_: Parameters) -> Answer:
    if _report is None:
        return iam._error(410, "ReportNotPresent", "No report is present.")
    if clock.now() - _report.since >= KEPT:
        return iam._error(410, "ReportExpired", "The report has expired.")
    if _report.requests < _LONGEST:
        return iam._error(404, "ReportInProgress", "The report is being generated.")
    content = base64.b64encode(_report.content.encode()).decode()
    return iam._xml(
        200,
        "GetCredentialReportResponse",
        f"<GetCredentialReportResult><Content>{content}</Content>"
        f"<ReportFormat>text/csv</ReportFormat><GeneratedTime>{_report.generated}</GeneratedTime>"
        "</GetCredentialReportResult>",
        ns="iam",
    )


def _content() -> str:
    root = (
        "<root_account>",
        f"arn:aws:iam::{get_account_id()}:root",
        "2020-01-01T00:00:00+00:00",
        "not_supported",
        "N/A",
        "not_supported",
        "not_supported",
        "true",
        *_NO_KEY,
        *_NO_KEY,
        *_NO_CERTIFICATES,
    )
    rows = [_COLUMNS, root, *(_row(name, user) for name, user in iam._users.items())]
    return "\n".join(",".join(row) for row in rows)


def _row(name: str, user: dict[str, Any]) -> tuple[str, ...]:
    owned = sorted(
        (
            (key["CreateDate"], key_id, key["Status"])
            for key_id, key in iam._access_keys.items()
            if key["UserName"] == name
        ),
    )
    columns: list[str] = []
    for created, key_id, status in owned:
        date, service, region = keys.last_use(key_id)
        columns += [
            str(status == "Active").lower(),
            _offset(created),
            _offset(date) or "N/A",
            region,
            service,
        ]
    columns += _NO_KEY * (2 - len(owned))
    password = name in iam._login_profiles
    return (
        name,
        user["Arn"],
        _offset(user["CreateDate"]),
        str(password).lower(),
        *(("no_information", "N/A", "N/A") if password else ("N/A", "N/A", "N/A")),
        "false",
        *columns,
        *_NO_CERTIFICATES,
    )


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _offset(date: str) -> str:
    """Returns a date as the report has it."""
    return date.replace("Z", "+00:00")


def _reset(original: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        global _report
        _report = None
        original()

    return reset
