"""Kraken spot margin: the adapter's door."""

from jarvis.venues.kraken.symbols import CATALOGUE
from jarvis.venues.kraken.venue import INTERMEDIATE, INTERNATIONAL, STARTER, US_RETAIL, KrakenUrls, KrakenVenue, Tier

__all__ = ["CATALOGUE", "INTERMEDIATE", "INTERNATIONAL", "STARTER", "US_RETAIL", "KrakenUrls", "KrakenVenue", "Tier"]
