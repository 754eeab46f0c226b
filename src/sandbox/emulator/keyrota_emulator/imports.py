"""Change sets that import secrets and KMS keys.

ministack imports KMS keys, and does not know secrets. An import reads a resource with the
caller's permissions, lists it in the stack, and changes nothing about it: neither its properties
nor its tags, although AWS's events speak of tags. The next update of the resource writes them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-existing-stack.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import kms
from ministack.services import secretsmanager as secrets
from ministack.services.cloudformation import changesets, provisioners

from . import handlers
from .replaced import put

_SECRET = "AWS::SecretsManager::Secret"
_KEY = "AWS::KMS::Key"

Identifier = dict[str, str]
Imported = tuple[str, dict[str, Any]]


def install() -> None:
    """Adds secrets to what can be imported, and the caller's permissions to every import."""
    handler = provisioners._RESOURCE_HANDLERS[_SECRET]
    provisioners._RESOURCE_HANDLERS[_SECRET] = {**handler, "import": _import_secret}
    changesets._IMPORT_LOOKUPS[_SECRET] = (("Id",), _problem)
    put(changesets, "_import_resource", _asking(changesets._import_resource))


def _import_secret(identifier: Identifier) -> Imported:
    arn = identifier["Id"]
    return arn, {"Id": arn}


def _problem(arn: str) -> str | None:
    """Returns why a secret cannot be imported. Its identifier is its full ARN."""
    _, secret = secrets._resolve(arn)
    if not secret or secret["ARN"] != arn:
        return changesets._IMPORT_NOT_FOUND.format(type=_SECRET, value=arn)
    if secret.get("DeletedDate"):
        return (
            "You can't perform this operation on the secret because it was marked for deletion."
        )
    return None


def _asking(original: Callable[[str, Identifier], Imported]) -> Callable[..., Imported]:
    """Checks the permissions to read a resource before it is imported."""

    def import_resource(kind: str, identifier: Identifier) -> Imported:
        (physical_id,) = list(identifier.values())[-1:]
        handlers.ask_to_read(kind, physical_id, {"Tags": tags_of(kind, physical_id)})
        return original(kind, identifier)

    return import_resource


def tags_of(kind: str, physical_id: str) -> list[dict[str, str]]:
    """Returns the tags that a resource has now."""
    if kind == _SECRET:
        return list((secrets._resolve(physical_id)[1] or {}).get("Tags") or [])
    if kind == _KEY:
        tags = (kms._resolve_key(physical_id) or {}).get("Tags") or []
        return [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags]
    return []
