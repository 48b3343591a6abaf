"""What commands share: settings, logging, the open store, and the one line that a mistake gets."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from jarvis.config import Settings
    from jarvis.store.db import Store

T = TypeVar("T")


class CommandError(Exception):
    """A mistake of the person at the keyboard; the message says what to do."""


def settings(**overrides: object) -> "Settings":
    """The settings of this process."""
    from jarvis.config import load_settings

    return load_settings(**overrides)


def run(work: Coroutine[Any, Any, T], *, log_level: str = "WARNING") -> T:
    """The result of `work` on a fresh event loop, with logs on standard error."""
    import uvloop

    start_logging(log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def start_logging(level: str) -> None:
    """One JSON line per event on standard error. Tracebacks without local variables: they may hold a secret."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


@asynccontextmanager
async def opened_store(given: "Settings", *, migrate: bool = False) -> AsyncIterator["Store"]:
    """The store of this installation."""
    from jarvis.store.db import Store

    store = await Store.open(given.store_url, migrate=migrate)
    try:
        yield store
    finally:
        await store.close()


def say(text: str) -> None:
    """Print one line for the person."""
    print(text, flush=True)  # the address must be seen at once also where output is a file or a pipe


def make_durable(folder: Path) -> None:
    """Have the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
