"""Runs `adapter.handler` against a host of Lambda's Runtime API on this machine, as Lambda's Python
runtime does. It is for `keyrota adapter test` only, and is not deployed.
"""

import json
import os
import urllib.request

from adapter import handler

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def post(path, body):
    request = urllib.request.Request(f"{API}/{path}", data=json.dumps(body).encode())
    urllib.request.urlopen(request).close()


while True:
    with urllib.request.urlopen(f"{API}/next") as invocation:
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(invocation)
    try:
        answer = handler(event, None)
    except Exception as error:
        # The error's text may repeat the event.
        post(f"{request_id}/error", {"errorType": type(error).__name__})
        continue
    post(f"{request_id}/response", answer)
