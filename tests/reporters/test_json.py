"""JSON: the names and the order of all fields, and any text round trip."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from archcheck.connections import Factor, Kind, Residual
from archcheck.findings import Finding, Proof, Report, Status
from archcheck.reporters.json import render_json
from archcheck.source_location import Location
from tests.reporters.samples import DIFFERS, ERROR, any_text, differs


def test_the_whole_document() -> None:
    finding = replace(DIFFERS.findings[0], layers=(3,))
    residual = replace(DIFFERS.residuals[0], branch=("attn",))
    proof = Proof("layer", "gqa", "solid", "holds", 8, Location("specs/a.yaml", 2, 1))
    report = replace(DIFFERS, findings=(finding,), proofs=(proof,), residuals=(residual,))
    assert (
        render_json([report])
        == """\
{
  "version": 1,
  "specs": [
    {
      "file": "specs/a.yaml",
      "status": "differs",
      "title": "A [bold]model[/bold] 模型",
      "target": "model:build",
      "findings": [
        {
          "code": "RES006",
          "message": "the residual around norm..out is implemented one level up",
          "panel": "gqa",
          "edge": "norm..out",
          "layers": [
            3
          ],
          "layer_count": 8,
          "drawn": "solid residual around norm..out",
          "traced": "layers.* adds around norm, attn",
          "spec": {
            "file": "specs/a.yaml",
            "line": 4,
            "column": 9
          },
          "location": {
            "file": "model.py",
            "line": 3,
            "column": null
          },
          "modes": [],
          "code_branch": [],
          "code_source": "",
          "note": "drawn as published",
          "fix": null
        }
      ],
      "accepted": [],
      "proofs": [
        {
          "panel": "layer",
          "edge": "gqa",
          "line": "solid",
          "statement": "holds",
          "count": 8,
          "spec": {
            "file": "specs/a.yaml",
            "line": 2,
            "column": 1
          },
          "residuals": []
        }
      ],
      "marks": [],
      "residuals": [
        {
          "kind": "scaled",
          "scope": "layers.0",
          "implemented_in": "layers.0",
          "source": "input",
          "branch": [
            "attn"
          ],
          "location": {
            "file": "model.py",
            "line": 3,
            "column": null
          },
          "skip": [],
          "factors": [
            {
              "on": "branch",
              "value": 0.5,
              "parameter": ""
            }
          ],
          "source_location": null,
          "modes": [],
          "key": "layers.0:attn",
          "layer": "0"
        }
      ],
      "problems": [],
      "remarks": [
        "traced on the meta device"
      ],
      "notes": []
    }
  ]
}
"""
    )


def test_problems() -> None:
    (spec,) = json.loads(render_json([ERROR]))["specs"]
    assert (spec["status"], spec["problems"][0]) == (
        "error",
        {
            "file": "specs/c.yaml",
            "line": 4,
            "column": 7,
            "code": "SPEC003",
            "message": "unknown key 'arround'",
            "path": "panels.gqa",
            "hint": "Did you mean 'around'?",
        },
    )


def test_an_infinite_factor_is_still_json() -> None:
    residual = Residual(Kind.SCALED, "", "", "input", ("f",), None, factors=(Factor("skip", float("inf")),))
    (spec,) = json.loads(render_json([Report("a", Status.CONFORMS, residuals=(residual,))]))["specs"]
    assert spec["residuals"][0]["factors"] == [{"on": "skip", "value": "inf", "parameter": ""}]


def test_terminal_controls_and_surrogates_are_escaped_and_chinese_is_not() -> None:
    report = Report("a", Status.DIFFERS, findings=(Finding("RES001", "模型 \x9b \u202e \ud800"),))
    text = render_json([report])
    assert '"message": "模型 \\u009b \\u202e \\ud800"' in text
    text.encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_any_text_survives(text: str) -> None:
    document = render_json([differs(text)])
    document.encode()
    (spec,) = json.loads(document)["specs"]
    # JSON can't tell two lone surrogates that stand together from the character that they encode
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert (spec["title"], spec["findings"][0]["message"], spec["notes"]) == (
        expected,
        expected,
        [[expected, expected]],
    )
