"""Reports that are read back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from archcheck.connections import Factor, Kind, Residual
from archcheck.errors import ArchcheckError
from archcheck.findings import Accepted, Edit, Finding, Fix, Mark, MarkKind, Report, Status, Verdict
from archcheck.history.saved import read_reports
from archcheck.reporters.json import render_json
from archcheck.source_location import Location
from tests.reporters.samples import CONFORMS, DIFFERS, ERROR, any_text, differs


def absolute(value: Any, root: Path) -> Any:
    """A sample with its files below `root`."""
    if isinstance(value, tuple):
        return tuple(absolute(item, root) for item in value)
    if not hasattr(value, "__dataclass_fields__"):
        return value
    parts = {name: absolute(getattr(value, name), root) for name in value.__dataclass_fields__}
    if parts.get("file"):
        parts["file"] = str(root / parts["file"])
    return replace(value, **parts)


def test_reports_are_read_back_equal_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    finding = Finding(
        "RES002", "m", layers=(1, "a"), fix=Fix((Edit("set", ("panels", 0, "line"), "dashed"),))
    )
    full = Report(
        "specs/d.yaml",
        Status.DIFFERS,
        findings=(finding,),
        accepted=(Accepted(finding, "why", "comment", Location("net.py", 3)),),
        marks=(Mark("p", MarkKind.LINE, "a->b", Verdict.UNCHECKED, Location("specs/d.yaml", 1, 2), "r"),),
        residuals=(
            Residual(
                Kind.SCALED,
                "h.1",
                "h.1",
                "input",
                ("f",),
                Location("net.py", 1),
                factors=(Factor("skip", math.inf),),
                modes=("train",),
            ),
        ),
    )
    reports = absolute((DIFFERS, CONFORMS, ERROR, full), tmp_path)
    text = render_json(reports)
    assert str(tmp_path) not in text
    assert read_reports(text, tmp_path) == reports
    moved = read_reports(text, Path("/elsewhere"))
    assert moved[3].residuals[0].location == Location("/elsewhere/net.py", 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=any_text)
def test_any_text_is_read_back(text: str) -> None:
    report = replace(differs(text), file="<memory>")
    root = Path("/elsewhere")
    (read,) = read_reports(render_json([report]), root)
    assert (read.title, read.remarks, read.notes) == (report.title, report.remarks, report.notes)
    assert read.residuals == report.residuals
    assert read.findings[0].layers == report.findings[0].layers


def test_what_is_installed_is_found_where_it_is_installed(tmp_path: Path) -> None:
    import torch

    line = Location(str(Path(torch.__file__).parent / "nn/modules/transformer.py"), 9)
    report = Report("<memory>", Status.CONFORMS, residuals=(Residual(Kind.GATED, "", "", "x", (), line),))
    text = render_json([report])
    assert json.loads(text)["specs"][0]["residuals"][0]["location"]["file"] == (
        "site-packages/torch/nn/modules/transformer.py"
    )
    assert read_reports(text, tmp_path) == (report,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not a JSON report"),
        ("[]", "it is not a JSON report"),
        ("[" * 100_000, "nested too deeply"),
        ('{"version": 2, "specs": []}', "its version is 2, not 1"),
        ('{"version": 1, "specs": [{}]}', "specs.0.file: Field required"),
        ('{"version": 1, "specs": [{"file": 3, "status": "x"}]}', "specs.0.file: Input should be a"),
        ('{"version": 1, "specs": 3}', "specs.: Input should be a valid tuple"),
    ],
)
def test_what_is_no_report(text: str, why: str) -> None:
    with pytest.raises(ArchcheckError, match=f"saved.json: HIS002 can't be read: .*{why}"):
        read_reports(text, Path(), "saved.json")
