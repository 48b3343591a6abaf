"""Where an account may trade on margin, and at which leverage: probed with orders that are never placed."""

from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.venues.base import RateLimited, Unreachable
from jarvis.venues.catalog import VENUES
from jarvis.venues.eligibility import probe_margin
from jarvis.venues.kraken import CATALOGUE, INTERNATIONAL, US_RETAIL
from jarvis.venues.session import HttpAnswer
from tests.venues.wires import START, HandClock, ScriptedTransport, answer, kraken, result, sample

CAPS = VENUES["kraken"].leverage_caps  # type: ignore[index]


def accepting(parameters: dict[str, str]) -> HttpAnswer:
    return answer({"descr": {"order": f"{parameters['type']} with {parameters['leverage']}:1 leverage"}})


@pytest.fixture
def wire() -> ScriptedTransport:
    transport = ScriptedTransport()
    row = result("ohlc")["XXBTZUSD"][0]
    transport.says("OHLC", answer({"PAIR": [row], "last": row[0]}))
    transport.says("AddOrder", accepting)
    return transport


async def test_an_international_account_gets_each_pairs_leverage(wire: ScriptedTransport) -> None:
    eligibility = await probe_margin(kraken(wire), CAPS)

    assert eligibility.execution_venue == INTERNATIONAL
    assert eligibility.max_leverage == CAPS
    assert "BTC/USD 10x" in eligibility.message
    orders = wire.sent("AddOrder")
    assert len(orders) == len(CATALOGUE)
    assert all(order["validate"] == "true" for order in orders)
    # Far below the market, at the least that the venue takes.
    assert (orders[0]["price"], orders[0]["volume"]) == ("32007.6", "0.00005")


async def test_a_lower_leverage_is_found_by_asking(wire: ScriptedTransport) -> None:
    def at_most_three(parameters: dict[str, str]) -> HttpAnswer:
        if int(parameters["leverage"]) > 3:
            return answer(None, "EGeneral:Invalid arguments:leverage")
        return accepting(parameters)

    wire.says("AddOrder", at_most_three)

    eligibility = await probe_margin(kraken(wire), {CATALOGUE[0]: 10})

    assert eligibility.max_leverage == {CATALOGUE[0]: 3}


async def test_a_us_account_is_found_on_its_own_book(wire: ScriptedTransport) -> None:
    def us_only(parameters: dict[str, str]) -> HttpAnswer:
        return accepting(parameters) if "BTNL" in parameters["pair"] else answer(None, "EOrder:Cannot open position")

    wire.says("AddOrder", us_only)
    wire.says("AssetPairs", lambda query: HttpAnswer(200, {}, sample("asset_pairs_btnl" if query else "asset_pairs")))

    eligibility = await probe_margin(kraken(wire), CAPS)

    assert eligibility.execution_venue == US_RETAIL
    assert {str(pair) for pair in eligibility.max_leverage} == {"BTC/USD", "ETH/USD", "XRP/USD"}
    # One refusal on the usual book was enough.
    assert len([order for order in wire.sent("AddOrder") if "BTNL" not in order["pair"]]) == 1


async def test_empty_pockets_are_no_proof_of_missing_margin(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EOrder:Insufficient funds"))

    assert (await probe_margin(kraken(wire), CAPS)).max_leverage == CAPS


@pytest.mark.parametrize(
    ("text", "words"),
    [("EOrder:Trading agreement required", "accept the terms"), ("EOrder:Cannot open position", "Intermediate tier")],
)
async def test_an_account_without_margin_is_told_what_to_do(wire: ScriptedTransport, text: str, words: str) -> None:
    wire.says("AddOrder", answer(None, text))

    eligibility = await probe_margin(kraken(wire), CAPS)

    assert eligibility.execution_venue is None
    assert eligibility.max_leverage == {}
    assert words in eligibility.message


async def test_a_probe_without_an_answer_is_an_error(wire: ScriptedTransport) -> None:
    wire.says("AddOrder", answer(None, "EAPI:Rate limit exceeded"))

    with pytest.raises(RateLimited):
        await probe_margin(kraken(wire), CAPS)


async def test_a_pair_without_a_price_is_not_probed_blindly(wire: ScriptedTransport) -> None:
    clock = HandClock()
    clock.advance(-timedelta(days=30).total_seconds())
    assert clock.now() < START

    with pytest.raises(Unreachable, match="no price"):
        await probe_margin(kraken(wire, clock=clock), CAPS)


def test_probes_are_small() -> None:
    assert Decimal("0.00005") * Decimal("32007.6") < 2
