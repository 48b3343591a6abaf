import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ONE, USD
from jarvis.domain.order import Fill, FillId, OrderReport, OrderStatus, VenueOrderId
from jarvis.domain.records import quickly_made

D = Decimal
AT = datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Usual:
    name: str
    size: Decimal = ONE
    note: str | None = None

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(self.name)


@quickly_made
@dataclass(frozen=True, slots=True)
class Quick:
    name: str
    size: Decimal = ONE
    note: str | None = None

    def __post_init__(self) -> None:
        if self.size <= 0:
            raise ValueError(self.name)


def a_fill(**changes: object) -> Fill:
    told = Fill(
        fill_id=FillId("T1"),
        venue_order_id=VenueOrderId("O1"),
        client_order_id=None,
        pair=Pair.parse("BTC/USD"),
        side=Side.BUY,
        quantity=D("0.1"),
        price=D(60000),
        cost=D(6000),
        fee=D("9.6"),
        fee_asset=USD,
        at=AT,
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def test_a_record_that_is_made_quickly_has_the_same_parameters_fields_and_defaults() -> None:
    assert inspect.signature(Quick).replace(return_annotation=None) == inspect.signature(Usual).replace(
        return_annotation=None
    )
    assert repr(Quick("a", note="b")) == repr(Usual("a", note="b")).replace("Usual", "Quick")
    assert (a_fill().is_maker, a_fill().is_margin, a_fill().is_liquidation) == (False, True, False)


@pytest.mark.parametrize(
    "record",
    [Quick("a"), a_fill(), OrderReport(VenueOrderId("O1"), OrderStatus.OPEN, AT)],
    ids=lambda it: type(it).__name__,
)
def test_it_cannot_be_changed_and_stays_itself_when_copied(record: object) -> None:
    name = next(iter(type(record).__slots__))  # type: ignore[attr-defined]

    with pytest.raises(FrozenInstanceError):
        setattr(record, name, "another")
    with pytest.raises(FrozenInstanceError):
        delattr(record, name)

    assert type(record).__name__ in ("Quick", "Fill", "OrderReport")
    for other in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record)), replace(record)):  # type: ignore[type-var] # noqa: S301
        assert other == record
        assert type(other) is type(record)
        assert hash(other) == hash(record)


def test_its_own_check_is_made() -> None:
    with pytest.raises(ValueError, match="small"):
        Quick("small", D(0))
    for changes in ({"quantity": D(0)}, {"price": D(-1)}, {"cost": D("-0.1")}):
        with pytest.raises(ValueError, match="fill T1"):
            a_fill(**changes)


def test_a_default_that_is_made_anew_each_time_is_not_provided_for() -> None:
    @dataclass(frozen=True, slots=True)
    class Listed:
        names: list[str] = field(default_factory=list)

    with pytest.raises(TypeError, match="Listed"):
        quickly_made(Listed)
