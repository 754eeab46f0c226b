"""Secrets Manager's versions, labels, and tokens, as in its API reference.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/ (each function names its page)

ministack keeps a secret as a dictionary: ``Versions`` maps a version's ID to its
``SecretString`` or ``SecretBinary``, its ``CreatedDate`` and its ``Stages``. A version
without a value (a rotation that has just begun) has None for both.
"""

from __future__ import annotations

import contextvars
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.core.router import extract_access_key_id
from ministack.services import secretsmanager as service

from . import encryption, schedule, stale
from .refusal import Refused
from .replaced import put

CURRENT = "AWSCURRENT"
PENDING = "AWSPENDING"
PREVIOUS = "AWSPREVIOUS"

_MOST_BYTES = 65536

Secret = dict[str, Any]
Request = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

caller: contextvars.ContextVar[str | None] = contextvars.ContextVar("caller", default=None)
"""The access key of the request to Secrets Manager; None for CloudFormation's own calls."""

added: dict[str, Callable[[Request], Answer]] = {}
"""The operations that ministack lacks."""


def install() -> None:
    """Replaces ministack's operations by this module's."""
    put(service, "_create_secret", answering(create_secret))
    put(service, "_get_secret_value", _get_secret_value(service._get_secret_value))
    put(service, "_put_secret_value", answering(put_secret_value))
    put(service, "_update_secret", _update_secret(service._update_secret))
    put(service, "_describe_secret", _describe_secret(service._describe_secret))
    put(service, "_list_secrets", _list_secrets(service._list_secrets))
    put(service, "_list_secret_version_ids", _list_versions(service._list_secret_version_ids))
    put(service, "_delete_secret", _delete_secret(service._delete_secret))
    put(service, "handle_request", _handle_request(service.handle_request))


def answering(operation: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Answer]:
    """Returns the operation with its result or error as an HTTP response."""

    def answer(data: Request) -> Answer:
        try:
            return json_response(operation(data))
        except Refused as refused:
            return error_response_json(refused.code, str(refused), 400)

    return answer


def found(data: Request) -> Secret:
    """Returns the secret that a request names, unless it cannot be changed."""
    _, secret = service._resolve(data.get("SecretId"))
    if not secret:
        raise Refused(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )
    if secret.get("DeletedDate"):
        raise Refused(
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
        )
    if service._is_replica(secret):
        raise Refused(
            "InvalidParameterException",
            "Operation not permitted on a replica secret. "
            "Call must be made in primary secret's region.",
        )
    return secret


def create_secret(data: Request) -> dict[str, Any]:
    """CreateSecret: refuses a name in use, and creates no version without a value.

    "If you include SecretString or SecretBinary, then Secrets Manager creates an initial
    version for the secret", whose ID is the ClientRequestToken; the same token with the
    same value again succeeds.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    name = data.get("Name")
    if not name:
        raise Refused("InvalidParameterException", "You must provide a name for the secret.")
    existing = service._secrets.get(name)
    if existing is not None and existing.get("DeletedDate"):
        raise Refused(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already "
            "scheduled for deletion.",
        )
    if existing is not None:
        token = data.get("ClientRequestToken")
        version = existing["Versions"].get(token)
        if version is None or not _same_value(version, data):
            raise Refused(
                "ResourceExistsException",
                f"The operation failed because the secret {name} already exists.",
            )
        return {"ARN": existing["ARN"], "Name": name, "VersionId": token}
    check_size(data)
    arn, first = service._store_new_secret(
        name,
        secret_string=data.get("SecretString"),
        secret_binary=data.get("SecretBinary"),
        description=data.get("Description", ""),
        tags=data.get("Tags"),
        kms_key_id=data.get("KmsKeyId"),
    )
    secret = service._secrets[name]
    versions = secret["Versions"]
    version = versions.pop(first)
    if not has_value(version):
        return {"ARN": arn, "Name": name}
    try:
        token = token_of(data)
        encryption.require_encrypt(caller.get(), secret["KmsKeyId"], arn)
    except Refused:
        service._purge_secret(name, secret)
        raise
    versions[token] = version
    return {"ARN": arn, "Name": name, "VersionId": token}


def put_secret_value(data: Request) -> dict[str, Any]:
    """PutSecretValue: one value for one token, and each label on one version.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    secret = found(data)
    stages = data.get("VersionStages") or [CURRENT]
    token = store_value(secret, token_of(data), data, stages)
    return {
        "ARN": secret["ARN"],
        "Name": secret["Name"],
        "VersionId": token,
        "VersionStages": list(secret["Versions"][token]["Stages"]),
    }


