"""Which path or operation is answered by what, what it needs of a key, and how often it may be called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jarvis.emulators.bybit.errors import (
    BAD_KEY,
    OPEN_OUTCOMES,
    PERMISSION_DENIED,
    SERVER_ERROR,
    TOO_MANY_VISITS,
    UNIFIED_ONLY,
    Refused,
)
from jarvis.emulators.bybit.keys import READ_ONLY, ApiKey, Permission
from jarvis.emulators.bybit.limits import Allowance, Windows
from jarvis.emulators.bybit.params import Params
from jarvis.emulators.bybit.state import Call, Reply, VenueState
from jarvis.emulators.faults import Fault, FaultKind


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A private path: what answers it, any of which permissions it needs, and its calls per second.

    `writes` is refused to read-only keys. `count` says how many calls a batch counts as.
    """

    answer: Callable[[Call], Any]
    limit: int = 50
    needs: tuple[Permission, ...] = ()
    writes: bool = False
    count: Callable[[Params], int] | None = None

    def permits(self, granted: frozenset[str]) -> bool:
        """Whether a key with these permissions may call it."""
        if self.writes and READ_ONLY in granted:
            return False
        return not self.needs or any(permission.value in granted for permission in self.needs)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call came to: a result or a refusal, and what is left of its limit."""

    result: Any
    extra: Any
    code: int
    words: str
    allowance: Allowance | None


def switched(fault: Fault) -> int:
    """What a fault of a code answers with: its own code, or one that leaves the outcome open."""
    return int(fault.code) if fault.code else OPEN_OUTCOMES[fault.fault_id % len(OPEN_OUTCOMES)]


class Gate:
    """Lets proven keys in: standing, permission, rate, and only then the call itself."""

    def __init__(self, state: VenueState, windows: Windows) -> None:
        self._state = state
        self._windows = windows

    def admit(self, key: ApiKey) -> None:
        """Refuse a key that a fault shuts out."""
        faults = self._state.faults
        if faults.holds(FaultKind.KEY_REVOKED, account=key.account):
            raise Refused(BAD_KEY)
        if faults.holds(FaultKind.WRONG_REGION, account=key.account):
            raise Refused(BAD_KEY)

    def answer(self, name: str, endpoint: Endpoint, key: ApiKey, params: Params) -> Answered:
        """The answer to one call of a proven key; never raises Refused."""
        allowance: Allowance | None = None
        try:
            account = self._state.keys.accounts[key.account]
            if self._state.faults.holds(FaultKind.MAINTENANCE, account=account.name):
                raise Refused(SERVER_ERROR)
            if not endpoint.permits(self._state.granted(key)):
                raise Refused(PERMISSION_DENIED)
            count = endpoint.count(params) if endpoint.count is not None else 1
            allowance = self._windows.charge((account.uid, name), endpoint.limit, count=count)
            if allowance.is_exceeded:
                raise Refused(TOO_MANY_VISITS)
            if name.startswith(("POST /v5/order", "GET /v5/order")) and not account.is_unified:
                raise Refused(UNIFIED_ONLY)
            if switch := self._state.faults.strike((FaultKind.CODE_BEFORE_ACCEPT,), name, account.name):
                raise Refused(switched(switch))
            result = endpoint.answer(Call(account, key, params, self._state.now()))
        except Refused as refused:
            return Answered(refused.result, {}, refused.code, refused.words, allowance)
        if isinstance(result, Reply):
            return Answered(result.result, result.extra, 0, "OK", allowance)
        return Answered(result, {}, 0, "OK", allowance)
