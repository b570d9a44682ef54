"""GitHub workflow commands: whole output, and parsed back as the runner does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from archcheck.findings import Finding, Report, Status
from archcheck.reporters.common import one_line
from archcheck.reporters.github import render_github
from tests.reporters.samples import REPORTS, any_text, differs


def test_the_whole_output() -> None:
    assert (
        render_github(REPORTS)
        == """\
::error file=model.py,line=3,title=RES006::the residual around norm..out is implemented one level up\
%0Adrawn: solid residual around norm..out (specs/a.yaml:4:9)\
%0Acode: layers.* adds around norm, attn (model.py:3)\
%0Alayers 3, 7 of 8%0Anote: drawn as published
::error file=specs/a.yaml,line=99,col=5,title=BOX001::no module mlp.dropout\
%0Adrawn: Dropout (specs/a.yaml:99:5)%0Aall 8 layers, mode train
::notice file=specs/b.yaml,line=1,title=archcheck::specs/b.yaml conforms\
 (layer: 1 solid edge in 2 layers; attn: 1 dashed edge)
::error file=specs/c.yaml,line=4,col=7,title=SPEC003::unknown key 'arround'\
 (at panels.gqa) Did you mean 'around'?
::error file=specs/c.yaml,line=1,title=TGT001::no module named 'model'
"""
    )


def test_paths_are_relative_to_the_repository(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(workspace.parent))
    files = re.findall(r"file=([^,]*),", render_github(REPORTS))
    assert files[0] == f"{workspace.name}/model.py"
    assert files[1] == f"{workspace.name}/specs/a.yaml"


def parse(line: str) -> tuple[str, dict[str, str], str]:
    """As the runner reads a command: name, properties, message."""
    match = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
    assert match
    properties = dict(item.split("=", 1) for item in match[2].split(","))
    return match[1], {name: unescape(value) for name, value in properties.items()}, unescape(match[3])


def unescape(text: str) -> str:
    for code, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, character)
    return text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_no_text_breaks_out_of_its_command(text: str) -> None:
    output = render_github([differs(text)])
    assert output.endswith("\n")
    finding, problem = (parse(line) for line in output.removesuffix("\n").split("\n"))
    assert (finding[0], set(finding[1]), finding[1]["title"]) == (
        "error",
        {"file", "line", "title"},
        "RES001",
    )
    assert finding[2].split("\n")[0] == one_line(text)
    assert problem[1]["title"] == "SPEC001"


def test_at_most_ten_annotations_errors_first() -> None:
    good = [Report(f"{number}.yaml", Status.CONFORMS) for number in range(3)]
    bad = Report("bad.yaml", Status.DIFFERS, findings=tuple(Finding("RES001", f"{n}") for n in range(9)))
    lines = render_github([*good, bad]).splitlines()
    assert lines[:9] == [f"::error title=RES001::{number}" for number in range(9)]
    assert lines[9:] == [
        "::notice file=0.yaml,line=1,title=archcheck::0.yaml conforms",
        "archcheck: 2 notices more; --format text or markdown shows all",
    ]
    many = Report("bad.yaml", Status.DIFFERS, findings=bad.findings + bad.findings[:2])
    assert render_github([many, good[0]]).splitlines()[10:] == [
        "archcheck: 1 error and 1 notice more; --format text or markdown shows all"
    ]
    assert len(render_github([bad, good[0]]).splitlines()) == 10
