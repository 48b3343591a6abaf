"""The wallet and its formulas, interest, loans, repayments and their hours, the log, and liquidation."""

from decimal import Decimal
from typing import Any

import pytest

from tests.emulators.bybit.actors import BTC, Client, Venue


def dec(text: str) -> Decimal:
    return Decimal(text)


async def test_the_wallet_adds_up() -> None:
    client = Venue().client()
    await client.buy("0.4")

    wallet, dollars, coin = await client.wallet(), await client.coin("USDT"), await client.coin("BTC")

    for row in (dollars, coin):
        assert dec(row["equity"]) == dec(row["walletBalance"]) - dec(row["spotBorrow"]) + dec(row["unrealisedPnl"])
    worth = dec(dollars["usdValue"]) + dec(coin["usdValue"])
    assert dec(wallet["totalEquity"]) == pytest.approx(worth)
    assert dollars["walletBalance"] == "0"
    assert dec(dollars["spotBorrow"]) > 10_000
    assert 0 < dec(wallet["accountMMRate"]) < dec(wallet["accountIMRate"]) < 1
    assert dec(wallet["totalMarginBalance"]) > dec(wallet["totalAvailableBalance"]) > 0


async def test_open_leverage_orders_count_as_borrowing_before_they_fill() -> None:
    client = Venue().client()

    await client.rest("48000", "0.3")

    dollars = await client.coin("USDT")
    assert dec(dollars["borrowAmount"]) == 4400
    assert dollars["spotBorrow"] == "0"


async def test_interest_is_charged_at_minute_five_and_written_down() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)

    venue.move(4)
    before = await client.coin("BTC")
    venue.move(2)

    after = await client.coin("BTC")
    (row,) = (await client.get("account/borrow-history", currency="BTC"))["list"]
    assert before["spotBorrow"] == "0.1"
    cost = dec(row["borrowCost"])
    assert cost == dec(row["borrowAmount"]) * dec(row["hourlyBorrowRate"])
    assert row["InterestBearingBorrowSize"] == "0.1"
    assert row["createdTime"] % 3_600_000 == 5 * 60_000
    assert dec(before["equity"]) - dec(after["equity"]) == cost
    (entry,) = (await client.get("account/transaction-log", accountType="UNIFIED", type="INTEREST"))["list"]
    assert (entry["currency"], dec(entry["change"])) == ("BTC", -cost)


async def test_closing_a_short_leaves_the_coin_beside_the_debt_until_it_is_repaid() -> None:
    client = Venue().client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)

    await client.buy("0.1002")
    beside = await client.coin("BTC")
    available = await client.get("spot-margin-trade/repayment-available-amount", currency="BTC")
    answer = await client.post("account/no-convert-repay", coin="BTC")

    assert (beside["spotBorrow"], dec(beside["walletBalance"]) > dec("0.1")) == ("0.1", True)
    assert available["lossLessRepaymentAmount"] == "0.1"
    assert answer == {"resultStatus": "P"}
    repaid = await client.coin("BTC")
    assert repaid["spotBorrow"] == "0"
    assert dec(repaid["equity"]) == dec(beside["equity"])


async def test_a_part_can_be_repaid_and_nothing_that_is_not_there() -> None:
    venue = Venue()
    client = venue.client()

    assert await client.refused("POST", "account/no-convert-repay", coin="BTC") == 182101
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    venue.move(1 / 60)
    assert await client.refused("POST", "account/no-convert-repay", coin="BTC") == 182103
    await client.buy("0.05")
    venue.move(1 / 60)
    await client.post("account/no-convert-repay", coin="BTC", amount="0.02", repaymentType="FIXED")

    assert (await client.coin("BTC"))["spotBorrow"] == "0.08"


async def test_no_repayment_is_taken_while_interest_is_worked_out() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    await client.buy("0.1002")

    venue.move(4)
    first = await client.refused("POST", "account/no-convert-repay", coin="BTC")
    venue.move(1.49)
    second = await client.refused("POST", "account/no-convert-repay", coin="BTC")
    venue.move(0.02)
    third = await client.post("account/no-convert-repay", coin="BTC")

    assert (first, second, third) == (182102, 182102, {"resultStatus": "P"})


