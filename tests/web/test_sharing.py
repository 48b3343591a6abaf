import re

import pytest
from fastapi import FastAPI

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, STRANGER

PAGE = "/account/sharing"
VIEWER = "clara@example.org"


def link_on(answer: Answer) -> str:
    found = re.search(r"https?://[^<\s]+(/link/[A-Za-z0-9_-]{43})", answer.text)
    assert found, answer.text
    return found.group(1)


async def invited(owner: Browser, email: str = "") -> str:
    answer = await owner.submit(f"{PAGE}/invite", {"email": email}, page=PAGE)
    assert answer.status == 200
    return link_on(answer)


async def accepted(app: FastAPI, link: str, email: str = VIEWER) -> Browser:
    """Somebody who came in by the link, and signed in."""
    person = Browser(app)
    assert (await person.get(link)).header("location") == "/link"
    answer = await person.submit("/link", {"email": email, "password": PASSWORD})
    assert answer.status == 303, answer.text
    signed_in = await person.submit("/sign-in", {"email": email, "password": PASSWORD})
    assert signed_in.status == 303, signed_in.text
    return person


@pytest.fixture
async def viewer(app: FastAPI, owner: Browser) -> Browser:
    return await accepted(app, await invited(owner))


async def test_a_viewer_sees_the_desk_and_can_change_nothing(viewer: Browser, account: AccountId) -> None:
    desk = await viewer.get(f"/desk/{account}")
    token = (await viewer.get(PAGE)).token

    assert desk.status == 200
    assert "/pause" not in desk.text
    assert "/flatten" not in desk.text
    assert account in (await viewer.get(PAGE)).text
    for path in (f"/desk/{account}/pause", f"/desk/{account}/flatten", f"/account/{account}/disarm"):
        assert (await viewer.post(path, {"form_token": token})).status in (403, 404)


async def test_a_strangers_account_stays_invisible(stranger: Browser, viewer: Browser, account: AccountId) -> None:
    assert (await stranger.get(f"/desk/{account}")).status == 404
    assert account not in (await stranger.get(PAGE)).text


@pytest.mark.parametrize("who", ["owner", "viewer"])
async def test_either_of_the_two_ends_it(
    who: str, owner: Browser, viewer: Browser, account: AccountId, store: Store
) -> None:
    [ada, clara] = [await store.person_by_email(email) for email in (OWNER, VIEWER)]
    assert ada is not None
    assert clara is not None
    asker = owner if who == "owner" else viewer

    answer = await asker.submit(f"{PAGE}/end", {"viewer": clara.user_id, "owner": ada.user_id}, page=PAGE)

    assert answer.header("location") == f"{PAGE}?said=ended"
    assert (await viewer.get(f"/desk/{account}")).status == 404


async def test_nobody_ends_what_is_between_others(
    stranger: Browser, viewer: Browser, account: AccountId, store: Store
) -> None:
    [ada, clara] = [await store.person_by_email(email) for email in (OWNER, VIEWER)]
    assert ada is not None
    assert clara is not None

    answer = await stranger.submit(f"{PAGE}/end", {"viewer": clara.user_id, "owner": ada.user_id}, page=PAGE)

    assert answer.status == 404
    assert (await viewer.get(f"/desk/{account}")).status == 200


async def test_an_invitation_that_was_taken_back_lets_nobody_in(app: FastAPI, owner: Browser) -> None:
    link = await invited(owner, VIEWER)
    page = await owner.get(PAGE)
    named = re.search(r'name="invitation" value="([0-9a-f]+)"', page.text)
    assert named

    answer = await owner.submit(f"{PAGE}/take-back", {"invitation": named.group(1)}, page=PAGE)

    assert answer.header("location") == f"{PAGE}?said=taken-back"
    person = Browser(app)
    await person.get(link)
    assert "used already" in (await person.get("/link")).text


async def test_nobody_takes_back_an_invitation_of_another(owner: Browser, stranger: Browser) -> None:
    await invited(owner)
    named = re.search(r'name="invitation" value="([0-9a-f]+)"', (await owner.get(PAGE)).text)
    assert named

    for name in (named.group(1), "", "zz"):
        answer = await stranger.submit(f"{PAGE}/take-back", {"invitation": name}, page=PAGE)
        assert answer.status == 404


async def test_an_address_that_is_none_is_refused(owner: Browser) -> None:
    answer = await owner.submit(f"{PAGE}/invite", {"email": "nonsense"}, page=PAGE)

    assert answer.status == 422
    assert "Write an e-mail address" in answer.text


async def test_inviting_needs_a_proof_and_ending_does_not(viewer: Browser) -> None:
    answer = await viewer.submit(f"{PAGE}/invite", {"email": STRANGER}, page=PAGE)

    assert answer.status == 403
