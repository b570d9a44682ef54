"""Which conditions of the detector no test misses: `python -m benchmarks.condition_mutants [FILE…]`.

A mutant is one file of `archcheck/residual` in which one condition is changed: a comparison is turned, a
`not` or a part of an `and` or `or` is taken away, a test is always true or always false. The examples of the
tests are recorded once, and each mutant judges those recordings in a process of its own; those that judge
them as expected are put to `tests/residual`. A line for each that survives, then their number.
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

import archcheck
from archcheck.commands.trace import Trace
from archcheck.dataflow.run import Dataflow, Module
from tests.examples import CASES
from tests.examples.case import Case, described, seeded
from tests.examples.parts import D
from tests.examples.wrong import BUGS, SOUND

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "archcheck" / "residual"
SECONDS = 120
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
    """A file in which the condition at `line` now reads `now`."""

    file: Path
    line: int
    was: str
    now: str
    tree: ast.Module


class Recorded(NamedTuple):
    """A run, and what is expected of it: of an example its residuals, of a defective model its one code."""

    flow: Dataflow
    modules: dict[str, Module]
    case: Case | None
    codes: tuple[str, ...]


def mutants(file: Path) -> Iterator[Mutant]:
    """All mutants of a file, from its first line to its last."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            copied = copy.deepcopy(tree)
            target: Any = next(each for at, each in enumerate(ast.walk(copied)) if at == number)
            was = _shown(target)
            change(target)
            yield Mutant(file, target.lineno, was, _shown(target), ast.fix_missing_locations(copied))


def _shown(node: Any) -> str:
    return f"if {ast.unparse(node.test)}" if isinstance(node, ast.If | ast.While) else ast.unparse(node)


def _changes(node: ast.AST) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            yield lambda target, at=at, op=op: target.ops.__setitem__(at, TURNED[type(op)]())
    elif isinstance(node, ast.BoolOp):
        for at in range(len(node.values)):
            yield lambda target, at=at: target.values.pop(at)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False) if not isinstance(node, ast.While) else (False,):
            yield lambda target, value=value: setattr(target, "test", ast.Constant(value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda target: setattr(target, "op", ast.UAdd())
    elif isinstance(node, ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        for at, generator in enumerate(node.generators):
            for condition in range(len(generator.ifs)):
                yield lambda target, at=at, condition=condition: target.generators[at].ifs.pop(condition)


def recorded() -> list[Recorded]:
    """The examples of the tests, each run once."""
    found = []
    for case in CASES:
        if not case.open_question:
            args, kwargs = case.arguments()
            with seeded():
                found.append(_recorded(archcheck.trace(case.model(), *args, **kwargs), case))
    for code, model in [*((code, bug) for code, bug, _ in BUGS), *(("", sound) for sound in SOUND)]:
        with seeded():
            instance: Any = model()
            instance.train(hasattr(instance, "train_only"))
            run = archcheck.trace(instance, torch.randn(2, 6, D))
        found.append(_recorded(run, None, code))
    return found


def _recorded(run: Trace, case: Case | None, code: str = "") -> Recorded:
    return Recorded(run.dataflow, run.modules, case, (code,) if code else ())


def survives(mutant: Mutant, runs: Sequence[Recorded]) -> bool:
    """Does no example and no test of the detector tell the mutant from the detector?"""
    return _in_a_child(mutant, lambda: _judges_as_expected(runs)) and _in_a_child(mutant, _passes_the_tests)


def _judges_as_expected(runs: Sequence[Recorded]) -> bool:
    from archcheck.residual import defects, search

    for run in runs:
        joins = search(run.flow).joins
        residuals = [join.residual for join in joins]
        if run.case is not None and described(residuals, run.case.expected) != list(run.case.expected):
            return False
        found = defects.merged(defects.find(run.flow, joins, run.modules))
        if tuple(finding.code for finding in found) != run.codes:
            return False
    return True


def _passes_the_tests() -> bool:
    tests = ROOT / "tests" / "residual"
    judged = [f"--ignore={tests / name}" for name in ("test_residuals.py", "test_wrong_code.py")]
    return pytest.main(["-x", "-q", "-p", "no:cacheprovider", *judged, str(tests)]) == 0


def _in_a_child(mutant: Mutant, judge: Callable[[], bool]) -> bool:
    """What `judge` says where the mutant stands for its file; False if it fails or takes too long."""
    process = os.fork()
    if not process:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        _install(mutant)
        try:
            os._exit(0 if judge() else 1)
        except BaseException:
            os._exit(1)
    return os.waitpid(process, 0)[1] == 0


def _install(mutant: Mutant) -> None:
    """Import the detector, and whatever imports it, anew, with the mutant for its file."""
    name = f"archcheck.residual.{mutant.file.stem}"

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> Any:
            return compile(mutant.tree, str(mutant.file), "exec")

    class Finder(MetaPathFinder):
        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            if fullname != name:
                return None
            return spec_from_file_location(name, mutant.file, loader=Loader(name, str(mutant.file)))

    for package in ("residual", "commands", "diff"):
        for loaded in [each for each in sys.modules if f"{each}.".startswith(f"archcheck.{package}.")]:
            del sys.modules[loaded]
    vars(archcheck).pop("trace", None)
    sys.meta_path.insert(0, Finder())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=sorted(FOLDER.glob("*.py")))
    parser.add_argument("--sample", type=int, default=0, help="judge so many, drawn at random")
    chosen = parser.parse_args()
    found = [mutant for file in chosen.files for mutant in mutants(file.resolve())]
    if chosen.sample:
        found = random.Random(0).sample(found, min(chosen.sample, len(found)))
    torch.set_num_threads(1)
    runs = recorded()
    gc.collect()
    gc.freeze()  # no child copies what it only reads
    survivors = 0
    for mutant in found:
        if survives(mutant, runs):
            survivors += 1
            print(f"{mutant.file.name}:{mutant.line}: {mutant.was} -> {mutant.now}", flush=True)
    print(f"{survivors} of {len(found)} survive")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
