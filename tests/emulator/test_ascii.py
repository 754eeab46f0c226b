"""Text that is not ASCII: kept in resources, lost in what CloudFormation returns."""

from __future__ import annotations

import json
import unittest

from deploying import DeployingTest, resource

WORDS = "Schlüssel 열쇠"
LOST = "Schl?ssel ??"


class Ascii(DeployingTest):
    arguments = ("--port", "0", "--strict", "ascii")

    def test_cloudformation_returns_question_marks(self) -> None:
        template = {
            "Description": WORDS,
            "Parameters": {"Word": {"Type": "String"}},
            "Resources": {
                "Secret": resource(
                    "SecretsManager::Secret",
                    {"Name": self.stack, "Description": WORDS, "SecretString": WORDS},
                )
            },
            "Outputs": {"Word": {"Value": {"Ref": "Word"}, "Description": WORDS}},
        }
        body = "# A comment.\n" + json.dumps(template, ensure_ascii=False)
        storage = self.client("s3")
        storage.create_bucket(Bucket=self.stack)
        storage.put_object(Bucket=self.stack, Key="t", Body=body.encode())
        status = self.deploy(
            {},
            TemplateURL=f"https://{self.stack}.s3.us-east-1.amazonaws.com/t",
            Parameters=[{"ParameterKey": "Word", "ParameterValue": WORDS}],
            Tags=[{"Key": "word", "Value": WORDS}],
        )
        self.assertEqual(status, "CREATE_COMPLETE")
        returned = self.formation.get_template(StackName=self.stack, TemplateStage="Original")
        self.assertEqual(returned["TemplateBody"], body.replace(WORDS, LOST))
        stack = self.described()
        self.assertEqual(stack["Description"], LOST)
        self.assertEqual(stack["Outputs"][0]["OutputValue"], LOST)
        self.assertEqual(stack["Outputs"][0]["Description"], LOST)
        self.assertEqual(stack["Parameters"][0]["ParameterValue"], LOST)
        self.assertEqual(stack["Tags"], [{"Key": "word", "Value": LOST}])
        secret = self.manager.describe_secret(SecretId=self.stack)
        self.assertEqual(secret["Description"], WORDS)
        self.assertIn({"Key": "word", "Value": WORDS}, secret["Tags"])
        value = self.manager.get_secret_value(SecretId=self.stack)["SecretString"]
        self.assertEqual(value, WORDS)


if __name__ == "__main__":
    unittest.main()
