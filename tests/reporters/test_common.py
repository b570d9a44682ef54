"""What the reporters share: safe text, places, and wording."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from archcheck.findings import Finding, Proof, Report, Status
from archcheck.reporters.common import (
    best_location,
    extent,
    one_line,
    proved,
    source_line,
    tally,
)
from archcheck.source_location import Location, shown_path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 模型 é", "plain 模型 é"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31m\x00\x7f\x9b", "\\x1b[31m\\x00\\x7f\\x9b"),
        ("\u202eabc\u2066\u200b", "\\u202eabc\\u2066\\u200b"),
        ("\ud800\uffff", "\\ud800\\uffff"),
        ("a\u2028b\u3000c", "a b\u3000c"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_paths_are_relative_to_the_repository_wherever_one_is(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "one" / ".git").mkdir(parents=True)
    (workspace / "two" / "sub").mkdir(parents=True)
    (workspace / "two" / ".git").write_text("gitdir: elsewhere")  # as in a work tree or a submodule
    (workspace / "two" / "sub" / "m.py").touch()
    for folder in ("one", "two", "two/sub", "."):
        monkeypatch.chdir(workspace / folder)
        assert shown_path(os.path.relpath(workspace / "two" / "sub" / "m.py")) == "sub/m.py"
        assert shown_path(str(workspace / "two" / "sub" / "m.py")) == "sub/m.py"
    for name in ("CI_PROJECT_DIR", "GITHUB_WORKSPACE"):
        monkeypatch.setenv(name, str(workspace))
        assert shown_path("two/sub/m.py") == "two/sub/m.py"
        monkeypatch.delenv(name)


def test_without_a_repository_paths_are_relative_to_the_current_folder(workspace: Path) -> None:
    assert shown_path(str(workspace / "pkg" / "m.py")) == "pkg/m.py"
    assert shown_path("./specs/../a.yaml") == "a.yaml"
    assert shown_path("/elsewhere/m.py") == "/elsewhere/m.py"
    assert shown_path("../m.py") == "../m.py"
    assert shown_path("<string>") == "<string>"
    assert shown_path("") == ""


def test_a_finding_is_marked_at_the_code_unless_that_lies_outside() -> None:
    spec, inside = Location("specs/a.yaml", 4), Location("model.py", 3)
    library, parent = Location("/lib/model.py", 3), Location("../model.py", 3)
    assert best_location(Finding("RES001", "", spec=spec, location=inside)) == inside
    assert best_location(Finding("RES001", "", spec=spec, location=library)) == spec
    assert best_location(Finding("RES001", "", spec=spec, location=parent)) == spec
    assert best_location(Finding("RES001", "", location=library)) == library
    assert best_location(Finding("RES001", "")) is None


def test_a_source_line_is_read_where_it_can_be(workspace: Path) -> None:
    (workspace / "odd.py").write_bytes(b"ok\n\tx = '\xff\x1b[31m'\n" + b"y" * 5000)
    assert source_line(Location("odd.py", 2)) == "x = '\\xff\\x1b[31m'"
    assert source_line(Location("odd.py", 3)) == "y" * 200
    assert source_line(Location("odd.py", 4)) == ""
    assert source_line(Location("missing.py", 1)) == ""
    assert source_line(Location("specs", 1)) == ""
    assert source_line(Location("a\0b", 1)) == ""


@pytest.mark.parametrize(
    ("layers", "count", "modes", "shown"),
    [
        ((), 0, (), ""),
        ((5,), 8, (), "layer 5 of 8"),
        ((3, 7), 8, (), "layers 3, 7 of 8"),
        ((0, 1, 2, 3, 5, 6), 8, (), "layers 0-3, 5, 6 of 8"),
        ((0, 1), 2, ("train", "long"), "all 2 layers, modes train, long"),
        (("a", 1, "b"), 4, (), "layers a, 1, b of 4"),
        ((0,), 1, (), "layer 0 of 1"),
    ],
)
def test_extent(layers: tuple[int | str, ...], count: int, modes: tuple[str, ...], shown: str) -> None:
    assert extent(Finding("RES001", "", layers=layers, layer_count=count, modes=modes)) == shown


def test_proved_counts_edges_by_line_and_layers() -> None:
    proofs = (
        Proof("layer", "a", "solid", "", 8),
        Proof("layer", "b", "solid", "", 8),
        Proof("layer", "c", "dashed", "", 8),
        Proof("layer", "", "", "", 8),
        Proof("layer", "d", "solid", "", 7),
        Proof("model", "", "", "", 1),
        Proof("model", "e", "solid", "", 1),
    )
    assert proved(Report("s", Status.CONFORMS, proofs=proofs)) == [
        ("layer", "2 solid edges, 1 dashed edge and the boxes, in 8 layers; 1 solid edge in 7 layers"),
        ("model", "1 solid edge and the boxes"),
    ]


def test_tally() -> None:
    conforms, error = Report("a", Status.CONFORMS), Report("b", Status.ERROR)
    assert tally([conforms]) == "conforms"
    assert tally([conforms, error, conforms]) == "3 specs: 2 conforms, 1 could not be checked"
