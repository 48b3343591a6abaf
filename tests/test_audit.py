"""`make audit` passes on what is in this tree, and fails on each thing that it is there to find."""

import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    return module


audit = load()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what is audited."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "src").mkdir()
    for name in ("package-lock.json", ".npmrc", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_this_tree_passes_without_asking_anybody(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADVISORIES", "off")

    assert audit.main(tree) == 0
    assert "ADVISORIES=off" in capsys.readouterr().out
    parts = json.loads((tree / ".cache" / "sbom.json").read_text(encoding="utf-8"))
    assert parts["bomFormat"] == "CycloneDX"
    assert {"argon2-cffi", "htmx.org", "fastapi"} <= {part["name"] for part in parts["components"]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("leftpad>=1.0", "'leftpad>=1.0' is not pinned"),
        ("leftpad", "'leftpad' is not pinned"),
        ("git+https://example.org/leftpad", "is not pinned"),
        ("leftpad==1.0", "leftpad has no hash"),
        ("leftpad==1.0 --hash=md5:" + "0" * 64, "leftpad has no hash"),
    ],
)
def test_a_line_that_is_not_pinned_or_hashed_is_found(tree: Path, line: str, words: str) -> None:
    with (tree / "requirements" / "run.txt").open("a", encoding="utf-8") as lock:
        lock.write(f"{line}\n")

    (problem,) = audit.lock_problems(tree)

    assert words in problem


def test_one_thing_that_is_wrong_fails_the_whole(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADVISORIES", "off")
    with (tree / "requirements" / "dev.txt").open("a", encoding="utf-8") as lock:
        lock.write("leftpad>=1.0\n")

    assert audit.main(tree) == 1
    assert "FAIL locks" in capsys.readouterr().out


def test_another_version_than_the_locked_one_is_found(tree: Path) -> None:
    path = tree / "requirements" / "run.txt"
    pin = next(each for each in audit.pins_of(path.read_text(encoding="utf-8")) if each.name == "argon2-cffi")
    change(path, f"argon2-cffi=={pin.version}", "argon2-cffi==0.0.1")
    change(path, "alembic==", "no-such-thing==1 --hash=sha256:" + "0" * 64 + "\nalembic==")

    problems = audit.installed_problems(tree)

    assert f"argon2-cffi {pin.version} is installed, run.txt locks 0.0.1" in problems
    assert "no-such-thing 1 is locked in run.txt and not installed" in problems


def test_a_lock_for_another_machine_is_not_asked_about() -> None:
    (pin,) = audit.pins_of('pywin32==1 ; sys_platform == "win32" \\\n    --hash=sha256:' + "0" * 64 + "\n    # via x\n")

    assert not pin.applies
    assert pin.hashes == 1


def test_browser_libraries_need_hashes_and_may_run_nothing(tree: Path) -> None:
    change(tree / "package-lock.json", '"integrity": "sha512-', '"integrity": "sha1-')
    change(tree / ".npmrc", "ignore-scripts=true", "")
    change(tree / "package-lock.json", '"license": "MIT"', '"license": "MIT", "hasInstallScript": true')

    problems = "\n".join(audit.npm_problems(tree))

    assert "has no sha512 integrity" in problems
    assert "wants to run a script" in problems
    assert "ignore-scripts=true is missing" in problems


def test_dangerous_code_is_found(tree: Path) -> None:
    (tree / "src" / "bad.py").write_text('"""Bad."""\n\nimport pickle\n\npickle.loads(b"")\n', encoding="utf-8")

    assert any("S301" in problem for problem in audit.code_problems(tree))


def test_advisories_that_cannot_be_asked_are_said_and_are_no_failure(tree: Path) -> None:
    problems, sentence = audit.advisory_problems(tree, "http://127.0.0.1:9/v1/query")

    assert problems == []
    assert "could not be asked, so nothing is known" in sentence


@contextmanager
def advisories(name: str) -> Iterator[str]:
    """A service that knows one advisory about a dependency."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = {
                "id": "GHSA-aaaa-bbbb-cccc",
                "summary": "bad",
                "details": "bad",
                "aliases": [],
                "affected": [
                    {
                        "package": {"name": name, "ecosystem": "PyPI"},
                        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
                    }
                ],
            }
            body = json.dumps({"vulns": [known]} if asked["package"]["name"] == name else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_known_advisory_fails(tree: Path) -> None:
    with advisories("alembic") as service:
        problems, sentence = audit.advisory_problems(tree, service)

    assert sentence == ""
    assert len(problems) == 1
    assert problems[0].startswith("alembic ")
    assert "GHSA-aaaa-bbbb-cccc, mended in 99" in problems[0]


def test_parts_that_the_source_does_not_know_are_not_called_good(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "dependencies": [
            {"name": "alembic", "skip_reason": "not found"},
            {"name": "anyio", "version": "1", "vulns": []},
        ]
    }

    def answer(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        Path(command[command.index("-o") + 1]).write_text(json.dumps(told), encoding="utf-8")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(audit, "_run", answer)

    problems, sentence = audit.advisory_problems(tree, "pypi")

    assert problems == []
    assert sentence == "advisories: pypi knows nothing of 1 of 2 parts, alembic first"
