"""What holds for every text and every spec."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from archcheck.errors import Problem, SpecError
from archcheck.spec import load, loads
from archcheck.spec.model import Spec
from tests.spec.strategies import specs
from tests.spec.test_load import LAYER, SHIPPED

FRAGMENTS = [
    *"[]{}:,-?&*!|>'\"%@` \n\t#",
    *(": ", "- ", "\n  ", "\n- ", "&a ", "*a", "<<: ", "!!str ", "---\n", "? ", "a", "1", "null", "[a, b]"),
    *(
        "model",
        "panels",
        "boxes",
        "flow",
        "around",
        "target",
        "residuals",
        "from",
        "input",
        "\\",
        "\x00",
        "\u202e",
    ),
]


def as_yaml(data: object) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False  # in flow style ruamel.yaml writes texts such as `:0` that it can't read
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue()


def check_outcome(text: str) -> None:
    """The text is a spec, or there are problems with lines that it has; nothing else happens."""
    found: tuple[Problem, ...] = ()
    try:
        loads(text)
    except SpecError as error:
        found = error.problems
    lines = max(len(text.splitlines()), 1)
    for problem in found:
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.line <= lines, problem
        assert problem.column >= 1
        assert str(problem).isprintable()


@given(st.text())
def test_any_text(text: str) -> None:
    check_outcome(text)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))
def test_any_text_of_yaml_like_pieces(text: str) -> None:
    check_outcome(text)


@given(
    st.sampled_from([LAYER, *(file.read_text(encoding="utf-8") for file in SHIPPED)]),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.sampled_from(FRAGMENTS)),
        min_size=1,
        max_size=3,
    ),
)
def test_any_damage_to_a_spec(text: str, edits: list[tuple[int, int, str]]) -> None:
    for start, length, fragment in edits:
        start %= len(text) + 1
        text = text[:start] + fragment + text[start + length :]
    check_outcome(text)


KEYS = """
    title note caption model panels colors target arguments inputs modes rename shape dtype boxes flow edges
    residuals scope omit around from to line kind through realized_by name module detail repeat x [key] Mode
    except strict outside op
    str list
"""
keys = st.sampled_from(KEYS.split())
values = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.text(max_size=4), keys)
trees = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(keys, values), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(
    st.fixed_dictionaries(
        {
            "model": trees,
            "panels": st.dictionaries(keys, st.dictionaries(keys, trees, max_size=6), max_size=3),
        }
    )
)
def test_any_data_under_the_keys_of_a_spec(data: dict[str, Any]) -> None:
    check_outcome(as_yaml(data))


@given(specs)
def test_a_valid_spec_says_the_same_written_as_json_or_as_yaml(data: dict[str, Any]) -> None:
    expected = Spec.model_validate(data)
    assert loads(as_yaml(data)).spec == expected
    assert loads(json.dumps(data, ensure_ascii=False)).spec == expected


@given(specs)
def test_every_node_of_a_valid_spec_has_its_place(data: dict[str, Any]) -> None:
    text = json.dumps(data, indent=1, ensure_ascii=False)
    loaded = loads(text)
    for name, panel in data["panels"].items():
        line = loaded.place("panels", name, "boxes").line
        assert text.splitlines()[line - 1].strip() == '"boxes": {'
        for box in panel["boxes"]:
            written = text.splitlines()[loaded.place("panels", name, "boxes", box).line - 1]
            assert written.strip().startswith(f'"{box}": {{')


def test_reading_twice_gives_the_same() -> None:
    for file in SHIPPED:
        assert load(file) == load(file)
