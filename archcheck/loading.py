"""From a target's text to the Python object that it names; foreign code is run here, and held here. No torch.

The user's code may print, exit, raise anything, and change global state. `contained` keeps all of that from
the rest of archcheck: what goes wrong becomes a TargetError with the line of the user's own code.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TypeVar

from archcheck.errors import ArchcheckError, Problem, TargetError

_T = TypeVar("_T")

_OWN_FOLDER = Path(__file__).parent
_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_LONGEST_MESSAGE = 300

# Modules that were imported from the user's folders: name -> (file, time of change, size).
_imported: dict[str, tuple[str, int, int]] = {}


class Loader:
    """Finds what targets name, in the current folder, the spec's and those above it, and the packages.

    `folders` are the entries of sys.path that the code needs, also later, when it imports lazily.
    """

    def __init__(self, search: Sequence[Path] = ()) -> None:
        starts = [Path.cwd(), *search]
        self._places = _unique(folder for start in starts[1:] for folder in _up_to_root(start))
        self._places.insert(0, starts[0])
        self.folders = [str(folder) for folder in self._places]

    def load(self, target: str, path: str = "") -> Any:
        """The object that `pkg.module:name` or `path/file.py:name` names, not called.

        `path` is the place in the spec where the target is written. Raises TargetError: TGT001 the text is no
        target, TGT002 no such file or module, TGT003 it can't be imported, TGT004 it has no such name.
        """
        source, _, name = target.rpartition(":")
        if not source or not all(part.isidentifier() for part in name.split(".")):
            raise _error(
                target, "TGT001", f"'{target}' is no target.", path, "Write pkg.module:Class or path/file.py:Class."
            )
        module = self._module(source, target, path)
        with contained(f"Looking up {target}", "TGT003", file=target, path=path), self.importable():
            found = module
            for part in name.split("."):
                if not hasattr(found, part):
                    raise _no_attribute(target, found, part, source, path)
                found = getattr(found, part)
        return found

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Puts `folders` first in sys.path, and keeps in mind what the user's code adds to it."""
        before = list(sys.path)
        sys.path[:] = _unique([*self.folders, *before])
        importlib.invalidate_caches()
        try:
            yield
        finally:
            self.folders = _unique([*self.folders, *(entry for entry in sys.path if entry not in before)])
            sys.path[:] = before

    def _module(self, source: str, target: str, path: str) -> ModuleType:
        is_file = source.endswith(".py") or "/" in source or "\\" in source
        file = self._file(source, target, path) if is_file else None
        if file is not None:
            own = [_package(file)[0], *_up_to_root(file.parent)]
            self.folders = _unique([*map(str, own), *self.folders])
        with (
            contained(f"Importing {source}", "TGT003", file=source, path=path),
            self.importable(),
        ):
            _forget_stale()
            known = set(sys.modules)
            try:
                return _import_file(file) if file else importlib.import_module(source)
            except ModuleNotFoundError as error:
                if file is None and error.name and f"{source}.".startswith(f"{error.name}."):
                    raise self._no_module(source, target, path) from None
                raise
            finally:
                _remember(set(sys.modules) - known, self.folders)

    def _file(self, source: str, target: str, path: str) -> Path:
        candidates = [folder / Path(source).expanduser() for folder in self._places]
        for candidate in candidates:
            if candidate.is_file() and candidate.suffix == ".py":
                return candidate.resolve()
        found = next((candidate for candidate in candidates if candidate.exists()), None)
        if found is not None:
            kind = "a folder" if found.is_dir() else "no Python file"
            raise _error(target, "TGT002", f"{source} is {kind}.", path, "Name a file that ends in .py.")
        siblings = [file.name for candidate in candidates for file in sorted(candidate.parent.glob("*.py"))]
        near = difflib.get_close_matches(Path(source).stem + ".py", siblings, n=1)
        hint = (
            f"Did you mean {Path(source).with_name(near[0]).as_posix()}?"
            if near
            else f"It was looked for in {_listed(map(shown, self._places))}."
        )
        raise _error(target, "TGT002", f"There is no file {source}.", path, hint)

    def _no_module(self, source: str, target: str, path: str) -> TargetError:
        first = source.partition(".")[0]
        names = [
            entry.stem
            for folder in self._places
            for entry in sorted(folder.iterdir())
            if entry.suffix == ".py" or (entry.is_dir() and entry.name.isidentifier())
        ]
        near = [name for name in difflib.get_close_matches(first, names, n=1) if name != first]
        hint = (
            f"Did you mean {near[0]}?"
            if near
            else f"It is neither in {_listed(map(shown, self._places))} nor installed in this environment."
        )
        return _error(target, "TGT002", f"There is no Python module {source}.", path, hint)


