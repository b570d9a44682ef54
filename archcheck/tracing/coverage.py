"""Which branches of the model's forward methods ran, so that those that did not can be listed.

A trace shows what one run did. Code behind an `if` that no mode took is not checked; a reader has to know.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from archcheck.model.importing import syntax_tree
from archcheck.source_location import is_model_code, is_torch_code, shown_path

Tracer = Callable[[FrameType, str, Any], Any]
Spot = tuple[int, int, int, int]
"""From line and column to line and column."""


class Coverage:
    """What ran in functions called `forward`, over several runs: lines, and instructions by their offsets."""

    def __init__(self) -> None:
        self.lines: dict[CodeType, set[int]] = {}
        self.offsets: dict[CodeType, set[int]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what runs inside. A debugger or coverage tool that traces already goes on to do so."""
        before: Tracer | None = sys.gettrace()  # type: ignore[assignment]
        sys.settrace(self._call if before is None else _both(self._call, before))
        try:
            yield
        finally:
            sys.settrace(before)

    def unrun(self) -> tuple[str, ...]:
        """Return a sentence per file on the branches whose condition ran but whose body never did; sorted."""
        by_file: dict[str, set[int]] = {}
        spots: dict[str, set[Spot]] = {}
        for code, ran in self.lines.items():
            by_file.setdefault(code.co_filename, set()).update(ran)
            spots.setdefault(code.co_filename, set()).update(_spots(code, self.offsets[code]))
        found = []
        for file, ran in by_file.items():
            firsts = sorted({code.co_firstlineno for code in self.lines if code.co_filename == file})
            missed = _missed(file, ran, spots[file], firsts)
            if missed:
                lines = ", ".join(str(line) for line in missed)
                found.append(f"not checked: no mode ran the code at {shown_path(file)}:{lines}")
        return tuple(sorted(found))

    def _call(self, frame: FrameType, event: str, arg: Any) -> Tracer | None:
        code = frame.f_code
        if code.co_name != "forward":
            return None
        ran = self.lines.get(code)
        if ran is None:
            # Torch's own layers are not what a diagram is checked for.
            if not is_model_code(code.co_filename) or is_torch_code(code.co_filename):
                return None
            ran = self.lines[code] = set()
        ran_line, ran_offset = ran.add, self.offsets.setdefault(code, set()).add
        frame.f_trace_opcodes = True

        def within(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "opcode":
                ran_offset(frame.f_lasti)
            else:
                ran_line(frame.f_lineno)
            return within

        ran_line(frame.f_lineno)
        return within


def _both(ours: Tracer, theirs: Tracer) -> Tracer:
    """Trace for two tracers; only the first gets single instructions."""

    def traced(frame: FrameType, event: str, arg: Any) -> Any:
        one = ours(frame, event, arg)
        other = theirs if event == "opcode" else theirs(frame, event, arg)
        return other if one is None else one if other is None else _both(one, other)

    return traced


def _spots(code: CodeType, offsets: set[int]) -> Iterator[Spot]:
    """Yield where the instructions are in the source; nothing before Python 3.11, which does not keep it."""
    positions = getattr(code, "co_positions", None)
    for number, (line, last_line, column, last) in enumerate(positions() if positions else ()):
        if 2 * number in offsets and None not in (line, last_line, column, last):
            yield line, column, last_line, last


def _missed(file: str, ran: set[int], spots: set[Spot], firsts: list[int]) -> list[int]:
    """Return the first lines of bodies that never ran, in functions that begin at `firsts`."""
    try:
        tree = syntax_tree(Path(file).read_bytes())
    except OSError:
        return []
    if tree is None:
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
        missed += [
            arm.lineno for line, arm in _arms(function) if spots and line in ran and not _ran(arm, spots)
        ]
    return sorted(set(missed))


def _arms(function: ast.FunctionDef) -> Iterator[tuple[int, ast.expr]]:
    """Yield what a conditional expression, or an `and` or `or` used as a value, may skip, with its line."""
    conditions = {
        id(part)
        for node in ast.walk(function)
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert))
        for part in ast.walk(node.test)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.IfExp):
            yield from ((node.test.lineno, arm) for arm in (node.body, node.orelse) if _says(arm, node.test))
        elif isinstance(node, ast.BoolOp) and id(node) not in conditions:
            first = node.values[0]
            yield from ((first.lineno, arm) for arm in node.values[1:] if _says(arm, first))


def _says(arm: ast.expr, test: ast.expr) -> bool:
    """Return whether an arm computes something, or is a value that the test does not ask for."""
    if isinstance(arm, ast.Name):
        return all(ast.dump(arm) != ast.dump(word) for word in ast.walk(test))
    return any(isinstance(part, (ast.Call, ast.BinOp)) for part in ast.walk(arm))


def _ran(arm: ast.expr, spots: set[Spot]) -> bool:
    first, last = (arm.lineno, arm.col_offset), (arm.end_lineno or arm.lineno, arm.end_col_offset or 0)
    return any(first <= spot[:2] and spot[2:] <= last for spot in spots)


def _forwards(owner: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for part in owner.body:
        if isinstance(part, ast.ClassDef):
            yield from _forwards(part)
        elif isinstance(part, ast.FunctionDef) and part.name == "forward":
            yield part


def _branches(function: ast.FunctionDef) -> Iterator[tuple[int, list[list[ast.stmt]]]]:
    """Yield the line of each branching statement, and its bodies (also what an early `return` skips)."""
    for statement in ast.walk(function):
        if isinstance(statement, (ast.If, ast.For, ast.While)):
            yield statement.lineno, [body for body in (statement.body, statement.orelse) if body]
        elif isinstance(statement, ast.Match):
            yield statement.lineno, [case.body for case in statement.cases]
        for name in ("body", "orelse"):
            body = getattr(statement, name, None)
            parts: list[ast.stmt] = body if isinstance(body, list) else []
            for place, part in enumerate(parts[:-1]):
                if isinstance(part, ast.If) and not part.orelse and _leaves(part):
                    yield part.lineno, [parts[place + 1 :]]


def _leaves(statement: ast.If) -> bool:
    return isinstance(statement.body[-1], (ast.Return, ast.Continue, ast.Break))
