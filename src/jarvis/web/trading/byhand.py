"""A wish by hand as a form means it, and what it would come to: read, never echoed, judged as the engine judges."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext

from jarvis.domain.account import Environment
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ONE, ZERO
from jarvis.domain.order import OrderStatus
from jarvis.store.records import Overview
from jarvis.trading.closing import Closing
from jarvis.trading.events import OpenByHand
from jarvis.trading.limits import Refused, Standing
from jarvis.trading.preview import Preview, Rates, preview
from jarvis.trading.strategy import Protection, TakeProfit
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.connect import TradingRules
from jarvis.web.context import Web
from jarvis.web.forms import Form
from jarvis.web.trading.rates import model_of, rates_of

STALE_AFTER = timedelta(seconds=90)
SIZES = (("risk", "risk to the stop, % of equity"), ("quantity", "quantity"), ("quote", "worth"))
_MOST = Decimal(10**12)
_SMALL = Decimal("0.00000001")
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a position would be opened: the account, the venue's rules of the pair, and the price that can be had.

    `own_quote` is what a wallet has of the quote asset, as far as it is known.
    """

    overview: Overview
    rules: TradingRules
    instrument: Instrument
    bid: Decimal
    ask: Decimal
    at: datetime
    open_pairs: frozenset[Pair] = frozenset()
    has_unknown_order: bool = False
    own_quote: Decimal = ZERO

    @property
    def pair(self) -> Pair:
        """Of which pair."""
        return self.instrument.pair

    def price(self, side: Side) -> Decimal:
        """What is paid or got at market."""
        return self.ask if side is Side.BUY else self.bid

    def leverage_most(self, side: Side) -> int | None:
        """The most that limits, catalogue and venue allow; None if that is none at all."""
        account = self.overview.account
        cap = min(account.limits.leverage_cap, VENUES[account.venue].leverage_caps.get(self.pair, 0))
        return self.instrument.leverage_within(side, cap)

    def standing(self, side: Side) -> Standing:
        """Everything that an entry is judged by, as far as the store knows it; the trader judges once more."""
        account, margin = self.overview.account, self.overview.margin
        closing = Closing(self.rules.traits, self.rules.taker_rates, self.rules.costs.taker_rate)
        return Standing(
            at=self.at,
            limits=account.limits,
            instrument=self.instrument,
            leverage=self.leverage_most(side),
            margin=margin.of(self.pair) if margin else None,
            open_pairs=self.open_pairs,
            has_unknown_order=self.has_unknown_order,
            paused=self.overview.marks.paused,
            blocks=self.overview.marks.blocks,
            settlement=self.rules.traits.settlement,
            base_fee_rate=closing.base_fee_rate(self.pair),
        )

    def rates(self) -> Rates:
        """What trading costs here: the account's own fee, and the venue's published rates for what is borrowed."""
        account = self.overview.account
        taker = self.rules.taker_rates.get(self.pair, self.rules.costs.taker_rate)
        return rates_of(model_of(account.venue, account.execution_venue), self.pair, taker)


async def place_of(web: Web, overview: Overview, pair: Pair) -> Place | str:
    """Where `pair` would be opened now, or in a sentence why that cannot be said."""
    account = overview.account
    rules = await web.connector.rules(account)
    if isinstance(rules, str):
        return rules
    if pair not in rules.instruments:
        return f"{VENUES[account.venue].title} does not offer {pair} now."
    quote = (await web.store.quotes(account.feed)).get(pair)
    if quote is None:
        return f"No price of {pair} is known yet. It comes with the account's trader; try again in a moment."
    is_live = account.environment is Environment.LIVE
    if is_live and web.now() - quote.at > STALE_AFTER:
        return f"The last price of {pair} is old. Nothing is opened on it; see whether the trader runs."
    records = await web.store.open_positions(account.owner_id, account.account_id)
    orders = await web.store.open_orders(account.owner_id, account.account_id)
    at = web.now() if is_live or overview.margin is None else overview.margin.at
    return Place(
        overview,
        rules,
        rules.instruments[pair],
        quote.bid,
        quote.ask,
        at,
        frozenset(record.story.pair for record in records),
        any(order.request.pair == pair and order.status is OrderStatus.UNKNOWN for order in orders),
        await _own_quote(web, overview, pair),
    )


