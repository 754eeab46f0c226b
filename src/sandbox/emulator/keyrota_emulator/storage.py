"""S3: the expected owner of a bucket.

A request can name the account that it expects to own the bucket, and is refused if another
one does. ministack ignores that.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ministack.services import s3

from .replaced import put

_HEADER = "x-amz-expected-bucket-owner"


def install() -> None:
    """Adds this module's check to ministack's operations."""
    put(s3, "handle_request", _handle_request(s3.handle_request))


def _handle_request(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def handle_request(
        method: str, path: str, headers: dict[str, str], *rest: Any, **options: Any
    ) -> Any:
        expected = headers.get(_HEADER)
        bucket, key = s3._parse_bucket_key(path, headers)
        owner = s3._bucket_owner_account(bucket) if bucket and expected else None
        if owner is not None and owner != expected:
            if method == "HEAD":
                return 403, {"Content-Type": "application/xml"}, b""
            resource = f"/{bucket}/{key}" if key else f"/{bucket}"
            return s3._error("AccessDenied", "Access Denied", 403, resource)
        return await original(method, path, headers, *rest, **options)

    return handle_request