def store_value(secret: Secret, token: str, data: Request, stages: list[str]) -> str:
    """Stores a value under a token and moves the labels to it; returns the token.

    "If a version with this value already exists and that version's SecretString or
    SecretBinary values are the same as those in the request then the request is ignored.
    The operation is idempotent." Another value: ResourceExistsException. "If this
    operation creates the first version for the secret, Secrets Manager automatically
    attaches the staging label AWSCURRENT to it."
    """
    if not has_value(data):
        raise Refused(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary."
        )
    check_size(data)
    version = secret["Versions"].get(token)
    if version is not None and has_value(version):
        if not _same_value(version, data):
            raise Refused(
                "ResourceExistsException",
                f"You can't use ClientRequestToken {token} because that value is already "
                f"in use for a version of secret {secret['ARN']}.",
            )
        return token
    encryption.require_encrypt(caller.get(), secret.get("KmsKeyId"), secret["ARN"])
    if not secret["Versions"] and CURRENT not in stages:
        stages = [*stages, CURRENT]
    now = time.time()
    secret["Versions"][token] = {
        "SecretString": data.get("SecretString"),
        "SecretBinary": data.get("SecretBinary"),
        "CreatedDate": now,
        "Stages": list(version["Stages"]) if version else [],
    }
    for stage in stages:
        move_stage(secret, stage, token)
    if CURRENT in stages:
        restart_schedule(secret, now)
    secret["LastChangedDate"] = now
    service._sync_replicas(secret)
    return token


def move_stage(secret: Secret, stage: str, token: str) -> None:
    """Moves a label to a version; AWSPREVIOUS follows AWSCURRENT by itself."""
    holder, _ = service._find_stage_version(secret, stage)
    if holder == token:
        return
    service._remove_stage_everywhere(secret, stage, except_version_id=token)
    service._add_stage(secret, token, stage)
    if stage == CURRENT and holder is not None:
        service._remove_stage_everywhere(secret, PREVIOUS)
        service._add_stage(secret, holder, PREVIOUS)
    if stage not in (PENDING, PREVIOUS):
        service._emit_secret_label_updated(secret, stage, token)


def restart_schedule(secret: Secret, changed: float) -> None:
    """Counts a new current value as a rotation for the schedule.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
    """
    due = schedule.next_rotation(secret.get("RotationRules"), changed)
    if secret.get("RotationEnabled") and due is not None:
        secret["NextRotationDate"] = due
    else:
        secret.pop("NextRotationDate", None)


def token_of(data: Request) -> str:
    """Returns the request's ClientRequestToken (32 to 64 characters), or a new one."""
    token = data.get("ClientRequestToken") or str(uuid.uuid4())
    if not 32 <= len(token) <= 64:
        raise Refused(
            "InvalidParameterException", "ClientRequestToken must be 32-64 characters long."
        )
    return token


def arn_prefix() -> str:
    """Returns the prefix of the ARNs of this account's secrets in this Region."""
    return f"arn:aws:secretsmanager:{get_region()}:{get_account_id()}:secret:"


def has_value(version: dict[str, Any]) -> bool:
    """Returns whether a version or a request contains a value."""
    return version.get("SecretString") is not None or version.get("SecretBinary") is not None


def check_size(data: Request) -> None:
    """Refuses a value of more than 64 KiB.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    """
    if len((data.get("SecretString") or "").encode()) > _MOST_BYTES:
        raise Refused(
            "InvalidParameterException", f"The secret value is larger than {_MOST_BYTES} bytes."
        )


def _same_value(version: dict[str, Any], data: Request) -> bool:
    return all(version.get(name) == data.get(name) for name in ("SecretString", "SecretBinary"))


