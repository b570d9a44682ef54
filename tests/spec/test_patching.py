"""Changed data written into the text of a spec: what did not change keeps its bytes."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archcheck.spec.patching import UnwritableError, data_of, patched, same
from tests.spec.test_load import SHIPPED

SPEC = """\
# what it is
model: {target: 'models:build'}  # how it is built
panels:
  p:
    boxes:
      a: {label: "x"}  # the first

      b: {}
    flow: [a, b]
    residuals:
      # drawn in the paper
      - {around: a, line: solid}

      - around: b
        line: dashed  # since June
"""


def changed(source: str, **words: Any) -> str:
    """The text with other values in its panel."""
    data = data_of(source)
    data["panels"]["p"] |= words
    return patched(source, {**data, "panels": {"p": {k: v for k, v in data["panels"]["p"].items() if v}}})


def test_a_scalar_keeps_its_quotes_and_its_comment() -> None:
    assert changed(SPEC, boxes={"a": {"label": 'y: "z"'}, "b": {}}) == SPEC.replace('"x"', r'"y: \"z\""')


def test_a_new_key_stands_where_it_belongs() -> None:
    boxes = {"a": {"label": "x"}, "c": {"label": "Norm, late"}, "b": {"module": "m"}}
    expected = SPEC.replace("b: {}", "b: {module: m}").replace(
        "# the first\n", '# the first\n      c: {label: "Norm, late"}\n'
    )
    assert changed(SPEC, boxes=boxes) == expected


def test_what_is_removed_takes_its_lines_along() -> None:
    expected = SPEC.replace("      - around: b\n        line: dashed  # since June\n", "")
    assert changed(SPEC, residuals=[{"around": "a", "line": "solid"}]) == expected


def test_items_are_added_as_their_neighbours_are_written() -> None:
    assert changed(SPEC, flow=["a", "c", ["b", "d"]]) == SPEC.replace("[a, b]", "[a, c, [b, d]]")
    edge = {"around": "c", "line": "solid"}
    edges = [*data_of(SPEC)["panels"]["p"]["residuals"], edge]
    assert changed(SPEC, residuals=edges) == SPEC + "      - {around: c, line: solid}\n"


def test_a_list_that_was_not_there_is_a_block() -> None:
    bare = "panels:\n  p:\n    boxes: {a: {}}\n    # the end\n"
    expected = bare.replace("{a: {}}\n", "{a: {}}\n    residuals:\n      - {around: a}\n")
    assert changed(bare, residuals=[{"around": "a"}]) == expected


def test_a_block_that_becomes_a_text_moves_up_to_its_key() -> None:
    assert (
        changed("panels:\n  p:\n    x:\n      - a\n    y: 1\n", x="a")
        == "panels:\n  p:\n    x: a\n    y: 1\n"
    )


def test_line_ends_and_the_byte_order_mark_stay() -> None:
    windows = "\ufeff" + SPEC.replace("\n", "\r\n")
    assert changed(windows, flow=["b", "a"]) == windows.replace("[a, b]", "[b, a]")


def test_what_an_alias_repeats_is_not_changed_for_one_alone() -> None:
    text = "a: &one {x: 1}\nb: *one\n"
    assert patched(text, {"a": {"x": 1}, "b": {"x": 2}}) == "a: &one {x: 1}\nb: {x: 2}\n"
    with pytest.raises(UnwritableError):
        patched(text, {"a": {"x": 2}, "b": {"x": 1}})


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_no_change_changes_no_byte(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert patched(text, data_of(text)) == text


_TEXTS = ["", "a", "a: b", "- a", "x # y", "it's", "#", "1", "no", "true", "~", "two\nlines", "⊗"]
_VALUES = st.recursive(
    st.sampled_from([None, True, 3, 1.5, -0.0, float("inf"), 1e-05, *_TEXTS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b c", "1", "x: y"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_changed_reads_as_it_should(drawing: st.DataObject) -> None:
    """An oracle of its own: the text, read again, is the data, and its comments are still there."""
    data = deepcopy(data_of(SPEC))
    for _ in range(drawing.draw(st.integers(1, 3))):
        place = drawing.draw(st.sampled_from(list(_collections(data))))
        value = drawing.draw(_VALUES)
        if isinstance(place, dict):
            place[drawing.draw(st.sampled_from([*place, "new"]))] = value
        elif drawing.draw(st.booleans()) or not place:
            place.insert(drawing.draw(st.integers(0, len(place))), value)
        else:
            del place[drawing.draw(st.integers(0, len(place) - 1))]
    text = patched(SPEC, data)
    assert same(data_of(text), data)
    assert text.startswith("# what it is\n")


def _collections(data: Any) -> list[Any]:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    below = [each for value in inner for each in _collections(value)]
    return [data, *below] if isinstance(data, (dict, list)) else below
