"""Detector and ablation oracle agree: on the residual connections found, and on those absent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import pytest

from archcheck.connections import Residual
from tests.examples import CASES
from tests.examples.case import Case, Expected
from tests.oracle import Oracle

JUDGED = tuple(case for case in CASES if not case.unseen and not case.open_question)
ABLATABLE = ("identity", "scaled", "concat")
"""Kinds whose sink holds the bare source (times a factor) once the branch is zero."""


@pytest.mark.slow
@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_the_oracle_sees_what_a_person_reads(case: Case) -> None:
    assert disagreements(case.expected, _around(case)) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_the_detector_agrees_with_the_oracle(case: Case) -> None:
    assert disagreements(case.traced().residuals, _around(case)) == []


def test_the_oracle_tells_a_missing_residual() -> None:
    """The oracle can fail: without its residuals a model is in disagreement."""
    case = next(case for case in CASES if case.name == "PreNorm")
    assert disagreements((), _around(case)) == [
        "no residual found around attn",
        "no residual found around attn.out",
        "no residual found around mlp",
        "no residual found around mlp.down",
    ]


def test_the_oracle_tells_an_invented_residual() -> None:
    case = next(case for case in CASES if case.name == "PlainChain")
    invented = Residual("identity", "", "", "input", ("layers.0",), None)  # type: ignore[arg-type]
    assert disagreements((invented,), _around(case)) == ["nothing passes around layers.0"]


def disagreements(residuals: Sequence[Residual | Expected], around: Iterable[str]) -> list[str]:
    """What detector and oracle tell differently.

    Each residual must have a module on its branch that a skip path leads around; each such module must lie
    on a branch, inside a module of it, or hold the whole of it.
    """
    around = sorted(around)
    branches = [
        [f"{found.scope}.{path}" if found.scope else path for path in found.branch]
        for found in residuals
        if found.branch
    ]
    invented = [
        f"nothing passes around {', '.join(branch)}"
        for found, branch in zip((found for found in residuals if found.branch), branches, strict=True)
        if found.kind in ABLATABLE and not any(path in around for path in branch)
    ]
    if any(found.branch is None for found in residuals):
        return invented
    missed = [
        f"no residual found around {path}"
        for path in around
        if not any(
            any(_holds(member, path) for member in branch) or all(_holds(path, member) for member in branch)
            for branch in branches
        )
    ]
    return invented + missed


def _holds(outer: str, inner: str) -> bool:
    return f"{inner}.".startswith(f"{outer}.")


@cache
def _around(case: Case) -> frozenset[str]:
    return Oracle(case).around()
