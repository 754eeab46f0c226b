"""CloudFormation: what a stack does, its caller must be allowed to do."""

from __future__ import annotations

import json
import os
import pathlib
import re
import unittest
from importlib import metadata
from typing import Any

import cfnlint
from deploying import DeployingTest, resource
from local_aws import PACKAGE_FOLDER, TRUST

SOURCE = pathlib.Path(__file__).parents[2]
SCHEMAS = pathlib.Path(cfnlint.__file__).parent / "data" / "schemas"
OPERATIONS = ("create", "read", "update", "delete")


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def published() -> dict[str, dict[str, Any]]:
    """Returns the schemas of the types that the stack's templates have."""
    templates = (SOURCE / "templates").glob("*.hbs")
    kinds = {
        kind
        for template in templates
        for kind in re.findall(r"Type: (AWS::\w+::\w+)", template.read_text("utf-8"))
    }
    schemas = {}
    for path in (SCHEMAS / "resources").iterdir():
        if path.suffix == ".json":
            schema = json.loads(path.read_text("utf-8"))
            if schema["typeName"] in kinds:
                schemas[schema["typeName"]] = schema
    assert schemas.keys() == kinds, kinds - schemas.keys()
    return schemas


class Schemas(unittest.TestCase):
    """``handlers.json`` against the schemas, in the version of cfn-lint that is pinned."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.path = PACKAGE_FOLDER / "keyrota_emulator" / "handlers.json"
        cls.held = json.loads(cls.path.read_text("utf-8"))
        cls.schemas = published()

    def test_the_handlers_are_those_of_the_schemas(self) -> None:
        cut = {
            kind: {
                operation: sorted(set(schema["handlers"][operation]["permissions"]))
                for operation in OPERATIONS
                if operation in schema["handlers"]
            }
            for kind, schema in sorted(self.schemas.items())
        }
        properties = {
            kind: {
                name: sorted(
                    path.removeprefix("/properties/")
                    for path in schema.get(f"{name}Properties", ())
                    if path.count("/") == 2
                )
                for name in ("createOnly", "writeOnly")
            }
            for kind, schema in sorted(self.schemas.items())
        }
        dated = json.loads((SCHEMAS / "version.json").read_text("utf-8"))["schema_date"]
        source = {
            "package": "cfn-lint",
            "version": metadata.version("cfn-lint"),
            "schemas": dated,
        }
        if os.environ.get("KEYROTA_UPDATE"):
            everything = {"source": source, "handlers": cut, "properties": properties}
            text = json.dumps(everything, indent=2)
            self.path.write_text(text + "\n", "utf-8")
            return
        self.assertEqual(self.held["source"], source, "KEYROTA_UPDATE=1 writes it anew")
        self.assertEqual(self.held["handlers"], cut, "KEYROTA_UPDATE=1 writes it anew")
        self.assertEqual(self.held["properties"], properties, "KEYROTA_UPDATE=1 writes it anew")

    def test_what_is_not_called_is_in_the_schemas(self) -> None:
        from keyrota_emulator import schemas

        excused = {kind: set(actions) for kind, actions in schemas.NEVER.items()}
        for kind, properties in schemas.NEEDED_FOR.items():
            for actions in properties.values():
                excused.setdefault(kind, set()).update(actions)
        for kind, actions in excused.items():
            called = {action for it in self.held["handlers"][kind].values() for action in it}
            self.assertLessEqual(actions, called, kind)
        for kind, properties in schemas.NEEDED_FOR.items():
            names = {it.partition(".")[0] for name in properties for it in name.split("|")}
            self.assertLessEqual(names, self.schemas[kind]["properties"].keys(), kind)


class Callers(DeployingTest):
    """A stack under a caller whom policies hold."""

    def acting(self, *statements: dict[str, Any]) -> None:
        """Has what follows called by a user who may do so much, and all of CloudFormation."""
        name = f"u-{self.stack}"
        key = self.user(name, allow("cloudformation:*"), *statements)
        self.formation = self.client("cloudformation", key)

    def logs(self, days: int = 30) -> dict[str, Any]:
        properties = {"LogGroupName": f"/keyrota/{self.stack}", "RetentionInDays": days}
        return {"Logs": resource("Logs::LogGroup", properties)}

    def test_a_resource_is_made_with_the_callers_permissions_alone(self) -> None:
        self.acting(allow("logs:*", resource="arn:aws:logs:*:*:log-group:/other*"))
        self.assertEqual(self.deploy(self.logs()), "ROLLBACK_COMPLETE")
        said = self.failure("Logs")
        self.assertIn("is not authorized to perform: logs:CreateLogGroup", said)
        self.assertIn("AccessDenied", said)

    def test_each_permission_counts(self) -> None:
        wanted = [
            "logs:CreateLogGroup",
            "logs:DescribeIndexPolicies",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetDataProtectionPolicy",
            "logs:ListTagsForResource",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
        ]
        self.acting(allow(*wanted))
        self.assertEqual(self.deploy(self.logs()), "CREATE_COMPLETE")
        self.assertEqual(self.deploy(self.logs(7), kind="UPDATE"), "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("logs:UntagResource", self.failure("Logs"))
        self.formation.delete_stack(StackName=self.stack)
        self.assertEqual(self.settled(), "DELETE_FAILED")
        self.assertIn("logs:DeleteLogGroup", self.failure("Logs"))

    def test_the_function_of_a_schedule_is_one_that_the_caller_may_invoke(self) -> None:
        self.acting(allow("secretsmanager:*"))
        self.assertEqual(self.deploy({"Schedule": self.schedule()}), "ROLLBACK_COMPLETE")
        self.assertIn("lambda:InvokeFunction", self.failure("Schedule"))

    def test_a_role_goes_to_lambda_alone(self) -> None:
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        role = self.role(f"r-{self.stack}")
        function = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": role,
            "Code": {"S3Bucket": self.stack, "S3Key": "f.zip"},
        }
        elsewhere = {
            **allow("iam:PassRole"),
            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        }
        self.acting(allow("lambda:*", "s3:*"), elsewhere)
        made = self.deploy({"Function": resource("Lambda::Function", function)})
        self.assertEqual(made, "ROLLBACK_COMPLETE")
        self.assertIn("iam:PassRole", self.failure("Function"))

    def test_a_role_is_known_by_its_path_and_bounded_by_its_boundary(self) -> None:
        role = {"AssumeRolePolicyDocument": TRUST, "Path": "/keys/", "RoleName": self.stack}
        boundary = "arn:aws:iam::000000000000:policy/boundary"
        policy = {
            "PolicyName": "nothing",
            "RoleName": {"Ref": "Role"},
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
            },
        }
        arn = f"arn:aws:iam::*:role/keys/{self.stack}"
        bounded = {
            **allow("iam:*", resource=arn),
            "Condition": {"StringEqualsIfExists": {"iam:PermissionsBoundary": boundary}},
        }
        document = {"Version": "2012-10-17", "Statement": [allow("logs:*")]}
        self.client("iam").create_policy(
            PolicyName="boundary", PolicyDocument=json.dumps(document)
        )
        self.acting(bounded)
        resources = {
            "Role": resource("IAM::Role", {**role, "PermissionsBoundary": boundary}),
            "Policy": resource("IAM::RolePolicy", policy),
        }
        self.assertEqual(self.deploy(resources), "CREATE_COMPLETE")
        made = self.client("iam").get_role(RoleName=self.stack)["Role"]
        self.assertEqual(made["PermissionsBoundary"]["PermissionsBoundaryArn"], boundary)
        resources["Role"]["Properties"]["PermissionsBoundary"] = f"{boundary}-2"
        self.assertEqual(self.deploy(resources, kind="UPDATE"), "UPDATE_ROLLBACK_COMPLETE")
        self.assertIn("is not authorized to perform: iam:", self.failure("Role"))

    def test_tags_of_a_stack_need_a_permission(self) -> None:
        key = self.user(
            f"t-{self.stack}",
            {
                "Effect": "Allow",
                "NotAction": ["cloudformation:TagResource"],
                "Resource": "*",
            },
        )
        self.formation = self.client("cloudformation", key)
        with self.refused("AccessDenied", "cloudformation:TagResource"):
            self.change_set(self.logs(), Tags=[{"Key": "team", "Value": "payments"}])


if __name__ == "__main__":
    unittest.main()
