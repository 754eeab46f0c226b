"""The command line: asks, runs, cleans up, and writes the report."""

import argparse
import json
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import botocore
from botocore.exceptions import BotoCoreError, ClientError

import first_run.looks  # noqa: F401  registers the assumptions
from first_run import cleanup, lifecycle, report
from first_run.account import Account, code
from first_run.assumption import ASSUMPTIONS, FAILED, NOT_LOOKED_AT, PHASES, NotLookedAt, Seen
from first_run.ledger import Ledger
from first_run.redaction import Redactor
from first_run.run import Run

PREFIX = "keyrota-first-run"

QUESTION = """\
This runs keyrota once in the following account, for about {minutes} minutes.

  account   {account}{local}
  Region    {region}
  caller    {caller}

It creates the following, each with a name that begins with {prefix}, and deletes it at the end:

  3 IAM users with up to two access keys each, without permissions but on their own keys
  1 CloudFormation stack of keyrota: a function, its role, 2 secrets, alarms, a topic, rules,
    a log group, and a bucket for the function's zip file
  2 secrets, 4 small stacks, 2 topics, 1 queue, and 2 rules to look at

It costs less than 0.10 USD. It changes nothing else, sends nothing to anyone, and writes its files
to {folder}.
"""


def parse(arguments):
    """Returns the options."""
    parser = argparse.ArgumentParser(
        prog="first-run",
        description="Runs keyrota once in an AWS account, and reports where AWS differs from what "
        "keyrota expects. Exits with 0 if everything was run and removed, 1 if not, 2 if the command "
        "line is invalid, 6 if it was declined, and 130 if it was interrupted.",
    )
    parser.add_argument("--keyrota", default="keyrota", help="the program (default: in PATH)")
    parser.add_argument("--function-zip", type=Path, help="the function, from `keyrota bundle`")
    parser.add_argument("--profile", help="profile of the AWS configuration files")
    parser.add_argument("--region", help="AWS Region")
    parser.add_argument("--output", type=Path, help="folder to create for the report")
    parser.add_argument("--slow", action="store_true", help="also look at what takes up to 2 hours")
    parser.add_argument("--yes", action="store_true", help="skip the confirmation prompt")
    parser.add_argument(
        "--clean-up", type=Path, metavar="FOLDER", help="only delete what an earlier run left"
    )
    return parser.parse_args(arguments)


def confirmed(text):
    """Asks for confirmation. Returns whether the answer is yes."""
    print(text)
    if not sys.stdin.isatty():
        print("There is no terminal to ask. Use --yes to skip the confirmation.", file=sys.stderr)
        return False
    return input("Continue? Type yes: ").strip() == "yes"


def look(run, assumption):
    """Returns what is seen of an assumption. An error is a result too."""
    try:
        return assumption.look(run)
    except NotLookedAt as reason:
        return Seen(NOT_LOOKED_AT, str(reason))
    except ClientError as error:
        if code(error) in ("AccessDenied", "AccessDeniedException", "AuthorizationError"):
            return Seen(NOT_LOOKED_AT, f"{error.operation_name} is denied")
        return Seen(FAILED, f"{error.operation_name} was refused with {code(error)}")
    except (BotoCoreError, LookupError, ValueError, TypeError) as error:
        return Seen(FAILED, f"{type(error).__name__}: {error}")


def look_at_all(run, phase, results):
    """Looks at the assumptions of a phase."""
    for each in ASSUMPTIONS:
        if each.phase == phase:
            results[each.name] = result = look(run, each)
            print(f"  {each.name}: {result.verdict}: {result.text}", flush=True)


def carry_out(run, keyrota, results):
    """Runs everything, in order."""
    print("Assumptions that need no keyrota")
    look_at_all(run, PHASES[0], results)
    print("The life of a stack")
    stands = lifecycle.deploy(run, keyrota)
    if stands:
        look_at_all(run, PHASES[1], results)
        lifecycle.tear_down(run, keyrota)
        look_at_all(run, PHASES[2], results)
    return stands and run.deployed.get("teardown") == 0


def interrupt(*_):
    """Makes a termination signal end the run like Ctrl-C, with the clean-up."""
    raise KeyboardInterrupt


