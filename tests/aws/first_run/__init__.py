"""One run of keyrota in an AWS account, with a check of each assumption that an account can answer.

`main` asks and runs, `lifecycle` runs keyrota's commands, `looks` has a function for each
assumption, `ledger` records what was created, `cleanup` deletes it, and `report` writes what was
seen, without what `redaction` removes.
"""
