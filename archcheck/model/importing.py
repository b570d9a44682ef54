"""From a target's text, `pkg.module:name` or `path/file.py:name`, to the object that it names. No torch."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from archcheck.errors import TargetError
from archcheck.model.isolation import contained, is_installed, is_machinery
from archcheck.phrasing.suggestions import nearest, suggestion
from archcheck.targets import FORMS, PLACES, is_path, is_well_formed, scheme_of

_T = TypeVar("_T")

# The modules imported from the user's folders: name -> (file, time of change, size).
_imported: dict[str, tuple[str, int, int]] = {}


class Loader:
    """Finds what targets name: in the folders of `search` and above, among the installed packages.

    `places` are the folders that a path may be relative to; `folders` the entries of sys.path that the code
    needs, also later, when it imports lazily.
    """

    def __init__(self, search: Sequence[Path] = (Path(),)) -> None:
        self.places = _unique(folder for start in search for folder in _up_to_root(start))
        self.folders = [str(folder) for folder in self.places]

    def load(self, target: str, path: str = "") -> Any:
        """Return the object that a target names, not called; `path` is the target's place in the spec.

        Raises TargetError: TGT001 the text is not a target, TGT002 there is no such file or module, TGT003 it
        can't be imported, TGT004 it has no such name.
        """
        if not is_well_formed(target):
            hint = self._names_in(target, path) if target.endswith(".py") else FORMS
            raise TargetError.of("TGT001", f"'{target}' does not name a class or function", hint, path)
        importlib.invalidate_caches()
        if scheme := scheme_of(target):
            from archcheck.model.libraries import find_in_library  # imports torch

            with contained(f"looking up '{target}'", "TGT004", path=path), self.importable():
                factory = find_in_library(*scheme, self.places, path)
            if factory is not None:
                return factory
        source, _, name = target.rpartition(":")
        found = module = self._module(source, path)
        with contained(f"looking up '{target}'", "TGT004", path=path), self.importable():
            for part in name.split("."):
                if not hasattr(found, part):
                    raise _no_attribute(source, module, found, part, path)
                found = getattr(found, part)
        return found

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Put `folders` first in sys.path; what the code adds to sys.path meanwhile becomes one of them."""
        before = list(sys.path)
        sys.path[:] = _unique([*self.folders, *before])
        try:
            yield
        finally:
            self.folders = _unique([*self.folders, *(entry for entry in sys.path if entry not in before)])
            sys.path[:] = before

    def _module(self, source: str, path: str) -> ModuleType:
        file = self._file(source, path) if is_path(source) else None
        if file is not None:
            own = [_root(file), *_up_to_root(file.parent)]
            self.folders = _unique([*map(str, own), *self.folders])
        with contained(f"importing '{source}'", "TGT003", path=path), self.importable():
            _forget_stale()
            known = set(sys.modules)
            try:
                return _import_file(file) if file else importlib.import_module(source)
            except ModuleNotFoundError as error:
                if file is None and error.name and f"{source}.".startswith(f"{error.name}."):
                    raise self._no_module(source, path) from None
                raise
            finally:
                _remember(set(sys.modules) - known, self.folders)

    def _file(self, source: str, path: str) -> Path:
        candidates = [folder / Path(source).expanduser() for folder in self.places]
        for candidate in candidates:
            if candidate.is_file() and candidate.suffix == ".py":
                return candidate.resolve()
        if any(candidate.exists() for candidate in candidates):
            raise TargetError.of(
                "TGT002", f"'{source}' is not a Python file", "Name a file that ends in .py.", path
            )
        siblings = (file.name for candidate in candidates for file in sorted(candidate.parent.glob("*.py")))
        near = nearest(Path(source).stem + ".py", siblings)
        hint = f"Did you mean '{Path(source).with_name(near).as_posix()}'?" if near else PLACES
        raise TargetError.of("TGT002", f"there is no file '{source}'", hint, path)

    def _names_in(self, source: str, path: str) -> str:
        """Return what to write for a file alone: with a class or function of those that it defines."""
        with suppress(SyntaxError, ValueError):
            body = ast.parse(self._file(source, path).read_bytes()).body
            kinds = ast.ClassDef, ast.FunctionDef
            names = [each.name for each in body if isinstance(each, kinds) and each.name[0] != "_"]
            if names:
                return f"Write one of these: {', '.join(f'{source}:{name}' for name in names[-8:])}."
        return FORMS

    def _no_module(self, source: str, path: str) -> TargetError:
        first, dot, rest = source.partition(".")
        names = [
            entry.stem
            for folder in self.places
            for entry in sorted(folder.iterdir())
            if entry.suffix == ".py" or (entry.is_dir() and entry.name.isidentifier())
        ]
        near = nearest(first, (name for name in names if name != first))
        hint = "Install it, or give the path of the file: path/file.py:Class."
        if near:
            hint = f"Did you mean '{near}{dot}{rest}'?"
        return TargetError.of("TGT002", f"there is no Python module '{source}'", hint, path)


