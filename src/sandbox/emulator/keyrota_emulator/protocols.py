"""The protocol of each service, by which ministack chooses the content type of an answer.

ministack reads it from botocore's models. Importing botocore for that takes most of a second
at the first call, and only these services are on.
"""

from __future__ import annotations

from types import SimpleNamespace

from ministack.core import responses

from .replaced import put

PROTOCOLS: dict[str, dict[str, str]] = {
    "cloudformation": {"protocol": "query"},
    "cloudtrail": {"protocol": "json", "jsonVersion": "1.1"},
    "ec2": {"protocol": "ec2"},
    "events": {"protocol": "json", "jsonVersion": "1.1"},
    "iam": {"protocol": "query"},
    "kms": {"protocol": "json", "jsonVersion": "1.1"},
    "lambda": {"protocol": "rest-json"},
    "logs": {"protocol": "json", "jsonVersion": "1.1"},
    "monitoring": {"protocol": "smithy-rpc-v2-cbor"},
    "s3": {"protocol": "rest-xml"},
    "secretsmanager": {"protocol": "json", "jsonVersion": "1.1"},
    "sns": {"protocol": "query"},
    "sqs": {"protocol": "json", "jsonVersion": "1.0"},
    "ssm": {"protocol": "json", "jsonVersion": "1.1"},
    "sts": {"protocol": "query"},
    "tagging": {"protocol": "json", "jsonVersion": "1.1"},
}
"""ministack's name of a service -> what its model says of its protocol."""


def install() -> None:
    """Replaces ministack's look-up of a service's model."""
    put(responses, "_service_model", _service_model)


def _service_model(service: str) -> SimpleNamespace | None:
    protocol = PROTOCOLS.get(service)
    return None if protocol is None else SimpleNamespace(metadata=protocol)
