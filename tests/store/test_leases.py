import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from jarvis.store.db import Store, hold_instance
from jarvis.store.errors import InstanceRunning
from tests.store.samples import ACCOUNT, OTHER, TTL, at

SHORT = timedelta(milliseconds=80)


async def test_a_running_lease_keeps_others_out(store: Store) -> None:
    assert await store.acquire_lease(ACCOUNT, "one", TTL) == 1

    assert await store.acquire_lease(ACCOUNT, "two", TTL) is None
    assert await store.acquire_lease(OTHER, "two", TTL) == 1


async def test_an_ended_lease_is_taken_over_with_a_higher_fence(store: Store) -> None:
    await store.acquire_lease(ACCOUNT, "one", SHORT)
    await asyncio.sleep(SHORT.total_seconds() * 2)

    fence = await store.acquire_lease(ACCOUNT, "two", TTL)

    assert fence == 2
    assert not await store.renew_lease(ACCOUNT, "one", 1, TTL)
    assert await store.renew_lease(ACCOUNT, "two", 2, TTL)


async def test_a_renewed_lease_runs_on(store: Store) -> None:
    await store.acquire_lease(ACCOUNT, "one", SHORT)

    assert await store.renew_lease(ACCOUNT, "one", 1, TTL)
    await asyncio.sleep(SHORT.total_seconds() * 2)

    assert await store.acquire_lease(ACCOUNT, "two", TTL) is None


async def test_a_restarted_worker_takes_over_from_itself_at_once(store: Store) -> None:
    await store.acquire_lease(ACCOUNT, "one", TTL)

    assert await store.acquire_lease(ACCOUNT, "one", TTL) == 2
    assert not await store.renew_lease(ACCOUNT, "one", 1, TTL)


async def test_a_released_lease_is_free_and_its_fence_is_not_given_again(store: Store) -> None:
    await store.acquire_lease(ACCOUNT, "one", TTL)

    await store.release_lease(ACCOUNT, "two", 1)
    assert await store.acquire_lease(ACCOUNT, "two", TTL) is None
    await store.release_lease(ACCOUNT, "one", 1)

    assert await store.acquire_lease(ACCOUNT, "two", TTL) == 2


async def test_of_many_workers_exactly_one_gets_the_lease(open_store: Callable[[], Awaitable[Store]]) -> None:
    stores = [await open_store() for _ in range(4)]

    fences = await asyncio.gather(
        *(store.acquire_lease(ACCOUNT, f"worker {number}", TTL) for number, store in enumerate(stores))
    )

    assert sorted(fences, key=str) == [1, None, None, None]


async def test_a_simulation_gives_sqlite_its_own_time(sqlite_store: Store) -> None:
    assert await sqlite_store.acquire_lease(ACCOUNT, "one", TTL, at(0)) == 1

    assert await sqlite_store.acquire_lease(ACCOUNT, "two", TTL, at(14.9)) is None
    assert await sqlite_store.renew_lease(ACCOUNT, "one", 1, TTL, at(14.9))
    assert await sqlite_store.acquire_lease(ACCOUNT, "two", TTL, at(29.8)) is None
    assert await sqlite_store.acquire_lease(ACCOUNT, "two", TTL, at(29.9)) == 2


def test_a_second_instance_on_a_sqlite_database_is_refused_by_name(sqlite_url: str) -> None:
    program = f"from jarvis.store.db import hold_instance\nwith hold_instance({sqlite_url!r}):\n    print('in')"
    with hold_instance(sqlite_url):
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

        words = r"another Jarvis \(process \d+\) uses .*jarvis.db; stop it first"
        with pytest.raises(InstanceRunning, match=words), hold_instance(sqlite_url):
            pass
    assert "InstanceRunning" in other.stderr
    with hold_instance(sqlite_url):
        pass


def test_a_killed_instance_does_not_keep_the_next_one_out(sqlite_url: str) -> None:
    program = f"""
import os, signal
from jarvis.store.db import hold_instance
with hold_instance({sqlite_url!r}):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)

    assert killed.returncode == -9
    with hold_instance(sqlite_url):
        pass


def test_many_instances_may_share_a_server() -> None:
    url = "postgresql+asyncpg://jarvis@127.0.0.1/jarvis"
    with hold_instance(url), hold_instance(url):
        pass
