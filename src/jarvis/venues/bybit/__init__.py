"""Bybit spot margin (V5, unified account): the adapter's door."""

from jarvis.venues.bybit.symbols import CATALOGUE
from jarvis.venues.bybit.venue import GLOBAL, BybitVenue

__all__ = ["CATALOGUE", "GLOBAL", "BybitVenue"]
