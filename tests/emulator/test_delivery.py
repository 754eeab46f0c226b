"""EventBridge: Secrets Manager's events, and what reaches a target."""

from __future__ import annotations

import datetime
import json
import time
import unittest
import uuid
from typing import Any

from local_aws import ACCOUNT, REGION, eventually, zipped
from rotating import RotatingTest

CONDITIONS = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnEquals": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/test"},
}

RECORDER = """
import os, pathlib

def handler(event, context):
    pathlib.Path(os.environ["RECORD"]).touch()
"""


def statement(**more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        **more,
    }


class DeliveryTest(RotatingTest):
    def setUp(self) -> None:
        super().setUp()
        self.bus, self.queues = self.client("events"), self.client("sqs")
        self.topics = self.client("sns")
        self.name = f"t-{uuid.uuid4().hex[:8]}"

    def queue(self) -> tuple[str, str]:
        """Creates a queue that anybody may send to, and returns its URL and ARN."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**anybody, "Resource": arn}]}
        created = self.queues.create_queue(
            QueueName=self.name, Attributes={"Policy": json.dumps(policy)}
        )
        return created["QueueUrl"], arn

    def received(self, url: str) -> list[dict[str, Any]]:
        messages = self.queues.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [json.loads(it["Body"]) for it in messages.get("Messages", [])]

    def send_to(self, target: str, **more: str) -> None:
        """Sends an event by way of the rule `test`."""
        self.bus.put_rule(Name="test", EventPattern=json.dumps({"source": [self.name]}))
        self.bus.put_targets(Rule="test", Targets=[{"Id": "1", "Arn": target, **more}])
        self.bus.put_events(
            Entries=[{"Source": self.name, "DetailType": "test", "Detail": "{}"}]
        )
        time.sleep(0.2)

    def failures(self) -> float:
        """Returns how often the rule `test` could not deliver."""
        now = datetime.datetime.now(datetime.timezone.utc)
        failed = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events",
            MetricName="FailedInvocations",
            Dimensions=[{"Name": "RuleName", "Value": "test"}],
            StartTime=now - datetime.timedelta(minutes=10),
            EndTime=now + datetime.timedelta(minutes=10),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(it["Sum"] for it in failed))

    def deliver(self, *statements: dict[str, Any]) -> bool:
        """Says whether an event reaches a topic with this policy by way of a rule."""
        url, queue = self.queue()
        topic = self.topics.create_topic(Name=self.name)["TopicArn"]
        self.topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        if statements:
            policy = {
                "Version": "2012-10-17",
                "Statement": [{**it, "Resource": topic} for it in statements],
            }
            self.topics.set_topic_attributes(
                TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
            )
        self.send_to(topic)
        return bool(self.received(url))


class Delivery(DeliveryTest):
    def test_a_topics_policy_decides(self) -> None:
        other = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
        for statements, delivered in (
            ((), False),
            ((statement(),), True),
            ((statement(Condition=CONDITIONS),), True),
            ((statement(Condition=other),), False),
            ((statement(Principal={"Service": "cloudwatch.amazonaws.com"}),), False),
            ((statement(), statement(Effect="Deny")), False),
        ):
            with self.subTest(statements=statements):
                self.name = f"t-{uuid.uuid4().hex[:8]}"
                self.assertEqual(self.deliver(*statements), delivered)

    def test_a_queues_policy_decides(self) -> None:
        allowed = {**statement(Condition=CONDITIONS), "Action": "sqs:SendMessage"}
        rule = CONDITIONS["ArnEquals"]["aws:SourceArn"]
        other = {"ArnEquals": {"aws:SourceArn": f"{rule}-other"}}
        for statements, delivered in (
            ([], False),
            ([allowed], True),
            ([{**allowed, "Condition": other}], False),
            ([{**allowed, "Principal": {"Service": "sns.amazonaws.com"}}], False),
        ):
            with self.subTest(statements=statements):
                self.name = f"t-{uuid.uuid4().hex[:8]}"
                url, queue = self.queue()
                policy = {
                    "Version": "2012-10-17",
                    "Statement": [{**it, "Resource": queue} for it in statements],
                }
                self.queues.set_queue_attributes(
                    QueueUrl=url, Attributes={"Policy": json.dumps(policy)}
                )
                self.send_to(queue)
                self.assertEqual(bool(self.received(url)), delivered)

    def test_a_functions_policy_decides(self) -> None:
        functions = self.client("lambda")
        rule = CONDITIONS["ArnEquals"]["aws:SourceArn"]
        for source, delivered in ((None, False), (f"{rule}-other", False), (rule, True)):
            with self.subTest(source=source):
                self.name = f"t-{uuid.uuid4().hex[:8]}"
                record = self.directory / self.name
                function = functions.create_function(
                    FunctionName=self.name,
                    Runtime="python3.12",
                    Handler="index.handler",
                    Role=self.role(self.name),
                    Code={"ZipFile": zipped({"index.py": RECORDER})},
                    Environment={"Variables": {"RECORD": str(record)}},
                )["FunctionArn"]
                if source:
                    functions.add_permission(
                        FunctionName=self.name,
                        StatementId="rule",
                        Principal="events.amazonaws.com",
                        Action="lambda:InvokeFunction",
                        SourceArn=source,
                    )
                before = self.failures()
                self.send_to(function)
                if delivered:
                    eventually(record.exists)
                else:
                    self.assertEqual(self.failures(), before + 1)
                    self.assertFalse(record.exists())

    def test_an_event_bus_gets_events_with_a_role(self) -> None:
        identities = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
                }
            ],
        }
        bus = self.bus.create_event_bus(Name=self.name)["EventBusArn"]
        url, queue = self.queue()
        self.bus.put_rule(
            Name=self.name,
            EventBusName=self.name,
            EventPattern=json.dumps({"source": [self.name]}),
        )
        self.bus.put_targets(
            Rule=self.name, EventBusName=self.name, Targets=[{"Id": "1", "Arn": queue}]
        )
        role = identities.create_role(
            RoleName=self.name, AssumeRolePolicyDocument=json.dumps(trust)
        )["Role"]["Arn"]
        self.send_to(bus)
        self.send_to(bus, RoleArn=role)
        self.assertEqual(self.received(url), [])
        policy = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
        identities.put_role_policy(
            RoleName=self.name,
            PolicyName="put",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
        )
        for service, received in (("lambda", 0), ("events", 1)):
            trust["Statement"][0]["Principal"] = {"Service": f"{service}.amazonaws.com"}
            identities.update_assume_role_policy(
                RoleName=self.name, PolicyDocument=json.dumps(trust)
            )
            self.send_to(bus, RoleArn=role)
            self.assertEqual(len(self.received(url)), received, service)

    def test_a_moved_label_is_an_event(self) -> None:
        url, queue = self.queue()
        pattern = {"source": ["aws.secretsmanager"], "resources": [self.arn]}
        self.bus.put_rule(Name=self.name, EventPattern=json.dumps(pattern))
        self.bus.put_targets(Rule=self.name, Targets=[{"Id": "1", "Arn": queue}])
        first = self.stages()["AWSCURRENT"]
        self.rotate()
        self.rotated()
        current = self.stages()["AWSCURRENT"]
        self.manager.update_secret_version_stage(
            SecretId=self.arn, VersionStage="blue", MoveToVersionId=first
        )
        self.manager.put_secret_value(
            SecretId=self.arn, SecretString="{}", VersionStages=["AWSPENDING"]
        )
        events = eventually(lambda: len(it := self.received(url)) >= 2 and it)
        self.assertEqual({it["detail-type"] for it in events}, {"Secret Label Updated"})
        self.assertEqual({tuple(it["resources"]) for it in events}, {(self.arn,)})
        self.assertEqual(
            sorted((it["detail"]["labelUpdated"], it["detail"]["versionId"]) for it in events),
            sorted([("AWSCURRENT", current), ("blue", first)]),
        )
        self.assertEqual({it["detail"]["name"] for it in events}, {self.secret})


class WithoutConditions(DeliveryTest):
    arguments = ("--port", "0", "--strict", "sns-conditions")

    def test_a_statement_with_a_condition_does_not_count(self) -> None:
        self.assertTrue(self.deliver(statement()))
        self.name = f"t-{uuid.uuid4().hex[:8]}"
        self.assertFalse(self.deliver(statement(Condition=CONDITIONS)))
        self.assertEqual(self.failures(), 1)


if __name__ == "__main__":
    unittest.main()
