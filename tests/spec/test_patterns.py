"""Module patterns against names."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcheck.phrasing.module_paths import joined
from archcheck.spec import matches
from archcheck.spec.patterns import pattern_problem

NAMES = [
    "",
    "layers",
    "layers.10",
    "layers.9",
    "layers.9.mlp",
    "layers.10.mlp",
    "layers.9.mlp.gate",
    "blocks.block_2",
    "blocks.block_10",
    "blocks.block_",
    "blocks.norm",
]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("layers.*", (("layers.9", ("9",)), ("layers.10", ("10",)))),
        ("layers.*.mlp", (("layers.9.mlp", ("9",)), ("layers.10.mlp", ("10",)))),
        ("*.*.mlp", (("layers.9.mlp", ("layers", "9")), ("layers.10.mlp", ("layers", "10")))),
        (
            "blocks.block_*",
            (("blocks.block_", ("",)), ("blocks.block_2", ("2",)), ("blocks.block_10", ("10",))),
        ),
        ("blocks.*_10", (("blocks.block_10", ("block",)),)),
        ("layers.9.mlp", (("layers.9.mlp", ()),)),
        ("*", (("layers", ("layers",)),)),
        ("", (("", ()),)),
        ("layers.1", ()),
        ("layers.*.attn", ()),
    ],
)
def test_matches(pattern: str, found: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    assert matches(pattern, NAMES) == found


def test_what_is_no_pattern_raises() -> None:
    with pytest.raises(ValueError, match="a component between the dots is empty"):
        matches("layers.", NAMES)


def test_natural_order_puts_numbers_before_words_and_ignores_leading_zeros() -> None:
    names = ["x.b", "x.10", "x.a2", "x.9", "x.a10", "x.010", "x.a", "x.1a"]
    ordered = [captures[0] for _, captures in matches("x.*", names)]
    assert ordered == ["1a", "9", "010", "10", "a", "a2", "a10", "b"]


def test_the_order_is_that_of_the_captures_not_of_the_names() -> None:
    names = ["decoder.2.attn_0", "decoder.1.attn_5", "decoder.1.attn_40"]
    assert [name for name, _ in matches("decoder.*.attn_*", names)] == [names[1], names[2], names[0]]


def test_characters_of_regular_expressions_have_no_meaning() -> None:
    assert matches("a+.*", ["aa.b", "a+.b"]) == (("a+.b", ("b",)),)
    assert matches("a|b", ["a", "b"]) == ()
    assert matches("^*$", ["^x$", "x"]) == (("^x$", ("x",)),)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a.*.b_*", None),
        ("a", None),
        ("层.注意力", None),
        ("", "a component between the dots is empty"),
        ("a..b", "a component between the dots is empty"),
        (".a", "a component between the dots is empty"),
        ("a.", "a component between the dots is empty"),
        ("a.**", "a component can have only one '*'"),
        ("a.*x*", "a component can have only one '*'"),
        ("layers[0]", "'[' can't stand in a module's name"),
        ("a.{b,c}", "'{' can't stand in a module's name"),
        ("a b", "' ' can't stand in a module's name"),
        ("a\n", "'\\n' can't stand in a module's name"),
    ],
)
def test_pattern_problem(pattern: str, problem: str | None) -> None:
    assert pattern_problem(pattern) == problem


@pytest.mark.parametrize(
    ("scope", "relative", "path"), [("a.b", "c", "a.b.c"), ("", "c", "c"), ("a", "", "a"), ("", "", "")]
)
def test_join(scope: str, relative: str, path: str) -> None:
    assert joined(scope, relative) == path


component = st.text("ab1", min_size=1, max_size=3)
names = st.lists(st.lists(component, min_size=1, max_size=3).map(".".join), max_size=20)
wild = st.one_of(component, st.just("*"), st.tuples(component, st.text("ab1", max_size=1)).map("*".join))
patterns = st.lists(wild, min_size=1, max_size=3).map(".".join)


@given(pattern=patterns, names=names)
def test_matches_agrees_with_a_regular_expression(pattern: str, names: list[str]) -> None:
    parts = [
        "([^.]+)" if part == "*" else re.escape(part).replace(r"\*", "([^.]*)") for part in pattern.split(".")
    ]
    expression = re.compile(r"\.".join(parts))
    expected = {(name, found.groups()) for name in names if (found := expression.fullmatch(name))}
    matched = matches(pattern, names)
    assert set(matched) == expected
    assert len(matched) == len(expected)


def test_ten_thousand_modules_take_milliseconds() -> None:
    names = [f"model.layers.{layer}.mlp.experts.{expert}" for layer in range(100) for expert in range(100)]
    start = time.process_time()
    found = matches("model.layers.*.mlp.experts.*", names)
    assert [captures for _, captures in found[99:101]] == [("0", "99"), ("1", "0")]
    assert len(found) == 10_000
    assert time.process_time() - start < 1  # 0.1 s where it was written


def test_a_name_without_a_wildcard_is_looked_up() -> None:
    class OnlyLookUp(dict[str, int]):
        def __iter__(self) -> None:  # type: ignore[override]
            raise AssertionError("iterated over all names")

    assert matches("a.b", OnlyLookUp({"a.b": 1})) == (("a.b", ()),)
