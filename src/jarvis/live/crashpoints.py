"""Named places where a test may kill the process; nothing at all in production.

`JARVIS_CRASH_AT=before_send` kills this process with SIGKILL when it first gets there, `before_send:3` the third
time. Read once at import: a name that nobody set costs one dictionary look-up.
"""

import os
import signal

_name, _, _count = os.environ.get("JARVIS_CRASH_AT", "").partition(":")
_remaining = {_name: int(_count or 1)} if _name else {}


def crashpoint(name: str) -> None:
    """Die here, as if the power had gone, if a test asked for it."""
    if name in _remaining:
        _remaining[name] -= 1
        if _remaining[name] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
