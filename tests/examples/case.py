"""What a case of the registry is: a small model, its inputs, and the residual connections it executes.

The add that joins a residual is marked in the model's source: a line that ends with `# sink`, or with
`# sink NAME` where one owner holds several.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

import archcheck
from archcheck.commands.trace import Trace
from archcheck.connections import Residual

Factors = tuple[tuple[str, float | str], ...]


@dataclass(frozen=True)
class Expected:
    """A residual as a person reads it off the source; a field that is None is left open.

    `place` is (file name, line) of the sink; `factors` holds (`skip` or `branch`, number or path of a
    parameter of the model).
    """

    kind: str
    scope: str
    implemented_in: str
    source: str | None
    branch: tuple[str, ...] | None
    place: tuple[str, int] | None
    skip: tuple[str, ...] | None = None
    factors: Factors | None = None


def residual(
    owner: Any,
    source: str | None,
    branch: str | None,
    sink: str = "",
    *,
    kind: str = "identity",
    scope: str = "",
    within: str | None = None,
    skip: str | None = None,
    factors: Factors | None = None,
) -> Expected:
    """The residual whose sink is marked in `owner`'s source; `branch` and `skip` are words.

    `within` is the module that implements the sink, the scope itself by default.
    """
    return Expected(
        kind,
        scope,
        scope if within is None else within,
        source,
        None if branch is None else tuple(branch.split()),
        line_of(owner, sink),
        None if skip is None else tuple(skip.split()),
        factors,
    )


@cache
def line_of(owner: Any, sink: str = "") -> tuple[str, int]:
    """(file name, line) of the one line in the owner's source that is marked `# sink` (+ name)."""
    wanted = re.compile(r"# sink" + (f" {sink}" if sink else "") + "$")
    return _line_matching(owner, wanted)


@cache
def line_with(owner: Any, text: str) -> tuple[str, int]:
    """(file name, line) of the one sum in the owner's assignments that reads so; for code of others.

    Where lines are broken does not matter: they differ between versions of torch.
    """
    lines, first = inspect.getsourcelines(owner)
    found = [
        first - 1 + node.lineno
        for statement in ast.walk(ast.parse(textwrap.dedent("".join(lines))))
        if isinstance(statement, ast.Assign) and text in ast.unparse(statement)
        for node in ast.walk(statement)
        if isinstance(node, ast.BinOp)
    ]
    assert len(found) == 1, f"{text!r} stands on lines {found} of {owner.__name__}"
    return Path(inspect.getsourcefile(owner) or "").name, found[0]


def _line_matching(owner: Any, wanted: re.Pattern[str]) -> tuple[str, int]:
    file = inspect.getsourcefile(owner) or ""
    lines, spans = _source(file)
    found = [number for number in spans[owner.__qualname__] if wanted.search(lines[number - 1])]
    assert len(found) == 1, f"{wanted.pattern!r} stands on lines {found} of {owner.__name__}"
    return Path(file).name, found[0]


@cache
def _source(file: str) -> tuple[list[str], dict[str, range]]:
    """The lines of a file, and those of each class and function: `inspect` parses the file for each class."""
    text = Path(file).read_text(encoding="utf-8")
    spans: dict[str, range] = {}

    def note(parent: ast.AST, prefix: str) -> None:
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                spans[prefix + node.name] = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                inner = f"{prefix}{node.name}."
                note(node, inner if isinstance(node, ast.ClassDef) else f"{inner}<locals>.")

    note(ast.parse(text), "")
    return text.splitlines(), spans


@dataclass(frozen=True)
class Case:
    """A model with what is true of it.

    `expected` lists its residuals in the order of their sinks. `unseen` says why the ablation oracle can't
    judge the model (it sees tensors at module boundaries only); `open_question` says why the definitions
    leave the residuals undecided, and then the model is only replayed.
    """

    name: str
    build: Callable[[], nn.Module]
    expected: tuple[Expected, ...] = ()
    inputs: Callable[[], tuple[Any, ...]] = lambda: (torch.randn(2, 6, 8),)
    keywords: Callable[[], dict[str, Any]] = dict
    train: bool = False
    unseen: str = ""
    open_question: str = ""

    def model(self) -> nn.Module:
        """A new instance with random weights, the same ones at every call."""
        with seeded(), _quiet():
            model = self.build().train(self.train)
            for parameter in model.parameters():
                if parameter.is_floating_point() or parameter.is_complex():
                    nn.init.normal_(parameter.data, std=0.4)
        return model

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """New inputs, the same ones at every call."""
        with seeded():
            return self.inputs(), self.keywords()

    def trace(self) -> Trace:
        """A new trace of a new instance."""
        args, kwargs = self.arguments()
        with seeded():
            return archcheck.trace(self.model(), *args, **kwargs)

    @cache  # noqa: B019 (there are as many cases as the registry has)
    def traced(self) -> Trace:
        """One trace that tests share: for those that only read it."""
        return self.trace()


@contextlib.contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Random numbers start from one seed inside, and are put back afterwards."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Some ways to write a model that people still use are deprecated, and say so when built."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def described(residuals: Sequence[Residual], expected: Sequence[Expected]) -> list[Expected]:
    """Traced residuals in the form of expected ones, leaving open what their counterparts leave open."""
    seen = [
        Expected(
            str(found.kind),
            found.scope,
            found.implemented_in,
            found.source,
            found.branch,
            (Path(found.location.file).name, found.location.line) if found.location else None,
            found.skip,
            tuple((f.on, f.parameter or f.value or 0.0) for f in found.factors),
        )
        for found in residuals
    ]
    if len(seen) != len(expected):
        return seen
    return [_masked(one, like) for one, like in zip(seen, expected, strict=True)]


def _masked(seen: Expected, like: Expected) -> Expected:
    left_open = {field.name: None for field in fields(Expected) if getattr(like, field.name) is None}
    return replace(seen, **left_open)  # type: ignore[arg-type]
