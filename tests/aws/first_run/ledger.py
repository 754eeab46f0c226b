"""The record of what the run creates, in a file, so that an interrupted run can be cleaned up."""

import json
import os


class Ledger:
    """A list of what exists because of this run, newest last.

    An item is recorded before it is created, so that no interruption loses it.
    """

    def __init__(self, path, prefix, account, region):
        self._path = path
        self.prefix = prefix
        self.account = account
        self.region = region
        self.items = []

    @classmethod
    def load(cls, path):
        """Returns the ledger of an earlier run."""
        content = json.loads(path.read_text(encoding="utf-8"))
        ledger = cls(path, content["prefix"], content["account"], content["region"])
        ledger.items = content["items"]
        return ledger

    def add(self, kind, name, **details):
        """Records what is about to be created. Its name must begin with the prefix."""
        if not name.startswith(self.prefix):
            raise ValueError(f"the name of a {kind} does not begin with the run's prefix")
        item = {"kind": kind, "name": name, **details}
        self.items.append(item)
        self._write()
        return item

    def update(self, item, **details):
        """Adds to an item what only its creation tells, such as a URL."""
        item.update(details)
        self._write()

    def remove(self, item):
        """Forgets an item: it was deleted, or was never created."""
        self.items.remove(item)
        self._write()

    def _write(self):
        content = {
            "prefix": self.prefix,
            "account": self.account,
            "region": self.region,
            "items": self.items,
        }
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, self._path)
