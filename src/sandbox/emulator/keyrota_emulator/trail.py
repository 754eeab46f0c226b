"""CloudTrail's event history: each authenticated request, with its key and user agent.

ministack's own recording does not know the action of a request whose parameters are in its body.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
"""

from __future__ import annotations

import contextvars

from ministack.core.responses import new_uuid
from ministack.services import cloudtrail

_user_agent: contextvars.ContextVar[str] = contextvars.ContextVar("user_agent", default="")


def begin_request(headers: list[tuple[bytes, bytes]]) -> None:
    """Notes the user agent of a request."""
    named = (value for name, value in headers if name.lower() == b"user-agent")
    _user_agent.set(next(named, b"").decode("latin-1"))


def record(
    access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str
) -> None:
    """Records a request. What concerns an object in S3 is a data event, which is not kept.

    Of the parameters, only the role of AssumeRole is recorded.
    """
    action = iam_action.partition(":")[2]
    if service == "cloudtrail" or (service == "s3" and "Object" in action):
        return
    cloudtrail.record_event(
        service=service,
        event_name=action,
        username=access_key_id,
        access_key_id=access_key_id,
        resources=[],
        region=region,
        request_id=new_uuid(),
        user_agent=_user_agent.get(),
        request_params={"roleArn": resource_arn} if action == "AssumeRole" else {},
        method="POST",
    )
