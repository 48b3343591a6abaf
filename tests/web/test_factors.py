"""The security page without a browser: the app, codes, password, sessions, and who may change what."""

import re
from datetime import timedelta

from fastapi import FastAPI

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import Factors
from jarvis.store.db import Store
from tests.web.client import Answer, Browser
from tests.web.conftest import OWNER, PASSWORD, Time, sign_in
from tests.web.second_factor import App, enrol_app, prove, seed_on

SUDO = timedelta(minutes=10)
PAGE = "/account/security"
NEW_PASSWORD = "four brass lanterns"


async def owner_id(store: Store) -> UserId:
    person = await store.person_by_email(OWNER)
    assert person is not None
    return person.user_id


async def factors_of(store: Store) -> Factors:
    return await store.factors(await owner_id(store))


async def kinds(store: Store) -> list[str]:
    return [line.kind for line in await store.audit_lines()]


async def do(person: Browser, what: str, **fields: str) -> Answer:
    return await person.submit(f"{PAGE}/{what}", fields, page=PAGE)


async def test_the_first_factor_takes_the_password(app: FastAPI, store: Store, time: Time) -> None:
    owner = await sign_in(app, OWNER)

    without = await do(owner, "totp")
    wrong = await do(owner, "totp", password="three red lanterns")
    page = await owner.get(PAGE)

    assert (without.status, wrong.status) == (422, 422)
    assert "Type your password" in without.text
    assert "not your password" in wrong.text
    assert page.text.count("Your password</label>") == 1  # there is no passkey at an address that is a number
    assert "Your password is all that stands" in page.text
    assert not (await factors_of(store)).any


async def test_an_app_is_enrolled_by_its_first_code_and_told(app: FastAPI, store: Store, time: Time) -> None:
    owner = await sign_in(app, OWNER)
    offered = await do(owner, "totp", password=PASSWORD)
    assert re.search(r'<img class="qr" src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+"', offered.text)
    token, device = offered.token, seed_on(offered.text)

    wrong = await owner.post(f"{PAGE}/totp/confirm", {"form_token": token, "code": "000000"})
    right = await owner.post(f"{PAGE}/totp/confirm", {"form_token": token, "code": device.code(time())})

    assert wrong.status == 422
    assert device.seed not in wrong.text.replace(" ", "")
    assert right.header("location") == f"{PAGE}?said=totp"
    page = (await owner.get(f"{PAGE}?said=totp")).text
    assert "In use since" in page
    assert "You have no recovery codes" in page
    assert "Confirmed until" in page
    assert "factor.added" in await kinds(store)
    (notice,) = [each for each in await store.notices_of(await owner_id(store)) if each.kind == "factor.added"]
    assert "authenticator app was added" in notice.message


async def test_another_factor_takes_a_fresh_proof(owner: Browser, time: Time) -> None:
    time.pass_by(SUDO)

    answers = [await do(owner, what) for what in ("totp", "totp/remove", "codes", "sessions/end-others", "password")]

    assert [answer.status for answer in answers] == [403] * 5


async def test_the_app_is_removed_with_a_proof_and_everything_falls_with_it(owner: Browser, store: Store) -> None:
    await do(owner, "codes")

    answer = await do(owner, "totp/remove")

    assert answer.header("location") == f"{PAGE}?said=removed"
    assert await factors_of(store) == Factors()
    assert (await do(owner, "codes")).status == 403


async def test_the_last_factor_stays_while_an_account_is_armed(
    owner: Browser, account: AccountId, store: Store
) -> None:
    refused = await do(owner, "totp/remove")
    assert refused.status == 422
    assert "Disarm your accounts first" in refused.text
    assert (await factors_of(store)).any

    await owner.submit(f"/account/{account}/disarm", {}, page=PAGE)
    assert (await do(owner, "totp/remove")).status == 303


async def test_a_new_password_ends_the_other_sessions(app: FastAPI, owner: Browser, store: Store, time: Time) -> None:
    other = Browser(app)
    other.cookies.update(owner.cookies)
    elsewhere = await signed_in_again(app, store, owner, time)

    wrong = await do(owner, "password", password="not this one", new_password=NEW_PASSWORD)
    weak = await do(owner, "password", password=PASSWORD, new_password="password")
    done = await do(owner, "password", password=PASSWORD, new_password=NEW_PASSWORD)

    assert "not your password" in wrong.text
    assert "among the first that anybody tries" in weak.text
    assert NEW_PASSWORD not in wrong.text
    assert done.status == 303
    assert (await owner.get(PAGE)).status == 200
    assert (await elsewhere.get(PAGE)).status == 303
    assert "password.changed" in await kinds(store)


