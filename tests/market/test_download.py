"""Public candles of every venue's emulator into the history, interrupted and gone on with."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jarvis.domain.instrument import Pair
from jarvis.domain.market import Bar
from jarvis.market import download as downloading
from jarvis.market.download import Downloaded, Wanted, download
from jarvis.market.formats import CandleError
from jarvis.market.history import check, dataset_folder, import_candles, load_bars
from jarvis.venues.base import Unreachable
from tests.market.test_history import parquet
from tests.venues.contract.bench import MINUTE, START, Bench
from tests.venues.contract.benches import BENCHES
from tests.venues.wires import on_virtual_time

VENUES = ("kraken", "binance", "okx", "bybit")


@pytest.fixture(autouse=True)
def _small_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "AT_ONCE", 40)
    monkeypatch.setattr(downloading, "KEPT_EVERY", 3)
    monkeypatch.setattr(downloading, "_EMPTY_ENOUGH", timedelta(hours=2))


@pytest.fixture(params=VENUES)
def bench(request: pytest.FixtureRequest) -> Bench:
    bench = BENCHES[request.param]()
    bench.advance(400)
    return bench


def wanted_of(bench: Bench, root: Path, start: datetime = START, minutes: int = 400) -> Wanted:
    return Wanted(root, bench.name, bench.pair, MINUTE, start, START + minutes * MINUTE)


def kept(wanted: Wanted) -> list[Bar]:
    folder = dataset_folder(wanted.root, wanted.source, wanted.pair, wanted.interval)
    return load_bars(folder, wanted.pair, wanted.interval)


def told(bench: Bench) -> list[tuple[object, ...]]:
    candles = bench.exchange.candles(bench.pair, MINUTE)[:400]
    return [(each.bar.opened_at, each.bar.open, each.bar.high, each.bar.low, each.bar.close) for each in candles]


@on_virtual_time
async def test_the_history_holds_what_the_venue_told(bench: Bench, tmp_path: Path) -> None:
    wanted, shown = wanted_of(bench, tmp_path), list[tuple[int, int]]()

    done = await download(bench.venue, wanted, progress=lambda asked, of, _at: shown.append((asked, of)))

    assert done == Downloaded(added=400, missing=0, told_from=None)
    assert shown == [(number, 10) for number in range(10)]
    bars = kept(wanted)
    assert [(bar.opened_at, bar.open, bar.high, bar.low, bar.close) for bar in bars] == told(bench)


@on_virtual_time
async def test_what_is_there_already_is_not_asked_for_again(bench: Bench, tmp_path: Path) -> None:
    first = await download(bench.venue, wanted_of(bench, tmp_path, START + 100 * MINUTE, 200))
    asked = list[datetime]()

    both = await download(
        bench.venue, wanted_of(bench, tmp_path), progress=lambda _asked, _of, begin: asked.append(begin)
    )

    assert (first.added, both.added, both.missing) == (100, 300, 0)
    assert not any(START + 100 * MINUTE <= begin < START + 200 * MINUTE for begin in asked)


@on_virtual_time
async def test_beyond_the_venues_memory_it_stops_and_says_where_the_history_begins(
    bench: Bench, tmp_path: Path
) -> None:
    asked = list[datetime]()

    done = await download(
        bench.venue,
        wanted_of(bench, tmp_path, START - timedelta(days=30)),
        progress=lambda _asked, _of, begin: asked.append(begin),
    )

    assert done == Downloaded(added=400, missing=30 * 24 * 60, told_from=START)
    assert min(asked) >= START - timedelta(hours=3)


@on_virtual_time
async def test_cancelled_it_keeps_what_came_and_goes_on_from_there(bench: Bench, tmp_path: Path) -> None:
    wanted, working = wanted_of(bench, tmp_path), list[asyncio.Task[Downloaded]]()

    def cancel_at_the_fifth(asked: int, _of: int, _at: datetime) -> None:
        if asked == 5:
            working[0].cancel()

    working.append(asyncio.create_task(download(bench.venue, wanted, progress=cancel_at_the_fifth)))
    with pytest.raises(asyncio.CancelledError):
        await working[0]

    assert [bar.opened_at for bar in kept(wanted)] == [START + n * MINUTE for n in range(200, 400)]
    done = await download(bench.venue, wanted)
    assert (done.added, done.missing) == (200, 0)


class Failing:
    """A venue whose every other answer does not come, and none after `lives` of them."""

    def __init__(self, bench: Bench, lives: int) -> None:
        self.name = bench.venue.name
        self._venue, self._lives, self._turn = bench.venue, lives, 0

    async def bars(self, pair: Pair, interval: timedelta, since: datetime, until: datetime) -> Sequence[Bar]:
        self._turn += 1
        if self._turn % 2 or not self._lives:
            raise Unreachable("no answer")
        self._lives -= 1
        return await self._venue.bars(pair, interval, since, until)


@on_virtual_time
async def test_a_venue_that_fails_for_a_while_is_asked_again(bench: Bench, tmp_path: Path) -> None:
    done = await download(Failing(bench, 99), wanted_of(bench, tmp_path))  # type: ignore[arg-type]

    assert (done.added, done.missing) == (400, 0)


@on_virtual_time
async def test_a_venue_that_fails_for_good_ends_it_and_what_came_stays(bench: Bench, tmp_path: Path) -> None:
    wanted = wanted_of(bench, tmp_path)

    with pytest.raises(Unreachable):
        await download(Failing(bench, 4), wanted)  # type: ignore[arg-type]

    assert len(kept(wanted)) == 160


@on_virtual_time
async def test_a_hole_in_the_middle_is_filled_and_the_rest_stays_as_it_was(tmp_path: Path) -> None:
    bench = BENCHES["binance"]()
    bench.advance(400)
    start = int(START.timestamp()) * 1000
    rows = [(start + n * 60_000, 7.0, 7.0, 7.0, 7.0, 1.0) for n in range(400) if not 150 <= n < 160]
    import_candles(parquet(tmp_path, rows), tmp_path, source=bench.name, pair=bench.pair)
    wanted = wanted_of(bench, tmp_path)

    done = await download(bench.venue, wanted)

    assert done == Downloaded(added=10, missing=0, told_from=None)
    assert [bar.opened_at for bar in kept(wanted) if bar.close != 7] == [START + n * MINUTE for n in range(150, 160)]
    assert not check(dataset_folder(tmp_path, bench.name, bench.pair, MINUTE)).gaps


def test_no_time_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CandleError, match="no time between"):
        Wanted(tmp_path, "binance", Pair.parse("BTC/USDT"), MINUTE, START, START)
