"""Plain data goes to JSON and comes back equal, of every type that a message has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcheck.connections import Factor, Kind, Residual
from archcheck.dataflow.join import Join
from archcheck.findings import Part
from archcheck.seam.codec import decode, encode
from archcheck.source_location import Location

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS | st.builds(slice, st.none() | st.integers(), st.integers()),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(SCALARS, inner),
)


@dataclass(frozen=True)
class Everything:
    """One field of each kind of type."""

    kind: Kind
    place: Location | None
    numbers: tuple[float, ...]
    pair: tuple[int, str]
    nested: Sequence[tuple[tuple[int, ...], ...]]
    marked: frozenset[int]
    named: Mapping[str, Location]
    open: Mapping[str, Any] = field(default_factory=dict)
    number: float | None = None


LOCATIONS = st.builds(Location, st.text(), st.integers(), st.none() | st.integers())
NUMBERS = st.integers()
EVERYTHING = st.builds(
    Everything,
    st.sampled_from(Kind),
    st.none() | LOCATIONS,
    st.lists(st.floats(allow_nan=False)).map(tuple),
    st.tuples(NUMBERS, st.text()),
    st.lists(st.lists(st.lists(NUMBERS).map(tuple)).map(tuple)),
    st.frozensets(NUMBERS),
    st.dictionaries(st.text(), LOCATIONS),
    st.dictionaries(st.text(), VALUES),
    st.none() | st.floats(allow_nan=False),
)


@given(EVERYTHING)
def test_a_value_comes_back_equal(value: Everything) -> None:
    text = json.dumps(encode(Everything, value))
    assert decode(Everything, json.loads(text)) == value


def test_a_join_comes_back_equal() -> None:
    residual = Residual(
        Kind.SCALED,
        "layers.0",
        "",
        "input",
        ("norm", "mlp"),
        Location("net.py", 3),
        (),
        (Factor("branch", 0.5), Factor("skip", None, "gamma")),
    )
    join = Join(residual, 7, 1, (6,), (1,), (), (2, 3, 6), (1, 2), 0, 7)
    assert decode(list[Join], json.loads(json.dumps(encode(list[Join], [join])))) == [join]


def test_what_is_no_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match="a value of type object is not plain data"):
        encode(Any, {"a": object()})


def test_a_class_with_fields_of_its_own_type() -> None:
    tree = Part("model", "Net", parts=(Part("0", "Linear", count=2),))
    assert decode(Part, json.loads(json.dumps(encode(Part, tree)))) == tree