async def test_automatic_repayment_happens_at_the_half_hour_only_where_it_is_on() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    for each in (client, other):
        await each.order(side="Sell", qty="0.1", isLeverage=1)
        await each.buy("0.1002")
    await client.post("spot-margin-trade/set-auto-repay-mode", currency="BTC", autoRepayMode="1")

    venue.move(29)
    before = await client.coin("BTC")
    venue.move(1)

    assert dec(before["spotBorrow"]) >= dec("0.1")
    assert (await client.coin("BTC"))["spotBorrow"] == "0"
    assert dec((await other.coin("BTC"))["spotBorrow"]) >= dec("0.1")
    mode = await client.get("spot-margin-trade/get-auto-repay-mode", currency="BTC")
    assert mode == {"data": [{"currency": "BTC", "autoRepayMode": "1"}]}


async def test_coins_can_be_borrowed_by_hand_once_a_second() -> None:
    venue = Venue()
    client = venue.client()

    borrowed = await client.post("account/borrow", coin="BTC", amount="0.01")
    too_soon = await client.refused("POST", "account/borrow", coin="BTC", amount="0.01")
    venue.move(1 / 60)
    too_much = await client.refused("POST", "account/borrow", coin="BTC", amount="100")

    assert borrowed == {"coin": "BTC", "amount": "0.01"}
    coin = await client.coin("BTC")
    assert (coin["walletBalance"], coin["spotBorrow"], coin["equity"]) == ("0.01", "0.01", "0")
    assert (too_soon, too_much) == (10006, 176029)


async def test_quick_repayment_needs_the_options_box_and_no_manual_loan() -> None:
    venue = Venue()
    plain = venue.client()
    await plain.post("account/borrow", coin="BTC", amount="0.01")
    options = venue.client(permissions=frozenset({"Spot:SpotTrade", "Options:OptionsTrade"}))

    assert await plain.refused("POST", "account/quick-repayment") == 10005
    assert await options.refused("POST", "account/quick-repayment") == 182120
    await options.order(side="Sell", qty="0.1", isLeverage=1)
    await options.buy("0.1002")
    assert (await options.post("account/quick-repayment", coin="BTC"))["list"][0]["coin"] == "BTC"


async def settings(client: Client) -> Any:
    return await client.get("spot-margin-trade/state")


async def test_spot_margin_is_on_by_default_and_can_be_switched() -> None:
    venue = Venue()
    client = venue.client()

    first = await settings(client)
    await client.rest("48000", "0.1")
    in_order = await client.refused("POST", "spot-margin-trade/switch-mode", spotMarginMode="0")
    await client.post("order/cancel-all", category="spot")
    await client.buy("0.4")
    in_debt = await client.refused("POST", "spot-margin-trade/switch-mode", spotMarginMode="0")
    rich = venue.client("bob")
    off = await rich.post("spot-margin-trade/switch-mode", spotMarginMode="0")

    assert (first["spotMarginMode"], first["spotLeverage"]) == ("1", "10")
    assert (in_order, in_debt) == (176040, 176039)
    assert off == {"spotMarginMode": "0"}
    assert (await settings(rich))["spotLeverage"] == ""
    assert await rich.refused_order(side="Buy", qty="100", isLeverage=1) == 176038


async def test_leverage_goes_from_two_to_ten_and_a_coins_tier_caps_it() -> None:
    client = Venue().client()

    for wrong in ("1", "11", "2.5"):
        assert await client.refused("POST", "spot-margin-trade/set-leverage", leverage=wrong) == 176034
    await client.post("spot-margin-trade/set-leverage", leverage="3")
    (tiers,) = (await client.get("spot-margin-trade/position-tiers", currency="BTC"))["list"]
    highest = int(tiers["positionTiersRatioList"][0]["maxLeverage"])

    assert (await settings(client))["spotLeverage"] == "3"
    states = (await client.get("spot-margin-trade/coinstate"))["list"]
    assert {row["spotLeverage"] for row in states if row["currency"] in ("BTC", "ETH")} == {3}
    more = str(highest + 1)
    assert (
        await client.refused("POST", "spot-margin-trade/set-leverage", leverage=more, currency="BTC") == 176034
        or highest == 10
    )


