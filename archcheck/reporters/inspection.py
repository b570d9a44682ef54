"""What a model is made of, as lines of text: a tree of its parts, and its residual connections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from archcheck.connections import Residual
from archcheck.findings import Part
from archcheck.reporters.common import one_line, place

_INDEX = re.compile(r"\d+(?![^.)])")  # the number of a layer: it ends a component of a path
_BRANCH_LIMIT = 6


def tree_lines(whole: Part, *, deep: bool) -> list[str]:
    """Return a model and its parts, nested ones indented; unless `deep`, only the contents of blocks."""
    return [one_line(whole.what), *_inner(whole, deep=deep, level=1)]


def _inner(part: Part, *, deep: bool, level: int) -> Iterator[str]:
    names = [f"{each.name} ×{each.count}" if each.count > 1 else each.name for each in part.parts]
    width = max(map(len, names), default=0)
    for name, each in zip(names, part.parts, strict=True):
        like = f" (as {each.like})" if each.like and (deep or each.is_block) else ""
        yield one_line(f"{'  ' * level}{name:<{width}}  {each.what}{like}".rstrip())
        if deep or each.is_block:
            yield from _inner(each, deep=deep, level=level + 1)


def residual_lines(residuals: Iterable[Residual], *, fold: bool) -> list[str]:
    """Return a line per residual connection; with `fold`, one for all that differ only in indices."""
    if not fold:
        return [_residual(residual) for residual in residuals]
    groups: dict[Residual, list[Residual]] = {}
    for residual in residuals:
        alike = _in_all_paths(_generic, [residual])
        alike = replace(alike, branch=tuple(dict.fromkeys(alike.branch)))
        groups.setdefault(alike, []).append(residual)
    return [_folded(alike, members) for alike, members in groups.items()]


def _folded(alike: Residual, members: Sequence[Residual]) -> str:
    """Return one line for residuals that differ only in numbers, or in how many layers they go around."""
    if len(members) == 1:
        return _residual(members[0])
    if len({(len(each.branch), len(each.skip)) for each in members}) == 1:
        alike = _in_all_paths(_common, members)
    return f"{_residual(alike)} ({len(members)} times)"


def _in_all_paths(change: Callable[[Sequence[str]], str], members: Sequence[Residual]) -> Residual:
    """Return the first of several like residuals, with each path merged from the paths of all."""
    first = members[0]
    return replace(
        first,
        scope=change([each.scope for each in members]),
        implemented_in=change([each.implemented_in for each in members]),
        source=change([each.source for each in members]),
        source_location=None,
        branch=tuple(map(change, zip(*(each.branch for each in members), strict=True))),
        skip=tuple(map(change, zip(*(each.skip for each in members), strict=True))),
        factors=tuple(
            replace(factor, parameter=change([each.factors[number].parameter for each in members]))
            for number, factor in enumerate(first.factors)
        ),
    )


def _generic(paths: Sequence[str]) -> str:
    """Return a path without the numbers of layers: `layer*.*` for `layer1.0`."""
    return _INDEX.sub("*", paths[0])


def _common(paths: Sequence[str]) -> str:
    """Return the common form of paths that differ in numbers: `layer*.0` for `layer1.0` and `layer2.0`."""
    numbers = zip(*(_INDEX.findall(path) for path in paths), strict=True)
    kept = iter([each[0] if len(set(each)) == 1 else "*" for each in numbers])
    return _INDEX.sub(lambda _: next(kept), paths[0])


def _residual(residual: Residual) -> str:
    """Return `model.layers.0: identity around input_layernorm, self_attn from input (model.py:193)`."""
    branch = list(residual.branch)
    if len(branch) > _BRANCH_LIMIT:
        branch[_BRANCH_LIMIT - 2 : -1] = ["..."]
    words = [
        f"{residual.scope or '(model)'}: {residual.kind} around {', '.join(branch) or 'operations'}",
        f" from {residual.source}",
        f" through {', '.join(residual.skip)}" if residual.skip else "",
        f", scaled by {' and '.join(str(factor) for factor in residual.factors)}" if residual.factors else "",
        f", implemented in {residual.implemented_in or '(model)'}"
        if residual.implemented_in != residual.scope
        else "",
        f" ({place(residual.location)})" if residual.location else "",
    ]
    return one_line("".join(words))
