"""All prices move at once: no move is now, the solver finds what stepping finds, and the simulated venue agrees."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import OrderType
from jarvis.sim.exchange import Borrow, SimExchange, SimOrderRequest, SimPlaced
from jarvis.sim.instruments import binance_instruments, kraken_instruments
from jarvis.sim.market import RecordedMarket
from jarvis.sim.models import VenueModel
from jarvis.trading.whatif import Outcome, Pot, Stake, first_liquidation, liquidation, outcome, stops_on_the_way
from tests.sim.common import FREE, MINUTE, OWNER, START, D, bars
from tests.sim.wallets import FREE_OF_FEES

STEP = D("0.002")
AMOUNT = st.decimals(D(-5000), D(5000), places=2).filter(bool)
SHARE = st.decimals(ZERO, D("0.9"), places=3)
MOVE = st.decimals(D("-0.5"), D("0.5"), places=3)


@st.composite
def stakes(draw: st.DrawFn) -> Stake:
    number, value, stop = draw(st.integers(0, 10**6)), draw(AMOUNT), draw(st.none() | SHARE)
    return Stake(
        key=f"p{number}",
        value=value,
        used=draw(st.decimals(ZERO, D(500), places=2)),
        opened_at=START + timedelta(minutes=number),
        weight=draw(st.sampled_from([D(1), D("0.95")])) if value > 0 else D(1),
        used_scales=value < 0 and draw(st.booleans()),
        stop=None if stop is None else stop.copy_sign(-value),
    )


@st.composite
def pots(draw: st.DrawFn) -> Pot:
    held = draw(st.lists(stakes(), max_size=5, unique_by=lambda stake: stake.key))
    equity = draw(st.decimals(D(100), D(9000), places=2))
    return Pot(
        key="a pot",
        equity=equity,
        backing=equity,
        used=sum((stake.used for stake in held), ZERO) + draw(st.decimals(ZERO, D(50), places=2)),
        call_level=D("0.8"),
        liquidation_level=D("0.4"),
        stakes=tuple(held),
        coins=draw(st.decimals(ZERO, D(2000), places=2)),
        oldest_first=draw(st.booleans()),
    )


def stepped(pot: Pot, move: Decimal, *, with_stops: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Equity, backing and used margin at a move, summed without any thought."""
    equity, backing, used = pot.equity, pot.backing, pot.used
    equity += pot.coins * move
    backing += pot.coins * pot.coins_weight * move
    for stake in pot.stakes:
        at = stake.stop
        is_shut = with_stops and at is not None and (move <= at if stake.value > 0 else move >= at)
        is_shut = is_shut and move != 0 and (move < 0) is (stake.value > 0)
        if is_shut:
            assert at is not None
            closed_at = min(at, ZERO) if stake.value > 0 else max(at, ZERO)
            equity += stake.value * closed_at
            backing += stake.value * (1 + closed_at) - stake.value * stake.weight
            used -= stake.used
        else:
            equity += stake.value * move
            backing += stake.value * stake.weight * move
            used += stake.used * move if stake.used_scales else ZERO
    return equity, backing, used


@given(pots(), st.booleans())
def test_no_move_is_now(pot: Pot, with_stops: bool) -> None:
    assume(pot.used == 0 or pot.backing > pot.liquidation_level * pot.used)

    now = outcome(pot, ZERO, with_stops=with_stops)

    assert (now.equity, now.used, now.closed, now.liquidated_at) == (pot.equity, pot.used, (), None)
    assert now.level == (pot.backing / pot.used if pot.used else None)


@given(pots(), MOVE, st.booleans())
def test_what_is_not_liquidated_is_the_plain_sum_of_its_parts(pot: Pot, move: Decimal, with_stops: bool) -> None:
    found = outcome(pot, move, with_stops=with_stops)
    assume(found.liquidated_at is None)

    equity, backing, used = stepped(pot, move, with_stops=with_stops)

    assert (found.equity, found.used) == (equity, used)
    assert found.level is None or abs(found.level - backing / used) < D("1e-20")


