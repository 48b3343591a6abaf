"""Candles and markets for commands: what `PAIR=FILE` means, and what an account of a demo or backtest starts with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis.cli.wiring import CommandError, settings

if TYPE_CHECKING:
    from jarvis.domain.instrument import Pair
    from jarvis.domain.market import Bar
    from jarvis.sim.market import PriceSource
    from jarvis.trading.limits import Limits
    from jarvis.trading.strategy import BarArrays, ParameterValue, Strategy

DEPOSIT = Decimal(10_000)


def candles_of(given: Sequence[str], *, start: datetime | None, days: int | None) -> "dict[Pair, list[Bar]]":
    """The candles that `PAIR=FILE` texts name, by pairs against USD; a file alone is taken for BTC/USD.

    USDT is taken as the dollar. Prices are rounded to Kraken's ticks. Raises CommandError for what cannot be used.
    """
    from jarvis.market.history import load_bars

    bars: dict[Pair, list[Bar]] = {}
    for named in _named(given, start, days):
        bars[named.pair] = load_bars(
            named.path, named.pair, named.interval, tick=named.tick, start=named.start, end=named.end
        )
        if not bars[named.pair]:
            raise CommandError(named.is_empty)
    return bars


def columns_of(
    given: Sequence[str], *, start: datetime | None, days: int | None
) -> "tuple[dict[Pair, BarArrays], timedelta]":
    """The same candles as float columns, and their one size. Raises CommandError for what cannot be used."""
    from jarvis.market.history import load_columns

    columns: dict[Pair, BarArrays] = {}
    sizes = set()
    for named in _named(given, start, days):
        columns[named.pair] = load_columns(
            named.path, named.pair, named.interval, tick=named.tick, start=named.start, end=named.end
        )
        sizes.add(named.interval)
        if not len(columns[named.pair]):
            raise CommandError(named.is_empty)
    if len(sizes) != 1:
        raise CommandError("the files hold candles of several sizes; name files of one size")
    return columns, sizes.pop()


@dataclass(frozen=True, slots=True)
class _Named:
    """One `PAIR=FILE` and what of it is wanted."""

    pair: "Pair"
    path: Path
    interval: timedelta
    tick: Decimal
    start: datetime | None
    end: datetime | None
    is_empty: str


def _named(given: Sequence[str], start: datetime | None, days: int | None) -> "Iterator[_Named]":
    from jarvis.domain.instrument import Pair
    from jarvis.domain.money import USD
    from jarvis.market.history import check
    from jarvis.sim.instruments import kraken_instruments

    begin = None if start is None else start.replace(tzinfo=UTC)
    instruments = kraken_instruments()
    seen = set()
    for text in given:
        name, equals, file = text.rpartition("=")
        given_pair = pair_of(name if equals else "BTC/USD")
        pair = Pair(given_pair.base, USD) if given_pair.quote == "USDT" else given_pair
        if pair not in instruments:
            raise CommandError(f"{given_pair} is not one of the pairs: {', '.join(map(str, instruments))}")
        if pair in seen:
            raise CommandError(f"there are two files with candles of {pair}; name each pair once")
        seen.add(pair)
        path = Path(file).expanduser()
        if not path.exists():
            raise CommandError(f"there is no file {path}")
        report = check(path)
        end = None if days is None else (begin or report.first_at) + timedelta(days=days)
        is_empty = f"{path} has no candles in that time; it reaches from {report.first_at:%Y-%m-%d} on"
        yield _Named(pair, path, report.interval, instruments[pair].tick, begin, end, is_empty)


def pair_of(text: str) -> "Pair":
    """The pair that a person wrote."""
    from jarvis.domain.instrument import Pair

    try:
        return Pair.parse(text)
    except ValueError as error:
        raise CommandError(str(error)) from error


def strategy_of(name: str, given: Sequence[str]) -> "tuple[Strategy, dict[str, ParameterValue]]":
    """The strategy that a person named, and its parameters: those given as `NAME=VALUE`, the others as they are.

    An own one runs in this very process: no command that comes here holds a key.
    """
    from jarvis.own import FOLDER
    from jarvis.own.hosted import adopt_here
    from jarvis.trading.strategies import STRATEGIES
    from jarvis.trading.strategy import resolve

    if name not in STRATEGIES:
        refused = adopt_here(settings().data_dir / FOLDER)
        if name in refused:
            raise CommandError(refused[name])
    if name not in STRATEGIES:
        raise CommandError(f"there is no strategy {name!r}; there are {', '.join(STRATEGIES)}")
    try:
        return STRATEGIES[name], resolve(STRATEGIES[name], values_of(given))
    except ValueError as error:
        raise CommandError(str(error)) from error


def market_of(
    *, seed: int, candles: Sequence[str], start: datetime | None, days: int | None, synthetic_start: datetime
) -> "PriceSource":
    """Recorded candles if any are named, otherwise the synthetic market of the nine pairs."""
    from jarvis.sim.market import RecordedMarket, SyntheticMarket

    if candles:
        return RecordedMarket(candles_of(candles, start=start, days=days))
    return SyntheticMarket(seed, synthetic_start)


def starting_limits(pairs: "Mapping[Pair, object] | Sequence[Pair]") -> "Limits":
    """The limits that a demo and a backtest begin with: the defaults, on these pairs."""
    from jarvis.trading.limits import Limits

    return Limits(allowed_pairs=frozenset(pairs))


def values_of(given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping."""
    values = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"{text!r} is not NAME=VALUE")
        values[name.strip()] = value.strip()
    return values
