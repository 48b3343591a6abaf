"""Bybit's Unified Trading Account with spot margin, as its V5 API shows it: REST, WebSocket and API-management page."""

from jarvis.emulators.bybit.emulator import BybitEmulator
from jarvis.emulators.bybit.keys import READ_ONLY, Permission, Profile

__all__ = ["READ_ONLY", "BybitEmulator", "Permission", "Profile"]
