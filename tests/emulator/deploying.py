"""What tests of CloudFormation share: a stack of their own, deployed by change set."""

from __future__ import annotations

import json
import uuid
from typing import Any

from local_aws import eventually
from rotating import RotatingTest


def resource(kind: str, properties: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """Returns one resource of a template."""
    return {"Type": f"AWS::{kind}", "Properties": properties, **attributes}


class DeployingTest(RotatingTest):
    """A test that deploys stacks of its own, beside a secret and a function that rotates it."""

    def setUp(self) -> None:
        super().setUp()
        self.formation = self.client("cloudformation")
        self.stack = f"s-{uuid.uuid4().hex[:12]}"

    def deploy(
        self,
        resources: dict[str, Any],
        outputs: dict[str, Any] | None = None,
        kind: str = "CREATE",
        **options: Any,
    ) -> str:
        """Creates a change set, executes it, and returns the stack's status afterwards."""
        change_set = self.change_set(resources, outputs, kind, **options)
        self.formation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        return self.settled()

    def change_set(
        self,
        resources: dict[str, Any],
        outputs: dict[str, Any] | None = None,
        kind: str = "CREATE",
        **options: Any,
    ) -> dict[str, Any]:
        template = {"Resources": resources}
        if outputs:
            template["Outputs"] = {name: {"Value": value} for name, value in outputs.items()}
        if "TemplateURL" not in options:
            options["TemplateBody"] = json.dumps(template)
        created = self.formation.create_change_set(
            StackName=self.stack,
            ChangeSetName=f"change-{uuid.uuid4()}",
            ChangeSetType=kind,
            Capabilities=["CAPABILITY_NAMED_IAM"],
            **options,
        )

        def ready() -> dict[str, Any] | None:
            answer = self.formation.describe_change_set(ChangeSetName=created["Id"])
            return answer if answer["Status"] in ("CREATE_COMPLETE", "FAILED") else None

        return eventually(ready)

    def described(self) -> dict[str, Any]:
        return self.formation.describe_stacks(StackName=self.stack)["Stacks"][0]

    def settled(self) -> str:
        def status() -> str | None:
            found = self.described()["StackStatus"]
            return None if found.endswith("IN_PROGRESS") else found

        return eventually(status)

    def outputs(self) -> dict[str, str]:
        return {it["OutputKey"]: it["OutputValue"] for it in self.described()["Outputs"]}

    def delete(self) -> None:
        stack_id = self.described()["StackId"]
        self.formation.delete_stack(StackName=self.stack)

        def gone() -> bool:
            stack = self.formation.describe_stacks(StackName=stack_id)["Stacks"][0]
            return stack["StackStatus"] == "DELETE_COMPLETE"

        eventually(gone)

    def failure(self, logical_id: str) -> str:
        """Returns why a resource failed."""
        events = self.formation.describe_stack_events(StackName=self.stack)["StackEvents"]
        return next(
            event["ResourceStatusReason"]
            for event in events
            if event["LogicalResourceId"] == logical_id
            and event["ResourceStatus"].endswith("_FAILED")
        )

    def schedule(self, **properties: Any) -> dict[str, Any]:
        return resource(
            "SecretsManager::RotationSchedule",
            {
                "SecretId": self.arn,
                "RotationLambdaARN": self.function,
                "RotationRules": {"ScheduleExpression": "rate(30 days)", "Duration": "3h"},
                **properties,
            },
        )
