"""The form of a trader's limits and strategies: what its boxes are, and what a filled-in one means."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from starlette.requests import Request

from jarvis.domain.instrument import Pair
from jarvis.domain.money import exact, plain
from jarvis.trading.limits import Limits, Tiers
from jarvis.trading.strategy import ParameterValue, Strategy, resolve
from jarvis.trading.universe import universe_of
from jarvis.web.forms import Form

INTERVALS: tuple[tuple[int, str], ...] = (
    (60, "1 minute"),
    (300, "5 minutes"),
    (900, "15 minutes"),
    (1800, "30 minutes"),
    (3600, "1 hour"),
    (14400, "4 hours"),
    (86400, "1 day"),
)
DEFAULT_INTERVAL = 900
_HUNDRED = Decimal(100)
_TENTH = Decimal("0.1")
_TIER_NAMES = ("warn", "block_entries", "reduce", "flatten")
_TIER_LABELS = ("Tell me", "Stop opening", "Halve positions", "Close everything")


def interval_words(interval: timedelta) -> str:
    """A bar size as the form calls it."""
    seconds = int(interval.total_seconds())
    return dict(INTERVALS).get(seconds, f"{seconds} s")


@dataclass(frozen=True, slots=True)
class Box:
    """One number of the form, as text for its attributes; `error` is our sentence about what was submitted."""

    name: str
    label: str
    hint: str
    unit: str
    value: str
    minimum: str
    maximum: str
    step: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address wishes of limits; what it leaves out stays as it is."""

    fields: Mapping[str, str]
    lists: Mapping[str, tuple[str, ...]]

    def over(self, begun: Iterable[tuple[str, str]]) -> Form:
        """The form that it means, on top of what holds now."""
        lists: dict[str, tuple[str, ...]] = {}
        for name, value in begun:
            lists[name] = (*lists.get(name, ()), value)
        lists.update({name: values for name, values in self.lists.items() if name in lists})
        return Form({name: values[0] for name, values in lists.items()}, lists)

    def filled(self, box: Box) -> Box:
        """A box with the number that was asked for, if it is one."""
        try:
            return replace(box, value=plain(exact(self.fields[box.name].strip())))
        except (KeyError, ValueError):
            return box if self.fields.get(box.name) != "" else replace(box, value="")


def asked_in(request: Request) -> Asked:
    """What the address of a request wishes."""
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in request.query_params.multi_items():
        lists[name] = (*lists.get(name, ()), value)
    return Asked({name: values[0] for name, values in lists.items()}, lists)


@dataclass(frozen=True, slots=True)
class TierBoxes:
    """The four thresholds of one limit."""

    label: str
    hint: str
    boxes: tuple[Box, ...]


_PERCENTAGES = (
    ("risk_per_trade", "Risk per trade", "Of equity, lost at most if the stop is hit at once, costs included.", "20"),
    ("equity_share_per_position", "Equity per position", "The margin that one position may use.", "100"),
)
_TIERS = (
    (
        "daily_loss",
        "Daily loss",
        "Loss since midnight UTC, of that midnight's equity. Leave a box empty to skip it.",
        100,
    ),
    ("drawdown", "Drawdown", "Loss from the highest equity. Leave a box empty to skip it.", 100),
    (
        "margin_level_floor",
        "Margin level",
        "Equity over used margin: at 100 % nothing is free, and further down the venue liquidates. Empty skips.",
        1000,
    ),
)


def limit_boxes(limits: Limits, leverage_ceiling: int, errors: dict[str, str]) -> list[Box]:
    """The plain limits, filled with what holds now."""
    cap = Box(
        "leverage_cap",
        "Leverage cap",
        f"At most {leverage_ceiling} here; the venue may offer less on a pair.",
        "x",
        str(min(limits.leverage_cap, leverage_ceiling)),
        "1",
        str(leverage_ceiling),
        "1",
        errors.get("leverage_cap", ""),
    )
    count = Box(
        "max_open_positions",
        "Open positions",
        "At the same time, one per pair.",
        "at most",
        str(limits.max_open_positions),
        "1",
        "9",
        "1",
        errors.get("max_open_positions", ""),
    )
    shares = [
        Box(
            name, label, hint, "%", plain(getattr(limits, name) * _HUNDRED), "0.1", maximum, "0.1", errors.get(name, "")
        )
        for name, label, hint, maximum in _PERCENTAGES
    ]
    return [cap, *shares, count]


