"""Serves Keystone on 127.0.0.1 with TLS, for the tests.

    serve_keystone.py PORT

reads `server.pem` and `server.key` of the current folder, and Keystone's configuration from the folder
in the environment variable OS_KEYSTONE_CONFIG_DIR.
"""

import sys

from keystone.server.wsgi import initialize_public_application
from werkzeug.serving import run_simple

port = int(sys.argv.pop())
run_simple(
    "127.0.0.1",
    port,
    initialize_public_application(),
    threaded=True,
    ssl_context=("server.pem", "server.key"),
)
