"""The short way of a row against the long one: what it reads is the same, to the last digit."""

import json
from typing import Any

import pytest

from jarvis.domain.order import Fill, OrderReport
from jarvis.venues.base import UnreadableAnswer
from jarvis.venues.okx.memory import OrderMemory
from jarvis.venues.okx.order_rows import STREAM, OrderRow, decode_orders, parse_order, parse_order_fill, parse_spawned
from jarvis.venues.okx.stream_frames import short_order
from tests.venues.okx.wires import sample, wish

USUAL = ("ws_orders_fill", "ws_orders_filled", "ws_orders_live")
FRAMES = (*USUAL, "ws_orders_liquidation", "ws_orders_post_only", "ws_orders_spawned")
STRANGE: tuple[object, ...] = (
    "", "0", "0.00", "-0.0", "-1", "1", "7", "1.50", "1e-7", "10", "101", "1e999999", "NaN", "sNaN", "-Infinity",
    "what", "1790000000001", "99999999999999999999", "true", "false", "market", "limit", "fok", "mmp", "sell", "buy",
    "cash", "cross", "filled", "live", "canceled", "mmp_canceled", "base_ccy", "quote_ccy", "T", "M", "MARGIN", "SPOT",
    "SWAP", "adl", "normal", "ETH-USDT", "ETHUSDT", None, 0, 3, True, False, 1.5, [], {},
)  # fmt: skip


def memory() -> OrderMemory:
    known = OrderMemory()
    known.announce(wish())
    return known


def long_way(row: OrderRow, known: OrderMemory) -> tuple[OrderReport, Fill | None]:
    spawned = known.learn(row.ord_id, parse_spawned(row))
    report = known.dressed(parse_order(row, STREAM, spawned))
    return report, parse_order_fill(row, spawned, spot_is_margin=False)


def frames_of(name: str) -> list[str]:
    """The frame as it is, and with each field of its row missing or strange."""
    frame = json.loads(sample(name))
    told: dict[str, Any] = frame["data"][0]
    rows = [told]
    for key in told:
        rows.append({each: told[each] for each in told if each != key})
        rows += [{**told, key: strange} for strange in STRANGE]
    return [json.dumps({**frame, "data": [row]}) for row in rows]


@pytest.mark.parametrize("name", FRAMES)
def test_what_the_short_way_reads_the_long_way_reads_alike(name: str) -> None:
    known, compared = memory(), 0

    for text in frames_of(name):
        try:
            (row,) = decode_orders(text)
        except UnreadableAnswer:
            continue
        short = short_order(row, known, spot_is_margin=False)
        if short is not None:
            assert repr(short) == repr(long_way(row, known)), text
            compared += 1

    assert compared > 1_000 if name in USUAL else compared < 200


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ws_orders_live", {"sz": "NaN"}),
        ("ws_orders_live", {"accFillSz": "Infinity"}),
        ("ws_orders_live", {"px": "-Infinity"}),
        ("ws_orders_live", {"state": "unheard-of"}),
        ("ws_orders_live", {"uTime": "99999999999999999999"}),
        ("ws_orders_live", {"lever": "1001"}),
        ("ws_orders_live", {"reduceOnly": "perhaps"}),
        ("ws_orders_live", {"fillSz": "NaN"}),
        ("ws_orders_fill", {"fillPx": "Infinity"}),
        ("ws_orders_fill", {"fillSz": "NaN"}),
        ("ws_orders_fill", {"fillFee": "NaN"}),
        ("ws_orders_fill", {"fillPx": "-1"}),
        ("ws_orders_fill", {"execType": "X"}),
        ("ws_orders_fill", {"fillTime": "never"}),
        ("ws_orders_fill", {"instId": "BTCUSDT"}),
        ("ws_orders_fill", {"algoId": "7"}),
        ("ws_orders_fill", {"category": "full_liquidation"}),
        ("ws_orders_fill", {"cancelSource": "20"}),
    ],
)
def test_what_is_strange_goes_the_long_way(name: str, changes: dict[str, str]) -> None:
    frame = json.loads(sample(name))
    frame["data"][0].update(changes)

    (row,) = decode_orders(json.dumps(frame))

    assert short_order(row, memory(), spot_is_margin=False) is None
