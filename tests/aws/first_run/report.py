"""The report, as JSON and as Markdown, without what identifies the account."""

import json

from first_run.assumption import DIFFERENT, EXPECTED, FAILED, NOT_LOOKED_AT

VERDICTS = (EXPECTED, DIFFERENT, NOT_LOOKED_AT, FAILED)


def collect(heading, commands, looks, account, left):
    """Returns the report's content. `looks` are pairs of an assumption and what was seen."""
    return {
        **heading,
        "commands": [
            {
                "command": each.command,
                "exit_code": each.exit_code,
                "seconds": round(each.seconds, 1),
                "summary": each.summary,
            }
            for each in commands
        ],
        "assumptions": [
            {
                "name": each.name,
                "row": each.row,
                "expectation": each.expectation,
                "verdict": result.verdict,
                "seen": result.text,
                "seconds": None if result.seconds is None else round(result.seconds, 1),
            }
            for each, result in looks
        ],
        "throttled": [
            {"call": name, "refused": count, "of": account.calls[name]}
            for name, count in sorted(account.throttles.items())
        ],
        "left": [{"kind": item["kind"], "reason": reason} for item, reason in left],
    }


def cell(value):
    """Returns a value as a cell of a table."""
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def table(heading, rows):
    """Returns a table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines)


def markdown(content):
    """Returns the report as Markdown."""
    counts = {verdict: 0 for verdict in VERDICTS}
    for each in content["assumptions"]:
        counts[each["verdict"]] += 1
    facts = [
        [name, content[name]]
        for name in ("account", "region", "keyrota", "botocore", "python", "started", "minutes", "end")
    ]
    parts = [
        "# A first run of keyrota",
        table(["", ""], facts),
        "## Assumptions",
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".",
        table(
            ["row of docs/truth.md", "expectation", "result", "seen", "seconds"],
            [
                [each["row"], each["expectation"], f"**{each['verdict']}**", each["seen"], each["seconds"]]
                for each in content["assumptions"]
            ],
        ),
        "## Commands",
        table(
            ["command", "exit code", "seconds", "result"],
            [
                [f"`{each['command']}`", each["exit_code"], each["seconds"], each["summary"]]
                for each in content["commands"]
            ],
        ),
        "## Throttled calls of this script",
        table(
            ["call", "refused", "of"],
            [[each["call"], each["refused"], each["of"]] for each in content["throttled"]],
        )
        if content["throttled"]
        else "None.",
        "## Left in the account",
        table(["what", "why"], [[each["kind"], each["reason"]] for each in content["left"]])
        if content["left"]
        else "Nothing.",
    ]
    return "\n\n".join(parts) + "\n"


def write(folder, content, redactor):
    """Writes `report.json` and `report.md`, redacted. Raises `SecretInText` before it writes a secret."""
    redacted = redactor.redact_all(content)
    files = {
        "report.json": json.dumps(redacted, indent=2, ensure_ascii=False) + "\n",
        "report.md": markdown(redacted),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]
