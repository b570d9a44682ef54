"""What of a forward no run has run is listed, whoever traces beside."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from archcheck.tracing.coverage import Coverage

HEAD = "import math\n\n\nclass Net:\n    training = False\n\n    def forward(self, x):\n"
with_positions = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 keeps no columns")


def unrun(folder: Path, body: str, *arguments: Any) -> list[int]:
    """The lines, counted from the first of forward's body, of the branches that were not run."""
    file = folder / "net.py"
    file.write_text(HEAD + "".join(f"        {line}\n" for line in body.splitlines()))
    spec = importlib.util.spec_from_file_location("net", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    coverage = Coverage()
    with coverage.watching():
        for argument in arguments or (1,):
            module.Net().forward(argument)
    (told,) = coverage.unrun() or (":: ",)
    return [int(line) - HEAD.count("\n") for line in told.rpartition(":")[2].split(",") if line.strip()]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("if self.training:\n    x = x + 1\nreturn x", [2]),
        ("if self.training:\n    x = x + 1\nelse:\n    x = x - 1\nreturn x", [2]),
        ("if x > 0:\n    return x\nx = x + 1\nreturn x", [3]),
        ("if self.training:\n    return x\nreturn x + 1", [2]),
        ("for y in ():\n    x = x + y\nreturn x", [2]),
        ("if x < 0:\n    raise ValueError\nreturn x", []),
    ],
)
def test_bodies_that_did_not_run(body: str, lines: list[int], tmp_path: Path) -> None:
    assert unrun(tmp_path, body) == lines


@with_positions
@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("return x + 1 if self.training else x", [1]),
        ("y = 1\nreturn x if self.training else x + y", [2]),
        ("y = (x + 1 if x\n     else self)\nreturn y", [2]),
        ("return x if x else None", []),
        ("y = self.training and math.exp(x)\nreturn y", [1]),
        ("y = x or math.exp(x)\nreturn y", [1]),
        ("if self.training and math.exp(x):\n    pass\nreturn x", [2]),
        ("y = None if self.training else 1\nreturn y", []),
    ],
)
def test_expressions_that_were_not_computed(body: str, lines: list[int], tmp_path: Path) -> None:
    assert unrun(tmp_path, body) == lines


def test_what_another_run_has_run_is_not_listed(tmp_path: Path) -> None:
    assert unrun(tmp_path, "if x > 0:\n    return x\nx = x + 1\nreturn x", 1, -1) == []


def test_a_debugger_that_traces_goes_on_and_hides_nothing(tmp_path: Path) -> None:
    seen: list[str] = []

    def debugger(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code.co_name == "forward":
            seen.append(event)
        return debugger

    before = sys.gettrace()
    sys.settrace(debugger)
    try:
        lines = unrun(tmp_path, "if self.training:\n    x = x + 1\nreturn x")
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    assert lines == [2]
    assert seen == ["call", "line", "line", "return"]
