"""The simulation of policies, and AWS's quarantine."""

from __future__ import annotations

import json
import unittest

from local_aws import ACCOUNT, LocalAwsTest

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"


class Simulation(LocalAwsTest):
    def setUp(self) -> None:
        self.iam = self.client("iam")
        self.name = self.id().rsplit(".", 1)[-1].replace("_", "-")[:60]

    def make(self, statement: dict[str, object], path: str = "/") -> str:
        arn = self.iam.create_user(UserName=self.name, Path=path)["User"]["Arn"]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
        self.iam.put_user_policy(
            UserName=self.name, PolicyName="own", PolicyDocument=json.dumps(document)
        )
        return arn

    def simulate(
        self, arn: str, action: str, resource: str, **context: str | list[str]
    ) -> tuple[str, list[str]]:
        entries = [
            {
                "ContextKeyName": key.replace("__", ":"),
                "ContextKeyValues": [values] if isinstance(values, str) else values,
                "ContextKeyType": "string" if isinstance(values, str) else "stringList",
            }
            for key, values in context.items()
        ]
        results = self.iam.simulate_principal_policy(
            PolicySourceArn=arn,
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=entries,
        )["EvaluationResults"]
        self.assertEqual([result["EvalActionName"] for result in results], [action])
        return results[0]["EvalDecision"], results[0].get("MissingContextValues", [])

    def test_a_variable_has_the_value_of_the_context(self) -> None:
        own = f"arn:aws:iam::{ACCOUNT}:user/ci/${{aws:username}}"
        arn = self.make({"Action": "iam:CreateAccessKey", "Resource": own}, "/ci/")
        create = "iam:CreateAccessKey"
        self.assertEqual(self.simulate(arn, create, arn, aws__username=self.name)[0], "allowed")
        self.assertEqual(self.simulate(arn, create, arn)[0], "implicitDeny")
        delete = "iam:DeleteAccessKey"
        self.assertEqual(
            self.simulate(arn, delete, arn, aws__username=self.name)[0], "implicitDeny"
        )

    def test_a_condition_needs_its_key(self) -> None:
        condition = {"StringEquals": {"kms:ViaService": "secretsmanager"}}
        arn = self.make({"Action": "kms:Decrypt", "Resource": "*", "Condition": condition})
        given = self.simulate(arn, "kms:Decrypt", "*", kms__ViaService="secretsmanager")
        self.assertEqual(given, ("allowed", []))
        other = self.simulate(arn, "kms:Decrypt", "*", kms__ViaService="s3")
        self.assertEqual(other, ("implicitDeny", []))
        missing = self.simulate(arn, "kms:Decrypt", "*")
        self.assertEqual(missing, ("implicitDeny", ["kms:ViaService"]))

    def test_tag_keys_are_a_list(self) -> None:
        condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}
        arn = self.make({"Action": "iam:TagUser", "Resource": "*", "Condition": condition})
        self.assertEqual(self.simulate(arn, "iam:TagUser", arn, aws__TagKeys=["a"])[0], "allowed")
        wide = self.simulate(arn, "iam:TagUser", arn, aws__TagKeys=["a", "c"])
        self.assertEqual(wide[0], "implicitDeny")

    def test_every_quarantine_denies_the_user_its_keys(self) -> None:
        arn = self.make({"Action": "iam:*", "Resource": "*"})
        for version in ("", "V2", "V3", "V4"):
            policy = f"{QUARANTINE}{version}"
            self.iam.attach_user_policy(UserName=self.name, PolicyArn=policy)
            for action in ("iam:CreateAccessKey", "iam:UpdateAccessKey"):
                self.assertEqual(self.simulate(arn, action, arn)[0], "explicitDeny")
            self.assertEqual(self.simulate(arn, "iam:DeleteAccessKey", arn)[0], "allowed")
            attached = self.iam.list_attached_user_policies(UserName=self.name)
            self.assertEqual(
                [it["PolicyArn"] for it in attached["AttachedPolicies"]], [policy]
            )
            self.iam.detach_user_policy(UserName=self.name, PolicyArn=policy)
        self.assertEqual(self.simulate(arn, "iam:CreateAccessKey", arn)[0], "allowed")

    def test_what_a_boundary_does_not_allow_is_told_apart(self) -> None:
        name = self.name
        every = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
        key = self.user(name, every)
        document = {"Version": "2012-10-17", "Statement": [{**every, "Action": "iam:GetUser"}]}
        policy = self.iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
        self.iam.put_user_permissions_boundary(
            UserName=name, PermissionsBoundary=policy["Policy"]["Arn"]
        )
        arn = self.iam.get_user(UserName=name)["User"]["Arn"]
        for action, allowed in (("iam:GetUser", True), ("iam:ListUsers", False)):
            result = self.iam.simulate_principal_policy(
                PolicySourceArn=arn, ActionNames=[action], ResourceArns=[arn]
            )["EvaluationResults"][0]
            detail = result["PermissionsBoundaryDecisionDetail"]
            self.assertEqual(detail["AllowedByPermissionsBoundary"], allowed)
            self.assertEqual(result["EvalDecision"], "allowed" if allowed else "implicitDeny")
        caller = self.client("iam", key)
        caller.get_user(UserName=name)
        boundary = "because no permissions boundary allows the iam:ListUsers action"
        with self.refused("AccessDenied", boundary):
            caller.list_users()
        # What the policies do not allow either is missing from them first.
        self.iam.delete_user_policy(UserName=name, PolicyName="test")
        with self.refused("AccessDenied", "because no identity-based policy allows"):
            caller.list_users()

    def test_a_principal_that_does_not_exist_is_refused(self) -> None:
        arn = self.make({"Action": "iam:*", "Resource": "*"}, "/ci/")
        with self.refused("NoSuchEntity"):
            self.simulate(arn.replace("/ci/", "/"), "iam:GetUser", arn)
        with self.refused("InvalidInput"):
            self.simulate("arn:aws:s3:::bucket", "iam:GetUser", arn)


if __name__ == "__main__":
    unittest.main()
