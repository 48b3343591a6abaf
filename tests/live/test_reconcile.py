from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot, Balance, MarginState, VenuePosition
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import USD, ZERO, Asset
from jarvis.domain.order import (
    ClientOrderId,
    Fill,
    FillId,
    Order,
    OrderReport,
    OrderRequest,
    OrderRole,
    OrderStatus,
    OrderType,
    PositionId,
    VenueOrderId,
)
from jarvis.domain.position import Position
from jarvis.live.reconcile import PositionMismatch, Wallet, compare
from jarvis.trading.stories import PositionStory
from jarvis.trading.strategy import Protection

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BTC = Pair.parse("BTC/USD")
ETH = Pair.parse("ETH/USD")


def snapshot(*, positions: tuple[VenuePosition, ...] = (), orders: tuple[OrderReport, ...] = ()) -> AccountSnapshot:
    margin = MarginState(USD, NOON, Decimal(1000), Decimal(1000), ZERO, Decimal(1000), ZERO, None)
    return AccountSnapshot(NOON, (), margin, positions, orders)


def at_venue(pair: Pair, side: Side, quantity: str) -> VenuePosition:
    return VenuePosition(pair, side, Decimal(quantity), Decimal(100), Decimal(10))


def story(pair: Pair, side: Side, quantity: str) -> PositionStory:
    fill = Fill(
        FillId("T1"),
        VenueOrderId("O1"),
        ClientOrderId("jv1"),
        pair,
        side,
        Decimal(quantity),
        Decimal(100),
        Decimal(quantity) * 100,
        ZERO,
        USD,
        NOON,
    )
    position, _ = Position(pair, Decimal("0.0001")).apply(fill)
    return PositionStory(
        PositionId("p1"), pair, "trend", position, Protection(Decimal(5)), 5, ClientOrderId("jv1"), side, None, NOON
    )


def order(identity: str, status: OrderStatus = OrderStatus.OPEN) -> Order:
    request = OrderRequest(ClientOrderId(identity), BTC, Side.BUY, OrderType.MARKET, Decimal(1), 5, OrderRole.ENTRY)
    return Order(request, NOON, status)


def resting(client_order_id: str | None, pair: Pair = BTC) -> OrderReport:
    return OrderReport(
        VenueOrderId(f"O-{client_order_id}"),
        OrderStatus.OPEN,
        NOON,
        pair=pair,
        client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
    )


def test_a_position_that_agrees_is_confirmed() -> None:
    seen = snapshot(positions=(at_venue(BTC, Side.SELL, "0.5"),))

    comparison = compare(seen, [], {BTC: story(BTC, Side.SELL, "0.5")}, id_prefix="jv")

    assert (comparison.confirmed, comparison.mismatches) == ((BTC,), ())


def test_a_position_that_we_do_not_know_is_a_mismatch() -> None:
    seen = snapshot(positions=(at_venue(ETH, Side.BUY, "2"),))

    comparison = compare(seen, [], {}, id_prefix="jv")

    assert comparison.mismatches == (PositionMismatch(ETH, ZERO, Decimal(2)),)


def test_a_position_that_the_venue_does_not_show_is_a_mismatch() -> None:
    comparison = compare(snapshot(), [], {BTC: story(BTC, Side.BUY, "0.5")}, id_prefix="jv")

    assert comparison.mismatches == (PositionMismatch(BTC, Decimal("0.5"), ZERO),)


def test_the_sign_of_a_position_counts() -> None:
    seen = snapshot(positions=(at_venue(BTC, Side.SELL, "0.5"),))

    comparison = compare(seen, [], {BTC: story(BTC, Side.BUY, "0.5")}, id_prefix="jv")

    assert comparison.mismatches == (PositionMismatch(BTC, Decimal("0.5"), Decimal("-0.5")),)


def test_an_unfinished_order_that_does_not_rest_must_be_looked_up() -> None:
    seen = snapshot(orders=(resting("jv2"),))

    comparison = compare(seen, [order("jv1", OrderStatus.UNKNOWN), order("jv2")], {}, id_prefix="jv")

    assert comparison.missing_orders == ("jv1",)


