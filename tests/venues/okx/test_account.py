"""What OKX says of an account: mode, key, balances, positions and margin."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import Balance
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset, plain
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.okx.account import (
    AccountConfig,
    AccountMode,
    balances_of,
    margin_state_of,
    parse_config,
    parse_positions,
    parse_wallet,
    positions_of,
)
from tests.venues.okx.wires import BTC, row, rows

D = Decimal
NOW = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)
USDT, ETH = Asset("USDT"), Asset("ETH")


def config(name: str = "config_futures", **changes: object) -> AccountConfig:
    return parse_config([row(name, **changes)])


def by_asset(balances: tuple[Balance, ...]) -> dict[str, Balance]:
    return {balance.asset: balance for balance in balances}


def test_a_bound_key_of_a_sub_account() -> None:
    told = config()

    assert (told.mode, told.is_net, told.call_ratio) == (AccountMode.FUTURES, True, D(3))
    key = told.permissions
    assert key.granted == {"read_only", "trade"}
    assert key.ip_allowlist == ("203.0.113.7", "2001:db8::1")
    assert (key.label, key.is_sub_account, key.dies_unused_after) == ("jarvis", True, None)


def test_an_unbound_key_dies_unused_unless_it_only_reads() -> None:
    unbound = config("config_multi_currency").permissions
    reading = config(perm="read_only", ip="").permissions

    assert unbound.dies_unused_after == timedelta(days=14)
    assert (unbound.ip_allowlist, unbound.is_sub_account) == ((), False)
    assert reading.dies_unused_after is None


def test_every_granted_word_is_passed_on() -> None:
    assert config(perm="read_only,withdraw,trade").permissions.granted == {"read_only", "withdraw", "trade"}
    assert config(perm="read_only,fly").permissions.granted == {"read_only", "fly"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"acctLv": "1"}, "Spot mode"),
        ({"acctLv": "4"}, "Portfolio"),
        ({"posMode": "long_short_mode"}, "Net mode"),
        ({"acctLv": "3", "autoLoan": False}, "Auto borrow"),
    ],
)
def test_what_stands_in_the_way_is_said_with_what_to_do(changes: dict[str, Any], words: str) -> None:
    (advice,) = config(**changes).advice

    assert words in advice
    assert "check again" in advice


def test_two_modes_can_trade() -> None:
    assert config().advice == ()
    assert config("config_multi_currency").advice == ()


@pytest.mark.parametrize("key", ["acctLv", "posMode", "perm", "ip", "uid", "mainUid", "label"])
def test_an_account_is_not_guessed(key: str) -> None:
    told = {name: value for name, value in row("config_futures").items() if name != key}

    with pytest.raises(UnreadableAnswer, match=key):
        parse_config([told])
    with pytest.raises(UnreadableAnswer):
        parse_config([row("config_futures", acctLv="5")])
    with pytest.raises(UnreadableAnswer):
        parse_config([])


def test_net_balances_hold_what_positions_hold_and_owe() -> None:
    balances = by_asset(balances_of(parse_wallet(rows("balance_futures")), parse_positions(rows("positions"))))

    # 10000 in cash, 1000 and 0.01 owed for the long, 2997 held for what the short sold.
    assert balances["USDT"].total == D(10_000) - D("1000.01") + D(2997)
    assert (balances["USDT"].borrowed, balances["USDT"].interest) == (D(1000), D("0.01"))
    assert balances["USDT"].available == D(9899)
    assert balances["BTC"].total == D("0.02")
    # Half an ether of their own, one and a bit owed.
    assert balances["ETH"].total == D("0.5") - D("1.0001")
    assert (balances["ETH"].borrowed, balances["ETH"].interest) == (D(1), D("0.0001"))


def test_a_negative_cash_balance_is_the_debt_itself() -> None:
    balances = by_asset(balances_of(parse_wallet(rows("balance_multi_currency")), ()))

    assert balances["USDT"] == Balance(USDT, D("-2000.25"), D(0), D(2000), D("0.25"))
    assert balances["BTC"] == Balance(Asset("BTC"), D("0.2"), D("0.15"))


def test_positions_are_long_and_short_and_closed_ones_are_left_out() -> None:
    long, short = positions_of(parse_positions(rows("positions")))

    assert (long.pair, long.side, long.quantity, long.cost) == (BTC, Side.BUY, D("0.02"), D(1000))
    assert (long.used_margin, long.liquidation_price) == (D(101), D(45_800))
    assert (long.borrowed_asset, long.borrowed, long.interest) == (USDT, D(1000), D("0.01"))
    assert (short.pair, short.side, short.signed_quantity) == (Pair.parse("ETH/USDT"), Side.SELL, D("-1.0001"))
    assert (short.borrowed_asset, short.borrowed, short.cost) == (ETH, D(1), D("3000.3"))


def test_a_persons_isolated_position_counts_as_balances_only() -> None:
    isolated = parse_positions([row("positions", mgnMode="isolated", margin="150")])

    assert positions_of(isolated) == ()
    assert by_asset(balances_of(parse_wallet(rows("balance_futures")), isolated))["USDT"].total == D("9149.99")


@pytest.mark.parametrize(
    ("key", "value"),
    [("posCcy", "SOL"), ("liabCcy", "BTC"), ("mgnMode", "portfolio"), ("pos", "-0.02"), ("liab", "1000")],
)
def test_a_position_that_contradicts_itself_is_unreadable(key: str, value: str) -> None:
    with pytest.raises(UnreadableAnswer, match=key):
        parse_positions([row("positions", **{key: value})])


def test_equity_in_futures_mode_is_the_whole_account_and_margin_that_of_the_dollar_row() -> None:
    state = margin_state_of(parse_wallet(rows("balance_futures")), config(), NOW)

    worth = D("11508.5") * D(10_010) / D("10008.5")  # the venue values 10010 USDT at 10008.5 dollars
    uncounted = worth - D(10_010)
    assert (state.asset, state.at) == (USDT, NOW)
    assert (state.equity, state.unrealised, state.trade_balance) == (worth, D(10), worth - D(10))
    assert (state.used_margin, state.free_margin) == (D(101), D(9909))
    assert state.venue_level == D("250.25")
    assert state.margin_level == worth / D(101)
    # Half an ether of their own bears no margin: the venue steps in where the rest is at a ratio of 1, and warns at 3.
    assert state.liquidation_level == pytest.approx((uncounted + D(10_010) / D("250.25")) / D(101))
    assert state.call_level == pytest.approx((uncounted + 3 * D(10_010) / D("250.25")) / D(101))


def test_coins_alone_are_equity_but_no_margin_in_futures_mode() -> None:
    told = row("balance_futures", totalEq="1500")
    told["details"] = [told["details"][1]]

    state = margin_state_of(parse_wallet([told]), config(), NOW)

    assert (state.equity, state.free_margin, state.used_margin) == (D(1500), D(0), D(0))


def test_a_speck_of_dollars_is_no_price_of_the_dollar() -> None:
    told = row("balance_futures")
    told["details"][0] |= {"eq": "0.00000001", "eqUsd": "0.00000002"}

    assert margin_state_of(parse_wallet([told]), config(), NOW).equity == D("11508.5")


def test_an_idle_account_has_no_level_and_the_usual_thresholds() -> None:
    idle = row("balance_futures")
    idle["details"] = [{**idle["details"][0], "imr": "0", "mmr": "0", "mgnRatio": ""}]
    empty = {**idle, "details": []}

    for told in (idle, empty):
        state = margin_state_of(parse_wallet([told]), config(), NOW)
        assert (state.margin_level, state.venue_level, state.used_margin) == (None, None, D(0))
        assert (state.liquidation_level, state.call_level) == (D("0.3"), D("0.9"))


def test_margin_in_multi_currency_mode_counts_discounts_as_distance_lost() -> None:
    state = margin_state_of(parse_wallet(rows("balance_multi_currency")), config("config_multi_currency"), NOW)

    assert (state.equity, state.used_margin, state.free_margin) == (D(10_000), D(200), D(9300))
    assert state.venue_level == D("47.5")
    # 500 of the equity do not count; 9500 / 47.5 = 200 must stay.
    assert state.liquidation_level == (D(500) + D(200)) / D(200)
    assert state.call_level == (D(500) + 2 * D(200)) / D(200)  # this account is warned at a ratio of 2
    with pytest.raises(UnreadableAnswer, match="adjEq"):
        margin_state_of(parse_wallet([row("balance_multi_currency", adjEq="")]), config("config_multi_currency"), NOW)


@pytest.mark.parametrize("key", ["ccy", "cashBal", "eq"])
def test_a_balance_without_its_amount_is_unreadable(key: str) -> None:
    told = row("balance_futures")
    told["details"] = [{name: value for name, value in told["details"][0].items() if name != key}]

    with pytest.raises(UnreadableAnswer, match=key):
        parse_wallet([told])


amounts = st.decimals(min_value="0", max_value="9999999", places=8)


@given(cash=amounts, held=amounts, owed=amounts, interest=amounts)
def test_what_is_borrowed_and_held_cancels_in_the_net_balance(
    cash: Decimal, held: Decimal, owed: Decimal, interest: Decimal
) -> None:
    wallet = row("balance_futures")
    wallet["details"] = [{**wallet["details"][0], "cashBal": plain(cash)}]
    position = row("positions", pos=plain(held), liab=f"-{plain(owed)}", interest=f"-{plain(interest)}")

    balances = by_asset(balances_of(parse_wallet([wallet]), parse_positions([position])))

    if not held:
        assert balances["USDT"].total == cash
        return
    assert balances["USDT"].total == cash - owed - interest
    assert balances["USDT"].owed == owed + interest
    assert balances["BTC"].total == held
