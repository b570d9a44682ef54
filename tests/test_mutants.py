"""The two mutation harnesses, on a sample: the share that is judged rightly may only rise."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.code_mutants import Outcome, outcomes, pairs, rewritten
from benchmarks.mutation.operators import OPERATORS
from benchmarks.mutation.sites import Site
from benchmarks.spec_mutants import judge

GALLERY = Path(__file__).parent.parent / "docs" / "gallery"


def test_a_sum_is_rewritten_where_it_stands() -> None:
    source = (
        "class Other(M):\n    x = x + self.f(x)\n\n"
        "class Block(M):\n    def forward(self, x):\n        x = x + self.f(x)\n        return x\n"
    )
    site = Site("", "", "Block", "x = x + self.f(x)", "x", "self.f({})", "x = {}")
    assert rewritten(source, site, "y = added(s, BRANCH(s.view(1)))\n---\ndef added(p, q): ...") == (
        "class Other(M):\n    x = x + self.f(x)\n\n"
        "class Block(M):\n    def forward(self, x):\n"
        "        s = x\n        y = added(s, (self.f(s.view(1))))\n        x = y\n"
        "        return x\n\n\ndef added(p, q): ...\n"
    )


def test_there_are_sixty_operators_of_each_kind() -> None:
    changing = [operator for operator in OPERATORS if operator.changes]
    assert (len(changing) >= 60, len(OPERATORS) - len(changing) >= 60) == (True, True)


@pytest.fixture(scope="module")
def sample() -> list[Outcome]:
    """One mutant of each operator, at a site drawn by chance."""
    draw = random.Random(20)
    fitting = pairs("post_norm|parallel|sandwich|encoder")
    chosen = [draw.choice([pair for pair in fitting if pair[1] is operator]) for operator in OPERATORS]
    return [outcome for outcome in outcomes(chosen) if outcome.counts]


@pytest.mark.slow
@pytest.mark.parametrize(("changes", "floor"), [(True, 0.97), (False, 0.97)])
def test_mutants_of_the_code_are_judged_rightly(sample: list[Outcome], changes: bool, floor: float) -> None:
    found = [outcome for outcome in sample if outcome.operator.changes is changes]
    assert len(found) > 90
    assert sum(outcome.is_right for outcome in found) / len(found) >= floor


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "floor"), [("encoder_decoder", 1.0), ("parallel", 1.0), ("sandwich", 1.0), ("post_norm", 1.0)]
)
def test_changes_of_a_mark_are_noticed(name: str, floor: float) -> None:
    found = [judged for judged in judge(GALLERY / f"{name}.yaml") if judged.verdict != "equivalent"]
    assert len(found) > 30
    assert sum(judged.verdict != "conforms" for judged in found) / len(found) >= floor
