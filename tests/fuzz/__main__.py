"""`python -m tests.fuzz NAME SECONDS FOLDER`: fuzz one target; the exit status is that of the fuzzer.

What broke it lies in the folder afterwards, as `crash-…`.
"""

import sys
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(
    include=["jarvis.venues", "jarvis.signer", "jarvis.web.reports", "jarvis.web.messages.hooks_parse", "jarvis.notify"]
):
    from tests.fuzz.targets import target

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
