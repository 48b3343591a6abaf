"""OKX emulated: its V5 REST and WebSocket over the simulated exchange's wallets, as strict as the venue itself.

Written from the venue's published behaviour, without reading the adapter that is tested against it.
"""

from jarvis.emulators.okx.emulator import OkxEmulator
from jarvis.emulators.okx.keys import Mode, Profile

__all__ = ["Mode", "OkxEmulator", "Profile"]
