"""What OKX says of an account: its mode, what it holds and owes, and its margin. Pure functions.

Shapes: https://www.okx.com/docs-v5/en/#trading-account-rest-api (March to July 2026). What an account owes is told in
two ways. In futures mode each cross-margin position is a row with its own debt, and the balance shows neither what it
holds nor what it owes; in multi-currency mode there are no such rows, and a currency that was borrowed has a negative
cash balance with its liability beside it. `balances_of` makes one net balance of both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from jarvis.domain.account import Balance, KeyPermissions, MarginState, VenuePosition
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.okx.fields import (
    Record,
    flag,
    number,
    number_or_none,
    number_or_zero,
    only,
    rows_of,
    text,
    text_or_none,
    unreadable,
)
from jarvis.venues.okx.symbols import USDT, pair_of

UNUSED_KEY_LIVES = timedelta(days=14)
_CALL_RATIO = Decimal(3)
# Of the lowest tier of every pair: maintenance over initial margin.
_USUAL_LIQUIDATION_LEVEL = Decimal("0.3")
_CHOOSE_MODE = (
    "At OKX, open Trade, Settings, Account mode and choose Futures mode (or Multi-currency margin); then check again."
)
_CHOOSE_NET = (
    "The position mode is Long/short. At OKX, open Trade, Settings, Position mode and choose Net mode; then check "
    "again."
)
_SWITCH_ON_BORROWING = (
    "Automatic borrowing is off, so nothing can be bought or sold with borrowed money. At OKX, open Trade, Settings, "
    "and switch on Auto borrow; then check again."
)


class AccountMode(Enum):
    """How the account is margined: `acctLv`."""

    SPOT = "1"
    FUTURES = "2"
    MULTI_CURRENCY = "3"
    PORTFOLIO = "4"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """What `account/config` says. `call_ratio` is the margin ratio at which the account is warned."""

    mode: AccountMode
    is_net: bool
    auto_loan: bool
    call_ratio: Decimal
    permissions: KeyPermissions

    @property
    def advice(self) -> tuple[str, ...]:
        """What stands in the way of margin trading, and what to do about it; empty if nothing does."""
        return tuple(message for stands_in_the_way, message in self._obstacles() if stands_in_the_way)

    def _obstacles(self) -> Iterable[tuple[bool, str]]:
        yield self.mode is AccountMode.SPOT, f"The account is in Spot mode, which has no margin orders. {_CHOOSE_MODE}"
        yield (
            self.mode is AccountMode.PORTFOLIO,
            f"The account is in Portfolio margin mode, in which Jarvis does not trade. {_CHOOSE_MODE}",
        )
        yield not self.is_net, _CHOOSE_NET
        yield self.mode is AccountMode.MULTI_CURRENCY and not self.auto_loan, _SWITCH_ON_BORROWING


def parse_config(answer: object) -> AccountConfig:
    """The account's mode, and what the key may do.

    `[{"acctLv":"2","posMode":"net_mode","autoLoan":false,"enableSpotBorrow":false,"spotBorrowAutoRepay":false,
    "uid":"900002","mainUid":"900001","type":"1","label":"jarvis","perm":"read_only,trade","ip":"203.0.113.7",
    "liquidationGear":"-1","feeType":"0","level":"Lv1","kycLv":"2"}]`. `ip` is empty for a key that is bound to none.
    """
    what = "account/config"
    record = only(answer, what)
    try:
        mode = AccountMode(text(record, "acctLv", what))
    except ValueError:
        raise unreadable(what, "acctLv", record) from None
    gear = number_or_none(record, "liquidationGear", what)
    return AccountConfig(
        mode=mode,
        is_net=text(record, "posMode", what) == "net_mode",
        auto_loan=flag(record, "autoLoan", what) is True,
        call_ratio=gear if gear is not None and gear > 0 else _CALL_RATIO,
        permissions=_permissions(record, what),
    )


def _permissions(record: Record, what: str) -> KeyPermissions:
    granted = frozenset(text(record, "perm", what).split(",")) - {""}
    addresses = tuple(address for address in text(record, "ip", what).split(",") if address)
    uid = text(record, "uid", what)
    may_act = bool(granted - {"read_only"})
    return KeyPermissions(
        granted=granted,
        label=text(record, "label", what),
        public_id=uid,
        ip_allowlist=addresses,
        is_sub_account=uid != text(record, "mainUid", what),
        dies_unused_after=UNUSED_KEY_LIVES if may_act and not addresses else None,
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """One currency of the balance. `cash` is negative where what was spent is borrowed."""

    cash: Decimal
    available: Decimal
    equity: Decimal
    borrowed: Decimal
    interest: Decimal
    unrealised: Decimal
    initial: Decimal | None
    maintenance: Decimal | None
    ratio: Decimal | None
    usd_value: Decimal | None


@dataclass(frozen=True, slots=True)
class Wallet:
    """The balance of the trading account: of the whole in USD (None where its mode has none), and by currency."""

    total_equity: Decimal
    adjusted_equity: Decimal | None
    initial: Decimal | None
    maintenance: Decimal | None
    ratio: Decimal | None
    holdings: Mapping[Asset, Holding]

    def in_usdt(self, dollars: Decimal) -> Decimal:
        """Dollars in USDT, at the price that the row of USDT is valued at; at par where there is too little of it."""
        usdt = self.holdings.get(USDT)
        if usdt is None or not usdt.usd_value or abs(usdt.equity) < 1:
            return dollars
        return dollars * usdt.equity / usdt.usd_value


def parse_wallet(answer: object) -> Wallet:
    """The trading account's balance; a currency of which nothing is held or owed is left out by the venue.

    `[{"totalEq":"55837.43","adjEq":"55415.62","imr":"8.57","mmr":"0.34","mgnRatio":"143682.59","upl":"0",
    "uTime":"1705474164160","details":[{"ccy":"USDT","cashBal":"4850.43","eq":"4992.89","availBal":"4834.31",
    "availEq":"4834.31","frozenBal":"158.57","ordFrozen":"0","liab":"0","interest":"0","upl":"0","imr":"","mmr":"",
    "mgnRatio":"","uTime":"1705449605015"}]}]`
    """
    what = "account/balance"
    record = only(answer, what)
    return Wallet(
        total_equity=number_or_zero(record, "totalEq", what),
        adjusted_equity=number_or_none(record, "adjEq", what),
        initial=number_or_none(record, "imr", what),
        maintenance=number_or_none(record, "mmr", what),
        ratio=number_or_none(record, "mgnRatio", what),
        holdings={Asset(text(row, "ccy", what)): _holding(row, what) for row in rows_of(record.get("details"), what)},
    )


def _holding(row: Record, what: str) -> Holding:
    return Holding(
        cash=number(row, "cashBal", what),
        available=number_or_zero(row, "availBal", what),
        equity=number(row, "eq", what),
        borrowed=abs(number_or_zero(row, "liab", what)),
        interest=abs(number_or_zero(row, "interest", what)),
        unrealised=number_or_zero(row, "upl", what),
        initial=number_or_none(row, "imr", what),
        maintenance=number_or_none(row, "mmr", what),
        ratio=number_or_none(row, "mgnRatio", what),
        usd_value=number_or_none(row, "eqUsd", what),
    )


@dataclass(frozen=True, slots=True)
class MarginPosition:
    """A row of `positions`: `held` of one currency against `borrowed` and `interest` of another. All positive."""

    pair: Pair
    is_cross: bool
    asset: Asset
    held: Decimal
    debt_asset: Asset
    borrowed: Decimal
    interest: Decimal
    price: Decimal
    margin_asset: Asset
    isolated_margin: Decimal
    used_margin: Decimal
    liquidation_price: Decimal | None

    @property
    def side(self) -> Side:
        """A long holds base, a short what its base was sold for."""
        return Side.BUY if self.asset == self.pair.base else Side.SELL

    @property
    def quantity(self) -> Decimal:
        """What is open (base): held by a long, to be given back by a short."""
        return self.held if self.side is Side.BUY else self.borrowed + self.interest


def parse_positions(answer: object) -> tuple[MarginPosition, ...]:
    """The open margin positions; a row of a position that was closed has `pos` 0 and is left out.

    `[{"instType":"MARGIN","instId":"BTC-USDT","mgnMode":"cross","posId":"1","posSide":"net","pos":"0.02",
    "posCcy":"BTC","availPos":"0.02","ccy":"USDT","avgPx":"50000","markPx":"50500","upl":"10","lever":"10",
    "liqPx":"45800","imr":"101","mmr":"30.3","mgnRatio":"33","margin":"","liab":"-1000","liabCcy":"USDT",
    "interest":"-0.01"}]`
    """
    what = "account/positions"
    rows = (row for row in rows_of(answer, what) if text(row, "instType", what) == "MARGIN")
    return tuple(_position(row, what) for row in rows if number_or_zero(row, "pos", what))


def _position(row: Record, what: str) -> MarginPosition:
    pair = pair_of(text(row, "instId", what))
    asset = Asset(text(row, "posCcy", what))
    if asset not in (pair.base, pair.quote):
        raise unreadable(what, "posCcy", row)
    debt_asset = pair.quote if asset == pair.base else pair.base
    if text_or_none(row, "liabCcy", what) not in (None, debt_asset):
        raise unreadable(what, "liabCcy", row)
    # What is held is told without a sign, what is owed with a minus: another sign would mean another thing.
    held, owed = number(row, "pos", what), number_or_zero(row, "liab", what)
    if held < 0 or owed > 0:
        raise unreadable(what, "pos, liab", row)
    mode = text(row, "mgnMode", what)
    if mode not in ("cross", "isolated"):
        raise unreadable(what, "mgnMode", row)
    return MarginPosition(
        pair=pair,
        is_cross=mode == "cross",
        asset=asset,
        held=held,
        debt_asset=debt_asset,
        borrowed=-owed or ZERO,
        interest=abs(number_or_zero(row, "interest", what)),
        price=number(row, "avgPx", what),
        margin_asset=Asset(text(row, "ccy", what)),
        isolated_margin=number_or_zero(row, "margin", what),
        used_margin=number_or_zero(row, "imr", what),
        liquidation_price=number_or_none(row, "liqPx", what),
    )


def balances_of(wallet: Wallet, positions: Iterable[MarginPosition]) -> tuple[Balance, ...]:
    """Every currency net: cash, what positions hold and owe, and interest that is not yet taken from the cash."""
    balances = {
        asset: Balance(asset, each.cash - each.interest, each.available, each.borrowed, each.interest)
        for asset, each in wallet.holdings.items()
    }

    def add(asset: Asset, *, held: Decimal = ZERO, borrowed: Decimal = ZERO, interest: Decimal = ZERO) -> None:
        before = balances.get(asset, Balance(asset, ZERO, ZERO))
        balances[asset] = Balance(
            asset,
            before.total + held - borrowed - interest,
            before.available,
            before.borrowed + borrowed,
            before.interest + interest,
        )

    for position in positions:
        add(position.asset, held=position.held)
        add(position.debt_asset, borrowed=position.borrowed, interest=position.interest)
        if not position.is_cross and position.isolated_margin:
            add(position.margin_asset, held=position.isolated_margin)
    return tuple(balances[asset] for asset in sorted(balances))


def positions_of(positions: Iterable[MarginPosition]) -> tuple[VenuePosition, ...]:
    """The positions that Jarvis trades: cross, margined in the pair's quote. A person's others count as balances."""
    return tuple(
        VenuePosition(
            pair=each.pair,
            side=each.side,
            quantity=each.quantity,
            cost=each.quantity * each.price,
            used_margin=each.used_margin,
            borrowed_asset=each.debt_asset,
            borrowed=each.borrowed,
            interest=each.interest,
            liquidation_price=each.liquidation_price,
        )
        for each in sorted(positions, key=lambda each: each.pair)
        if each.is_cross and each.margin_asset == each.pair.quote
    )


def margin_state_of(wallet: Wallet, config: AccountConfig, at: datetime) -> MarginState:
    """The account's margin in USDT: its equity is what the whole account is worth, in both modes.

    OKX's own figure, the margin ratio, is equity over maintenance margin and fees: it warns at `call_ratio` and closes
    by force at 1. Not all of the worth counts as margin: in futures mode only the row of USDT does (positions' profit
    is in it), in multi-currency mode what is left after discounts (`adjEq`). Both levels are moved up by what does not
    count.
    """
    equity = wallet.in_usdt(wallet.total_equity)
    if config.mode is AccountMode.FUTURES:
        usdt = wallet.holdings.get(USDT)
        if usdt is None:
            return _margin(at, equity, equity, ZERO, ZERO, None, None, config.call_ratio)
        return _margin(
            at,
            equity,
            equity - usdt.equity,
            usdt.unrealised,
            usdt.initial or ZERO,
            usdt.maintenance or ZERO,
            _positive(usdt.ratio),
            config.call_ratio,
        )
    if wallet.adjusted_equity is None:
        raise UnreadableAnswer("OKX account/balance: 'adjEq' is empty, which it never is in this account mode")
    return _margin(
        at,
        equity,
        equity - wallet.in_usdt(wallet.adjusted_equity),
        ZERO,
        wallet.in_usdt(wallet.initial or ZERO),
        wallet.in_usdt(wallet.maintenance or ZERO),
        _positive(wallet.ratio),
        config.call_ratio,
    )


def _positive(ratio: Decimal | None) -> Decimal | None:
    return ratio if ratio is not None and ratio > 0 else None


def _margin(
    at: datetime,
    equity: Decimal,
    uncounted: Decimal,
    unrealised: Decimal,
    initial: Decimal,
    maintenance: Decimal | None,
    ratio: Decimal | None,
    call_ratio: Decimal,
) -> MarginState:
    liquidation, call = _USUAL_LIQUIDATION_LEVEL, _USUAL_LIQUIDATION_LEVEL * call_ratio
    if initial > 0:
        # The ratio's denominator is the equity at which the venue steps in: it includes fees, which no field tells.
        needed = (equity - uncounted) / ratio if ratio is not None else maintenance or ZERO
        liquidation, call = (uncounted + needed) / initial, (uncounted + needed * call_ratio) / initial
    return MarginState(
        asset=USDT,
        at=at,
        equity=equity,
        trade_balance=equity - unrealised,
        used_margin=initial,
        free_margin=equity - uncounted - initial,
        unrealised=unrealised,
        margin_level=equity / initial if initial > 0 else None,
        call_level=call,
        liquidation_level=liquidation,
        venue_level=ratio,
    )
