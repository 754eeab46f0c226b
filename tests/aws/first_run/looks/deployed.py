"""Looks at the stack that keyrota deployed, and at what is left after its teardown."""

import json

from first_run.account import ClientError, code, wait_until
from first_run.assumption import NotLookedAt, assumption, seen
from first_run.looks import delivery
from first_run.looks.stacks import status

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
CLOUDFORMATION = "aws:cloudformation:stack-id"


def resources(run):
    """Returns the stack's resources, by logical ID: the type and the physical ID."""
    stack = run.deployed.get("stack")
    if stack is None:
        raise NotLookedAt("no stack was deployed")
    pages = run.account.cloudformation.get_paginator("list_stack_resources")
    return {
        each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for page in pages.paginate(StackName=stack)
        for each in page["StackResourceSummaries"]
    }


def of_type(run, kind):
    """Returns the physical IDs of the stack's resources of a type."""
    return [name for each, name in resources(run).values() if each == kind]


def logged(run):
    """Returns the function's log as objects. Lines that are no JSON are left out."""
    lines = []
    for group in of_type(run, "AWS::Logs::LogGroup"):
        pages = run.account.logs.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group):
            for event in page["events"]:
                try:
                    line = json.loads(event["message"])
                except ValueError:
                    continue
                if isinstance(line, dict):
                    lines.append(line)
    return lines


@assumption(
    "Secrets Manager calls the four steps, and calls a failed one again",
    "each rotation writes lines for createSecret first and finishSecret last",
    "deployed",
)
def four_steps(run):
    secrets = {}

    def complete():
        secrets.clear()
        for line in logged(run):
            if line.get("step") in STEPS and line.get("secret"):
                secrets.setdefault(line["secret"], []).append(line["step"])
        return secrets and all(set(steps) >= set(STEPS[::3]) for steps in secrets.values())

    seconds = wait_until(complete, 120, 5)
    orders = []
    for steps in secrets.values():
        order = [step for at, step in enumerate(steps) if at == 0 or steps[at - 1] != step]
        orders.append(" → ".join(order))
    if not orders:
        raise NotLookedAt("the function's log has no steps")
    return seen(seconds is not None, "; ".join(orders), seconds)


@assumption(
    "A configuration test gets a version whose content is not specified",
    "the function recognises it (`test of the configuration`), and no step fails",
    "deployed",
)
def configuration_test(run):
    lines = logged(run)
    decisions = [
        line.get("reason", "?")
        for line in lines
        if line.get("decision") == "test of the configuration"
    ]
    errors = [
        f"{line['errorType']} in {line.get('step', 'no step')}"
        for line in lines
        if line.get("errorType")
    ]
    text = f"{len(decisions)} tests: {', '.join(sorted(set(decisions))) or 'none was logged'}; "
    text += f"errors in the log: {', '.join(sorted(set(errors))) or 'none'}"
    return seen(not errors, text)


@assumption(
    "CloudFormation puts its tags on secrets",
    "secrets have them; IAM users, roles, and KMS keys do not",
    "deployed",
)
def cloudformation_tags(run):
    iam, found = run.account.iam, {}
    listings = {
        "AWS::SecretsManager::Secret": lambda name: run.account.secretsmanager.describe_secret(
            SecretId=name
        ),
        "AWS::IAM::User": lambda name: iam.list_user_tags(UserName=name),
        "AWS::IAM::Role": lambda name: iam.list_role_tags(RoleName=name),
    }
    for kind, listing in listings.items():
        tags = [
            {tag["Key"] for tag in listing(name).get("Tags", [])} for name in of_type(run, kind)
        ]
        found[kind] = sum(CLOUDFORMATION in keys for keys in tags), len(tags)
    text = ", ".join(f"{kind}: {tagged} of {count}" for kind, (tagged, count) in found.items())
    tagged, count = found.pop("AWS::SecretsManager::Secret")
    return seen(tagged == count and not any(each for each, _ in found.values()), text)