async def test_a_lower_leverage_lets_less_be_borrowed() -> None:
    client = Venue().client()

    most = dec((await client.get("spot-margin-trade/max-borrowable", currency="USDT"))["maxLoan"])
    await client.post("spot-margin-trade/set-leverage", leverage="2")
    less = dec((await client.get("spot-margin-trade/max-borrowable", currency="USDT"))["maxLoan"])
    check = await client.get("order/spot-borrow-check", category="spot", symbol="BTCUSDT", side="Buy")

    assert 0 < less < most
    assert dec(check["maxTradeAmount"]) == pytest.approx(10_000 + less)
    assert (check["spotMaxTradeAmount"], check["borrowCoin"], check["spotMaxTradeQty"]) == ("10000", "USDT", "0.2")
    assert await client.refused_order(side="Buy", qty="100000", isLeverage=1) == 170033


@pytest.mark.parametrize(
    ("profile", "mode", "order", "switch"),
    [
        ("spot-margin-off", "0", 176038, 0),
        ("no-quiz", "0", 170036, 176002),
        ("isolated", "0", 182021, 182021),
        ("portfolio", "1", 0, 0),
    ],
)
async def test_accounts_that_are_not_ready_for_margin_say_why(profile: str, mode: str, order: int, switch: int) -> None:
    client = Venue().client(profile=profile)

    answer = await client.answer("POST", "order/create", _leveraged())

    assert (await settings(client))["spotMarginMode"] == mode
    assert answer["retCode"] == order
    switched = await client.answer("POST", "spot-margin-trade/switch-mode", {"spotMarginMode": "1"})
    assert switched["retCode"] == switch
    # Own funds are always there.
    await client.order(side="Buy", qty="100")


def _leveraged() -> dict[str, Any]:
    return {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "20", "isLeverage": 1}


async def test_a_classic_account_has_no_unified_paths() -> None:
    client = Venue().client(profile="classic")

    assert (await client.get("user/query-api"))["uta"] == 0
    assert (await client.get("account/info"))["unifiedMarginStatus"] == 1
    assert await client.refused("GET", "account/wallet-balance", accountType="UNIFIED") == 10028
    assert await client.refused_order(side="Buy", qty="100") == 10028


async def test_isolated_mode_hides_the_account_wide_figures_and_is_refused_with_debt() -> None:
    venue = Venue()
    client = venue.client(profile="isolated")
    debtor = venue.client("bob")
    await debtor.buy("0.4")

    wallet = await client.wallet()
    answer = await debtor.answer("POST", "account/set-margin-mode", {"setMarginMode": "ISOLATED_MARGIN"})

    assert (wallet["accountMMRate"], wallet["totalAvailableBalance"]) == ("", "")
    assert (await client.get("account/info"))["marginMode"] == "ISOLATED_MARGIN"
    assert answer["retCode"] == 3400045
    assert answer["result"]["reasons"]
    assert (await client.post("account/set-margin-mode", setMarginMode="REGULAR_MARGIN")) == {"reasons": []}


async def test_the_log_tells_every_change_of_the_wallet() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    venue.move(6)
    await client.buy("0.11")
    await client.post("account/no-convert-repay", coin="BTC")

    rows = (await client.get("account/transaction-log", accountType="UNIFIED", limit=50))["list"]

    kinds = {row["type"] for row in rows}
    assert kinds == {"TRANSFER_IN", "TRADE", "BORROW", "REPAY", "INTEREST"}
    assert len({row["id"] for row in rows}) == len(rows)
    for name in ("BTC", "USDT"):
        own = [row for row in reversed(rows) if row["currency"] == name]
        balance = Decimal(0)
        for row in own:
            assert dec(row["change"]) == dec(row["cashFlow"]) - dec(row["fee"])
            balance += dec(row["change"])
            assert dec(row["cashBalance"]) == balance
        assert dec((await client.coin(name))["walletBalance"]) == balance


