"""A Lambda function that restarts an ECS service when a secret has a new current version.

Its tasks read the secret when they start, for example by `secrets` in the task definition. The
environment variables CLUSTER and SERVICE name the service. Its role needs ecs:UpdateService on it.
"""

import os

import boto3

ecs = boto3.client("ecs")


def handler(event, _context):
    ecs.update_service(
        cluster=os.environ["CLUSTER"], service=os.environ["SERVICE"], forceNewDeployment=True
    )
    return {"secret": event["detail"]["name"], "version": event["detail"]["versionId"]}
