"""Looks at a secret of the run's own."""

import uuid

from first_run.account import ClientError, code, wait_until
from first_run.assumption import assumption, seen


def probe_secret(run):
    """Returns the ARN of the secret that is looked at. Creates it if necessary."""
    if "probe secret" not in run.deployed:
        name = run.name("probe")
        with run.creating("secret", name):
            answer = run.account.secretsmanager.create_secret(
                Name=name, SecretString=run.new_value(), ClientRequestToken=str(uuid.uuid4())
            )
        run.deployed["probe secret"] = answer["ARN"]
    return run.deployed["probe secret"]


def put(run, value, token=None, **given):
    """Stores a value. Returns its version."""
    answer = run.account.secretsmanager.put_secret_value(
        SecretId=probe_secret(run),
        SecretString=value,
        ClientRequestToken=token or str(uuid.uuid4()),
        **given,
    )
    return answer["VersionId"]


def labels(run):
    """Returns the version of each staging label."""
    answer = run.account.secretsmanager.describe_secret(SecretId=probe_secret(run))
    stages = answer.get("VersionIdsToStages", {})
    return {label: version for version, names in stages.items() for label in names}


def refusal(call, **arguments):
    """Returns the code with which AWS refuses a call, or nothing."""
    try:
        call(**arguments)
    except ClientError as error:
        return code(error)
    return None


@assumption(
    "AWSPREVIOUS follows AWSCURRENT; a token takes one value",
    "AWSPREVIOUS moves to the version that AWSCURRENT leaves, for a new value and for a moved label",
)
def previous_follows_current(run):
    first = put(run, run.new_value())
    second = put(run, run.new_value())
    stored = wait_until(
        lambda: labels(run) == {"AWSCURRENT": second, "AWSPREVIOUS": first}, 20
    )
    run.account.secretsmanager.update_secret_version_stage(
        SecretId=probe_secret(run),
        VersionStage="AWSCURRENT",
        MoveToVersionId=first,
        RemoveFromVersionId=second,
    )
    moved = wait_until(lambda: labels(run) == {"AWSCURRENT": first, "AWSPREVIOUS": second}, 20)
    text = [
        f"{what}: {'never' if seconds is None else f'after {seconds:.1f} s'}"
        for what, seconds in (("new value", stored), ("moved label", moved))
    ]
    return seen(None not in (stored, moved), "; ".join(text), moved)


@assumption(
    "AWSPREVIOUS follows AWSCURRENT; a token takes one value",
    "the same value again is accepted, and another one is refused with ResourceExistsException",
)
def token_takes_one_value(run):
    value, token = run.new_value(), str(uuid.uuid4())
    put(run, value, token)
    again = refusal(put, run=run, value=value, token=token)
    other = refusal(put, run=run, value=run.new_value(), token=token)
    text = f"the same value: {again or 'accepted'}; another value: {other or 'accepted'}"
    return seen(again is None and other == "ResourceExistsException", text)


@assumption("Only AWS can write tags that begin with `aws:`", "TagResource refuses the tag")
def aws_tags_refused(run):
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "forged"}]
    given = {"SecretId": probe_secret(run), "Tags": tags}
    error = refusal(run.account.secretsmanager.tag_resource, **given)
    return seen(error is not None, f"refused with {error}" if error else "accepted")


@assumption(
    "A secret can be restored within its recovery window",
    "a deleted secret cannot be read, and has its value again after RestoreSecret",
)
def secret_restored(run):
    manager, arn = run.account.secretsmanager, probe_secret(run)
    before = manager.get_secret_value(SecretId=arn)["SecretString"]
    manager.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    refused = []

    def is_refused():
        refused[:] = [refusal(manager.get_secret_value, SecretId=arn)]
        return refused[0] is not None

    wait_until(is_refused, 20)
    manager.restore_secret(SecretId=arn)

    def is_back():
        if refusal(manager.get_secret_value, SecretId=arn) is not None:
            return False
        return manager.get_secret_value(SecretId=arn)["SecretString"] == before

    seconds = wait_until(is_back, 20)
    text = f"read while deleted: {refused[0] or 'accepted'}; "
    text += "value not restored" if seconds is None else f"value restored after {seconds:.1f} s"
    return seen(refused[0] == "InvalidRequestException" and seconds is not None, text, seconds)
