"""Bybit's REST answers read into the domain's words: pure functions, one per answer.

Shapes: https://bybit-exchange.github.io/docs/v5/intro (2026-07). A status, type or mode that is not listed here is
UnreadableAnswer: it is never guessed. Balances are net: what is held (borrowed coins included) less the loan and the
interest on it, so that borrowing and repaying move nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from jarvis.domain.account import Balance, FeeRates, KeyPermissions, LedgerKind, LedgerRow, LedgerRowId, MarginState
from jarvis.domain.instrument import Instrument, InstrumentStatus, Pair, Side
from jarvis.domain.market import Bar
from jarvis.domain.money import ONE, ZERO, Asset, round_nearest
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.bybit.fields import (
    Record,
    decode,
    inner,
    moment,
    number,
    number_or_none,
    record_of,
    rows,
    text,
    text_or_empty,
    unreadable,
    whole,
)
from jarvis.venues.bybit.margin import MarginTerms
from jarvis.venues.bybit.symbols import USDT, Symbols

_INSTRUMENT_STATUSES = {
    "Trading": InstrumentStatus.ONLINE,
    "PreLaunch": InstrumentStatus.CANCEL_ONLY,
    "Delivering": InstrumentStatus.CANCEL_ONLY,
    "Closed": InstrumentStatus.DELISTED,
}
_MARGIN_TRADING = {"both": True, "utaOnly": True, "none": False, "normalSpotOnly": False}

# Share of the maintenance rate at which a person should worry; the venue itself acts at 1.
_CALL_SHARE = Decimal("0.8")
# Maintenance over initial rate of the documentation's own example, for an account that has borrowed nothing.
_USUAL_LIQUIDATION_LEVEL = Decimal("0.2")
_CENT_OF_CENTS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every answer is wrapped in."""

    code: int
    message: str
    result: Any


def parse_envelope(body: bytes) -> Envelope:
    """The code, the words and the result of any answer.

    `{"retCode":0,"retMsg":"OK","result":{},"retExtInfo":{},"time":1672211918471}`
    """
    answer = record_of(decode(body), "answer")
    return Envelope(whole(answer, "retCode", "answer"), text_or_empty(answer, "retMsg", "answer"), answer.get("result"))


def parse_time(result: object) -> datetime:
    """The venue's clock: `{"timeSecond":"1688639403","timeNano":"1688639403423213947"}`."""
    nanoseconds = whole(record_of(result, "market/time"), "timeNano", "market/time")
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError as error:
        raise unreadable("market/time", "timeNano", result) from error


def parse_cursor(result: object, what: str) -> str:
    """Where the next page begins, encoded as the venue wants it back; empty on the last."""
    return text_or_empty(record_of(result, what), "nextPageCursor", what)


def parse_symbols(result: object) -> list[tuple[str, Pair]]:
    """Every listed symbol and its pair (see parse_instruments)."""
    what = "instruments-info"
    return [
        (
            text(record, "symbol", what),
            Pair(Asset(text(record, "baseCoin", what)), Asset(text(record, "quoteCoin", what))),
        )
        for record in rows(result, what)
    ]


def parse_instruments(
    result: object, symbols: Symbols, pairs: Iterable[Pair], terms: MarginTerms | None
) -> dict[Pair, Instrument]:
    """The rules of those of `pairs` that can be traded on margin by a unified account; others are left out.

    Without the account's terms no leverage is promised. The minimum that the venue enforces is `minOrderAmt`
    (quote); `minOrderQty` is only told.

    `{"category":"spot","list":[{"symbol":"BTCUSDT","baseCoin":"BTC","quoteCoin":"USDT","innovation":"0",
    "status":"Trading","marginTrading":"utaOnly","stTag":"0","lotSizeFilter":{"basePrecision":"0.000001",
    "quotePrecision":"0.0000001","minOrderQty":"0.000011","maxOrderQty":"83","minOrderAmt":"5","maxOrderAmt":"8000000",
    "maxLimitOrderQty":"83","maxMarketOrderQty":"41.5","postOnlyMaxLimitOrderSize":"60000"},
    "priceFilter":{"tickSize":"0.1"},"riskParameters":{"priceLimitRatioX":"0.01","priceLimitRatioY":"0.01"}}]}`
    """
    what = "instruments-info"
    wanted = frozenset(pairs)
    instruments = {}
    for record in rows(result, what):
        pair = symbols.pair(text(record, "symbol", what))
        if pair in wanted and _takes_margin(record):
            instruments[pair] = _instrument(pair, record, terms)
    return instruments


