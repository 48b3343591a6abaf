"""The client against a real server: typed answers, errors that say what to do, and reads alone asked again."""

from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest

from jarvis.client import (
    Broken,
    Jarvis,
    NotAllowed,
    NotConfigured,
    NotFound,
    NotSignedIn,
    Place,
    Refused,
    TooMany,
    Unreachable,
    place_of,
)
from jarvis.client import client as asking
from jarvis.client.records import AssignmentLine, Assignments, LowerLimits, TierLine
from jarvis.client.wire import Answer
from jarvis.domain.people import Scope
from jarvis.store.db import Store
from tests.client.conftest import NOW, Installation
from tests.web.test_api import token_of

TOKEN = "jvs_" + "A" * 43


def test_what_is_read_is_typed(installation: Installation) -> None:
    client, account = installation.client, installation.account

    now = client.account(account)
    orders = [order for page in client.pages(client.orders, account, limit=2) for order in page.orders]
    opened = client.positions(account, state="open").positions
    story = client.position(account, opened[0].position_id)

    assert client.me().scopes == tuple(sorted(scope.value for scope in Scope))
    assert now.margin is not None
    assert now.margin.equity == Decimal("25312.4471")
    assert now.connected_at.tzinfo is UTC
    assert len(orders) == len({order.client_order_id for order in orders}) >= 6
    assert sum(part.amount for part in story.waterfall) == story.result
    assert client.statements(account).periods[0].begins_on.day == 1
    assert client.candles(account, "BTC/USD", interval="5m", limit=3).candles[-1].high > 0
    assert client.balances(account).balances
    assert client.equity(account, points=5).points[-1].equity == now.margin.equity
    assert client.fills(account).fills
    assert client.ledger(account, kind="rollover").entries[0].postings
    assert client.activity(account).activities
    assert client.quotes(account).quotes[0].bid > 0
    assert client.notices().notices
    assert client.strategies().strategies


def test_what_is_asked_is_done_once(installation: Installation) -> None:
    client, account = installation.client, installation.account

    asked = client.flatten(account, pair="BTC/USD")

    assert client.command(asked.command_id).is_finished is False
    assert [client.pause(account).asked, client.resume(account).asked] == ["pause", "resume"]


def test_rules_are_changed_with_records(installation: Installation) -> None:
    client, account = installation.client, installation.account
    wish = AssignmentLine(strategy="donchian_breakout", pair="BTC/USD", interval="1h", values={})

    followed = client.assign(account, Assignments(assignments=(wish,)))
    tiers = TierLine(
        warn=Decimal("0.01"), block_entries=Decimal("0.02"), reduce=Decimal("0.03"), flatten=Decimal("0.04")
    )
    lowered = client.lower_limits(account, LowerLimits(leverage_cap=2, daily_loss=tiers))

    assert followed.assignments[0].values["entry_bars"] == "40"
    assert (lowered.leverage_cap, lowered.daily_loss) == (2, tiers)
    with pytest.raises(NotAllowed, match="raise leverage_cap"):
        client.lower_limits(account, LowerLimits(leverage_cap=3))


def test_errors_say_what_to_do(installation: Installation) -> None:
    client, account = installation.client, installation.account

    with pytest.raises(NotFound, match="not yours"):
        client.account("nobody's/../x")
    with pytest.raises(NotSignedIn, match="Make a new token"):
        Jarvis(Place(installation.place.url, TOKEN)).me()
    with pytest.raises(Refused) as unfit:
        client.orders(account, limit=10_000)
    assert (unfit.value.status, unfit.value.code) == (422, "unprocessable_entity")
    with pytest.raises(Unreachable, match="does not answer"):
        Jarvis(Place("http://127.0.0.1:9", TOKEN), sleep=lambda _seconds: None).me()


def test_a_token_of_one_scope_is_told_what_it_lacks(installation: Installation) -> None:
    async def weaker(store: Store) -> str:
        ada = await store.person_by_email("ada@example.org")
        assert ada is not None
        return await token_of(store, ada, NOW, Scope.READ, days=365)

    client = Jarvis(Place(installation.place.url, installation.server.run(weaker)))

    with pytest.raises(NotAllowed, match="scope"):
        client.pause(installation.account)


# --- asking again ------------------------------------------------------------------------------------------------

