"""Deletes what the ledger records, newest first, and nothing else."""

import sys

from botocore.exceptions import BotoCoreError, ClientError

from first_run.account import code, wait_until

GONE = {
    "NoSuchEntity",
    "ResourceNotFoundException",
    "NotFound",
    "NotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
    "QueueDoesNotExist",
}
"""Codes with which AWS says that something does not exist."""

MANUALLY = {
    "user": "aws iam delete-user --user-name NAME  (delete its access keys and policies first)",
    "stack user": "aws iam delete-user --user-name NAME  (delete its access keys first)",
    "secret": "aws secretsmanager delete-secret --secret-id NAME --recovery-window-in-days 7",
    "stack secret": "aws secretsmanager delete-secret --secret-id NAME --recovery-window-in-days 7",
    "stack": "aws cloudformation delete-stack --stack-name NAME",
    "keyrota stack": "keyrota --manifest FOLDER/keyrota.yaml teardown --force-delete-secrets",
    "topic": "aws sns delete-topic --topic-arn ARN-OF-NAME",
    "queue": "aws sqs delete-queue --queue-url URL-OF-NAME",
    "rule": "aws events remove-targets --rule NAME --ids IDS && aws events delete-rule --name NAME",
}


def delete_user(account, item):
    """Deletes a user with its access keys and inline policies."""
    iam, name = account.iam, item["name"]
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    iam.delete_user(UserName=name)


def delete_secret(account, item):
    """Deletes a secret without a recovery window: its value was made for this run."""
    # A forced deletion of a secret that does not exist succeeds, so this asks first.
    account.secretsmanager.describe_secret(SecretId=item["name"])
    account.secretsmanager.delete_secret(SecretId=item["name"], ForceDeleteWithoutRecovery=True)


def delete_stack(account, item):
    """Deletes a stack, and waits until it is gone."""
    cloudformation = account.cloudformation
    cloudformation.delete_stack(StackName=item["name"])

    def gone():
        try:
            stacks = cloudformation.describe_stacks(StackName=item["name"])["Stacks"]
        except ClientError as error:
            if code(error) == "ValidationError":
                return True
            raise
        return stacks[0]["StackStatus"] == "DELETE_COMPLETE"

    if wait_until(gone, 300, 2) is None:
        raise TimeoutError("the stack is not deleted after 300 s")


def delete_topic(account, item):
    """Deletes a topic with its subscriptions."""
    if "arn" in item:
        account.sns.delete_topic(TopicArn=item["arn"])
        return
    for page in account.sns.get_paginator("list_topics").paginate():
        for topic in page["Topics"]:
            if topic["TopicArn"].endswith(f":{item['name']}"):
                account.sns.delete_topic(TopicArn=topic["TopicArn"])


def delete_queue(account, item):
    """Deletes a queue."""
    url = item.get("url") or account.sqs.get_queue_url(QueueName=item["name"])["QueueUrl"]
    account.sqs.delete_queue(QueueUrl=url)


def delete_rule(account, item):
    """Deletes a rule with its targets."""
    account.events.remove_targets(Rule=item["name"], Ids=item["targets"])
    account.events.delete_rule(Name=item["name"])


DELETIONS = {
    "user": delete_user,
    "stack user": delete_user,
    "secret": delete_secret,
    "stack secret": delete_secret,
    "stack": delete_stack,
    "topic": delete_topic,
    "queue": delete_queue,
    "rule": delete_rule,
}


def delete_keyrota_stack(keyrota):
    """Lets keyrota remove its stack. Raises if it fails."""
    done = keyrota.run("teardown", "--yes", "--force-delete-secrets", listed=False)
    if done.exit_code != 0:
        raise RuntimeError(f"keyrota teardown exited with {done.exit_code}: {done.summary}")


def clean_up(account, ledger, keyrota):
    """Deletes every item of the ledger. Returns what is left, as items with their reasons."""
    left = []
    for item in list(reversed(ledger.items)):
        if not item["name"].startswith(ledger.prefix):
            left.append((item, "its name does not begin with the run's prefix"))
            continue
        try:
            if item["kind"] == "keyrota stack":
                delete_keyrota_stack(keyrota)
            else:
                DELETIONS[item["kind"]](account, item)
        except ClientError as error:
            if code(error) not in GONE:
                left.append((item, code(error)))
                continue
        except (BotoCoreError, OSError, RuntimeError) as error:
            left.append((item, str(error)))
            continue
        ledger.remove(item)
    return left


def say_what_is_left(items, folder, output=sys.stderr):
    """Prints what is left, and how to remove it."""
    if not items:
        return
    print("\nThis is left in the account:", file=output)
    for item in items:
        print(f"  {item['kind']} {item['name']}", file=output)
        how = MANUALLY[item["kind"]].replace("NAME", item["name"]).replace("FOLDER", str(folder))
        print(f"    {how}", file=output)
    print(f"\nTo try again: first-run --clean-up {folder}", file=output)
