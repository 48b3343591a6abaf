"""Funding calls: answered by permission so that a key's rights can be probed, and never moving anything.

A transfer between one's own accounts needs only `trade`; a withdrawal needs `withdraw`.
"""

from jarvis.emulators.okx.errors import Refused
from jarvis.emulators.okx.state import Call, VenueState
from jarvis.emulators.okx.text import Rows


class Funding:
    """The funding account of the sandbox, which is empty."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def balances(self, _call: Call) -> Rows:
        """Nothing: all money is in the trading account."""
        return []

    def currencies(self, call: Call) -> Rows:
        """The currencies; none can be deposited or withdrawn."""
        wanted = call.params.names("ccy")
        return [
            {
                "ccy": asset,
                "name": asset,
                "chain": f"{asset}-{asset}",
                "canDep": False,
                "canWd": False,
                "canInternal": False,
                "minDep": "0",
                "minWd": "0",
                "maxWd": "0",
                "wdTickSz": "8",
                "wdQuota": "0",
                "usedWdQuota": "0",
                "fee": "0",
                "minFee": "0",
                "maxFee": "0",
                "mainNet": True,
                "needTag": False,
                "minDepArrivalConfirm": "1",
                "minWdUnlockConfirm": "1",
                "depQuotaFixed": "",
                "usedDepQuotaFixed": "",
                "logoLink": "",
            }
            for asset in sorted(self._state.names.assets)
            if not wanted or asset in wanted
        ]

    def transfer(self, call: Call) -> Rows:
        """Nothing: there is no money in another account, and none goes there."""
        call.params.required("ccy")
        call.params.required("amt")
        raise Refused("58350", "Insufficient balance")

    def withdrawal(self, call: Call) -> Rows:
        """Nothing: no withdrawal address is ever set up here."""
        for name in ("ccy", "amt", "dest", "toAddr"):
            call.params.required(name)
        if call.account.is_sub_account:
            raise Refused("59504", "Sub-account doesn't have permission to withdraw")
        raise Refused("58207", "Withdrawal address isn't on the verified address list")

    def withdrawal_history(self, _call: Call) -> Rows:
        """No withdrawal."""
        return []

    def deposit_address(self, _call: Call) -> Rows:
        """No address: deposits are made on the sandbox's page."""
        return []
