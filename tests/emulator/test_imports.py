"""CloudFormation: the import of secrets and KMS keys into a stack."""

from __future__ import annotations

import unittest
from typing import Any

from deploying import DeployingTest, resource

TOPIC = {"Topic": resource("SNS::Topic", {})}
KEY_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}


class Imports(DeployingTest):
    def setUp(self) -> None:
        super().setUp()
        self.secrets = self.client("secretsmanager")
        name = f"existing-{self.stack}"
        self.tags = [{"Key": "owner", "Value": "platform"}]
        created = self.secrets.create_secret(
            Name=name, SecretString="theirs", Description="Theirs", Tags=self.tags
        )
        self.existing = created["ARN"]
        self.secret = resource(
            "SecretsManager::Secret",
            {"Name": name, "SecretString": "never applied"},
            DeletionPolicy="Retain",
        )

    def import_(self, resources: dict[str, Any], **identifiers: dict[str, str]) -> str:
        """Imports resources, and returns the stack's status afterwards."""
        to_import = [
            {
                "ResourceType": resources[logical_id]["Type"],
                "LogicalResourceId": logical_id,
                "ResourceIdentifier": identifier,
            }
            for logical_id, identifier in identifiers.items()
        ]
        return self.deploy(resources, kind="IMPORT", ResourcesToImport=to_import)

    def held(self) -> dict[str, Any]:
        """Returns what is known about the existing secret."""
        described = self.secrets.describe_secret(SecretId=self.existing)
        value = self.secrets.get_secret_value(SecretId=self.existing)["SecretString"]
        return {
            "value": value,
            "versions": described["VersionIdsToStages"],
            "description": described["Description"],
            "tags": [it for it in described["Tags"] if not it["Key"].startswith("aws:")],
        }

    def test_a_secret_in_a_new_stack_stays_as_it_is(self) -> None:
        before = self.held()
        status = self.import_({"Secret": self.secret}, Secret={"Id": self.existing})
        self.assertEqual(status, "IMPORT_COMPLETE")
        self.assertEqual(self.described()["Tags"], [])
        self.assertEqual(self.held(), before)
        # The update writes what the import did not, but never an unchanged value.
        properties = {**self.secret["Properties"], "Tags": [{"Key": "team", "Value": "a"}]}
        updated = {"Secret": {**self.secret, "Properties": properties}, **TOPIC}
        self.assertEqual(self.deploy(updated, kind="UPDATE"), "UPDATE_COMPLETE")
        after = self.held()
        self.assertEqual(after["value"], "theirs")
        self.assertEqual(after["versions"], before["versions"])
        self.assertCountEqual(after["tags"], [*self.tags, {"Key": "team", "Value": "a"}])

    def test_an_import_changes_nothing_else(self) -> None:
        self.assertEqual(self.deploy(TOPIC), "CREATE_COMPLETE")
        other = {"Topic": resource("SNS::Topic", {"DisplayName": "b"}), "Secret": self.secret}
        with self.refused("ValidationError", "You have modified resources"):
            self.import_(other, Secret={"Id": self.existing})
        with self.refused("ValidationError", "is missing from ResourceToImport"):
            new = {**TOPIC, "Secret": self.secret, "Other": resource("SNS::Topic", {})}
            self.import_(new, Secret={"Id": self.existing})
        both = {**TOPIC, "Secret": self.secret}
        self.assertEqual(self.import_(both, Secret={"Id": self.existing}), "IMPORT_COMPLETE")

    def test_what_is_missing_deleted_or_anothers_fails_the_change_set(self) -> None:
        def reason(arn: str) -> str:
            to_import = {
                "ResourceType": "AWS::SecretsManager::Secret",
                "LogicalResourceId": "Secret",
                "ResourceIdentifier": {"Id": arn},
            }
            answer = self.change_set(
                {"Secret": self.secret}, kind="IMPORT", ResourcesToImport=[to_import]
            )
            self.assertEqual(answer["Status"], "FAILED")
            return answer["StatusReason"]

        self.assertIn("was not found", reason(f"{self.existing}x"))
        self.secrets.delete_secret(SecretId=self.existing)
        self.assertIn("marked for deletion", reason(self.existing))
        self.secrets.restore_secret(SecretId=self.existing)
        self.import_({"Secret": self.secret}, Secret={"Id": self.existing})
        first, self.stack = self.stack, f"{self.stack}-b"
        self.assertIn("already exists in stack arn:aws:cloudformation", reason(self.existing))
        self.assertNotEqual(first, self.stack)

    def test_a_kms_key_with_the_secret_that_it_encrypts(self) -> None:
        key = self.client("kms").create_key()["KeyMetadata"]
        self.secrets.update_secret(SecretId=self.existing, KmsKeyId=key["Arn"])
        properties = {**self.secret["Properties"], "KmsKeyId": {"Fn::GetAtt": ["Key", "Arn"]}}
        resources = {
            "Secret": {**self.secret, "Properties": properties},
            "Key": resource("KMS::Key", {"KeyPolicy": KEY_POLICY}, DeletionPolicy="Retain"),
        }
        status = self.import_(
            resources, Secret={"Id": self.existing}, Key={"KeyId": key["KeyId"]}
        )
        self.assertEqual(status, "IMPORT_COMPLETE")
        described = self.secrets.describe_secret(SecretId=self.existing)
        self.assertEqual(described["KmsKeyId"], key["Arn"])


if __name__ == "__main__":
    unittest.main()
