"""Candles and markets for commands: what `PAIR=FILE` means, and what an account of a demo or backtest starts with."""

from collections.abc import Mapping, Sequence
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
    from jarvis.trading.strategy import ParameterValue, Strategy

DEPOSIT = Decimal(10_000)


def candles_of(given: Sequence[str], *, start: datetime | None, days: int | None) -> "dict[Pair, list[Bar]]":
    """The candles that `PAIR=FILE` texts name, by pairs against USD; a file alone is taken for BTC/USD.

    USDT is taken as the dollar. Prices are rounded to Kraken's ticks. Raises CommandError for what cannot be used.
    """
    from jarvis.domain.instrument import Pair
    from jarvis.domain.money import USD
    from jarvis.market.history import check, load_bars
    from jarvis.sim.instruments import kraken_instruments

    begin = None if start is None else start.replace(tzinfo=UTC)
    instruments = kraken_instruments()
    bars: dict[Pair, list[Bar]] = {}
    for text in given:
        name, equals, file = text.rpartition("=")
        given_pair = pair_of(name if equals else "BTC/USD")
        pair = Pair(given_pair.base, USD) if given_pair.quote == "USDT" else given_pair
        if pair not in instruments:
            raise CommandError(f"{given_pair} is not one of the pairs: {', '.join(map(str, instruments))}")
        if pair in bars:
            raise CommandError(f"there are two files with candles of {pair}; name each pair once")
        path = Path(file).expanduser()
        if not path.exists():
            raise CommandError(f"there is no file {path}")
        report = check(path)
        first = begin or report.first_at
        end = None if days is None else first + timedelta(days=days)
        bars[pair] = load_bars(path, pair, report.interval, tick=instruments[pair].tick, start=begin, end=end)
        if not bars[pair]:
            raise CommandError(f"{path} has no candles in that time; it reaches from {report.first_at:%Y-%m-%d} on")
    return bars


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
