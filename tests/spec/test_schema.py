"""The JSON Schema that editors use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from archcheck.spec import load, schema
from archcheck.spec.problems import Problems
from archcheck.spec.yaml import compose
from tests.spec.common import MODEL
from tests.spec.strategies import specs
from tests.spec.test_load import SHIPPED

VALIDATOR = Draft202012Validator(schema())


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema()["title"] == "archcheck spec"
    assert "$id" not in schema()


def test_every_key_is_described() -> None:
    parts = {"": schema(), **schema()["$defs"]}
    keys = [
        (part, key, said)
        for part, whole in parts.items()
        for key, said in whole.get("properties", {}).items()
    ]
    assert len(keys) > 40
    assert [(part, key) for part, key, said in keys if not said.get("description")] == []


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key == "$ref")
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from references(value)

    found = set(references(schema()))
    assert {reference.removeprefix("#/$defs/") for reference in found} <= set(schema()["$defs"])
    assert "#/$defs/TensorInput" in found


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_specs_are_valid(file: Path) -> None:
    plain = compose(load(file).source, Problems(str(file))).data
    assert [error.message for error in VALIDATOR.iter_errors(plain)] == []


@given(specs)
def test_what_loads_is_valid(data: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(data)


@pytest.mark.parametrize(
    "text",
    [
        "panels: {p: {boxes: {a: {}}}}",
        MODEL + "panels: {}",
        MODEL + "panels: {p: {boxes: {a: {rol: norm}}}}",
        MODEL + "panels: {p: {boxes: {a: {role: nrm}}}}",
        MODEL + "panels: {p: {boxes: {a: {repeat: 0}}}}",
        MODEL + "panels: {p: {boxes: {a: {inactive: 'yes'}}}}",
        MODEL + "panels: {p: {boxes: {a b: {}}}}",
        MODEL + "panels: {p q: {boxes: {a: {}}}}",
        MODEL + "panels: {p: {boxes: {a: {}}, flow: [[]]}}",
        MODEL + "panels: {p: {boxes: {a: {}}, residuals: [{from_: a}]}}",
        "model: {target: 'm:f', inputs: {x: {shape: 3}}}\npanels: {p: {boxes: {a: {}}}}",
        "model: {target: 'm:f', inputs: {x: {shape: [3], dtype: int46}}}\npanels: {p: {boxes: {a: {}}}}",
    ],
)
def test_what_an_editor_marks(text: str) -> None:
    assert not VALIDATOR.is_valid(compose(text, Problems("<spec>")).data)
