"""A person's own strategies: one file each in a folder, run apart from everything that is secret (decision 031)."""

import re
from pathlib import Path

FOLDER = "strategies"
"""The folder of own strategies, in the data folder."""
NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
"""What a strategy of one's own, its file and its parameters may be called."""


def files_in(folder: Path) -> list[Path]:
    """The strategy files of a folder, by name; those that begin with `_` or `.` are the person's own business."""
    return sorted(path for path in folder.glob("*.py") if path.name[0] not in "_.") if folder.is_dir() else []
