"""The Terraform module: it parses, its README calls it as it is, and it can set every parameter of
every rendered stack. Terraform itself validates it only with the AWS provider, which no package
registry has; where Terraform is installed, it checks the format."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import hcl2

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "examples" / "terraform"
PARAMETERS = re.compile(r"^Parameters:\n((?:  .*\n)+)", re.MULTILINE)


def unquoted(text):
    """Returns an HCL string without its quotes, which some versions of the parser keep."""
    return text.strip('"')


def parsed(text):
    return hcl2.loads(text if text.endswith("\n") else text + "\n")


class Terraform(unittest.TestCase):
    def blocks(self, kind):
        """Returns the labels of all blocks of a kind."""
        found = []
        for file in sorted(MODULE.glob("*.tf")):
            for block in parsed(file.read_text()).get(kind, []):
                found += [unquoted(name) for name in block]
        return found

    def test_the_readme_calls_the_module_as_it_is(self):
        readme = (MODULE / "README.md").read_text()
        example = next(text for text in re.findall(r"```hcl\n(.*?)```", readme, re.DOTALL) if "module" in text)
        [module] = parsed(example)["module"]
        [arguments] = module.values()
        given = {unquoted(name) for name in arguments if not name.startswith("__")}
        self.assertEqual(given - {"source"}, set(self.blocks("variable")))

    def test_every_parameter_of_every_rendered_stack_can_be_set(self):
        names = set()
        with tempfile.TemporaryDirectory() as folder:
            for manifest in sorted((ROOT / "examples").glob("*.yaml")):
                output = Path(folder, manifest.stem)
                command = [os.environ["KEYROTA"], "-q", "-f", manifest, "generate", "-o", output]
                subprocess.run(command, check=True, capture_output=True)
                for template in output.glob("stack*.yaml"):
                    [block] = PARAMETERS.findall(template.read_text())
                    names |= set(re.findall(r"^  (\w+):$", block, re.MULTILINE))
        keys = {name for name in names if name.endswith("ArtifactKey")}
        self.assertIn("ArtifactKey", keys)
        versions = {re.sub("Key$", "Version", name) for name in keys}
        self.assertEqual(names, {"ArtifactBucket"} | keys | versions)

    def test_objects_have_the_keys_that_bootstrap_looks_for(self):
        module = (MODULE / "main.tf").read_text()
        source = (ROOT / "src" / "plan" / "artifact.rs").read_text()
        for name, expression in {
            "FUNCTION": "${filesha256(path)}.zip",
            "TEMPLATE": "${sha256(local.template)}.yaml",
        }.items():
            [prefix] = re.findall(rf'^const {name}: &str = "(.*)";', source, re.MULTILINE)
            self.assertIn(f'"${{var.stack}}/{prefix}{expression}"', module)

    @unittest.skipUnless(shutil.which("terraform"), "Terraform is not installed")
    def test_the_module_is_formatted(self):
        command = ["terraform", "fmt", "-check", "-diff", str(MODULE)]
        done = subprocess.run(command, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
