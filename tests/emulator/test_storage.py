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

    def test_a_bucket_of_another_owner_than_expected_is_refused(self) -> None:
        self.storage.put_object(Bucket=self.name, Key="k", Body=b"x")
        self.storage.head_bucket(Bucket=self.name, ExpectedBucketOwner=ACCOUNT)
        other = "111122223333"
        with self.refused("403"):
            self.storage.head_bucket(Bucket=self.name, ExpectedBucketOwner=other)
        for refused in (
            lambda: self.storage.get_object(Bucket=self.name, Key="k", ExpectedBucketOwner=other),
            lambda: self.storage.put_object(
                Bucket=self.name, Key="k", Body=b"y", ExpectedBucketOwner=other
            ),
            lambda: self.storage.put_bucket_policy(
                Bucket=self.name, Policy="{}", ExpectedBucketOwner=other
            ),
        ):
            with self.refused("AccessDenied"):
                refused()
        held = self.storage.get_object(Bucket=self.name, Key="k")
        self.assertEqual(held["Body"].read(), b"x")

    def test_a_version_is_read_with_a_permission_of_its_own(self) -> None:
        self.storage.put_bucket_versioning(
            Bucket=self.name, VersioningConfiguration={"Status": "Enabled"}
        )
        stored = [
            self.storage.put_object(Bucket=self.name, Key="k", Body=body)["VersionId"]
            for body in (b"one", b"two")
        ]
        allowed = {"Effect": "Allow", "Resource": f"arn:aws:s3:::{self.name}/*"}
        newest = self.client("s3", self.user("newest", {**allowed, "Action": "s3:GetObject"}))
        any_of_them = {**allowed, "Action": "s3:GetObjectVersion"}
        versions = self.client("s3", self.user("versions", any_of_them))
        self.assertEqual(newest.get_object(Bucket=self.name, Key="k")["VersionId"], stored[1])
        with self.refused("AccessDenied"):
            newest.get_object(Bucket=self.name, Key="k", VersionId=stored[0])
        held = versions.get_object(Bucket=self.name, Key="k", VersionId=stored[0])
        self.assertEqual(held["Body"].read(), b"one")
        with self.refused("AccessDenied"):
            versions.get_object(Bucket=self.name, Key="k")
        with self.refused("NoSuchVersion"):
            gone = "00000000-0000-4000-8000-000000000000"
            versions.get_object(Bucket=self.name, Key="k", VersionId=gone)

    def test_what_is_not_set_is_said_so(self) -> None:
        self.assertNotIn("Status", self.storage.get_bucket_versioning(Bucket=self.name))
        with self.refused("NoSuchBucketPolicy"):
            self.storage.get_bucket_policy(Bucket=self.name)
        with self.refused("NoSuchPublicAccessBlockConfiguration"):
            self.storage.delete_public_access_block(Bucket=self.name)
            self.storage.get_public_access_block(Bucket=self.name)

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
