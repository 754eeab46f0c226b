"""AWS's quarantine policies, which it attaches to the user of a leaked key.

Of what they deny, these have the actions on IAM that the first version denies, and the later ones
deny as well.

https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantine.html
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.services import iam

from .replaced import put

_VERSIONS = ("", "V2", "V3", "V4")
_DENIED = (
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:ChangePassword",
    "iam:CreateAccessKey",
    "iam:CreateInstanceProfile",
    "iam:CreateLoginProfile",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:DetachUserPolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:UpdateAccessKey",
    "iam:UpdateAccountPasswordPolicy",
    "iam:UpdateUser",
)


def install() -> None:
    """Adds the policies, also to an account that is emptied."""
    _add()
    put(iam, "reset", _reset(iam.reset))


def _reset(original: Callable[[], None]) -> Callable[[], None]:
    def reset() -> None:
        original()
        _add()

    return reset


def _add() -> None:
    statement = {"Effect": "Deny", "Action": list(_DENIED), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for version in _VERSIONS:
        name = f"AWSCompromisedKeyQuarantine{version}"
        record = iam._make_aws_managed_record(name, document)
        iam._aws_managed_policies[f"arn:aws:iam::aws:policy/{name}"] = record
