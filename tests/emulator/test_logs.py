"""The log groups of functions."""

from __future__ import annotations

from local_aws import ACCOUNT, LocalAwsTest, zipped

CODE = "def handler(event, context):\n    print('hello')\n"


class LogGroups(LocalAwsTest):
    def setUp(self) -> None:
        self.ask_emulator("/_ministack/reset")
        self.logs = self.client("logs")

    def call(self, *actions: str) -> None:
        """Calls a function whose role has these permissions, and which logs to ``/held``."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        role = self.role("logger", statement)
        functions = self.client("lambda")
        functions.create_function(
            FunctionName="logger",
            Runtime="python3.12",
            Role=role,
            Handler="main.handler",
            Code={"ZipFile": zipped({"main.py": CODE})},
            LoggingConfig={"LogGroup": "/held"},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="logger")
        self.assertNotIn("FunctionError", functions.invoke(FunctionName="logger"))

    def groups(self) -> list[str]:
        return [group["logGroupName"] for group in self.logs.describe_log_groups()["logGroups"]]

    def test_a_group_that_is_gone_stays_gone(self) -> None:
        self.call("logs:CreateLogStream", "logs:PutLogEvents")
        self.assertEqual(self.groups(), [])

    def test_a_role_that_may_creates_it(self) -> None:
        self.call("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        self.assertEqual(self.groups(), ["/held"])

    def test_one_that_exists_is_written_to(self) -> None:
        self.logs.create_log_group(logGroupName="/held")
        self.call("logs:CreateLogStream", "logs:PutLogEvents")
        events = self.logs.filter_log_events(logGroupName="/held")["events"]
        self.assertIn("hello", "".join(event["message"] for event in events))
