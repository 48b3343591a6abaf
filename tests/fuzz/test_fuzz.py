"""Every decoder that reads what others send, fuzzed for a few seconds; `make soak` goes on for longer."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.targets import NAMES, VENUES, modules_of, readers_of, target

SECONDS = float(os.environ.get("FUZZ_SECONDS", "2"))


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_sent_breaks_the_reader(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it is made for Linux and for Python before 3.14")

    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, str(max(1, round(SECONDS))), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS + 100,
        check=False,
    )

    crashes = {path.name: path.read_bytes().hex()[:400] for path in tmp_path.glob("*-*") if "begin" not in path.name}
    broken = [name for name in crashes if name.startswith(("crash", "timeout", "oom"))]
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{ {name: crashes[name] for name in broken} }"
    assert "Done " in done.stderr


@pytest.mark.parametrize("venue", VENUES)
def test_every_reader_of_a_venue_is_fuzzed(venue: str) -> None:
    names = {reader.__name__ for reader in readers_of(venue)}

    assert len(names) >= 15
    assert any(name.startswith("decode_") for name in names) or venue == "kraken"
    assert len(modules_of(venue)) >= 8


class Choices:
    """The same choices without the fuzzer, so that a machine without it tries some, too."""

    def __init__(self, data: bytes) -> None:
        self._random = Random(data)

    def ConsumeIntInRange(self, low: int, high: int) -> int:  # noqa: N802 - the library's name
        return self._random.randint(low, high)

    def ConsumeUnicodeNoSurrogates(self, length: int) -> str:  # noqa: N802
        return "".join(chr(self._random.randrange(1, 0xD7FF)) for _ in range(self._random.randint(0, length)))


@pytest.mark.parametrize("name", NAMES)
def test_made_up_answers_are_read_or_refused(name: str) -> None:
    consume = target(name, Choices)

    for number in range(400):
        consume(number.to_bytes(8, "big") * 20)