@given(pots(), MOVE, MOVE)
def test_longs_alone_are_worth_more_the_higher_prices_are_and_shorts_the_lower(
    pot: Pot, one: Decimal, other: Decimal
) -> None:
    low, high = sorted((one, other))
    for sign in (1, -1):
        held = tuple(replace(stake, value=abs(stake.value) * sign) for stake in pot.stakes)
        turned = replace(pot, stakes=held, coins=pot.coins * sign)
        for with_stops in (False, True):
            worse, better = (low, high) if sign > 0 else (high, low)
            left = outcome(turned, worse, with_stops=with_stops)
            right = outcome(turned, better, with_stops=with_stops)

            assert left.equity <= right.equity


@given(pots(), st.sampled_from([-1, 1]), st.booleans())
def test_the_liquidation_that_is_solved_is_the_one_that_stepping_finds(
    pot: Pot, direction: int, with_stops: bool
) -> None:
    found = liquidation(pot, direction, with_stops=with_stops)

    move, reached = ZERO, None
    while abs(move) <= D("0.6") and reached is None:
        _, backing, used = stepped(pot, move, with_stops=with_stops)
        if used > 0 and backing <= pot.liquidation_level * used:
            reached = move
        move += STEP * direction

    if reached is None:
        # Between two steps a stop may take the position away again just after the level was met.
        assert found is None or abs(found.move) >= D("0.6") or is_gone_at_the_next_step(pot, found.move, direction)
    else:
        assert found is not None
        assert abs(found.move) <= abs(reached)
        assert abs(found.move) > abs(reached) - STEP or is_gone_at_the_next_step(pot, found.move, direction)


def is_gone_at_the_next_step(pot: Pot, move: Decimal, direction: int) -> bool:
    """Whether a stop, or what it released, lies between a move and the next whole step."""
    moves = [stake.stop for stake in pot.stakes if stake.stop is not None]
    return any(abs(move) <= abs(stop) <= abs(move) + STEP and stop * direction >= 0 for stop in moves)


@given(pots(), MOVE, st.booleans())
def test_a_pot_is_liquidated_exactly_when_the_move_reaches_its_liquidation(
    pot: Pot, move: Decimal, with_stops: bool
) -> None:
    assume(move != 0)

    found = liquidation(pot, 1 if move > 0 else -1, with_stops=with_stops)
    reached = outcome(pot, move, with_stops=with_stops)

    is_reached = found is not None and abs(found.move) <= abs(move)
    assert (reached.liquidated_at is not None) == is_reached
    if found is not None and is_reached:
        assert reached.liquidated_at == found.move


def test_a_stop_saves_what_would_be_liquidated() -> None:
    long = Stake("BTC", D(8000), D(800), START, stop=D("-0.02"))
    pot = Pot("kraken", D(1000), D(1000), D(800), D("0.8"), D("0.4"), (long,))

    without, saved = outcome(pot, D("-0.1"), with_stops=False), outcome(pot, D("-0.1"), with_stops=True)

    assert without.liquidated_at == D("-0.085")  # 1000 - 8000 x 8.5 % = 320 = 40 % of 800
    assert without.equity == 320
    assert (saved.equity, saved.used, saved.level, saved.closed) == (D(840), ZERO, None, ("BTC",))
    assert stops_on_the_way(pot, D("-0.1")) == ((D("-0.02"), "BTC"),)
    assert stops_on_the_way(pot, D("-0.01")) == ()
    assert liquidation(pot, -1, with_stops=True) is None
    assert liquidation(pot, 1, with_stops=False) is None


def test_a_stop_beyond_the_liquidation_saves_nothing() -> None:
    long = Stake("BTC", D(8000), D(800), START, stop=D("-0.3"))
    pot = Pot("kraken", D(1000), D(1000), D(800), D("0.8"), D("0.4"), (long,))

    assert outcome(pot, D("-0.4"), with_stops=True).liquidated_at == D("-0.085")
    assert outcome(pot, D("-0.4"), with_stops=True).closed == ()


