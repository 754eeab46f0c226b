"""RotateSecret, CancelRotateSecret and the four steps."""

from __future__ import annotations

import datetime
import json
import time
import unittest
import uuid

from local_aws import ACCOUNT, REGION, eventually, zipped
from rotating import RotatingTest

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


class RotateSecret(RotatingTest):
    def test_runs_the_four_steps_and_moves_the_labels(self) -> None:
        before = self.stages()["AWSCURRENT"]
        token = str(uuid.uuid4())
        answer = self.rotate(ClientRequestToken=token, RotationRules={"AutomaticallyAfterDays": 30})
        self.assertEqual(answer["VersionId"], token)
        described = self.rotated()
        self.assertEqual(self.steps(), STEPS)
        for event in self.events():
            self.assertEqual(event["SecretId"], self.arn)
            self.assertEqual(event["ClientRequestToken"], token)
            self.assertEqual(set(event), {"Step", "SecretId", "ClientRequestToken"})
        self.assertEqual(self.stages(), {"AWSCURRENT": token, "AWSPREVIOUS": before})
        value = self.manager.get_secret_value(SecretId=self.secret)["SecretString"]
        self.assertEqual(json.loads(value), {"n": 2})
        self.assertTrue(described["RotationEnabled"])
        self.assertEqual(described["RotationLambdaARN"], self.function)
        self.assertEqual(described["RotationRules"], {"AutomaticallyAfterDays": 30})
        days = (described["NextRotationDate"] - described["LastRotatedDate"]).days
        self.assertIn(days, (30, 31))
        listed = self.manager.list_secrets(Filters=[{"Key": "name", "Values": [self.secret]}])
        self.assertEqual(
            listed["SecretList"][0]["NextRotationDate"], described["NextRotationDate"]
        )

    def test_returns_before_the_function_has_run(self) -> None:
        self.tell(wait="createSecret")
        self.rotate()
        pending = self.stages()["AWSPENDING"]
        with self.refused("ResourceNotFoundException", "can't find the specified secret value"):
            self.manager.get_secret_value(
                SecretId=self.secret, VersionId=pending, VersionStage="AWSPENDING"
            )
        self.assertNotIn("LastRotatedDate", self.describe())
        self.go()
        self.rotated()

    def test_stops_at_the_first_error_and_leaves_the_label(self) -> None:
        before = self.stages()["AWSCURRENT"]
        self.tell(fail="testSecret")
        token = self.rotate()["VersionId"]
        eventually(lambda: self.steps() == STEPS[:3])
        time.sleep(0.2)
        self.assertEqual(self.steps(), STEPS[:3])
        self.assertEqual(self.stages(), {"AWSCURRENT": before, "AWSPENDING": token})
        self.assertNotIn("LastRotatedDate", self.describe())

    def test_refuses_while_another_is_pending_and_reattempts_it(self) -> None:
        self.tell(fail="setSecret")
        token = self.rotate()["VersionId"]
        eventually(lambda: self.steps() == STEPS[:2])
        time.sleep(0.2)
        self.tell()
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        with self.refused("InvalidRequestException", message):
            self.rotate()
        self.rotated()
        self.assertEqual(self.steps(), STEPS[:2] + STEPS)
        self.assertEqual(self.stages()["AWSCURRENT"], token)
        self.assertNotIn("AWSPENDING", self.stages())

    def test_refuses_while_one_runs_without_starting_another(self) -> None:
        self.tell(wait="setSecret")
        self.rotate()
        eventually(lambda: self.steps() == STEPS[:2])
        with self.refused("InvalidRequestException", "previous rotation isn't complete"):
            self.rotate()
        self.go()
        self.rotated()
        time.sleep(0.2)
        self.assertEqual(self.steps(), STEPS)

    def test_a_finish_that_moves_nothing_is_no_success(self) -> None:
        self.tell(idle=True)
        token = self.rotate()["VersionId"]
        eventually(lambda: self.steps() == STEPS)
        time.sleep(0.2)
        self.assertEqual(self.stages()["AWSPENDING"], token)
        self.assertNotIn("LastRotatedDate", self.describe())

    def test_the_same_token_again_is_the_same_rotation(self) -> None:
        token = str(uuid.uuid4())
        self.rotate(ClientRequestToken=token)
        self.rotated()
        self.assertEqual(self.rotate(ClientRequestToken=token)["VersionId"], token)
        time.sleep(0.2)
        self.assertEqual(self.steps(), STEPS)

    def test_later_ones_need_no_function(self) -> None:
        self.rotate()
        first = self.rotated()["LastRotatedDate"]
        self.manager.rotate_secret(SecretId=self.arn)
        eventually(lambda: self.describe()["LastRotatedDate"] > first)
        self.assertEqual(self.steps(), STEPS + STEPS)

    def test_not_at_once_only_tests_on_a_temporary_version(self) -> None:
        before = self.stages()
        self.tell(wait="testSecret")
        answer = self.rotate(
            RotateImmediately=False, RotationRules={"ScheduleExpression": "rate(10 days)"}
        )
        self.assertNotIn("VersionId", answer)
        self.assertIn("AWSPENDING", self.stages())
        eventually(lambda: self.steps() == ["testSecret"])
        with self.refused("InvalidRequestException", "previous rotation isn't complete"):
            self.rotate()
        self.go()
        eventually(lambda: self.stages() == before)
        described = self.describe()
        self.assertTrue(described["RotationEnabled"])
        self.assertIn("NextRotationDate", described)
        self.assertNotIn("LastRotatedDate", described)
        self.assertEqual(self.steps(), ["testSecret"])
        self.rotate()
        self.rotated()

    def test_a_failed_test_leaves_no_version(self) -> None:
        before = self.stages()
        self.tell(fail="testSecret")
        self.rotate(RotateImmediately=False)
        eventually(lambda: self.steps() == ["testSecret"])
        eventually(lambda: self.stages() == before)

    def test_cancel_turns_it_off_and_ends_the_steps(self) -> None:
        self.tell(wait="setSecret")
        token = self.rotate(RotationRules={"AutomaticallyAfterDays": 9})["VersionId"]
        eventually(lambda: self.steps() == STEPS[:2])
        answer = self.manager.cancel_rotate_secret(SecretId=self.secret)
        self.assertEqual(answer["VersionId"], token)
        described = self.describe()
        self.assertFalse(described["RotationEnabled"])
        self.assertNotIn("NextRotationDate", described)
        self.go()
        time.sleep(0.3)
        self.assertEqual(self.steps(), STEPS[:2])
        self.assertEqual(self.stages()["AWSPENDING"], token)
        self.manager.update_secret_version_stage(
            SecretId=self.secret, VersionStage="AWSPENDING", RemoveFromVersionId=token
        )
        self.manager.rotate_secret(SecretId=self.secret)
        self.assertTrue(self.rotated()["RotationEnabled"])

    def test_while_it_is_off_there_is_no_date_of_the_last_rotation(self) -> None:
        self.rotate()
        rotated = self.rotated()["LastRotatedDate"]
        self.manager.cancel_rotate_secret(SecretId=self.secret)
        self.assertNotIn("LastRotatedDate", self.describe())
        self.rotate(RotateImmediately=False)
        eventually(lambda: "AWSPENDING" not in self.stages())
        self.assertEqual(self.describe()["LastRotatedDate"], rotated)

    def test_cancel_needs_rotation(self) -> None:
        self.assertNotIn("RotationEnabled", self.describe())
        with self.refused("InvalidRequestException"):
            self.manager.cancel_rotate_secret(SecretId=self.secret)

    def test_refuses_a_missing_function(self) -> None:
        with self.refused("InvalidRequestException", "No Lambda rotation function"):
            self.manager.rotate_secret(SecretId=self.secret)
        with self.refused("ResourceNotFoundException"):
            self.manager.rotate_secret(
                SecretId=self.secret, RotationLambdaARN=f"{self.function}-gone"
            )
        self.assertNotIn("RotationLambdaARN", self.describe())
        self.assertNotIn("AWSPENDING", self.stages())

    def test_refuses_a_function_it_may_not_invoke(self) -> None:
        functions = self.client("lambda")
        arn = functions.create_function(
            FunctionName="closed",
            Runtime="python3.12",
            Handler="index.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/rotate",
            Code={"ZipFile": zipped({"index.py": ""})},
        )["FunctionArn"]
        for statement, permission in enumerate(
            (
                None,
                {"Principal": "secretsmanager.amazonaws.com", "SourceAccount": "111122223333"},
                {"Principal": "events.amazonaws.com"},
            )
        ):
            if permission:
                functions.add_permission(
                    FunctionName="closed",
                    StatementId=f"s{statement}",
                    Action="lambda:InvokeFunction",
                    **permission,
                )
            with self.refused("AccessDeniedException", "cannot invoke the specified Lambda"):
                self.manager.rotate_secret(SecretId=self.secret, RotationLambdaARN=arn)

    def test_the_caller_needs_to_be_allowed_to_invoke(self) -> None:
        rotate = {"Effect": "Allow", "Action": "secretsmanager:RotateSecret", "Resource": self.arn}
        invoke = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": self.function}
        for name, statements, allowed in (
            ("only-rotate", (rotate,), False),
            ("only-invoke", (invoke,), False),
            ("both", (rotate, invoke), True),
        ):
            manager = self.client("secretsmanager", self.user(name, *statements))
            with self.subTest(name):
                if allowed:
                    manager.rotate_secret(SecretId=self.arn, RotationLambdaARN=self.function)
                    self.rotated()
                else:
                    with self.refused("AccessDeniedException"):
                        manager.rotate_secret(SecretId=self.arn, RotationLambdaARN=self.function)

    def test_rules_are_checked_and_the_next_window_told(self) -> None:
        for rules in (
            {"ScheduleExpression": "rate(3 hours)"},
            {"ScheduleExpression": "rate(1000 days)"},
            {"ScheduleExpression": "cron(0 8 1 * 1 *)", "AutomaticallyAfterDays": 1},
            {"ScheduleExpression": "every day"},
            {"AutomaticallyAfterDays": 1001},
            {"AutomaticallyAfterDays": 1, "Duration": "25h"},
        ):
            with self.subTest(rules=rules), self.refused("InvalidParameterException"):
                self.rotate(RotationRules=rules)
        rules = {"ScheduleExpression": "cron(0 /8 1 * ? *)", "Duration": "2h"}
        self.rotate(RotationRules=rules)
        due = self.rotated()["NextRotationDate"].astimezone(datetime.timezone.utc)
        self.assertIn(due.hour, (2, 10, 18))
        self.assertEqual((due.day, due.minute), (1, 0))
        self.assertEqual(self.describe()["RotationRules"], rules)

    def test_a_failure_is_an_event(self) -> None:
        queues, events = self.client("sqs"), self.client("events")
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        queue = queues.create_queue(QueueName="failures", Attributes={"Policy": policy})
        url = queue["QueueUrl"]
        pattern = {
            "source": ["aws.secretsmanager"],
            "detail-type": ["AWS Service Event via CloudTrail"],
            "detail": {
                "eventName": ["RotationFailed"],
                "additionalEventData": {"SecretId": [self.arn]},
            },
        }
        events.put_rule(Name="failures", EventPattern=json.dumps(pattern))
        events.put_targets(
            Rule="failures",
            Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures"}],
        )
        self.rotate()
        self.rotated()
        self.tell(fail="createSecret")
        self.rotate()
        messages = eventually(
            lambda: queues.receive_message(QueueUrl=url).get("Messages"), seconds=5
        )
        self.assertEqual(len(messages), 1)
        event = json.loads(messages[0]["Body"])
        self.assertEqual(event["detail"]["eventName"], "RotationFailed")

    def test_a_deleted_secret_is_rotated_no_further(self) -> None:
        self.tell(wait="setSecret")
        self.rotate()
        eventually(lambda: self.steps() == STEPS[:2])
        self.manager.delete_secret(SecretId=self.secret)
        with self.refused("InvalidRequestException", "marked for deletion"):
            self.rotate()
        self.go()
        time.sleep(0.3)
        self.assertEqual(self.steps(), STEPS[:2])


class Logging(RotatingTest):
    """The log at its most talkative."""

    arguments = ("--port", "0", "--verbose")

    def test_no_secret_is_in_the_log(self) -> None:
        key = self.user("logged")
        words = [f"word-{uuid.uuid4()}" for _ in range(3)]
        self.manager.create_secret(Name="logged", SecretString=words[0])
        self.manager.put_secret_value(SecretId="logged", SecretString=words[1])
        self.manager.update_secret(SecretId="logged", SecretString=words[2])
        self.manager.get_secret_value(SecretId="logged")
        self.client("sts", key).get_caller_identity()
        self.tell(fail="testSecret")
        self.rotate()
        eventually(lambda: "testSecret" in self.steps())
        self.log.seek(0)
        log = eventually(lambda: (it := self.log.read()) and it)
        for secret in (*words, key["SecretAccessKey"], '"n"'):
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
