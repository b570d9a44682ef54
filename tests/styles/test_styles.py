"""Diagrams of the field's styles: every mark of a close one is proved, a coarse one raises no alarm."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.findings import Verdict
from benchmarks.spec_mutants import judge
from tests.in_process import verify_once

HERE = Path(__file__).parent
CLOSE = sorted((HERE / "specs").glob("*.yaml"))
COARSE = sorted((HERE / "coarse").glob("*.yaml"))


def test_how_many_there_are() -> None:
    assert (len(CLOSE), len(COARSE)) == (26, 10)


@pytest.mark.parametrize("path", CLOSE, ids=lambda path: path.stem)
def test_every_mark_of_a_close_diagram_is_proved(path: Path) -> None:
    report = verify_once(path)
    assert (report.problems, report.findings) == ((), ())
    assert {mark.verdict for mark in report.marks} == {Verdict.PROVED}


@pytest.mark.parametrize("path", COARSE, ids=lambda path: path.stem)
def test_a_coarse_diagram_conforms(path: Path) -> None:
    report = verify_once(path)
    assert (report.problems, report.findings) == ((), ())


@pytest.mark.slow
@pytest.mark.parametrize("path", CLOSE, ids=lambda path: path.stem)
def test_changes_of_a_close_diagram_are_noticed(path: Path) -> None:
    found = [judged for judged in judge(path) if judged.verdict != "equivalent"]
    assert len(found) > 20
    assert [judged for judged in found if judged.verdict == "conforms"] == []
