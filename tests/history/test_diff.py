"""`archcheck diff` on a repository that the test builds, in every format."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archcheck.cli import app
from archcheck.commands.diff import Side, from_export
from archcheck.connections import Kind, Residual
from archcheck.errors import ArchcheckError, Problem
from archcheck.findings import Finding, Mark, MarkKind, Report, Status, Verdict
from archcheck.history.changes import compare
from archcheck.history.page import as_html
from archcheck.history.revisions import Export
from archcheck.history.tables import as_json, as_markdown, as_text
from archcheck.reporters.json import render_json
from archcheck.source_location import Location
from tests.history.scratch import Scratch

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.f = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x):
        return x + self.f(self.norm(x))
"""
SPEC = """\
title: Net
model:
  target: net.py:Net
  inputs:
    x: {shape: [1, 4]}
panels:
  net:
    scope: ""
    boxes:
      norm: {label: LayerNorm, module: norm}
      f: {label: Linear, module: f}
    flow: [norm, f]
    residuals:
      - {around: [norm, f], line: solid}
"""
HOSTILE = "x | <b>&amp;\n::error::y \x1b[31m ##[group] \u202e"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["diff", *arguments])
    return result.exit_code, result.stdout, result.stderr


# -- what is asked ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch(tmp_path / "repository")
    scratch.commit("First", {"net.py": NET, "specs/my net.yaml": SPEC, "specs/old.yaml": SPEC})
    dropped = NET.replace("x + ", "")
    scratch.commit("Drop it", {"net.py": dropped, "specs/old.yaml": None, "specs/new.yaml": SPEC})
    (scratch.folder / "net.py").write_text("not committed")
    (scratch.folder / "sub").mkdir()
    monkeypatch.chdir(scratch.folder / "sub")
    code, text, _ = run("HEAD~1", "HEAD")
    assert (code, text) == (
        0,
        "HEAD~1 → HEAD: 3 of 3 specs changed\n\n"
        "specs/my net.yaml: conforms → differs: 1 residual removed, 1 mark changed, 1 new finding\n"
        "  - removed: (model): identity residual around norm, f; from input (panel net, net.py:11)\n"
        "  ~ changed: net: the residual edge norm..f: proved → refuted\n"
        "  ! new: RES001 there is no residual connection around LayerNorm … Linear\n\n"
        "specs/new.yaml: added (differs): no residual changed, 6 marks changed, 1 new finding\n"
        "  + 6 marks\n"
        "  ! new: RES001 there is no residual connection around LayerNorm … Linear\n\n"
        "specs/old.yaml: removed (it was: conforms): 1 residual removed, 6 marks changed\n"
        "  - removed: (model): identity residual around norm, f; from input (panel net, net.py:11)\n"
        "  - 6 marks\n",
    )
    assert (scratch.folder / "net.py").read_text() == "not committed"
    assert run("HEAD~1", "HEAD", "../specs/my net.yaml", "--exit-code", "-f", "json")[0] == 1
    assert run("HEAD", "HEAD", "--exit-code")[:2] == (0, "HEAD → HEAD: nothing changed\n")
    page = run("HEAD~1", "HEAD", "../specs/my net.yaml", "-f", "html")[1]
    assert page.count('src="data:image/svg+xml;base64,') == 2
    assert run("HEAD~1", "HEAD", "nothing.yaml")[0] == 2


@pytest.mark.slow
def test_a_model_of_two_revisions_and_one_that_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path / "repository")
    scratch.commit("First", {"net.py": NET})
    scratch.commit("Drop it", {"net.py": NET.replace("x + ", "")})
    scratch.commit("Break it", {"net.py": "import nothing_of_that_name"})
    monkeypatch.chdir(scratch.folder)
    code, text, _ = run("HEAD~2", "HEAD~1", "net.py:Net", "-i", "x=float32[1,4]")
    assert (code, text.splitlines()[-1]) == (
        0,
        "  - removed: (model): identity residual around norm, f; from input (net.py:11)",
    )
    code, text, _ = run("HEAD~1", "HEAD", "net.py:Net", "-i", "x=float32[1,4]")
    assert code == 2
    assert "net.py:1: TGT003 importing 'net.py' raised ModuleNotFoundError" in text


