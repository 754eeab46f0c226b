"""A Lambda adapter for users of Redis and Valkey.

It answers the requests of keyrota's service function: `authenticate` and `change`. Redis lets a user
have several passwords at once, so a change keeps the present password beside the new one, and removes
all others. No client is refused.
"""

import hashlib
import os
import time

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoPermissionError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

VERSION = 1
DEFAULT_PORT = 6379
# keyrota's function waits for 20 seconds, the start of this function included. No command begins after
# the first time, and none of its waits for a server takes longer than the second.
REQUEST_SECONDS = 15
TIMEOUT_SECONDS = 3
# A login waits for the connection, for TLS, for the answers to AUTH and PING, and once more if the host has
# a second address.
WAITS_OF_A_LOGIN = 5
SAVE = {
    # The users are in an ACL file.
    "aclfile": ["ACL", "SAVE"],
    # The users are in redis.conf.
    "config": ["CONFIG", "REWRITE"],
    # Nothing is written: a restart brings the old passwords back.
    "none": None,
}


def handler(event, context):
    """Answers one request. Lambda calls it."""
    if event.get("version") != VERSION:
        return answer("unclear", code="version")
    settings = event["settings"]
    nodes = [Node(text, settings) for text in settings["hosts"].split(",")]
    save = SAVE[settings.get("save", "aclfile")]
    deadline = time.monotonic() + REQUEST_SECONDS
    try:
        log_in(nodes, event["username"], event["password"], deadline)
        if event["request"] == "change":
            passwords = (event["password"], event["new_password"])
            change(nodes, event["username"], passwords, save, deadline)
            return answer("success", previous="works")
        return answer("success")
    except Ended as ended:
        return answer(ended.outcome, code=ended.code)
    finally:
        for node in nodes:
            node.close()


def answer(outcome, **more):
    return {"version": VERSION, "outcome": outcome, **{k: v for k, v in more.items() if v}}


class Ended(Exception):
    """The request is over. It carries no text of the server, which may repeat what was sent."""

    def __init__(self, outcome, code):
        super().__init__(outcome)
        self.outcome = outcome
        self.code = code


class Node:
    """One server, with a connection that is logged in."""

    def __init__(self, text, settings):
        host, _, port = text.strip().partition(":")
        self.host = host
        self.port = int(port or DEFAULT_PORT)
        authority = settings.get("tls_ca")
        self.authority = authority and os.path.join(os.path.dirname(__file__), authority)
        self.client = None

    def log_in(self, username, password, seconds):
        timeout = min(TIMEOUT_SECONDS, seconds / WAITS_OF_A_LOGIN)
        self.client = redis.Redis(
            host=self.host,
            port=self.port,
            username=username,
            password=password,
            protocol=2,
            single_connection_client=True,
            ssl=True,
            ssl_ca_certs=self.authority,
            ssl_cert_reqs="required",
            ssl_check_hostname=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Without these, it waits for two more answers.
            lib_name=None,
            lib_version=None,
            # A repeated request could undo what happened in between.
            retry=Retry(NoBackoff(), 0),
        )
        # The connection logs in when it is used.
        self.client.ping()

    def run(self, *command):
        self.client.execute_command(*command)

    def close(self):
        if self.client is not None:
            self.client.close()


def log_in(nodes, username, password, deadline):
    """Logs in to every server. Nothing was changed when it fails."""
    for node in nodes:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise Ended("unreachable", "deadline")
        try:
            node.log_in(username, password, seconds)
        except AuthenticationError:
            raise Ended("refused", "WRONGPASS") from None
        except (TimeoutError, ConnectionError, BusyLoadingError) as error:
            raise Ended("unreachable", type(error).__name__) from None
        except NoPermissionError:
            # The login succeeded: only PING is not allowed.
            pass
        except RedisError as error:
            raise Ended("unclear", type(error).__name__) from None


def change(nodes, username, passwords, save, deadline):
    """Sets both passwords on every server. Each command is complete or has no effect."""
    # The digests, so that no log and no MONITOR of the server can show a password.
    digests = ["#" + hashlib.sha256(one.encode()).hexdigest() for one in passwords]
    commands = [["ACL SETUSER", username, "resetpass", *digests]]
    if save:
        commands.append(save)
    for node, command in ((node, command) for node in nodes for command in commands):
        if time.monotonic() >= deadline:
            raise Ended("unclear", "deadline")
        try:
            node.run(*command)
        except NoPermissionError:
            raise Ended("unclear", "NOPERM") from None
        except ResponseError:
            raise Ended("unclear", "ERR") from None
        except RedisError as error:
            raise Ended("unclear", type(error).__name__) from None
