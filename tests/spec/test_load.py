"""Reading files, and where things stand in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archcheck.errors import SpecError
from archcheck.source_location import Location
from archcheck.spec import load, loads
from archcheck.spec.load import MAX_BYTES
from archcheck.spec.model import Line
from tests.spec.common import MODEL

SHIPPED = sorted((Path(__file__).parents[2] / "specs").rglob("*.yaml"))

LAYER = """\
title: A layer
model:
  target: models:build
panels:
  layer:
    scope: layers.*
    boxes:
      attention: {label: Attention, module: attn}
      mlp:
        label: MLP
    residuals:
      - {around: attention}
      - from: attention
        to: mlp
        line: dashed
"""


def reason(path: str | Path) -> str:
    with pytest.raises(SpecError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.file == str(path)
    return str(problem).removeprefix(f"{path}:").strip()


def test_a_spec_is_read_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "layer.yaml"
    file.write_text(LAYER)

    loaded = load(file)

    assert loaded.file == str(file)
    assert loaded.source == LAYER
    assert loaded.spec.title == "A layer"
    assert [edge.line for edge in loaded.spec.panels["layer"].residuals] == [Line.SOLID, Line.DASHED]
    assert loaded.spec.panels["layer"].residuals[1].from_ == "attention"


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("panels", "layer"), 5, 3),  # at the key, since the node begins on the next line
        (("panels", "layer", "scope"), 6, 12),
        (("panels", "layer", "boxes", "attention"), 8, 18),
        (("panels", "layer", "boxes", "attention", "module"), 8, 45),
        (("panels", "layer", "boxes", "mlp"), 9, 7),
        (("panels", "layer", "residuals", 0), 12, 9),
        (("panels", "layer", "residuals", 1), 13, 9),
        (("panels", "layer", "residuals", 1, "line"), 15, 15),
        (("panels", "layer", "residuals", 0, "line"), 12, 9),  # not written: the nearest parent
        (("panels", "layer", "flow", 3), 5, 3),
        (("nowhere",), 1, 1),
        ((), 1, 1),
    ],
)
def test_places_count_from_one(path: tuple[str | int, ...], line: int, column: int) -> None:
    assert loads(LAYER, "layer.yaml").place(*path) == Location("layer.yaml", line, column)


def test_the_parts_of_an_alias_stand_where_they_are_written() -> None:
    loaded = loads(MODEL + "panels:\n  p:\n    boxes:\n      a: &a {label: x}\n      b: *a\n")

    assert loaded.place("panels", "p", "boxes", "b") == Location("<spec>", 6, 10)
    assert loaded.place("panels", "p", "boxes", "b", "label") == Location("<spec>", 5, 21)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_are_counted_with_any_line_ending(ending: str) -> None:
    assert loads(LAYER.replace("\n", ending)).place("panels", "layer", "residuals", 1).line == 13


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + LAYER.encode())
    assert load(file).place("title") == Location(str(file), 1, 8)


def test_a_missing_file(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.yaml") == "SPEC001 There is no such file. Check the path."


def test_a_directory(tmp_path: Path) -> None:
    assert reason(tmp_path) == "SPEC001 This is a directory. Give the path of a YAML file."


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_pipe_and_a_device_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    refusal = "SPEC001 This is not a regular file. Give the path of a YAML file."
    assert reason(tmp_path / "pipe") == refusal
    assert reason("/dev/zero") == refusal


def test_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert reason(tmp_path / "loop").startswith("SPEC001 The file can't be read: ")


def test_names_that_no_file_can_have() -> None:
    assert reason("a\0b") == "SPEC001 The file can't be read: embedded null byte. Check the path."
    assert reason("x" * 5000).startswith("SPEC001 The file can't be read: ")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text(LAYER)

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # for the superuser no mode of the file does
    assert reason(file) == "SPEC001 You don't have permission to read this file. Check the path."


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as handle:
        handle.truncate(100_000_000)  # sparse, and NUL all through: reading it would give another problem

    message = f"SPEC001 The file has 100,000,000 bytes; a spec may have at most {MAX_BYTES:,}."
    assert reason(file) == f"{message} Give the path of a YAML file."


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: b\nc: \xff", "2:4: SPEC001 This is not UTF-8 text: byte 0xff. Save the file as UTF-8."),
        (b"\x89PNG\r\n\x1a\n", "1:1: SPEC001 This is not UTF-8 text: byte 0x89. Save the file as UTF-8."),
        ("a: b".encode("utf-16"), "SPEC001 This is not UTF-8 text: byte 0xff. Save the file as UTF-8."),
        (b"a: \0", "SPEC001 This is a binary file. A spec is a YAML text file."),
        (b"", "1:1: SPEC009 The spec is empty. It needs 'model' and 'panels'."),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(content)
    assert reason(file) == problem


def test_specs_are_shipped() -> None:
    assert SHIPPED


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_specs_read_without_a_problem(file: Path) -> None:
    assert load(file).spec.panels


@pytest.mark.slow
def test_reading_a_spec_imports_neither_torch_nor_rich() -> None:
    code = "import sys, archcheck.spec; print(sorted({'torch', 'rich', 'numpy', 'typer'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
