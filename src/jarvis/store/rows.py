"""Domain records to rows and back: a record's fields are the columns of the same names."""

import json
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Row

from jarvis.domain.account import AccountId, Credential, LedgerRow, MarginState
from jarvis.domain.market import Bar, Quote
from jarvis.domain.order import Fill, Order, OrderRequest
from jarvis.store.records import (
    AccountState,
    Activity,
    Command,
    ComparedBalance,
    PositionFacts,
    RecordedFill,
    TradingAccount,
)
from jarvis.trading.limits import Limits
from jarvis.trading.strategy import ParameterValue

_Record = TypeVar(
    "_Record",
    Fill,
    LedgerRow,
    Bar,
    Quote,
    MarginState,
    OrderRequest,
    Order,
    Credential,
    Activity,
    Command,
    ComparedBalance,
    PositionFacts,
)


_field_names: dict[type, tuple[str, ...]] = {}


def _names(kind: type) -> tuple[str, ...]:
    names = _field_names.get(kind)
    if names is None:
        names = _field_names[kind] = tuple(field.name for field in fields(kind))
    return names


def values_of(record: Any) -> dict[str, Any]:
    """The record's fields by name."""
    return {name: getattr(record, name) for name in _names(type(record))}


def record_of(kind: type[_Record], row: Row[Any], **more: Any) -> _Record:
    """The record whose fields stand in `row`; `more` are fields that do not."""
    return kind(**{name: getattr(row, name) for name in _names(kind) if name not in more}, **more)


def order_values(account_id: AccountId, order: Order) -> dict[str, Any]:
    """An order and its request as one row, without its fence."""
    values = {"account_id": account_id, **values_of(order.request), **values_of(order)}
    del values["request"]
    return values


def order_of(row: Row[Any]) -> Order:
    """The order in a row."""
    return record_of(Order, row, request=record_of(OrderRequest, row))


def fill_of(row: Row[Any]) -> RecordedFill:
    """The fill in a row, with what the journal knows of it."""
    return RecordedFill(record_of(Fill, row), row.pnl, row.position_id)


def account_of(row: Row[Any]) -> TradingAccount:
    """The account in a row that was joined with its credential, if there is one; without its assignments."""
    values = {
        name: getattr(row, name)
        for name in _names(TradingAccount)
        if name not in ("limits", "assignments", "credential")
    }
    credential = None
    if row.sealed is not None and row.state is not AccountState.DISCONNECTED:
        credential = record_of(Credential, row)
    limits = Limits() if row.limits_json is None else Limits.from_json(row.limits_json)
    return TradingAccount(**values, limits=limits, assignments=(), credential=credential)


def parameters_to_json(values: Mapping[str, ParameterValue]) -> str:
    """Parameter values as text that keeps whole numbers, exact numbers and words apart."""
    return json.dumps(
        {name: {"exact": str(value)} if isinstance(value, Decimal) else value for name, value in values.items()},
        sort_keys=True,
    )


def parameters_from_json(text: str) -> dict[str, ParameterValue]:
    """The values that `parameters_to_json` wrote."""
    given: dict[str, Any] = json.loads(text)
    return {name: Decimal(value["exact"]) if isinstance(value, dict) else value for name, value in given.items()}
