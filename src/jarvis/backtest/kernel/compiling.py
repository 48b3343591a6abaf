"""Machine code for the kernel, made once and kept for the next process.

numba looks at a function's own file only to see whether what it kept is still true, and not at the files of what that
function calls. So what is kept lies in a folder that is named after the whole package: whatever changes, all is new.
"""

import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])

_OPTIONS: dict[str, Any] = {"_nrt": False}
"""Nothing is allocated in the kernel, so that no reference is counted: that took nine tenths of its time."""


def compiled(function: _Function) -> _Function:
    """The function as machine code, made at its first call; kept in the user's cache folder if that can be written."""
    settings = vars(numba.config)
    others_folder, settings["CACHE_DIR"] = settings["CACHE_DIR"], str(_folder())
    try:
        return cast("_Function", numba.njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # there is no place to keep it
        return cast("_Function", numba.njit(**_OPTIONS)(function))
    finally:
        settings["CACHE_DIR"] = others_folder


def is_kept() -> bool:
    """Whether an earlier process has left the machine code of this very kernel; without it the first run takes long."""
    return any(_folder().glob("**/run.simulate-*.nbi"))


@cache
def _folder() -> Path:
    digest = sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "jarvis" / f"kernel-{digest.hexdigest()[:16]}"
