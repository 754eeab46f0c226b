"""Looks at CloudFormation, with stacks of the run's own that hold next to nothing."""

import json
import time

from first_run.account import ClientError, code, wait_until
from first_run.assumption import NotLookedAt, assumption, seen
from first_run.looks.keys import probe_user

TEXT = "Schlüssel 열쇠 鍵"
EMPTY = {"Type": "AWS::CloudFormation::WaitConditionHandle"}


def template(resources, **given):
    """Returns a template, in ASCII."""
    return json.dumps({"Resources": resources, **given})


def status(run, stack):
    """Returns a stack's status."""
    return run.account.cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]


def wait_for_end(run, stack, seconds=300):
    """Waits for the end of a stack's operation. Returns the status.

    The status can be an older one, so the same end has to be seen several times in a row.
    """
    last = []

    def ended():
        last.append(status(run, stack))
        return len(set(last[-4:])) == 1 and len(last) >= 4 and not last[-1].endswith("_IN_PROGRESS")

    wait_until(ended, seconds, 1)
    return last[-1]


def create_change_set(run, stack, body, kind, name="probe", **given):
    """Creates a change set, and waits for its end. Returns its description."""
    arguments = {"StackName": stack, "ChangeSetName": name}
    run.account.cloudformation.create_change_set(
        **arguments, TemplateBody=body, ChangeSetType=kind, **given
    )
    found = {}

    def ended():
        found.update(run.account.cloudformation.describe_change_set(**arguments))
        return found["Status"] in ("CREATE_COMPLETE", "FAILED")

    wait_until(ended, 180, 2)
    return found


@assumption(
    "Text that is not ASCII comes back as it was sent",
    "it does not: GetTemplate returns `?`; tags and outputs are only reported",
)
def text_not_ascii(run):
    name = run.name("text")
    body = json.dumps(
        {
            "Description": TEXT,
            "Resources": {"Nothing": EMPTY},
            "Outputs": {"Text": {"Value": TEXT}},
        },
        ensure_ascii=False,
    )
    with run.creating("stack", name):
        answer = run.account.cloudformation.create_stack(
            StackName=name, TemplateBody=body, Tags=[{"Key": "text", "Value": "Schlüssel"}]
        )
    run.deployed["text stack"] = answer["StackId"]
    ended = wait_for_end(run, name)
    if ended != "CREATE_COMPLETE":
        raise NotLookedAt(f"the stack ended with {ended}")
    sent_back = run.account.cloudformation.get_template(StackName=name)["TemplateBody"]
    if not isinstance(sent_back, str):
        sent_back = json.dumps(sent_back, ensure_ascii=False)
    stack = run.account.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    found = {
        "GetTemplate": TEXT in sent_back,
        "description": stack.get("Description") == TEXT,
        "output": stack.get("Outputs", [{}])[0].get("OutputValue") == TEXT,
        "tag": stack.get("Tags", [{}])[0].get("Value") == "Schlüssel",
    }
    text = ", ".join(f"{what}: {'kept' if kept else 'lost'}" for what, kept in found.items())
    return seen(not found["GetTemplate"], text)


@assumption(
    "Tags that CloudFormation or IAM refuse are refused offline",
    "CloudFormation refuses a tag with an empty value",
)
def empty_tag(run):
    name = run.name("tag")
    body = template({"Nothing": EMPTY})
    cloudformation = run.account.client("cloudformation", validated=False)
    try:
        with run.creating("stack", name):
            cloudformation.create_change_set(
                StackName=name,
                ChangeSetName="probe",
                ChangeSetType="CREATE",
                TemplateBody=body,
                Tags=[{"Key": "probe", "Value": ""}],
            )
    except ClientError as error:
        return seen(code(error) == "ValidationError", f"refused with {code(error)}")
    return seen(False, "accepted")


@assumption(
    "`bootstrap` executes only the change set that it created, with the template that it rendered",
    "GetTemplate returns the template of a change set, as it was sent",
)
def template_of_change_set(run):
    name = run.name("text")
    if "text stack" not in run.deployed:
        raise NotLookedAt("there is no stack to look at")
    body = template({"Nothing": EMPTY, "Another": EMPTY})
    create_change_set(run, name, body, "UPDATE")
    run.deployed["text change set"] = True
    given = {"StackName": name, "ChangeSetName": "probe", "TemplateStage": "Original"}
    sent_back = run.account.cloudformation.get_template(**given)["TemplateBody"]
    # botocore parses a template that is JSON.
    same = sent_back == body or sent_back == json.loads(body)
    return seen(same, "as it was sent" if same else "differs from what was sent")


