"""The pre-commit hook, in a repository of its own, and the GitLab template."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = "version: 1\nstack: payments-keys\naccess_keys: [{ user: ada }]\n"


class PreCommit(unittest.TestCase):
    """`.pre-commit-hooks.yaml`, as pre-commit installs it from a repository."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PRE_COMMIT_HOME": str(self.folder / "home"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        }
        program = self.folder / "bin" / "keyrota"
        program.parent.mkdir()
        program.symlink_to(os.environ["KEYROTA"])
        # The hook's repository, with a tag as a release has one.
        hooks = self.repository("hooks")
        shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
        self.commit(hooks)
        self.run_in(hooks, "git", "tag", "v0.1.0")
        self.user = self.repository("user")
        (self.user / "keyrota.yaml").write_text(MANIFEST)
        (self.user / ".pre-commit-config.yaml").write_text(
            f"repos:\n  - repo: {hooks}\n    rev: v0.1.0\n    hooks: [{{ id: keyrota-check }}]\n"
        )

    def run_in(self, folder, *command):
        return subprocess.run(
            command, cwd=folder, env=self.environment, text=True, capture_output=True, check=False
        )

    def repository(self, name):
        folder = self.folder / name
        folder.mkdir()
        self.run_in(folder, "git", "init", "--quiet")
        return folder

    def commit(self, folder):
        self.run_in(folder, "git", "add", "--all")
        done = self.run_in(folder, "git", "commit", "--quiet", "--message", "c")
        self.assertEqual(done.returncode, 0, done.stderr)

    def hook(self):
        """Stages everything, runs the hook, and returns its exit code and its output."""
        self.run_in(self.user, "git", "add", "--all")
        done = self.run_in(self.user, "pre-commit", "run", "--color", "never")
        return done.returncode, done.stdout + done.stderr

    def test_the_hook_fails_until_the_rendering_is_up_to_date(self):
        code, output = self.hook()
        self.assertEqual(code, 1, output)
        self.assertIn("exit code: 4", output)
        rendered = self.run_in(self.user, "keyrota", "--quiet", "generate")
        self.assertEqual(rendered.returncode, 0, rendered.stderr)
        code, output = self.hook()
        self.assertEqual(code, 0, output)
        self.assertIn("Passed", output)

    def test_the_hook_runs_when_an_adapter_changes(self):
        shutil.copy(ROOT / "examples" / "services.yaml", self.user / "keyrota.yaml")
        (self.user / "adapters").mkdir()
        shutil.copy(ROOT / "examples" / "adapters" / "portal.yaml", self.user / "adapters")
        rendered = self.run_in(self.user, "keyrota", "--quiet", "generate")
        self.assertEqual(rendered.returncode, 0, rendered.stderr)
        self.assertEqual(self.hook()[0], 0)
        self.commit(self.user)
        adapter = self.user / "adapters" / "portal.yaml"
        text = adapter.read_text()
        self.assertIn("portal.example.com", text)
        adapter.write_text(text.replace("portal.example.com", "portal.example.org"))
        code, output = self.hook()
        self.assertEqual(code, 1, output)
        self.assertIn("exit code: 4", output)

    def test_the_hook_skips_commits_that_do_not_concern_it(self):
        self.commit(self.user)
        (self.user / "README.md").write_text("hello\n")
        code, output = self.hook()
        self.assertEqual(code, 0, output)
        self.assertIn("no files to check", output)


class GitLab(unittest.TestCase):
    """`examples/ci/gitlab.yml`."""

    def test_the_template_conforms_to_gitlabs_schema(self):
        command = "check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci"
        done = subprocess.run(
            [*command.split(), ROOT / "examples" / "ci" / "gitlab.yml"],
            text=True,
            capture_output=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
