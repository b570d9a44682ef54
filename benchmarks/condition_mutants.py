"""Which conditions no test misses: `python -m benchmarks.condition_mutants [FILE…]`.

A mutant is a function in which one condition is changed: a comparison is turned, a `not` or a part of an
`and` or `or` is taken away, a test is always true or always false. The file's tests are run once, to learn
which of its lines each one runs. A mutant is then put to the tests that run its line, quickest first, in a
process of its own where the function's code is exchanged. A line for each that survives, then their number;
those that no input can tell are listed, with the reason, in `benchmarks/mutation/equal_conditions.py`.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import gc
import importlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, zip_longest
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import pytest
import torch
from _pytest.runner import runtestprotocol

from benchmarks.mutation.equal_conditions import EQUAL

ROOT = Path(__file__).parents[1]
SECONDS = 120
TESTS = {
    "residual": ("tests/residual",),
    "dataflow": ("tests/residual", "tests/tracing/test_proof.py"),
    "proof": (
        "tests/tracing/test_proof.py",
        "tests/tracing/test_unseen.py",
        "tests/residual/test_assembly.py",
    ),
}
"""What is expected to notice a change in a folder."""

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class Mutant(NamedTuple):
    """A function of a file in which the condition on `lines` now reads `now`."""

    file: Path
    lines: range
    was: str
    now: str
    function: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.file.name}: {self.was} -> {self.now}"


def mutants(file: Path) -> Iterator[Mutant]:
    """Yield all mutants of a file's functions, from its first line to its last."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            copied = copy.deepcopy(tree)
            target: Any = next(each for at, each in enumerate(ast.walk(copied)) if at == number)
            tested = target.test if isinstance(target, ast.If | ast.While) else target
            lines, was = range(tested.lineno, tested.end_lineno + 1), _shown(target)
            change(target)
            function = _function_around(tree, node.lineno)  # type: ignore[attr-defined]
            if function:
                yield Mutant(file, lines, was, _shown(target), function, ast.fix_missing_locations(copied))


def _function_around(tree: ast.Module | ast.ClassDef, line: int, within: str = "") -> str:
    """Return the name of the outermost function that holds a line; "" outside of any."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            name = f"{within}{node.name}"
            return name if isinstance(node, ast.FunctionDef) else _function_around(node, line, f"{name}.")
    return ""


def _shown(node: Any) -> str:
    return f"if {ast.unparse(node.test)}" if isinstance(node, ast.If | ast.While) else ast.unparse(node)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            yield lambda target, at=at, op=op: target.ops.__setitem__(at, TURNED[type(op)]())
    elif isinstance(node, ast.BoolOp):
        nothing = ast.Constant(isinstance(node.op, ast.And))
        for at in range(len(node.values)):
            yield lambda target, at=at, nothing=nothing: target.values.__setitem__(at, nothing)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False) if not isinstance(node, ast.While) else (False,):
            yield lambda target, value=value: setattr(target, "test", ast.Constant(value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda target: setattr(target, "op", ast.UAdd())
    elif isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        for at, generator in enumerate(node.generators):
            for condition in range(len(generator.ifs)):
                yield lambda target, at=at, condition=condition: target.generators[at].ifs.pop(condition)


class Ran(NamedTuple):
    """How long a test took, and the lines that it ran: file and number."""

    seconds: float
    lines: frozenset[tuple[str, int]]


class Judge:
    """A pytest plugin: notes what each test runs of some files, then puts their mutants to the tests."""

    def __init__(self, found: Sequence[Mutant], seconds: float) -> None:
        self.found = found
        self.seconds = seconds
        self.files = {str(mutant.file) for mutant in found}
        self.tests: dict[pytest.Item, Ran] = {}
        self.survivors: list[Mutant] = []
        self.kills: Counter[str] = Counter()
        self._lines: set[tuple[str, int]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._lines, start = set(), time.process_time()
        sys.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.tests[item] = Ran(time.process_time() - start, frozenset(self._lines))

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self.files else None

    def _line(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        self._lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        yield
        if session.testsfailed:
            raise session.Failed("the tests fail without any change")
        gc.collect()
        caches = [each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper]
        gc.freeze()  # no child copies what it only reads
        for mutant in self.found:
            tests = self._telling(mutant)
            failed = _failing(mutant, tests, caches)
            if failed is not None:
                self.kills[failed] += 1
            else:
                self.survivors.append(mutant)
                if str(mutant) not in EQUAL:
                    print(f"{mutant.lines.start}: {mutant} ({len(tests)} tests)", flush=True)
        return True

    def _telling(self, mutant: Mutant) -> list[pytest.Item]:
        """Return the tests that run the mutant's line, until they take too long.

        Those that told most come first.
        """
        places = {(str(mutant.file), line) for line in mutant.lines}
        running = [item for item, ran in self.tests.items() if not places.isdisjoint(ran.lines)]
        running.sort(key=lambda item: (-self.kills[item.nodeid], self.tests[item].seconds))
        until = accumulate(self.tests[item].seconds for item in running)
        return [item for item, seconds in zip(running, until, strict=True) if seconds < self.seconds]


def _failing(mutant: Mutant, tests: Sequence[pytest.Item], caches: Sequence[Any]) -> str | None:
    """Return the test that fails in a process where the mutant is in place of the function; "" if it ends."""
    told, tell = os.pipe()
    process = os.fork()
    if process:
        os.close(tell)
        with os.fdopen(told) as pipe:
            name = pipe.read()
        return None if os.waitpid(process, 0)[1] == 0 else name
    try:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        _exchange(mutant)
        for cached in caches:
            cached.cache_clear()
        for test, following in zip_longest(tests, tests[1:]):
            if any(report.failed for report in runtestprotocol(test, log=False, nextitem=following)):
                os.write(tell, test.nodeid.encode())
                os._exit(1)
        os._exit(0)
    except BaseException:
        os._exit(1)


def _exchange(mutant: Mutant) -> None:
    """Give the function of the loaded module the mutant's code."""
    name = ".".join(mutant.file.relative_to(ROOT).with_suffix("").parts)
    found: Any = importlib.import_module(name)
    code = compile(mutant.tree, str(mutant.file), "exec")
    for part in mutant.function.split("."):
        found = vars(found)[part]
        code = next(each for each in code.co_consts if isinstance(each, CodeType) and each.co_name == part)
    while not isinstance(found, FunctionType):
        inner = ("fget", "func", "__func__", "__wrapped__")
        found = next(getattr(found, each) for each in inner if hasattr(found, each))
    getattr(found, "__wrapped__", found).__code__ = code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=sorted(ROOT.glob("archcheck/residual/*.py")))
    parser.add_argument("--sample", type=int, default=0, help="judge so many, drawn at random")
    parser.add_argument("--seconds", type=float, default=10, help="of the tests that run a mutant's line")
    chosen = parser.parse_args()
    files = [file.resolve() for file in chosen.files]
    found = [mutant for file in files for mutant in mutants(file)]
    if chosen.sample:
        found = random.Random(0).sample(found, min(chosen.sample, len(found)))
    torch.set_num_threads(1)
    judge = Judge(found, chosen.seconds)
    tests = sorted({tests for file in files for tests in TESTS[file.parent.name]})
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[judge])
    if status:
        return int(status)
    equal = sum(str(mutant) in EQUAL for mutant in judge.survivors)
    print(f"{len(judge.survivors) - equal} of {len(found)} survive, beside {equal} that no input can tell")
    return int(len(judge.survivors) > equal)


if __name__ == "__main__":
    sys.exit(main())
