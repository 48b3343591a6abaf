"""The client says exactly what the API's description says: every operation, every parameter, every field."""

import inspect
import typing
from datetime import date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any
from unittest.mock import MagicMock

import msgspec
import pytest

from jarvis.client import Jarvis, records
from jarvis.client.records import Record
from jarvis.web.api import api_of
from jarvis.web.api.events import Event

DOCUMENT: dict[str, Any] = api_of(MagicMock()).openapi()
SCHEMAS: dict[str, Any] = {**DOCUMENT["components"]["schemas"], "Event": Event.model_json_schema()}
OPERATIONS = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}
OURS = {"events", "from_environment", "pages"}
"""Methods of the client that are no plain operation."""
STRUCTS = {
    name: each
    for name, each in vars(records).items()
    if isinstance(each, type) and issubclass(each, Record) and each is not Record
}


def kinds_of(schema: dict[str, Any]) -> set[Any]:
    """What Python types a schema means."""
    if "anyOf" in schema:
        found = set().union(*(kinds_of(each) for each in schema["anyOf"]))
        return {datetime if kind is str else kind for kind in found} if schema.get("format") == "date-time" else found
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {str} if SCHEMAS[name]["type"] == "string" else {name}
    match schema["type"]:
        case "array":
            (item,) = kinds_of(schema["items"])
            return {(tuple, item)}
        case "string" if schema.get("pattern", "").startswith(("^-?[0-9]+(", "^[0-9]+(")):
            return {Decimal}
        case "string":
            return {{"date-time": datetime, "date": date}.get(schema.get("format", ""), str)}
    return {{"integer": int, "boolean": bool, "null": NoneType, "object": dict}[schema["type"]]}


def kinds_in(annotation: Any) -> set[Any]:
    """What Python types an annotation names."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, UnionType):
        return set().union(*(kinds_in(each) for each in typing.get_args(annotation)))
    if origin is tuple:
        (item,) = kinds_in(typing.get_args(annotation)[0])
        return {(tuple, item)}
    if origin is dict:
        return {dict}
    return {annotation.__name__ if isinstance(annotation, type) and issubclass(annotation, Record) else annotation}


def test_every_operation_has_a_method_of_its_name_and_no_other() -> None:
    methods = {name for name, _ in inspect.getmembers(Jarvis, inspect.isfunction) if not name.startswith("_")}

    assert methods - OURS - {"from_environment"} == set(OPERATIONS) - {"events"}


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - {"events"}))
def test_a_method_takes_and_answers_what_its_operation_does(name: str) -> None:
    operation = OPERATIONS[name]
    method = getattr(Jarvis, name)
    hints = typing.get_type_hints(method)
    answer = next(each for status, each in operation["responses"].items() if status.startswith("2"))
    signature = inspect.signature(method).parameters
    taken = {each: parameter for each, parameter in signature.items() if each != "self"}
    body = operation.get("requestBody")
    if body is not None:
        (wished,) = [each for each in taken if hints[each].__name__ in STRUCTS]
        assert kinds_of(body["content"]["application/json"]["schema"]) == {hints[wished].__name__}
        del taken[wished]

    assert kinds_of(answer["content"]["application/json"]["schema"]) == {hints["return"].__name__}
    named = {each["name"].lower().replace("-", "_"): each for each in operation.get("parameters", [])}
    assert set(taken) == set(named)
    for parameter, each in named.items():
        assert kinds_in(hints[parameter]) == kinds_of(each["schema"]), parameter
        default = taken[parameter].default
        assert default == each["schema"].get("default", inspect.Parameter.empty if each.get("required") else None)
    assert inspect.getdoc(method) == operation["summary"]


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_a_record_has_the_fields_of_its_schema(name: str) -> None:
    schema, hints = SCHEMAS[name], typing.get_type_hints(STRUCTS[name])

    assert set(hints) == set(schema["properties"])
    for field in msgspec.structs.fields(STRUCTS[name]):
        assert kinds_in(hints[field.name]) == kinds_of(schema["properties"][field.name]), field.name
        assert (field.name in schema.get("required", ())) == field.required, field.name
        if not field.required and NoneType in kinds_in(hints[field.name]):
            assert field.default is None, field.name  # what is left out is not sent


def test_every_record_of_the_api_is_one_of_the_client() -> None:
    answered = {name for name, schema in SCHEMAS.items() if schema["type"] == "object"}

    assert answered - {"Problem", "ProblemAnswer"} == set(STRUCTS)


def test_the_stream_takes_what_its_operation_does() -> None:
    parameters = {each["name"].lower() for each in OPERATIONS["events"]["parameters"]}

    assert parameters == {"account", "last-event-id"}
    assert set(inspect.signature(Jarvis.events).parameters) == {"self", "account", "after"}
