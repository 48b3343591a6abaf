"""OKX V5 spot margin: requests, answers, streams and verbs of one venue. Its names stop at this package."""

from jarvis.venues.okx.symbols import CATALOGUE
from jarvis.venues.okx.venue import EEA, REGIONS, US, WWW, OkxVenue

__all__ = ["CATALOGUE", "EEA", "REGIONS", "US", "WWW", "OkxVenue"]