async def _own_quote(web: Web, overview: Overview, pair: Pair) -> Decimal:
    """What may be spent without a loan. Where pairs are margined apart, a pair without a position holds its equity."""
    account, margin = overview.account, overview.margin
    if margin is not None and pair in margin.by_pair:
        pot = margin.by_pair[pair]
        return pot.equity if not pot.used_margin else ZERO
    balances = await web.store.balances(account.owner_id, account.account_id)
    return next((each.available for each in balances if each.asset == pair.quote), ZERO)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a form wants, with what it would come to. `again` are the fields that send the same once more."""

    wish: OpenByHand
    shown: Preview | Refused
    again: dict[str, str] = field(default_factory=dict)


def read_wish(form: Form, place: Place) -> Wanted | None:
    """The wish that the form means; None with `form.errors` filled."""
    side = Side.BUY if form.choice("side", ("long", "short")) == "long" else Side.SELL
    price = place.price(side)
    stop = form.number("stop", minimum=_SMALL, maximum=_MOST)
    most = place.leverage_most(side) or 1
    leverage = form.whole("leverage", minimum=1, maximum=100) if form.text("leverage") else most
    protection = _protection(form, side, price, stop)
    size_by = form.choice("size_by", tuple(name for name, _ in SIZES))
    size = form.number("size", minimum=_SMALL, maximum=_MOST)
    if form.errors or protection is None:
        return None
    quantity = _quantity(size_by, size, price, protection.stop_distance, place)
    wish = OpenByHand(place.at, place.pair, side, quantity, price, leverage, protection)
    shown = preview(wish, place.standing(side), place.rules.costs, place.rates(), place.own_quote)
    names = (
        "pair", "side", "size_by", "size", "stop", "leverage", "trailing", "target", "target_share", "second_target",
        "hours",
    )  # fmt: skip
    return Wanted(wish, shown, {name: form.text(name) for name in names if form.text(name)})


def _protection(form: Form, side: Side, price: Decimal, stop: Decimal) -> Protection | None:
    """The stop and the targets as distances from the price; None with the reason noted."""
    distance = (price - stop) * side.sign
    if distance <= 0:
        below = "below" if side is Side.BUY else "above"
        form.object("stop", f"The stop of a {_word(side)} lies {below} the price, which is {price:f} now.")
    targets: list[TakeProfit] = []
    for name, part in zip(("target", "second_target"), _shares(form), strict=True):
        if not form.text(name):
            continue
        reach = (form.number(name, minimum=_SMALL, maximum=_MOST) - price) * side.sign
        if name in form.errors:
            continue
        if reach <= 0:
            above = "above" if side is Side.BUY else "below"
            form.object(name, f"A target of a {_word(side)} lies {above} the price, which is {price:f} now.")
        elif part > 0:
            targets.append(TakeProfit(reach, part))
    if len(targets) == 2 and targets[1].distance <= targets[0].distance:
        form.object("second_target", "The second target lies farther away than the first.")
    hours = form.number("hours", minimum=Decimal("0.1"), maximum=Decimal(2000)) if form.text("hours") else None
    if form.errors:
        return None
    time_stop = None if hours is None else timedelta(seconds=int(hours * 3600))
    return Protection(distance, form.text("trailing") == "yes", tuple(targets), time_stop)


def _shares(form: Form) -> tuple[Decimal, Decimal]:
    """What each target closes: the first everything, or of two half each, if nothing is said.

    A target that would close nothing is objected to.
    """
    has_second = bool(form.text("second_target"))
    if has_second and not form.text("target"):
        form.object("second_target", "There is a second target and no first one: give this price as the first.")
    if not form.text("target_share"):
        share = ONE / 2 if has_second else ONE
    else:
        share = form.number("target_share", minimum=ONE, maximum=_HUNDRED) / _HUNDRED
        if has_second and share == ONE:
            form.object("target_share", "The first target closes everything, so nothing is left for the second.")
    return share, ONE - share


def _quantity(size_by: str, size: Decimal, price: Decimal, distance: Decimal, place: Place) -> Decimal:
    """The base quantity that a size means."""
    with localcontext(rounding=ROUND_FLOOR):
        if size_by == "quantity":
            return size
        if size_by == "quote":
            return size / price
        margin = place.overview.margin
        equity = margin.of(place.pair).equity if margin else ZERO
        return equity * size / _HUNDRED / (distance + price * place.rules.costs.round_trip_rate)


def _word(side: Side) -> str:
    return "long" if side is Side.BUY else "short"
