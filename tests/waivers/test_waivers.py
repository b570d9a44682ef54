"""Accepted findings: by comments, a baseline and options."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archcheck.errors import ArchcheckError
from archcheck.findings import Accepted, Finding, Report, Status
from archcheck.source_location import Location
from archcheck.waivers import Baseline, Waivers, waive
from archcheck.waivers.baseline import to_json
from archcheck.waivers.comments import comment_at

FINDING = Finding("RES002", "a residual connection around mlp is in the code, and not drawn", "layer")
REPORT = Report("a.yaml", Status.DIFFERS, findings=(FINDING,))


def at(file: Path, text: str, line: int) -> Location:
    file.write_text(text)
    return Location(str(file), line)


def test_a_comment_on_the_line(tmp_path: Path) -> None:
    place = at(
        tmp_path / "spec.yaml", "a\n- {around: x}  # archcheck: ignore[RES002, BOX006] drawn in (b)\n", 2
    )
    finding = replace(FINDING, spec=place)
    report = waive(replace(REPORT, findings=(finding,)), Waivers(), "a.yaml")
    assert (report.status, report.findings) == (Status.CONFORMS, ())
    assert report.accepted == (Accepted(finding, "drawn in (b)", "comment", place),)


def test_a_comment_above_the_line_of_the_model(tmp_path: Path) -> None:
    text = "x = 1\n# archcheck: ignore[res002]\n# a further comment\nx = x + y\n"
    place = at(tmp_path / "net.py", text, 4)
    report = waive(replace(REPORT, findings=(replace(FINDING, location=place),)), Waivers(), "a.yaml")
    assert [each.reason for each in report.accepted] == ["no reason given"]


@pytest.mark.parametrize(
    "text",
    [
        "x = x + y  # archcheck: ignore[RES003] another code\n",
        "x = x + y  # archcheck: ignore RES002\n",
        "# archcheck: ignore[RES002]\n\nx = x + y\n",
        "x = x + y\n# archcheck: ignore[RES002]\n",
    ],
)
def test_comments_that_accept_nothing(tmp_path: Path, text: str) -> None:
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("x"))
    assert comment_at(at(tmp_path / "net.py", text, line), "RES002") is None


def test_a_place_that_does_not_exist() -> None:
    assert comment_at(Location("no such file.py", 3), "RES002") is None
    assert comment_at(None, "RES002") is None


def test_options() -> None:
    assert waive(REPORT, Waivers(ignore=("RES",)), "a.yaml").status is Status.CONFORMS
    assert waive(REPORT, Waivers(ignore=("BOX", "RES0021")), "a.yaml") == REPORT
    assert waive(REPORT, Waivers(select=("BOX",)), "a.yaml").accepted[0].by == "option"
    assert waive(REPORT, Waivers(select=("res002",)), "a.yaml") == REPORT


def test_what_could_not_be_checked_stays_so() -> None:
    report = replace(REPORT, status=Status.ERROR)
    assert waive(report, Waivers(ignore=("RES",)), "a.yaml").status is Status.ERROR


def test_a_baseline_accepts_what_it_has_whatever_its_line(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(to_json([REPORT], {"a.yaml": "specs/a.yaml"}, "known in May"))
    baseline = Baseline.read(file)
    moved = replace(REPORT, findings=(replace(FINDING, location=Location("net.py", 99)),))
    assert waive(moved, Waivers(baseline=baseline), "specs/a.yaml").accepted[0].reason == "known in May"
    assert waive(moved, Waivers(baseline=baseline), "specs/b.yaml") == moved
    assert baseline.stale([moved], {"a.yaml": "specs/a.yaml"}) == []
    mended = replace(REPORT, findings=())
    assert baseline.stale([mended], {"a.yaml": "specs/a.yaml"}) == [
        ("specs/a.yaml", "RES002", "layer", "", FINDING.message)
    ]
    assert baseline.stale([], {}) == []  # its spec was not checked


@pytest.mark.parametrize("text", ["[]", "{}", "not JSON", json.dumps({"version": 2, "findings": []})])
def test_a_file_that_is_no_baseline(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(ArchcheckError, match="BAS001 the baseline can't be used"):
        Baseline.read(file)
