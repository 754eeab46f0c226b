"""An SMTP server with TLS and logins, on 127.0.0.1: PORT OPTIONS, in a folder with certificates.

OPTIONS is a JSON file: `implicit` (TLS from the start), `starttls`, `mechanisms` of AUTH, `hangs`,
the `region`, and `keys`, secret access keys by their IDs, which is read at each login. The passwords
are computed from them as AWS publishes it, without keyrota's code.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def options():
    return json.loads(pathlib.Path(sys.argv[2]).read_text())


def password(secret, region):
    """https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html"""
    signature = ("AWS4" + secret).encode()
    for message in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.new(signature, message.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + signature)


def authenticate(_server, _session, _envelope, _mechanism, given):
    now = options()
    print("a login was tried", flush=True)
    secret = now["keys"].get(given.login.decode())
    return AuthResult(
        success=secret is not None and password(secret, now["region"]) == given.password,
        handled=False,
    )


def protocol():
    now = options()
    mechanisms = {"PLAIN", "LOGIN"} - set(now["mechanisms"])
    starttls = tls() if now["starttls"] else None
    return SMTP(
        object(),
        hostname="mail.test",
        tls_context=starttls,
        require_starttls=bool(starttls),
        authenticator=authenticate if now["mechanisms"] else None,
        auth_require_tls=bool(starttls) or not now["implicit"],
        auth_exclude_mechanism=mechanisms,
    )


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    return context


async def silence(_reader, _writer):
    await asyncio.Event().wait()


async def serve():
    now, port = options(), int(sys.argv[1])
    if now["hangs"]:
        server = await asyncio.start_server(silence, "127.0.0.1", port)
    else:
        loop = asyncio.get_running_loop()
        context = tls() if now["implicit"] else None
        server = await loop.create_server(protocol, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


asyncio.run(serve())
