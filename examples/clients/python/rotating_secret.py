"""The value of a secret that rotates, from the cache of AWS's library."""

import json

from aws_secretsmanager_caching import SecretCache


class RotatingSecret:
    def __init__(self, secret_id, cache=None):
        self._secret_id = secret_id
        self._cache = cache or SecretCache()

    def read(self):
        """Returns the value from the cache, which asks Secrets Manager once an hour."""
        return json.loads(self._cache.get_secret_string(self._secret_id))

    def newer(self, refused, looks=5):
        """Returns a value that differs from one that was refused, or None if there is none.

        A password works on the server some time before it is in AWSCURRENT, so the first look can come
        too early. This asks Secrets Manager again, and never the server, which may lock an account after
        a few refused logins. The library itself waits for 2.5 to 5 seconds before each look.
        """
        for _ in range(looks):
            self._cache.refresh_secret_now(self._secret_id)
            value = self.read()
            if value != refused:
                return value
        return None
