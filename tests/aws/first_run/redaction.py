"""Removes from a text what identifies an account, and refuses a text that has a secret."""

import re

ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):[^\s\"'`,;)\]}|]*")
# Access keys, and the unique IDs of users, roles, groups, policies, and the like.
UNIQUE_ID = re.compile(r"\bA(?:KIA|SIA|IDA|ROA|GPA|IPA|NPA|NVA|SCA|CCA|BIA)[A-Z2-7]{12,}\b")
ACCOUNT = re.compile(r"(?<![0-9A-Za-z])[0-9]{12}(?![0-9A-Za-z])")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
# A secret access key has 40 of these characters.
SECRET_KEY = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")


class SecretInText(Exception):
    """A text contains a secret value. The value is not in the message."""


class Redactor:
    """Replaces identifiers by numbered placeholders, the same one for the same identifier."""

    def __init__(self):
        self._names = {}
        self._secrets = set()
        self._placeholders = {}

    def conceal_name(self, name, kind):
        """Registers a name, such as a user's. `kind` is what its placeholder says."""
        if name:
            self._names[name] = kind

    def forbid(self, secret):
        """Registers a secret value, which no text may contain."""
        if secret:
            self._secrets.add(secret)

    def _placeholder(self, kind, value):
        numbered = self._placeholders.setdefault(kind, {})
        return f"<{kind} {numbered.setdefault(value, len(numbered) + 1)}>"

    def redact(self, text):
        """Returns the text without identifiers.

        Raises `SecretInText` if it contains a registered secret.
        """
        if any(secret in text for secret in self._secrets):
            raise SecretInText("a text for the report contains a secret value")
        text = ARN.sub(lambda match: self._placeholder(f"{match[1]} ARN", match[0]), text)
        # The longest first, because one name can begin with another.
        for name in sorted(self._names, key=len, reverse=True):
            whole = re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])")
            text = whole.sub(lambda _, name=name: self._placeholder(self._names[name], name), text)
        for pattern, kind in (
            (UNIQUE_ID, "ID"),
            (EMAIL, "address"),
            (ACCOUNT, "account"),
            (SECRET_KEY, "40 characters"),
        ):
            text = pattern.sub(lambda match, kind=kind: self._placeholder(kind, match[0]), text)
        return text

    def redact_all(self, value):
        """Returns the value with each text in it redacted, keys of mappings included."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(str(key)): self.redact_all(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.redact_all(item) for item in value]
        return value