def tier_boxes(limits: Limits, errors: dict[str, str]) -> list[TierBoxes]:
    """The graded limits, filled with what holds now."""
    groups = []
    for limit, label, hint, maximum in _TIERS:
        tiers: Tiers = getattr(limits, limit)
        boxes = []
        for tier, tier_label in zip(_TIER_NAMES, _TIER_LABELS, strict=True):
            threshold: Decimal | None = getattr(tiers, tier)
            name = f"{limit}-{tier}"
            value = "" if threshold is None else plain(threshold * _HUNDRED)
            boxes.append(Box(name, tier_label, "", "%", value, "0.1", str(maximum), "0.1", errors.get(name, "")))
        groups.append(TierBoxes(label, hint, tuple(boxes)))
    return groups


def unchanged_fields(limits: Limits) -> list[tuple[str, str]]:
    """The fields of a form that means exactly these limits, in order."""
    fields = [("leverage_cap", str(limits.leverage_cap)), ("max_open_positions", str(limits.max_open_positions))]
    fields += [(name, plain(getattr(limits, name) * _HUNDRED)) for name, _, _, _ in _PERCENTAGES]
    for limit, _, _, _ in _TIERS:
        for tier in _TIER_NAMES:
            threshold: Decimal | None = getattr(getattr(limits, limit), tier)
            fields.append((f"{limit}-{tier}", "" if threshold is None else plain(threshold * _HUNDRED)))
    return [*fields, *(("allowed", str(pair)) for pair in sorted(limits.allowed_pairs))]


def read_limits(form: Form, leverage_ceiling: int, pairs: Collection[Pair]) -> Limits | None:
    """The limits that the form means, or None with `form.errors` filled; "" names what concerns the whole form."""
    known = {str(pair): pair for pair in pairs}
    chosen = [known[text] for text in form.all("allowed") if text in known]
    if len(chosen) != len(form.all("allowed")) or not chosen:
        form.errors[""] = "Tick at least one of the pairs that are offered."
    cap = form.whole("leverage_cap", minimum=1, maximum=leverage_ceiling)
    count = form.whole("max_open_positions", minimum=1, maximum=9)
    shares = {name: _percentage(form, name, Decimal(maximum)) for name, _, _, maximum in _PERCENTAGES}
    thresholds = {
        limit: {
            tier: _percentage(form, f"{limit}-{tier}", Decimal(maximum)) if form.text(f"{limit}-{tier}") else None
            for tier in _TIER_NAMES
        }
        for limit, _, _, maximum in _TIERS
    }
    if form.errors:
        return None
    try:
        return Limits(
            leverage_cap=cap,
            equity_share_per_position=shares["equity_share_per_position"],
            risk_per_trade=shares["risk_per_trade"],
            max_open_positions=count,
            daily_loss=Tiers(**thresholds["daily_loss"]),
            drawdown=Tiers(**thresholds["drawdown"]),
            margin_level_floor=Tiers(**thresholds["margin_level_floor"]),
            allowed_pairs=frozenset(chosen),
        )
    except ValueError as error:  # the sentence names the limits, never what was typed
        form.errors[""] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person wants followed: one strategy with these values on each of these pairs."""

    strategy: str
    pairs: tuple[Pair, ...]
    interval: timedelta
    values: dict[str, ParameterValue]


def read_wish(form: Form, strategy: Strategy, pairs: Sequence[Pair]) -> Wish | None:
    """The wish that the form means, or None with the reason in `form.errors[""]`."""
    known = {str(pair): pair for pair in pairs}
    chosen = [known[text] for text in form.all("pair") if text in known]
    if len(chosen) != len(form.all("pair")) or not chosen:
        form.errors[""] = "Tick at least one of the pairs that are offered."
        return None
    seconds = form.choice("interval", tuple(str(seconds) for seconds, _ in INTERVALS))
    if form.errors:
        form.errors[""] = "Choose one of the bar sizes that are offered."
        return None
    given: dict[str, object] = {}
    for parameter in strategy.parameters:
        text = form.text(f"parameter-{parameter.name}")
        try:
            given[parameter.name] = parameter.parse(text)
        except ValueError:
            form.errors[""] = _parameter_error(parameter.label, parameter.minimum, parameter.maximum, parameter.unit)
            return None
    try:
        values = resolve(strategy, given)
        for pair in chosen:
            universe_of(strategy, values, pair, pairs)
    except ValueError as error:  # each value parsed above, so this is the strategy's own sentence about them together
        form.errors[""] = str(error)
        return None
    return Wish(strategy.name, tuple(chosen), timedelta(seconds=int(seconds)), values)


def _parameter_error(label: str, minimum: Decimal | None, maximum: Decimal | None, unit: str) -> str:
    if minimum is None or maximum is None:
        return f"{label}: choose one of those offered."
    return f"{label}: a number between {plain(minimum)} and {plain(maximum)} {unit}".rstrip() + ", please."


def _percentage(form: Form, name: str, maximum: Decimal) -> Decimal:
    return form.number(name, minimum=_TENTH, maximum=maximum) / _HUNDRED
