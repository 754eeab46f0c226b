"""A rotation function for the tests: it records its events and does as it is told."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from local_aws import ACCOUNT, LocalAwsTest, eventually, zipped

CODE = '''
import json, os, time
import botocore.session

manager = botocore.session.Session().create_client("secretsmanager")

def handler(event, context):
    with open(os.environ["RECORD"], "a") as record:
        record.write(json.dumps(event) + "\\n")
    step, token, secret = event["Step"], event["ClientRequestToken"], event["SecretId"]
    control = os.environ["RECORD"] + ".control"
    told = json.load(open(control)) if os.path.exists(control) else {}
    while told.get("wait") == step and not os.path.exists(control + ".go"):
        time.sleep(0.01)
    if told.get("fail") == step:
        raise RuntimeError("told to fail")
    versions = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert "AWSPENDING" in versions[token], versions
    if step == "createSecret":
        current = json.loads(manager.get_secret_value(SecretId=secret)["SecretString"])
        value = {"n": current["n"] + 1}
        try:
            manager.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except manager.exceptions.ResourceNotFoundException:
            manager.put_secret_value(SecretId=secret, ClientRequestToken=token,
                                     SecretString=json.dumps(value), VersionStages=["AWSPENDING"])
    if step == "finishSecret" and not told.get("idle"):
        current = next(v for v, stages in versions.items() if "AWSCURRENT" in stages)
        manager.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT",
                                            MoveToVersionId=token, RemoveFromVersionId=current)
'''

POLICY = {
    "Effect": "Allow",
    "Action": [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ],
    "Resource": f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:rotated-*",
}


class RotatingTest(LocalAwsTest):
    """A test class with a rotation function, and a fresh secret for each test."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.record = cls.directory / "record"
        cls.control = pathlib.Path(f"{cls.record}.control")
        cls.manager = cls.client("secretsmanager")
        cls.function = cls.client("lambda").create_function(
            FunctionName="rotate",
            Runtime="python3.12",
            Handler="index.handler",
            Role=cls.role(cls(), "rotate", POLICY),
            Timeout=20,
            Code={"ZipFile": zipped({"index.py": CODE})},
            Environment={"Variables": {"RECORD": str(cls.record)}},
        )["FunctionArn"]
        cls.client("lambda").add_permission(
            FunctionName="rotate",
            StatementId="rotation",
            Principal="secretsmanager.amazonaws.com",
            Action="lambda:InvokeFunction",
            SourceAccount=ACCOUNT,
        )

    def setUp(self) -> None:
        for path in (self.record, self.control, pathlib.Path(f"{self.control}.go")):
            path.unlink(missing_ok=True)
        self.secret = f"rotated-{self.id().rsplit('.', 1)[-1]}"
        self.arn = self.manager.create_secret(Name=self.secret, SecretString='{"n": 1}')["ARN"]

    def tell(self, **words: Any) -> None:
        """Tells the function what to do from now on."""
        self.control.write_text(json.dumps(words))

    def go(self) -> None:
        """Lets a function that waits go on."""
        pathlib.Path(f"{self.control}.go").touch()

    def events(self) -> list[dict[str, str]]:
        """Returns the events that the function has got."""
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def steps(self) -> list[str]:
        """Returns the steps that the function has run."""
        return [event["Step"] for event in self.events()]

    def rotate(self, **options: Any) -> dict[str, Any]:
        """Asks for a rotation by the function."""
        return self.manager.rotate_secret(
            SecretId=self.secret, RotationLambdaARN=self.function, **options
        )

    def describe(self) -> dict[str, Any]:
        """Returns what Secrets Manager says of the secret."""
        return self.manager.describe_secret(SecretId=self.secret)

    def stages(self) -> dict[str, str]:
        """Returns the version that each label is on."""
        versions = self.describe().get("VersionIdsToStages", {})
        return {stage: version for version, stages in versions.items() for stage in stages}

    def rotated(self) -> dict[str, Any]:
        """Waits for a rotation to be over and returns the description."""
        return eventually(lambda: (it := self.describe()).get("LastRotatedDate") and it)