def test_a_finished_order_is_not_missed() -> None:
    comparison = compare(snapshot(), [order("jv1", OrderStatus.FILLED)], {}, id_prefix="jv")

    assert comparison.missing_orders == ()


def test_orders_with_another_id_or_none_are_foreign() -> None:
    seen = snapshot(orders=(resting("jv1"), resting("mine-7"), resting(None)))

    comparison = compare(seen, [order("jv1")], {}, id_prefix="jv")

    assert [report.client_order_id for report in comparison.resting] == ["jv1"]
    assert [report.client_order_id for report in comparison.foreign_orders] == ["mine-7", None]


USDT = Asset("USDT")
BTC_USDT, ETH_USDT = Pair.parse("BTC/USDT"), Pair.parse("ETH/USDT")
CRUMBS = {BTC_USDT: Decimal("0.001"), ETH_USDT: Decimal("0.001")}


def wallet_snapshot(*positions: VenuePosition, **totals: str) -> AccountSnapshot:
    balances = tuple(Balance(Asset(name), Decimal(total), ZERO) for name, total in totals.items())
    return replace(snapshot(positions=positions), balances=balances)


def balances_compared(cash: dict[str, str], **totals: str) -> dict[str, tuple[Decimal, Decimal]]:
    wallet = Wallet({Asset(asset): Decimal(amount) for asset, amount in cash.items()}, CRUMBS)
    compared = compare(wallet_snapshot(**totals), [], {}, id_prefix="jv", wallet=wallet)
    return {each.asset: (each.expected, each.at_venue) for each in compared.balances}


def test_a_wallets_balances_agree_with_the_journals_cash_to_the_digits_that_venues_keep() -> None:
    assert balances_compared({"USDT": "10", "BTC": "-0.5", "BNB": "0"}, USDT="10.00", BTC="-0.5") == {}
    assert balances_compared({"USDT": "10"}, USDT="10.0000000099999") == {}
    assert balances_compared({"USDT": "10"}, USDT="10.00000001") == {"USDT": (Decimal(10), Decimal("10.00000001"))}


def test_an_asset_that_only_one_side_knows_does_not_agree() -> None:
    assert balances_compared({"ETH": "1"}, DOGE="2") == {
        "DOGE": (ZERO, Decimal(2)),
        "ETH": (Decimal(1), ZERO),
    }


def test_each_asset_says_what_it_freezes() -> None:
    wallet = Wallet({}, CRUMBS)
    compared = compare(wallet_snapshot(USDT="1", BTC="1", DOGE="1"), [], {}, id_prefix="jv", wallet=wallet)

    messages = {each.asset: each.message for each in compared.balances}
    assert not compared.agrees
    assert "Entries on BTC/USDT stop until both agree" in messages[Asset("BTC")]
    assert "Nothing is opened on this account" in messages[USDT]
    assert "No pair of ours needs it" in messages[Asset("DOGE")]
    assert "the venue says 1, our journal says 0" in messages[USDT]


def test_where_the_venue_keeps_no_positions_the_balances_are_the_proof() -> None:
    held = {BTC_USDT: story(BTC_USDT, Side.BUY, "1")}

    compared = compare(wallet_snapshot(), [], held, id_prefix="jv", wallet=Wallet({}, CRUMBS))

    assert compared.agrees


def test_a_wallet_venues_own_position_may_differ_by_crumbs_only() -> None:
    held = {BTC_USDT: story(BTC_USDT, Side.BUY, "1")}
    wallet = Wallet({}, CRUMBS)

    near = compare(wallet_snapshot(at_venue(BTC_USDT, Side.BUY, "0.9995")), [], held, id_prefix="jv", wallet=wallet)
    far = compare(wallet_snapshot(at_venue(BTC_USDT, Side.BUY, "0.99")), [], held, id_prefix="jv", wallet=wallet)

    assert near.agrees
    assert [each.pair for each in far.mismatches] == [BTC_USDT]