async def test_pages_of_the_log_and_of_orders_hang_together() -> None:
    venue = Venue()
    client = venue.client()
    for number in range(7):
        await client.rest(str(48000 - number))
    named: dict[str, Any] = {"category": "spot", "limit": 3}

    seen: list[str] = []
    cursor = ""
    while True:
        answer = await client.get("order/realtime", **named, **({"cursor": cursor} if cursor else {}))
        seen += [row["price"] for row in answer["list"]]
        cursor = answer["nextPageCursor"]
        if not cursor:
            break

    assert seen == [str(48000 - number) for number in reversed(range(7))]
    assert await client.refused("GET", "order/realtime", category="spot", cursor="nonsense") == 10001
    assert await client.refused("GET", "order/realtime", category="spot", limit=51) == 10001


async def test_windows_of_time_are_limited() -> None:
    client = Venue().client()
    day = 86_400_000
    start = 1_767_225_600_000

    for path, most, fields in (
        ("order/history", 7, {"category": "spot"}),
        ("execution/list", 7, {"category": "spot"}),
        ("account/transaction-log", 7, {"accountType": "UNIFIED"}),
        ("account/borrow-history", 30, {}),
    ):
        span = {"startTime": start, "endTime": start + most * day}
        await client.get(path, **fields, **span)
        assert await client.refused("GET", path, **fields, **{**span, "endTime": start + most * day + 1}) == 10001
        assert await client.refused("GET", path, **fields, startTime=start, endTime=start - 1) == 10001


async def test_what_never_traded_vanishes_from_the_history_after_a_day() -> None:
    venue = Venue(minutes=3000)
    client = venue.client()
    filled = await client.buy("0.01")
    gone = await client.rest()
    await client.post("order/cancel", category="spot", symbol="BTCUSDT", orderId=gone)

    venue.move(24 * 60)
    on_time = [row["orderId"] for row in await client.history()]
    venue.move(2)

    assert on_time == [gone, filled]
    assert [row["orderId"] for row in await client.history()] == [filled]
    assert [row["orderId"] for row in await client.open_orders(openOnly=1)] == [gone, filled]


async def test_a_restart_forgets_the_recently_closed_orders_of_realtime() -> None:
    from jarvis.emulators.faults import FaultKind

    venue = Venue()
    client = venue.client()
    await client.buy("0.01")
    venue.move()
    venue.bybit.add_fault(FaultKind.MAINTENANCE)
    down = await client.refused("GET", "order/realtime", category="spot")
    venue.bybit.clear_faults()

    assert down == 10016
    assert await client.open_orders(openOnly=1) == []
    assert len(await client.history()) == 1


async def test_a_falling_market_liquidates_and_shuts_the_account_out_for_a_while() -> None:
    venue = Venue(["50000 50000 50000 50000"] * 2 + ["50000 50000 35000 35000"])
    client = venue.client()
    await client.buy("0.55")
    await client.rest("47600", "0.01")
    stream = await client.stream("execution")

    venue.move(3)

    forced = [row for row in await stream.rows("execution") if row["execType"] == "BustTrade"]
    assert forced
    assert await client.refused_order(side="Buy", qty="100") == 170226
    assert await client.refused("POST", "account/no-convert-repay", coin="USDT") == 182100
    fills = await client.fills(execType="BustTrade")
    assert {row["execId"] for row in fills} == {row["execId"] for row in forced}
    log = (await client.get("account/transaction-log", accountType="UNIFIED", type="LIQUIDATION"))["list"]
    assert log
    assert venue.exchange.liquidations("ann")
    venue.move(1)
    await client.order(side="Buy", qty="10")
    assert venue.exchange.positions("ann")[BTC] < Decimal("0.5")


