"""The account: clients that count throttled calls, and waiting."""

import time
from collections import Counter
from urllib.parse import urlparse

import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

THROTTLED = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}
REFUSED = {"InvalidClientTokenId", "SignatureDoesNotMatch"}


def code(error):
    """Returns the code of an AWS error."""
    return error.response["Error"]["Code"]


class Account:
    """Clients for the caller's account."""

    def __init__(self, profile, region):
        self._session = botocore.session.Session(profile=profile)
        self.region = region or self._session.get_config_variable("region")
        self._clients = {}
        self.throttles = Counter()
        self.calls = Counter()

    def __getattr__(self, service):
        """Returns the client of a service, such as `iam`."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = self.client(service)
        return self._clients[service]

    def client(self, service, key=None, validated=True):
        """Returns a new client. `key` is the access key to use, as IAM returned it.

        Without `validated`, botocore sends what it knows that AWS refuses.
        """
        retries = {"mode": "standard", "total_max_attempts": 10 if key is None else 1}
        given = {}
        if key is not None:
            given["aws_access_key_id"] = key["AccessKeyId"]
            given["aws_secret_access_key"] = key["SecretAccessKey"]
        client = self._session.create_client(
            service,
            region_name=self.region,
            config=botocore.config.Config(retries=retries, parameter_validation=validated),
            **given,
        )
        client.meta.events.register("needs-retry", self._count)
        return client

    def _count(self, response, operation, **_):
        """Counts a call. A handler that returns nothing leaves the retry to botocore."""
        name = f"{operation.service_model.service_name} {operation.name}"
        self.calls[name] += 1
        error = (response[1] if response else {}).get("Error", {}).get("Code")
        if error in THROTTLED:
            self.throttles[name] += 1

    def endpoint(self):
        """Returns the endpoint of a local AWS, or nothing for AWS."""
        url = self.sts.meta.endpoint_url
        host = urlparse(url).hostname or ""
        return None if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) else url

    def credentials(self):
        """Returns the caller's credentials."""
        return self._session.get_credentials().get_frozen_credentials()


def wait_until(condition, seconds, interval=1.0):
    """Calls `condition` until it is true. Returns the seconds that took, or nothing if it never was."""
    start = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - start
        if time.monotonic() - start >= seconds:
            return None
        time.sleep(interval)


def answers(client):
    """Returns the error code with which AWS refuses a client's access key, or nothing if it accepts it."""
    try:
        client.get_caller_identity()
    except ClientError as error:
        return code(error)
    return None


__all__ = ["Account", "BotoCoreError", "ClientError", "REFUSED", "answers", "code", "wait_until"]