@contextmanager
def contained(doing: str, code: str = "TGT012", *, file: str = "", path: str = "", hint: str = "") -> Iterator[None]:
    """Runs foreign code: its standard output goes to standard error, and all that it raises is a TargetError.

    `doing` begins the message ("Importing net.py" raised …); `file` is the place that is named where the
    traceback holds no line of the user's. The working folder and sys.argv are as before afterwards.
    KeyboardInterrupt and archcheck's own errors pass through.
    """
    try:
        with _process_state(), _stdout_to_stderr():
            yield
    except (KeyboardInterrupt, ArchcheckError):
        raise
    except BaseException as error:
        # The cause is kept for --debug.
        raise TargetError(_problem(error, doing, code, file, path, hint)) from error


def shown(path: str | Path) -> str:
    """A path as the user would write it: relative to the current folder where it lies inside."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


@contextmanager
def _process_state() -> Iterator[None]:
    """Hides archcheck's own command line from the code, and restores it and the working folder."""
    folder, arguments = os.getcwd(), sys.argv
    sys.argv = arguments[:1]
    try:
        yield
    finally:
        sys.argv = arguments
        os.chdir(folder)


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Redirects Python's sys.stdout, and file descriptor 1 for what writes to it directly."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(sys.stderr))
        try:
            stdout = os.dup(1)
        except OSError:  # there is no standard output
            yield
            return
        stack.callback(os.close, stdout)
        _flush_stdout()
        os.dup2(2, 1)
        stack.callback(os.dup2, stdout, 1)
        stack.callback(_flush_stdout)
        yield


def _flush_stdout() -> None:
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()


def _problem(error: BaseException, doing: str, code: str, file: str, path: str, hint: str) -> Problem:
    place, column = user_place(error.__traceback__), None
    message = f"{doing} raised {type(error).__name__}: {first_line(error)}"
    if isinstance(error, SyntaxError) and error.filename and os.path.isfile(error.filename):
        place, column = (os.path.abspath(error.filename), error.lineno or 1), error.offset or None
        message = f"{doing} met a syntax error: {error.msg}"
        hint = ""
    elif isinstance(error, SystemExit):
        message = f"{doing} ended the program with exit code {error.code!r}"
        hint = 'Put what the script does beyond definitions under `if __name__ == "__main__":`.'
    elif isinstance(error, RecursionError):
        message = f"{doing} never ended: it calls itself without end"
    elif isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"Install {error.name.partition('.')[0]} into the environment of archcheck, or add its folder."
    elif isinstance(error, ImportError) and "relative import" in str(error):
        hint = "Add an __init__.py to its folder, or name the target as package.module:Class."
    where = shown(place[0]) if place else file
    line = place[1] if place else None
    return Problem(where, line, column, code, message.rstrip(".: ") + ".", path, hint)


