"""Replicas of secrets in other Regions."""

from __future__ import annotations

import json
import uuid
from typing import Any

from local_aws import ACCOUNT, REGION, LocalAwsTest

OTHER = "eu-west-1"
THIRD = "ap-northeast-2"


class Replicas(LocalAwsTest):
    def setUp(self) -> None:
        self.manager = self.client("secretsmanager")
        self.other = self.client("secretsmanager", region=OTHER)
        self.name = f"secret-{uuid.uuid4()}"

    def create(self, **more: Any) -> str:
        tags = [{"Key": "team", "Value": "a"}]
        return self.manager.create_secret(
            Name=self.name, SecretString="first", Tags=tags, **more
        )["ARN"]

    def replicate(self, region: str = OTHER, **more: Any) -> None:
        self.manager.replicate_secret_to_regions(
            SecretId=self.name, AddReplicaRegions=[{"Region": region, **more}]
        )

    def states(self) -> dict[str, str]:
        described = self.manager.describe_secret(SecretId=self.name)
        return {it["Region"]: it["Status"] for it in described.get("ReplicationStatus", [])}

    def message(self) -> str:
        described = self.manager.describe_secret(SecretId=self.name)
        return described["ReplicationStatus"][0]["StatusMessage"]

    def test_a_replica_follows_its_secret(self) -> None:
        arn = self.create()
        self.replicate()
        self.assertEqual(self.states(), {OTHER: "InSync"})
        there = self.other.describe_secret(SecretId=self.name)
        self.assertEqual(there["ARN"], arn.replace(REGION, OTHER))
        self.assertEqual(there["PrimaryRegion"], REGION)
        self.assertEqual(there["Tags"], [{"Key": "team", "Value": "a"}])
        self.assertEqual(
            self.manager.describe_secret(SecretId=self.name)["PrimaryRegion"], REGION
        )
        version = self.manager.put_secret_value(SecretId=self.name, SecretString="second")
        value = self.other.get_secret_value(SecretId=self.name)
        self.assertEqual(
            (value["SecretString"], value["VersionId"]), ("second", version["VersionId"])
        )
        self.manager.tag_resource(SecretId=self.name, Tags=[{"Key": "b", "Value": "c"}])
        self.assertIn(
            {"Key": "b", "Value": "c"}, self.other.describe_secret(SecretId=self.name)["Tags"]
        )
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                    "Action": "secretsmanager:DeleteSecret",
                    "Resource": "*",
                }
            ],
        }
        self.manager.put_resource_policy(
            SecretId=self.name, ResourcePolicy=json.dumps(policy)
        )
        self.assertIn("ResourcePolicy", self.other.get_resource_policy(SecretId=self.name))

    def test_a_replica_is_changed_through_its_secret_only(self) -> None:
        self.create()
        self.replicate()
        for change in (
            lambda: self.other.put_secret_value(SecretId=self.name, SecretString="x"),
            lambda: self.other.update_secret(SecretId=self.name, SecretString="x"),
            lambda: self.other.delete_secret(SecretId=self.name),
            lambda: self.other.tag_resource(
                SecretId=self.name, Tags=[{"Key": "b", "Value": "c"}]
            ),
            lambda: self.other.delete_resource_policy(SecretId=self.name),
        ):
            with self.refused("InvalidParameterException", "primary secret's region"):
                change()

    def test_a_secret_with_replicas_is_not_deleted(self) -> None:
        self.create()
        self.replicate()
        self.replicate(THIRD)
        for options in ({"RecoveryWindowInDays": 7}, {"ForceDeleteWithoutRecovery": True}):
            with self.refused("InvalidParameterException", "still has replica regions"):
                self.manager.delete_secret(SecretId=self.name, **options)
        self.manager.remove_regions_from_replication(
            SecretId=self.name, RemoveReplicaRegions=[OTHER, THIRD]
        )
        self.assertEqual(self.states(), {})
        with self.refused("ResourceNotFoundException"):
            self.other.describe_secret(SecretId=self.name)
        with self.refused("InvalidParameterException", "not replicated"):
            self.manager.remove_regions_from_replication(
                SecretId=self.name, RemoveReplicaRegions=[OTHER]
            )
        self.manager.delete_secret(SecretId=self.name, RecoveryWindowInDays=7)

    def test_a_name_that_exists_fails_the_replication_and_is_not_touched(self) -> None:
        self.other.create_secret(Name=self.name, SecretString="another")
        self.create()
        self.replicate()
        self.assertEqual(self.states(), {OTHER: "Failed"})
        self.assertIn("exists", self.message())
        self.manager.remove_regions_from_replication(
            SecretId=self.name, RemoveReplicaRegions=[OTHER]
        )
        value = self.other.get_secret_value(SecretId=self.name)
        self.assertEqual(value["SecretString"], "another")
        self.manager.replicate_secret_to_regions(
            SecretId=self.name,
            AddReplicaRegions=[{"Region": OTHER}],
            ForceOverwriteReplicaSecret=True,
        )
        self.assertEqual(self.states(), {OTHER: "InSync"})
        value = self.other.get_secret_value(SecretId=self.name)
        self.assertEqual(value["SecretString"], "first")

    def test_a_replica_needs_a_key_of_its_region(self) -> None:
        self.create()
        here = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.replicate(KmsKeyId=here)
        self.assertEqual(self.states(), {OTHER: "Failed"})
        self.assertIn("disabled or not found", self.message())
        kms = self.client("kms", region=OTHER)
        key = kms.create_key()["KeyMetadata"]["Arn"]
        self.replicate(KmsKeyId=key)
        self.assertEqual(self.states(), {OTHER: "InSync"})
        self.assertEqual(self.other.describe_secret(SecretId=self.name)["KmsKeyId"], key)
        kms.disable_key(KeyId=key)
        self.manager.put_secret_value(SecretId=self.name, SecretString="second")
        self.assertEqual(self.states(), {OTHER: "Failed"})
        kms.enable_key(KeyId=key)
        self.replicate(KmsKeyId=key)
        self.assertEqual(self.states(), {OTHER: "InSync"})
        value = self.other.get_secret_value(SecretId=self.name)
        self.assertEqual(value["SecretString"], "second")

    def test_a_promoted_replica_is_a_secret_of_its_own(self) -> None:
        self.create()
        self.replicate()
        self.other.stop_replication_to_replica(SecretId=self.name)
        self.assertEqual(self.states(), {})
        self.manager.put_secret_value(SecretId=self.name, SecretString="second")
        value = self.other.get_secret_value(SecretId=self.name)
        self.assertEqual(value["SecretString"], "first")
        self.assertNotIn("PrimaryRegion", self.other.describe_secret(SecretId=self.name))
        self.other.put_secret_value(SecretId=self.name, SecretString="third")

    def test_only_another_region_without_a_replica_is_accepted(self) -> None:
        self.create()
        with self.refused("InvalidParameterException", "primary region"):
            self.replicate(REGION)
        self.replicate()
        with self.refused("InvalidParameterException", "already replicated"):
            self.replicate()


class LaggingReplicas(LocalAwsTest):
    arguments = ("--port", "0", "--seed", "7", "--tick", "0", "--strict", "replica-lag")

    def test_a_replica_is_in_progress_first(self) -> None:
        manager = self.client("secretsmanager")
        other = self.client("secretsmanager", region=OTHER)
        manager.create_secret(Name="lagging", SecretString="first")
        manager.replicate_secret_to_regions(
            SecretId="lagging", AddReplicaRegions=[{"Region": OTHER}]
        )

        def state() -> str:
            return manager.describe_secret(SecretId="lagging")["ReplicationStatus"][0]["Status"]

        self.assertEqual(state(), "InProgress")
        with self.refused("ResourceNotFoundException"):
            other.get_secret_value(SecretId="lagging")
        self.advance(10)
        self.assertEqual(state(), "InSync")
        manager.put_secret_value(SecretId="lagging", SecretString="second")
        self.assertEqual(state(), "InProgress")
        value = other.get_secret_value(SecretId="lagging")["SecretString"]
        self.assertEqual(value, "first")
        self.advance(10)
        value = other.get_secret_value(SecretId="lagging")["SecretString"]
        self.assertEqual((state(), value), ("InSync", "second"))
