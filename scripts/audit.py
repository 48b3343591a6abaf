"""What this program is made of, and whether that can be trusted: `make audit`.

Every line of the locks has hashes, what is installed is what they say, the browser libraries have integrity hashes and
run no scripts, our own code passes the security rules, and no known advisory names a dependency. Writes the list of
parts (CycloneDX) to `.cache/sbom.json`. Only the advisories need a network: `ADVISORIES` names their source (`pypi`,
`osv`, the address of an OSV service, or `off`), and one that cannot be reached is said and is no failure.
"""  # noqa: INP001 - a script, not a package

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
SBOM = ".cache/sbom.json"
LOCKS = ("run.txt", "dev.txt", "build.txt", "node.txt")
INSTALLED = ("run.txt", "dev.txt", "build.txt")
_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[a-z0-9,_-]+\])?==(?P<version>[^\s;]+)\s*(;\s*(?P<marker>[^\\]+?))?\s*$"
)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    marker: str
    hashes: int

    @property
    def applies(self) -> bool:
        """Whether it is for this machine."""
        return not self.marker or Marker(self.marker).evaluate()


def main(root: Path = ROOT) -> int:
    """The exit status: 0 when nothing is wrong."""
    wrong = 0
    for title, problems in (
        ("locks: every line is pinned and hashed", lock_problems(root)),
        ("installed: as locked", installed_problems(root)),
        ("browser libraries: integrity hashes, no scripts", npm_problems(root)),
        ("our code: the security rules", code_problems(root)),
        (f"parts: listed in {SBOM}", sbom_problems(root)),
    ):
        wrong += len(problems)
        _say("FAIL" if problems else "ok", title, problems)
    problems, sentence = advisory_problems(root, os.environ.get("ADVISORIES", "pypi"))
    _say(
        "FAIL" if problems else "??" if sentence else "ok", sentence or "advisories: none names a dependency", problems
    )
    return 1 if wrong or problems else 0


def _say(mark: str, title: str, problems: list[str]) -> None:
    print(f"{mark:4} {title}", *(f"       {problem}" for problem in problems), sep="\n")  # noqa: T201


def pins_of(text: str) -> Iterator[Pin | str]:
    """Every requirement of a lock; one that is not pinned as text."""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.partition(" #")[0].strip()
        if not stripped or stripped.startswith("#"):
            continue
        requirement = stripped.partition("--hash")[0].strip()
        match = _PINNED.fullmatch(requirement)
        hashes = len(_HASH.findall(stripped))
        yield requirement if match is None else Pin(match["name"], match["version"], match["marker"] or "", hashes)


def lock_problems(root: Path) -> list[str]:
    """What is not pinned to one version and its hashes."""
    problems = []
    for name in LOCKS:
        pins = list(pins_of((root / "requirements" / name).read_text(encoding="utf-8")))
        if not pins:
            problems.append(f"{name} names nothing")
        for pin in pins:
            if isinstance(pin, str):
                problems.append(f"{name}: {pin!r} is not pinned to one version")
            elif not pin.hashes:
                problems.append(f"{name}: {pin.name} has no hash")
    return problems


def installed_problems(root: Path) -> list[str]:
    """What is installed in another version than locked, or not at all."""
    problems = []
    for name in INSTALLED:
        for pin in pins_of((root / "requirements" / name).read_text(encoding="utf-8")):
            if isinstance(pin, str) or not pin.applies:
                continue
            try:
                installed = metadata.version(pin.name)
            except metadata.PackageNotFoundError:
                problems.append(f"{pin.name} {pin.version} is locked in {name} and not installed")
                continue
            if installed != pin.version:
                problems.append(f"{pin.name} {installed} is installed, {name} locks {pin.version}")
    return problems


def npm_problems(root: Path) -> list[str]:
    """What npm could fetch unseen, or would run."""
    lock: dict[str, Any] = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    problems = []
    for path, package in lock["packages"].items():
        if path and not str(package.get("integrity", "")).startswith("sha512-"):
            problems.append(f"{path} has no sha512 integrity")
        if package.get("hasInstallScript"):
            problems.append(f"{path} wants to run a script when it is installed")
    if "ignore-scripts=true" not in (root / ".npmrc").read_text(encoding="utf-8").split():
        problems.append(".npmrc lets packages run scripts: ignore-scripts=true is missing")
    return problems


def code_problems(root: Path) -> list[str]:
    """What the linter's security rules find in our own code; the programs that it starts are our own."""
    done = _run(
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--select",
        "S",
        "--ignore",
        "S603,S607",
        "--output-format",
        "concise",
        "src",
        "scripts",
        cwd=root,
    )
    return [] if done.returncode == 0 else done.stdout.splitlines() or [done.stderr.strip()]


def sbom_problems(root: Path) -> list[str]:
    """Writes the list of parts; says what kept it from being written."""
    target = root / SBOM
    target.parent.mkdir(parents=True, exist_ok=True)
    done = _run(
        sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON",
        "--pyproject", "pyproject.toml", "-o", str(target), "requirements/run.txt", cwd=root,
    )  # fmt: skip
    if done.returncode != 0:
        return [done.stderr.strip().splitlines()[-1]]
    document = json.loads(target.read_text(encoding="utf-8"))
    lock = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in lock["packages"].items():
        if path:
            name = path.removeprefix("node_modules/")
            document["components"].append(
                {
                    "type": "library",
                    "bom-ref": f"npm-{name}",
                    "name": name,
                    "version": package["version"],
                    "purl": f"pkg:npm/{name}@{package['version']}",
                }
            )
    target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    listed = {component["name"].lower() for component in document["components"]}
    pins = pins_of((root / "requirements" / "run.txt").read_text(encoding="utf-8"))
    return [f"{pin.name} is not listed" for pin in pins if isinstance(pin, Pin) and pin.name.lower() not in listed]


def advisory_problems(root: Path, source: str) -> tuple[list[str], str]:
    """Known advisories about what is locked, or a sentence why nobody could be asked."""
    if source == "off":
        return [], "advisories: not asked for (ADVISORIES=off)"
    where = ["-s", source] if source in ("pypi", "osv") else ["-s", "osv", "--osv-url", source]
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "audit.json"
        done = _run(
            sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", "requirements/run.txt",
            "--progress-spinner", "off", "--timeout", "10", "-f", "json", "-o", str(answer), *where, cwd=root,
        )  # fmt: skip
        if not answer.exists():
            last = (done.stderr.strip().splitlines() or ["no answer"])[-1]
            return [], f"advisories: {source} could not be asked, so nothing is known of them ({last[:120]})"
        found = json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
    problems = []
    for each in found:
        for advisory in each.get("vulns", []):
            mended = ", ".join(advisory["fix_versions"]) or "nothing yet"
            problems.append(f"{each['name']} {each['version']}: {advisory['id']}, mended in {mended}")
    unknown = [each["name"] for each in found if "skip_reason" in each]
    if unknown:
        return (
            problems,
            f"advisories: {source} knows nothing of {len(unknown)} of {len(found)} parts, {unknown[0]} first",
        )
    return problems, ""


def _run(*command: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


if __name__ == "__main__":
    sys.exit(main())