def test_a_stop_that_the_price_has_passed_already_closes_at_once() -> None:
    long = Stake("BTC", D(8000), D(800), START, stop=D("0.01"))
    pot = Pot("kraken", D(1000), D(1000), D(800), D("0.8"), D("0.4"), (long,))

    assert outcome(pot, D("-0.05"), with_stops=True).equity == 1000
    assert outcome(pot, D("0.05"), with_stops=True).equity == 1400


def test_below_its_call_level_a_pot_is_called_and_stays_open() -> None:
    long = Stake("BTC", D(8000), D(800), START)
    pot = Pot("kraken", D(1000), D(1000), D(800), D("0.8"), D("0.4"), (long,))

    assert not outcome(pot, D("-0.04"), with_stops=False).is_called
    assert outcome(pot, D("-0.05"), with_stops=False).is_called
    assert outcome(pot, D("-0.05"), with_stops=False).liquidated_at is None


def test_the_first_liquidation_is_the_nearest_of_all_and_names_whom_the_venue_closes() -> None:
    older = Stake("older", D(500), D(50), START)
    larger = Stake("larger", D(7500), D(750), START + MINUTE)
    by_age = Pot("kraken", D(1000), D(1000), D(800), D("0.8"), D("0.4"), (larger, older), oldest_first=True)
    at_once = replace(by_age, key="okx", equity=D(1100), backing=D(1100), oldest_first=False)

    first = first_liquidation([at_once, by_age], -1, with_stops=False)
    other = liquidation(at_once, -1, with_stops=False)

    assert first is not None
    assert (first.pot, first.stake, first.move) == ("kraken", "older", D("-0.085"))
    assert other is not None
    assert other.stake == "larger"
    assert first_liquidation([at_once, by_age], 1, with_stops=False) is None


# --- the simulated venue agrees ----------------------------------------------------------------------------------

PRICES = {"BTC": D(50000), "ETH": D(2500)}


def moved(model: VenueModel, quote: Asset, move: Decimal, deposits: Mapping[Asset, Decimal]) -> SimExchange:
    """An exchange on which all prices stand still for a minute and then move at once."""
    rules = kraken_instruments() if model.wallet is None else binance_instruments()
    pairs = [Pair(Asset(base), quote) for base in PRICES]
    rows = {}
    for pair in pairs:
        price = PRICES[pair.base]
        then = float(price * (1 + move))
        rows[pair] = bars(pair, [(float(price),) * 4, (float(price), max(float(price), then), min(float(price), then),
                                                       then), (then,) * 4])  # fmt: skip
    venue = SimExchange(
        instruments={pair: rules[pair] for pair in pairs}, model=model, market=RecordedMarket(rows), seed=1
    )
    venue.open_account(OWNER, deposits)
    return venue


HELD = {"BTC": D("0.1"), "ETH": D(-1)}


def opened(venue: SimExchange, quote: Asset, *bases: str) -> None:
    wallet = venue.model.wallet is not None
    for base in bases:
        side, quantity = (Side.BUY if HELD[base] > 0 else Side.SELL), abs(HELD[base])
        wanted = SimOrderRequest(
            pair=Pair(Asset(base), quote),
            side=side,
            order_type=OrderType.MARKET,
            quantity=quantity,
            leverage=None if wallet else 10,
            borrow=Borrow.MISSING if wallet else Borrow.NONE,
        )
        answer = venue.place(OWNER, wanted)
        assert isinstance(answer, SimPlaced), answer


