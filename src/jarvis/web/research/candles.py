"""The recorded candles of this installation, as pages offer them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jarvis.market.formats import CandleError
from jarvis.market.history import interval_name, parse_interval


@dataclass(frozen=True, slots=True)
class Recorded:
    """One dataset: candles of one source, coin and size."""

    source: str
    coin: str
    interval: timedelta
    folder: Path

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.coin}, candles of {interval_name(self.interval)} from {self.source}"


def recorded(data_dir: Path | None) -> list[Recorded]:
    """All that `jarvis data import` and `data download` have left there, by coin, the smallest candles first."""
    found = [] if data_dir is None else list(_datasets(data_dir / "candles"))
    return sorted(found, key=lambda each: (each.coin, each.interval, each.source))


def finest(datasets: list[Recorded], coin: str, interval: timedelta) -> Recorded | None:
    """The smallest candles of a coin that those of `interval` can be made of; None if there are none."""
    fit = (each for each in datasets if each.coin == coin and not interval % each.interval)
    return next(fit, None)


def _datasets(root: Path) -> Iterator[Recorded]:
    for manifest in root.glob("*/*/*/manifest.json"):
        folder = manifest.parent
        try:
            interval = parse_interval(folder.name)
        except CandleError:
            continue  # seconds by a name of their own: no strategy follows such candles
        yield Recorded(folder.parent.parent.name, folder.parent.name.partition("-")[0], interval, folder)
