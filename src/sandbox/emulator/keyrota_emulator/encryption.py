"""The use of a customer managed KMS key for a secret's value.

Secrets Manager uses the key on the caller's behalf. To read the value, a caller needs
``kms:Decrypt``. To store one, it needs ``kms:GenerateDataKey`` and ``kms:Decrypt``, in the
encryption context ``SecretARN`` and via Secrets Manager.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html

Nothing is encrypted here: only the permission and the key's state are checked.
"""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms

from . import authorization
from .refusal import Refused

_MANAGED_BY_AWS = "aws/secretsmanager"


def require_decrypt(caller: str | None, key: str | None, secret_arn: str) -> None:
    """Refuses a reader who may not use the secret's key, or a key that is not enabled."""
    _require(caller, key, secret_arn, ("kms:Decrypt",), "DecryptionFailure")


def require_encrypt(caller: str | None, key: str | None, secret_arn: str) -> None:
    """Refuses a writer who may not use the secret's key, or a key that is not enabled."""
    actions = ("kms:GenerateDataKey", "kms:Decrypt")
    _require(caller, key, secret_arn, actions, "EncryptionFailure")


def _require(
    caller: str | None, key: str | None, secret_arn: str, actions: tuple[str, ...], failure: str
) -> None:
    if not key or key.endswith(f"alias/{_MANAGED_BY_AWS}"):
        return
    record = kms._resolve_key(key)
    if record is None or record["KeyState"] != "Enabled":
        raise Refused(failure, "Secrets Manager can't use the provided KMS key.")
    if caller is None:
        return
    conditions = {
        "kms:CallerAccount": get_account_id(),
        "kms:EncryptionContext:SecretARN": secret_arn,
        "kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com",
    }
    if not all(
        authorization.allows(caller, action, record["Arn"], conditions) for action in actions
    ):
        raise Refused("AccessDeniedException", "Access to KMS is not allowed")
