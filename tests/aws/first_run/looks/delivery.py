"""Looks at what EventBridge, SNS, and Secrets Manager deliver, with a queue of the run's own."""

import json
import time
import uuid

from first_run.account import wait_until
from first_run.assumption import NotLookedAt, assumption, seen
from first_run.looks.secrets import probe_secret, put

SOURCE = "keyrota.first-run"

DELIVERED = 90
"""How many seconds a delivery may take, with the time until a new rule counts."""

NOT_DELIVERED = 20
"""How many seconds without a delivery count as none, after another one arrived."""


def statement(run, service, action, resource, source=None):
    """Returns a statement of a resource policy that lets a service call an action."""
    given = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": action,
        "Resource": resource,
    }
    if source:
        given["Condition"] = {
            "StringEquals": {"aws:SourceAccount": run.account_id},
            "ArnLike": {"aws:SourceArn": source},
        }
    return given


def policy(*statements):
    """Returns a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def queue(run):
    """Returns the URL and the ARN of the queue. Creates it if necessary."""
    if "queue" not in run.deployed:
        name = run.name("probe")
        arn = run.arn("sqs", name)
        topics, rules = run.arn("sns", f"{run.prefix}-*"), run.arn("events", f"rule/{run.prefix}-*")
        permissions = policy(
            statement(run, "sns", "sqs:SendMessage", arn, topics),
            statement(run, "events", "sqs:SendMessage", arn, rules),
        )
        with run.creating("queue", name) as item:
            url = run.account.sqs.create_queue(QueueName=name, Attributes={"Policy": permissions})
            run.ledger.update(item, url=url["QueueUrl"])
        run.deployed["queue"] = url["QueueUrl"], arn
    return run.deployed["queue"]


def receive(run):
    """Receives and deletes what the queue has. Returns the bodies."""
    url, _ = queue(run)
    answer = run.account.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
    )
    messages = answer.get("Messages", [])
    for message in messages:
        run.account.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in messages]


def rule(run, suffix, pattern, targets):
    """Creates a rule with targets, as their ID and ARN and the text that they get."""
    name = run.name(suffix)
    with run.creating("rule", name, targets=[each["Id"] for each in targets]):
        run.account.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    failed = run.account.events.put_targets(Rule=name, Targets=targets)["FailedEntryCount"]
    if failed:
        raise NotLookedAt("EventBridge refuses a target")


def topic(run, suffix, condition):
    """Creates a topic that EventBridge may publish to, with or without a condition."""
    name = run.name(suffix)
    with run.creating("topic", name) as item:
        arn = run.account.sns.create_topic(Name=name)["TopicArn"]
        run.ledger.update(item, arn=arn)
    source = run.arn("events", f"rule/{run.prefix}-*") if condition else None
    allowed = policy(statement(run, "events", "sns:Publish", arn, source))
    run.account.sns.set_topic_attributes(
        TopicArn=arn, AttributeName="Policy", AttributeValue=allowed
    )
    subscribe(run, arn)
    return arn


def subscribe(run, topic_arn):
    """Subscribes the queue to a topic. The subscription ends with the topic."""
    run.account.sns.subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=queue(run)[1],
        Attributes={"RawMessageDelivery": "true"},
    )


@assumption(
    "EventBridge delivers `RotationFailed` to the topic",
    "EventBridge publishes to a topic whose policy has no Condition, and not to one with a Condition",
)
def topic_policy_with_condition(run):
    with_condition = topic(run, "with-condition", True)
    without = topic(run, "without", False)
    targets = [
        {"Id": "with", "Arn": with_condition, "Input": '"with a condition"'},
        {"Id": "without", "Arn": without, "Input": '"without a condition"'},
    ]
    rule(run, "published", {"source": [SOURCE]}, targets)
    arrived, start = {}, time.monotonic()

    def collect():
        # Events are sent again and again, because a new rule counts only after a while.
        entry = {"Source": SOURCE, "DetailType": "probe", "Detail": json.dumps({"id": str(uuid.uuid4())})}
        run.account.events.put_events(Entries=[entry])
        for body in receive(run):
            for target in ("without", "with"):
                if body.strip().strip('"') == f"{target} a condition":
                    arrived.setdefault(target, time.monotonic() - start)
        return "without" in arrived

    wait_until(collect, DELIVERED, 3)
    wait_until(lambda: collect() and "with" in arrived, NOT_DELIVERED, 3)
    text = [
        f"{target} a condition: "
        + (f"after {arrived[target]:.1f} s" if target in arrived else "not delivered")
        for target in ("without", "with")
    ]
    return seen(set(arrived) == {"without"}, "; ".join(text), arrived.get("without"))


@assumption(
    "Secrets Manager sends an event when a label moves",
    "`Secret Label Updated` arrives for AWSCURRENT without CloudTrail, and not for AWSPENDING",
)
def label_event(run):
    arn = probe_secret(run)
    pattern = {
        "source": ["aws.secretsmanager"],
        "detail-type": ["Secret Label Updated"],
        "resources": [arn],
    }
    rule(run, "label", pattern, [{"Id": "queue", "Arn": queue(run)[1]}])
    labels = set()

    def collect():
        for body in receive(run):
            event = json.loads(body)
            if isinstance(event, dict) and event.get("detail-type") == "Secret Label Updated":
                labels.add(event["detail"].get("labelUpdated", "?"))
        return "AWSCURRENT" in labels

    def change_and_collect():
        put(run, run.new_value())
        return bool(wait_until(collect, 15))

    put(run, run.new_value(), VersionStages=["AWSPENDING"])
    seconds = wait_until(change_and_collect, DELIVERED, 1)
    put(run, run.new_value(), VersionStages=["AWSPENDING"])
    wait_until(lambda: collect() and "AWSPENDING" in labels, NOT_DELIVERED)
    text = f"labels with an event: {', '.join(sorted(labels)) or 'none'}"
    return seen(labels == {"AWSCURRENT"}, text, seconds)
