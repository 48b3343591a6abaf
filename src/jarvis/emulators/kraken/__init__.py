"""Kraken emulated: its REST and WebSocket v2 over the simulated exchange, as strict as the venue itself.

Written from the venue's published behaviour, without reading the adapter that is tested against it.
"""

from jarvis.emulators.faults import Fault, FaultKind, Faults
from jarvis.emulators.kraken.emulator import KrakenEmulator
from jarvis.emulators.kraken.keys import Permission, Profile
from jarvis.emulators.kraken.rates import Tier

__all__ = ["Fault", "FaultKind", "Faults", "KrakenEmulator", "Permission", "Profile", "Tier"]
