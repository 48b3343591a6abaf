"""Funding calls: answered by permission so that a key's rights can be probed, and never moving anything."""

from typing import Any

from jarvis.domain.money import ZERO
from jarvis.emulators.kraken.errors import UNKNOWN_ASSET, UNKNOWN_WITHDRAW_KEY, Refused
from jarvis.emulators.kraken.names import asset_name, find_asset
from jarvis.emulators.kraken.state import Call, VenueState
from jarvis.emulators.kraken.text import fixed


class Funding:
    """The withdrawal, deposit and transfer calls of the sandbox."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def withdraw(self, _call: Call) -> Any:
        """Nothing: no withdrawal address is ever set up here."""
        raise Refused(UNKNOWN_WITHDRAW_KEY)

    def withdraw_cancel(self, _call: Call) -> Any:
        """Nothing: there is no withdrawal to cancel."""
        raise Refused("EFunding:Unknown reference id")

    def transfer(self, _call: Call) -> Any:
        """Nothing: the sandbox has one wallet."""
        raise Refused("EFunding:Unknown wallet")

    def withdraw_methods(self, call: Call) -> Any:
        """How the asset could be withdrawn."""
        name = asset_name(self._asset(call))
        return [{"asset": name.rest, "method": name.altname, "network": name.altname, "minimum": fixed(ZERO, 8)}]

    def withdraw_addresses(self, call: Call) -> Any:
        """No address."""
        self._asset(call)
        return []

    def withdraw_status(self, _call: Call) -> Any:
        """No withdrawal."""
        return []

    def deposit_methods(self, call: Call) -> Any:
        """How the asset could be deposited."""
        name = asset_name(self._asset(call))
        return [{"method": name.altname, "limit": False, "fee": fixed(ZERO, 10), "gen-address": False}]

    def deposit_addresses(self, call: Call) -> Any:
        """No address: deposits are made on the sandbox's page."""
        self._asset(call)
        return []

    def deposit_status(self, _call: Call) -> Any:
        """No deposit in progress."""
        return []

    def _asset(self, call: Call) -> Any:
        known = {pair.base for pair in self._state.exchange.instruments}
        known |= {pair.quote for pair in self._state.exchange.instruments}
        asset = find_asset(call.params.required("asset"), known)
        if asset is None:
            raise Refused(UNKNOWN_ASSET)
        return asset
