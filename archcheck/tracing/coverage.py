"""Which branches of the model's forward methods ran, so that those that did not can be listed.

A trace shows what one run did. Code behind an `if` that no mode took is not checked; a reader has to know.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from archcheck.source_location import is_model_code, is_torch_code, shown_path


class Coverage:
    """The lines that ran in functions called `forward`, over several runs."""

    def __init__(self) -> None:
        self.lines: dict[CodeType, set[int]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the lines that run inside; does nothing under a debugger, which traces for itself."""
        if sys.gettrace() is not None:
            yield
            return
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)

    def unrun(self) -> tuple[str, ...]:
        """One sentence per file with the branches whose condition ran and whose body never did; sorted."""
        by_file: dict[str, set[int]] = {}
        for code, ran in self.lines.items():
            by_file.setdefault(code.co_filename, set()).update(ran)
        found = []
        for file, ran in by_file.items():
            firsts = sorted({code.co_firstlineno for code in self.lines if code.co_filename == file})
            missed = _missed(file, ran, firsts)
            if missed:
                lines = ", ".join(str(line) for line in missed)
                found.append(f"no mode ran the branches at {shown_path(file)}:{lines}: they are not checked")
        return tuple(sorted(found))

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_name != "forward":
            return None
        ran = self.lines.get(code)
        if ran is None:
            # Torch's own layers are not what a diagram is checked for.
            if not is_model_code(code.co_filename) or is_torch_code(code.co_filename):
                return None
            ran = self.lines[code] = set()
        add = ran.add

        def line(frame: FrameType, event: str, arg: Any) -> Any:
            add(frame.f_lineno)
            return line

        add(frame.f_lineno)
        return line


def _missed(file: str, ran: set[int], firsts: list[int]) -> list[int]:
    """The first lines of bodies that never ran, in functions that begin (with decorators) at `firsts`."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    missed = []
    for function in _forwards(tree):
        start = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        if start not in firsts and function.lineno not in firsts:
            continue
        for line, bodies in _branches(function):
            for body in bodies:
                lines = {
                    at for part in body for at in range(part.lineno, (part.end_lineno or part.lineno) + 1)
                }
                if line in ran and not lines & ran and not isinstance(body[0], ast.Raise):
                    missed.append(body[0].lineno)
    return sorted(set(missed))


def _forwards(owner: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for part in owner.body:
        if isinstance(part, ast.ClassDef):
            yield from _forwards(part)
        elif isinstance(part, ast.FunctionDef) and part.name == "forward":
            yield part


def _branches(function: ast.FunctionDef) -> Iterator[tuple[int, list[list[ast.stmt]]]]:
    """The line of each statement that branches, and the bodies that it may run."""
    for statement in ast.walk(function):
        if isinstance(statement, (ast.If, ast.For, ast.While)):
            yield statement.lineno, [body for body in (statement.body, statement.orelse) if body]
        elif isinstance(statement, ast.Match):
            yield statement.lineno, [case.body for case in statement.cases]
