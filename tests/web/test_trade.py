"""By hand through the pages: the card before anything is sent, one order per form, and words for every refusal."""

import re
from decimal import Decimal
from html import unescape

import pytest

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.store.db import Store
from jarvis.store.records import AccountState, Command, CommandKind, feed_name
from jarvis.trading.events import AdjustByHand, CloseByHand, OpenByHand
from jarvis.venues.catalog import KRAKEN
from tests.web import samples
from tests.web.client import Answer, Browser
from tests.web.conftest import SaidConnector
from tests.web.crowd import person_of
from tests.web.page_forms import forms_on

D = Decimal


def words_of(answer: Answer) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.text).split()))


def fields_of(answer: Answer, path: str) -> dict[str, str]:
    form = next(each for each in forms_on(path, answer.text) if each.action == path and each.method == "POST")
    return dict(form.hidden)


ETH = Pair.parse("ETH/USD")
WISH = {"pair": "ETH/USD", "side": "long", "stop": "2500", "size_by": "risk", "size": "0.5", "leverage": "3"}


@pytest.fixture
async def armed(store: Store, owner: Browser, account: AccountId) -> AccountId:
    """An armed account whose limits allow ether, with a price of it."""
    found = (await store.accounts_of(await owner_of(store)))[0]
    limits = type(found.limits)(allowed_pairs=frozenset({samples.BTC, samples.SOL, ETH}), max_open_positions=5)
    await store.save_limits(found.owner_id, account, limits)
    lent = {"BTC/USD": 10, "SOL/USD": 5, "ETH/USD": 10}
    await store.update_permissions(account, {"granted": [], "leverages": lent}, "accepted", samples.NOW)
    quote = Quote(ETH, D("2600.10"), D("2600.50"), D("2600.30"), samples.NOW)
    await store.record_quotes(feed_name(KRAKEN, found.environment), [quote])
    return account


async def owner_of(store: Store) -> UserId:
    return (await person_of(store, "ada@example.org")).user_id


async def card(owner: Browser, account: AccountId, **changes: str) -> Answer:
    page = await owner.get(f"/desk/{account}/trade")
    return await owner.post(f"/desk/{account}/trade/card", {"form_token": page.token, **WISH, **changes})


async def press(owner: Browser, account: AccountId, shown: Answer, **changes: str) -> Answer:
    fields = fields_of(shown, f"/desk/{account}/trade")
    return await owner.post(f"/desk/{account}/trade", {**fields, **changes})


async def by_hand(store: Store, account: AccountId) -> list[Command]:
    return [each for each in await store.take_commands(account) if each.is_by_hand]


async def test_the_card_says_what_it_takes_and_nothing_is_sent_yet(
    store: Store, owner: Browser, armed: AccountId
) -> None:
    shown = await card(owner, armed)

    assert shown.status == 200, words_of(shown)
    for words in ("Margin used", "Free margin after", "Liquidation at about", "Borrowing a day", "Lost in all"):
        assert words in words_of(shown)
    assert "0.50 % of equity" in words_of(shown)
    assert await by_hand(store, armed) == []


async def test_pressing_writes_one_wish_however_often(store: Store, owner: Browser, armed: AccountId) -> None:
    shown = await card(owner, armed)
    first = await press(owner, armed, shown)
    again = await press(owner, armed, shown)

    assert first.status == again.status == 303
    assert first.header("location") == again.header("location")
    (command,) = await by_hand(store, armed)
    wish = command.as_event(samples.NOW)
    assert isinstance(wish, OpenByHand)
    assert (wish.pair, wish.leverage, wish.price) == (ETH, 3, D("2600.50"))
    assert wish.protection.stop_distance == D("100.50")
    assert command.kind is CommandKind.OPEN


