#!/usr/bin/env python3
"""Writes the output of `keyrota plan` into one comment of a pull request.

    comment.py FILE

The comment of an earlier run is replaced. It is recognized by its first line, and only if a bot wrote
it: anyone can write a comment, and its author can edit it afterwards.
"""

import hashlib
import json
import os
import re
import sys
import urllib.request

# GitHub accepts 65,536 characters in a comment.
MOST = 60_000
VERDICTS = {
    "0": "No changes.",
    "4": "**There are changes.**",
    "3": "**Refused.** Nothing would be deployed:",
}


def marker(environment):
    """Returns the first line of the comment. It distinguishes several manifests in one pull request."""
    names = ("INPUT_WORKING_DIRECTORY", "INPUT_MANIFEST", "INPUT_ENVIRONMENT")
    identity = json.dumps([environment[name] for name in names])
    return f"<!-- keyrota plan {hashlib.sha256(identity.encode()).hexdigest()[:16]} -->"


def fenced(text):
    """Returns the text in a fence that nothing in the text can close."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def body(environment, text):
    """Returns the comment."""
    cut = ""
    if len(text) > MOST:
        text = text[:MOST]
        cut = "\n\nThe plan is longer than a comment can be. The log of the workflow has all of it."
    verdict = VERDICTS.get(
        environment["EXIT_CODE"],
        f"**Failed**, with exit code {environment['EXIT_CODE']}:",
    )
    names = environment["INPUT_WORKING_DIRECTORY"], environment["INPUT_MANIFEST"]
    heading = re.sub(r"[^\w./ -]", "?", os.path.normpath(os.path.join(*names)))
    if environment["INPUT_ENVIRONMENT"]:
        heading += " -e " + re.sub(r"[^\w./-]", "?", environment["INPUT_ENVIRONMENT"])
    return (
        f"{marker(environment)}\n### keyrota plan: `{heading}`\n\n{verdict}\n\n"
        f"{fenced(text or 'no output')}{cut}\n\nFor commit {environment['COMMIT']}."
    )


def request(environment, method, path, content=None):
    """Returns the answer of GitHub's API."""
    call = urllib.request.Request(
        f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}/{path}",
        method=method,
        data=None if content is None else json.dumps(content).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {environment['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(call, timeout=30) as answer:
        return json.load(answer)


def earlier(environment):
    """Returns the ID of the comment that an earlier run wrote, or `None`."""
    page = 1
    while True:
        path = f"issues/{environment['PULL_REQUEST']}/comments?per_page=100&page={page}"
        comments = request(environment, "GET", path)
        for comment in comments:
            by_bot = comment["user"] and comment["user"]["type"] == "Bot"
            if by_bot and comment["body"].startswith(marker(environment)):
                return comment["id"]
        if len(comments) < 100:
            return None
        page += 1


def main():
    environment = os.environ
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        content = {"body": body(environment, file.read())}
    comment = earlier(environment)
    if comment is None:
        request(environment, "POST", f"issues/{environment['PULL_REQUEST']}/comments", content)
    else:
        request(environment, "PATCH", f"issues/comments/{comment}", content)


if __name__ == "__main__":
    main()
