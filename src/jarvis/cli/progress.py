"""A bar for what takes long, on standard error and only where somebody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(what: str, total: int | None) -> Iterator[Callable[[str, int], None]]:
    """Call the answer with what was worked on and how many of it were just done."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda name, count: bar.update(task, advance=count, description=f"{what} {name}")
