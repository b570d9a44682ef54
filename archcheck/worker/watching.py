"""Noting what a model's code touches outside itself: files, imports, the environment.

Python's audit hooks report most of it. They do not report `os.stat` and the like, nor `os.environ`, which are
wrapped. It is for a process that runs one model and ends: it can't be undone. Standard library only.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from archcheck.model.isolation import is_installed
from archcheck.seam.touched import Stamp, Touched, stamp_of

# What these lead to, or leave behind, can't be seen from here.
_BEYOND = tuple(
    """
    ctypes. fcntl. ftplib. http. imaplib. mmap. msvcrt. nntplib. os.exec os.fork os.posix_spawn
    os.spawn os.startfile os.system poplib. pty. smtplib. socket. sqlite3. subprocess. telnetlib.
    urllib. webbrowser. winreg. os.chmod os.chown os.getxattr os.link os.listxattr os.lockf
    os.remove os.rename os.rmdir os.setxattr os.symlink os.truncate os.utime
    """.split()
)
_LISTING = ("os.listdir", "os.scandir")
_MAKING = "os.mkdir"
_LOADING = "ctypes.dlopen"
_IMPORTS = "<frozen importlib"
_PYC = f"{os.sep}__pycache__{os.sep}"


class Watch:
    """Watches this process from its creation on; `touched` is what it has seen so far."""

    def __init__(self) -> None:
        self._opened: dict[str, Stamp | None] = {}
        self._asked: dict[str, Stamp | None] = {}
        self._listed: set[str] = set()
        self._searched: dict[str, set[str]] = {}
        self._variables: set[str] = set()
        self._beyond: set[str] = set()
        tempfile.gettempdir()  # it is found by writing to it, once in a process
        self._status = os.stat
        self._getcwd = os.getcwd
        self._is_own = False  # what this object does itself is not noted
        self._wrap_status()
        self._wrap_environment()
        sys.meta_path.insert(0, self)
        sys.addaudithook(self._heard)

    def touched(self) -> Touched:
        """Return what was touched since the beginning."""
        if self not in sys.meta_path:
            self._beyond.add("sys.meta_path")
        self._is_own = True
        modules = {_file_of(module) for module in list(sys.modules.values())}
        return Touched(
            dict(self._opened),
            dict(self._asked),
            tuple(sorted(self._listed)),
            {folder: tuple(sorted(names)) for folder, names in self._searched.items()},
            tuple(sorted(file for file in modules if os.path.isabs(file))),
            tuple(sorted(self._variables)),
            tuple(sorted(self._beyond)),
        )

    # -- reported by Python ------------------------------------------------------------------------

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_own:
            return
        if event == "open":
            self._open(*arguments[:3])
        elif event == _MAKING:  # the folder exists then, and so has been asked for
            self._note(arguments[0], self._asked)
        elif event == _LOADING and _is_package_file(arguments[0]):  # an extension, but for its way of loading
            self._note(arguments[0], self._opened)
        elif event.startswith(_BEYOND + _LISTING):
            if sys._getframe(1).f_code.co_filename.startswith(_IMPORTS):
                return  # what imports look for is known from `find_spec`
            if event in _LISTING:
                self._list(arguments[0] if arguments[0] is not None else ".")
            else:
                self._beyond.add(event)

    def _open(self, path: Any, mode: str | None, flags: int) -> None:
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not set(mode or "") & set("wax+"):
            self._note(path, self._opened)
        elif path != os.devnull and not sys._getframe(2).f_code.co_filename.startswith(_IMPORTS):
            self._beyond.add("a file opened for writing")

    def find_spec(self, name: str, path: Iterable[str] | None = None, target: object = None) -> None:
        """Find no module, but note where it is looked for: all imports begin here."""
        for folder in sys.path if path is None else path:
            if isinstance(folder, str):
                names = self._searched.setdefault(self._absolute(folder or "."), set())
                names.add(name.rpartition(".")[2])

    # -- wrapped functions --------------------------------------------------------------------------

    def _wrap_status(self) -> None:
        def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(original)
            def asks(path: Any, *arguments: Any, **options: Any) -> Any:
                if options.get("dir_fd") is not None:
                    self._beyond.add("dir_fd")
                elif original.__name__ != "open":  # which Python reports
                    self._note(path, self._asked)
                return original(path, *arguments, **options)

            return asks

        for name in ("access", "lstat", "open", "readlink", "stat"):
            original = getattr(os, name)
            replacement = wrapped(original)
            setattr(os, name, replacement)
            for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
                if original in able:
                    able.add(replacement)

    def _wrap_environment(self) -> None:
        kind: Any = type(os.environ)
        get, variables, beyond = kind.__getitem__, self._variables, self._beyond

        def reads(environment: Any, name: Any) -> Any:
            if isinstance(name, (str, bytes)):
                variables.add(os.fsdecode(name))
            return get(environment, name)

        def lists(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def wrapped(environment: Any) -> Any:
                beyond.add("all environment variables")
                return original(environment)

            return wrapped

        kind.__getitem__ = reads
        kind.__iter__ = lists(kind.__iter__)
        kind.__len__ = lists(kind.__len__)

    # -- files -------------------------------------------------------------------------------------

    def _note(self, path: Any, notes: dict[str, Stamp | None]) -> None:
        """Note a file with its stamp; for a module's compiled code, which Python renews, the source."""
        if self._is_own or isinstance(path, int):
            return
        try:
            file = self._absolute(os.fspath(path))
            if file.endswith(".pyc") and _PYC in file:
                folder, _, name = file.rpartition(_PYC)
                file = f"{folder}{os.sep}{name.partition('.')[0]}.py"
            if file not in notes and not file.endswith(_PYC[:-1]):  # Python makes that folder itself
                notes[file] = self._stamp(file)
        except (TypeError, ValueError):  # no path, as the call itself will say
            return

    def _list(self, path: Any) -> None:
        if isinstance(path, int):
            self._beyond.add("a folder listed through an open handle")
        else:
            self._listed.add(self._absolute(path))

    def _stamp(self, file: str) -> Stamp | None:
        try:
            return stamp_of(self._status(file))
        except OSError:
            return None

    def _absolute(self, path: str | bytes) -> str:
        path = os.fsdecode(path)
        return os.path.join(self._getcwd(), path)


def _is_package_file(path: Any) -> bool:
    return isinstance(path, str) and os.path.isabs(path) and is_installed(path)


def _file_of(module: Any) -> str:
    file = getattr(module, "__dict__", {}).get("__file__")  # not by getattr: a lazy module would import more
    return file if isinstance(file, str) else ""
