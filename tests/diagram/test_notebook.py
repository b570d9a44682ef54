"""A report shows its diagram in a notebook, and stays plain data elsewhere."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

from archcheck.diagram import draw, render
from archcheck.findings import Report, Status
from archcheck.reporters.json import render_json
from archcheck.spec import load
from tests.in_process import verify

SPEC = Path(__file__).parents[2] / "docs/gallery/parallel.yaml"


def test_a_report_shows_its_diagram_with_the_verdict() -> None:
    report = verify(SPEC)
    shown = report._repr_svg_()
    assert shown == render(draw(load(SPEC).spec, report), ".svg").decode()
    assert "proved" in shown


def test_a_report_without_a_diagram_leaves_the_notebook_its_text() -> None:
    assert Report("spec.yaml", Status.ERROR)._repr_svg_() is None
    assert verify("missing.yaml")._repr_svg_() is None


def test_the_picture_is_no_part_of_what_was_found() -> None:
    report = verify(SPEC)
    assert report == verify(SPEC)
    assert "picture" not in repr(report)
    assert "picture" not in json.loads(render_json([report]))["specs"][0]
    assert pickle.loads(pickle.dumps(report)) == copy.deepcopy(report) == report
