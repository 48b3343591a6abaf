"""The venue's own margin SDK, unmodified, against the sandbox: it validates every answer against its models."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import websockets
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_margin_trading.margin_trading import MarginTrading
from binance_sdk_margin_trading.rest_api import models
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.emulators.binance.served import ServedBinance, serve_binance

pytestmark = [pytest.mark.witness]


class Sdk:
    """The SDK's blocking calls, off the event loop."""

    def __init__(self, box: ServedBinance, **key: Any) -> None:
        settings = ConfigurationRestAPI(
            api_key=box.key, base_path=box.rest, timeout=5000, retries=0, **(key or {"api_secret": box.secret})
        )
        self._api = MarginTrading(config_rest_api=settings).rest_api

    async def call(self, name: str, **params: Any) -> Any:
        """The parsed answer of one method."""
        method: Callable[..., Any] = getattr(self._api, name)
        response = await asyncio.to_thread(partial(method, **params))
        return await asyncio.to_thread(response.data)


def enum(name: str, value: str) -> Any:
    """A member of one of the SDK's enums."""
    return getattr(models, name)(value)


def order(side: str, kind: str, **more: Any) -> dict[str, Any]:
    """An order in the SDK's types."""
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "side": enum("MarginAccountNewOrderSideEnum", side),
        "type": kind,
        "quantity": 0.3,
    }
    if "side_effect_type" in more:
        more["side_effect_type"] = enum("MarginAccountNewOrderSideEffectTypeEnum", more["side_effect_type"])
    if "time_in_force" in more:
        more["time_in_force"] = enum("MarginAccountNewOrderTimeInForceEnum", more["time_in_force"])
    return fields | more


@pytest.fixture
async def box() -> AsyncIterator[ServedBinance]:
    async with serve_binance() as served:
        yield served


async def test_the_sdk_trades_and_reads_it_all_back(box: ServedBinance) -> None:
    sdk = Sdk(box)

    entry = await sdk.call("margin_account_new_order", **order("BUY", "MARKET", side_effect_type="MARGIN_BUY"))
    # Its model wants a whole number of what was borrowed: with a fraction it hands over the plain answer.
    assert (entry["status"], entry["executedQty"]) == ("FILLED", "0.30000000")
    assert entry["marginBuyBorrowAsset"] == "USDT"
    stop = await sdk.call("margin_account_new_order", **order("SELL", "STOP_LOSS", quantity=0.2, stop_price=45000.0))
    limit = await sdk.call(
        "margin_account_new_order",
        **order(
            "BUY",
            "LIMIT",
            quantity=0.001,
            price=40000.0,
            time_in_force="GTC",
            new_client_order_id="mine",
            side_effect_type="MARGIN_BUY",
        ),
    )
    found = await sdk.call("query_margin_accounts_order", symbol="BTCUSDT", orig_client_order_id="mine")
    assert (found.order_id, found.status, found.price) == (limit.order_id, "NEW", "40000.00000000")
    gone = await sdk.call("margin_account_cancel_order", symbol="BTCUSDT", order_id=limit.order_id)
    assert (gone.status, gone.order_id) == ("CANCELED", str(limit.order_id))
    (working,) = await sdk.call("query_margin_accounts_open_orders", symbol="BTCUSDT")
    assert working.order_id == stop.order_id
    await sdk.call("margin_account_cancel_all_open_orders_on_a_symbol", symbol="BTCUSDT")
    closing = await sdk.call(
        "margin_account_new_order", **order("SELL", "MARKET", quantity=0.2997, side_effect_type="AUTO_REPAY")
    )
    assert closing.status == "FILLED"

    account = await sdk.call("query_cross_margin_account_details")
    usdt = next(row for row in account.user_assets if row.asset == "USDT")
    assert (usdt.borrowed, usdt.interest, account.margin_level) == ("0.00000000", "0.00000000", "999")
    trades = await sdk.call("query_margin_accounts_trade_list", symbol="BTCUSDT")
    orders = await sdk.call("query_margin_accounts_all_orders", symbol="BTCUSDT")
    assert [trades[0].is_buyer, trades[-1].is_buyer] == [True, False]
    assert [each.status for each in orders] == ["FILLED", "CANCELED", "CANCELED", "FILLED"]
    interest = await sdk.call("get_interest_history", asset="USDT")
    assert interest.rows[0].type == "ON_BORROW"
    flow = await sdk.call("query_cross_isolated_margin_capital_flow")
    assert {"BORROW", "REPAY", "TRANSFER"} <= {row.type for row in flow}


