"""Creates a user on a devpi-server at 127.0.0.1, for the tests.

    prepare_devpi.py PORT USER

reads the password from standard input.
"""

import json
import sys
import urllib.request

port, user = sys.argv[1:3]
request = urllib.request.Request(
    f"http://127.0.0.1:{port}/{user}",
    data=json.dumps({"password": sys.stdin.read()}).encode(),
    headers={"content-type": "application/json", "accept": "application/json"},
    method="PUT",
)
try:
    urllib.request.urlopen(request).close()
except urllib.error.HTTPError as error:
    # The user exists after a restart.
    if error.code != 409:
        raise
