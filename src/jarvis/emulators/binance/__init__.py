"""Binance emulated: spot margin, cross and isolated, over the simulated exchange, as strict as the venue itself.

Written from the venue's published behaviour, without reading the adapter that is tested against it.
"""

from jarvis.emulators.binance.emulator import BinanceEmulator
from jarvis.emulators.binance.keys import Permission, Profile

__all__ = ["BinanceEmulator", "Permission", "Profile"]