def prepare(options, account, identity, prefix, folder):
    """Returns the run, in a new folder."""
    folder.mkdir(parents=True)
    redactor = Redactor()
    caller = account.credentials()
    redactor.forbid(caller.secret_key)
    redactor.forbid(caller.token)
    redactor.conceal_name(identity["Arn"].rpartition("/")[2], "caller")
    redactor.conceal_name(options.profile, "profile")
    ledger = Ledger(folder / "ledger.json", prefix, identity["Account"], account.region)
    run = Run(
        prefix, account, identity["Account"], ledger, redactor, folder,
        local=account.endpoint() is not None, slow=options.slow,
    )
    for name in lifecycle.users(run):
        redactor.conceal_name(name, "user")
    text = json.dumps(lifecycle.manifest(run), indent=2) + "\n"
    (folder / "keyrota.yaml").write_text(text, encoding="utf-8")
    return run


def program(options):
    """Returns the path of keyrota. Exits if it is not found."""
    found = shutil.which(options.keyrota)
    if found is None:
        sys.exit(f"{options.keyrota} is not found: name it with --keyrota")
    return str(Path(found).absolute())


def keyrota_in(folder, options):
    """Returns what runs keyrota with the manifest of a folder."""
    path, log = folder / "keyrota.yaml", folder / "keyrota.log"
    return lifecycle.Keyrota(program(options), path, options.function_zip, log, options.profile)


def clean_up_only(options, account, identity):
    """Deletes what an earlier run left. Returns the exit code."""
    folder = options.clean_up
    ledger = Ledger.load(folder / "ledger.json")
    if (ledger.account, ledger.region) != (identity["Account"], account.region):
        sys.exit("that run was in another account or Region")
    if not ledger.prefix.startswith(PREFIX):
        sys.exit("the ledger is not one of first-run")
    names = "\n".join(f"  {item['kind']} {item['name']}" for item in ledger.items)
    if not ledger.items:
        print("Nothing is left.")
        return 0
    if not options.yes and not confirmed(f"This deletes:\n{names}"):
        return 6
    left = cleanup.clean_up(account, ledger, keyrota_in(folder, options))
    cleanup.say_what_is_left([item for item, _ in left], folder)
    return 1 if left else 0


def main(arguments):
    """Runs the script. Returns the exit code."""
    options = parse(arguments)
    try:
        account = Account(options.profile, options.region)
        if account.region is None:
            sys.exit("no Region: use --region, or set AWS_REGION")
        identity = account.sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"cannot find out who calls: {error}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    if options.clean_up:
        return clean_up_only(options, account, identity)
    prefix = f"{PREFIX}-{secrets.token_hex(3)}"
    folder = (options.output or Path(prefix)).absolute()
    if folder.exists():
        sys.exit(f"{folder} exists")
    endpoint = account.endpoint()
    question = QUESTION.format(
        minutes=120 if options.slow else 15,
        account=identity["Account"],
        local=f" (local AWS at {endpoint})" if endpoint else "",
        region=account.region,
        caller=identity["Arn"],
        prefix=prefix,
        folder=folder,
    )
    path = program(options)
    if options.yes:
        print(question)
    elif not confirmed(question):
        return 6
    run = prepare(options, account, identity, prefix, folder)
    return conduct(run, keyrota_in(folder, options), path)


def conduct(run, keyrota, path):
    """Runs, cleans up whatever happens, and writes the report. Returns the exit code."""
    started, start = datetime.now(timezone.utc), time.monotonic()
    results, left, end = {}, [], "stopped by an error"
    try:
        end = "complete" if carry_out(run, keyrota, results) else "keyrota failed"
    except KeyboardInterrupt:
        end = "interrupted"
        print("\nInterrupted. Cleaning up; interrupt again to stop.", file=sys.stderr)
    except ClientError as error:
        end = f"{error.operation_name} was refused with {code(error)}"
    finally:
        try:
            print("Clean-up", flush=True)
            left = cleanup.clean_up(run.account, run.ledger, keyrota)
        except KeyboardInterrupt:
            left = [(item, "the clean-up was interrupted") for item in run.ledger.items]
        cleanup.say_what_is_left([item for item, _ in left], run.folder)
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    heading = {
        "account": "local AWS" if run.local else "AWS",
        "region": run.account.region,
        "keyrota": version.stdout.strip(),
        "botocore": botocore.__version__,
        "python": platform.python_version(),
        "started": started.strftime("%Y-%m-%dT%H:%MZ"),
        "minutes": round((time.monotonic() - start) / 60, 1),
        "end": end,
    }
    absent = Seen(NOT_LOOKED_AT, f"the run ended before: {end}")
    looks = [(each, results.get(each.name, absent)) for each in ASSUMPTIONS]
    content = report.collect(heading, keyrota.commands, looks, run.account, left)
    for written in report.write(run.folder, content, run.redactor):
        print(written)
    if end == "interrupted":
        return 130
    failed = any(result.verdict == FAILED for _, result in looks)
    return 1 if left or failed or end != "complete" else 0