def _takes_margin(record: Record) -> bool:
    try:
        return _MARGIN_TRADING[text(record, "marginTrading", "instruments-info")]
    except KeyError:
        raise unreadable("instruments-info", "marginTrading", record) from None


def _instrument(pair: Pair, record: Record, terms: MarginTerms | None) -> Instrument:
    what = "instruments-info"
    lot, price = inner(record, "lotSizeFilter", what), inner(record, "priceFilter", what)
    level = _liquidation_level(terms, pair.quote)
    try:
        return Instrument(
            pair=pair,
            symbol=text(record, "symbol", what),
            tick=number(price, "tickSize", what),
            lot=number(lot, "basePrecision", what),
            cost_step=number(lot, "quotePrecision", what),
            min_quantity=number(lot, "basePrecision", what),
            min_cost=number(lot, "minOrderAmt", what),
            leverage_long=() if terms is None else terms.leverages(pair, Side.BUY),
            leverage_short=() if terms is None else terms.leverages(pair, Side.SELL),
            status=_INSTRUMENT_STATUSES[text(record, "status", what)],
            margin_call_level=min(ONE, level / _CALL_SHARE),
            liquidation_level=level,
        )
    except KeyError:
        raise unreadable(what, "status", record) from None
    except ValueError as error:
        raise UnreadableAnswer(f"Bybit {what}: {error}") from error


def _liquidation_level(terms: MarginTerms | None, borrowed: Asset) -> Decimal:
    tier = None if terms is None else terms.tiers.get(borrowed)
    return _USUAL_LIQUIDATION_LEVEL if tier is None else tier.maintenance_rate / tier.initial_rate


def parse_last_prices(result: object) -> dict[str, Decimal]:
    """The last traded price by symbol.

    `{"category":"spot","list":[{"symbol":"BTCUSDT","bid1Price":"20517.96","bid1Size":"2","ask1Price":"20527.77",
    "ask1Size":"1.862172","lastPrice":"20533.13","prevPrice24h":"20393.48","price24hPcnt":"0.0068",
    "highPrice24h":"21128.12","lowPrice24h":"20318.89","turnover24h":"243765620.65899866","volume24h":"11801.27771",
    "usdIndexPrice":"20784.12009279"}]}`
    """
    what = "tickers"
    return {text(record, "symbol", what): number(record, "lastPrice", what) for record in rows(result, what)}


def parse_bars(result: object, pair: Pair, interval: timedelta, now: datetime) -> list[Bar]:
    """The finished candles, oldest first; the venue tells the newest first, the forming one included.

    `{"category":"spot","symbol":"BTCUSDT","list":[["1670608800000","17071","17073","17027","17055.5","26.86",
    "458000.1"]]}`: start, open, high, low, close, volume, turnover.
    """
    record = record_of(result, "kline")
    listed = record.get("list")
    if not isinstance(listed, list):
        raise unreadable("kline", "list", record)
    bars = [_bar(row, pair, interval) for row in reversed(listed)]
    return [bar for bar in bars if bar.closed_at <= now]


def _bar(row: object, pair: Pair, interval: timedelta) -> Bar:
    if not isinstance(row, list) or len(row) != 7:
        raise unreadable("kline", "(row of seven)", row)
    fields = dict(zip(("start", "open", "high", "low", "close", "volume", "turnover"), row, strict=True))
    return bar_of(fields, pair, interval, "kline")


def bar_of(fields: Record, pair: Pair, interval: timedelta, what: str) -> Bar:
    """One candle from its fields by name."""
    try:
        return Bar(
            pair=pair,
            interval=interval,
            opened_at=moment(fields, "start", what),
            open=number(fields, "open", what),
            high=number(fields, "high", what),
            low=number(fields, "low", what),
            close=number(fields, "close", what),
            volume=number(fields, "volume", what),
        )
    except ValueError as error:
        raise UnreadableAnswer(f"Bybit {what}: a candle of {pair} contradicts itself") from error


