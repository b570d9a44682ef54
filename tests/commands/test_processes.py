"""Which process a model runs in, and where it can't be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.commands import verify_all
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


@pytest.mark.parametrize(("count", "forks"), [(1, False), (2, True)])
def test_a_single_model_has_a_fresh_process(count: int, forks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def started(python: str | None, timeout: float, *, fork: bool) -> Workers:
        asked.append(fork)
        return Workers(python, timeout, fork=fork)

    monkeypatch.setattr(verify_all, "Workers", started)
    with verify_all.workers(count):
        assert asked == [forks]
