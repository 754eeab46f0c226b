"""The scripts of `actions/deploy`, with a keyrota that only says what it was asked, and with a
stand-in for GitHub's API."""

import http.server
import importlib.util
import json
import os
import re
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

ACTION = Path(__file__).resolve().parents[2] / "actions" / "deploy"
INPUTS = {
    "INPUT_COMMAND": "plan",
    "INPUT_REGION": "",
    "INPUT_MANIFEST": "keyrota.yaml",
    "INPUT_ENVIRONMENT": "",
    "INPUT_RENDERED": "rendered",
    "INPUT_TEMPLATES": "",
    "INPUT_FUNCTION_ZIP": "",
    "INPUT_DATABASE_FUNCTION_ZIP": "",
    "INPUT_SERVICE_FUNCTION_ZIP": "",
}


def uncommented(text):
    """Returns a script or a workflow without its lines of comments."""
    return re.sub(r"(?m)^\s*#.*$", "", text)


class Run(unittest.TestCase):
    """`run.sh`."""

    def run_action(self, code=0, output="", messages="", files=None, **inputs):
        """Runs the script beside some files, and returns its exit code, its log, its outputs, and the arguments.

        What the comment would show is left in `self.plan`.
        """
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            stub = folder / "bin" / "keyrota"
            stub.parent.mkdir()
            stub.write_text(
                '#!/bin/bash\nprintf "%s\\n" "$@" >"$ARGUMENTS"\nprintf "%s" "$OUTPUT"\n'
                'printf "%s" "$MESSAGES" >&2\nexit "$CODE"\n'
            )
            stub.chmod(0o755)
            environment = {
                **INPUTS,
                **inputs,
                "PATH": f"{stub.parent}:{os.environ['PATH']}",
                "GITHUB_OUTPUT": str(folder / "outputs"),
                "RUNNER_TEMP": str(folder),
                "ARGUMENTS": str(folder / "arguments"),
                "CODE": str(code),
                "OUTPUT": output,
                "MESSAGES": messages,
            }
            for name, content in (files or {}).items():
                (folder / name).write_text(content)
            done = subprocess.run(
                [ACTION / "run.sh"], cwd=folder, env=environment, text=True, capture_output=True
            )
            outputs, arguments = folder / "outputs", folder / "arguments"
            plan = folder / "keyrota-plan.txt"
            self.plan = plan.read_text() if plan.exists() else None
            return (
                done.returncode,
                done.stdout,
                outputs.read_text() if outputs.exists() else "",
                arguments.read_text().splitlines() if arguments.exists() else None,
            )

    def test_a_plan_with_changes_succeeds_and_says_so(self):
        exit_code, log, outputs, arguments = self.run_action(code=4, output="add Function\n")
        self.assertEqual(exit_code, 0)
        self.assertEqual(outputs, "exit-code=4\nchanges=true\n")
        self.assertIn("add Function", log)
        self.assertEqual(
            arguments,
            "--manifest keyrota.yaml --color never --quiet plan --detailed-exitcode".split(),
        )

    def test_every_other_failure_fails(self):
        for command in ("check", "plan", "bootstrap"):
            for code in (1, 2, 3, 4, 5, 6, 130):
                if (command, code) != ("plan", 4):
                    result = self.run_action(code=code, INPUT_COMMAND=command)
                    self.assertEqual(result[0], 1, (command, code))
                    self.assertIn(f"exit-code={code}\n", result[2])
            self.assertEqual(self.run_action(INPUT_COMMAND=command)[0], 0)

    def test_inputs_are_arguments_and_never_shell_text(self):
        hostile = "$(touch pwned) `touch pwned`; touch pwned\n"
        _, _, _, arguments = self.run_action(
            INPUT_COMMAND="bootstrap", INPUT_MANIFEST=hostile, INPUT_FUNCTION_ZIP="a b.zip"
        )
        self.assertEqual(arguments[:2], ["--manifest", hostile.strip()])
        self.assertEqual(arguments[-2:], ["--function-zip", "a b.zip"])
        self.assertIn("--yes", arguments)

    def test_output_gives_the_runner_no_commands(self):
        _, log, _, _ = self.run_action(output="::add-path::/tmp/evil\n")
        before, _, rest = log.partition("::add-path::/tmp/evil\n")
        pause = before.strip().removeprefix("::stop-commands::")
        self.assertRegex(pause, r"^[0-9a-f]{32}$")
        self.assertTrue(rest.startswith(f"::{pause}::\n"), log)

    def test_the_comment_shows_messages_too(self):
        _, log, _, _ = self.run_action(code=3, output="add Function\n", messages="error: refused\n")
        self.assertEqual(self.plan, "add Function\nerror: refused\n")
        self.assertIn("error: refused", log)

    def test_python_imports_nothing_from_the_checkout(self):
        hostile = {"secrets.py": "raise SystemExit('imported from the checkout')\n"}
        for command in ("check", "plan", "bootstrap"):
            exit_code, log, _, arguments = self.run_action(files=hostile, INPUT_COMMAND=command)
            self.assertEqual(exit_code, 0, log)
            self.assertIsNotNone(arguments)

    def test_every_python_of_the_action_is_isolated(self):
        for name in ("action.yml", "run.sh"):
            started = re.findall(r"python3\b[^\n]*", uncommented((ACTION / name).read_text()))
            self.assertTrue(started, name)
            for line in started:
                self.assertRegex(line, r'^python3"? -I ')

    def test_an_unknown_command_runs_nothing(self):
        exit_code, _, _, arguments = self.run_action(INPUT_COMMAND="teardown")
        self.assertEqual((exit_code, arguments), (1, None))


