"""Whether a class alone decides which modules of its list run: an item that it skips is then never called."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache

from torch import nn

_EXITS = (ast.Break, ast.Continue, ast.Return)


@cache
def decides_alone(kind: type, name: str) -> bool:
    """Return whether methods of this class take items of its list `name` in loops, or by numbers, alone.

    They do not where an argument, a computed value or the mode has a part in which items are taken.
    """
    uses = [use for method in _methods(kind) for use in _uses(method, name)]
    return bool(uses) and all(uses)


def _methods(kind: type) -> Iterator[ast.FunctionDef]:
    for base in kind.__mro__:
        if base in (nn.Module, object):
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef) and part.name != "__init__":
                yield part


def _uses(method: ast.FunctionDef, name: str) -> Iterator[bool]:
    """Yield for each use of the list whether nothing but the class decides which items it takes."""
    above = {id(below): part for part in ast.walk(method) for below in ast.iter_child_nodes(part)}
    for part in ast.walk(method):
        if isinstance(part, ast.Attribute) and part.attr == name:
            yield _is_own(part, above, {argument.arg for argument in method.args.args[:1]})


def _is_own(use: ast.Attribute, above: Mapping[int, ast.AST], own: set[str]) -> bool:
    around: list[ast.AST] = [use]
    while id(around[-1]) in above:
        around.append(above[id(around[-1])])
    outer = around[1]
    if isinstance(outer, ast.Call) and isinstance(outer.func, ast.Name) and outer.func.id == "len":
        return True
    by = [outer.slice] if isinstance(outer, ast.Subscript) else []
    loops = [part for part in around if isinstance(part, ast.For)]
    loops += [each for part in around for each in getattr(part, "generators", ())]
    counted = {word.id for loop in loops for word in ast.walk(loop.target) if isinstance(word, ast.Name)}
    for loop in loops:
        by += [loop.iter, *(loop.ifs if isinstance(loop, ast.comprehension) else _conditions(loop, counted))]
    taken = bool(by) and (
        isinstance(outer, ast.Subscript) or any(use is word for loop in loops for word in ast.walk(loop.iter))
    )
    return taken and all(_is_fixed(word, counted | own) for part in by for word in ast.walk(part))


def _conditions(loop: ast.For, counted: set[str]) -> Iterator[ast.expr]:
    """Yield the conditions under which a loop ends or a round is left, or a module is called or not."""
    for part in ast.walk(loop):
        if isinstance(part, ast.If | ast.IfExp):
            below = [each for each in ast.walk(part) if each is not part.test]
            calls = [each.func for each in below if isinstance(each, ast.Call)]
            if any(isinstance(each, _EXITS) for each in below) or any(
                isinstance(word, ast.Name) and word.id in counted for call in calls for word in ast.walk(call)
            ):
                yield part.test


def _is_fixed(word: ast.AST, own: set[str]) -> bool:
    if isinstance(word, ast.Name):
        return word.id in own or hasattr(builtins, word.id)
    return not (isinstance(word, ast.Attribute) and word.attr == "training")