def user_place(trace: TracebackType | None) -> tuple[str, int] | None:
    """File and line of the innermost frame in the user's own code, else in an installed package.

    Frames of archcheck, torch, the standard library and code without a file don't count.
    """
    frames = [
        (os.path.abspath(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(trace)
        if not frame.f_code.co_filename.startswith("<") and not _is_machinery(frame.f_code.co_filename)
    ]
    own = [place for place in frames if not _is_installed(place[0])]
    return (own or frames or [None])[-1]


def first_line(error: BaseException) -> str:
    """What an exception says, in one printable line of bounded length."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        return "(it has no readable message)"
    text = "".join(char if char.isprintable() else " " for char in lines[0]) if lines else "(no message)"
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _is_installed(file: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _is_machinery(file: str) -> bool:
    path = Path(file)
    torch = getattr(sys.modules.get("torch"), "__file__", None)
    return (
        path.is_relative_to(_OWN_FOLDER)
        or (torch is not None and path.is_relative_to(Path(torch).parent))
        or (path.is_relative_to(_STDLIB) and not _is_installed(file))
    )


def _import_file(file: Path) -> ModuleType:
    """Imports a file as the module of its package, or by its own name where it is in none."""
    root, name = _package(file)
    if "." in name and _origin(name) == str(file) and _is_free(name.partition(".")[0], root):
        return importlib.import_module(name)
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
    # Dataclasses and pickles look their module up by name while it is executed.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _package(file: Path) -> tuple[Path, str]:
    """The folder that must be importable for a file, and its module name there, by the `__init__.py` above it."""
    parts = [] if file.stem == "__init__" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def _is_free(package: str, root: Path) -> bool:
    """Whether a package may be imported from this root: no other one of its name is loaded."""
    loaded = sys.modules.get(package)
    return loaded is None or str(root / package) in getattr(loaded, "__path__", ())


def _up_to_root(folder: Path) -> list[Path]:
    """A folder and those above it up to the repository's root; the folder alone where there is no root."""
    folder = folder.resolve()
    chain = [folder, *folder.parents]
    for length, above in enumerate(chain, start=1):
        if (above / ".git").exists() or (above / "pyproject.toml").is_file():
            return chain[:length]
    return chain[:1]


def _remember(names: set[str], folders: Iterable[str]) -> None:
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if not file or _is_installed(file) or _is_machinery(file) or not file.startswith(tuple(folders)):
            continue
        status = os.stat(file)
        _imported[name] = (file, status.st_mtime_ns, status.st_size)


def _forget_stale() -> None:
    """Unloads the user's modules where one has changed on disk, or its name now means another file.

    Two specs may each have a `layers.py`; and a notebook edits the file between two calls. They go
    together, since the modules hold each other.
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
    """The file that `import name` would find now, without importing anything."""
    places: Iterable[str] | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        spec = PathFinder.find_spec(".".join(parts[:depth]), None if places is None else list(places))
        if spec is None:
            return None
        places = spec.submodule_search_locations or []
    return spec.origin


def _no_attribute(target: str, owner: object, name: str, source: str, path: str) -> TargetError:
    public = [other for other in dir(owner) if not other.startswith("_")]
    near = difflib.get_close_matches(name, public, n=1)
    own = sorted(
        other
        for other, value in (vars(owner) if isinstance(owner, ModuleType) else {}).items()
        if callable(value)
        and not other.startswith("_")
        and getattr(value, "__module__", None) == owner.__name__
    )
    hint = f"Did you mean {near[0]}?" if near else f"It has {_listed(own)}." if own else "It defines nothing to call."
    holder = source if isinstance(owner, ModuleType) else f"{getattr(owner, '__name__', owner)} in {source}"
    file = getattr(owner, "__file__", None) or target
    return _error(shown(file), "TGT004", f"{holder} has no name {name}.", path, hint)


def _error(file: str, code: str, message: str, path: str, hint: str) -> TargetError:
    return TargetError(Problem(file, None, None, code, message, path, hint))


def _listed(words: Iterable[str], limit: int = 8) -> str:
    known = [word for word in words]
    return ", ".join(known[:limit]) + (", …" if len(known) > limit else "")


def _unique(items: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(items))
