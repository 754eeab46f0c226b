"""The account's root and the sessions of functions: whose signatures are checked, and how.

ministack accepts ``test``, an empty key, and any account number as root, and checks no
signature of root. Here root has one key, which the parent process chooses and
passes on standard input, and its signature is checked like that of any other key.

ministack derives a function's session from the function's name alone. Here
it cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id
from ministack.services import lambda_svc, s3, sts

from .replaced import put

_FORM = re.compile(r"(AKIA[A-Z2-7]{16}) ([A-Za-z0-9/+]{40})")
_SESSIONS = secrets.token_bytes(32)


def parse(line: str) -> tuple[str, str] | None:
    """Returns the access key ID and the secret access key of ``ID SECRET``."""
    matched = _FORM.fullmatch(line)
    return (matched[1], matched[2]) if matched else None


def install(key: tuple[str, str]) -> None:
    """Makes one key root's only key."""
    resolve = _resolve_credential(iam_evaluator.resolve_credential, *key)
    # Each of ministack's modules has its own copy of these names.
    put(iam_evaluator, "resolve_credential", resolve)
    put(s3, "resolve_credential", resolve)
    put(sts, "resolve_credential", resolve)
    put(iam_evaluator, "is_root_access_key", _is_unchecked_root)
    put(sts, "is_root_access_key", _is_unchecked_root)
    put(lambda_runtime, "execution_credentials", _execution_credentials)
    put(lambda_svc, "execution_credentials", _execution_credentials)


def _is_unchecked_root(_access_key_id: str) -> bool:
    """The signature of root's key is checked too."""
    return False


def _resolve_credential(original: Any, root_id: str, root_secret: str) -> Any:
    def resolve_credential(
        access_key_id: str,
        account_id: str | None = None,
        session_token: Any = iam_evaluator._SESSION_TOKEN_NOT_CHECKED,
    ) -> Any:
        if access_key_id != root_id:
            return original(access_key_id, account_id, session_token)
        refused = iam_evaluator._validate_session_token(None, session_token)
        account_id = account_id or get_account_id()
        return refused or iam_evaluator.ResolvedCredential(
            access_key_id=root_id,
            secret_access_key=root_secret,
            session_token=None,
            account_id=account_id,
            principal_arn=f"arn:aws:iam::{account_id}:root",
            principal_id=account_id,
            principal_type="Root",
            source_access_key_id=root_id,
        )

    return resolve_credential


def _execution_credentials(config: dict[str, Any]) -> dict[str, str]:
    """Returns the session of a function's role, which stays the same while this process runs."""
    account_id, _region = lambda_runtime._account_region_from_function_config(config)
    role_name = config.get("Role", "").rpartition("/")[2]
    function_name = config.get("FunctionName", "function")[:64]

    def derived(purpose: str) -> str:
        identity = f"{purpose}\n{config['FunctionArn']}\n{config.get('Role', '')}"
        return hmac.new(_SESSIONS, identity.encode(), hashlib.sha256).hexdigest()

    key_id = f"ASIA{derived('id')[:16].upper()}"
    secret, token = derived("secret"), derived("token")
    sts.register_session(
        key_id,
        {
            "Arn": f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{function_name}",
            "UserId": f"{role_name}:{function_name}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
    }
