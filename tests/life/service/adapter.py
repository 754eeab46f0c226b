"""An adapter for a service that is a file: its user and its password."""

import json
import os
import pathlib

STATE = pathlib.Path(os.environ["STATE"])


def handler(event, context):
    state = json.loads(STATE.read_text())
    answer = {"version": 1, "outcome": "success"}
    if (event["username"], event["password"]) != (state["user"], state["password"]):
        return {**answer, "outcome": "refused", "code": "WRONG"}
    if event["request"] == "change":
        new = STATE.with_suffix(".new")
        new.write_text(json.dumps({**state, "password": event["new_password"], "settings": event["settings"]}))
        os.replace(new, STATE)
    return answer
