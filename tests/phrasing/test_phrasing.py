"""How modules are named in sentences, and what is nearest to a misspelled word."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from archcheck.phrasing import module_paths, suggestions


@pytest.mark.parametrize("module", [module_paths, suggestions])
def test_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_a_sentence_names_each_module_and_touches_nothing_else() -> None:
    phrase = ("relu in ", module_paths.ModulePath("net2.act"), " (net2.py:4) changes it")
    assert module_paths.sentence(phrase, lambda path: path.removeprefix("net2.")) == (
        "relu in act (net2.py:4) changes it"
    )
