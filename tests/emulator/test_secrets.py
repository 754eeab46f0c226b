"""Secrets Manager's versions, labels, tokens and deletions."""

from __future__ import annotations

import unittest
import uuid
from typing import Any

from local_aws import REGION, LocalAwsTest


class Secrets(LocalAwsTest):
    def setUp(self) -> None:
        self.manager = self.client("secretsmanager")
        self.name = f"secret-{uuid.uuid4()}"

    def stages(self) -> dict[str, list[str]]:
        described = self.manager.describe_secret(SecretId=self.name)
        return {k: sorted(v) for k, v in described.get("VersionIdsToStages", {}).items()}

    def put(self, value: str, *stages: str, token: str | None = None) -> str:
        options = {"VersionStages": list(stages)} if stages else {}
        return self.manager.put_secret_value(
            SecretId=self.name,
            SecretString=value,
            ClientRequestToken=token or str(uuid.uuid4()),
            **options,
        )["VersionId"]

    def test_a_value_is_fixed_for_its_token(self) -> None:
        self.manager.create_secret(Name=self.name, SecretString="first")
        token = self.put("second")
        self.assertEqual(self.put("second", token=token), token)
        with self.refused("ResourceExistsException", token):
            self.put("third", token=token)
        with self.refused("ResourceExistsException", token):
            self.manager.update_secret(
                SecretId=self.name, SecretString="third", ClientRequestToken=token
            )
        self.assertEqual(
            self.manager.get_secret_value(SecretId=self.name)["SecretString"], "second"
        )

    def test_a_token_again_moves_no_label(self) -> None:
        self.manager.create_secret(Name=self.name, SecretString="first")
        old, new = self.put("second"), self.put("third")
        self.put("second", token=old)
        self.assertEqual(self.stages()[new], ["AWSCURRENT"])

    def test_labels_follow_the_values(self) -> None:
        first = self.manager.create_secret(Name=self.name, SecretString="first")["VersionId"]
        second = self.put("second")
        self.assertEqual(self.stages(), {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]})
        third = self.put("third")
        self.assertEqual(self.stages(), {second: ["AWSPREVIOUS"], third: ["AWSCURRENT"]})
        listed = self.manager.list_secret_version_ids(SecretId=self.name)["Versions"]
        self.assertEqual({it["VersionId"] for it in listed}, {second, third})
        listed = self.manager.list_secret_version_ids(SecretId=self.name, IncludeDeprecated=True)
        self.assertIn(first, {it["VersionId"] for it in listed["Versions"]})

    def test_a_label_is_on_one_version_only(self) -> None:
        first = self.manager.create_secret(Name=self.name, SecretString="first")["VersionId"]
        self.put("second", "AWSPENDING")
        third = self.put("third", "AWSPENDING")
        self.assertEqual(self.stages(), {first: ["AWSCURRENT"], third: ["AWSPENDING"]})

    def test_moving_the_current_label_moves_the_previous(self) -> None:
        first = self.manager.create_secret(Name=self.name, SecretString="first")["VersionId"]
        second = self.put("second", "AWSPENDING")
        move = {"SecretId": self.name, "VersionStage": "AWSCURRENT", "MoveToVersionId": second}
        with self.refused("InvalidParameterException"):
            self.manager.update_secret_version_stage(**move)
        self.manager.update_secret_version_stage(**move, RemoveFromVersionId=first)
        self.assertEqual(
            self.stages(), {first: ["AWSPREVIOUS"], second: ["AWSCURRENT", "AWSPENDING"]}
        )

    def test_id_and_label_must_agree(self) -> None:
        first = self.manager.create_secret(Name=self.name, SecretString="first")["VersionId"]
        with self.refused("ResourceNotFoundException", "not associated"):
            self.manager.get_secret_value(
                SecretId=self.name, VersionId=first, VersionStage="AWSPENDING"
            )

    def test_an_empty_secret_has_no_version(self) -> None:
        answer = self.manager.create_secret(Name=self.name)
        self.assertNotIn("VersionId", answer)
        self.assertEqual(self.stages(), {})
        with self.refused("ResourceNotFoundException", "staging label: AWSCURRENT"):
            self.manager.get_secret_value(SecretId=self.name)
        first = self.put("first", "AWSPENDING")
        self.assertEqual(self.stages(), {first: ["AWSCURRENT", "AWSPENDING"]})

    def test_a_creation_is_repeated_only_with_its_token(self) -> None:
        request = {
            "Name": self.name,
            "SecretString": "first",
            "ClientRequestToken": str(uuid.uuid4()),
            "Tags": [{"Key": "keyrota:stack", "Value": "s"}],
        }
        created = self.manager.create_secret(**request)
        self.assertEqual(created["VersionId"], request["ClientRequestToken"])
        again = self.manager.create_secret(**request)
        self.assertEqual(again["ARN"], created["ARN"])
        with self.refused("ResourceExistsException"):
            self.manager.create_secret(**{**request, "ClientRequestToken": str(uuid.uuid4())})
        self.assertEqual(
            self.manager.describe_secret(SecretId=self.name)["Tags"], request["Tags"]
        )

    def test_a_name_scheduled_for_deletion_is_not_free(self) -> None:
        self.manager.create_secret(Name=self.name, SecretString="first")
        self.manager.delete_secret(SecretId=self.name, RecoveryWindowInDays=7)
        message = (
            "You can't create this secret because a secret with this name is already "
            "scheduled for deletion."
        )
        with self.refused("InvalidRequestException", message):
            self.manager.create_secret(Name=self.name, SecretString="second")
        self.assertIn("DeletedDate", self.manager.describe_secret(SecretId=self.name))
        self.manager.restore_secret(SecretId=self.name)
        self.assertEqual(
            self.manager.get_secret_value(SecretId=self.name)["SecretString"], "first"
        )
        self.manager.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)
        self.manager.delete_secret(SecretId=self.name, ForceDeleteWithoutRecovery=True)
        self.manager.create_secret(Name=self.name, SecretString="second")

    def test_a_customer_managed_key_needs_its_own_permission(self) -> None:
        kms = self.client("kms")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        arn = self.manager.create_secret(Name=self.name, SecretString="v", KmsKeyId=key)["ARN"]
        secret = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": arn}

        def use(*actions: str, secret_arn: str = arn) -> dict[str, Any]:
            conditions = {
                "kms:EncryptionContext:SecretARN": secret_arn,
                "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
            }
            return {
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": key,
                "Condition": {"StringEquals": conditions},
            }

        everything = ("kms:Decrypt", "kms:GenerateDataKey")
        for number, (statements, reads, writes) in enumerate(
            (
                ((secret,), False, False),
                ((secret, use("kms:Decrypt")), True, False),
                ((secret, use(*everything)), True, True),
                ((secret, use(*everything, secret_arn=f"{arn}-other")), False, False),
            )
        ):
            user = self.user(f"kms-{number}", *statements)
            manager = self.client("secretsmanager", user)
            for allowed, call in (
                (reads, lambda: manager.get_secret_value(SecretId=arn)),
                (writes, lambda: manager.put_secret_value(SecretId=arn, SecretString="w")),
            ):
                with self.subTest(number):
                    if allowed:
                        call()
                    else:
                        with self.refused("AccessDeniedException", "KMS"):
                            call()
        kms.disable_key(KeyId=key)
        with self.refused("DecryptionFailure"):
            self.manager.get_secret_value(SecretId=arn)


if __name__ == "__main__":
    unittest.main()
