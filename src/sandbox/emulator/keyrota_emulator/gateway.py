"""Admission: which requests are served at all. No service acts on an unsigned request.

Every process of this machine, and every page that a browser shows, can reach a port of
127.0.0.1. Therefore a request is refused here, before ministack sees it,

* if its ``Host`` is not this machine's loopback: a page whose own name resolves to
  127.0.0.1 (DNS rebinding) sends that name. The port is not checked, since a proxy
  before the emulator has another one, and the forged name reveals such a page;
* if it has a header that only browsers send for a page (``Origin``, ``Sec-Fetch-Site``), or is
  a preflight. No response has a CORS header;
* if it is not signed in its ``Authorization`` header with SigV4. ministack checks that
  signature, root's like any other; presigned URLs are refused, since nothing needs them;
* if its path is one of ministack's own (they begin with ``/_``), except for the health, which
  reveals nothing, and for what only root may request: the reset, advancing virtual time, and
  making an access key older.

What ministack serves without credentials (function URLs, websites in S3, OAuth, load
balancers, downloads, messages that were sent) is disabled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, quote

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.core.router import extract_access_key_id

from . import clock, keys, lag, loopback, trail
from .replaced import put

HEALTH = "/_ministack/health"
RESET = "/_ministack/reset"
ADVANCE = "/_ministack/advance"
AGE = "/_ministack/age"

_SIGNED = b"AWS4-HMAC-SHA256 "
_SIGNED_IN_QUERY = ("x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[..., Awaitable[Any]]


def install() -> None:
    """Disables what ministack serves without credentials."""
    put(app, "_handle_pre_body_request", _serve_nothing)
    put(app, "_handle_post_body_shortcuts", _serve_nothing)
    put(app, "_handle_special_data_plane_request", _serve_nothing)
    for service, handler in app.SERVICE_HANDLERS.items():
        app.SERVICE_HANDLERS[service] = _signed_only(handler)


def guarded(application: Application) -> Application:
    """Returns an application that receives only admitted requests."""

    async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] != "http":
            # In ASGI, a handshake is refused by closing it before it is accepted.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == HEALTH and scope["method"] == "GET":
            await _answer(send, *(_foreign(scope) or (200, "{}")))
        elif refused := _foreign(scope) or _unsigned(scope):
            await _answer(send, *refused)
        elif scope["path"] in (RESET, ADVANCE, AGE) and scope["method"] == "POST":
            await _answer(send, *await _control(scope))
        elif scope["path"].startswith("/_"):
            await _answer(send, 403, "This path is not served.")
        else:
            lag.begin_request()
            trail.begin_request(scope["headers"])
            await application(scope, receive, _without_cors(send))
            lag.look()

    return gateway


def _foreign(scope: Scope) -> tuple[int, str] | None:
    """Returns why a request does not come from a program on this machine."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
    ]
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not loopback.is_named(hosts[0]):
        return 403, "The Host header does not name 127.0.0.1, localhost, or [::1]."
    if any(name in loopback.OF_BROWSERS for name, _ in headers) or scope["method"] == "OPTIONS":
        return 403, "Requests of web pages are not served."
    return None


def _unsigned(scope: Scope) -> tuple[int, str] | None:
    """Returns why a request is not signed in the supported way."""
    headers = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    if any(name.lower() in _SIGNED_IN_QUERY for name in query):
        return 403, "Presigned requests are not served."
    if len(headers) != 1 or not headers[0].startswith(_SIGNED):
        return 403, "Missing Authentication Token: sign the request with SigV4."
    return None


async def _control(scope: Scope) -> tuple[int, str]:
    """Carries out root's request to the emulator itself. The request has no body."""
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    headers = scope["headers"]
    query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    iam_evaluator.pin_signed_request("POST", raw_path.decode("latin-1"), query, headers)
    iam_evaluator.pin_signed_body(b"")
    authorization = next(value for name, value in headers if name.lower() == b"authorization")
    key_id = extract_access_key_id({"authorization": authorization.decode("latin-1")})
    caller = iam_evaluator.authenticate(key_id, get_account_id())
    if getattr(caller, "principal_type", None) != "Root":
        return 403, "Only root may ask for this."
    if scope["path"] == ADVANCE:
        return _advance(query.get("seconds", [""])[0])
    if scope["path"] == AGE:
        return _age(query.get("key", [""])[0], query.get("seconds", [""])[0])
    await app._handle_admin_reset(RESET, "POST", {})
    lag.settle()
    return 200, "{}"


def _age(key_id: str, text: str) -> tuple[int, str]:
    """Makes an access key older."""
    if not text.isdecimal():
        return 400, "Say by how much: ?key=ID&seconds=N."
    if not keys.age(key_id, int(text)):
        return 400, "There is no such key."
    return 200, "{}"


def _advance(text: str) -> tuple[int, str]:
    """Lets virtual time pass."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        return 400, "Say for how long: ?seconds=N."
    lag.look()
    if not clock.advance(seconds):
        return 400, "Time is real here. Start the emulator with --strict."
    return 200, "{}"


async def _serve_nothing(*_: Any, **__: Any) -> None:
    """Replaces ministack's routes that need no credentials."""
    return None


def _signed_only(handler: Handler) -> Handler:
    """Lets a service act only if the request's signature was verified."""

    async def handle(*arguments: Any) -> Any:
        if not iam_evaluator._verified_key.get():
            text = b"The request's signature has not been checked."
            return 403, {"Content-Type": "text/plain"}, text
        return await handler(*arguments)

    return handle


def _without_cors(send: Send) -> Send:
    async def send_without_cors(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [
                (name, value)
                for name, value in message.get("headers", [])
                if not name.lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": headers}
        await send(message)

    return send_without_cors


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"application/json" if status == 200 else b"text/plain"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
