"""The description of the API: complete, with examples that are true, and nothing that it allows breaks anything."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import jsonschema  # type: ignore[import-untyped]
import pytest
import schemathesis
from fastapi import FastAPI
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from jarvis.domain.account import Environment
from jarvis.domain.instrument import Pair
from jarvis.domain.market import Quote
from jarvis.domain.people import AuditEntry, Scope
from jarvis.store.db import Store
from jarvis.store.hooks import Hook
from jarvis.store.records import CommandKind, feed_name
from jarvis.trading.limits import Limits
from jarvis.trading.proposals import Terms
from jarvis.venues.catalog import KRAKEN
from jarvis.web.app import create_app
from jarvis.web.security import WebSettings
from tests.web import day
from tests.web.conftest import SaidConnector
from tests.web.listening import Listening, listening
from tests.web.samples import BTC, SOL
from tests.web.second_factor import Seeds
from tests.web.test_api import Script, person_of, token_of

EXAMPLES = 15
OPENING = {"pair": "ETH/USD", "side": "long", "quantity": "0.01", "stop_price": "2500"}
GOOD_BODIES: dict[str, Any] = {
    "POST /accounts/{account_id}/orders": {**OPENING},
    "POST /accounts/{account_id}/orders/card": {**OPENING},
    "PUT /accounts/{account_id}/assignments": {"assignments": []},
    "PATCH /accounts/{account_id}/limits": {"leverage_cap": 1},
}
"""What can be done, where chance hardly finds it."""

STREAM = "GET /events"
"""Never ends, so that it cannot be asked like the others: see test_api_events.py."""


@pytest.fixture
async def document(app: FastAPI) -> dict[str, Any]:
    answer = await Script(app).ask("GET", "/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_the_description_is_there_without_any_foreign_script(app: FastAPI, document: dict[str, Any]) -> None:
    assert len(operations(document)) >= 26
    assert (await Script(app).ask("GET", "/docs")).status == 404


async def test_every_operation_says_all_that_a_script_must_know(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = Counter(operation["operationId"] for _, operation in operations(document))
    assert set(ids.values()) == {1}
    for label, operation in operations(document):
        assert set(operation["tags"]) <= tags, label
        assert operation["summary"].endswith("."), label
        scope = operation["x-scope"]
        assert scope == "any" or scope in {each.value for each in Scope}, label
        assert ("Any token will do." if scope == "any" else f"Scope: `{scope}`.") in operation["description"], label
        assert {"401", "403", "404", "422", "429"} <= set(operation["responses"]), label
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (label, parameter["name"])


async def test_every_operation_has_an_example_that_its_own_schema_takes(document: dict[str, Any]) -> None:
    for label, operation in operations(document):
        for status, answer in operation["responses"].items():
            for kind, content in answer["content"].items():
                if kind == "application/json":
                    assert_fits(document, content["schema"], content["example"], (label, status))
                else:
                    assert content["example"].startswith("id: "), label
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            examples = content.get("examples") or content["schema"]["examples"]
            for example in examples:
                assert_fits(document, content["schema"], example, label)
        for parameter in operation.get("parameters", []):
            for example in parameter["schema"].get("examples", []):
                assert_fits(document, parameter["schema"], example, (label, parameter["name"]))


def assert_fits(document: dict[str, Any], schema: dict[str, Any], example: object, label: object) -> None:
    whole = {**schema, "components": document["components"]}
    errors = [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(example)]
    assert not errors, (label, errors, example)


async def test_an_example_of_an_answer_holds_every_field(document: dict[str, Any]) -> None:
    for label, operation in operations(document):
        good = next(each for status, each in operation["responses"].items() if status.startswith("2"))
        content = good["content"].get("application/json")
        if content is not None:
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert set(content["example"]) == set(document["components"]["schemas"][name]["properties"]), label


async def test_every_amount_says_its_unit(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            for kind in (described, *described.get("anyOf", [])):
                if "pattern" in kind and kind["pattern"].startswith("^-?[0-9]+"):
                    words = kind.get("description") or described["description"]
                    unit = words.startswith(("In `", "A fraction", "Equity over"))
                    assert unit, (name, field, words)
                    if words.startswith("In `"):
                        named = words.split("`")[1]
                        assert named in NAMED_BY or named in schema["properties"], (name, field, named)


NAMED_BY = {"asset", "quote", "base", "borrowed_asset"}
"""Units that a record may leave to the one around it."""


# --- everything that the description allows, and more ------------------------------------------------------------


class _Quickly:
    """A clock on which time passes at every look: no bucket is ever empty."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=10)
        return self.at


