"""The life of a stack with two users, by keyrota's own commands."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field

BOOTSTRAP_ATTEMPTS = 3
BETWEEN_ATTEMPTS = 60
"""Seconds between two attempts, so that a new role has propagated."""
PROPAGATION = 20
"""Seconds until a new user is assumed to be known everywhere."""


@dataclass
class Command:
    """What one command did. `summary` has words of the result that identify nothing."""

    command: str
    exit_code: int
    seconds: float
    summary: str
    stdout: str = field(repr=False, default="")


def users(run):
    """Returns the two users: one that exists before, and one that the stack creates."""
    return run.name("existing"), run.name("created")


def manifest(run):
    """Returns the manifest, as JSON, which is YAML."""
    existing, created = users(run)
    return {
        "version": 1,
        "stack": run.name("stack"),
        "account": run.account_id,
        "region": run.account.region,
        "alarms": {},
        "tags": {"purpose": "keyrota first-run"},
        "access_keys": [
            {"user": existing, "secret": run.name("stack/existing"), "rotate_as": "self"},
            {
                "user": created,
                "secret": run.name("stack/created"),
                "create_user": True,
                "rotate_as": "role",
            },
        ],
    }


def summary(command, exit_code, stdout):
    """Returns a result in words: counts and states, and no name."""
    try:
        result = json.loads(stdout)
    except ValueError:
        return "no JSON" if stdout.strip() else ""
    if "error" in result:
        return f"{result['error'].get('kind')}: {result['error'].get('message')}"
    if command == "doctor" or "findings" in result and exit_code == 3:
        kinds = [each.get("id") or each.get("kind") for each in result.get("findings", [])]
        return f"{len(kinds)} findings: {', '.join(kinds)}" if kinds else "no findings"
    parts = []
    if isinstance(result.get("changes"), list):
        parts.append(f"{len(result['changes'])} changes")
    elif "changes" in result:
        parts.append(f"{result['changes']} changes")
    for name in ("deleted", "retained", "left_over"):
        if name in result:
            parts.append(f"{len(result[name])} {name.replace('_', ' ')}")
    secrets = result.get("secrets", [])
    if secrets and "state" in secrets[0]:
        parts.append("states " + ", ".join(each["state"] for each in secrets))
    elif secrets:
        verified = sum(bool(each.get("verified")) for each in secrets)
        parts.append(f"{verified} of {len(secrets)} verified")
    return ", ".join(parts)


class Keyrota:
    """Runs keyrota's commands, and keeps what each did."""

    def __init__(self, program, path, function_zip, log, profile=None):
        self._program = [program, "--manifest", str(path), "--format", "json"]
        self._profile = ["--profile", profile] if profile else []
        self._zip = ["--function-zip", str(function_zip)] if function_zip else []
        self._log = log
        self.commands = []

    def run(self, command, *arguments, listed=True):
        """Runs a command. Its messages are appended to the log, and the result is returned."""
        if command in ("plan", "bootstrap"):
            arguments = (*self._zip, *arguments)
        call = [*self._program, *self._profile, command, *arguments]
        start = time.monotonic()
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"--- keyrota {command}\n")
            log.flush()
            # Credentials, if they are in the environment, stay there: no secret is an argument.
            ended = subprocess.run(
                call, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                text=True, env=dict(os.environ), check=False,
            )
        seconds = time.monotonic() - start
        shown = " ".join([command, *(each for each in arguments if each.startswith("--"))])
        text = summary(command, ended.returncode, ended.stdout)
        done = Command(shown, ended.returncode, seconds, text, ended.stdout)
        if listed:
            self.commands.append(done)
            print(f"  keyrota {shown}: exit code {done.exit_code}, {seconds:.1f} s, {text}", flush=True)
        return done


def deploy(run, keyrota):
    """Creates the user, and runs the commands up to a second `bootstrap`. Returns whether it stands."""
    existing, created = users(run)
    with run.creating("user", existing):
        run.account.iam.create_user(UserName=existing)
    run.account.iam.get_waiter("user_exists").wait(UserName=existing)
    # One answer that the user exists may come from a place that knows it before others do.
    time.sleep(PROPAGATION)
    keyrota.run("plan")
    for secret in (f"{run.name('stack')}/existing", f"{run.name('stack')}/created"):
        run.ledger.add("stack secret", secret)
    run.ledger.add("stack user", created)
    run.ledger.add("keyrota stack", run.name("stack"))
    for attempt in range(1, BOOTSTRAP_ATTEMPTS + 1):
        done = keyrota.run("bootstrap", "--yes")
        if done.exit_code in (0, 2, 3, 6):
            break
        if attempt < BOOTSTRAP_ATTEMPTS:
            time.sleep(BETWEEN_ATTEMPTS)
    if done.exit_code != 0:
        return False
    run.deployed["bootstrap attempts"] = attempt
    run.deployed["stack"] = json.loads(done.stdout)["stack"]["id"]
    keyrota.run("status")
    keyrota.run("rotate")
    keyrota.run("status")
    keyrota.run("doctor")
    keyrota.run("bootstrap", "--yes")
    return True


def tear_down(run, keyrota):
    """Removes the stack, with the shortest recovery window."""
    done = keyrota.run("teardown", "--yes", "--recovery-window=7")
    run.deployed["teardown"] = done.exit_code
    if done.exit_code == 0:
        for item in [each for each in run.ledger.items if each["kind"] == "keyrota stack"]:
            run.ledger.remove(item)
