"""What the boxes of a key allow, what no key may do, and what the key says of itself."""

from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.money import Asset
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.venue import KeyForm
from tests.emulators.binance.actors import EVERY_BOX, TRADER, Venue

READING, TRADING, MARGIN = "enableReading", "enableSpotAndMarginTrading", "enableMargin"


async def test_a_key_tells_its_boxes() -> None:
    client = Venue().client(permissions=frozenset({READING, "enableFutures"}))

    told = await client.call("GET account/apiRestrictions")

    assert {name for name, value in told.items() if value is True} == {"ipRestrict", READING, "enableFutures"}
    assert "tradingAuthorityExpirationTime" not in told


async def test_a_key_of_any_address_says_when_its_trading_lapses_and_then_it_does() -> None:
    venue = Venue(minutes=800, step=timedelta(hours=1))
    client = venue.client(ip_allowlist=())
    told = await client.call("GET account/apiRestrictions")
    assert told["ipRestrict"] is False
    assert told["tradingAuthorityExpirationTime"] - told["createTime"] == timedelta(days=30) // timedelta(
        milliseconds=1
    )

    venue.move(30 * 24 * 60)

    assert (await client.call("GET account/apiRestrictions"))[TRADING] is False
    assert (await client.refused("POST margin/order", **client.order()))[:2] == (401, -2015)


async def test_a_flag_that_no_box_offers_is_passed_through() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.set_permissions(client.public, TRADER | {"enableTeleport"})

    assert (await client.call("GET account/apiRestrictions"))["enableTeleport"] is True


@pytest.mark.parametrize(
    ("boxes", "operation", "refusal"),
    [
        ({READING}, "POST margin/order", (401, -2015)),
        ({READING}, "DELETE margin/openOrders", (401, -2015)),
        ({TRADING, MARGIN}, "GET margin/account", (401, -2015)),
        ({TRADING, MARGIN}, "GET account/apiRestrictions", (401, -2015)),
        ({READING, TRADING}, "POST margin/order", (401, -1002)),
        ({READING, TRADING}, "POST margin/borrow-repay", (401, -1002)),
    ],
)
async def test_missing_boxes_refuse(boxes: set[str], operation: str, refusal: tuple[int, int]) -> None:
    client = Venue().client(permissions=frozenset(boxes))
    params = client.order() if operation == "POST margin/order" else {}

    assert (await client.refused(operation, **params))[:2] == refusal


async def test_an_order_that_borrows_nothing_needs_no_loan_box() -> None:
    client = Venue().client(permissions=frozenset({READING, TRADING}))

    placed = await client.place(sideEffectType="NO_SIDE_EFFECT")

    assert placed["status"] == "FILLED"


@pytest.mark.parametrize(
    "operation",
    [
        "POST margin/max-leverage",
        "POST bnbBurn",
        "POST margin/manual-liquidation",
        "POST asset/transfer",
        "POST margin/isolated/account",
        "DELETE margin/isolated/account",
        "POST margin/apiKey",
        "POST margin/exit-special-key-mode",
        "POST margin/exchange-small-liability",
        "POST capital/withdraw/apply",
        "POST margin/liquidation-loan/repay",
    ],
)
async def test_settings_transfers_and_withdrawals_are_refused_whatever_the_boxes(operation: str) -> None:
    client = Venue().client(permissions=EVERY_BOX)

    assert (await client.refused(operation))[:2] == (401, -1002)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v3/userDataStream", 410),
        ("POST", "/sapi/v1/userDataStream/isolated", 410),
        ("POST", "/sapi/v1/margin/transfer", 404),
        ("POST", "/sapi/v1/margin/loan", 410),
        ("GET", "/sapi/v1/margin/nothing", 404),
        ("POST", "/api/v3/time", 404),
    ],
)
async def test_paths_that_are_gone_and_paths_that_never_were(method: str, path: str, status: int) -> None:
    client = Venue().client()

    assert (await client.raw(method, path, client.signed({}))).status == status


