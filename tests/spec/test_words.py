"""How messages speak, and the examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import archcheck.spec
from archcheck.spec.words import did_you_mean, escape, listing, path_text, quote, route

MODULES = [f"archcheck.spec.{module.name}" for module in pkgutil.iter_modules(archcheck.spec.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a", "'a'"),
        ("it's", '"it\'s"'),
        ("\x1b[31m\u202e\n", "'\\x1b[31m\\u202e\\n'"),
        ("层", "'层'"),
        ("x" * 61, f"'{'x' * 60}'…"),
        (None, "nothing"),
        (False, "false"),
        (1.5, "1.5"),
        ({}, "a mapping"),
    ],
)
def test_quote(value: object, quoted: str) -> None:
    assert quote(value) == quoted


def test_escape_leaves_what_can_be_printed() -> None:
    assert escape("found '\\t' \x00 层") == "found '\\t' \\x00 层"


@pytest.mark.parametrize(
    ("word", "known", "answer"),
    [
        ("residual", ["residuals", "flow"], " (did you mean 'residuals'?)"),
        ("GQA", ["gqa"], " (did you mean 'gqa'?)"),
        ("zzz", ["residuals"], ""),
        (3, ["3"], ""),
        ("x" * 1000, ["x" * 999], ""),
        ("a", [], ""),
    ],
)
def test_did_you_mean(word: object, known: list[str], answer: str) -> None:
    assert did_you_mean(word, known) == answer


def test_listing_is_cut_at_twelve() -> None:
    assert listing(["a"]) == "'a'"
    assert listing(["a", "b"]) == "'a' and 'b'"
    assert listing(list("abcdefghijklmno")).endswith(", 'l' and 3 more")


def test_route_leaves_out_the_middle() -> None:
    assert route(["a", "b", "a"]) == "a -> b -> a"
    assert route(list("abcdefghijklmnopa")) == "a -> b -> c -> d -> e -> f -> … -> m -> n -> o -> p -> a"


def test_path_text() -> None:
    assert path_text(("panels", "gqa", "residuals", 0, "line")) == "panels.gqa.residuals[0].line"
    assert path_text(("a b", 3, None)) == "['a b'][3][nothing]"
    assert path_text(()) == ""