async def test_what_is_owed_is_told_by_how_it_came_about_and_repaid_in_one_call() -> None:
    venue = Venue()
    client = venue.client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)
    await client.order(symbol="ETHUSDT", side="Sell", qty="1", isLeverage=1)
    await client.buy("0.1002")
    await client.order(symbol="ETHUSDT", side="Buy", qty="1.0011", marketUnit="baseCoin")

    owed = await client.get("spot-margin-trade/liability", currency="BTC")
    answer = await client.post("account/repay")
    venue.move(1 / 60)

    assert (owed["totalBorrowAmount"], owed["flexibleBorrowAmount"], owed["derivativesBorrow"]) == ("0.1", "0.1", "0")
    assert answer == {"resultStatus": "P"}
    assert [(await client.coin(name))["spotBorrow"] for name in ("BTC", "ETH")] == ["0", "0"]
    assert await client.refused("POST", "account/repay") == 182101
    venue.move(1 / 60)
    assert await client.refused("POST", "account/repay", coin="BTC") == 182101


async def test_what_could_leave_the_account_is_less_while_something_is_owed() -> None:
    client = Venue().client(deposits={"USDT": "10000", "BTC": "0.1"})

    before = await client.get("account/withdrawal", coinName="USDT,BTC")
    await client.order(symbol="ETHUSDT", side="Sell", qty="10", isLeverage=1)
    after = await client.get("account/withdrawal", coinName="BTC")

    assert before == {"availableWithdrawal": "10000", "availableWithdrawalMap": {"USDT": "10000", "BTC": "0.1"}}
    assert dec(after["availableWithdrawal"]) == dec("0.1")
    await client.order(symbol="ETHUSDT", side="Sell", qty="25", isLeverage=1)
    assert dec((await client.get("account/withdrawal", coinName="USDT"))["availableWithdrawal"]) < 10_000
    assert await client.refused("GET", "account/withdrawal", coinName=",".join(["BTC"] * 21)) == 10001


async def test_collateral_information_says_what_is_borrowed_and_what_may_be() -> None:
    client = Venue().client()
    await client.order(side="Sell", qty="0.1", isLeverage=1)

    rows = {row["currency"]: row for row in (await client.get("account/collateral-info"))["list"]}

    assert set(rows) == {"BTC", "ETH", "DOGE", "BNB", "USDT"}
    assert (rows["BTC"]["borrowAmount"], rows["ETH"]["borrowAmount"], rows["BTC"]["borrowable"]) == ("0.1", "0", True)
    most = await client.get("spot-margin-trade/max-borrowable", currency="ETH")
    assert dec(rows["ETH"]["availableToBorrow"]) == pytest.approx(dec(most["maxLoan"]))


async def test_settings_of_margin_are_checked() -> None:
    venue = Venue()
    client, off = venue.client(), venue.client("off", profile="spot-margin-off")
    isolated = venue.client("isolated", profile="isolated")

    async def leverage(whose: Client, **fields: str) -> int:
        return await whose.refused("POST", "spot-margin-trade/set-leverage", **fields)

    assert await leverage(off, leverage="3") == 176038
    assert await leverage(isolated, leverage="3") == 182021
    assert await leverage(client) == 176034
    await client.post("spot-margin-trade/set-leverage", leverage="4", currency="ETH")
    states = {row["currency"]: row["spotLeverage"] for row in (await client.get("spot-margin-trade/coinstate"))["list"]}
    assert (states["ETH"], states["BTC"]) == (4, 10)
    assert await client.refused("GET", "spot-margin-trade/coinstate", currency="XYZ") == 10001
    await client.post("spot-margin-trade/set-auto-repay-mode", autoRepayMode="1")
    modes = (await client.get("spot-margin-trade/get-auto-repay-mode"))["data"]
    assert {row["autoRepayMode"] for row in modes} == {"1"}
    assert (await off.get("spot-margin-trade/max-borrowable", currency="BTC"))["maxLoan"] == "0"
    assert (await isolated.get("order/spot-borrow-check", category="spot", symbol="BTCUSDT", side="Sell"))[
        "maxTradeQty"
    ] == "0"


