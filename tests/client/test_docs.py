"""The page about the API says what there is, and its examples run."""

import asyncio
import os
import re
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from jarvis.client import Jarvis
from jarvis.domain.people import Scope
from jarvis.notify.kinds import WORDS, Group
from jarvis.store.queues import EVENTS
from jarvis.web.api import events as told
from tests.client.conftest import Installation
from tests.client.test_drift import DOCUMENT

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_operation_is_on_the_page_with_its_scope() -> None:
    rows = [
        f"| `{method.upper()} {path}` | {operation['summary']} | "
        f"{'any' if operation['x-scope'] == 'any' else '`' + operation['x-scope'] + '`'} |"
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]

    assert [line for line in PAGE.splitlines() if re.match(r"\| `[A-Z]+ /", line)] == rows


def test_every_scope_is_on_the_page() -> None:
    assert all(f"| `{scope.value}` |" in PAGE for scope in Scope)


def test_every_kind_of_event_is_on_the_page() -> None:
    rows = [f"| `{kind}` | {words} |" for kind, words in EVENTS.items()]

    assert "\n".join(rows) in PAGE
    description = " ".join(DOCUMENT["paths"]["/events"]["get"]["description"].split())
    assert f"{', '.join(list(EVENTS)[:-1])} or {list(EVENTS)[-1]};" in description


def test_every_group_of_notices_is_on_its_page() -> None:
    page = (DOCS / "notifications.md").read_text(encoding="utf-8")

    rows = {words.title for group, words in WORDS.items() if group is not Group.OTHER}
    assert set(re.findall(r"^\| ([A-Z][^|]*?) \| [a-z]", page, re.MULTILINE)) >= rows


def test_the_lines_for_a_shell_run(installation: Installation) -> None:
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    asked = [line for line in lines if line.startswith("curl ")]
    (account, *_) = Jarvis(installation.place).accounts().accounts
    told = {
        "PATH": os.environ["PATH"],
        "JARVIS_URL": installation.place.url,
        "JARVIS_TOKEN": installation.token,
        "ACCOUNT": account.account_id,
    }

    answers = [
        subprocess.run(["sh", "-c", line], env=told, capture_output=True, text=True, timeout=60, check=True).stdout
        for line in asked
    ]

    assert f'"account_id":"{account.account_id}"' in answers[0]
    assert '"asked":"pause"' in answers[1]
    assert answers[2].startswith("id: ")
    assert len(answers) == 3


@pytest.fixture
def environment(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("JARVIS_URL", installation.place.url)
    monkeypatch.setenv("JARVIS_TOKEN", installation.token)
    return installation


def test_the_examples_run(
    environment: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "POLL_SECONDS", 0.01)
    reading, lowering, following = EXAMPLES

    exec(compile(reading, "reading", "exec"), {})  # noqa: S102 - our own page
    assert "BTC/USD long" in capsys.readouterr().out
    exec(compile(lowering, "lowering", "exec"), {})  # noqa: S102
    assert "would raise leverage_cap" in capsys.readouterr().out

    scope: dict[str, Callable[[], Coroutine[None, None, None]]] = {}
    exec(compile(following.replace("asyncio.run(follow())", ""), "following", "exec"), scope)  # noqa: S102

    async def watch() -> None:
        task = asyncio.create_task(scope["follow"]())
        for number in range(100):
            await asyncio.to_thread(environment.say, f"{number}")
            if "activity" in capsys.readouterr().out:
                break
        else:
            pytest.fail("nothing was told")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(watch())
