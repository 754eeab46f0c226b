"""A rotation function as they are usually written, to measure ours beside it.

It rotates the access key of an IAM user in four steps: a client for each
service and step, one call after another, the version's stages looked at first.
It makes the key in setSecret, and makes room by deleting the older of two keys.

Do not use it. After a rotation that failed half-way the older key is the one in
use; its retry makes a key each time; and its test passes whatever happens.
"""

import json
import logging

import boto3
from botocore.exceptions import ClientError

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def lambda_handler(event, context):
    secret_id = event["SecretId"]
    token = event["ClientRequestToken"]
    step = event["Step"]

    secrets = boto3.client("secretsmanager")
    stages = secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]
    if token not in stages:
        raise ValueError("the secret has no such version")
    if "AWSCURRENT" in stages[token]:
        logger.info("the version is current already")
        return
    if "AWSPENDING" not in stages[token]:
        raise ValueError("the version is not pending")

    if step == "createSecret":
        logger.info("the key is made in setSecret")
    elif step == "setSecret":
        set_secret(secrets, secret_id, token)
    elif step == "testSecret":
        test_secret(secrets, secret_id, token)
    elif step == "finishSecret":
        finish_secret(secrets, secret_id, token)
    else:
        raise ValueError("there is no such step")


def set_secret(secrets, secret_id, token):
    current = read(secrets, SecretId=secret_id, VersionStage="AWSCURRENT")
    origin = read(secrets, SecretId=current["secretarn"], VersionStage="AWSCURRENT")
    user = current["username"]
    iam = client_of(origin)

    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    if len(keys) > 1:
        oldest = min(keys, key=lambda key: key["CreateDate"])["AccessKeyId"]
        logger.info("deleting the oldest key %s", oldest)
        iam.delete_access_key(UserName=user, AccessKeyId=oldest)

    key = iam.create_access_key(UserName=user)["AccessKey"]
    current["accesskey"] = key["AccessKeyId"]
    current["secretkey"] = key["SecretAccessKey"]
    secrets.put_secret_value(
        SecretId=secret_id,
        ClientRequestToken=token,
        SecretString=json.dumps(current),
        VersionStages=["AWSPENDING"],
    )
    logger.info("the new key is pending")


def test_secret(secrets, secret_id, token):
    pending = read(secrets, SecretId=secret_id, VersionId=token, VersionStage="AWSPENDING")
    iam = client_of(pending)
    try:
        iam.get_account_authorization_details()
    except ClientError as error:
        if error.response["Error"]["Code"] == "AuthFailure":
            raise ValueError("the new key does not work") from error


def finish_secret(secrets, secret_id, token):
    stages = secrets.describe_secret(SecretId=secret_id)["VersionIdsToStages"]
    current = None
    for version, labels in stages.items():
        if "AWSCURRENT" in labels:
            if version == token:
                logger.info("the version is current already")
                return
            current = version
            break
    secrets.update_secret_version_stage(
        SecretId=secret_id,
        VersionStage="AWSCURRENT",
        MoveToVersionId=token,
        RemoveFromVersionId=current,
    )
    logger.info("the new version is current")


def client_of(value):
    return boto3.client(
        "iam",
        aws_access_key_id=value["accesskey"],
        aws_secret_access_key=value["secretkey"],
    )


def read(secrets, **which):
    return json.loads(secrets.get_secret_value(**which)["SecretString"])
