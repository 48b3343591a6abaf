"""Margin: positions of futures mode, debts of the other modes, interest, leverage, the warning and the liquidation."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.emulators.okx.actors import Venue
from tests.emulators.okx.test_books import assert_balanced

CLOSE = {"instId": "BTC-USDT", "mgnMode": "cross", "ccy": "USDT"}


async def test_a_long_holds_base_and_owes_quote() -> None:
    client = Venue().client()
    await client.place(sz="1000")

    (row,) = await client.get("account/positions", instType="MARGIN")

    assert (row["posCcy"], row["pos"], row["liabCcy"], row["liab"]) == ("BTC", "0.019978", "USDT", "-999.99999")
    assert (row["posSide"], row["ccy"], row["lever"], row["avgPx"]) == ("net", "USDT", "10", "50005")
    assert (row["imr"], row["mmr"]) == ("99.999999", "29.9999997")
    # Debt is the position's: the balance knows nothing of it.
    balance = await client.balance()
    assert (balance["cashBal"], balance["liab"], balance["crossLiab"], balance["interest"]) == ("10000", "", "", "")


async def test_a_short_holds_quote_and_owes_base() -> None:
    client = Venue().client()
    await client.place(side="sell", sz="0.02")

    (row,) = await client.get("account/positions")

    assert (row["posCcy"], row["liabCcy"], row["liab"]) == ("USDT", "BTC", "-0.02")
    assert Decimal(row["pos"]) == Decimal("999.9") * Decimal("0.999")
    assert Decimal(row["liqPx"]) > 50000


async def test_closing_by_the_close_call_leaves_nothing_either_way() -> None:
    venue = Venue()
    client = venue.client()
    for side, size in (("buy", "1000"), ("sell", "0.02")):
        await client.place(side=side, sz=size)
        venue.move(70)
        await client.post("trade/close-position", **CLOSE)

        assert await client.get("account/positions") == []
        wallet = venue.exchange.wallet("ann")
        assert all(holding.borrowed == holding.interest == 0 for holding in wallet.holdings.values())
        assert_balanced(venue)
    history = await client.get("account/positions-history", instType="MARGIN")
    assert [(row["direction"], row["type"]) for row in history] == [("short", "2"), ("long", "2")]
    assert await client.refused("POST", "trade/close-position", CLOSE) == (200, "51023")


async def test_a_resting_close_must_be_cancelled_first_unless_asked_to() -> None:
    client = Venue().client()
    await client.place(sz="1000")
    await client.rest(side="sell", px="52000", sz="0.0199", reduceOnly=True)

    assert (await client.get("account/positions"))[0]["availPos"] == "0.000078"
    assert await client.refused("POST", "trade/close-position", CLOSE) == (200, "51115")
    await client.post("trade/close-position", **CLOSE, autoCxl=True)

    assert await client.get("trade/orders-pending") == []
    assert await client.get("account/positions") == []


async def test_a_reducing_order_never_reverses() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(sz="1000")
    await client.place(side="sell", sz="5", reduceOnly=True)

    assert await client.get("account/positions") == []
    (fill, _) = await client.get("trade/fills", instType="MARGIN")
    assert fill["fillSz"] == "0.019978"
    await client.place(side="sell", sz="0.02")
    await client.place(side="buy", sz="9000", reduceOnly=True)
    assert await client.get("account/positions") == []
    # What was bought beyond the debt, to cover the fee, is plain spot.
    assert Decimal((await client.balance("BTC"))["cashBal"]) < Decimal("0.00000002")
    assert_balanced(venue)


async def test_what_a_reducing_purchase_in_base_buys_beyond_the_debt_is_plain_spot() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(side="sell", sz="0.02")
    await client.place(side="buy", sz="0.03", ordType="ioc", px="52000", reduceOnly=True)

    assert await client.get("account/positions") == []
    assert Decimal((await client.balance("BTC"))["cashBal"]) == Decimal("0.00997")
    assert_balanced(venue)


async def test_profit_and_equity_are_what_the_position_holds_less_what_it_owes() -> None:
    venue = Venue()
    client = venue.client()
    before = Decimal((await client.balance("USDT"))["eq"])
    await client.place(sz="1000")

    (row,) = await client.get("account/positions")
    worth = Decimal(row["pos"]) * Decimal(row["markPx"]) + Decimal(row["liab"]) + Decimal(row["interest"])

    # Bought at the mark price: what is lost is the fee, which was taken in base.
    assert Decimal(row["upl"]) == worth < 0
    assert Decimal((await client.balance("USDT"))["eq"]) == before + worth
    assert Decimal((await client.get("account/balance"))[0]["totalEq"]) == before + worth


async def test_an_opposite_order_without_reduce_only_reverses_the_position() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(sz="1000")
    await client.place(side="sell", sz="0.029978")

    (row,) = await client.get("account/positions")

    assert (row["posCcy"], row["liab"]) == ("USDT", "-0.01")
    assert_balanced(venue)


async def test_closing_with_another_margin_currency_opens_a_position_of_its_own() -> None:
    client = Venue().client()
    await client.place(sz="1000")
    await client.place(side="sell", sz="0.01", ccy="BTC")

    rows = await client.get("account/positions")

    assert [(row["ccy"], row["posCcy"]) for row in rows] == [("USDT", "BTC"), ("BTC", "USDT")]


async def test_interest_accrues_each_hour_and_is_booked_at_midnight() -> None:
    venue = Venue()
    client = venue.client()
    await client.place(sz="1000")
    venue.move(121)

    rows = await client.get("account/interest-accrued", instId="BTC-USDT")
    (position,) = await client.get("account/positions")
    assert [row["interest"] for row in rows] == ["0.011", "0.011"]
    assert (rows[0]["interestRate"], rows[0]["liab"], rows[0]["mgnMode"]) == ("0.000011", "999.99999", "cross")
    assert position["interest"] == "-0.022"
    assert (await client.balance())["cashBal"] == "10000"
    venue.move(59)

    assert venue.exchange.now == datetime(2026, 1, 2, tzinfo=UTC)
    (bill,) = await client.get("account/bills", type="7")
    assert (bill["balChg"], bill["interest"], bill["subType"], bill["ccy"]) == ("-0.033", "-0.033", "9", "USDT")
    assert (await client.balance())["cashBal"] == "9999.967"
    assert (await client.get("account/positions"))[0]["interest"] == "0"
    assert_balanced(venue)


async def test_the_interest_of_several_positions_is_told_to_the_last_digit() -> None:
    venue = Venue()
    client = venue.client()
    for name, spent in (("BTC-USDT", "1000"), ("ETH-USDT", "777.77")):
        await client.place(instId=name, sz=spent)
    venue.move(61)

    rows = await client.get("account/interest-accrued")

    (charged,) = venue.exchange.interests("ann")
    assert len(rows) == 2
    assert sum(Decimal(row["interest"]) for row in rows) == charged.interest


async def test_multi_currency_debt_is_negative_cash_with_interest_beside_it() -> None:
    venue = Venue()
    client = venue.client(profile="multi-currency")
    await client.place(ccy=None, side="sell", sz="0.1")
    venue.move(61)

    row = await client.balance("BTC")
    assert (row["cashBal"], row["liab"], row["interest"], row["eq"]) == ("-0.1", "0.1", "0.0000006", "-0.1000006")
    (account,) = await client.get("account/balance")
    assert float(account["mgnRatio"]) == pytest.approx(float(account["adjEq"]) / float(account["mmr"]))
    assert await client.get("account/positions") == []
    (limits,) = await client.get("account/interest-limits", ccy="BTC")
    assert limits["records"][0]["usedLmt"] == "0.1"
    await client.place(ccy=None, side="buy", sz="0.2", tgtCcy="base_ccy")

    row = await client.balance("BTC")
    assert (row["liab"], row["interest"]) == ("0", "0.0000006")
    assert Decimal(row["eq"]) == venue.exchange.balances("ann")["BTC"].total  # type: ignore[index]
    assert_balanced(venue)


async def test_which_fields_are_filled_depends_on_the_mode() -> None:
    venue = Venue()
    filled: dict[str, tuple[bool, ...]] = {}
    for profile in ("spot-borrow", "futures", "multi-currency", "portfolio"):
        (row,) = await venue.client(profile, profile=profile).get("account/balance")
        (detail,) = row["details"]
        shown = [row[name] for name in ("adjEq", "imr", "availEq")]
        shown += [detail[name] for name in ("availEq", "upl", "imr", "liab", "interest", "maxLoan", "disEq")]
        filled[profile] = tuple(value != "" for value in shown)

    assert filled["spot-borrow"] == (True, True, False, False, False, False, True, True, True, True)
    assert filled["futures"] == (False, False, False, True, True, True, False, False, False, False)
    assert filled["multi-currency"] == (True, True, True, True, True, False, True, True, True, True)
    assert filled["portfolio"] == filled["multi-currency"]


async def test_spot_mode_borrows_by_hand_where_it_is_enabled() -> None:
    venue = Venue()
    client, other = venue.client(profile="spot-borrow"), venue.client("bob", profile="spot")
    loan = {"ccy": "BTC", "side": "borrow", "amt": "0.01"}

    await client.post("account/spot-manual-borrow-repay", loan)
    row = await client.balance("BTC")
    assert (row["liab"], row["availBal"], row["eq"]) == ("0.01", "0.01", "0")
    assert await other.refused("POST", "account/spot-manual-borrow-repay", loan) == (200, "51010")
    venue.move()
    await client.post("account/spot-manual-borrow-repay", loan | {"side": "repay"})

    history = await client.get("account/spot-borrow-repay-history")
    assert [row["type"] for row in history] == ["manual_repay", "manual_borrow"]
    assert history[0]["accBorrowed"] == "0"
    assert await client.refused("POST", "account/set-auto-loan", {"autoLoan": True}) == (200, "51010")


async def test_a_falling_market_warns_and_then_liquidates() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 46500 46500", "46500 46500 44000 44000"])
    client = venue.client(deposits={"USDT": "1000"})
    stream = await client.stream(
        {"channel": "liquidation-warning", "instType": "MARGIN"}, {"channel": "orders", "instType": "ANY"}
    )
    await client.place(sz="8000")
    venue.move(2)

    (warning,) = await stream.rows("liquidation-warning")
    assert warning["instId"] == "BTC-USDT"
    assert 1 < Decimal(warning["mgnRatio"]) <= 3
    venue.move()

    assert await client.get("account/positions") == []
    orders = await stream.rows("orders")
    assert orders[-1]["category"] == "full_liquidation"
    (row,) = await client.get("account/positions-history")
    assert row["type"] == "3"
    bills = await client.get("account/bills", type="5")
    assert {bill["subType"] for bill in bills} <= {"100", "101"}
    assert_balanced(venue)


async def test_leverage_is_set_per_pair_or_per_currency() -> None:
    venue = Venue()
    futures, multi = venue.client(), venue.client("bob", profile="multi-currency")

    await futures.post("account/set-leverage", instId="BTC-USDT", lever="3", mgnMode="cross")
    await multi.post("account/set-leverage", ccy="BTC", lever="4", mgnMode="cross")

    assert (await futures.get("account/leverage-info", instId="BTC-USDT", mgnMode="cross"))[0]["lever"] == "3"
    assert (await multi.get("account/leverage-info", ccy="BTC", mgnMode="cross"))[0]["lever"] == "4"
    too_high = {"instId": "BTC-USDT", "lever": "11", "mgnMode": "cross"}
    assert await futures.refused("POST", "account/set-leverage", too_high) == (200, "59102")
    await futures.rest()
    blocked = too_high | {"lever": "2"}
    assert await futures.refused("POST", "account/set-leverage", blocked) == (200, "59107")


async def test_sizes_say_what_one_order_could_do() -> None:
    venue = Venue()
    futures, spot = venue.client(), venue.client("bob", profile="spot")
    asked = {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT"}

    (most,) = await futures.get("account/max-size", **asked)
    (avail,) = await futures.get("account/max-avail-size", **asked)
    loans = await futures.get("account/max-loan", instId="BTC-USDT", mgnMode="cross", mgnCcy="USDT")
    (own,) = await spot.get("account/max-size", instId="BTC-USDT", tdMode="cash")

    assert Decimal(most["maxBuy"]) == Decimal("1.99980001")
    assert (avail["availBuy"], avail["availSell"]) == ("10000", "10000")
    assert [(row["ccy"], row["side"], row["maxLoan"]) for row in loans] == [
        ("BTC", "sell", "2"),
        ("USDT", "buy", "100000"),
    ]
    assert own["maxSell"] == "0"
    assert await futures.refused("GET", "account/max-size", asked | {"ccy": ""}) == (400, "50014")
    await futures.place(sz="99000")


async def test_the_mode_can_be_changed_by_whoever_may_trade_while_flat() -> None:
    client = Venue().client()
    await client.rest()

    assert await client.refused("POST", "account/set-account-level", {"acctLv": "3"}) == (200, "59000")
    (row,) = await client.get("trade/orders-pending")
    await client.post("trade/cancel-order", instId="BTC-USDT", ordId=row["ordId"])
    await client.post("account/set-account-level", acctLv="3")

    assert (await client.get("account/config"))[0]["acctLv"] == "3"
    await client.place(ccy=None, side="sell", sz="0.01")


@pytest.mark.parametrize("profile", ["futures", "multi-currency"])
async def test_bills_tell_every_change_of_cash(profile: str) -> None:
    venue = Venue()
    client = venue.client(profile=profile)
    margin = {"ccy": "USDT" if profile == "futures" else None}
    await client.place(sz="1000", **margin)
    venue.move(70)
    await client.place(side="sell", sz="0.019978", **margin)
    venue.move(130)

    bills = await client.get("account/bills", ccy="USDT", limit="100")

    assert sum(Decimal(bill["balChg"]) for bill in bills) == Decimal((await client.balance())["cashBal"])
    assert [int(bill["billId"]) for bill in bills] == sorted((int(bill["billId"]) for bill in bills), reverse=True)
    older = await client.get("account/bills", ccy="USDT", after=bills[0]["billId"], limit="1")
    assert older[0]["billId"] == bills[1]["billId"]
