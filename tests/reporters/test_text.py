"""The report for people: whole outputs, at several widths and verbosities, and hostile texts."""

from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from rich.cells import cell_len
from rich.console import Console

from archcheck.connections import Kind, Residual
from archcheck.findings import Finding, Part, Report, Status
from archcheck.reporters.inspection import residual_lines
from archcheck.reporters.text import plain_text, render_text
from archcheck.source_location import Location
from tests.reporters.samples import CONFORMS, DIFFERS, REPORTS, any_text, differs

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def piped(*reports: Report, verbose: int = 0, quiet: bool = False) -> str:
    stream = io.StringIO()
    render_text(reports, Console(file=stream), verbose=verbose, quiet=quiet)
    return stream.getvalue()


def on_terminal(*reports: Report, width: int, no_color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, width=width, color_system="standard", no_color=no_color
    )
    render_text(reports, console)
    return stream.getvalue()


def test_the_whole_report() -> None:
    assert (
        piped(*REPORTS)
        == """\
✗ specs/a.yaml differs: 2 findings
  A [bold]model[/bold] 模型, model:build

  gqa
  1. RES006 the residual around norm..out is implemented one level up
     drawn: solid residual around norm..out
            specs/a.yaml:4:9
            4 │ - {around: [norm, out], line: solid}
     code:  layers.* adds around norm, attn
            model.py:3
            3 │ x += residual
     in:    layers 3, 7 of 8
     note:  drawn as published

  ffn
  2. BOX001 no module mlp.dropout
     drawn: Dropout
            specs/a.yaml:99:5
     in:    all 8 layers, mode train

  proved
    layer: 2 solid edges and the boxes, in 8 layers

  remarks
    traced on the meta device

✓ specs/b.yaml conforms

  proved
    layer: 1 solid edge in 2 layers
    attn: 1 dashed edge

  notes
    layer.attn: post-norm on purpose

! specs/c.yaml could not be checked: 2 problems

  SPEC003 unknown key 'arround'
    specs/c.yaml:4:7
    4 │ - {around: [norm, out], line: solid}
    at panels.gqa
    Did you mean 'around'?

  TGT001 no module named 'model'

3 specs: 1 conforms, 1 differs, 1 could not be checked

For the meaning and the fix, run: archcheck explain CODE for BOX001, RES006, SPEC003, TGT001
"""
    )


def test_verbose_states_every_proof_and_folds_equal_layers() -> None:
    before, after = piped(DIFFERS, verbose=1).split("  proved\n")
    assert before == piped(DIFFERS).split("  proved\n")[0]
    assert (
        after
        == """\
    layer: solid residual around gqa, from input
    layer: solid residual around ffn, from sink(attn)
    layer: 2 boxes in this order

  residuals traced
    layers.*: scaled around norm, attn from input, scaled by 0.5 on the branch (model.py:3) (2 times)

  remarks
    traced on the meta device

For the meaning and the fix, run: archcheck explain CODE for BOX001, RES006
"""
    )


def test_twice_verbose_lists_every_layer() -> None:
    assert (
        piped(DIFFERS, verbose=2).split("  residuals traced\n")[1].split("\n\n")[0]
        == """\
    layers.0: scaled around norm, attn from input, scaled by 0.5 on the branch (model.py:3)
    layers.1: scaled around norm, attn from input, scaled by 0.5 on the branch (model.py:3)"""
    )


def test_quiet_is_one_line_per_finding_and_silent_on_success() -> None:
    assert (
        piped(*REPORTS, quiet=True)
        == """\
model.py:3: RES006 the residual around norm..out is implemented one level up
specs/a.yaml:99:5: BOX001 no module mlp.dropout
specs/c.yaml:4:7: SPEC003 unknown key 'arround' (at panels.gqa) Did you mean 'around'?
specs/c.yaml: TGT001 no module named 'model'
"""
    )
    assert piped(CONFORMS, quiet=True) == ""


def test_a_narrow_terminal_wraps_and_crops() -> None:
    shown = on_terminal(DIFFERS, width=40)
    assert (
        ANSI.sub("", shown).split("  ffn\n")[0]
        == """\
✗ specs/a.yaml differs: 2 findings
  A [bold]model[/bold] 模型, model:build

  gqa
  1. RES006 the residual around
     norm..out is implemented one level
     up
     drawn: solid residual around
            norm..out
            specs/a.yaml:4:9
            4 │ - {around: [norm, out],…
     code:  layers.* adds around
            norm, attn
            model.py:3
            3 │ x += residual
     in:    layers 3, 7 of 8
     note:  drawn as published

"""
    )


