"""Module paths, as `named_modules()` has them: "" is the model, `layers.0.mlp` a module in it.

A sentence about modules is a `Phrase` until it is known who reads it: a panel names the modules in it by
relative paths, an inspection by whole ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


def parent(path: str) -> str:
    """Return the module that holds this one.

    >>> parent("layers.0.mlp"), parent("layers"), parent("")
    ('layers.0', '', '')
    """
    return path.rpartition(".")[0]


def leaf(path: str) -> str:
    """Return the last name of a path.

    >>> leaf("layers.0.mlp"), leaf("")
    ('mlp', '')
    """
    return path.rpartition(".")[2]


def parents(path: str) -> Iterator[str]:
    """Yield the modules that hold this one, the closest first, the model last.

    >>> list(parents("layers.0.mlp")), list(parents(""))
    (['layers.0', 'layers', ''], [])
    """
    while path:
        path = parent(path)
        yield path


def at_and_above(path: str) -> Iterator[str]:
    """Yield the module itself and those that hold it, the closest first.

    >>> list(at_and_above("layers.0")), list(at_and_above(""))
    (['layers.0', 'layers', ''], [''])
    """
    yield path
    yield from parents(path)


def is_within(path: str, above: str) -> bool:
    """Return whether `path` is the module `above`, or inside it.

    >>> is_within("net2.a", "net2"), is_within("net2", "net"), is_within("net2", "")
    (True, False, True)
    """
    return not above or path == above or path.startswith(f"{above}.")


def joined(scope: str, relative: str) -> str:
    """Return the path of `relative` within `scope`; either may be "".

    >>> joined("model.layers.3", "mlp"), joined("", "mlp"), joined("model", "")
    ('model.layers.3.mlp', 'mlp', 'model')
    """
    return f"{scope}.{relative}" if scope and relative else scope or relative


def generic(path: str) -> str:
    """Return the path with a wildcard for each index.

    >>> generic("layers.12.mlp")
    'layers.*.mlp'
    """
    return ".".join("*" if part.isdigit() else part for part in path.split("."))


@dataclass(frozen=True, slots=True, order=True)
class ModulePath:
    """A module, or an attribute of one (`mlp.num_heads`), inside a sentence."""

    path: str


Phrase = tuple[str | ModulePath, ...]
"""A sentence in which modules are not named yet."""


def listed(paths: Iterable[str]) -> Phrase:
    """Return `a, b, c` of modules, with commas only."""
    found: list[str | ModulePath] = []
    for path in paths:
        found += [", ", ModulePath(path)] if found else [ModulePath(path)]
    return tuple(found)


def sentence(phrase: Phrase, name: Callable[[str], str] = lambda path: path or "the model") -> str:
    """Return the phrase as text, with each module named by `name`."""
    return "".join(name(part.path) if isinstance(part, ModulePath) else part for part in phrase)


def generic_phrase(phrase: Phrase) -> Phrase:
    """Return what is equal for modules that differ only in their indices."""
    return tuple(ModulePath(generic(part.path)) if isinstance(part, ModulePath) else part for part in phrase)
