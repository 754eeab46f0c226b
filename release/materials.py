"""Writes what a distribution is made of: a bill of materials in CycloneDX 1.5, and the licences.

    python3 release/materials.py TARGET --sbom FILE --licences FILE

Both list the crates that the program and the functions depend on for the target, as cargo resolves
them for the whole workspace: a few of them may be linked into neither. The files have no date, so
that the same checkout gives the same bytes.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOTS = (
    "keyrota",
    "keyrota-function",
    "keyrota-database-function",
    "keyrota-service-function",
)
LICENCE = re.compile(r"^(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)


def metadata(target: str) -> dict:
    """Returns cargo's resolved packages for a target."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    command += ["--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def reached(resolved: dict) -> tuple[dict[str, list[str]], list[str]]:
    """Returns the dependencies of each package that the roots depend on, and the roots."""
    names = {package["id"]: package["name"] for package in resolved["packages"]}
    nodes = {node["id"]: node for node in resolved["resolve"]["nodes"]}
    roots = [identity for identity in nodes if names[identity] in ROOTS]
    found: dict[str, list[str]] = {}
    waiting = list(roots)
    while waiting:
        identity = waiting.pop()
        if identity in found:
            continue
        found[identity] = sorted(
            dependency["pkg"]
            for dependency in nodes[identity]["deps"]
            if any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"])
        )
        waiting.extend(found[identity])
    return found, roots


def checksums() -> dict[tuple[str, str], str]:
    """Returns the SHA-256 of each crate's archive, from the lock file."""
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    return {
        (package["name"], package["version"]): package["checksum"]
        for package in lock["package"]
        if "checksum" in package
    }


def purl(package: dict) -> str:
    """Returns the package URL of a crate."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict, sums: dict[tuple[str, str], str]) -> dict:
    """Returns a crate as a component."""
    result = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package.get("license"):
        # Cargo once accepted a slash, which SPDX does not know.
        expression = re.sub(r"\s*/\s*", " OR ", package["license"])
        result["licenses"] = [{"expression": expression}]
    digest = sums.get((package["name"], package["version"]))
    if digest:
        result["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return result


def bill(packages: dict[str, dict], graph: dict[str, list[str]]) -> dict:
    """Returns the bill of materials."""
    sums = checksums()
    main = next(package for package in packages.values() if package["name"] == "keyrota")
    ordered = sorted(graph, key=lambda identity: purl(packages[identity]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**component(main, sums), "type": "application"}},
        "components": [
            component(packages[identity], sums)
            for identity in ordered
            if packages[identity] is not main
        ],
        "dependencies": [
            {
                "ref": purl(packages[identity]),
                "dependsOn": [purl(packages[other]) for other in graph[identity]],
            }
            for identity in ordered
        ],
    }


def licences(packages: dict[str, dict], graph: dict[str, list[str]]) -> str:
    """Returns the texts of the licences, each with the crates that have it."""
    holders: dict[str, list[str]] = {}
    without = []
    for identity in graph:
        package = packages[identity]
        if package["name"].startswith("keyrota"):
            continue
        name = f"{package['name']} {package['version']} ({package.get('license')})"
        folder = pathlib.Path(package["manifest_path"]).parent
        files = [path for path in folder.iterdir() if LICENCE.match(path.name)]
        texts = [path for path in files if path.is_file()]
        texts += [inner for path in files if path.is_dir() for inner in path.iterdir()]
        for path in sorted(texts):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            holders.setdefault(text, []).append(name)
        if not texts:
            without.append(name)
    parts = ["keyrota contains the crates below. Their licences follow.\n"]
    if without:
        lines = "\n".join(f"  {name}" for name in sorted(without))
        parts.append(f"The archives of these crates contain no text of a licence:\n{lines}\n")
    rule = "-" * 80
    for text, names in sorted(holders.items(), key=lambda item: sorted(set(item[1]))):
        lines = "\n".join(f"  {name}" for name in sorted(set(names)))
        parts.append(f"{rule}\n{lines}\n\n{text}\n")
    return "\n".join(parts)


def main() -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--sbom", type=pathlib.Path, required=True)
    parser.add_argument("--licences", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    resolved = metadata(arguments.target)
    packages = {package["id"]: package for package in resolved["packages"]}
    graph, roots = reached(resolved)
    if len(roots) != len(ROOTS):
        sys.exit(f"the workspace has {len(roots)} of the packages {', '.join(ROOTS)}")
    document = bill(packages, graph)
    arguments.sbom.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    arguments.licences.write_text(licences(packages, graph))
    print(f"{len(document['components'])} components", file=sys.stderr)


if __name__ == "__main__":
    main()
