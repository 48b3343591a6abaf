"""Public market data: instruments, tickers, books, candles, trades, tiers, loan rates and collateral haircuts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from jarvis.domain.instrument import InstrumentStatus, Pair, Side
from jarvis.domain.market import PublicTrade
from jarvis.domain.money import ZERO, Asset, round_down
from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx.errors import bad_parameter
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.orders import CROSS, ISOLATED, MARGIN, SPOT, read_pair
from jarvis.emulators.okx.params import Params
from jarvis.emulators.okx.state import VenueState
from jarvis.emulators.okx.text import EPOCH, Row, Rows, amount, millis, ms
from jarvis.sim.exchange import SimCandle

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BARS: Mapping[str, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1H": HOUR,
    "4H": 4 * HOUR,
    "1D": DAY,
    "1Dutc": DAY,
}
"""Sizes that the simulated market makes. Its days begin at 00:00 UTC, so `1D` does too (OKX's begins at 16:00)."""
_OTHER_TYPES = ("SWAP", "FUTURES", "OPTION", "EVENTS")
_STATES = {
    InstrumentStatus.ONLINE: "live",
    InstrumentStatus.POST_ONLY: "live",
    InstrumentStatus.LIMIT_ONLY: "live",
    InstrumentStatus.REDUCE_ONLY: "live",
    InstrumentStatus.CANCEL_ONLY: "suspend",
    InstrumentStatus.DELISTED: "suspend",
}
_LISTED_AT = datetime(2018, 1, 11, tzinfo=EPOCH.tzinfo)
_BAND = Decimal("0.05")
_TIERS = 3
_LARGE = "9999999999"
_USUAL_BASE_LOAN, _USUAL_QUOTE_LOAN = Decimal(50), Decimal(500_000)


class PublicData:
    """The answers of the calls that need no key. Each gives the rows of `data`."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def time(self, _params: Params) -> Rows:
        """The venue's clock."""
        return [{"ts": ms(self._state.now())}]

    def status(self, _params: Params) -> Rows:
        """No maintenance is announced here."""
        return []

    def instruments(self, params: Params) -> Rows:
        """The pairs, as SPOT and as MARGIN instruments."""
        inst_type = _inst_type(params)
        if inst_type in (SPOT, MARGIN) and "instId" in params:
            return [self.instrument_row(read_pair(self._state.names, params), inst_type)]
        return self.instrument_rows(inst_type)

    def instrument_rows(self, inst_type: str) -> Rows:
        """All instruments of a type; a pair without leverage is none of MARGIN's."""
        if inst_type not in (SPOT, MARGIN):
            return []
        pairs = self._state.names.pairs
        return [self.instrument_row(pair, inst_type) for pair in pairs if inst_type == SPOT or self.leverage(pair)]

    def instrument_row(self, pair: Pair, inst_type: str) -> Row:
        """One instrument."""
        instrument = self._state.instrument(pair)
        leverage = self.leverage(pair)
        suspended = self._state.faults.holds(FaultKind.CANCEL_ONLY, pair=pair)
        return {
            "alias": "",
            "auctionEndTime": "",
            "baseCcy": pair.base,
            "category": "1",
            "contTdSwTime": "",
            "ctMult": "",
            "ctType": "",
            "ctVal": "",
            "ctValCcy": "",
            "expTime": "",
            "futureSettlement": False,
            "groupId": "1",
            "instFamily": "",
            "instId": inst_id(pair),
            "instIdCode": self._state.names.code(pair),
            "instType": inst_type,
            "lever": str(leverage) if leverage else "",
            "listTime": ms(_LISTED_AT),
            "lotSz": amount(instrument.lot),
            "maxIcebergSz": _LARGE,
            "maxLmtAmt": "20000000",
            "maxLmtSz": _LARGE,
            "maxMktAmt": "1000000",
            "maxMktSz": "1000000",
            "maxStopSz": "1000000",
            "maxTriggerSz": _LARGE,
            "maxTwapSz": _LARGE,
            "minSz": amount(instrument.min_quantity),
            "openType": "call_auction",
            "optType": "",
            "quoteCcy": pair.quote,
            "ruleType": "normal",
            "settleCcy": "",
            "state": "suspend" if suspended else _STATES[instrument.status],
            "stk": "",
            "tickSz": amount(instrument.tick),
            "tradeQuoteCcyList": [pair.quote],
            "uly": "",
            "upcChg": [],
        }

    def leverage(self, pair: Pair) -> int:
        """The highest leverage offered, zero for none."""
        instrument = self._state.instrument(pair)
        return max((*instrument.leverage_long, *instrument.leverage_short), default=0)

    def ticker(self, params: Params) -> Rows:
        """One pair's last day."""
        return [self.ticker_row(read_pair(self._state.names, params))]

    def tickers(self, params: Params) -> Rows:
        """Every pair's last day. Spot pairs have no ticker of type MARGIN."""
        inst_type = params.required("instType")
        if inst_type == SPOT:
            return [self.ticker_row(pair) for pair in self._state.names.pairs]
        if inst_type in _OTHER_TYPES:
            return []
        raise bad_parameter("instType")

    def ticker_row(self, pair: Pair) -> Row:
        """One ticker."""
        state = self._state
        exchange, now = state.exchange, state.now()
        book, last = exchange.book(pair, 1), state.last(pair)
        candles = exchange.candles(pair, timedelta(minutes=15), now - DAY)
        bars = [candle.bar for candle in candles]
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        eight = today + 16 * HOUR if now >= today + 16 * HOUR else today - 8 * HOUR
        trades = exchange.trades(pair)
        volume = sum((bar.volume for bar in bars), ZERO)
        return {
            "instType": SPOT,
            "instId": inst_id(pair),
            "last": amount(last),
            "lastSz": amount(trades[-1].quantity) if trades else "0",
            "askPx": amount(book.asks[0].price),
            "askSz": amount(book.asks[0].quantity),
            "bidPx": amount(book.bids[0].price),
            "bidSz": amount(book.bids[0].quantity),
            "open24h": amount(bars[0].open if bars else last),
            "high24h": amount(max((bar.high for bar in bars), default=last)),
            "low24h": amount(min((bar.low for bar in bars), default=last)),
            "volCcy24h": amount(sum((candle.vwap * candle.bar.volume for candle in candles), ZERO)),
            "vol24h": amount(volume),
            "ts": ms(now),
            "sodUtc0": amount(next((bar.open for bar in bars if bar.opened_at >= today), last)),
            "sodUtc8": amount(next((bar.open for bar in bars if bar.opened_at >= eight), last)),
        }

    def index_tickers(self, params: Params) -> Rows:
        """The index prices, which are the last prices here."""
        pairs = [read_pair(self._state.names, params)] if "instId" in params else self._state.names.pairs
        return [self.index_row(pair) for pair in pairs]

    def index_row(self, pair: Pair) -> Row:
        """One pair's index price."""
        row = self.ticker_row(pair)
        names = ("instId", "high24h", "low24h", "open24h", "sodUtc0", "sodUtc8", "ts")
        return {name: row[name] for name in names} | {"idxPx": row["last"]}

    def books(self, params: Params) -> Rows:
        """The order book, one level unless more are asked for."""
        pair = read_pair(self._state.names, params)
        return [self.book_row(pair, params.integer("sz", 1, low=1, high=400))]

    def book_row(self, pair: Pair, depth: int) -> Row:
        """So many levels of both sides."""
        lot = self._state.instrument(pair).lot
        book = self._state.exchange.book(pair, depth)
        sides = {
            name: [[amount(level.price), amount(round_down(level.quantity, lot)), "0", "1"] for level in levels]
            for name, levels in (("asks", book.asks), ("bids", book.bids))
        }
        return {**sides, "ts": ms(self._state.now()), "seqId": millis(self._state.now())}

    def candles(self, params: Params) -> Rows:
        """Candles, newest first; `after` asks for older ones, `before` for newer ones."""
        pair = read_pair(self._state.names, params)
        size = BARS.get(params.text("bar", "1m"))
        if size is None:
            raise bad_parameter("bar")
        older, newer = params.time("after"), params.time("before")
        limit = params.integer("limit", 100, low=1, high=300)
        found = [
            candle
            for candle in self._state.exchange.candles(pair, size)
            if (older is None or candle.bar.opened_at < older) and (newer is None or candle.bar.opened_at > newer)
        ]
        return [candle_row(candle) for candle in reversed(found[-limit:])]  # type: ignore[misc]

    def history_candles(self, params: Params) -> Rows:
        """Finished candles."""
        return [row for row in self.candles(params) if row[-1] == "1"]  # type: ignore[index]

    def trades(self, params: Params) -> Rows:
        """Trades of others, newest first."""
        pair = read_pair(self._state.names, params)
        limit = params.integer("limit", 100, low=1, high=500)
        return [trade_row(pair, trade) for trade in reversed(self._state.exchange.trades(pair)[-limit:])]

    def price_limit(self, params: Params) -> Rows:
        """How far from the last price an order may be limited."""
        return [self.price_limit_row(read_pair(self._state.names, params))]

    def price_limit_row(self, pair: Pair) -> Row:
        """One pair's limits."""
        low, high = price_band(self._state, pair)
        return {
            "instType": SPOT,
            "instId": inst_id(pair),
            "buyLmt": amount(high),
            "sellLmt": amount(low),
            "ts": ms(self._state.now()),
            "enabled": True,
        }

    def position_tiers(self, params: Params) -> Rows:
        """Margin by size of a pair's loans: each next tier lends as much again, at less leverage."""
        inst_type = params.required("instType")
        if params.required("tdMode") not in (CROSS, ISOLATED):
            raise bad_parameter("tdMode")
        if inst_type in _OTHER_TYPES:
            return []
        if inst_type != MARGIN:
            raise bad_parameter("instType")
        if "ccy" in params and "instId" not in params:
            return self._currency_tiers(Asset(params.text("ccy")), params)
        pair = read_pair(self._state.names, params)
        return [row for row in self._pair_tiers(pair) if params.text("tier", row["tier"]) == row["tier"]]

    def _pair_tiers(self, pair: Pair) -> Rows:
        leverage = self.leverage(pair)
        instrument = self._state.instrument(pair)
        quote = instrument.long_position_limit or _USUAL_QUOTE_LOAN
        base = instrument.short_position_limit or _USUAL_BASE_LOAN
        rows: Rows = []
        for tier in range(1, _TIERS + 1):
            highest = max(1, leverage // tier)
            rows.append(
                {
                    "baseMaxLoan": amount(base * tier),
                    "imr": amount(Decimal(1) / highest),
                    "instFamily": "",
                    "instId": inst_id(pair),
                    "maxLever": str(highest),
                    "maxSz": amount(base * tier),
                    "minSz": amount(base * (tier - 1)),
                    "mmr": amount(Decimal("0.03") * tier),
                    "optMgnFactor": "0",
                    "quoteMaxLoan": amount(quote * tier),
                    "tier": str(tier),
                    "uly": "",
                }
            )
        return rows

    def _currency_tiers(self, asset: Asset, params: Params) -> Rows:
        pair = next((pair for pair in self._state.names.pairs if asset in (pair.base, pair.quote)), None)
        if pair is None:
            raise bad_parameter("ccy")
        rows = self._pair_tiers(pair)
        return [row | {"instId": "", "ccy": asset} for row in rows if params.text("tier", row["tier"]) == row["tier"]]

    def loan_quota(self, _params: Params) -> Rows:
        """What borrowing costs a day, and how much may be borrowed."""
        wallet = self._state.exchange.model.wallet
        rates = wallet.hourly_rates if wallet is not None else {}
        lent = sorted(asset for asset in self._state.names.assets if asset in rates)
        return [
            {
                "basic": [
                    {"ccy": asset, "quota": amount(quota(asset)), "rate": amount(rates[asset] * 24)} for asset in lent
                ],
                "vip": [{"irDiscount": "", "loanQuotaCoef": "6", "level": "VIP1"}],
                "regular": [{"irDiscount": "", "loanQuotaCoef": "1", "level": "Lv1"}],
                "config": [],
                "configCcyList": [],
            }
        ]

    def discount_rate(self, params: Params) -> Rows:
        """Which part of each currency's worth backs margin."""
        fractions = self._state.exchange.model.collateral
        wanted = params.text("ccy")
        if wanted and Asset(wanted) not in self._state.names.assets:
            raise bad_parameter("ccy")
        return [
            {
                "amt": "0",
                "ccy": asset,
                "colRes": "0",
                "collateralRestrict": False,
                "discountLv": "1",
                "minDiscountRate": amount(fractions.get(asset, ZERO)),
                "discountInfo": [],
                "details": [
                    {
                        "discountRate": amount(fractions.get(asset, ZERO)),
                        "minAmt": "0",
                        "maxAmt": "",
                        "tier": "1",
                        "liqPenaltyRate": "0.02",
                        "disCcyEq": "1000000",
                    }
                ],
            }
            for asset in sorted(self._state.names.assets)
            if not wanted or asset == wanted
        ]


def quota(asset: Asset) -> Decimal:
    """How much of an asset one client may borrow at the venue, whatever the margin."""
    return Decimal(5_000_000) if asset.startswith("USD") else Decimal(500)


def price_band(state: VenueState, pair: Pair) -> tuple[Decimal, Decimal]:
    """The lowest price at which may be sold and the highest at which may be bought."""
    instrument, last = state.instrument(pair), state.last(pair)
    low = instrument.round_limit(last * (1 - _BAND), Side.SELL)
    return low, instrument.round_limit(last * (1 + _BAND), Side.BUY)


def candle_row(candle: SimCandle) -> list[str]:
    """One candle: time, prices, volume in base, in quote twice, and whether it is over."""
    bar = candle.bar
    volume, turnover = amount(bar.volume), amount(candle.vwap * bar.volume)
    prices = [amount(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    return [ms(bar.opened_at), *prices, volume, turnover, turnover, "1" if candle.is_final else "0"]


def trade_row(pair: Pair, trade: PublicTrade) -> Row:
    """One trade between others. It is numbered by its time: there is one per bar."""
    return {
        "instId": inst_id(pair),
        "side": trade.side.value,
        "sz": amount(trade.quantity),
        "source": "0",
        "px": amount(trade.price),
        "tradeId": str(millis(trade.at)),
        "ts": ms(trade.at),
    }


def _inst_type(params: Params) -> str:
    inst_type = params.required("instType")
    if inst_type not in (SPOT, MARGIN, *_OTHER_TYPES):
        raise bad_parameter("instType")
    return inst_type
