"""Our answers have the fields of recorded ones, with values of the same kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.okx.actors import Client, Venue

_RECORDED = Path(__file__).resolve().parents[3].parent / "shared" / "wire" / "okx" / "Endpoints" / "UnifiedApi"
# Fields of derivatives, or of fields that the venue has renamed since.
_GONE = {
    "maxSpotInUseAmt",
    "category",
    "fixedBal",
    "spotInUseCcy",
    "availLoan",
    "usedLoan",
    "posLoan",
    "uly",
    "discountLv",
    "amt",
}

CALLS = [
    ("Account/GetAccountBalance.txt", "account/balance", {}),
    ("Account/GetAccountConfiguration.txt", "account/config", {}),
    ("Account/GetAccountPositions.txt", "account/positions", {}),
    ("Account/GetAccountPositionHistory.txt", "account/positions-history", {}),
    ("Account/GetAccountPositionRisk.txt", "account/account-position-risk", {}),
    ("Account/GetAccountLeverage.txt", "account/leverage-info", {"instId": "BTC-USDT", "mgnMode": "cross"}),
    ("Account/GetInterestAccrued.txt", "account/interest-accrued", {}),
    ("Account/GetInterestRate.txt", "account/interest-rate", {}),
    ("Account/GetBorrowInterestLimit.txt", "account/interest-limits", {}),
    ("Account/GetBillHistory.txt", "account/bills", {}),
    ("Account/GetFeeRates.txt", "account/trade-fee", {"instType": "SPOT"}),
    ("Account/GetMaximumAmount.txt", "account/max-size", {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT"}),
    (
        "Account/GetMaximumAvailableAmount.txt",
        "account/max-avail-size",
        {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT"},
    ),
    (
        "Account/GetMaximumLoanAmount.txt",
        "account/max-loan",
        {"instId": "BTC-USDT", "mgnMode": "cross", "mgnCcy": "USDT"},
    ),
    ("Trading/GetOrderDetails.txt", "trade/orders-history", {"instType": "MARGIN"}),
    ("Trading/GetOrders.txt", "trade/orders-pending", {}),
    ("Trading/GetUserTrades.txt", "trade/fills", {}),
    ("Trading/GetAlgoOrderList.txt", "trade/orders-algo-pending", {"ordType": "conditional"}),
    ("Trading/GetAccountRateLimit.txt", "trade/account-rate-limit", {}),
    ("ExchangeData/GetSymbols.txt", "public/instruments", {"instType": "SPOT"}),
    ("ExchangeData/GetTicker.txt", "market/ticker", {"instId": "BTC-USDT"}),
    ("ExchangeData/GetOrderBook.txt", "market/books", {"instId": "BTC-USDT"}),
    ("ExchangeData/GetKlines.txt", "market/candles", {"instId": "BTC-USDT"}),
    ("ExchangeData/GetServerTime.txt", "public/time", {}),
    ("ExchangeData/GetInterestRates.txt", "public/interest-rate-loan-quota", {}),
    ("ExchangeData/GetDiscountInfo.txt", "public/discount-rate-interest-free-quota", {}),
    (
        "ExchangeData/GetPositionTiers.txt",
        "public/position-tiers",
        {"instType": "MARGIN", "tdMode": "cross", "instId": "BTC-USDT"},
    ),
    ("ExchangeData/GetRecentTrades.txt", "market/trades", {"instId": "BTC-USDT"}),
    ("ExchangeData/GetLimitPrice.txt", "public/price-limit", {"instId": "BTC-USDT"}),
]


async def busy() -> Client:
    """A client of an account that has had a bit of everything."""
    venue = Venue()
    client = venue.client()
    await client.place(sz="500")
    await client.post("trade/close-position", instId="BTC-USDT", mgnMode="cross", ccy="USDT")
    await client.place(sz="1000")
    await client.rest()
    stop = {"instId": "BTC-USDT", "tdMode": "cross", "ccy": "USDT", "side": "sell", "ordType": "conditional"}
    await client.post("trade/order-algo", stop | {"sz": "0.01", "slTriggerPx": "40000", "slOrdPx": "-1"})
    venue.move(61)
    return client


def recorded(name: str) -> Any:
    path = _RECORDED / name
    if not path.exists():
        pytest.skip("the recorded answers are not here")
    text = path.read_text()
    return json.loads(text[text.index("{") :])["data"][0]


def assert_like(ours: Any, theirs: Any, where: str) -> None:
    assert type(ours) is type(theirs), where
    if isinstance(theirs, dict):
        missing = set(theirs) - set(ours) - _GONE
        assert not missing, f"{where}: {sorted(missing)}"
        for name in set(theirs) & set(ours):
            assert_like(ours[name], theirs[name], f"{where}.{name}")
    elif isinstance(theirs, list) and theirs and ours:
        assert_like(ours[0], theirs[0], f"{where}[0]")


@pytest.mark.parametrize(("name", "path", "query"), CALLS, ids=[path for _, path, _ in CALLS])
async def test_an_answer_has_the_recorded_fields(name: str, path: str, query: dict[str, str]) -> None:
    theirs = recorded(name)
    client = await busy()

    ours = await client.get(path, **query)

    assert ours, path
    assert_like(ours[0], theirs, path)


async def test_acknowledgements_carry_the_times_of_the_gateway() -> None:
    client = Venue().client()

    _, answer = await client.answer("POST", "trade/order", client.order())

    assert set(answer) == {"code", "msg", "data", "inTime", "outTime"}
    assert set(answer["data"][0]) >= {"ordId", "clOrdId", "tag", "ts", "sCode", "sMsg"}
