"""Calls AWS every 100 milliseconds with a rotating access key:

    python access_key.py SECRET

If AWS refuses the key, it reads the secret again, and makes the call with the new key.
"""

import sys
import time

import boto3
from botocore.exceptions import ClientError

from rotating_secret import RotatingSecret

# The codes with which AWS refuses a key that does not exist or is inactive. They depend on the service: the
# first is that of STS, IAM, SNS, and SES, then those of the services with JSON, of S3, and of EC2.
REFUSED = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"}

# The seconds before a new key is tried again. IAM is eventually consistent: for some seconds, some of its servers
# do not know a new key. Unlike a database, it does not lock an account.
WAITS = (1, 3, 9)


class RotatingClient:
    """A client of an AWS service with the access key in a secret."""

    def __init__(self, service, secret):
        self._service = service
        self._secret = secret
        self._use(secret.read())

    def _use(self, key):
        # boto3's default session is not safe for threads. One assignment keeps a key and its client together.
        client = boto3.session.Session().client(
            self._service, aws_access_key_id=key["accesskey"], aws_secret_access_key=key["secretkey"]
        )
        self._current = key, client
        return client

    def call(self, operation, **parameters):
        # Another thread may replace them meanwhile.
        key, client = self._current
        try:
            return getattr(client, operation)(**parameters)
        except ClientError as error:
            if not key_was_refused(error):
                raise
            newer = self._secret.newer(key, looks=1)
            if newer is None:
                raise
        print(f"refreshed: {key['accesskey']} was refused", flush=True)
        client = self._use(newer)
        for wait in WAITS:
            try:
                return getattr(client, operation)(**parameters)
            except ClientError as error:
                if not key_was_refused(error):
                    raise
            print(f"again: {newer['accesskey']} is not known everywhere yet", flush=True)
            time.sleep(wait)
        return getattr(client, operation)(**parameters)


def key_was_refused(error):
    return error.response["Error"]["Code"] in REFUSED


def main():
    client = RotatingClient("sts", RotatingSecret(sys.argv[1]))
    number = 0
    while True:
        number += 1
        identity = client.call("get_caller_identity")
        print(f"request {number}: {identity['Arn']}", flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    main()
