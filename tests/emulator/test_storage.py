"""S3, as far as the bucket of the function's code needs it."""

from __future__ import annotations

import json
import unittest

from local_aws import ACCOUNT, LocalAwsTest

BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class Bucket(LocalAwsTest):
    def setUp(self) -> None:
        self.storage = self.client("s3")
        self.name = f"bucket-{abs(hash(self.id()))}"
        self.storage.create_bucket(Bucket=self.name)

    def test_its_settings_are_kept(self) -> None:
        self.storage.put_public_access_block(
            Bucket=self.name, PublicAccessBlockConfiguration=BLOCKED
        )
        self.storage.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        encryption = {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
        self.storage.put_bucket_encryption(
            Bucket=self.name, ServerSideEncryptionConfiguration=encryption
        )
        self.storage.put_bucket_tagging(
            Bucket=self.name, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        )
        block = self.storage.get_public_access_block(Bucket=self.name)
        self.assertEqual(block["PublicAccessBlockConfiguration"], BLOCKED)
        versioning = self.storage.get_bucket_versioning(Bucket=self.name)
        self.assertEqual(versioning["Status"], "Enabled")
        rules = self.storage.get_bucket_encryption(Bucket=self.name)
        rule = rules["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.assertEqual(
            rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256"
        )
        tags = self.storage.get_bucket_tagging(Bucket=self.name)
        self.assertEqual(tags["TagSet"], [{"Key": "a", "Value": "b"}])

    def test_versions_are_listed_and_deleted(self) -> None:
        self.storage.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        for body in (b"one", b"two"):
            self.storage.put_object(Bucket=self.name, Key="k", Body=body)
        self.storage.delete_object(Bucket=self.name, Key="k")
        listed = self.storage.list_object_versions(Bucket=self.name)
        self.assertEqual((len(listed["Versions"]), len(listed["DeleteMarkers"])), (2, 1))
        with self.refused("BucketNotEmpty"):
            self.storage.delete_bucket(Bucket=self.name)
        everything = [
            {"Key": it["Key"], "VersionId": it["VersionId"]}
            for it in listed["Versions"] + listed["DeleteMarkers"]
        ]
        answer = self.storage.delete_objects(Bucket=self.name, Delete={"Objects": everything})
        self.assertEqual(len(answer["Deleted"]), 3)
        self.storage.delete_bucket(Bucket=self.name)
        with self.refused("404"):
            self.storage.head_bucket(Bucket=self.name)

    def test_a_bucket_for_tls_only_can_be_used(self) -> None:
        arn = f"arn:aws:s3:::{self.name}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": f"{arn}/closed",
                },
            ],
        }
        self.storage.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))
        self.assertEqual(
            json.loads(self.storage.get_bucket_policy(Bucket=self.name)["Policy"]), policy
        )
        allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
        storage = self.client("s3", self.user("uploader", allowed))
        storage.put_object(Bucket=self.name, Key="open", Body=b"x")
        storage.put_object(Bucket=self.name, Key="closed", Body=b"x")
        storage.get_object(Bucket=self.name, Key="open", ExpectedBucketOwner=ACCOUNT)
        with self.refused("AccessDenied"):
            storage.get_object(Bucket=self.name, Key="closed")
        stranger = self.client("s3", self.user("stranger"))
        with self.refused("AccessDenied"):
            stranger.get_object(Bucket=self.name, Key="open")


if __name__ == "__main__":
    unittest.main()
