"""What can be said of an open position beside its fills: the margin it uses, what it owes, where it ends. Pure.

The venue's own figures come first. Where it keeps no positions, what is owed is the balances' debt, shared by cost, and
the liquidation price is reckoned: where equity would meet the liquidation level if this price alone moved.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from jarvis.domain.account import AccountSnapshot, Balance, MarginState, VenuePosition
from jarvis.domain.instrument import Instrument, Pair, Side
from jarvis.domain.money import ZERO, Asset, round_nearest
from jarvis.store.records import PositionFacts
from jarvis.trading.liquidation import liquidation_price
from jarvis.trading.stories import PositionStory

_STEP = Decimal("0.00000001")


def facts_of(
    snapshot: AccountSnapshot,
    margin: MarginState,
    stories: Collection[PositionStory],
    prices: Mapping[Pair, Decimal],
    instruments: Mapping[Pair, Instrument],
    *,
    borrows: bool,
    at: datetime,
) -> list[PositionFacts]:
    """The facts of every story that holds something. `borrows`: positions live on debts in the account's balances."""
    held = [story for story in stories if not story.position.is_flat]
    positions = {position.pair: position for position in snapshot.positions}
    balances = {balance.asset: balance for balance in snapshot.balances}
    found = []
    for story in held:
        told = positions.get(story.pair)
        own = margin.of(story.pair)
        beside = [each for each in held if margin.of(each.pair) is own]
        share = _share(story, beside)
        asset, borrowed, interest = _debt(story, told, balances, held) if borrows else (None, ZERO, ZERO)
        price, liquidation = prices.get(story.pair), told.liquidation_price if told else None
        is_modelled = liquidation is None and price is not None
        if liquidation is None and price is not None:
            scales = share if borrows and story.side is Side.SELL else ZERO
            # A wallet's coins may count for less than they are worth: rather too near than too far.
            backing = replace(own, equity=min(own.equity, own.trade_balance)) if borrows else own
            liquidation = liquidation_price(backing, story.position.quantity, price, scales)
            tick = instruments[story.pair].tick
            liquidation = None if liquidation is None else round_nearest(liquidation, tick)
        found.append(
            PositionFacts(
                story.position_id,
                at,
                told.used_margin if told else round_nearest(own.used_margin * share, _STEP),
                asset,
                borrowed,
                interest,
                liquidation,
                is_modelled and liquidation is not None,
            )
        )
    return found


def _share(story: PositionStory, beside: Collection[PositionStory]) -> Decimal:
    """The position's part of the margin that they live on together, by cost."""
    total = sum((each.position.cost for each in beside), ZERO)
    return story.position.cost / total if total else ZERO


def _debt(
    story: PositionStory,
    told: VenuePosition | None,
    balances: Mapping[Asset, Balance],
    held: Iterable[PositionStory],
) -> tuple[Asset, Decimal, Decimal]:
    """What is owed for the position, and the interest on it that is not paid yet."""
    asset = story.pair.quote if story.side is Side.BUY else story.pair.base
    if told is not None and told.borrowed_asset is not None:
        return told.borrowed_asset, told.borrowed, told.interest
    balance = balances.get(asset)
    if balance is None:
        return asset, ZERO, ZERO
    sharing = [each for each in held if each.side is story.side and asset in (each.pair.base, each.pair.quote)]
    share = _share(story, sharing)
    return asset, round_nearest(balance.borrowed * share, _STEP), round_nearest(balance.interest * share, _STEP)
