"""A database's rotation function as AWS publishes them, to measure ours beside it.

It rotates the password of one user, who changes it itself, in four steps, as
AWS's templates for a single user do: one client of Secrets Manager a step, one
call after another, and one connection after another to the server. `driver` is
what differs between servers.

Do not use it. It checks the pending version against the other versions only,
not against anything that whoever writes the secret cannot change; and PostgreSQL
is sent the new password itself, which ends up in its log of statements.
"""

import json
import logging

import boto3
import driver

logger = logging.getLogger()
logger.setLevel(logging.INFO)

LENGTH = 32
EXCLUDED = "/@\"'\\"


def lambda_handler(event, context):
    secret_id = event["SecretId"]
    token = event["ClientRequestToken"]
    step = event["Step"]

    secrets = boto3.client("secretsmanager")
    secret = secrets.describe_secret(SecretId=secret_id)
    if not secret.get("RotationEnabled"):
        raise ValueError("the secret is not to be rotated")
    stages = secret["VersionIdsToStages"]
    if token not in stages:
        raise ValueError("the secret has no such version")
    if "AWSCURRENT" in stages[token]:
        logger.info("the version is current already")
        return
    if "AWSPENDING" not in stages[token]:
        raise ValueError("the version is not pending")

    if step == "createSecret":
        create_secret(secrets, secret_id, token)
    elif step == "setSecret":
        set_secret(secrets, secret_id, token)
    elif step == "testSecret":
        test_secret(secrets, secret_id, token)
    elif step == "finishSecret":
        finish_secret(secrets, secret_id, token)
    else:
        raise ValueError("there is no such step")


def create_secret(secrets, secret_id, token):
    value = read(secrets, secret_id, "AWSCURRENT")
    try:
        read(secrets, secret_id, "AWSPENDING", token)
        logger.info("the version has a password already")
    except secrets.exceptions.ResourceNotFoundException:
        made = secrets.get_random_password(PasswordLength=LENGTH, ExcludeCharacters=EXCLUDED)
        value["password"] = made["RandomPassword"]
        secrets.put_secret_value(
            SecretId=secret_id,
            ClientRequestToken=token,
            SecretString=json.dumps(value),
            VersionStages=["AWSPENDING"],
        )
        logger.info("the new password is pending")


def set_secret(secrets, secret_id, token):
    try:
        previous = read(secrets, secret_id, "AWSPREVIOUS")
    except secrets.exceptions.ResourceNotFoundException:
        previous = None
    current = read(secrets, secret_id, "AWSCURRENT")
    pending = read(secrets, secret_id, "AWSPENDING", token)

    connection = driver.connect(pending)
    if connection:
        connection.close()
        logger.info("the server has the pending password already")
        return
    check_same(pending, current)

    connection = driver.connect(current)
    if not connection and previous:
        check_same(pending, previous)
        connection = driver.connect(previous)
    if not connection:
        raise ValueError("no password of the secret works")
    try:
        driver.change(connection, pending)
    finally:
        connection.close()
    logger.info("the password was changed")


def test_secret(secrets, secret_id, token):
    connection = driver.connect(read(secrets, secret_id, "AWSPENDING", token))
    if not connection:
        raise ValueError("the pending password does not work")
    try:
        driver.look(connection)
    finally:
        connection.close()
    logger.info("the pending password works")


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


def check_same(pending, other):
    for field in ("username", "host"):
        if pending[field] != other[field]:
            raise ValueError("the pending version has another " + field)


def read(secrets, secret_id, stage, token=None):
    which = {"SecretId": secret_id, "VersionStage": stage}
    if token:
        which["VersionId"] = token
    value = json.loads(secrets.get_secret_value(**which)["SecretString"])
    if value["engine"] != driver.ENGINE:
        raise ValueError("the secret is for another kind of server")
    for field in ("host", "username", "password"):
        if field not in value:
            raise KeyError(field + " is missing from the secret")
    return value