async def test_the_sdk_borrows_repays_and_reads_reference_data(box: ServedBinance) -> None:
    sdk = Sdk(box)
    no = enum("MarginAccountBorrowRepayIsIsolatedEnum", "FALSE")

    loan = await sdk.call(
        "margin_account_borrow_repay",
        asset="BTC",
        is_isolated=no,
        amount="0.1",
        type=enum("MarginAccountBorrowRepayTypeEnum", "BORROW"),
    )
    records = await sdk.call(
        "query_borrow_repay_records_in_margin_account",
        type=enum("QueryBorrowRepayRecordsInMarginAccountTypeEnum", "BORROW"),
    )

    assert loan.tran_id == records.rows[0].tx_id
    assert (await sdk.call("query_max_borrow", asset="BTC")).amount
    assert (await sdk.call("query_max_transfer_out_amount", asset="USDT")).amount
    assert (await sdk.call("get_summary_of_margin_account")).normal_bar == "1.25"
    assert len(await sdk.call("get_all_cross_margin_pairs")) == 3
    assert len(await sdk.call("get_all_isolated_margin_symbol")) == 3
    assert len(await sdk.call("get_all_margin_assets")) == 4
    assert (await sdk.call("query_margin_priceindex", symbol="BTCUSDT")).symbol == "BTCUSDT"
    assert (await sdk.call("query_isolated_margin_tier_data", symbol="BTCUSDT"))[0].tier == 1
    assert (await sdk.call("query_cross_margin_fee_data", coin="BTC"))[0].borrowable is True
    assert (await sdk.call("query_isolated_margin_fee_data", symbol="BTCUSDT"))[0].leverage == "10"
    assert (await sdk.call("get_future_hourly_interest_rate", assets="BTC,USDT", is_isolated=False))[1].asset == "USDT"
    assert (await sdk.call("query_margin_interest_rate_history", asset="BTC"))[0].asset == "BTC"
    assert (await sdk.call("get_bnb_burn_status")).spot_bnb_burn is False
    assert (await sdk.call("cross_margin_collateral_ratio"))[0].asset_names
    assert (await sdk.call("get_force_liquidation_record")).total == 0
    assert (await sdk.call("query_enabled_isolated_margin_account_limit")).max_account == 20
    assert (await sdk.call("query_current_margin_order_count_usage"))[0].count == 0
    assert (await sdk.call("get_cross_margin_transfer_history")).rows[0].amount == "10000.00000000"
    assert (await sdk.call("query_margin_available_inventory", type="MARGIN")).assets


async def test_the_sdk_reads_isolated_accounts() -> None:
    async with serve_binance("isolated") as box:
        sdk = Sdk(box)
        yes = enum("MarginAccountNewOrderIsIsolatedEnum", "TRUE")

        await sdk.call(
            "margin_account_new_order", **order("SELL", "MARKET", side_effect_type="MARGIN_BUY", is_isolated=yes)
        )
        account = await sdk.call("query_isolated_margin_account_info", symbols="BTCUSDT")

    assert account.assets[0].base_asset.borrowed == "0.30000000"
    assert account.assets[0].margin_level_status == "NORMAL"


async def test_the_sdk_signs_with_an_ed25519_key() -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    own = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with serve_binance(public_key=pem) as box:
        sdk = Sdk(box, private_key=own)

        entry = await sdk.call("margin_account_new_order", **order("BUY", "MARKET", quantity=0.01))

    assert entry.status == "FILLED"


async def test_the_sdk_names_refusals(box: ServedBinance) -> None:
    sdk = Sdk(box)

    with pytest.raises(BadRequestError, match="insufficient balance"):
        await sdk.call("margin_account_new_order", **order("BUY", "MARKET"))
    with pytest.raises(UnauthorizedError, match="not authorized"):
        await sdk.call("adjust_cross_margin_max_leverage", max_leverage=3)


async def test_the_sdk_opens_the_risk_stream(box: ServedBinance) -> None:
    sdk = Sdk(box)
    key = (await sdk.call("start_user_data_stream")).listen_key

    async with websockets.connect(f"{box.ws}/stream") as socket, asyncio.timeout(10):
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [key], "id": 1}))
        assert json.loads(await socket.recv()) == {"result": None, "id": 1}
        await sdk.call("margin_account_new_order", **order("BUY", "MARKET", side_effect_type="MARGIN_BUY"))
        frame = json.loads(await socket.recv())

    assert (frame["stream"], frame["data"]["e"], frame["data"]["a"]) == (key, "USER_LIABILITY_CHANGE", "USDT")
