"""What all looks share: the account, the names, and the record of what exists."""

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from first_run.account import Account, ClientError, code
from first_run.ledger import Ledger
from first_run.redaction import Redactor


@dataclass
class Run:
    """One run. Every name that it creates begins with `prefix`."""

    prefix: str
    account: Account
    account_id: str
    ledger: Ledger
    redactor: Redactor
    folder: Path
    local: bool
    slow: bool
    deployed: dict = field(default_factory=dict)
    """What is known of the deployment: its stack's ID, and the results of commands."""

    def name(self, suffix):
        """Returns a name of this run."""
        return f"{self.prefix}-{suffix}"

    def arn(self, service, resource):
        """Returns an ARN of this account and Region."""
        partition = self.account.iam.meta.partition
        return f"arn:{partition}:{service}:{self.account.region}:{self.account_id}:{resource}"

    def new_value(self):
        """Returns a random value for a secret. The report can never contain it."""
        value = json.dumps({"probe": secrets.token_urlsafe(24)})
        self.redactor.forbid(json.loads(value)["probe"])
        return value

    @contextmanager
    def creating(self, kind, name, **details):
        """Records an item while it is created. It is forgotten if AWS refuses to create it.

        An error of the server, and an item that exists already, leave open whether an earlier
        attempt created it. The name is of this run alone, so the clean-up can delete it.
        """
        item = self.ledger.add(kind, name, **details)
        try:
            yield item
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status < 500 and "AlreadyExists" not in code(error):
                self.ledger.remove(item)
            raise