@assumption(
    "status of a stack right after a call", "DescribeStacks shows the operation within 5 s"
)
def status_after_execution(run):
    name = run.name("text")
    if "text change set" not in run.deployed:
        raise NotLookedAt("there is no change set to execute")
    cloudformation = run.account.cloudformation
    before = status(run, name)
    cloudformation.execute_change_set(StackName=name, ChangeSetName="probe")
    first = status(run, name)
    seconds = wait_until(lambda: status(run, name) != before, 60, 0.3)
    ended = wait_for_end(run, name)
    if seconds is None:
        return seen(False, f"still {before} after 60 s")
    text = f"first answer {first}, another one than before after {seconds:.1f} s, end {ended}"
    return seen(seconds <= 5, text, seconds)


@assumption(
    "the reason why a change set fails",
    "a change set that would create an existing user fails, and DescribeEvents has the reason",
)
def reason_of_failed_change_set(run):
    name = run.name("exists")
    user = {"Type": "AWS::IAM::User", "Properties": {"UserName": probe_user(run)}}
    with run.creating("stack", name):
        found = create_change_set(
            run, name, template({"User": user}), "CREATE", Capabilities=["CAPABILITY_NAMED_IAM"]
        )
    if found["Status"] != "FAILED":
        return seen(False, f"the change set is {found['Status']}")
    try:
        events = run.account.cloudformation.describe_events(ChangeSetName=found["ChangeSetId"])
    except ClientError as error:
        return seen(False, f"DescribeEvents is refused with {code(error)}")
    kinds = [event.get("EventType", "?") for event in events["OperationEvents"]]
    named = any(event.get("ValidationStatusReason") for event in events["OperationEvents"])
    points = "DescribeEvents" in found.get("StatusReason", "")
    text = f"the change set's reason {'names' if points else 'does not name'} DescribeEvents, "
    text += f"which has {len(kinds)} events ({', '.join(sorted(set(kinds)))}), "
    return seen(points and named, text + ("one with a reason" if named else "none with a reason"))


@assumption(
    "what a failed first creation leaves behind",
    "RetainExceptOnCreate: nothing is left of a secret whose stack cannot be created",
)
def retain_except_on_create(run):
    name = run.name("fails")
    partition = run.account.iam.meta.partition
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    body = template(
        {
            "Secret": {
                "Type": "AWS::SecretsManager::Secret",
                "DeletionPolicy": "RetainExceptOnCreate",
                "Properties": {"Name": name, "GenerateSecretString": {}},
            },
            "Role": {
                "Type": "AWS::IAM::Role",
                "DependsOn": "Secret",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                    # A policy that does not exist makes the creation fail.
                    "PermissionsBoundary": (
                        f"arn:{partition}:iam::{run.account_id}:policy/{run.name('absent')}"
                    ),
                },
            },
        }
    )
    secret = run.ledger.add("secret", name)
    with run.creating("stack", name):
        run.account.cloudformation.create_stack(
            StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"]
        )
    ended = wait_for_end(run, name)
    try:
        left = run.account.secretsmanager.describe_secret(SecretId=name)
    except ClientError as error:
        if code(error) != "ResourceNotFoundException":
            raise
        left = None
    if left is None:
        run.ledger.remove(secret)
    state = "is gone" if left is None else "exists"
    if left and left.get("DeletedDate"):
        state = "is scheduled for deletion"
    return seen(ended == "ROLLBACK_COMPLETE" and state != "exists", f"{ended}; the secret {state}")


@assumption(
    "The resources of a deleted stack are listed for 90 days",
    "ListStackResources with the stack's ID lists them right after the deletion",
)
def resources_of_deleted_stack(run):
    stack = run.deployed.get("text stack")
    if stack is None:
        raise NotLookedAt("there is no stack to look at")
    run.account.cloudformation.delete_stack(StackName=stack)
    wait_until(lambda: status(run, stack) == "DELETE_COMPLETE", 180, 2)
    start = time.monotonic()
    answer = run.account.cloudformation.list_stack_resources(StackName=stack)
    found = [each["ResourceStatus"] for each in answer["StackResourceSummaries"]]
    text = f"{len(found)} resources: {', '.join(sorted(set(found))) or 'none'}"
    return seen("DELETE_COMPLETE" in found, text, time.monotonic() - start)
