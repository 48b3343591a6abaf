"""How a person makes a key at each venue: the steps with their drawings, one file a venue."""

from collections.abc import Mapping

from jarvis.domain.account import VenueName
from jarvis.web.connecting.walkthroughs.binance import BINANCE
from jarvis.web.connecting.walkthroughs.bybit import BYBIT
from jarvis.web.connecting.walkthroughs.kraken import KRAKEN
from jarvis.web.connecting.walkthroughs.okx import OKX
from jarvis.web.connecting.walkthroughs.parts import Walkthrough

WALKTHROUGHS: Mapping[VenueName, Walkthrough] = {each.venue: each for each in (KRAKEN, BINANCE, OKX, BYBIT)}
"""One line per venue."""
