"""`python -m tests.fuzz NAME SECONDS FOLDER`: fuzz one target; the exit status is that of the fuzzer.

What broke it lies in the folder afterwards, as `crash-…`.
"""

import importlib
import sys
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-untyped]

READ_BY = {
    "envelope": ("jarvis.signer.core",),
    "frames": ("jarvis.signer.frames", "jarvis.signer.server"),
    "web": ("jarvis.notify.webhook", "jarvis.web.proxies", "jarvis.web.reports"),
    "alerts": ("jarvis.web.messages.hooks_parse",),
}
"""What each target reads with: only that is watched for new ways through it, as watching is slow to begin."""

_NAME = sys.argv[1]
if _NAME == "web":
    importlib.import_module("jarvis.web.context")  # what its readers need is not what is tried

with atheris.instrument_imports(include=["jarvis"]):
    for _module in READ_BY.get(_NAME, (f"jarvis.venues.{_NAME}",)):
        importlib.import_module(_module)

from tests.fuzz.targets import target  # noqa: E402 - after what is watched

BEGINNINGS = 300


def main() -> None:
    """Fuzz until the time is over or something breaks."""
    name, seconds, folder = sys.argv[1:]
    consume = target(name, atheris.FuzzedDataProvider)
    _begin_with(Path(folder))
    arguments = [sys.argv[0], f"-max_total_time={seconds}", "-seed=7", "-max_len=4096", "-len_control=0", "-timeout=20"]
    atheris.Setup([*arguments, f"-artifact_prefix={folder}/", folder], consume)
    atheris.Fuzz()


def _begin_with(folder: Path) -> None:
    """Long inputs to begin with: what is made of a short one is an empty object."""
    random = Random(7)
    for number in range(BEGINNINGS):
        (folder / f"begin-{number}").write_bytes(random.randbytes(random.randrange(64, 2048)))


if __name__ == "__main__":
    main()