@pytest.fixture(scope="module")
def served(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    path = tmp_path_factory.mktemp("api") / "jarvis.db"
    shutil.copyfile(migrated_file, path)

    async def make_app(store: Store, host: str) -> FastAPI:
        settings = WebSettings(origins=(f"http://{host}",))
        return create_app(settings, store, SaidConnector(store), seeds=Seeds(), now=_Quickly())

    with listening(f"sqlite+aiosqlite:///{path}", make_app) as server:
        yield server


def test_no_request_that_can_be_made_of_the_description_breaks_the_api(served: Listening) -> None:
    now = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)

    async def prepare(store: Store) -> tuple[dict[str, object], str]:
        ada = await person_of(store, "ada", now)
        account = await day.lived(store, ada.user_id)
        (order, *_) = await store.recent_orders(ada.user_id, account)
        asked = await store.enqueue_command(ada.user_id, account, CommandKind.PAUSE, at=now)
        ids = {"account_id": account, "position_id": "BTC-1", "client_order_id": order.client_order_id}
        eth = Pair.parse("ETH/USD")
        limits = Limits(allowed_pairs=frozenset({BTC, SOL, eth}), max_open_positions=5)
        await store.save_limits(ada.user_id, account, limits)
        lent = {"BTC/USD": 10, "SOL/USD": 5, "ETH/USD": 10}
        await store.update_permissions(account, {"granted": [], "leverages": lent}, "accepted", now)
        quote = Quote(eth, Decimal("2600.1"), Decimal("2600.5"), Decimal("2600.3"), now)
        await store.record_quotes(feed_name(KRAKEN, Environment.SANDBOX), [quote])
        terms = Terms(frozenset({BTC}), Decimal(1000))
        hook = Hook("hook-1", ada.user_id, account, "chart", terms, known_sources=False, is_live=True, created_at=now)
        await store.add_hook(hook, noted=AuditEntry("hook.made", now, ada.user_id, ada.user_id), told="")
        return {**ids, "command_id": asked, "hook_id": "hook-1"}, await token_of(store, ada, now, *Scope, days=365)

    ids, token = served.run(prepare)
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{served.port}/api/v1/openapi.json")
    asked: Counter[str] = Counter()

    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    operations = [each for each in operations if each.label != STREAM]
    operations.sort(key=lambda each: each.label.startswith("PATCH"))  # lowered limits let nothing be opened
    assert len(operations) >= 25
    for operation in operations:
        for mode in GenerationMode:

            @hypothesis.given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
            @hypothesis.settings(
                max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )  # fmt: skip
            def ask(case: schemathesis.Case[Any], real: bool) -> None:
                for name, value in ids.items():
                    if real and name in case.path_parameters:
                        case.path_parameters[name] = value
                if real and case.operation.label.endswith("/candles") and case.query:
                    case.query["pair"] = "BTC/USD"
                if real and case.operation.label in GOOD_BODIES:
                    case.body = GOOD_BODIES[case.operation.label]
                # A query that nobody asked about is passed over, as everywhere on the web.
                answer = case.call_and_validate(
                    headers={"Authorization": f"Bearer {token}"}, timeout=20, excluded_checks=[negative_data_rejection]
                )
                asked[f"{case.operation.label} {answer.status_code // 100}"] += 1
                if answer.status_code >= 400:
                    _is_not_echoed(case, answer.text)

            with suppress(hypothesis.errors.Unsatisfiable):  # what takes nothing cannot be given anything wrong
                ask()

    assert {label for label in asked if label.endswith(" 2")} == {f"{operation.label} 2" for operation in operations}


def _is_not_echoed(case: schemathesis.Case[Any], text: str) -> None:
    sent = [*(case.path_parameters or {}).values(), *(case.query or {}).values()]
    for value in sent:
        if isinstance(value, str) and len(value) >= 6:
            assert value not in text
