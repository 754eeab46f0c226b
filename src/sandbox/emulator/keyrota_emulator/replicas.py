"""The replicas of secrets in other Regions, with their states.

A replica has the ARN of its secret except for the Region, and gets each value, label, tag, and
resource policy of it. It can be read in its Region, and changed only through the secret.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html

Replication is asynchronous: ``InProgress`` first, then ``InSync``, or ``Failed`` with a reason.
With the item ``replica-lag``, that takes some seconds.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicationStatusType.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets_troubleshoot.html

AWS does not document with whose permissions Secrets Manager copies a value that is stored later.
Here it is the caller that stores it.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
    request_scope,
)
from ministack.services import secretsmanager as service

from . import clock, encryption, handlers, lag, secrets
from .refusal import Refused
from .replaced import put
from .secrets import Answer, Request, Secret

LONGEST = 5.0
"""Seconds until a replica has a change. An assumption."""

IN_SYNC = "InSync"
IN_PROGRESS = "InProgress"
FAILED = "Failed"

_REFUSED = (
    "InvalidParameterException",
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)


@dataclasses.dataclass
class _Copy:
    """A change that a replica does not have yet."""

    due: float
    account: str
    primary: str
    """The ARN of the secret."""
    region: str
    """The Region of the replica."""
    caller: str | None


_pending: list[_Copy] = []


def install() -> None:
    """Replaces ministack's replication, which takes no time and never fails."""
    put(service, "_sync_replicas", sync)
    put(service, "_replicate_secret_to_regions", secrets.answering(replicate))
    put(service, "_replica_mutation_error", _replica_mutation_error)
    put(service, "_delete_secret", _delete_secret(service._delete_secret))
    put(service, "_describe_secret", _describe_secret(service._describe_secret))
    put(service, "_put_resource_policy", _refused_for_replicas(service._put_resource_policy))
    put(
        service,
        "_delete_resource_policy",
        _refused_for_replicas(service._delete_resource_policy),
    )
    secrets.added["RemoveRegionsFromReplication"] = secrets.answering(remove)
    secrets.added["StopReplicationToReplica"] = secrets.answering(promote)
    lag.looks.append(settle)
    lag.settles.append(finish)


def replicate(data: Request) -> dict[str, Any]:
    """ReplicateSecretToRegions. A replica that failed is tried again.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ReplicateSecretToRegions.html
    """
    secret = secrets.found(data)
    held = {status["Region"]: status for status in secret.get("ReplicationStatus") or []}
    wanted = data.get("AddReplicaRegions") or []
    for one in wanted:
        region = one["Region"]
        if region == get_region():
            raise Refused(
                "InvalidParameterException",
                f"Invalid replica region {region}: it is the primary region of the secret.",
            )
        if region in held and held[region]["Status"] != FAILED:
            raise Refused(
                "InvalidParameterException", f"The secret is already replicated to {region}."
            )
        _require_keys(secret, region, one.get("KmsKeyId"))
    for one in wanted:
        region = one["Region"]
        status = {"Region": region, "Status": IN_PROGRESS}
        if one.get("KmsKeyId"):
            status["KmsKeyId"] = one["KmsKeyId"]
        if data.get("ForceOverwriteReplicaSecret"):
            _drop(region, secret["Name"])
        held[region] = status
    secret["ReplicationStatus"] = list(held.values())
    _schedule(secret, {one["Region"] for one in wanted})
    return {"ARN": secret["ARN"], "ReplicationStatus": secret["ReplicationStatus"]}


def _require_keys(secret: Secret, region: str, key: str | None) -> None:
    """Refuses a caller that may not use the keys. A key that is missing fails later."""
    caller = _caller()
    encryption.require_decrypt(caller, secret.get("KmsKeyId"), secret["ARN"])
    if _usable(key, region):
        _require_encrypt(caller, key, secret, region)