def _get_secret_value(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """GetSecretValue: a version without a value is not found, and ID and label must agree.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """

    def get_secret_value(data: Request) -> Answer:
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        version_id, stage = data.get("VersionId"), data.get("VersionStage")
        if version_id and stage and stage not in answer["VersionStages"]:
            return error_response_json(
                "ResourceNotFoundException",
                "You provided a VersionStage that is not associated to the provided VersionId.",
                400,
            )
        if not has_value(answer):
            wanted = (
                f"VersionId: {version_id}" if version_id else f"staging label: {stage or CURRENT}"
            )
            return error_response_json(
                "ResourceNotFoundException",
                f"Secrets Manager can't find the specified secret value for {wanted}",
                400,
            )
        _, secret = service._resolve(data.get("SecretId"))
        try:
            encryption.require_decrypt(caller.get(), secret.get("KmsKeyId"), secret["ARN"])
        except Refused as refused:
            return error_response_json(refused.code, str(refused), 400)
        return status, headers, body

    return get_secret_value


def _update_secret(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """UpdateSecret: the version's ID is the ClientRequestToken, with PutSecretValue's rules.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """

    def update_secret(data: Request) -> Answer:
        value_fields = ("SecretString", "SecretBinary")
        try:
            secret = found(data)
            token = token_of(data)
            if has_value(data):
                store_value(secret, token, data, [CURRENT])
        except Refused as refused:
            return error_response_json(refused.code, str(refused), 400)
        answer = original({key: data[key] for key in data if key not in value_fields})
        if answer[0] != 200 or not has_value(data):
            return answer
        return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})

    return update_secret


def _rotation_fields(secret: Secret) -> dict[str, Any]:
    """Returns the fields of DescribeSecret and ListSecrets about rotation that are set.

    LastRotatedDate: "If the secret isn't configured for rotation or rotation has been disabled,
    Secrets Manager returns null."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    if not secret.get("RotationLambdaARN"):
        return {}
    fields = {"RotationEnabled": bool(secret.get("RotationEnabled"))}
    for name in ("RotationLambdaARN", "RotationRules", "LastRotatedDate", "NextRotationDate"):
        if secret.get(name) is not None:
            fields[name] = secret[name]
    if not fields["RotationEnabled"]:
        fields.pop("LastRotatedDate", None)
    return fields


def _describe_secret(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """DescribeSecret: with the rotation's dates, and no RotationEnabled before rotation is set."""

    def describe_secret(data: Request) -> Answer:
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        _, secret = service._resolve(data.get("SecretId"))
        answer = json.loads(body)
        answer.pop("RotationEnabled", None)
        answer.update(_rotation_fields(secret), Tags=stale.tags_of(secret))
        if not answer["VersionIdsToStages"]:
            del answer["VersionIdsToStages"]
        return json_response(answer)

    return describe_secret


def _list_secrets(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """ListSecrets: each entry with the same fields on rotation as DescribeSecret."""

    def list_secrets(data: Request) -> Answer:
        status, headers, body = original(data)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        for entry in answer["SecretList"]:
            secret = service._secrets[entry["Name"]]
            entry.pop("RotationEnabled", None)
            entry.update(_rotation_fields(secret), Tags=stale.tags_of(secret))
        return json_response(answer)

    return list_secrets


def _list_versions(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """ListSecretVersionIds: versions without a label only with IncludeDeprecated.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
    """

    def list_versions(data: Request) -> Answer:
        status, headers, body = original(data)
        if status != 200 or data.get("IncludeDeprecated"):
            return status, headers, body
        answer = json.loads(body)
        answer["Versions"] = [entry for entry in answer["Versions"] if entry["VersionStages"]]
        return json_response(answer)

    return list_versions


def _delete_secret(original: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """DeleteSecret: a forced deletion of a missing secret succeeds.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
    """

    def delete_secret(data: Request) -> Answer:
        name = data.get("SecretId", "")
        if data.get("ForceDeleteWithoutRecovery") and not service._resolve(name)[1]:
            arn = name if name.startswith("arn:") else arn_prefix() + name
            return json_response({"ARN": arn, "Name": name, "DeletionDate": time.time()})
        return original(data)

    return delete_secret


def _handle_request(original: Any) -> Any:
    """Records the caller, and serves the operations that ministack lacks."""

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, list[str]],
    ) -> Any:
        caller.set(extract_access_key_id(headers, query_params) or "")
        operation = added.get(headers.get("x-amz-target", "").rpartition(".")[2])
        if operation is None:
            return await original(method, path, headers, body, query_params)
        try:
            data = json.loads(body or b"{}")
        except json.JSONDecodeError:
            return error_response_json("SerializationException", "Invalid JSON", 400)
        return operation(data)

    return handle_request
