"""A viewer: sees what was shared with them, is offered nothing else, and is told so."""

import pytest

from jarvis.domain.account import AccountId
from jarvis.store.db import Store
from jarvis.store.records import AccountState
from tests.web.client import Browser
from tests.web.conftest import OWNER, STRANGER, SaidConnector, share
from tests.web.test_account import PASTED


@pytest.fixture
async def viewer(stranger: Browser, owner: Browser, account: AccountId, store: Store) -> Browser:
    """Somebody with whom the owner shares their accounts; they have a second factor and have just proved it."""
    await share(store, OWNER, STRANGER)
    return stranger


async def test_a_viewer_lands_on_the_desk_that_is_shared(viewer: Browser, account: AccountId) -> None:
    assert (await viewer.get("/desk")).header("location") == f"/desk/{account}"
    for path in (f"/desk/{account}", f"/desk/{account}/part/controls", f"/desk/{account}/equity.json"):
        assert (await viewer.get(path)).status == 200, path


async def test_a_viewer_is_offered_no_control(viewer: Browser, account: AccountId) -> None:
    desk = await viewer.get(f"/desk/{account}")
    controls = await viewer.get(f"/desk/{account}/part/controls", {"hx-request": "true"})
    page = await viewer.get("/account")

    for answer in (desk, controls):
        assert "Looking only" in answer.text
        assert f"/desk/{account}/flatten" not in answer.text
        assert f"/account/{account}/trading" not in answer.text
    assert "You are here to look" in page.text
    assert "api_secret" not in page.text


async def test_what_a_viewer_sends_anyway_does_nothing(
    viewer: Browser, account: AccountId, store: Store, connector: SaidConnector
) -> None:
    token = (await viewer.get("/account")).token
    for path in (
        f"/desk/{account}/pause", f"/desk/{account}/flatten", f"/desk/{account}/resume", f"/account/{account}/arm",
        f"/account/{account}/disarm", f"/account/{account}/disconnect", f"/desk/{account}/strategies",
        f"/desk/{account}/limits",
    ):  # fmt: skip
        assert (await viewer.post(path, {"form_token": token})).status == 404, path
    refused = await viewer.post("/account/connect/kraken", {"form_token": token, **PASTED})

    assert refused.status == 403
    assert "Not for your role" in refused.text
    assert connector.given == []
    assert (await store.trading_accounts())[0].state is AccountState.ARMED
    assert await store.take_commands(account) == []
