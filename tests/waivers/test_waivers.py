"""Accepted findings: by comments, a baseline and options."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from archcheck.errors import ArchcheckError
from archcheck.findings import Accepted, Finding, Mark, MarkKind, Report, Status, Verdict
from archcheck.source_location import Location
from archcheck.waivers import Baseline, Waivers, no_rule, waive, write
from archcheck.waivers.comments import comment_at

MESSAGE = "the code has a residual connection around mlp that is not drawn"
FINDING = Finding("RES002", MESSAGE, "layer")

REPORT = Report("a.yaml", Status.DIFFERS, findings=(FINDING,))


def at(file: Path, text: str, line: int) -> Location:
    file.write_text(text)
    return Location(str(file), line)


def test_a_comment_on_the_line(tmp_path: Path) -> None:
    place = at(
        tmp_path / "spec.yaml", "a\n- {around: x}  # archcheck: ignore[RES002, BOX006] drawn in (b)\n", 2
    )
    finding = replace(FINDING, spec=place)
    report = waive(replace(REPORT, findings=(finding,)), Waivers())
    assert (report.status, report.findings) == (Status.CONFORMS, ())
    assert report.accepted == (Accepted(finding, "drawn in (b)", "comment", place),)


def test_a_comment_above_the_line_of_the_model(tmp_path: Path) -> None:
    text = "x = 1\n# archcheck: ignore[res002]\n# a further comment\nx = x + y\n"
    place = at(tmp_path / "net.py", text, 4)
    report = waive(replace(REPORT, findings=(replace(FINDING, location=place),)), Waivers())
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
    assert waive(REPORT, Waivers(ignore=("RES",))).status is Status.CONFORMS
    assert waive(REPORT, Waivers(ignore=("BOX", "RES0021"))) == REPORT
    assert waive(REPORT, Waivers(select=("BOX",))).accepted[0].by == "option"
    assert waive(REPORT, Waivers(select=("res002",))) == REPORT


def test_what_could_not_be_checked_stays_so() -> None:
    report = replace(REPORT, status=Status.ERROR)
    assert waive(report, Waivers(ignore=("RES",))).status is Status.ERROR


def test_a_baseline_accepts_what_it_has_whatever_its_line(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    report = replace(REPORT, file=str(tmp_path / "specs" / "a.yaml"))
    other = replace(REPORT, file=str(tmp_path / "specs" / "b.yaml"))
    write(file, [report])
    entry = {
        "spec": "specs/a.yaml",
        "code": "RES002",
        "panel": "layer",
        "edge": "",
        "message": MESSAGE,
    }
    written = {"version": 1, "findings": [{**entry, "where": "", "reason": ""}]}
    assert json.loads(file.read_text()) == written
    file.write_text(file.read_text().replace('"reason": ""', '"reason": "known in May"'))
    baseline = Baseline.read(file)
    moved = replace(report, findings=(replace(FINDING, location=Location("net.py", 99)),))
    assert waive(moved, Waivers(baseline=baseline)).accepted[0].reason == "known in May"
    assert waive(other, Waivers(baseline=baseline)) == other
    wider = replace(report, findings=(replace(FINDING, layers=(0, 1), layer_count=2),))
    assert waive(wider, Waivers(baseline=baseline)) == wider
    assert baseline.gone(moved) == baseline.gone(waive(moved, Waivers(baseline=baseline))) == []
    mended = replace(report, findings=(), status=Status.CONFORMS)
    assert baseline.gone(mended) == [("specs/a.yaml", "RES002", "layer", "", MESSAGE, "")]
    assert baseline.gone(replace(mended, status=Status.ERROR)) == baseline.gone(other) == []
    assert write(file, [other, report]).entries == {
        ("specs/a.yaml", "RES002", "layer", "", MESSAGE, ""): "known in May",
        ("specs/b.yaml", "RES002", "layer", "", MESSAGE, ""): "",
    }
    assert set(write(file, [mended]).entries) == {("specs/b.yaml", "RES002", "layer", "", MESSAGE, "")}


def test_an_entry_that_is_no_longer_found_is_a_finding_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    report = replace(REPORT, file=str(tmp_path / "a.yaml"))
    write(file, [replace(report, findings=(FINDING, replace(FINDING, code="RES003", layers=(3,))))])
    assert Baseline.read(file).stale(report) == [
        Finding(
            "BAS002",
            f"the baseline accepts a finding that is gone: RES003 {MESSAGE}",
            traced="no longer found in layer 3",
            location=Location(str(file), 14),
        )
    ]
    file.write_text(json.dumps(json.loads(file.read_text())))
    assert [each.location for each in Baseline.read(file).stale(report)] == [Location(str(file), 1)]


def test_lines_that_a_message_names_may_move(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    found = replace(FINDING, message="taken after mlp (net.py:12): too late")
    moved = replace(FINDING, message="taken after mlp (../net.py:13): too late")
    write(file, [replace(REPORT, findings=(found,))])
    assert Baseline.read(file).gone(replace(REPORT, findings=(moved,))) == []


def test_a_mark_is_accepted_where_no_finding_that_is_left_speaks_of_it() -> None:
    edge = replace(FINDING, code="RES001", edge="mlp")
    marks = tuple(Mark("layer", MarkKind.EDGE, name, Verdict.REFUTED) for name in ("mlp", "gqa"))
    report = replace(REPORT, findings=(edge, replace(edge, edge="gqa", code="RES002")), marks=marks)
    waived = waive(report, Waivers(ignore=("RES001",)))
    assert [mark.verdict for mark in waived.marks] == [Verdict.ACCEPTED, Verdict.REFUTED]
    assert waived.status is Status.DIFFERS
    assert no_rule(["RES", "res001", "BOX"]) == ""
    assert no_rule(["RES", "REZ"]) == "REZ"


@pytest.mark.parametrize("text", ["[]", "{}", "not JSON", json.dumps({"version": 2, "findings": []})])
def test_a_file_that_is_no_baseline(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(ArchcheckError, match="BAS001 the baseline can't be used"):
        Baseline.read(file)
