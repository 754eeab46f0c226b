#!/usr/bin/env python3
"""Prints SMTP passwords for fixed inputs, as `smtp.txt` has them.

The algorithm is that of "Obtaining Amazon SES SMTP credentials by converting existing AWS
credentials" in the Amazon SES Developer Guide, with Python's standard library only, so that the
values do not depend on the code that they test. `python3 smtp.py > smtp.txt` writes them again.
"""

import base64
import hashlib
import hmac

# None is a real key. The first is the example of AWS's documentation.
KEYS = [
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "0" * 40,
    "a+/" * 13 + "Z",
]
REGIONS = ["us-east-1", "eu-west-1", "ap-northeast-2", "us-gov-west-1"]


def password(key: str, region: str) -> str:
    signature = hmac.new(("AWS4" + key).encode(), b"11111111", hashlib.sha256).digest()
    for message in (region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.digest(signature, message.encode(), "sha256")
    return base64.b64encode(bytes([4]) + signature).decode()


for key in KEYS:
    for region in REGIONS:
        print(key, region, password(key, region))