async def test_words_of_sql_meet_the_firewall() -> None:
    client = Venue().client()

    response = await client.raw("GET", "/api/v3/depth", "symbol=select%20x%20from%20y")

    assert response.status == 403
    assert response.headers["content-type"].startswith("text/html")


async def test_reference_data_needs_a_key_but_no_signature() -> None:
    client = Venue().client(permissions=frozenset())

    unsigned = await client.raw("GET", "/sapi/v1/margin/allPairs")
    signed = await client.raw("GET", "/sapi/v1/margin/allPairs", client.signed({}))
    client.public = ""
    nobody = await client.raw("GET", "/sapi/v1/margin/allPairs")

    assert (unsigned.status, signed.status, nobody.status) == (200, 200, 401)


async def test_widened_permissions_show_in_the_introspection() -> None:
    venue = Venue()
    client = venue.client()

    venue.binance.add_fault(FaultKind.PERMISSION_WIDENED)

    assert (await client.call("GET account/apiRestrictions"))["enableWithdrawals"] is True


def test_the_page_makes_keys_as_its_form_says() -> None:
    venue = Venue()
    venue.client()

    shown = venue.binance.make_key("ann", KeyForm("Jarvis", TRADER, {"ip_allowlist": "192.0.2.7\n10.0.0.0/8"}))

    assert [each.name for each in shown] == ["api_key", "secret"]
    assert all(len(each.value) == 64 for each in shown)
    row = venue.binance.keys_of("ann")[-1]
    assert (row.label, frozenset(row.permissions)) == ("Jarvis", TRADER)
    assert "192.0.2.7, 10.0.0.0/8" in row.notes[1]
    offered = {box.permission for group in venue.binance.page.groups for box in group.boxes}
    assert offered == EVERY_BOX


@pytest.mark.parametrize(
    ("permissions", "inputs", "word"),
    [
        (TRADER | {"enableWithdrawals"}, {}, "trusted IPs"),
        (TRADER, {"key_type": "self"}, "public key"),
        (TRADER, {"key_type": "self", "public_key": "nonsense"}, "PEM"),
        (TRADER, {"public_key": "nonsense"}, "self-generated"),
        (TRADER, {"ip_allowlist": "nowhere"}, "nowhere"),
    ],
)
def test_the_page_refuses_in_words(permissions: frozenset[str], inputs: dict[str, str], word: str) -> None:
    venue = Venue()
    venue.client()

    with pytest.raises(ValueError, match=word):
        venue.binance.make_key("ann", KeyForm("x", permissions, inputs))


def test_accounts_are_made_once_and_of_known_kinds() -> None:
    venue = Venue()
    venue.client()

    with pytest.raises(ValueError, match="exists"):
        venue.binance.open_account("ann", {})
    with pytest.raises(ValueError, match="portfolio"):
        venue.binance.open_account("bob", {}, "portfolio")
    with pytest.raises(ValueError, match="EUR"):
        venue.binance.open_account("bob", {Asset("EUR"): Decimal(1)})
    with pytest.raises(ValueError, match="holds XRP"):
        venue.binance.open_account("bob", {Asset("XRP"): Decimal(1)}, "isolated")
    with pytest.raises(ValueError, match="no account"):
        venue.binance.create_key("bob", TRADER, "x")
    assert venue.binance.account_names() == ["ann"]


async def test_an_account_may_pay_in_bnb_from_the_start() -> None:
    client = Venue().client(profile="cross-bnb", deposits={"USDT": "10000", "BNB": "1"})

    placed = await client.place(quantity="0.3")

    assert await client.call("GET bnbBurn") == {"spotBNBBurn": True, "interestBNBBurn": True}
    assert {fill["commissionAsset"] for fill in placed["fills"]} == {"BNB"}
    assert (await client.asset("USDT"))["interest"] == "0.00000000"
