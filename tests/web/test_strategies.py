"""The pages of strategies: what runs, forms made from parameters, changes seen before they are kept."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.trading.strategies import STRATEGIES
from jarvis.web.trading.rule_picture import picture_of
from tests.web.client import Answer, Browser
from tests.web.page_forms import forms_on
from tests.web.test_account import only_account
from tests.web.test_desk import words


async def fields_of(owner: Browser, account: AccountId, query: str) -> dict[str, str]:
    """What a form holds as it is offered."""
    text = (await owner.get(f"/desk/{account}/strategies/form?{query}")).text
    fields = dict(re.findall(r'name="(parameter-[a-z_]+)" type="number"[^>]*? value="([^"]+)"', text))
    for name, body in re.findall(r'<select[^>]*name="([a-z_-]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        value = re.findall(r'<option(?: value="([^"]+)")? selected>([^<]+)<', body)[0]
        fields[name] = value[0] or value[1]
    return {**fields, "strategy": re.findall(r'name="strategy" value="([^"]+)"', text)[0], "pair": "BTC/USD"}


async def press(owner: Browser, account: AccountId, shown: Answer, **typed: str) -> Answer:
    """The button below a difference."""
    here = f"/desk/{account}/strategies"
    form = next(form for form in forms_on("/x", shown.text) if form.action == here)
    return await owner.post(here, {**dict(form.hidden), **typed})


async def test_what_runs_is_said_with_what_it_holds_and_every_strategy_has_its_card(
    owner: Browser, account: AccountId
) -> None:
    page = await owner.get(f"/desk/{account}/strategies")

    said = words(page.text)
    assert "BTC/USD Donchian breakout bars of 15 min" in said
    assert "Entry channel 40 bars · Exit channel 20 bars" in said
    assert "Holds 0.25 BTC , long" in said
    assert "Open and followed by nothing: SOL/USD" in said
    for strategy in STRATEGIES.values():
        assert strategy.title in said
        assert strategy.weak_point in said
        assert strategy.source in said
        assert picture_of(strategy.name).words in unescape(page.text)


async def test_a_form_offers_every_parameter_with_its_range_and_its_usual_value(
    owner: Browser, account: AccountId
) -> None:
    for name, strategy in STRATEGIES.items():
        text = (await owner.get(f"/desk/{account}/strategies/form?strategy={name}")).text

        for parameter in strategy.parameters:
            (field,) = re.findall(rf'<[^>]+name="parameter-{parameter.name}"[^>]*>', text)
            assert parameter.description in unescape(text)
            if parameter.kind != "choice":
                assert f'min="{parameter.minimum}"' in field
                assert f'max="{parameter.maximum}"' in field
            assert f"Usually {parameter.default}." in text


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_rule_is_drawn_by_its_own_code_and_takes_both_sides(name: str) -> None:
    picture = picture_of(name)

    assert picture.lines
    assert {held.side for held in picture.held} == {"long", "short"}
    assert {"buy", "sell"} <= {turn.kind for turn in picture.turns}
    assert all(0 <= turn.x <= picture.width and 0 <= turn.y <= picture.height for turn in picture.turns)


async def test_a_change_is_shown_with_what_it_does_to_what_is_open_and_kept_by_its_button(
    owner: Browser, account: AccountId, store: Store
) -> None:
    before = await only_account(store)
    fields = {
        **await fields_of(owner, account, "strategy=donchian_breakout&pair=BTC/USD"),
        "parameter-entry_bars": "55",
    }

    shown = await owner.get(f"/desk/{account}/strategies/change?{urlencode(fields)}")
    unkept = await only_account(store)
    answer = await press(owner, account, shown)

    said = words(shown.text)
    assert "Entry channel 40 bars → 55 bars" in said
    assert "9 other parameters stay as they are." in said
    assert "BTC/USD: 0.25 BTC are open, long, by Donchian breakout. Its stop, targets and time-stop stay" in said
    assert unkept == before
    assert answer.header("location") == f"/desk/{account}/strategies?said=saved"
    (line,) = (await only_account(store)).assignments
    assert line.values == {**before.assignments[0].values, "entry_bars": 55}
    history = words((await owner.get(f"/desk/{account}/strategies")).text).partition("Changes")[2]
    assert "by you BTC/USD, Donchian breakout Entry channel: 40 bars → 55 bars" in history


async def test_another_strategy_on_a_pair_leaves_what_the_former_opened_alone(
    owner: Browser, account: AccountId
) -> None:
    fields = await fields_of(owner, account, "strategy=moving_average_crossover")

    shown = await owner.get(f"/desk/{account}/strategies/change?{urlencode(fields)}")

    said = words(shown.text)
    assert "Strategy Donchian breakout → Moving-average crossover" in said
    assert "No signal closes it any more" in said


async def test_stopping_is_shown_first_and_then_done(owner: Browser, account: AccountId, store: Store) -> None:
    shown = await owner.get(f"/desk/{account}/strategies/change?stop=BTC%2FUSD")

    answer = await press(owner, account, shown)

    assert "Strategy Donchian breakout → nothing" in words(shown.text)
    assert answer.header("location").endswith("said=stopped")
    assert (await only_account(store)).assignments == ()
    assert "Open and followed by nothing" in (await owner.get(f"/desk/{account}/strategies")).text


async def test_what_was_changed_meanwhile_is_shown_once_more(owner: Browser, account: AccountId, store: Store) -> None:
    fields = {
        **await fields_of(owner, account, "strategy=donchian_breakout&pair=BTC/USD"),
        "parameter-entry_bars": "55",
    }
    shown = await owner.get(f"/desk/{account}/strategies/change?{urlencode(fields)}")
    await press(owner, account, await owner.get(f"/desk/{account}/strategies/change?stop=BTC%2FUSD"))

    late = await press(owner, account, shown)

    assert late.status == 409
    assert "changed meanwhile" in late.text
    assert (await only_account(store)).assignments == ()


async def test_the_usual_values_come_back_on_demand(owner: Browser, account: AccountId, store: Store) -> None:
    query = "strategy=donchian_breakout&pair=BTC%2FUSD"
    fields = {**await fields_of(owner, account, query), "parameter-entry_bars": "55"}
    await press(owner, account, await owner.get(f"/desk/{account}/strategies/change?{urlencode(fields)}"))

    changed = await fields_of(owner, account, query)
    usual = await fields_of(owner, account, f"{query}&usual=yes")

    assert (changed["parameter-entry_bars"], usual["parameter-entry_bars"]) == ("55", "40")


async def test_a_wish_that_cannot_be_is_answered_at_its_form(owner: Browser, account: AccountId, store: Store) -> None:
    fields = {**await fields_of(owner, account, "strategy=donchian_breakout"), "parameter-entry_bars": "3"}

    shown = await owner.get(f"/desk/{account}/strategies/change?{urlencode(fields)}")
    lost = await owner.get(f"/desk/{account}/strategies/change?strategy=get_rich")

    assert "The exit channel cannot cover more bars than the entry channel." in shown.text
    assert 'name="parameter-entry_bars"' in shown.text
    assert "There is no such strategy." in lost.text


async def test_a_spread_is_followed_on_one_of_its_legs_only(owner: Browser, account: AccountId) -> None:
    fields = await fields_of(owner, account, "strategy=pairs_spread")

    leg, stranger = [
        await owner.get(f"/desk/{account}/strategies/change?{urlencode({**fields, 'pair': pair})}")
        for pair in ("BTC/USD", "SOL/USD")
    ]

    sentence = "Pairs spread of BTC and ETH is followed on one of these, not on SOL/USD."
    assert sentence in stranger.text
    assert "is followed on one of these" not in leg.text
