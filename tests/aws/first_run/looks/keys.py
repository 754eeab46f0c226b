"""Looks at access keys of a user of the run's own."""

import time
from datetime import datetime, timezone

from first_run.account import REFUSED, ClientError, answers, code, wait_until
from first_run.assumption import NotLookedAt, assumption, seen

IN_A_ROW = 5
"""How many equal answers in a row count as the end of a change."""

LONGEST = 90
"""How many seconds a change of IAM may take. Longer is different from what keyrota expects."""


def probe_user(run):
    """Returns the name of the user whose keys are looked at. Creates it if necessary."""
    name = run.name("probe")
    if not any(item["kind"] == "user" and item["name"] == name for item in run.ledger.items):
        with run.creating("user", name):
            run.account.iam.create_user(UserName=name)
        run.redactor.conceal_name(name, "user")
        run.account.iam.get_waiter("user_exists").wait(UserName=name)
    return name


def new_key(run):
    """Returns a new access key of the user. It is deleted with its user."""
    key = run.account.iam.create_access_key(UserName=probe_user(run))["AccessKey"]
    run.redactor.forbid(key["SecretAccessKey"])
    return key


def settle(key, run, accepted):
    """Asks with a key until the answer is the expected one several times in a row.

    Returns the time of the first such answer, that of the last other one (both in seconds, or
    nothing), the codes of all refusals, and whether the answer was stable within `LONGEST`.
    """
    client = run.account.client("sts", key)
    start, first, last_other, in_a_row, codes = time.monotonic(), None, None, 0, set()
    while time.monotonic() - start < LONGEST and in_a_row < IN_A_ROW:
        error = answers(client)
        now = time.monotonic() - start
        codes.update({error} - {None})
        if (error is None) == accepted:
            first = now if first is None else first
            in_a_row += 1
        else:
            last_other, in_a_row = now, 0
        time.sleep(0.5)
    return first, last_other, codes, in_a_row == IN_A_ROW


def described(first, last_other, codes):
    """Returns what `settle` has seen, in words."""
    first = "never" if first is None else f"first after {first:.1f} s"
    last = "no other answer" if last_other is None else f"last other answer after {last_other:.1f} s"
    return f"{first}; {last}; codes of refusals: {', '.join(sorted(codes)) or 'none'}"


@assumption(
    "A new key is accepted within seconds, and the function waits for it",
    f"within {LONGEST} s; until then InvalidClientTokenId",
)
def new_key_accepted(run):
    key = run.deployed["probe key"] = new_key(run)
    first, last_other, codes, stable = settle(key, run, accepted=True)
    text = described(first, last_other, codes)
    return seen(stable and codes <= REFUSED, text, last_other or first)


@assumption("IAM is eventually consistent", f"ListAccessKeys shows a new key within {LONGEST} s")
def new_key_listed(run):
    key = run.deployed["second key"] = new_key(run)
    user = probe_user(run)

    def listed():
        keys = run.account.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        return key["AccessKeyId"] in [each["AccessKeyId"] for each in keys]

    seconds = wait_until(listed, LONGEST, 0.5)
    if seconds is None:
        return seen(False, f"not within {LONGEST} s")
    return seen(True, f"after {seconds:.1f} s", seconds)


def last_used(run, key):
    """Returns when IAM says that a key was last used, or nothing."""
    answer = run.account.iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    return answer["AccessKeyLastUsed"].get("LastUsedDate")


@assumption(
    "An old key is not removed while a client uses it (`hold_if_used_within`)",
    "GetAccessKeyLastUsed reports the first use within 20 minutes, to the minute or better",
)
def first_use_recorded(run):
    key = run.deployed.get("probe key")
    if key is None:
        raise NotLookedAt("there is no key to look at")
    limit = 1200 if run.slow else 60
    seconds = wait_until(lambda: last_used(run, key), limit, 2 if limit == 60 else 15)
    if seconds is None and not run.slow:
        raise NotLookedAt(f"not reported within {limit} s; --slow waits 20 minutes")
    if seconds is None:
        return seen(False, f"not reported within {limit} s")
    reported = last_used(run, key)
    age = (datetime.now(timezone.utc) - reported).total_seconds()
    text = f"reported after {seconds:.0f} s; its seconds are :{reported.second:02}"
    return seen(age < limit + 180, text, seconds)


@assumption(
    "An old key is not removed while a client uses it (`hold_if_used_within`)",
    "a second use within 15 minutes of the first is not reported (--slow)",
)
def second_use_recorded(run):
    if not run.slow:
        raise NotLookedAt("takes 25 minutes; --slow looks at it")
    key = run.deployed.get("probe key")
    before = key and last_used(run, key)
    if before is None:
        raise NotLookedAt("the first use was not reported")
    time.sleep(300)
    answers(run.account.client("sts", key))
    seconds = wait_until(lambda: last_used(run, key) > before, 1200, 15)
    if seconds is None:
        return seen(True, "a use 5 minutes after the first is not reported within 20 minutes")
    later = (last_used(run, key) - before).total_seconds()
    return seen(False, f"reported after {seconds:.0f} s, as {later:.0f} s after the first", seconds)


@assumption("IAM is eventually consistent", f"a deactivated key is refused within {LONGEST} s")
def inactive_key_refused(run):
    key = run.deployed.get("probe key")
    if key is None:
        raise NotLookedAt("there is no key to look at")
    run.account.iam.update_access_key(
        UserName=probe_user(run), AccessKeyId=key["AccessKeyId"], Status="Inactive"
    )
    first, last_other, codes, stable = settle(key, run, accepted=False)
    return seen(stable and codes <= REFUSED, described(first, last_other, codes), last_other or first)


@assumption("IAM is eventually consistent", f"a deleted key is refused within {LONGEST} s")
def deleted_key_refused(run):
    key = run.deployed.get("second key")
    if key is None:
        raise NotLookedAt("there is no key to look at")
    run.account.iam.delete_access_key(UserName=probe_user(run), AccessKeyId=key["AccessKeyId"])
    first, last_other, codes, stable = settle(key, run, accepted=False)
    return seen(stable and codes <= REFUSED, described(first, last_other, codes), last_other or first)


@assumption(
    "Tags that CloudFormation or IAM refuse are refused offline",
    "IAM refuses two tag keys that differ only in case",
)
def tag_keys_that_differ_in_case(run):
    tags = [{"Key": "probe", "Value": "1"}, {"Key": "Probe", "Value": "2"}]
    try:
        run.account.iam.tag_user(UserName=probe_user(run), Tags=tags)
    except ClientError as error:
        return seen(code(error) != "AccessDenied", f"refused with {code(error)}")
    return seen(False, "accepted")
