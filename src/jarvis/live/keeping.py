"""Writing with a full disk: what must be kept is kept from the store's reserve, what is only nice to have waits."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from jarvis.store.errors import StoreFull

log = structlog.get_logger()
T = TypeVar("T")


async def kept(write: Callable[[], Awaitable[T]]) -> T:
    """What `write` gives. Meeting a full disk frees the store's reserve, so the second try can succeed."""
    try:
        return await write()
    except StoreFull as error:
        log.warning("disk_full", reason=str(error))
        return await write()


async def kept_if_possible(writing: Awaitable[None]) -> None:
    """Wait for a write that nothing depends on; with a full disk it is left out and said in the log."""
    try:
        await writing
    except StoreFull as error:
        log.warning("not_written", reason=str(error))