def _import_file(file: Path) -> ModuleType:
    """Import a file as a module of its package if it needs that, else by itself.

    It needs its package for relative imports, and if it imports the package by name. The `__init__` files are
    run then, except one that fails: what it imports need not be what the file needs.
    """
    root, name = _package(file)
    level, imported = _imports(file.read_bytes())
    if level > name.count("."):  # its folders have no `__init__`
        root, name = _folders_as_package(file, level)
    top = name.partition(".")[0]
    if "." not in name or not (level or top in imported) or not _is_free(top, root):
        return _import_alone(file)
    before = set(sys.modules)
    try:
        return importlib.import_module(name)
    except Exception as error:
        if not any(
            frame.name == "<module>" and _is_above(frame.filename, file)
            for frame in traceback.extract_tb(error.__traceback__)
        ):
            raise
        for other in set(sys.modules) - before:
            if other.partition(".")[0] == top:
                del sys.modules[other]
        with suppress(Exception):
            return _import_below_empty_packages(name, root)
        raise


def _import_alone(file: Path) -> ModuleType:
    """Import a file by its own name."""
    name = file.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = f"archcheck_target_{name}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # the file ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name while it is executed.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _import_below_empty_packages(name: str, root: Path) -> ModuleType:
    """Import a module without running the `__init__` files above it."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        package = ModuleType(".".join(parts[:depth]))
        package.__path__ = [str(root.joinpath(*parts[:depth]))]
        sys.modules.setdefault(package.__name__, package)
    return importlib.import_module(name)


@lru_cache(maxsize=2)
def syntax_tree(source: bytes) -> ast.Module | None:
    """Return a file as Python's grammar reads it, to be left as it is; None if it is not Python."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


@lru_cache(maxsize=8)
def _imports(source: bytes) -> tuple[int, set[str]]:
    """Return how many folders up a file's relative imports reach, and the packages it imports by name."""
    level, names = 0, set()
    tree = syntax_tree(source)
    for node in ast.walk(tree) if tree else ():  # what is no Python is told when it is imported
        if isinstance(node, ast.ImportFrom):
            level = max(level, node.level)
            names |= {node.module.partition(".")[0]} if node.module and not node.level else set()
        elif isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
    return level, names


def _folders_as_package(file: Path, level: int) -> tuple[Path, str]:
    """Return `_package` for a file that reaches up many folders: packages without an `__init__`."""
    folders = [folder.name for folder in list(file.parents)[:level]]
    if not all(name.isidentifier() for name in folders) or len(file.parents) <= level:
        return _package(file)
    return file.parents[level], ".".join([*reversed(folders), file.stem])


def _root(file: Path) -> Path:
    """Return the folder that a file's package is imported from."""
    level, _ = _imports(file.read_bytes())
    root, name = _package(file)
    return _folders_as_package(file, level)[0] if level > name.count(".") else root


def _is_above(initial: str, file: Path) -> bool:
    path = Path(initial)
    return path.name == "__init__.py" and path.parent in file.parents


def _package(file: Path) -> tuple[Path, str]:
    """Return the folder to import a file from, and its module name there: packages have an `__init__.py`."""
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _is_free(package: str, root: Path) -> bool:
    """Return whether a package can be imported from this root: no other one of its name is loaded."""
    loaded = sys.modules.get(package)
    return loaded is None or str(root / package) in getattr(loaded, "__path__", ())


def _up_to_root(folder: Path) -> list[Path]:
    """Return a folder and those above it up to the repository's root; only the folder if there is no root."""
    folder = folder.resolve()
    chain = [folder, *folder.parents]
    for length, above in enumerate(chain, start=1):
        if (above / ".git").exists() or (above / "pyproject.toml").is_file():
            return chain[:length]
    return chain[:1]


def _remember(names: set[str], folders: Iterable[str]) -> None:
    inside = tuple(os.path.join(folder, "") for folder in folders)
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and file.startswith(inside) and not is_installed(file) and not is_machinery(file):
            status = os.stat(file)
            _imported[name] = (file, status.st_mtime_ns, status.st_size)


def _forget_stale() -> None:
    """Unload the user's modules if one has changed on disk, or its name now means another file.

    Two specs may each have a `layers.py`, and in a notebook the file is edited between two calls. They go
    together, since they hold references to each other.
    """
    if any(_is_stale(name, *facts) for name, facts in _imported.items()):
        for name in _imported:
            sys.modules.pop(name, None)
        _imported.clear()


def _is_stale(name: str, file: str, changed: int, size: int) -> bool:
    try:
        status = os.stat(file)
    except OSError:
        return True
    return (status.st_mtime_ns, status.st_size) != (changed, size) or _origin(name) not in (None, file)


def _origin(name: str) -> str | None:
    """Return the file that `import name` would find now, found without importing."""
    places: list[str] | None = None
    origin = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), places)
        if spec is None:
            return None
        places, origin = list(spec.submodule_search_locations or ()), spec.origin
    return origin


def _no_attribute(source: str, module: ModuleType, owner: object, name: str, path: str) -> TargetError:
    names = [other for other in dir(owner) if not other.startswith("_")]
    # vars, since asking a lazy module for its names would import all of it.
    defined = sorted(
        other
        for other, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", None) == module.__name__ and other[0] != "_"
    )
    listing = f"It defines {', '.join(defined[:8])}{', …' * (len(defined) > 8)}." if defined else ""
    hint = suggestion(name, names, listing)
    holder = f"'{source}'" if owner is module else f"'{getattr(owner, '__qualname__', type(owner).__name__)}'"
    return TargetError.of("TGT004", f"{holder} has no '{name}'", hint, path)


def _unique(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))
