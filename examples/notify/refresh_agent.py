"""Receives events from an SQS queue, and makes the Secrets Manager Agent of this host read again.

Usage: refresh_agent.py QUEUE_URL. It needs sqs:ReceiveMessage and sqs:DeleteMessage on the queue,
and the file with the agent's token.
"""

import http.client
import json
import os
import pathlib
import sys
import urllib.parse
import urllib.request

import boto3

AGENT = os.environ.get("AWS_SECRETS_MANAGER_AGENT_URL", "http://localhost:2773")
TOKEN = pathlib.Path(os.environ.get("TOKEN_FILE", "/var/run/awssmatoken"))


def refresh(secret):
    """Reads a secret past the agent's cache, and throws the answer away."""
    query = urllib.parse.urlencode({"secretId": secret, "refreshNow": "true"})
    request = urllib.request.Request(
        f"{AGENT}/secretsmanager/get?{query}",
        headers={"X-Aws-Parameters-Secrets-Token": TOKEN.read_text().strip()},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def receive(sqs, queue):
    """Handles the messages of one request. SQS delivers one that fails again."""
    received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
    for message in received.get("Messages", []):
        try:
            event = json.loads(message["Body"])
            # The agent caches a secret by the text that a client asks for: its name or its ARN.
            for secret in (event["detail"]["name"], event["resources"][0]):
                refresh(secret)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            print(f"cannot handle {message['MessageId']}: {error!r}", file=sys.stderr)
            continue
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def main(queue):
    sqs = boto3.client("sqs")
    while True:
        receive(sqs, queue)


if __name__ == "__main__":
    main(sys.argv[1])
