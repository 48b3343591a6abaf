"""Reads what a chart's alert sends: JSON of at most a few hundred bytes, whatever its content type says.

TradingView puts the message into the body as it was typed, with its own placeholders filled in:

    {"secret": "…", "id": "long 2026-11-21T14:03:30Z", "time": "2026-11-21T14:03:30Z", "action": "buy",
     "pair": "BTCUSD", "quantity": "0.01", "stop": "90500"}

Pure, and nothing that is read here is ever quoted: not in an answer, not in a log, not in an exception.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from jarvis.domain.instrument import Pair
from jarvis.domain.money import exact
from jarvis.trading.proposals import ProposalAction

MAX_BODY_BYTES = 8 * 1024
MOST_ID_LETTERS = 100
_FIELDS = frozenset({"secret", "id", "time", "action", "pair", "quantity", "stop"})
_ACTIONS = {
    "buy": ProposalAction.LONG,
    "long": ProposalAction.LONG,
    "sell": ProposalAction.SHORT,
    "short": ProposalAction.SHORT,
    "close": ProposalAction.CLOSE,
    "exit": ProposalAction.CLOSE,
    "flat": ProposalAction.CLOSE,
}
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_INSTANT = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|\+00:00)", re.ASCII
)
_TICKER = re.compile(r"(?:[A-Z0-9_]{1,20}:)?([A-Z0-9/._-]{3,24})", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,18})?", re.ASCII)
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}


class AlertRefused(Exception):
    """A body that is no alert. Its message is ours and tells nothing of what was sent."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What an alert says. `pair` is still as it was typed; `quantity` (base) and `stop` (quote) are positive."""

    secret: str = field(repr=False)
    alert_id: str
    at: datetime
    action: ProposalAction
    pair: str
    quantity: Decimal | None = None
    stop: Decimal | None = None


def parse_alert(body: bytes) -> Alert:
    """The alert in a body. Raises AlertRefused for everything else."""
    told = _object(body)
    if not set(told) <= _FIELDS:
        raise AlertRefused("the alert has fields that Jarvis does not know")
    action = _ACTIONS.get(_text(told, "action", 16).lower())
    if action is None:
        raise AlertRefused("action is buy, sell, long, short or close")
    is_entry = action is not ProposalAction.CLOSE
    alert_id = _text(told, "id", MOST_ID_LETTERS)
    if not alert_id.isprintable():
        raise AlertRefused("id holds what cannot be typed")
    return Alert(
        secret=_matching(told, "secret", _SECRET),
        alert_id=alert_id,
        at=_instant(told),
        action=action,
        pair=_text(told, "pair", 48).upper(),
        quantity=_amount(told, "quantity") if is_entry else None,
        stop=_amount(told, "stop") if is_entry else None,
    )


def pair_among(typed: str, pairs: Iterable[Pair]) -> Pair | None:
    """The pair that a chart's ticker names (`BTC/USD`, `BTCUSD`, `KRAKEN:XBTUSD`), if it is one of these."""
    found = _TICKER.fullmatch(typed)
    if found is None:
        return None
    ticker = re.sub(r"[/._-]", "", found[1])
    for pair in pairs:
        bases = [pair.base, *(alias for alias, base in _ALIASES.items() if base == pair.base)]
        if ticker in {f"{base}{pair.quote}" for base in bases}:
            return pair
    return None


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise AlertRefused("the alert is too long")
    try:
        found = json.loads(body.decode().strip(), parse_float=str, parse_int=str, parse_constant=_not_finite)
    except (ValueError, RecursionError):
        raise AlertRefused("the alert is not JSON") from None
    if not isinstance(found, dict):
        raise AlertRefused("the alert is not a JSON object")
    return found


def _not_finite(_: str) -> NoReturn:
    raise ValueError


def _text(told: dict[str, Any], name: str, most: int) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= most or "{{" in value:
        raise AlertRefused(f"{name} is missing or too long, or a placeholder that was not filled in")
    return value.strip()


def _matching(told: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = _text(told, name, 100)
    if not pattern.fullmatch(value):
        raise AlertRefused(f"{name} is not of its form")
    return value


def _instant(told: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(_matching(told, "time", _INSTANT)).astimezone(UTC)
    except ValueError:
        raise AlertRefused("time is no moment") from None


def _amount(told: dict[str, Any], name: str) -> Decimal | None:
    if told.get(name) in (None, ""):
        return None
    value = exact(_matching(told, name, _AMOUNT))
    if value <= 0:
        raise AlertRefused(f"{name} must be above zero")
    return value