async def test_sessions_are_listed_and_ended(app: FastAPI, owner: Browser, store: Store, time: Time) -> None:
    elsewhere = await signed_in_again(app, store, owner, time)
    page = (await owner.get(PAGE)).text
    assert page.count("this one") == 1
    assert "Firefox on Linux" in page
    assert "203.0.113.9" in page
    (session,) = re.findall(r'name="session" value="([0-9a-f]+)"', page)

    made_up = await do(owner, "sessions/end", session="0" * 20)
    ended = await do(owner, "sessions/end", session=session)

    assert (made_up.status, ended.status) == (404, 303)
    assert (await elsewhere.get(PAGE)).header("location") == "/sign-in"
    assert (await owner.get(PAGE)).status == 200


async def test_all_other_sessions_are_ended_at_once(app: FastAPI, owner: Browser, store: Store, time: Time) -> None:
    others = [await signed_in_again(app, store, owner, time) for _ in range(2)]

    assert (await do(owner, "sessions/end-others")).status == 303

    assert [(await other.get(PAGE)).status for other in others] == [303, 303]
    assert (await owner.get(PAGE)).status == 200


async def test_nobody_ends_or_changes_what_is_a_strangers(owner: Browser, stranger: Browser, store: Store) -> None:
    (session,) = await store.sessions_of(await owner_id(store))

    ended = await stranger.submit(f"{PAGE}/sessions/end", {"session": session.session_id}, page=PAGE)
    removed = await stranger.submit(f"{PAGE}/passkeys/remove", {"passkey": "0" * 16}, page=PAGE)

    assert (ended.status, removed.status) == (404, 404)
    assert (await owner.get(PAGE)).status == 200


async def test_passkeys_are_not_offered_at_an_address_that_is_a_number(owner: Browser) -> None:
    page = (await owner.get(PAGE)).text

    assert "data-passkey" not in page
    assert "pages are reached by a number" in page


async def test_a_made_up_passkey_is_refused_everywhere(owner: Browser, browser: Browser, app: FastAPI) -> None:
    for credential in ("", "{}", "[1]", '{"id":"x","rawId":"x","type":"public-key","response":{}}', "x" * 9000):
        added = await do(owner, "passkeys", credential=credential, label="mine")
        signed = await browser.submit("/sign-in/passkey", {"credential": credential}, page="/sign-in")
        proved = await owner.submit("/prove/passkey", {"credential": credential}, page=PAGE)

        assert (added.status, signed.status, proved.status) == (422, 422, 422)
    assert (await owner.submit("/prove/passkey/options", {}, page=PAGE)).json == {
        "error": "This account has no passkey."
    }


async def test_what_a_script_asks_is_answered_as_json(owner: Browser, time: Time) -> None:
    time.pass_by(SUDO)
    token = (await owner.get(PAGE)).token

    answer = await owner.post(f"{PAGE}/passkeys/options", {"form_token": token}, {"accept": "application/json"})
    forged = await owner.post(f"{PAGE}/passkeys/options", {"form_token": "x"}, {"accept": "application/json"})

    assert (answer.status, forged.status) == (403, 403)
    assert "Confirm" in answer.json["error"]
    assert "another session" in forged.json["error"]


async def signed_in_again(app: FastAPI, store: Store, owner: Browser, time: Time) -> Browser:
    """Another browser of the owner's, elsewhere; by a recovery code, so that no time passes."""
    codes = re.findall(r"<li>([A-Z2-7-]{31})</li>", (await do(owner, "codes")).text)
    browser = AgentBrowser(app, address="203.0.113.9")
    await browser.submit("/sign-in", {"email": OWNER, "password": PASSWORD})
    answer = await browser.submit("/sign-in/factor", {"code": codes[0]})
    assert answer.header("location") == "/desk"
    return browser


class AgentBrowser(Browser):
    """A browser that says what it is."""

    async def send(self, method, path, headers=None, body=b""):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        agent = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
        return await super().send(method, path, {**(headers or {}), **agent}, body)


async def test_a_recovery_code_lets_another_factor_in_for_a_while(
    app: FastAPI, owner: Browser, store: Store, time: Time
) -> None:
    browser = await signed_in_again(app, store, owner, time)
    assert "Add a passkey" not in (await browser.get(PAGE)).text
    begun = await browser.post(
        f"{PAGE}/passkeys/options", {"form_token": (await browser.get(PAGE)).token}, {"accept": "application/json"}
    )
    assert begun.status == 200
    time.pass_by(timedelta(minutes=29))
    await browser.get(PAGE)
    time.pass_by(timedelta(minutes=2))

    late = await browser.post(
        f"{PAGE}/passkeys/options", {"form_token": (await browser.get(PAGE)).token}, {"accept": "application/json"}
    )

    assert late.status == 403


async def test_enrolling_ends_the_other_sessions(app: FastAPI, time: Time) -> None:
    owner, other = await sign_in(app, OWNER), Browser(app)
    await other.submit("/sign-in", {"email": OWNER, "password": PASSWORD})

    device: App = await enrol_app(owner, PASSWORD, time())

    assert (await other.get(PAGE)).status == 303
    time.pass_by(SUDO)
    assert (await prove(owner, device, time())).status == 303
