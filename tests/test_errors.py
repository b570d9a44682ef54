"""Errors pass from one process to another."""

from __future__ import annotations

import pickle

from archcheck.errors import Problem, TargetError


def test_an_error_is_the_same_when_unpickled() -> None:
    problems = (Problem("a.yaml", 1, 2, "TGT001", "one"), Problem("b.yaml", None, None, "TGT002", "two"))
    error = pickle.loads(pickle.dumps(TargetError(problems)))
    assert (type(error), error.problems, str(error)) == (TargetError, problems, str(TargetError(problems)))