def test_wide_characters_stay_within_the_terminal() -> None:
    title = "注意力与前馈网络" * 10
    shown = ANSI.sub("", on_terminal(Report("s.yaml", Status.CONFORMS, title), width=40))
    assert all(cell_len(line) <= 40 for line in shown.splitlines())
    assert "".join(line.strip() for line in shown.splitlines()[1:]) == title


def test_no_color_leaves_no_colour_and_a_pipe_no_escapes() -> None:
    coloured, plain = (on_terminal(DIFFERS, width=80, no_color=no_color) for no_color in (False, True))
    assert "\x1b[1;31m" in coloured
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", plain)
    assert "\x1b" not in piped(*REPORTS)


def test_an_ascii_stream_gets_ascii() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    render_text([DIFFERS], Console(file=stream))
    stream.flush()
    shown = stream.buffer.getvalue().decode("ascii")
    assert shown.startswith("x specs/a.yaml differs: 2 findings\n  A [bold]model[/bold] \\u6a21\\u578b")
    assert "            3 | x += residual\n" in shown


def test_a_finding_without_places_or_panel() -> None:
    report = Report(
        "m.py:f", Status.DIFFERS, findings=(Finding("RES008", "added to itself", traced="x + x"),)
    )
    assert (
        piped(report)
        == """\
✗ m.py:f differs: 1 finding

  1. RES008 added to itself
     code:  x + x

For the meaning and the fix, run: archcheck explain RES008
"""
    )


def test_findings_keep_their_numbers_when_panels_alternate() -> None:
    findings = tuple(Finding("RES001", f"finding {panel}", panel) for panel in ("a", "b", "a"))
    lines = piped(Report("s.yaml", Status.DIFFERS, findings=findings)).splitlines()
    assert lines[2:8] == [
        "  a",
        "  1. RES001 finding a",
        "  3. RES001 finding a",
        "",
        "  b",
        "  2. RES001 finding b",
    ]


def test_inspection_lists_residuals_without_a_verdict() -> None:
    attention = Part("attn", "Attention", parts=(Part("q", "Linear"),))
    tree = Part("", "Net", parts=(Part("layers.*", "Block", 2, (attention,), is_block=True),))
    residuals = DIFFERS.residuals
    inspected = Report("model:build", Status.CONFORMS, target="model:build", residuals=residuals, tree=tree)
    assert (
        piped(inspected)
        == """\
model:build: 2 residuals
  Net
    layers.* ×2  Block
      attn  Attention

  layers.*: scaled around norm, attn from input, scaled by 0.5 on the branch (model.py:3) (2 times)
"""
    )


def test_a_residual_in_words() -> None:
    residual = Residual(
        kind=Kind.PROJECTION,
        scope="",
        implemented_in="stage.0",
        source="stem",
        branch=("a", "b", "c", "d", "e", "f", "g"),
        location=Location("resnet.py", 9),
        skip=("down.0",),
    )
    assert residual_lines([residual], fold=True) == [
        "(model): projection around a, b, c, d, ..., g from stem through down.0, "
        "implemented in stage.0 (resnet.py:9)"
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_no_text_reaches_the_terminal_raw(text: str) -> None:
    for shown in (piped(differs(text), verbose=2), piped(differs(text), quiet=True)):
        unsafe = [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
        assert set(unsafe) <= set("\n\u200c\u200d")
        shown.encode()


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("::error::gone", r":\x3aerror::gone"),
        ("  ::add-mask::x", r"  :\x3aadd-mask::x"),
        ("see ##[error]here", r"see #\x23[error]here"),
        ("##vso[task.setvariable]x", r"#\x23vso[task.setvariable]x"),
        ("std::vector, ## heading", "std::vector, ## heading"),
    ],
)
def test_no_text_is_a_command_in_a_log(title: str, shown: str) -> None:
    assert f"\n  {shown}\n" in plain_text([Report("a.yaml", Status.CONFORMS, title=title)])
