"""A Lambda function that keeps a secret in memory, and forgets it when it has a new version.

Only the execution environment that receives the event forgets it. The others read the secret again
when it is older than MOST seconds. A refused login must clear `held` and retry once; that is not
shown here.
"""

import json
import os
import time

import boto3

MOST = 300

manager = boto3.client("secretsmanager")
held = {}


def secret():
    """Returns the value, at most MOST seconds old."""
    if not held or time.monotonic() - held["read"] > MOST:
        answer = manager.get_secret_value(SecretId=os.environ["SECRET"])
        held.update(value=json.loads(answer["SecretString"]), read=time.monotonic())
    return held["value"]


def handler(event, _context):
    if event.get("source") == "aws.secretsmanager":
        held.clear()
        return {"forgotten": event["detail"]["versionId"]}
    return {"user": secret()["username"]}
