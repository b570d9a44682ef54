"""Where a model's process can't be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.commands.workers import Workers
from archcheck.errors import TargetError


@pytest.mark.parametrize("fork", [False, True])
def test_a_python_that_can_not_be_started(tmp_path: Path, fork: bool) -> None:
    python = str(tmp_path / "python")
    with pytest.raises(TargetError) as caught, Workers(python, fork=fork).worker():
        pass
    (problem,) = caught.value.problems
    assert (problem.code, problem.message, problem.hint) == (
        "TGT015",
        f"{python} can't be started: No such file or directory",
        "Name a Python interpreter, such as .venv/bin/python.",
    )
