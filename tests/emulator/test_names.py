"""The pin: every name of ministack that the emulator uses is one that it looks for."""

from __future__ import annotations

import ast
import importlib
import logging
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from local_aws import PACKAGE_FOLDER, command, environment

sys.path.insert(0, str(PACKAGE_FOLDER))
sys.dont_write_bytecode = True
logging.getLogger("kms").setLevel(logging.ERROR)

from keyrota_emulator import replaced  # noqa: E402

SOURCES = sorted((PACKAGE_FOLDER / "keyrota_emulator").glob("*.py"))


def used_names(source: pathlib.Path) -> set[tuple[str, str]]:
    """Returns each module of ministack with each name of it that a file uses."""
    tree = ast.parse(source.read_text())
    aliases: dict[str, str] = {}
    used: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not any(it.name.startswith("ministack") for it in node.names), source
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            for name in node.names:
                try:
                    importlib.import_module(f"{node.module}.{name.name}")
                except ModuleNotFoundError:
                    used.add((node.module, name.name))
                else:
                    aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if module := aliases.get(node.value.id):
                used.add((module, node.attr))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "put" and (module := aliases.get(ast.unparse(node.args[0]))):
                used.add((module, ast.literal_eval(node.args[1])))
    return used


def run(before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the emulator after some other code has changed the installed ministack."""
    with tempfile.TemporaryDirectory() as directory:
        program = (
            f"import sys\nsys.argv[1:] = {list(arguments)!r}\n{before}\n"
            "from keyrota_emulator.__main__ import main\nsys.exit(main())"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(directory),
            timeout=20,
        )
        assert not list(pathlib.Path(directory).iterdir()), "a temporary directory is left"
        return result


class Names(unittest.TestCase):
    def test_what_is_used_is_looked_for(self) -> None:
        used = set().union(replaced.ENTRIES, *(used_names(source) for source in SOURCES))
        listed = {(module, name) for module, names in replaced.NAMES.items() for name in names}
        # The two modules that start processes are named in a loop.
        for module in ("core.lambda_runtime", "services.lambda_svc"):
            used |= {(f"ministack.{module}", name) for name in ("os", "subprocess")}
        self.assertEqual(used - listed, set(), "used, but not in NAMES")
        self.assertEqual(listed - used, set(), "in NAMES, but not used")

    def test_the_pin_is_the_same_everywhere(self) -> None:
        pins = (PACKAGE_FOLDER / "requirements.txt").read_text()
        self.assertIn(f"\nministack=={replaced.VERSION} \\\n", pins)

    def test_every_pin_has_hashes(self) -> None:
        marker = r"( ; python_full_version [<>]=? '3\.11')?"
        pin = re.compile(rf"[a-z0-9-]+==\S+{marker}( --hash=sha256:[0-9a-f]{{64}})+")
        for name in ("requirements.txt", "requirements-test.txt"):
            text = (PACKAGE_FOLDER / name).read_text()
            lines = re.sub(r" *\\\n *", " ", text).splitlines()
            pins = [line for line in lines if not line.startswith("#")]
            self.assertGreater(len(pins), 5)
            for line in pins:
                self.assertRegex(line, rf"^{pin.pattern}$")

    def test_the_installed_one_passes(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run(
                command("--check"), capture_output=True, text=True, env=environment(directory)
            )
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
            self.assertEqual(list(pathlib.Path(directory).iterdir()), [])

    def test_a_missing_name_is_one_sentence(self) -> None:
        gone = (
            "from ministack.services import secretsmanager, iam\n"
            "del secretsmanager._rotate_secret, iam._IAM_HANDLERS['CreateAccessKey']"
        )
        for arguments in (["--check"], ["--port", "0"]):
            with self.subTest(arguments):
                result = run(gone, *arguments)
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stdout, "")
                lines = [line for line in result.stderr.splitlines() if "no longer" in line]
                self.assertEqual(
                    sorted(lines),
                    [
                        "ministack 1.5.33 no longer has ministack.services.iam."
                        "_IAM_HANDLERS['CreateAccessKey'], which keyrota needs.",
                        "ministack 1.5.33 no longer has ministack.services.secretsmanager."
                        "_rotate_secret, which keyrota needs.",
                    ],
                )

    def test_another_version_is_refused(self) -> None:
        result = run(
            "from importlib import metadata\nmetadata.version = lambda name: '9.9'", "--check"
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn("ministack 9.9 is installed, but only 1.5.33", result.stderr)

    def test_a_replacement_must_be_listed(self) -> None:
        module = importlib.import_module("ministack.services.iam")
        with self.assertRaises(KeyError):
            replaced.put(module, "_unlisted", None)

    def test_every_page_that_is_cited_is_of_aws(self) -> None:
        for source in SOURCES:
            for url in re.findall(r"https://\S+", source.read_text()):
                if "docs." in url:
                    self.assertRegex(url, r"^https://docs\.aws\.amazon\.com/")


if __name__ == "__main__":
    unittest.main()
