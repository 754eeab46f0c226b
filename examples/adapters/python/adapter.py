"""A Lambda adapter to begin with, for a service with a small HTTPS API.

`POST {url}/login` tries a password, and `POST {url}/password` changes it. Replace `authenticate` and
`change` with what your service needs, and keep the rest.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.request

VERSION = 1
# keyrota's function waits for 20 seconds, the start of this function included.
TIMEOUT_SECONDS = 8
LONGEST_ANSWER = 16 * 1024


def handler(event, context):
    """Answers one request. Lambda calls it.

    Never log the event or an answer of the service: both contain passwords.
    """
    if event.get("version") != VERSION:
        return answer("unclear", "version")
    if event["request"] == "authenticate":
        return authenticate(event)
    if event["request"] == "change":
        return change(event)
    return answer("unclear", "request")


def authenticate(event):
    """Logs in, and changes nothing."""
    status, body = send(
        f"{event['settings']['url']}/login",
        {"user": event["username"], "password": event["password"]},
    )
    if status == 200 and body is not None:
        return answer("success")
    if status == 401:
        return answer("refused", "HTTP 401")
    return no_answer(status)


def change(event):
    """Logs in with the password, and replaces it. keyrota may send the same request again."""
    status, body = send(
        f"{event['settings']['url']}/password",
        {
            "user": event["username"],
            "password": event["password"],
            "new_password": event["new_password"],
        },
    )
    if status == 200 and body is not None:
        return answer("success")
    if status == 401:
        return answer("refused", "HTTP 401")
    if status == 422:
        return answer("password_rejected", "HTTP 422")
    return no_answer(status)


def answer(outcome, code=None):
    response = {"version": VERSION, "outcome": outcome}
    if code:
        response["code"] = code
    return response


def no_answer(status):
    """Everything that the service does not say itself."""
    if status is None:
        return answer("unclear", "no answer")
    if status == "not sent":
        return answer("unreachable", "not sent")
    if status == 503:
        return answer("unreachable", "HTTP 503")
    return answer("unclear", f"HTTP {status}")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could send a password to another host."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),
    urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    NoRedirects(),
)


def send(url, body):
    """Returns the status and the parsed JSON object of the answer.

    The status is None if the service may have carried out the request, and "not sent" if it cannot
    have.
    """
    if not url.startswith("https://"):
        return "not sent", None
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
        method="POST",
    )
    try:
        return exchange(request)
    except urllib.error.URLError as error:
        refused = isinstance(error.reason, (ConnectionRefusedError, ssl.SSLCertVerificationError))
        return ("not sent" if refused else None), None
    except (OSError, http.client.HTTPException):
        # Lambda would log the text of an HTTPException, which repeats what the service sent.
        return None, None


def exchange(request):
    try:
        response = OPENER.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        return response.status, read(response)


def read(response):
    """Returns the answer if it is a JSON object of a sensible length."""
    text = response.read(LONGEST_ANSWER + 1)
    if len(text) > LONGEST_ANSWER:
        return None
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
