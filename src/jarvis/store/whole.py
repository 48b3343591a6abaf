"""Calls that are never cut in the middle.

A cancellation inside the database library leaves a connection behind that nobody closes and that may hold SQLite's
one writing lock (seen with SQLAlchemy 2.1.9 and aiosqlite 0.22.1: the next writer waits until it gives up). So a
cancelled caller of the store waits until its transaction is over, which is milliseconds, and is cancelled then.
"""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_Call = Callable[_P, Coroutine[Any, Any, _Result]]

_whole_already: set[object] = set()


def whole(call: _Call[_P, _Result]) -> _Call[_P, _Result]:
    """`call`, but a cancellation is raised when it is done."""

    @wraps(call)
    async def call_to_the_end(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
        work = asyncio.create_task(call(*args, **kwargs))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await over(work)
            raise

    return call_to_the_end


def whole_by_itself(call: _Call[_P, _Result]) -> _Call[_P, _Result]:
    """`call`, which needs no task of its own to be whole: when it is cancelled, it waits for what it began."""
    _whole_already.add(call)
    return call


async def over(work: asyncio.Future[Any]) -> None:
    """Wait until `work` is done, for somebody who was cancelled and whom neither its result nor more of that helps."""
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            continue
    if not work.cancelled():
        work.exception()


class WholeCalls:
    """Makes every public coroutine method of its subclasses `whole`, so that none can be forgotten."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, member in list(vars(cls).items()):
            if inspect.iscoroutinefunction(member) and not name.startswith("_") and member not in _whole_already:
                setattr(cls, name, whole(member))
