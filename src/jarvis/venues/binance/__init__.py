"""Binance spot margin, cross and isolated: the adapter's door."""

from jarvis.venues.binance.symbols import CATALOGUE
from jarvis.venues.binance.venue import CROSS, ISOLATED, BinanceVenue

__all__ = ["CATALOGUE", "CROSS", "ISOLATED", "BinanceVenue"]
