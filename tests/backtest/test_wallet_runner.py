"""The exact backtest at venues that settle by wallet: the books agree with the wallet, to the last digit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jarvis.backtest.result import BacktestResult
from jarvis.backtest.runner import Backtest, Followed, run
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.domain.traits import Settlement, VenueTraits
from jarvis.ledger.journal import Account, EntryKind
from jarvis.sim.instruments import binance_instruments, bybit_instruments, okx_instruments
from jarvis.sim.models import BINANCE, BYBIT, KRAKEN, OKX
from jarvis.trading.limits import Limits
from tests.backtest.test_runner import BTC as BTC_USD
from tests.backtest.test_runner import ETH as ETH_USD
from tests.backtest.test_runner import MINUTE, QUICK, walk

USDT = Asset("USDT")
BTC, ETH = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
VENUES = {
    "binance": (BINANCE, binance_instruments(), VenueTraits(Settlement.WALLET, reduce_only=False, amends=False)),
    "okx": (OKX, okx_instruments(), VenueTraits(Settlement.WALLET, reduce_only=True, amends=True)),
    "bybit": (BYBIT, bybit_instruments(), VenueTraits(Settlement.WALLET, reduce_only=False, amends=True)),
}


def moved(pair: Pair, told: Pair, first: int, minutes: int, seed: int) -> list[Bar]:
    """A random walk on a coarse grid, told as a USDT pair."""
    tick = Decimal(1) if first > 10_000 else Decimal("0.1")
    return [
        replace(
            bar,
            pair=told,
            open=round_nearest(bar.open, tick),
            high=round_nearest(bar.high, tick),
            low=round_nearest(bar.low, tick),
            close=round_nearest(bar.close, tick),
        )
        for bar in walk(pair, first, minutes, seed)
    ]


def wanted(venue: str, minutes: int = 1200) -> Backtest:
    model, instruments, traits = VENUES[venue]
    bars = {BTC: moved(BTC_USD, BTC, 80_000, minutes, 1), ETH: moved(ETH_USD, ETH, 2_500, minutes, 2)}
    return Backtest(
        bars=bars,
        followed=[Followed("moving_average_crossover", pair, 5 * MINUTE, QUICK) for pair in bars],
        limits=Limits(allowed_pairs=frozenset(bars), risk_per_trade=Decimal("0.005")),
        instruments=instruments,
        leverage_caps=dict.fromkeys(bars, 5),
        deposits={USDT: Decimal(20_000)},
        model=model,
        asset=USDT,
        seed=1,
        traits=traits,
    )


@pytest.fixture(scope="module", params=VENUES)
def result(request: pytest.FixtureRequest) -> BacktestResult:
    return run(wanted(request.param))


def test_it_trades_both_ways_and_the_books_agree_with_the_wallet(result: BacktestResult) -> None:
    assert len([trade for trade in result.trades if trade.closed_at]) >= 5
    assert {trade.side for trade in result.trades} == set(Side)
    assert not any(result.residual.values()), result.residual
    assert result.agrees


def test_fees_and_interest_are_in_the_waterfalls(result: BacktestResult) -> None:
    assert all(trade.waterfall.trading_fee < 0 for trade in result.trades)
    assert all(trade.waterfall.opening_fee == 0 for trade in result.trades)
    assert any(entry.kind is EntryKind.INTEREST and entry.position_id for entry in result.entries)
    assert {fill.fee_asset for fill in result.fills if fill.side is Side.BUY} <= {BTC.base, ETH.base}


def test_what_is_left_at_the_end_is_money_and_dust(result: BacktestResult) -> None:
    is_flat = all(trade.closed_at for trade in result.trades)
    prices = {BTC.base: Decimal(80_000), ETH.base: Decimal(2_500)}
    for asset, price in prices.items():
        assert not is_flat or abs(result.venue_balances.get(asset, ZERO) * price) < 50
    earned = result.totals[Account.CASH, USDT] - 20_000
    assert not is_flat or abs(earned - result.waterfall.total) < 50


def test_the_same_input_gives_the_same_result_at_a_wallet() -> None:
    assert run(wanted("bybit", 300)).to_json() == run(wanted("bybit", 300)).to_json()


def test_traits_and_model_that_settle_differently_are_refused() -> None:
    with pytest.raises(ValueError, match="settle in the same way"):
        replace(wanted("okx", 10), traits=VenueTraits())
    with pytest.raises(ValueError, match="settle in the same way"):
        replace(wanted("okx", 10), model=KRAKEN)


def test_a_debt_outlives_no_position(result: BacktestResult) -> None:
    charged = [entry for entry in result.entries if entry.kind is EntryKind.INTEREST]

    assert all(entry.position_id for entry in charged)