def pot_of(venue: SimExchange, *bases: str) -> Pot:
    """The pot as the pages know it: from the margin, the balances and the positions."""
    margin = venue.margin(OWNER)
    wallet = venue.model.wallet
    values = {base: HELD[base] * PRICES[base] for base in bases}
    weights = {base: venue.model.collateral[Asset(base)] if wallet and values[base] > 0 else D(1) for base in bases}
    used = {base: abs(value) / 10 for base, value in values.items()}
    if wallet is not None:  # what a long owes is in quote, and part of the rest
        used = {base: -value * wallet.initial if value < 0 else ZERO for base, value in values.items()}
    coins = venue.balances(OWNER).get(Asset("BTC"))
    beside = (coins.total * PRICES["BTC"] if coins else ZERO) - (values.get("BTC", ZERO) if wallet else ZERO)
    return Pot(
        "venue",
        margin.e,
        margin.e,
        margin.m,
        D("0.8") if wallet is None else wallet.call / wallet.initial,
        D("0.4") if wallet is None else wallet.maintenance / wallet.initial,
        tuple(
            Stake(base, values[base] * weights[base], used[base], START, used_scales=wallet is not None)
            for base in bases
        ),
        coins=beside * venue.model.collateral[Asset("BTC")],
        oldest_first=wallet is None,
    )


WEIGHTED = replace(FREE_OF_FEES, collateral={Asset("USDT"): D(1), Asset("BTC"): D("0.95"), Asset("ETH"): D("0.95")},
                   wallet=replace(FREE_OF_FEES.wallet, hourly_rates={Asset(a): ZERO for a in ("USDT", "BTC", "ETH")})
                   if FREE_OF_FEES.wallet else None)  # fmt: skip
KRAKENS = replace(FREE, collateral={**FREE.collateral, Asset("ETH"): D("0.99")})


@pytest.mark.parametrize("move", ["-0.1", "-0.05", "0", "0.07", "0.2"])
@pytest.mark.parametrize(
    ("model", "quote", "deposits"),
    [
        (KRAKENS, USD, {USD: D(1200)}),
        (KRAKENS, USD, {USD: D(900), Asset("BTC"): D("0.01")}),
        (WEIGHTED, Asset("USDT"), {Asset("USDT"): D(1200)}),
    ],
    ids=["kraken", "kraken with coins", "wallet"],
)
def test_the_simulated_venue_comes_to_the_same_equity_and_level(
    model: VenueModel, quote: Asset, deposits: dict[Asset, Decimal], move: str
) -> None:
    venue = moved(model, quote, D(move), deposits)
    opened(venue, quote, "BTC", "ETH")
    expected = outcome(pot_of(venue, "BTC", "ETH"), D(move), with_stops=False)

    venue.advance(START + 2 * MINUTE)
    margin = venue.margin(OWNER)

    assert_same(expected, margin.e, None if margin.ml is None else margin.ml / 100)


def assert_same(expected: Outcome, equity: Decimal, level: Decimal | None) -> None:
    """Equal to a thousandth of a cent: the venue books in steps, the sum does not."""
    assert abs(expected.equity - equity) < D("0.00001")
    assert (expected.level is None) == (level is None)
    if expected.level is not None and level is not None:
        assert abs(expected.level - level) < D("0.00001")


@pytest.mark.parametrize("base", ["BTC", "ETH"])
@pytest.mark.parametrize(("model", "quote"), [(KRAKENS, USD), (WEIGHTED, Asset("USDT"))], ids=["kraken", "wallet"])
def test_the_simulated_venue_liquidates_where_it_was_reckoned_to(model: VenueModel, quote: Asset, base: str) -> None:
    deposits = {quote: D(1000)}
    standing = moved(model, quote, ZERO, deposits)
    opened(standing, quote, base)
    direction = -1 if HELD[base] > 0 else 1
    found = liquidation(pot_of(standing, base), direction, with_stops=False)
    assert found is not None

    for beyond, is_closed in ((D("0.001"), True), (D("-0.001"), False)):
        venue = moved(model, quote, found.move + beyond * direction, deposits)
        opened(venue, quote, base)
        venue.advance(START + 3 * MINUTE)

        forced = [told for told in venue.fills(OWNER) if told.fill.is_liquidation]
        assert bool(forced) is is_closed, (found.move, beyond)