# The key


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What the venue says of the key, and whether its account is a unified one."""

    permissions: KeyPermissions
    is_unified: bool


def parse_key(result: object) -> KeyAnswer:
    """What the key may do: `Group:Item`, and `ReadOnly` for a key that may only read, whatever else is ticked.

    A key that is bound to no address (`[]`, `[""]` or `["*"]`) dies after 90 days; `deadlineDay` counts them, and
    is negative for a bound one, whose `expiredAt` is 1970.

    `{"id":"13770661","note":"Jarvis","apiKey":"XXXXXX","readOnly":0,"secret":"","permissions":{"Spot":["SpotTrade"],
    "Wallet":[],"ContractTrade":[]},"ips":["203.0.113.7"],"type":1,"deadlineDay":-2,"expiredAt":"1970-01-01T00:00:00Z",
    "createdAt":"2022-10-16T02:24:40Z","unified":0,"uta":1,"userID":24617703,"vipLevel":"No VIP","isMaster":true,
    "parentUid":"0"}`
    """
    what = "query-api"
    record = record_of(result, what)
    granted = set(_granted(inner(record, "permissions", what), what))
    read_only = whole(record, "readOnly", what)
    if read_only not in (0, 1):
        raise unreadable(what, "readOnly", record)
    if read_only:
        granted.add("ReadOnly")
    addresses = record.get("ips")
    if not isinstance(addresses, list) or not all(isinstance(each, str) for each in addresses):
        raise unreadable(what, "ips", record)
    bound = tuple(address for address in addresses if address) if "*" not in addresses else ()
    permissions = KeyPermissions(
        granted=frozenset(granted),
        label=text(record, "note", what),
        public_id=text(record, "apiKey", what),
        ip_allowlist=bound,
        expires_at=None if bound else _expiry(record, what),
    )
    return KeyAnswer(permissions, whole(record, "uta", what) == 1)


def _granted(permissions: Record, what: str) -> Iterable[str]:
    for group, listed in permissions.items():
        if listed is not None and not (isinstance(listed, list) and all(isinstance(item, str) for item in listed)):
            raise unreadable(what, group, permissions)
        yield from (f"{group}:{item}" for item in listed or ())


def _expiry(record: Record, what: str) -> datetime | None:
    """When an unbound key dies. Only a negative countdown says "never"."""
    if whole(record, "deadlineDay", what) < 0:
        return None
    try:
        at = datetime.fromisoformat(text(record, "expiredAt", what))
    except ValueError as error:
        raise unreadable(what, "expiredAt", record) from error
    if at.tzinfo is None:
        raise unreadable(what, "expiredAt", record)
    return at.astimezone(UTC)


def parse_fee_rates(result: object, symbols: Symbols, pairs: Sequence[Pair]) -> dict[Pair, FeeRates]:
    """The account's own fees as fractions.

    `{"list":[{"symbol":"BTCUSDT","takerFeeRate":"0.001","makerFeeRate":"0.001"}]}`
    """
    what = "fee-rate"
    listed = {text(record, "symbol", what): record for record in rows(result, what)}
    rates = {}
    for pair in pairs:
        record = listed.get(symbols.symbol(pair))
        if record is None:
            raise unreadable(what, symbols.symbol(pair), listed)
        rates[pair] = FeeRates(number(record, "makerFeeRate", what), number(record, "takerFeeRate", what))
    return rates


# Funds


@dataclass(frozen=True, slots=True)
class Wallet:
    """The unified wallet: balances per coin, and the account's margin; None where it has no margin of its own."""

    balances: tuple[Balance, ...]
    margin: MarginState | None

    def balance(self, asset: Asset) -> Balance:
        """The coin's balance, zero if it is not listed."""
        return next((each for each in self.balances if each.asset == asset), Balance(asset, ZERO, ZERO))

    def totals(self) -> dict[Asset, tuple[Decimal, Decimal]]:
        """What cannot change but by an event: per coin the net total, and what is free."""
        return {each.asset: (each.total, each.available) for each in self.balances}


def parse_wallet(result: object, at: datetime) -> Wallet:
    """Every coin and the account's margin.

    `walletBalance` includes borrowed coins and `spotBorrow` is the loan; `borrowAmount` also counts what open orders
    would borrow and so proves nothing. Answers from before that change lack `spotBorrow`: readable only without debt.

    `{"list":[{"accountType":"UNIFIED","accountIMRate":"0.2","accountMMRate":"0.04","totalEquity":"2000",
    "totalWalletBalance":"2000","totalMarginBalance":"2000","totalAvailableBalance":"1600","totalPerpUPL":"0",
    "totalInitialMargin":"400","totalMaintenanceMargin":"80","coin":[{"coin":"USDT","equity":"-400","usdValue":"-400",
    "walletBalance":"0","locked":"0","borrowAmount":"400","spotBorrow":"400","accruedInterest":"0.0008",
    "unrealisedPnl":"0","bonus":"0","marginCollateral":true,"collateralSwitch":true,"availableToWithdraw":""}]}]}`
    """
    what = "wallet-balance"
    accounts = rows(result, what)
    if len(accounts) != 1:
        raise UnreadableAnswer(f"Bybit {what}: {len(accounts)} accounts instead of one")
    coins = rows(accounts[0], what, "coin")
    balances = tuple(_balance(record, what) for record in coins)
    return Wallet(balances, _margin(accounts[0], coins, at, what))