def comment_module():
    """Returns `comment.py` as a module."""
    specification = importlib.util.spec_from_file_location("comment", ACTION / "comment.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class GitHub(http.server.BaseHTTPRequestHandler):
    """Lists the server's comments, and records what it is asked to write."""

    def do_GET(self):
        page = int(self.path.rpartition("page=")[2])
        self.answer(self.server.comments[100 * (page - 1) : 100 * page])

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.written.append((self.command, self.path, content["body"]))
        self.answer({})

    do_PATCH = do_POST

    def answer(self, content):
        content = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Comment(unittest.TestCase):
    """`comment.py`."""

    ENVIRONMENT = {
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "token",
        "PULL_REQUEST": "7",
        "COMMIT": "0123abc",
        "EXIT_CODE": "4",
        "INPUT_WORKING_DIRECTORY": ".",
        "INPUT_MANIFEST": "keyrota.yaml",
        "INPUT_ENVIRONMENT": "",
    }

    def setUp(self):
        self.comment = comment_module()
        self.server = http.server.HTTPServer(("127.0.0.1", 0), GitHub)
        self.server.comments, self.server.written = [], []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def write(self, text="add Function"):
        """Runs the script, and returns what it wrote."""
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(text)
            file.flush()
            environment = {
                **os.environ,
                **self.ENVIRONMENT,
                "GITHUB_API_URL": f"http://127.0.0.1:{self.server.server_port}",
            }
            subprocess.run(
                ["python3", "-I", ACTION / "comment.py", file.name], env=environment, check=True
            )
        return self.server.written

    def existing(self, number, kind, body):
        return {"id": number, "user": {"type": kind}, "body": body}

    def test_the_first_comment_is_new(self):
        [(method, path, body)] = self.write()
        self.assertEqual((method, path), ("POST", "/repos/o/r/issues/7/comments"))
        self.assertIn("There are changes", body)
        self.assertIn("```text\nadd Function\n```", body)
        self.assertIn("0123abc", body)

    def test_the_comment_of_an_earlier_run_is_replaced(self):
        mark = self.comment.marker(self.ENVIRONMENT)
        others = [self.existing(number, "User", "hello") for number in range(100)]
        self.server.comments = [*others, self.existing(1000, "Bot", f"{mark}\nold")]
        [(method, path, _)] = self.write()
        self.assertEqual((method, path), ("PATCH", "/repos/o/r/issues/comments/1000"))

    def test_a_person_cannot_have_the_comment(self):
        mark = self.comment.marker(self.ENVIRONMENT)
        self.server.comments = [self.existing(1, "User", f"{mark}\nforged")]
        self.assertEqual(self.write()[0][0], "POST")

    def test_another_manifest_has_another_comment(self):
        other = {**self.ENVIRONMENT, "INPUT_MANIFEST": "other.yaml"}
        self.assertNotEqual(self.comment.marker(self.ENVIRONMENT), self.comment.marker(other))

    def test_no_plan_leaves_its_fence(self):
        [(_, _, body)] = self.write("```\n@everyone\n`````\n<img src=x>")
        self.assertIn("``````text\n```\n@everyone", body)
        self.assertIn("<img src=x>\n``````\n", body)

    def test_a_long_plan_is_cut(self):
        [(_, _, body)] = self.write("x" * 100_000)
        self.assertLess(len(body), 65_536)
        self.assertIn("longer than a comment", body)


if __name__ == "__main__":
    unittest.main()
