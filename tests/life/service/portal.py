"""A service with one user and one password: an HTTPS API that tries a login and changes the
password. Usage: portal.py FOLDER, with server.pem, server.key, and state.json in the folder.

Each change is written to state.json before it is answered. With "reject": N in it, the next N
changes are refused because of the new password.
"""

import http.server
import json
import os
import pathlib
import ssl
import sys
import threading

FOLDER = pathlib.Path(sys.argv[1])
STATE = FOLDER / "state.json"
LOCK = threading.Lock()


def read():
    return json.loads(STATE.read_text())


def write(state):
    new = FOLDER / "state.new"
    new.write_text(json.dumps(state))
    os.replace(new, STATE)


class Portal(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers["content-length"])
        sent = json.loads(self.rfile.read(length))
        with LOCK:
            status, answer = self.answered(sent)
        body = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answered(self, sent):
        state = read()
        if self.headers["x-tenant"] != "4711":
            return 404, {"error": "no_tenant"}
        if (sent["user"], sent["password"]) != (state["user"], state["password"]):
            return 401, {"error": "wrong"}
        if self.path == "/api/login":
            return 200, {"active": True}
        if state.get("reject", 0) > 0:
            write({**state, "reject": state["reject"] - 1})
            return 422, {"error": "weak_password"}
        write({**state, "password": sent["new_password"]})
        return 204, {}

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