def _balance(record: Record, what: str) -> Balance:
    held, locked = number(record, "walletBalance", what), number_or_none(record, "locked", what) or ZERO
    borrowed = number_or_none(record, "spotBorrow", what)
    if borrowed is None:
        if number_or_none(record, "borrowAmount", what):
            raise unreadable(what, "spotBorrow", record)
        borrowed = ZERO
    interest = number_or_none(record, "accruedInterest", what) or ZERO
    return Balance(
        asset=Asset(text(record, "coin", what)),
        total=held - borrowed - interest,
        available=max(ZERO, held - locked),
        borrowed=borrowed,
        interest=interest,
    )


def _margin(record: Record, coins: Iterable[Record], at: datetime, what: str) -> MarginState | None:
    """The account's margin; None in isolated mode, where the account-wide figures are empty.

    What is free is less than what is not used: haircuts on collateral count. Because the level is to be 1 when
    nothing is free, it is (free + used) / used; below that the venue's own rate tells it.
    """
    used = number_or_none(record, "totalInitialMargin", what)
    rate = number_or_none(record, "accountIMRate", what)
    if used is None or rate is None:
        return None
    in_usdt = _usd_to_usdt(coins, what)
    free = number(record, "totalAvailableBalance", what)
    level = None
    if used > 0:
        level = (free + used) / used if free > 0 or rate <= 0 else 1 / rate
    maintenance = number(record, "totalMaintenanceMargin", what)
    liquidation = maintenance / used if used > 0 and maintenance > 0 else _USUAL_LIQUIDATION_LEVEL

    def usdt(value: Decimal) -> Decimal:
        return value if in_usdt == ONE else round_nearest(value * in_usdt, _CENT_OF_CENTS)

    return MarginState(
        asset=USDT,
        at=at,
        equity=usdt(number(record, "totalEquity", what)),
        trade_balance=usdt(number(record, "totalMarginBalance", what)),
        used_margin=usdt(used),
        free_margin=usdt(free),
        unrealised=usdt(number_or_none(record, "totalPerpUPL", what) or ZERO),
        margin_level=level,
        call_level=min(ONE, liquidation / _CALL_SHARE),
        liquidation_level=liquidation,
        venue_level=number_or_none(record, "accountMMRate", what),
    )


def _usd_to_usdt(coins: Iterable[Record], what: str) -> Decimal:
    """How many USDT a dollar is, from the wallet's own valuation of its USDT; 1 while it holds next to none."""
    for record in coins:
        if text(record, "coin", what) == USDT:
            equity, value = number_or_none(record, "equity", what), number_or_none(record, "usdValue", what)
            if equity and value and abs(equity) >= 1 and equity * value > 0:
                return equity / value
    return ONE


# The ledger

