"""GitLab code quality: whole output of one report, what GitLab demands, and fingerprints that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from archcheck.findings import Accepted, Report
from archcheck.reporters.gitlab import render_gitlab
from archcheck.source_location import Location
from tests.reporters.samples import CONFORMS, DIFFERS, REPORTS, any_text, differs

# As GitLab's documentation of the format has it.
SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string"},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./|/|\.\./)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def issues(*reports: Report) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(render_gitlab(reports))
    Draft202012Validator(SCHEMA).validate(found)
    assert len({each["fingerprint"] for each in found}) == len(found)
    return found


def test_the_whole_output() -> None:
    first = issues(*REPORTS)[0]
    assert len(first.pop("fingerprint")) == 32
    assert first == {
        "description": "the residual around norm..out is implemented one level up; "
        "drawn: solid residual around norm..out (specs/a.yaml:4:9); "
        "code: layers.* adds around norm, attn (model.py:3); layers 3, 7 of 8; note: drawn as published",
        "check_name": "RES006",
        "severity": "major",
        "location": {"path": "model.py", "lines": {"begin": 3}},
    }
    rest = [(each["check_name"], each["severity"], each["location"]["path"]) for each in issues(*REPORTS)[1:]]
    assert rest == [
        ("BOX001", "major", "specs/a.yaml"),
        ("SPEC003", "critical", "specs/c.yaml"),
        ("TGT001", "critical", "specs/c.yaml"),
    ]
    assert issues(CONFORMS) == []


def test_accepted_findings_are_information() -> None:
    accepted = (Accepted(DIFFERS.findings[0], "as published", "option"),)
    (issue,) = issues(replace(DIFFERS, findings=(), accepted=accepted))
    assert issue["severity"] == "info"
    assert issue["description"].startswith("accepted: RES006 the residual")


def test_fingerprints_stay_when_lines_move_and_folders_change(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / ".git").mkdir()
    before = [each["fingerprint"] for each in issues(*REPORTS)]
    moved = [replace(finding, location=Location("model.py", 4)) for finding in DIFFERS.findings]
    assert [each["fingerprint"] for each in issues(replace(DIFFERS, findings=tuple(moved)))] == before[:2]
    monkeypatch.chdir(workspace / "specs")
    elsewhere = [replace(report, file=str(Path("..", report.file))) for report in REPORTS]
    (workspace / "specs" / "b.yaml").touch()
    assert [each["fingerprint"] for each in issues(*elsewhere)] == before


def test_equal_findings_are_told_apart() -> None:
    twice = replace(DIFFERS, findings=DIFFERS.findings[:1] * 3)
    assert len(issues(twice)) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_any_text(text: str) -> None:
    assert len(issues(differs(text))) == 2
