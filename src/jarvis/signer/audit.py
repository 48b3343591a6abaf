"""One line for every signature, sealing and refusal: who, what, how much, with which outcome. Never a secret."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jarvis.signer.errors import SignerUnavailable

_KRAKEN = ("pair", "type", "ordertype", "volume", "order_qty", "price", "leverage", "reduce_only", "cl_ord_id", "txid")
_BYBIT = ("symbol", "side", "orderType", "qty", "triggerPrice", "orderId", "orderLinkId", "coin", "purpose")
_BINANCE = ("quantity", "stopPrice", "newClientOrderId", "origClientOrderId", "sideEffectType", "isIsolated", "asset")
_write = json.JSONEncoder(separators=(",", ":")).encode
_SHOWN = frozenset((*_KRAKEN, *_BYBIT, *_BINANCE, "amount"))
_DAY_NS = 24 * 60 * 60 * 1_000_000_000


class Audit:
    """Appends JSON lines to a file per UTC day. Without a folder the lines are forgotten, for tests and simulation."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._day = -1
        self._file = -1
        self._torn = False
        self._second = -1
        self._second_text = ""

    def write(self, now_ns: int, event: Mapping[str, object]) -> None:
        """Append one line. Raises SignerUnavailable when it cannot be written."""
        if self._folder is None:
            return
        second, rest = divmod(now_ns, 1_000_000_000)
        if second != self._second:
            self._second, self._second_text = second, f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
        try:
            if now_ns // _DAY_NS != self._day:
                self._open(datetime.fromtimestamp(second, UTC))
            fraction = f".{rest // 1000:06d}" if rest >= 1000 else ""
            line = _write({"at": f"{self._second_text}{fraction}+00:00", **event}).encode() + b"\n"
            if self._torn:
                line = b"\n" + line
            self._torn = os.write(self._file, line) != len(line)
        except OSError as error:
            self._torn = True
            raise SignerUnavailable(f"the signer cannot write its audit: {error.strerror}") from error
        if self._torn:
            raise SignerUnavailable("the signer cannot write its audit: no space left on device")

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
        self._file = self._day = -1

    def _open(self, at: datetime) -> None:
        self.close()
        if self._folder is not None:
            path = self._folder / f"audit-{at:%Y-%m-%d}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._day = int(at.timestamp()) * 1_000_000_000 // _DAY_NS


def shown(parameters: Mapping[str, str]) -> dict[str, str]:
    """What of a checked call's parameters belongs in the audit."""
    return {name: value for name, value in parameters.items() if name in _SHOWN}
