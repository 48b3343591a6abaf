"""One strategy on the same candles at every venue: the same decisions, and each difference in PnL explained."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from jarvis.backtest import runner
from jarvis.backtest.comparison import PARTS, Comparison, compare
from jarvis.backtest.report import comparison_text
from jarvis.backtest.result import BacktestResult
from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.backtest.venues import SETUPS
from jarvis.domain.instrument import Side
from jarvis.domain.money import ZERO
from jarvis.trading.engine import Engine
from jarvis.trading.events import Action, EngineEvent
from jarvis.trading.limits import Limits
from jarvis.trading.strategy import Signal
from tests.backtest.test_runner import BTC, ETH, MINUTE, QUICK, walk

BARS = {BTC: walk(BTC, 80_000, 1100, 1), ETH: walk(ETH, 2_500, 1100, 2)}
CENT = Decimal("0.01")
WITHOUT_TARGETS = {**QUICK, "target_atr": 0, "second_target_atr": 0}


def at_every_venue(values: Mapping[str, object]) -> dict[str, BacktestResult]:
    return {name: run(wanted(name, values)) for name in SETUPS}


def wanted(name: str, values: Mapping[str, object]) -> Backtest:
    setup = SETUPS[name]
    bars = setup.told(BARS)
    return Backtest(
        bars=bars,
        followed=[Followed("moving_average_crossover", pair, 5 * MINUTE, values) for pair in bars],
        limits=Limits(allowed_pairs=frozenset(bars)),
        instruments=setup.instruments,
        leverage_caps=dict.fromkeys(bars, 5),
        deposits={setup.quote: Decimal(20_000)},
        model=setup.model,
        asset=setup.quote,
        traits=setup.traits,
    )


class Listening(Engine):
    heard: list[tuple[object, ...]]

    def process(self, event: EngineEvent) -> list[Action]:
        if isinstance(event, Signal):
            self.heard.append((event.at, event.pair.base, event.target, event.price))
        return super().process(event)


@pytest.fixture(scope="module")
def plain_stops() -> Comparison:
    return compare(at_every_venue(WITHOUT_TARGETS))


@pytest.fixture(scope="module")
def with_targets() -> Comparison:
    return compare(at_every_venue(QUICK))


def test_every_venue_hears_the_same_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = {}
    for name in SETUPS:
        heard[name] = list[tuple[object, ...]]()
        monkeypatch.setattr(runner, "Engine", type("Heard", (Listening,), {"heard": heard[name]}))
        run(wanted(name, WITHOUT_TARGETS))

    assert len(heard["kraken"]) >= 20
    assert all(each == heard["kraken"] for each in heard.values())


def test_every_venue_enters_and_leaves_at_the_same_times_for_the_same_reasons(plain_stops: Comparison) -> None:
    results = plain_stops.results

    assert len(results["kraken"].trades) >= 20
    assert {trade.side for trade in results["kraken"].trades} == {Side.BUY, Side.SELL}
    assert set(plain_stops.unlike_entries.values()) == {0}
    assert set(plain_stops.unlike_exits.values()) == {0}
    decided = {
        name: [(each.pair.base, each.side, each.opened_at, each.exit_role, each.closed_at) for each in result.trades]
        for name, result in results.items()
    }
    assert all(each == decided["kraken"] for each in decided.values())


def test_with_plain_stops_fees_finance_size_lot_and_tick_explain_everything(plain_stops: Comparison) -> None:
    for each in plain_stops.differences:
        assert each.exits == each.decisions == each.other == 0
        assert each.trading_fees > 0, "the first venue is the dearest"
        assert each.opening_fees > 0
        assert each.finance
        assert each.lot
        assert each.tick
        assert abs(each.tick) + abs(each.lot) < abs(each.net) / 100, "rounding is no reason for much"


def test_a_target_that_waits_is_reached_at_another_time_than_one_that_is_watched(with_targets: Comparison) -> None:
    assert set(with_targets.unlike_entries.values()) == {0}
    assert with_targets.unlike_exits["kraken"] == 0
    for each in with_targets.differences:
        assert with_targets.unlike_exits[each.venue] > 0
        assert each.exits
        assert each.decisions == 0


@pytest.mark.parametrize("kind", ["plain_stops", "with_targets"])
def test_the_parts_add_up_to_the_difference_of_the_venues_own_records(
    kind: str, request: pytest.FixtureRequest
) -> None:
    comparison: Comparison = request.getfixturevalue(kind)
    first = comparison.results["kraken"]

    assert [each.venue for each in comparison.differences] == list(comparison.results)[1:]
    for each in comparison.differences:
        there = comparison.results[each.venue]
        assert there.agrees, "the journal is not what the venue has"
        assert each.net == there.waterfall.total - first.waterfall.total
        assert sum((getattr(each, part) for part in PARTS), ZERO) == each.net
        assert each.residual == 0


def test_every_fill_and_fee_of_a_wallet_is_its_own_positions(plain_stops: Comparison) -> None:
    for name, result in plain_stops.results.items():
        rate = SETUPS[name].model.fee.taker_rate
        for trade in result.trades:
            paid = sum((fill.fee_in_quote(CENT) for fill in trade.fills), ZERO)
            traded = sum((fill.cost for fill in trade.fills), ZERO)
            assert abs(-trade.waterfall.trading_fee - paid) < 5 * CENT, (name, trade.position_id)
            assert abs(paid - traded * rate) < 5 * CENT


def test_what_only_one_venue_opened_is_a_part_of_its_own(plain_stops: Comparison) -> None:
    first = plain_stops.results["kraken"]
    gone, *kept = first.trades
    poorer = replace(first, trades=kept)

    (difference,) = compare({"kraken": first, "poorer": poorer}).differences

    assert difference.decisions == -(gone.waterfall.price + gone.waterfall.slippage)
    assert difference.residual == difference.tick == difference.lot == 0


def test_the_table_shows_every_part_and_that_nothing_is_left(plain_stops: Comparison) -> None:
    text = comparison_text(plain_stops)
    kept = plain_stops.to_json()

    assert text.splitlines()[-1].split() == ["not", "explained", "0", "0", "0", "0"]
    assert "tick: prices rounded" in text
    assert set(kept["differences"]) == set(SETUPS) - {"kraken"}
    assert {each["residual"] for each in kept["differences"].values()} == {"0"}
    assert kept["venues"]["bybit"]["agrees"]