@pytest.mark.parametrize(
    ("profile", "fields", "code"),
    [
        ("", {"amount": "0"}, 176029),
        ("", {}, 176029),
        ("isolated", {"amount": "0.1"}, 182021),
        ("spot-margin-off", {"amount": "0.1"}, 176038),
        ("no-quiz", {"amount": "0.1"}, 176009),
        ("classic", {"amount": "0.1"}, 10028),
    ],
)
async def test_a_loan_by_hand_is_checked(profile: str, fields: dict[str, str], code: int) -> None:
    client = Venue().client(profile=profile)

    assert await client.refused("POST", "account/borrow", coin="BTC", **fields) == code


async def test_the_rate_of_every_full_hour_is_kept() -> None:
    venue = Venue()
    client = venue.client()
    venue.move(150)
    start = 1_767_225_600_000

    path = "spot-margin-trade/interest-rate-history"
    rows = (await client.get(path, currency="BTC", startTime=start))["list"]
    day = (await client.get(path, currency="BTC"))["list"]
    other = (await client.get(path, currency="BTC", vipLevel="VIP-1"))["list"]

    assert [row["timestamp"] for row in rows] == [start + hour * 3_600_000 for hour in (2, 1, 0)]
    assert (len(day), other) == (24, [])
    month = {"startTime": start, "endTime": start + 31 * 86_400_000}
    assert await client.refused("GET", path, currency="BTC", **month) == 10001


async def test_small_answers_of_the_account() -> None:
    client = Venue().client()

    assert (await client.get("account/query-dcp-info")) == {"dcpInfos": []}
    assert len((await client.get("account/fee-rate", category="spot"))["list"]) == 4
    assert await client.refused("POST", "order/disconnected-cancel-all", product="SPOT", timeWindow=10) == 10005
    assert await client.refused("GET", "account/wallet-balance", accountType="FUND") == 10001
    assert (await client.get("spot-margin-trade/state"))["effectiveLeverage"] == "0"
    await client.buy("0.4")
    assert dec((await client.get("spot-margin-trade/state"))["effectiveLeverage"]) > 1


async def test_lists_can_be_narrowed() -> None:
    client = Venue().client()
    first = await client.buy("0.01", orderLinkId="one")
    second = await client.order(symbol="ETHUSDT", side="Buy", qty="100")
    third = await client.rest()

    async def ids(path: str, **fields: Any) -> list[str]:
        rows = (await client.get(path, category="spot", **fields))["list"]
        return [row["orderId"] for row in rows]

    assert await ids("order/history", symbol="ETHUSDT") == [second]
    assert await ids("order/history", baseCoin="BTC", orderStatus="Filled") == [first]
    assert await ids("order/history", orderStatus="Cancelled") == []
    assert await ids("order/realtime", orderLinkId="one") == [first]
    assert await ids("order/realtime", orderFilter="tpslOrder") == []
    assert await ids("order/realtime", openOnly=1) == [second, first]
    assert await ids("order/realtime") == [third]
    assert await ids("execution/list", orderLinkId="one") == [first]
    assert await ids("execution/list", orderId="7") == []
    assert await ids("execution/list", baseCoin="ETH") == [second]
    assert await client.refused("GET", "order/realtime", category="spot", orderFilter="Odd") == 170202
    log = await client.get("account/transaction-log", accountType="UNIFIED", baseCoin="ETH", category="spot")
    assert {row["symbol"] for row in log["list"]} == {"ETHUSDT"}
    start = 1_767_225_600_000
    assert await ids("order/history", startTime=start - 1000, endTime=start - 1) == []
    assert await ids("execution/list", endTime=start - 1) == []
    assert await client.refused("GET", "order/history", category="spot", startTime=10**15 - 1) == 10001
