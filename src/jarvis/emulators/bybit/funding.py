"""What a key for trading must never be able to do: move money off the account, or widen its own permissions."""

from decimal import Decimal

from jarvis.domain.account import LedgerKind
from jarvis.domain.money import ZERO
from jarvis.emulators.bybit.errors import BALANCE_INSUFFICIENT, Refused, parameter_error
from jarvis.emulators.bybit.state import Call, VenueState
from jarvis.emulators.bybit.text import Json, number
from jarvis.emulators.bybit.trading import Tell


class Funding:
    """Withdrawals, transfers, and changes of the key itself; they really happen."""

    def __init__(self, state: VenueState, tell: Tell) -> None:
        self._state = state
        self._tell = tell
        self._count = 0

    def withdraw(self, call: Call) -> Json:
        """The id of a withdrawal: the money is gone."""
        call.params.required("address")
        return {"id": self._move(call, -1, LedgerKind.WITHDRAWAL)}

    def transfer(self, call: Call) -> Json:
        """The id of a transfer between the unified and the funding account."""
        origin = call.params.required("fromAccountType")
        target = call.params.required("toAccountType")
        if {origin, target} != {"UNIFIED", "FUND"}:
            raise parameter_error("fromAccountType and toAccountType are UNIFIED and FUND")
        transfer_id = self._move(call, -1 if origin == "UNIFIED" else 1, LedgerKind.TRANSFER)
        return {"transferId": transfer_id, "status": "SUCCESS"}

    def transfer_between_members(self, call: Call) -> Json:
        """The id of a transfer to another account of the same person."""
        call.params.required("toMemberId")
        return {"transferId": self._move(call, -1, LedgerKind.TRANSFER), "status": "SUCCESS"}

    def update_key(self, call: Call) -> Json:
        """The key as it is after it has changed its own permissions."""
        groups = call.params.group("permissions")
        names = {f"{group}:{item}" for group, items in groups.items() for item in items}
        self._state.keys.set_permissions(call.key.public, frozenset(names))
        return {"id": str(call.key.number), "apiKey": call.key.public, "readOnly": 0, "permissions": groups}

    def _move(self, call: Call, sign: int, kind: LedgerKind) -> str:
        coin = self._state.coin(call.params.required("coin"))
        amount = call.params.decimal("amount") or ZERO
        if amount <= ZERO:
            raise parameter_error("amount must be positive")
        try:
            self._state.exchange.adjust(call.account.name, coin, Decimal(sign) * amount, kind)
        except ValueError:
            raise Refused(BALANCE_INSUFFICIENT, f"{number(amount)} {coin} are not free") from None
        self._tell(())
        self._count += 1
        return f"{self._state.new_id()}{self._count}"