@assumption(
    "a role that is created and used at once",
    "the first attempt of `bootstrap` succeeds",
    "deployed",
)
def role_used_at_once(run):
    attempts = run.deployed.get("bootstrap attempts")
    if attempts is None:
        raise NotLookedAt("`bootstrap` did not succeed")
    return seen(attempts == 1, f"`bootstrap` succeeded at attempt {attempts}")


@assumption(
    "A failed rotation raises an alarm",
    f"an alarm's message arrives at the stack's topic within {delivery.DELIVERED} s",
    "deployed",
)
def alarm_delivered(run):
    topics = of_type(run, "AWS::SNS::Topic")
    alarms = of_type(run, "AWS::CloudWatch::Alarm")
    if not topics or not alarms:
        raise NotLookedAt("the stack has no alarm")
    delivery.subscribe(run, topics[0])
    set_state = {"AlarmName": alarms[0], "StateReason": "keyrota first-run"}
    run.account.cloudwatch.set_alarm_state(**set_state, StateValue="OK")
    run.account.cloudwatch.set_alarm_state(**set_state, StateValue="ALARM")
    bodies = []

    def arrived():
        bodies.extend(delivery.receive(run))
        return any(alarms[0] in body for body in bodies)

    seconds = wait_until(arrived, delivery.DELIVERED)
    run.account.cloudwatch.set_alarm_state(**set_state, StateValue="OK")
    text = "no message" if seconds is None else f"after {seconds:.1f} s"
    return seen(seconds is not None, text, seconds)


@assumption(
    "A failed rotation raises an alarm",
    "CloudWatch makes metrics of the function's log, in the namespace `keyrota`",
    "deployed",
)
def metric_from_log(run):
    if run.local:
        raise NotLookedAt("the local AWS makes no metrics of a log")
    functions = of_type(run, "AWS::Lambda::Function")
    dimensions = [{"Name": "FunctionName", "Value": functions[0]}]
    names = set()

    def listed():
        answer = run.account.cloudwatch.list_metrics(Namespace="keyrota", Dimensions=dimensions)
        names.update(each["MetricName"] for each in answer["Metrics"])
        return names

    # The sweep runs hourly, and writes them. A new metric is listed after up to 15 minutes.
    seconds = wait_until(listed, 4800 if run.slow else 60, 30)
    if seconds is None and not run.slow:
        raise NotLookedAt("none within 60 s; --slow waits for the hourly sweep")
    return seen(seconds is not None, f"metrics: {', '.join(sorted(names)) or 'none'}", seconds)


@assumption(
    "`LastRotatedDate` while rotation is off", "DescribeSecret returns none", "deployed"
)
def last_rotated_while_off(run):
    secrets = of_type(run, "AWS::SecretsManager::Secret")
    if not secrets:
        raise NotLookedAt("the stack has no secret")
    # The teardown cancels the rotation in any case.
    describe = run.account.secretsmanager.describe_secret
    before = describe(SecretId=secrets[0]).get("LastRotatedDate")
    run.account.secretsmanager.cancel_rotate_secret(SecretId=secrets[0])
    after = describe(SecretId=secrets[0]).get("LastRotatedDate")
    text = f"rotation on: {'a date' if before else 'none'}; off: {'a date' if after else 'none'}"
    return seen(bool(before) and not after, text)


@assumption(
    "It deletes only what the stack lists, or secrets that carry CloudFormation's own tag",
    "after `teardown`, the stack is deleted, and its secrets are scheduled for deletion",
    "torn down",
)
def nothing_left(run):
    states = []
    for item in [each for each in run.ledger.items if each["kind"] == "stack secret"]:
        try:
            answer = run.account.secretsmanager.describe_secret(SecretId=item["name"])
            states.append("scheduled for deletion" if answer.get("DeletedDate") else "exists")
        except ClientError as error:
            states.append(code(error))
    given = run.deployed.get("stack")
    if given is None or run.deployed.get("teardown") != 0:
        raise NotLookedAt("`teardown` did not succeed")
    # The status can be an older one.
    seconds = wait_until(lambda: status(run, given) == "DELETE_COMPLETE", 60)
    text = f"stack: {'not ' if seconds is None else ''}deleted; secrets: {', '.join(states)}"
    return seen(seconds is not None and set(states) == {"scheduled for deletion"}, text)
