"""Every private path against every box: which single permission opens it, and what a denied call answers."""

import json

import pytest

from jarvis.emulators.kraken import FaultKind
from tests.emulators.kraken.actors import EVERY_BOX, TRADER, Venue

QF, OO, CO = {"query-funds"}, {"query-open-trades"}, {"query-closed-trades"}
MODIFY_OR_CLOSE = {"modify-trades", "close-trades"}
OPENED_BY_ONE_OF = {
    "Balance": QF,
    "BalanceEx": QF,
    "TradeBalance": QF,
    "TradeVolume": QF,
    "OpenOrders": OO,
    "OpenPositions": OO,
    "ClosedOrders": CO,
    "TradesHistory": CO,
    "QueryTrades": CO,
    "QueryOrders": OO | CO,
    "OrderAmends": OO | CO,
    "Ledgers": {"query-ledger"},
    "QueryLedgers": {"query-ledger"},
    "GetWebSocketsToken": {"create-ws-token"},
    "GetApiKeyInfo": EVERY_BOX,
    "AddOrder": {"modify-trades"},
    "AddOrderBatch": {"modify-trades"},
    "EditOrder": {"modify-trades"},
    "AmendOrder": MODIFY_OR_CLOSE,
    "CancelOrder": MODIFY_OR_CLOSE,
    "CancelOrderBatch": MODIFY_OR_CLOSE,
    "CancelAll": MODIFY_OR_CLOSE,
    "CancelAllOrdersAfter": MODIFY_OR_CLOSE,
    "Withdraw": {"withdraw-funds"},
    "WithdrawCancel": {"withdraw-funds"},
    "WithdrawStatus": {"withdraw-funds"},
    "WalletTransfer": {"withdraw-funds"},
    "AccountTransfer": {"withdraw-funds"},
    "DepositMethods": {"add-funds"},
    "DepositAddresses": {"add-funds"},
    "DepositStatus": {"add-funds"},
}


@pytest.mark.parametrize("method", OPENED_BY_ONE_OF)
async def test_a_path_opens_to_its_permissions_and_to_no_other(method: str) -> None:
    venue = Venue(minutes=1)

    opened = set()
    for box in EVERY_BOX:
        answer = json.loads((await venue.client("ann", frozenset({box})).send(method)).body)
        if answer["error"] != ["EGeneral:Permission denied"]:
            opened.add(box)

    assert opened == OPENED_BY_ONE_OF[method]


@pytest.mark.parametrize("method", ["WithdrawInfo", "WithdrawMethods", "WithdrawAddresses"])
async def test_reading_withdrawals_needs_both_rights(method: str) -> None:
    venue = Venue(minutes=1)

    for boxes in (QF, {"withdraw-funds"}, EVERY_BOX - QF, EVERY_BOX - {"withdraw-funds"}):
        assert await venue.client("ann", frozenset(boxes)).refused(method, asset="XBT") == "EGeneral:Permission denied"
    both = venue.client("ann", frozenset({"query-funds", "withdraw-funds"}))
    answer = json.loads((await both.send(method, asset="XBT", key="x", amount="1")).body)
    assert answer["error"] in ([], ["EFunding:Unknown withdraw key"])


async def test_nothing_is_ever_moved_off_the_venue() -> None:
    venue = Venue(minutes=1)
    client = venue.client("ann", EVERY_BOX)
    before = await client.call("Balance")

    assert await client.refused("Withdraw", asset="ZUSD", key="bank", amount="100") == "EFunding:Unknown withdraw key"
    assert (await client.refused("WalletTransfer", asset="ZUSD", amount="100")).startswith("EFunding:")
    assert (await client.refused("AccountTransfer", asset="ZUSD", amount="100")).startswith("EFunding:")
    assert (await client.refused("WithdrawCancel", asset="ZUSD", refid="x")).startswith("EFunding:")

    assert await client.call("Balance") == before


async def test_an_unknown_path_is_an_unknown_method() -> None:
    client = Venue(minutes=1).client("ann", EVERY_BOX)

    assert await client.refused("Stake") == "EGeneral:Unknown method"


async def test_key_information_tells_the_boxes_in_both_spellings() -> None:
    venue = Venue(minutes=1)
    client = venue.client("ann", TRADER, ip_allowlist=("127.0.0.1",), nonce_window=0)

    snake = await client.call("GetApiKeyInfo")
    fault = venue.kraken.add_fault(FaultKind.CAMEL_CASE_KEY_INFO)
    camel = await client.call("GetApiKeyInfo")
    venue.kraken.remove_fault(fault.fault_id)

    assert snake["permissions"] == camel["permissions"] == sorted(TRADER)
    assert snake["api_key"] == camel["apiKey"] == client.public
    assert snake["ip_allowlist"] == camel["ipAllowlist"] == ["127.0.0.1"]
    assert (snake["nonce_window"], camel["nonceWindow"]) == ("0", 0)
    assert snake["valid_until"] == camel["validUntil"] == "0"


async def test_an_unrestricted_key_lists_one_empty_address() -> None:
    client = Venue(minutes=1).client("ann")

    assert (await client.call("GetApiKeyInfo"))["ip_allowlist"] == [""]