async def test_the_result_is_shown_when_the_trader_has_answered(store: Store, owner: Browser, armed: AccountId) -> None:
    where = (await press(owner, armed, await card(owner, armed))).header("location")
    assert "On its way to the trader" in words_of(await owner.get(where))
    (command,) = await by_hand(store, armed)
    await store.claim_command(command.command_id)
    assert "The trader has it" in words_of(await owner.get(where))
    await store.conclude_command(command.command_id, "ETH/USD: not opened, the account is paused.")
    assert "not opened, the account is paused" in words_of(await owner.get(where))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stop": "2700"}, "The stop of a long lies below the price"),
        ({"side": "short"}, "The stop of a short lies above the price"),
        ({"stop": "abc"}, "Write a number"),
        ({"size": ""}, "Write a number"),
        ({"target": "2000"}, "A target of a long lies above the price"),
        ({"target": "2700", "target_share": "50", "second_target": "2650"}, "The second target lies farther away"),
        ({"target": "2700", "target_share": "100", "second_target": "2800"}, "nothing is left for the second"),
        ({"second_target": "2800"}, "a second target and no first one"),
    ],
)
async def test_what_does_not_fit_is_said_beside_its_field(
    owner: Browser, armed: AccountId, changes: dict[str, str], words: str
) -> None:
    shown = await card(owner, armed, **changes)
    assert shown.status == 422
    assert words in words_of(shown)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": "40"}, "is more than your"),
        ({"size_by": "quantity", "size": "0.00001"}, "the venue's minimum"),
        ({"pair": "BTC/USD", "stop": "1"}, "there is a position or an entry already"),
    ],
)
async def test_what_the_limits_refuse_is_refused_on_the_card(
    store: Store, owner: Browser, armed: AccountId, changes: dict[str, str], words: str
) -> None:
    shown = await card(owner, armed, **changes)
    assert words in words_of(shown)
    assert "at market</button>" not in shown.text
    assert await by_hand(store, armed) == []


async def test_a_price_that_moved_shows_the_card_once_more(store: Store, owner: Browser, armed: AccountId) -> None:
    shown = await card(owner, armed)
    again = await press(owner, armed, shown, seen="2500")
    assert again.status == 422
    assert "The price has moved" in words_of(again)
    assert await by_hand(store, armed) == []


async def test_an_account_that_is_not_armed_shows_the_card_and_opens_nothing(
    store: Store, owner: Browser, armed: AccountId
) -> None:
    shown = await card(owner, armed)
    await store.set_account_state(armed, AccountState.DISARMED, "", samples.NOW)
    assert (await press(owner, armed, shown)).status != 303
    assert "The account is not armed" in words_of(await card(owner, armed))
    assert await by_hand(store, armed) == []


async def test_without_the_venues_rules_nothing_is_shown_as_if_known(
    owner: Browser, armed: AccountId, connector: SaidConnector
) -> None:
    connector.not_told = "Kraken could not be asked for its rules. Try again in a moment."
    shown = await card(owner, armed)
    assert (shown.status, "could not be asked" in words_of(shown)) == (422, True)


async def test_a_share_of_a_position_is_closed_by_hand(store: Store, owner: Browser, armed: AccountId) -> None:
    path = f"/desk/{armed}/positions/BTC-1/close"
    page = await owner.get(path)
    assert "Close BTC/USD" in words_of(page)
    answer = await owner.post(path, {**fields_of(page, path), "share": "25"})
    assert answer.status == 303
    (command,) = await by_hand(store, armed)
    assert command.as_event(samples.NOW) == CloseByHand(samples.NOW, samples.BTC, D("0.25"))
    wrong = await owner.post(path, {**fields_of(page, path), "share": "120"})
    assert (wrong.status, "Between 1 and 100" in words_of(wrong)) == (422, True)


async def test_a_stop_is_moved_and_a_time_is_set_by_hand(store: Store, owner: Browser, armed: AccountId) -> None:
    path = f"/desk/{armed}/positions/BTC-1/adjust"
    page = await owner.get(path)
    fields = fields_of(page, path)
    nothing = await owner.post(path, {**fields, "stop": "", "hours": ""})
    assert (nothing.status, "Nothing would change" in words_of(nothing)) == (422, True)
    answer = await owner.post(path, {**fields, "stop": "91000", "trailing": "yes", "target": "120000.5"})
    assert answer.status == 303
    (command,) = await by_hand(store, armed)
    wish = command.as_event(samples.NOW)
    assert isinstance(wish, AdjustByHand)
    assert (wish.stop_price, wish.trailing, wish.close_at) == (D(91000), True, None)
    assert wish.target_price == D("120000.5")


async def test_a_stranger_finds_none_of_it(stranger: Browser, armed: AccountId) -> None:
    for path in ("trade", "positions/BTC-1/close", "positions/BTC-1/adjust", "sent/1"):
        assert (await stranger.get(f"/desk/{armed}/{path}")).status == 404


async def test_of_two_targets_each_closes_half_where_nothing_is_said(
    store: Store, owner: Browser, armed: AccountId
) -> None:
    await press(owner, armed, await card(owner, armed, target="2700", second_target="2800"))

    (sent,) = await by_hand(store, armed)
    wish = sent.as_event(samples.NOW)
    assert isinstance(wish, OpenByHand)
    assert [each.share for each in wish.protection.take_profits] == [D("0.5"), D("0.5")]
