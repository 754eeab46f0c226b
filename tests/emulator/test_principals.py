"""What a policy, a role, or a function names must exist."""

from __future__ import annotations

import json
import unittest
from typing import Any

from deploying import DeployingTest, resource
from local_aws import ACCOUNT, TRUST, zipped


def policy(*principals: str, action: str = "secretsmanager:GetSecretValue") -> dict[str, Any]:
    """Returns a policy on a resource for these principals."""
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": action}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]}


def trust(*principals: str) -> dict[str, Any]:
    document = policy(*principals, action="sts:AssumeRole")
    del document["Statement"][0]["Resource"]
    return document


def arn(entity: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{entity}"


class Principals(DeployingTest):
    arguments = ("--port", "0", "--strict", "principals,networks")

    def test_those_that_exist_are_taken(self) -> None:
        iam = self.client("iam")
        created = iam.create_user(UserName=self.stack, Path="/people/")["User"]
        for principal in (
            "*",
            ACCOUNT,
            arn("root"),
            arn("role/rotate"),
            arn(f"user/people/{self.stack}"),
            created["UserId"],
            f"arn:aws:sts::{ACCOUNT}:assumed-role/rotate/session",
            arn("role/of-another-account", "111122223333"),
        ):
            with self.subTest(principal):
                document = json.dumps(policy(principal))
                self.manager.put_resource_policy(SecretId=self.arn, ResourcePolicy=document)

    def test_others_are_refused(self) -> None:
        iam, kms = self.client("iam"), self.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        iam.create_user(UserName=self.stack, Path="/people/")
        for principal in (
            arn("role/app"),
            arn("user/app"),
            arn(f"user/{self.stack}"),
            arn("role/*"),
            f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session",
            "AIDAABCDEFGHIJKLMNOP",
            "app",
        ):
            with self.subTest(principal):
                document = policy(principal)
                text, malformed = json.dumps(document), "MalformedPolicyDocumentException"
                with self.refused(malformed, "unsupported principal"):
                    self.manager.put_resource_policy(SecretId=self.arn, ResourcePolicy=text)
                with self.refused(malformed, "invalid principals"):
                    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
                with self.refused(malformed, "invalid principals"):
                    kms.create_key(Policy=text)
                text = json.dumps(trust(principal))
                with self.refused("MalformedPolicyDocument", f'"AWS":"{principal}"'):
                    iam.create_role(RoleName="r", AssumeRolePolicyDocument=text)
                with self.refused("MalformedPolicyDocument", f'"AWS":"{principal}"'):
                    iam.update_assume_role_policy(RoleName="rotate", PolicyDocument=text)

    def test_a_stack_with_one_rolls_back(self) -> None:
        nobody = arn("role/app")
        for kind, properties, changed in (
            (
                "SecretsManager::ResourcePolicy",
                {"SecretId": self.arn, "ResourcePolicy": policy(arn("root"))},
                {"ResourcePolicy": policy(nobody)},
            ),
            (
                "KMS::Key",
                {"KeyPolicy": policy(arn("root"), action="kms:*")},
                {"KeyPolicy": policy(arn("root"), nobody, action="kms:*")},
            ),
            (
                "IAM::Role",
                {"AssumeRolePolicyDocument": TRUST},
                {"AssumeRolePolicyDocument": trust(nobody)},
            ),
        ):
            with self.subTest(kind):
                it = {"It": resource(kind, {**properties, **changed})}
                self.assertEqual(self.deploy(it), "ROLLBACK_COMPLETE")
                self.assertIn("rincipal", self.failure("It"))
                self.delete()
                fine = {"It": resource(kind, properties)}
                self.assertEqual(self.deploy(fine), "CREATE_COMPLETE")
                self.assertEqual(self.deploy(it, kind="UPDATE"), "UPDATE_ROLLBACK_COMPLETE")
                self.assertIn("rincipal", self.failure("It"))
                self.delete()

    def test_a_function_is_in_a_network_that_exists(self) -> None:
        storage, ec2 = self.client("s3"), self.client("ec2")
        storage.create_bucket(Bucket=self.stack)
        archive = zipped({"bootstrap": "#!/bin/sh\n"})
        storage.put_object(Bucket=self.stack, Key="f.zip", Body=archive)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(VpcId=vpc, GroupName="g", Description="g")["GroupId"]
        properties = {
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": self.role(
                f"r-{self.stack}",
                {"Effect": "Allow", "Action": "ec2:CreateNetworkInterface", "Resource": "*"},
            ),
            "Code": {"S3Bucket": self.stack, "S3Key": "f.zip"},
        }
        for subnets, groups, words in (
            ([subnet, "subnet-0a1b2c3d"], [group], "InvalidSubnetID.NotFound"),
            ([subnet], ["sg-0a1b2c3d"], "InvalidGroup.NotFound"),
            ([subnet], [group], ""),
        ):
            with self.subTest(words):
                network = {"SubnetIds": subnets, "SecurityGroupIds": groups}
                function = resource("Lambda::Function", {**properties, "VpcConfig": network})
                status = self.deploy({"Function": function})
                self.assertEqual(status, "ROLLBACK_COMPLETE" if words else "CREATE_COMPLETE")
                if words:
                    self.assertIn(words, self.failure("Function"))
                self.delete()


if __name__ == "__main__":
    unittest.main()
