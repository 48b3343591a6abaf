"""What can be made to go wrong, one switch per fault.

A fault either fires on single answers or events (`count` times, each time with `probability`), or is a state that
lasts until it is switched off. Switches are set by REST, on a page, by method, or drawn from a seed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from random import Random

from jarvis.domain.instrument import Pair


class FaultGroup(Enum):
    """Where a fault acts."""

    ANSWER = "Answers"
    EVENT = "Stream events"
    STATE = "States"


class FaultKind(Enum):
    """What goes wrong."""

    TIMEOUT_BEFORE_ACCEPT = "timeout_before_accept"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    HTML_ERROR_BEFORE_ACCEPT = "html_error_before_accept"
    HTML_ERROR_AFTER_ACCEPT = "html_error_after_accept"
    HTML_520 = "html_520"
    UNAVAILABLE_BEFORE_ACCEPT = "unavailable_before_accept"
    UNAVAILABLE_AFTER_ACCEPT = "unavailable_after_accept"
    TRUNCATED_ANSWER = "truncated_answer"
    DELAYED_BEFORE_ACCEPT = "delayed_before_accept"
    DELAYED_ANSWER = "delayed_answer"
    INVALID_NONCE = "invalid_nonce"
    RATE_LIMITED = "rate_limited"
    THROTTLED = "throttled"
    LOCKOUT = "lockout"
    INSUFFICIENT_MARGIN_POOL = "insufficient_margin_pool"
    DROPPED_SOCKET = "dropped_socket"
    LOST_EVENT = "lost_event"
    SILENTLY_LOST_EVENT = "silently_lost_event"
    REPEATED_EVENT = "repeated_event"
    REORDERED_EVENT = "reordered_event"
    SEQUENCE_GAP = "sequence_gap"
    MAINTENANCE = "maintenance"
    CANCEL_ONLY = "cancel_only"
    POST_ONLY = "post_only"
    PERMISSION_WIDENED = "permission_widened"
    KEY_REVOKED = "key_revoked"
    LEVERAGE_CUT = "leverage_cut"
    EMPTY_FEES = "empty_fees"
    CAMEL_CASE_KEY_INFO = "camel_case_key_info"
    CLOCK_REFUSED = "clock_refused"
    IP_BANNED = "ip_banned"
    LISTEN_TOKEN_EXPIRED = "listen_token_expired"  # noqa: S105 -- a fault's name
    WRONG_REGION = "wrong_region"
    POST_ONLY_CANCELLED = "post_only_cancelled"
    ORDER_NOT_FOUND = "order_not_found"
    REPAYMENT_REFUSED = "repayment_refused"
    PARTIAL_REPAYMENT = "partial_repayment"
    CODE_BEFORE_ACCEPT = "code_before_accept"
    CODE_AFTER_ACCEPT = "code_after_accept"

    @property
    def group(self) -> FaultGroup:
        """Where it acts."""
        if self in _STATES:
            return FaultGroup.STATE
        return FaultGroup.EVENT if self in _EVENTS else FaultGroup.ANSWER

    @property
    def description(self) -> str:
        """What the person who switches it on may expect, in a sentence."""
        return _DESCRIPTIONS[self]


_K = FaultKind
_EVENTS = frozenset(
    {
        _K.DROPPED_SOCKET,
        _K.LOST_EVENT,
        _K.SILENTLY_LOST_EVENT,
        _K.REPEATED_EVENT,
        _K.REORDERED_EVENT,
        _K.SEQUENCE_GAP,
        _K.LISTEN_TOKEN_EXPIRED,
    }
)
_STATES = frozenset(
    {
        _K.MAINTENANCE,
        _K.CANCEL_ONLY,
        _K.POST_ONLY,
        _K.PERMISSION_WIDENED,
        _K.KEY_REVOKED,
        _K.LEVERAGE_CUT,
        _K.EMPTY_FEES,
        _K.CAMEL_CASE_KEY_INFO,
        _K.WRONG_REGION,
    }
)
ELSEWHERE = frozenset(
    {
        _K.CLOCK_REFUSED,
        _K.IP_BANNED,
        _K.LISTEN_TOKEN_EXPIRED,
        _K.WRONG_REGION,
        _K.POST_ONLY_CANCELLED,
        _K.ORDER_NOT_FOUND,
        _K.REPAYMENT_REFUSED,
        _K.PARTIAL_REPAYMENT,
        _K.CODE_BEFORE_ACCEPT,
        _K.CODE_AFTER_ACCEPT,
    }
)
"""What cannot happen at Kraken."""
# What a seeded mix may draw: nothing that a client can only sit out, and no state that never ends by itself.
KRAKEN_MIX = (
    _K.TIMEOUT_BEFORE_ACCEPT,
    _K.TIMEOUT_AFTER_ACCEPT,
    _K.HTML_ERROR_BEFORE_ACCEPT,
    _K.HTML_ERROR_AFTER_ACCEPT,
    _K.HTML_520,
    _K.UNAVAILABLE_BEFORE_ACCEPT,
    _K.UNAVAILABLE_AFTER_ACCEPT,
    _K.TRUNCATED_ANSWER,
    _K.DELAYED_BEFORE_ACCEPT,
    _K.DELAYED_ANSWER,
    _K.INVALID_NONCE,
    _K.RATE_LIMITED,
    _K.THROTTLED,
    _K.INSUFFICIENT_MARGIN_POOL,
    _K.DROPPED_SOCKET,
    _K.LOST_EVENT,
    _K.SILENTLY_LOST_EVENT,
    _K.REPEATED_EVENT,
    _K.REORDERED_EVENT,
    _K.SEQUENCE_GAP,
)
_DESCRIPTIONS = {
    _K.TIMEOUT_BEFORE_ACCEPT: "The request is swallowed: nothing happens and no answer comes.",
    _K.TIMEOUT_AFTER_ACCEPT: "The request takes effect, but its answer never comes.",
    _K.HTML_ERROR_BEFORE_ACCEPT: "An edge answers 502 with HTML; nothing happened.",
    _K.HTML_ERROR_AFTER_ACCEPT: "An edge answers 502 with HTML, although the request took effect.",
    _K.HTML_520: "Cloudflare's 520 page, although the request took effect.",
    _K.UNAVAILABLE_BEFORE_ACCEPT: "The venue says that it is unavailable; nothing happened.",
    _K.UNAVAILABLE_AFTER_ACCEPT: "The venue says that it is unavailable, although the request took effect.",
    _K.TRUNCATED_ANSWER: "The request takes effect and its answer is cut in half.",
    _K.DELAYED_BEFORE_ACCEPT: "The request waits before it takes effect; deadlines can elapse.",
    _K.DELAYED_ANSWER: "The request takes effect at once, its answer comes late.",
    _K.INVALID_NONCE: "EAPI:Invalid nonce.",
    _K.RATE_LIMITED: "The venue's rate limit is said to be exceeded.",
    _K.THROTTLED: "EService:Throttled with the second at which to come back.",
    _K.LOCKOUT: "EGeneral:Temporary lockout.",
    _K.INSUFFICIENT_MARGIN_POOL: "The venue has nothing left to lend.",
    _K.DROPPED_SOCKET: "The connection is cut instead of sending an event.",
    _K.LOST_EVENT: "A private event is lost; its sequence number is missing.",
    _K.SILENTLY_LOST_EVENT: "A private event is lost and the numbering does not show it.",
    _K.REPEATED_EVENT: "A private event is sent twice.",
    _K.REORDERED_EVENT: "A private event is sent after the one that followed it.",
    _K.SEQUENCE_GAP: "The numbering jumps although nothing was lost.",
    _K.MAINTENANCE: "The venue is in maintenance: private calls are unavailable.",
    _K.CANCEL_ONLY: "Only cancelling works.",
    _K.POST_ONLY: "Only post-only limit orders are taken.",
    _K.PERMISSION_WIDENED: "Every key may suddenly withdraw.",
    _K.KEY_REVOKED: "Every key is unknown, its sockets are closed.",
    _K.LEVERAGE_CUT: "The leverage offered is cut.",
    _K.EMPTY_FEES: "AssetPairs lists no fees.",
    _K.CAMEL_CASE_KEY_INFO: "GetApiKeyInfo answers in camelCase.",
    _K.CLOCK_REFUSED: "The request's timestamp is refused, as if a clock were off.",
    _K.IP_BANNED: "The address is banned for some seconds: HTTP 418 with Retry-After.",
    _K.LISTEN_TOKEN_EXPIRED: "The private stream's token dies: the stream ends and must be subscribed anew.",
    _K.WRONG_REGION: "Every key is unknown here, as on the host of another region.",
    _K.POST_ONLY_CANCELLED: "A post-only order is acknowledged, then cancelled: it would have traded at once.",
    _K.ORDER_NOT_FOUND: "An order that rests is said not to exist, as when it is asked for in the wrong list.",
    _K.REPAYMENT_REFUSED: "Repayments are refused for now.",
    _K.PARTIAL_REPAYMENT: "A repayment leaves a part of the debt.",
    _K.CODE_BEFORE_ACCEPT: "The venue answers with one of its codes; nothing happened.",
    _K.CODE_AFTER_ACCEPT: "The venue answers with a code that leaves open what happened; the request took effect.",
}


@dataclass(slots=True)
class Fault:
    """One switch that is on.

    `operation` limits it to REST methods, WebSocket methods or channels by name (`AddOrder`, `add_order`,
    `executions`; `*` and `?` match), `account` to one account, `pair` to one pair. `seconds` is how long a time-out
    or delay lasts, `leverage` what is still offered, `status` the HTTP status of an HTML answer, `code` the venue's own
    code of a refusal; left out, it is one of those that leave the outcome open.
    """

    fault_id: int
    kind: FaultKind
    count: int | None = None
    probability: float = 1.0
    operation: str = "*"
    account: str | None = None
    pair: Pair | None = None
    seconds: float = 30.0
    leverage: int = 2
    status: int = 502
    code: str = ""


class Faults:
    """The switchboard. The same seed and the same traffic give the same faults.

    `mixable` is what `draw_mix` may switch on at this venue.
    """

    def __init__(self, random: Random, mixable: Sequence[FaultKind] = KRAKEN_MIX) -> None:
        self._random = random
        self._mixable = tuple(mixable)
        self._faults: dict[int, Fault] = {}
        self._next_id = 1
        self.fired: dict[FaultKind, int] = {}

    @property
    def active(self) -> list[Fault]:
        """Switches that are on, oldest first."""
        return list(self._faults.values())

    def add(
        self,
        kind: FaultKind,
        *,
        count: int | None = None,
        probability: float = 1.0,
        operation: str = "*",
        account: str | None = None,
        pair: Pair | None = None,
        seconds: float = 30.0,
        leverage: int = 2,
        status: int = 502,
        code: str = "",
    ) -> Fault:
        """Switch a fault on. Raises ValueError for values that mean nothing."""
        if count is not None and count < 1:
            raise ValueError("count must be at least 1, or left out")
        if not 0 < probability <= 1:
            raise ValueError("probability must be above 0 and at most 1")
        if seconds < 0 or leverage < 1 or not 500 <= status <= 599:
            raise ValueError("seconds must not be negative, leverage at least 1, status between 500 and 599")
        fault = Fault(
            self._next_id, kind, count, probability, operation or "*", account, pair, seconds, leverage, status, code
        )
        self._faults[fault.fault_id] = fault
        self._next_id += 1
        return fault

    def remove(self, fault_id: int) -> Fault | None:
        """Switch one off; None when it was off already."""
        return self._faults.pop(fault_id, None)

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def strike(
        self,
        kinds: Iterable[FaultKind],
        operation: str,
        account: str | None = None,
        codes: Collection[str] | None = None,
    ) -> Fault | None:
        """The first switch of these kinds that fires now on this operation; its count goes down.

        `codes` leaves those alone that answer with another code.
        """
        if not self._faults:
            return None
        wanted = frozenset(kinds)
        for fault in list(self._faults.values()):
            is_meant = fault.kind in wanted and (codes is None or fault.code in codes)
            if is_meant and self._fits(fault, operation, account) and self._draws(fault):
                self.fired[fault.kind] = self.fired.get(fault.kind, 0) + 1
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count == 0:
                        del self._faults[fault.fault_id]
                return fault
        return None

    def holds(
        self, kind: FaultKind, *, operation: str = "*", account: str | None = None, pair: Pair | None = None
    ) -> bool:
        """Whether a state is on for this account and pair."""
        return any(
            fault.kind is kind
            and self._fits(fault, operation, account)
            and (fault.pair is None or pair is None or fault.pair == pair)
            for fault in self._faults.values()
        )

    def draw_mix(self, random: Random, *, kinds: int = 4, probability: float = 0.05) -> list[Fault]:
        """Switch on a random mix for a simulation: up to `kinds` different faults, each firing rarely."""
        chosen = random.sample(self._mixable, k=random.randint(1, kinds))
        return [
            self.add(kind, probability=probability * random.uniform(0.2, 1.0), seconds=random.uniform(1.0, 20.0))
            for kind in chosen
        ]

    def _fits(self, fault: Fault, operation: str, account: str | None) -> bool:
        return (fault.account is None or account is None or fault.account == account) and (
            operation == "*" or fnmatchcase(operation, fault.operation)
        )

    def _draws(self, fault: Fault) -> bool:
        return fault.probability >= 1 or self._random.random() < fault.probability