PROBLEM = b'{"error": {"code": "x", "message": "Not now."}}'
GOOD = b'{"asked": "pause", "command_id": 1}'


class Told:
    """A server that answers what a test told it to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: Answer | Unreachable) -> None:
        self.answers = list(answers)
        self.slept: list[float] = []
        self.asked = 0
        monkeypatch.setattr(asking, "send", self._send)
        self.client = Jarvis(Place("http://localhost", TOKEN), sleep=self.slept.append)

    def _send(self, *_parts: object) -> Answer:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Unreachable):
            raise answer
        return answer


@pytest.mark.parametrize("trouble", [Answer(503, {}, PROBLEM), Answer(502, {}, PROBLEM), Unreachable("cut")])
def test_a_read_is_asked_again(monkeypatch: pytest.MonkeyPatch, trouble: Answer | Unreachable) -> None:
    told = Told(monkeypatch, trouble, trouble, Answer(200, {}, b'{"strategies": []}'))

    assert told.client.strategies().strategies == ()
    assert told.slept == [0.5, 1.0]


@pytest.mark.parametrize("trouble", [Answer(503, {}, PROBLEM), Answer(429, {}, PROBLEM), Unreachable("cut")])
def test_a_command_is_sent_once(monkeypatch: pytest.MonkeyPatch, trouble: Answer | Unreachable) -> None:
    told = Told(monkeypatch, trouble, Answer(202, {}, GOOD))

    with pytest.raises((Broken, TooMany, Unreachable)):
        told.client.pause("an-account")
    assert told.asked == 1


def test_a_read_waits_as_long_as_it_is_told_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, Answer(429, {"retry-after": "3"}, PROBLEM), Answer(429, {"retry-after": "600"}, PROBLEM))

    with pytest.raises(TooMany) as error:
        told.client.strategies()
    assert (error.value.retry_after, told.slept) == (600.0, [3.0])


def test_what_is_no_jarvis_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, Answer(200, {}, b"<html>hello</html>"), Answer(301, {}, b""), Answer(500, {}, PROBLEM))

    with pytest.raises(Unreachable, match="of one version"):
        told.client.strategies()
    with pytest.raises(Unreachable, match="no Jarvis"):
        told.client.strategies()
    with pytest.raises(Broken):
        told.client.strategies()
    assert told.asked == 3


# --- where the address and the token come from ---------------------------------------------------------------------


def kept(folder: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    file = folder / "jarvis" / "client.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    environment = kept(tmp_path, f'url = "https://jarvis.example/"\ntoken = "{TOKEN}"\n')

    assert place_of(environment) == Place("https://jarvis.example", TOKEN)
    other = {**environment, "JARVIS_URL": "http://localhost:1", "JARVIS_TOKEN": "jvs_other"}
    assert place_of(other) == Place("http://localhost:1", "jvs_other")


def test_a_kept_token_goes_to_its_own_address_alone(tmp_path: Path) -> None:
    environment = kept(tmp_path, f'url = "https://jarvis.example"\ntoken = "{TOKEN}"\n')

    with pytest.raises(NotConfigured, match="no token for"):
        place_of(environment, url="https://evil.example")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "no address"),
        ({"JARVIS_URL": "http://jarvis.example", "JARVIS_TOKEN": TOKEN}, "in clear"),
        ({"JARVIS_URL": "jarvis.example", "JARVIS_TOKEN": TOKEN}, "write it like"),
        ({"JARVIS_URL": "ftp://jarvis.example", "JARVIS_TOKEN": TOKEN}, "write it like"),
        ({"JARVIS_URL": "https://jarvis.example", "JARVIS_TOKEN": "secret"}, "begins with jvs_"),
        ({"JARVIS_URL": "https://jarvis.example"}, "no token"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    with pytest.raises(NotConfigured, match=words):
        place_of({"XDG_CONFIG_HOME": str(tmp_path), **environment})


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="chmod 600"):
        place_of(kept(tmp_path, f'url = "https://a.example"\ntoken = "{TOKEN}"\n', 0o640))
    with pytest.raises(NotConfigured, match="two lines"):
        place_of(kept(tmp_path, "nonsense"))


def test_a_token_is_in_no_repr(installation: Installation) -> None:
    assert installation.token not in repr(installation.place)