# What happens to the wallet but is neither a fill of ours nor a loan. Unknown types are an error: they move money.
_LEDGER_KINDS: Mapping[str, LedgerKind] = {
    "INTEREST": LedgerKind.INTEREST,
    "FIXED_INTEREST": LedgerKind.INTEREST,
    "FIXED_INTEREST_REFUND": LedgerKind.INTEREST,
    "LIQUIDATION": LedgerKind.LIQUIDATION_FEE,
    "TRANSFER_IN": LedgerKind.TRANSFER,
    "TRANSFER_OUT": LedgerKind.TRANSFER,
    "BONUS_TRANSFER_IN": LedgerKind.TRANSFER,
    "BONUS_TRANSFER_OUT": LedgerKind.TRANSFER,
    "FLEXIBLE_STAKING_SUBSCRIPTION": LedgerKind.TRANSFER,
    "FLEXIBLE_STAKING_REDEMPTION": LedgerKind.TRANSFER,
    "FLEXIBLE_STAKING_REFUND": LedgerKind.TRANSFER,
    "FIXED_STAKING_SUBSCRIPTION": LedgerKind.TRANSFER,
    "FIXED_STAKING_REFUND": LedgerKind.TRANSFER,
    "ONCHAINEARN_SUBSCRIPTION": LedgerKind.TRANSFER,
    "ONCHAINEARN_REDEMPTION": LedgerKind.TRANSFER,
    "ONCHAINEARN_REFUND": LedgerKind.TRANSFER,
    "STRUCTURE_PRODUCT_SUBSCRIPTION": LedgerKind.TRANSFER,
    "STRUCTURE_PRODUCT_REFUND": LedgerKind.TRANSFER,
    "LOANS_PLEDGE_ASSET": LedgerKind.TRANSFER,
    "LOANS_ASSET_REDEMPTION": LedgerKind.TRANSFER,
    "LOANS_BORROW_FUNDS": LedgerKind.TRANSFER,
    "LOANS_REPAY_FUNDS": LedgerKind.TRANSFER,
    "BONUS": LedgerKind.REWARD,
    "AIRDROP": LedgerKind.REWARD,
    "FEE_REFUND": LedgerKind.REWARD,
    "CURRENCY_BUY": LedgerKind.CONVERSION,
    "CURRENCY_SELL": LedgerKind.CONVERSION,
    "SPOT_REPAYMENT_BUY": LedgerKind.CONVERSION,
    "SPOT_REPAYMENT_SELL": LedgerKind.CONVERSION,
    "TOKENS_SUBSCRIPTION": LedgerKind.CONVERSION,
    "TOKENS_REDEMPTION": LedgerKind.CONVERSION,
    "BONUS_RECOLLECT": LedgerKind.ADJUSTMENT,
    "AUTO_DEDUCTION": LedgerKind.ADJUSTMENT,
    "TRADE": LedgerKind.ADJUSTMENT,
    "SETTLEMENT": LedgerKind.ADJUSTMENT,
    "DELIVERY": LedgerKind.ADJUSTMENT,
    "ADL": LedgerKind.ADJUSTMENT,
}
# Loans and their repayment leave a net balance as it is.
_LOANS = frozenset(
    {"BORROW", "REPAY", "MANUAL_LOANS_BORROW", "MANUAL_LOANS_REPAY", "AUTO_LOANS_BORROW", "AUTO_LOANS_REPAY"}
)
_CHARGES = frozenset({LedgerKind.INTEREST, LedgerKind.LIQUIDATION_FEE})


def parse_ledger(result: object) -> list[LedgerRow]:
    """The told rows of one page of the transaction log, in the venue's order (newest first).

    Rows of spot trades and of loans are not told: the fill is its own evidence, and a loan moves no net balance. What
    derivatives traded by hand did to the wallet is an adjustment. `balance` is the venue's gross one, so None here.

    `{"nextPageCursor":"","list":[{"id":"592324_USDT_161440249321","symbol":"","category":"","side":"None",
    "transactionTime":"1697439900204","type":"INTEREST","transSubType":"","qty":"0","size":"0","currency":"USDT",
    "tradePrice":"","funding":"","fee":"0","cashFlow":"-0.0008","change":"-0.0008","cashBalance":"123.4","feeRate":"",
    "bonusChange":"","tradeId":"","orderId":"","orderLinkId":"","extraFees":""}]}`
    """
    what = "transaction-log"
    return [row for record in rows(result, what) if (row := _ledger_row(record, what)) is not None]


def _ledger_row(record: Record, what: str) -> LedgerRow | None:
    kind_told = text(record, "type", what)
    if kind_told in _LOANS:
        return None
    kind = _LEDGER_KINDS.get(kind_told)
    if kind is None:
        raise unreadable(what, "type", record)
    trade_id = text_or_empty(record, "tradeId", what)
    is_spot = text_or_empty(record, "category", what) == "spot"
    if (kind_told == "TRADE" and is_spot) or (kind_told == "LIQUIDATION" and trade_id and is_spot):
        return None
    change = number(record, "change", what)
    currency = text(record, "currency", what)
    is_charge = kind in _CHARGES
    return LedgerRow(
        row_id=LedgerRowId(f"{text(record, 'id', what)}:{currency}"),
        ref_id=trade_id or text_or_empty(record, "orderId", what),
        at=moment(record, "transactionTime", what),
        kind=kind,
        asset=Asset(currency),
        amount=ZERO if is_charge else change,
        fee=-change if is_charge else ZERO,
        balance=None,
    )