def remove(data: Request) -> dict[str, Any]:
    """RemoveRegionsFromReplication: deletes replicas at once.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RemoveRegionsFromReplication.html
    """
    secret = secrets.found(data)
    regions = data.get("RemoveReplicaRegions") or []
    held = secret.get("ReplicationStatus") or []
    unknown = set(regions) - {status["Region"] for status in held}
    if unknown:
        raise Refused(
            "InvalidParameterException",
            f"The secret is not replicated to {', '.join(sorted(unknown))}.",
        )
    for region in regions:
        if _replica(secret, region) is not None:
            _drop(region, secret["Name"])
    left = [status for status in held if status["Region"] not in regions]
    secret["ReplicationStatus"] = left
    _pending[:] = [
        one for one in _pending if one.primary != secret["ARN"] or one.region not in regions
    ]
    return {"ARN": secret["ARN"], "ReplicationStatus": left}


def promote(data: Request) -> dict[str, Any]:
    """StopReplicationToReplica: makes a replica a secret of its own.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_StopReplicationToReplica.html
    """
    _, replica = service._resolve(data.get("SecretId"))
    if not replica:
        raise Refused(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    primary = replica.pop("_PrimarySecretArn", None)
    region = replica.pop("_PrimaryRegion", None)
    if primary is None:
        raise Refused("InvalidRequestException", "The secret is not a replica.")
    for key in ("RotationEnabled", "RotationLambdaARN", "RotationRules", "NextRotationDate"):
        replica.pop(key, None)
    secret = service._secrets.get_scoped(get_account_id(), region, replica["Name"])
    if secret and secret["ARN"] == primary:
        secret["ReplicationStatus"] = [
            status
            for status in secret.get("ReplicationStatus") or []
            if status["Region"] != get_region()
        ]
    return {"ARN": replica["ARN"]}


def sync(secret: Secret) -> None:
    """Copies a changed secret to its replicas, except to one that failed: whether AWS tries that
    again by itself is not documented."""
    held = secret.get("ReplicationStatus") or []
    regions = {status["Region"] for status in held if status["Status"] != FAILED}
    _schedule(secret, regions)


def reconcile(arn: str, old: list[Request], new: list[Request]) -> None:
    """Changes the replicas of a secret as CloudFormation does with ``ReplicaRegions``."""
    before = {one["Region"]: one for one in old}
    after = {one["Region"]: one for one in new}
    gone = [region for region in before if region not in after]
    secret = secrets.found({"SecretId": arn})
    held = {status["Region"] for status in secret.get("ReplicationStatus") or []}
    # Someone may have removed one already.
    if left := [region for region in gone if region in held]:
        remove({"SecretId": arn, "RemoveReplicaRegions": left})
    added = [one for region, one in after.items() if before.get(region) != one]
    again = [one["Region"] for one in added if one["Region"] in held]
    if again:
        remove({"SecretId": arn, "RemoveReplicaRegions": again})
    if added:
        replicate({"SecretId": arn, "AddReplicaRegions": added})


def finish() -> None:
    """Carries out every copy now."""
    for one in _pending:
        one.due = clock.now()
    settle()


def settle() -> None:
    """Carries out the copies that are due."""
    due = [one for one in _pending if one.due <= clock.now()]
    if not due:
        return
    _pending[:] = [one for one in _pending if one not in due]
    for one in due:
        _carry_out(one)


def _schedule(secret: Secret, regions: set[str]) -> None:
    longest = lag.longest("replica-lag", LONGEST)
    for status in secret.get("ReplicationStatus") or []:
        region = status["Region"]
        if region not in regions:
            continue
        status["Status"] = IN_PROGRESS
        status.pop("StatusMessage", None)
        delay = longest * random.Random(f"{secret['Name']} {region}").uniform(lag.SHORTEST, 1)
        due = clock.now() + delay
        one = _Copy(due, get_account_id(), secret["ARN"], region, _caller())
        if longest:
            _pending.append(one)
        else:
            _carry_out(one)


def _carry_out(one: _Copy) -> None:
    region = one.primary.split(":")[3]
    with request_scope(one.account, region):
        _, secret = service._resolve(one.primary)
        if not secret:
            return
        for status in secret.get("ReplicationStatus") or []:
            if status["Region"] == one.region:
                failure = _copy(secret, status, one.caller)
                status["Status"] = FAILED if failure else IN_SYNC
                if failure:
                    status["StatusMessage"] = failure


def _copy(secret: Secret, status: dict[str, Any], caller: str | None) -> str | None:
    """Copies a secret to a Region, or returns why it cannot be copied."""
    region, key = status["Region"], status.get("KmsKeyId")
    there = service._secrets.get_scoped(get_account_id(), region, secret["Name"])
    if there is not None and _replica(secret, region) is None:
        return "Replication failed: a secret with this name exists."
    if not _usable(key, region):
        return f"Replication failed: The KMS key {key} is disabled or not found."
    try:
        _require_encrypt(caller, key, secret, region)
    except Refused:
        return f"Replication failed: No permissions available on the KMS key {key}."
    arn = service._secret_arn_for_region(secret, region)
    copied = copy.deepcopy(secret)
    copied |= {
        "ARN": arn,
        "ReplicationStatus": [],
        "_PrimarySecretArn": secret["ARN"],
        "_PrimaryRegion": get_region(),
    }
    copied.pop("KmsKeyId", None)
    if key:
        copied["KmsKeyId"] = key
    service._secrets.set_scoped(get_account_id(), region, secret["Name"], copied)
    policy = service._resource_policies.get(secret["ARN"])
    if policy is not None:
        service._resource_policies.set_scoped(get_account_id(), region, arn, policy)
    return None


def _caller() -> str | None:
    """Returns the access key of who asks Secrets Manager, or CloudFormation, which then does."""
    return secrets.caller.get() or handlers.calling() or None


def _usable(key: str | None, region: str) -> bool:
    with request_scope(get_account_id(), region):
        return encryption.is_usable(key)


def _require_encrypt(caller: str | None, key: str | None, secret: Secret, region: str) -> None:
    arn = service._secret_arn_for_region(secret, region)
    with request_scope(get_account_id(), region):
        encryption.require_replica(caller, key, arn)


def _replica(secret: Secret, region: str) -> Secret | None:
    there = service._secrets.get_scoped(get_account_id(), region, secret["Name"])
    if there is None or there.get("_PrimarySecretArn") != secret["ARN"]:
        return None
    return there


def _drop(region: str, name: str) -> None:
    there = service._secrets.pop_scoped(get_account_id(), region, name, None)
    if there is not None:
        service._resource_policies.pop_scoped(get_account_id(), region, there["ARN"], None)


def _replica_mutation_error() -> Answer:
    code, message = _REFUSED
    return error_response_json(code, message, 400)


def _refused_for_replicas(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """Refuses to change the resource policy of a replica.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/standalone-secret.html
    """

    def operation(data: Request) -> Answer:
        _, secret = service._resolve(data.get("SecretId"))
        if secret and service._is_replica(secret):
            return _replica_mutation_error()
        return original(data)

    return operation


def _delete_secret(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """DeleteSecret: "You can't delete a primary secret that is replicated to other Regions."

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
    """

    def delete_secret(data: Request) -> Answer:
        _, secret = service._resolve(data.get("SecretId"))
        if secret and not service._is_replica(secret) and secret.get("ReplicationStatus"):
            regions = ", ".join(status["Region"] for status in secret["ReplicationStatus"])
            return error_response_json(
                "InvalidParameterException",
                f"You can't delete secret {secret['ARN']} that still has replica regions "
                f"[{regions}].",
                400,
            )
        return original(data)

    return delete_secret


def _describe_secret(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """DescribeSecret: PrimaryRegion is "the Region the secret is in" also without a replica's.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """

    def describe_secret(data: Request) -> Answer:
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        if answer.get("ReplicationStatus"):
            answer.setdefault("PrimaryRegion", get_region())
        return json_response(answer)

    return describe_secret
