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


def require_replica(caller: str | None, key: str | None, replica_arn: str) -> None:
    """Refuses a caller who may not encrypt a replica with a key of this Region.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
    """
    actions = ("kms:GenerateDataKey", "kms:Encrypt")
    _require(caller, key, replica_arn, actions, "EncryptionFailure")


def is_usable(key: str | None) -> bool:
    """Returns whether a key of this Region can encrypt; the key that AWS manages always can."""
    if not key or key.endswith(f"alias/{_MANAGED_BY_AWS}"):
        return True
    record = kms._resolve_key(key)
    return record is not None and record["KeyState"] == "Enabled"


def _require(
    caller: str | None, key: str | None, secret_arn: str, actions: tuple[str, ...], failure: str
) -> None:
    if not key or key.endswith(f"alias/{_MANAGED_BY_AWS}"):
        return
    if not is_usable(key):
        raise Refused(failure, "Secrets Manager can't use the provided KMS key.")
    record = kms._resolve_key(key)
    if caller is None:
        return
    conditions = {
        "kms:CallerAccount": get_account_id(),
        "kms:EncryptionContext:SecretARN": secret_arn,
        "kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com",
    }
    for action in actions:
        if not authorization.allows(caller, action, record["Arn"], conditions):
            message = f"Access to KMS is not allowed: {action} on {record['Arn']}"
            raise Refused("AccessDeniedException", message)
