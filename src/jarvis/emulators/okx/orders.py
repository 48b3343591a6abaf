"""An order as a client words it, read strictly: which parameters each account mode takes, and what they mean."""

import re
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset
from jarvis.emulators.okx.errors import Refused, bad_parameter, no_isolated, unknown_instrument, wrong_mode
from jarvis.emulators.okx.keys import Mode, VenueAccount
from jarvis.emulators.okx.names import InstrumentNames
from jarvis.emulators.okx.params import Params

SPOT, MARGIN = "SPOT", "MARGIN"
CASH, CROSS, ISOLATED = "cash", "cross", "isolated"
BASE_CCY, QUOTE_CCY = "base_ccy", "quote_ccy"
PRICED = frozenset({"limit", "post_only", "fok", "ioc"})
ORDER_TYPES = PRICED | {"market"}
ORDER_FIELDS = frozenset(
    {
        "instId",
        "instIdCode",
        "tdMode",
        "ccy",
        "clOrdId",
        "tag",
        "side",
        "posSide",
        "ordType",
        "sz",
        "px",
        "pxUsd",
        "pxVol",
        "reduceOnly",
        "tgtCcy",
        "banAmend",
        "pxAmendType",
        "tradeQuoteCcy",
        "stpId",
        "stpMode",
        "quickMgnType",
        "attachAlgoOrds",
        "isElpTakerAccess",
    }
)
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_TAG = re.compile(r"[A-Za-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Book:
    """Where and how an order trades: the pair, by which mode, and for futures mode the margin currency."""

    pair: Pair
    td_mode: str
    margin_asset: Asset | None

    @property
    def inst_type(self) -> str:
        """What OKX calls the instrument of such an order."""
        return MARGIN if self.margin_asset is not None else SPOT


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """One order as it was sent. `size` is in quote for a `buys_by_quote` order, else in base."""

    book: Book
    side: Side
    ord_type: str
    size: Decimal
    price: Decimal | None
    client_id: str = ""
    tag: str = ""
    target: str = ""
    reduce_only: bool = False
    stp_mode: str = "cancel_maker"
    trade_quote: str = ""
    attached: tuple[Params, ...] = ()

    @property
    def pair(self) -> Pair:
        """The book's pair."""
        return self.book.pair

    @property
    def is_market(self) -> bool:
        """Whether it takes what is there, at any price."""
        return self.ord_type == "market"

    @property
    def buys_by_quote(self) -> bool:
        """Whether `size` is what to spend: a market buy on margin always, a spot one unless it says otherwise."""
        return self.ord_type == "market" and self.side is Side.BUY and self.target != BASE_CCY

    @property
    def sells_by_quote(self) -> bool:
        """Whether `size` is what to receive: only where a spot market sell says so."""
        return self.ord_type == "market" and self.side is Side.SELL and self.target == QUOTE_CCY


def read_pair(names: InstrumentNames, params: Params, *, by_code: bool = False) -> Pair:
    """The pair of `instId`; over sockets `instIdCode` names it too. Raises Refused."""
    if by_code and "instIdCode" in params:
        pair = names.find_code(params.text("instIdCode"))
    else:
        pair = names.find(params.required("instId"))
    if pair is None:
        raise unknown_instrument()
    return pair


def read_book(names: InstrumentNames, params: Params, account: VenueAccount, *, by_code: bool = False) -> Book:
    """Where the order trades. Raises Refused for what the account's mode does not know."""
    pair = read_pair(names, params, by_code=by_code)
    td_mode = params.required("tdMode")
    if td_mode not in (CASH, CROSS, ISOLATED):
        raise bad_parameter("tdMode")
    match account.mode:
        case Mode.SPOT:
            if td_mode != CASH:
                raise wrong_mode()
            return Book(pair, td_mode, None)
        case Mode.FUTURES:
            if td_mode == ISOLATED:
                raise refused_isolated(account)
            if td_mode == CASH:
                return Book(pair, td_mode, None)
            margin_asset = Asset(params.required("ccy"))
            if margin_asset not in (pair.base, pair.quote):
                raise bad_parameter("ccy")
            return Book(pair, td_mode, margin_asset)
        case Mode.MULTI_CURRENCY | Mode.PORTFOLIO:
            if td_mode == ISOLATED:
                raise refused_isolated(account)
            if td_mode == CASH:
                raise bad_parameter("tdMode")
            return Book(pair, td_mode, None)


def refused_isolated(account: VenueAccount) -> Refused:
    """What a call for isolated margin is answered with."""
    return no_isolated(is_multi_currency=account.mode in (Mode.MULTI_CURRENCY, Mode.PORTFOLIO))


def read_reduce_only(params: Params, account: VenueAccount, book: Book) -> bool:
    """Whether it may only reduce. Raises Refused where the account's mode has nothing that could be reduced."""
    if not params.boolean("reduceOnly"):
        return False
    if account.mode is Mode.SPOT:
        raise Refused("51139", "Reduce-only feature is unavailable for the spot transactions by spot mode.")
    if book.margin_asset is None and account.mode is not Mode.FUTURES:
        raise Refused(
            "51133", "Reduce-only feature is unavailable for the spot transactions by multi-currency margin account."
        )
    return book.margin_asset is not None


def read_client_id(params: Params, name: str = "clOrdId") -> str:
    """The client's own id: letters and digits, at most 32. Raises Refused."""
    text = params.text(name)
    if text and not _CLIENT_ID.fullmatch(text):
        raise bad_parameter(name)
    return text


def read_tag(params: Params) -> str:
    """The order's tag: letters and digits, at most 16. Raises Refused."""
    text = params.text("tag")
    if text and not _TAG.fullmatch(text):
        raise bad_parameter("tag")
    return text


def read_side(params: Params) -> Side:
    """The side. Raises Refused."""
    side = params.required("side")
    if side not in ("buy", "sell"):
        raise bad_parameter("side")
    return Side(side)


def read_size(params: Params, name: str = "sz") -> Decimal:
    """A size above zero. Raises Refused."""
    params.required(name)
    size = params.positive(name)
    if size is None:
        raise bad_parameter(name)
    return size


def read_target(params: Params, book: Book, *, is_market: bool) -> str:
    """Of what `sz` is an amount: said for spot market orders only, elsewhere it means nothing."""
    target = params.choice("tgtCcy", (BASE_CCY, QUOTE_CCY))
    return target if is_market and book.margin_asset is None else ""


def read_order(names: InstrumentNames, params: Params, account: VenueAccount, *, by_code: bool = False) -> OrderTerms:
    """The order that the parameters describe. Raises Refused."""
    params.allow(ORDER_FIELDS)
    client_id, tag = read_client_id(params), read_tag(params)
    book = read_book(names, params, account, by_code=by_code)
    side = read_side(params)
    ord_type = params.required("ordType")
    if ord_type not in ORDER_TYPES:
        raise bad_parameter("ordType")
    size = read_size(params)
    price = params.positive("px")
    if ord_type in PRICED and price is None:
        params.required("px")
    if params.text("posSide", "net") != "net":
        raise bad_parameter("posSide")
    if params.text("tradeQuoteCcy", book.pair.quote) != book.pair.quote:
        raise bad_parameter("tradeQuoteCcy")
    params.boolean("banAmend")
    return OrderTerms(
        book=book,
        side=side,
        ord_type=ord_type,
        size=size,
        price=price if ord_type in PRICED else None,
        client_id=client_id,
        tag=tag,
        target=read_target(params, book, is_market=ord_type == "market"),
        reduce_only=read_reduce_only(params, account, book),
        stp_mode=params.choice("stpMode", ("cancel_maker", "cancel_taker", "cancel_both"), "cancel_maker"),
        trade_quote=params.text("tradeQuoteCcy", book.pair.quote),
        attached=tuple(params.rows("attachAlgoOrds")),
    )


def in_lots(amount: Decimal, price: Decimal, lot: Decimal) -> Decimal:
    """What an amount of quote buys at this price, in whole lots."""
    with localcontext(prec=50):
        return (amount / price / lot).to_integral_value(rounding=ROUND_FLOOR) * lot