def test_two_saved_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    residual = Residual(Kind.IDENTITY, "h.0", "h.0", "input", ("f",), Location(str(tmp_path / "net.py"), 3))
    for name, residuals in (("a", (residual,)), ("b", ())):
        report = Report("net.yaml", Status.CONFORMS, residuals=residuals)
        Path(f"{name}.json").write_text(render_json([report]))
    assert run("a.json", "b.json") == (
        0,
        "a.json → b.json: 1 residual removed\n\n"
        "net.yaml: conforms: 1 residual removed\n"
        "  - removed: h.*: identity residual around f; from input (layer 0, net.py:3)\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["a", "b"], "HIS001 'a' is not a file, a target or a revision (not a git repository"),
        (["--", "-a", "b"], "HIS001 '-a' is not a file, a target or a revision (not a git repository"),
        (["a.json", "b.json"], "a.json: HIS002 can't be read: No such file or directory."),
        (["HEAD", "HEAD", "net.yaml"], "'HEAD' is not a file"),
    ],
)
def test_outside_of_a_repository(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text, error = run(*arguments)
    assert (code, text, error.count("\n")) == (2, "", 1)
    assert why in error


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["HEAD", "nope"], "HIS001 there is no revision 'nope'. Name a commit, a branch or a tag."),
        (["--", "--output=x", "HEAD"], "HIS001 there is no revision '--output=x'."),
        (["HEAD", "HEAD"], "HIS001 neither revision has a spec that the configuration finds."),
        (["HEAD", "HEAD", "a b.yaml"], "HIS001 neither revision has a b.yaml."),
        (["HEAD", "HEAD", "../x.yaml"], "HIS001 ../x.yaml is not in the repository"),
        (["HEAD", "net.yaml"], "HIS001 there is no revision 'net.yaml'."),
    ],
)
def test_what_is_not_there(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path / "repository")
    scratch.commit("First", {"README": "x"})
    monkeypatch.chdir(scratch.folder)
    code, text, error = run(*arguments)
    assert (code, text, error.count("\n")) == (2, "", 1)
    assert why in error


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_an_interrupt(number: signal.Signals, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "repository")
    hangs = NET.replace("import torch\n", "import time\nimport torch\ntime.sleep(600)\n")
    scratch.commit("First", {"net.py": hangs, "specs/net.yaml": SPEC})
    aside = tmp_path / "aside"
    aside.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "archcheck", "diff", "HEAD", "HEAD"],
        cwd=scratch.folder,
        env={**os.environ, "TMPDIR": str(aside)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # ignored in a shell's background
    )
    while not list(aside.glob("archcheck-*/tree/net.py")):
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    assert list(aside.iterdir()) == []
    assert scratch.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NET)
    Path("net.yaml").write_text(SPEC)
    Path("other.py").write_text(NET.replace("x + ", "x + 0.5 * "))
    assert run("net.py:Net", "other.py:Net", "-i", "x=float32[1,4]")[:2] == (
        0,
        "net.py:Net → other.py:Net: 1 residual changed\n\n"
        "net.py:Net → other.py:Net: conforms: 1 residual changed\n"
        "  ~ changed: (model): identity residual around norm, f; kind: identity → scaled; "
        "factors: none → 0.5 on the branch (other.py:11)\n",
    )
    assert run("net.py:Net", "net.yaml", "-i", "x=float32[1,4]")[:2] == (
        0,
        "net.py:Net → net.yaml: nothing changed\n",
    )


def test_the_work_trees_model_is_not_taken_for_a_revisions(tmp_path: Path) -> None:
    export = Export(tmp_path, tmp_path / "aside")
    inside, stray = (
        Residual(Kind.IDENTITY, "", "", "input", (), Location(str(tmp_path / name), 1))
        for name in ("aside/net.py", "net.py")
    )
    side = from_export(Side(Report("a", Status.CONFORMS, residuals=(inside,))), export)
    assert side.report.residuals == (stray,)
    with pytest.raises(ArchcheckError, match=r"HIS001 .*net.py was imported from the work tree"):
        from_export(Side(Report("a", Status.CONFORMS, residuals=(stray,))), export)


# -- how it is told -----------------------------------------------------------------------------------


def hostile() -> tuple[Report, Report]:
    mark = Mark(HOSTILE, MarkKind.BOX, HOSTILE, Verdict.PROVED)
    finding = Finding("RES001", HOSTILE, HOSTILE, HOSTILE, modes=(HOSTILE,))
    residual = Residual(Kind.GATED, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), Location(f"missing/{HOSTILE}", 1))
    return (
        Report(HOSTILE, Status.CONFORMS, marks=(mark,), residuals=(residual,)),
        Report(HOSTILE, Status.DIFFERS, findings=(finding,)),
    )


def test_no_text_acts_as_markup() -> None:
    found = [compare(HOSTILE, *hostile())]
    assert found[0].residuals
    text = as_text(found, HOSTILE, HOSTILE)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    markdown = as_markdown(found, HOSTILE, HOSTILE)
    assert "<b>" not in markdown
    assert [line.count("|") for line in markdown.splitlines() if line.startswith("|")] == [7, 7, 7]
    assert json.loads(as_json(found, HOSTILE, HOSTILE))["specs"][0]["name"] == HOSTILE
    page = as_html([(found[0], ("<svg><script>alert(1)</script></svg>", None))], HOSTILE, HOSTILE)
    assert "<b>" not in page
    assert "<script" not in page
    open_tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "img"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Tags().feed(page)
    assert open_tags == []


def test_markdown_leads_with_the_residuals() -> None:
    residual = Residual(Kind.IDENTITY, "h.0", "h.0", "input", ("f",), None)
    old, new = (Report("a.yaml", Status.CONFORMS, residuals=side) for side in ((residual,), ()))
    assert as_markdown([compare("a.yaml", old, new)], "main", "HEAD") == (
        "## archcheck: 1 residual removed\n\n"
        "<code>main</code> → <code>HEAD</code>\n\n"
        "### <code>a.yaml</code> conforms: 1 residual removed\n\n"
        "|  | Panel | Residual connection | Layers | What | Where |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| ➖ removed |  | h.&#42;&#58; identity residual around f | 0 | from input |  |\n"
    )
    assert as_markdown([compare("a.yaml", old, old)], "main", "HEAD") == (
        "## archcheck: nothing changed\n\n<code>main</code> → <code>HEAD</code>\n"
    )


def test_a_side_that_could_not_be_checked_is_said() -> None:
    broken = Report("a.yaml", Status.ERROR, problems=(Problem("net.py", 3, None, "TGT003", "it fails"),))
    assert as_text([compare("a.yaml", None, broken)], "a", "b") == (
        "a → b: 1 spec could not be compared\n\n"
        "a.yaml: added (could not be checked): not compared: one side could not be checked\n"
        "  ! net.py:3: TGT003 it fails\n"
    )
