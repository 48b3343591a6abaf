"""What the engine remembers: orders, open stories, and the account-wide marks. Enough to go on after a crash."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from jarvis.domain.instrument import Pair
from jarvis.domain.order import ClientOrderId, FillId, Order
from jarvis.trading.stories import PositionStory

ID_DIGITS = 7
_STRANGERS = 200
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Block:
    """Entries are forbidden while `cause` stands, on one pair or on the whole account."""

    cause: str
    message: str
    pair: Pair | None = None

    def concerns(self, pair: Pair) -> bool:
        """Whether it forbids entries on `pair`."""
        return self.pair is None or self.pair == pair


@dataclass(frozen=True, slots=True)
class Marks:
    """The account-wide part of the state that must outlive a restart: small, kept as one record.

    `blocks` are those that the engine put up itself; what others forbid is said again by them after a restart.
    `strangers` are the venue's ids of orders that are not ours and were told, the latest; None before the first look.
    `day` is the UTC day that `day_equity` was marked on; `peak_equity` the highest since the last resume; `tiers` the
    strongest action that each limit has taken (rule name, action value).
    """

    paused: bool = False
    blocks: tuple[Block, ...] = ()
    day: date | None = None
    day_equity: Decimal | None = None
    peak_equity: Decimal | None = None
    tiers: tuple[tuple[str, int], ...] = ()
    strangers: tuple[str, ...] | None = None

    def tier(self, rule: str) -> int:
        """The strongest action that `rule` has taken; 0 for none."""
        return dict(self.tiers).get(rule, 0)

    def with_tier(self, rule: str, action: int) -> "Marks":
        """The marks after `rule` stands at `action`; 0 forgets it."""
        rest = [(name, value) for name, value in self.tiers if name != rule]
        return replace(self, tiers=tuple(sorted([*rest, (rule, action)] if action else rest)))

    def with_block(self, block: Block) -> "Marks":
        """The marks with one more block; the same cause again replaces its message."""
        return replace(self, blocks=(*self.without_block(block.cause, block.pair).blocks, block))

    def without_block(self, cause: str, pair: Pair | None) -> "Marks":
        """The marks without this block."""
        return replace(self, blocks=tuple(each for each in self.blocks if (each.cause, each.pair) != (cause, pair)))

    def with_strangers(self, *orders: str) -> "Marks":
        """The marks with these orders of others among those that were told."""
        known = dict.fromkeys([*(self.strangers or ()), *orders])
        return replace(self, strangers=tuple(known)[-_STRANGERS:])

    def to_json(self) -> str:
        """The marks as text, every number exact."""
        return json.dumps(
            {
                "paused": self.paused,
                "blocks": [
                    [block.cause, block.message, str(block.pair) if block.pair else None] for block in self.blocks
                ],
                "day": self.day.isoformat() if self.day else None,
                "day_equity": None if self.day_equity is None else str(self.day_equity),
                "peak_equity": None if self.peak_equity is None else str(self.peak_equity),
                "tiers": [list(tier) for tier in self.tiers],
                "strangers": None if self.strangers is None else list(self.strangers),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Marks":
        """The marks that `to_json` wrote."""
        given: dict[str, Any] = json.loads(text)
        return cls(
            paused=given["paused"],
            blocks=tuple(
                Block(cause, message, Pair.parse(pair) if pair else None) for cause, message, pair in given["blocks"]
            ),
            day=date.fromisoformat(given["day"]) if given["day"] else None,
            day_equity=None if given["day_equity"] is None else Decimal(given["day_equity"]),
            peak_equity=None if given["peak_equity"] is None else Decimal(given["peak_equity"]),
            tiers=tuple((rule, action) for rule, action in given["tiers"]),
            strangers=None if given.get("strangers") is None else tuple(given["strangers"]),
        )


@dataclass(slots=True)
class EngineState:
    """What an engine knows.

    To adopt after a restart: the open stories with all their orders, all unfinished orders, and those that ended
    lately (a fill of an order that is not known is somebody else's).

    `orders` are by client order id, `stories` are the open ones by pair, `next_id` numbers the next order,
    `seen_fills` are the fills that were booked lately (an ordered set): a repeat of one changes nothing.
    `outside_blocks` are what others forbid (stale data, key health). Read it as you like; only the engine changes it.
    """

    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    stories: dict[Pair, PositionStory] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    next_id: int = 1
    seen_fills: dict[FillId, None] = field(default_factory=dict)
    outside_blocks: tuple[Block, ...] = ()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Everything that forbids entries now, a pause aside."""
        return (*self.marks.blocks, *self.outside_blocks)

    @classmethod
    def adopt(
        cls,
        orders: Iterable[Order],
        stories: Iterable[PositionStory],
        *,
        marks: Marks | None = None,
        next_id: int = 1,
        seen_fills: Iterable[FillId] = (),
    ) -> "EngineState":
        """The state from kept records, in any order."""
        return cls(
            orders={order.client_order_id: order for order in sorted(orders, key=lambda each: each.client_order_id)},
            stories={story.pair: story for story in stories if not story.is_closed},
            marks=marks or Marks(),
            next_id=next_id,
            seen_fills=dict.fromkeys(seen_fills),
        )


def order_id(prefix: str, number: int) -> ClientOrderId:
    """The client order id with this number: the prefix and seven base-36 digits, so that ids sort by age."""
    digits = ""
    rest = number
    for _ in range(ID_DIGITS):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    if rest or number < 0:
        raise ValueError(f"order number {number} does not fit {ID_DIGITS} digits")
    return ClientOrderId(prefix + digits)


def order_number(prefix: str, client_order_id: ClientOrderId) -> int | None:
    """The number in a client order id of this prefix; None if it is not one of ours."""
    digits = client_order_id.removeprefix(prefix)
    if not client_order_id.startswith(prefix) or len(digits) != ID_DIGITS or set(digits) - set(_ALPHABET):
        return None
    return int(digits, len(_ALPHABET))
