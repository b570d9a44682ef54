"""SARIF: whole output of one finding, a structural schema, URIs and fingerprints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from archcheck.findings import Finding, Report, Status
from archcheck.reporters.sarif import _replacement, render_sarif
from archcheck.source_location import Location
from archcheck.spec.editing import replacements
from tests.reporters.samples import CONFORMS, DIFFERS, ERROR, FIX, REPORTS, any_text, differs


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def array(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed(["text"], text=TEXT, markdown=TEXT)
ARTIFACT = closed(
    ["uri"],
    uri={"type": "string", "pattern": r"^(file:///)?([A-Za-z0-9_.~/-]|%[0-9A-F]{2})*$"},
    uriBaseId=TEXT,
)
REGION = closed(["startLine"], startLine=NUMBER, startColumn=NUMBER, endLine=NUMBER, endColumn=NUMBER)
LOCATION = closed(
    ["physicalLocation"],
    id={"type": "integer", "minimum": 0},
    message=MESSAGE,
    physicalLocation=closed(
        ["artifactLocation"],
        artifactLocation=ARTIFACT,
        region=REGION,
    ),
)
# The objects of SARIF 2.1.0 that we write, as strict as the standard's own schema on their fields.
SCHEMA = closed(
    ["version", "runs"],
    **{"$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"}},
    version={"const": "2.1.0"},
    runs=array(
        closed(
            ["tool", "results"],
            columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            tool=closed(
                ["driver"],
                driver=closed(
                    ["name"],
                    name=TEXT,
                    version=TEXT,
                    rules=array(
                        closed(
                            ["id"],
                            id=TEXT,
                            shortDescription=MESSAGE,
                            fullDescription=MESSAGE,
                            help=MESSAGE,
                            defaultConfiguration=closed([], level=LEVEL),
                        ),
                        uniqueItems=True,
                    ),
                ),
            ),
            invocations=array(
                closed(
                    ["executionSuccessful"],
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications=array(
                        closed(
                            ["message"],
                            descriptor=closed(["id"], id=TEXT),
                            level=LEVEL,
                            message=closed(["text"], text={"type": "string"}),
                            locations=array(LOCATION, uniqueItems=True),
                        )
                    ),
                )
            ),
            results=array(
                closed(
                    ["message"],
                    ruleId=TEXT,
                    ruleIndex={"type": "integer", "minimum": 0},
                    level=LEVEL,
                    message=MESSAGE,
                    locations=array(LOCATION),
                    relatedLocations=array(LOCATION, uniqueItems=True),
                    partialFingerprints={"type": "object", "additionalProperties": TEXT},
                    fixes=array(
                        closed(
                            ["artifactChanges"],
                            description=MESSAGE,
                            artifactChanges=array(
                                closed(
                                    ["artifactLocation", "replacements"],
                                    artifactLocation=ARTIFACT,
                                    replacements=array(
                                        closed(
                                            ["deletedRegion"],
                                            deletedRegion=REGION,
                                            insertedContent=closed(["text"], text=TEXT),
                                        ),
                                        minItems=1,
                                    ),
                                ),
                                minItems=1,
                            ),
                        ),
                        uniqueItems=True,
                    ),
                )
            ),
        )
    ),
)


def run(*reports: Report) -> dict[str, Any]:
    document = json.loads(render_sarif(reports))
    Draft202012Validator(SCHEMA).validate(document)
    (only,) = document["runs"]
    assert isinstance(only, dict)
    return only


def test_one_finding() -> None:
    (result,) = run(replace(DIFFERS, findings=DIFFERS.findings[:1]))["results"]
    assert result == {
        "ruleId": "RES006",
        "ruleIndex": 0,
        "level": "error",
        "message": {
            "text": "the residual around norm..out is implemented one level up\n"
            "drawn: solid residual around norm..out (specs/a.yaml:4:9)\n"
            "code: layers.* adds around norm, attn (model.py:3)\n"
            "layers 3, 7 of 8\n"
            "note: drawn as published"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "model.py", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3},
                }
            }
        ],
        "relatedLocations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "specs/a.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 4, "startColumn": 9},
                },
                "id": 1,
                "message": {"text": "drawn here"},
            }
        ],
        "partialFingerprints": {"archcheck/v1": "2460e6abc1a16726ad85e20a9d668b3f"},
    }


def test_a_fix_replaces_lines_of_the_spec() -> None:
    finding = replace(DIFFERS.findings[0], fix=FIX)
    (result,) = run(replace(DIFFERS, findings=(finding,)))["results"]
    (fix,) = result["fixes"]
    assert fix["artifactChanges"] == [
        {
            "artifactLocation": {"uri": "specs/a.yaml", "uriBaseId": "%SRCROOT%"},
            "replacements": [
                {
                    "deletedRegion": {"startLine": 4, "startColumn": 1, "endLine": 4, "endColumn": 43},
                    "insertedContent": {"text": "      - {around: [norm, out], line: dashed}"},
                }
            ],
        }
    ]


@pytest.mark.parametrize("text", [None, "panels: {}\n", "{"])
def test_a_fix_that_has_no_place_any_more_is_left_out(text: str | None) -> None:
    if text is None:
        Path("specs/a.yaml").unlink()
    else:
        Path("specs/a.yaml").write_text(text, encoding="utf-8")
    finding = replace(DIFFERS.findings[0], fix=FIX)
    (result,) = run(replace(DIFFERS, findings=(finding,)))["results"]
    assert "fixes" not in result


LINES = st.lists(st.sampled_from(["a", "b: 1", "", "ü 模"]), max_size=6)


@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_the_regions_of_a_fix_make_the_new_text(
    old: list[str], new: list[str], end: str, old_ends: bool, new_ends: bool
) -> None:
    before, after = end.join(old) + end * old_ends, end.join(new) + end * new_ends
    text = before
    for change in reversed([_replacement(each) for each in replacements(before, after)]):
        region, inserted = change["deletedRegion"], change.get("insertedContent", {"text": ""})["text"]
        start = offset(before, region["startLine"], region["startColumn"])
        text = text[:start] + inserted + text[offset(before, region["endLine"], region["endColumn"]) :]
    assert text == after


def offset(text: str, line: int, column: int) -> int:
    """Where a place stands in a text, as SARIF counts."""
    return sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1


def test_rules_are_those_found_and_results_point_at_them() -> None:
    whole = run(*REPORTS)
    rules = whole["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["BOX001", "RES006"]
    assert [rules[result["ruleIndex"]]["id"] for result in whole["results"]] == ["RES006", "BOX001"]


def test_problems_make_the_invocation_unsuccessful() -> None:
    (good,) = run(CONFORMS, DIFFERS)["invocations"]
    (bad,) = run(CONFORMS, ERROR)["invocations"]
    assert good == {"executionSuccessful": True, "toolExecutionNotifications": []}
    assert not bad["executionSuccessful"]
    assert [notification["descriptor"]["id"] for notification in bad["toolExecutionNotifications"]] == [
        "SPEC003",
        "TGT001",
    ]


def test_uris_are_relative_to_the_repository_and_encoded(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(workspace))
    finding = Finding("RES001", "m", spec=Location("spécs/a b.yaml", 1), location=Location("/lib/m.py", 2))
    (result,) = run(Report("a", Status.DIFFERS, findings=(finding,)))["results"]
    artifacts = [
        place["physicalLocation"]["artifactLocation"]
        for place in (*result["locations"], *result["relatedLocations"])
    ]
    assert artifacts == [
        {"uri": "sp%C3%A9cs/a%20b.yaml", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///lib/m.py"},
    ]


def test_a_fingerprint_outlives_moved_lines_but_not_another_panel() -> None:
    def fingerprint(finding: Finding) -> str:
        (result,) = run(replace(DIFFERS, findings=(finding,)))["results"]
        return str(result["partialFingerprints"]["archcheck/v1"])

    finding = DIFFERS.findings[0]
    moved = replace(finding, spec=Location("specs/a.yaml", 40, 9), location=Location("model.py", 30))
    assert fingerprint(moved) == fingerprint(finding)
    assert fingerprint(replace(finding, panel="ffn")) != fingerprint(finding)


def test_foreign_text_makes_no_link() -> None:
    report = Report("a", Status.DIFFERS, findings=(Finding("RES001", "[x](javascript:1)"),))
    assert run(report)["results"][0]["message"]["text"] == "[x\\](javascript:1)"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_any_text_is_valid(text: str) -> None:
    report = replace(differs(text), findings=(replace(differs(text).findings[0], message=f"m {text}"),))
    (result,) = run(report)["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    if "/" not in text and "." not in text and "\0" not in text:
        assert unquote(uri, errors="surrogatepass") == f"missing/{text}.py"
