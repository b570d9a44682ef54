"""What a cached verdict depends on, as values to compare: files, imports, the environment."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import all_suffixes
from typing import Any

from archcheck.model.isolation import is_installed
from archcheck.seam.touched import Stamp, Touched, stamp_of

_LARGE = 2**26
_KERNEL = ("/proc/", "/sys/")  # no files on a disk: they have no times that mean anything
_STDLIB = os.path.join(sysconfig.get_paths()["stdlib"], "")
_MODULES = tuple(all_suffixes())
# What native code, or code imported before the model, may read unseen.
_READ_UNSEEN = re.compile(
    r"(PYTHON|TORCH|PYTORCH|ATEN|CUDA|NVIDIA|NCCL|HIP|ROCR|HSA|XLA|OMP|GOMP|KMP|MKL|DNNL|ONEDNN|OPENBLAS|BLIS|NUMPY|NPY"
    r"|LD_|DYLD_|MALLOC|LANG|LC_|HOME$|PATH$|TMPDIR$|TZ$|XDG_|VIRTUAL_ENV$|CONDA)"
)

States = dict[str, Any]
"""The state of each thing, by kind and name, in a form that JSON can hold."""


class Unsettled(Exception):  # noqa: N818 (an answer rather than an error)
    """Why a verdict can't be cached."""


def states_of(touched: Sequence[Touched], own_files: Iterable[str]) -> States:
    """Return the present states of all that was touched and of `own_files`; raises Unsettled if it can't."""
    for each in touched:
        if each.beyond:
            raise Unsettled(
                f"the model's code depends on something archcheck can't track:  {', '.join(each.beyond)}"
            )
    modules = _all(each.modules for each in touched)
    foreign = [file for file in modules if _is_foreign(file)]
    opened = _all([*(each.opened for each in touched), own_files, set(modules).difference(foreign)])
    searched = _merged(each.searched for each in touched)
    return {
        "files": {file: _content(file) for file in opened},
        "foreign": {file: _stamp(file) for file in foreign},
        "asked": {file: _answers(file) for file in _all(each.asked for each in touched)},
        "listed": {folder: _entries(folder) for folder in _all(each.listed for each in touched)},
        "searched": {
            folder: {"names": sorted(names), "found": _modules_in(folder, names)}
            for folder, names in sorted(searched.items())
        },
        "variables": _variables(_all(each.variables for each in touched)),
    }


def _all(several: Iterable[Iterable[str]]) -> list[str]:
    return sorted({each for part in several for each in part})


def hold(states: States, known: dict[str, Any]) -> bool:
    """Return whether all is still in the recorded state; `known` are stamps that were just read."""

    def stamp(file: str) -> Any:
        if file not in known:
            known[file] = _stamp(file)
        return known[file]

    return (
        states["variables"] == _variables(states["variables"])
        and all(state == _content(file) for file, state in states["files"].items())
        and all(state == _answers(file) for file, state in states["asked"].items())
        and all(
            search["found"] == _modules_in(folder, search["names"])
            for folder, search in states["searched"].items()
        )
        and all(state == _entries(folder) for folder, state in states["listed"].items())
        and all(state == stamp(file) for file, state in states["foreign"].items())
    )


def check_settled(touched: Sequence[Touched], states: States, since: int) -> None:
    """Raise Unsettled for a file that changed since `since` (nanoseconds) or just before it."""
    for each in touched:
        for file, before in (*each.opened.items(), *each.asked.items()):
            now = _status(file)
            if not file.startswith(_KERNEL) and _essence(before) != _essence(
                None if now is None else stamp_of(now)
            ):
                raise Unsettled(f"{file} changed during the run")
    for file in (*states["files"], *states["foreign"], *states["asked"]):
        now = _status(file)
        is_file = now is not None and stat.S_ISREG(now.st_mode) and not file.startswith(_KERNEL)
        if now is not None and is_file and not _is_before(now, since):
            raise Unsettled(f"{file} changed during the run, or just before it")


def _essence(stamp: Stamp | None) -> Stamp | int | None:
    """Return only that a folder is one: its own times change with the files in it."""
    return stamp[0] if stamp is not None and stat.S_ISDIR(stamp[0]) else stamp


def _is_before(status: os.stat_result, since: int) -> bool:
    last = max(status.st_mtime_ns, status.st_ctime_ns)
    tick = 2_000_000_000 if last % 1_000_000 == 0 else 20_000_000  # file systems with coarse clocks
    return last < since - tick


# -- single states --------------------------------------------------------------------------------------


def _status(file: str) -> os.stat_result | None:
    try:
        return os.stat(file)
    except (OSError, ValueError):
        return None


def _content(file: str) -> Any:
    """Return a digest of what a file holds; a stamp for those of installed packages and for large ones."""
    status = _status(file)
    if status is None:
        return None
    if stat.S_ISDIR(status.st_mode) or file == os.devnull:
        return "folder or nothing"
    if not stat.S_ISREG(status.st_mode):
        raise Unsettled(f"{file} is not a file")
    if status.st_size > _LARGE or _is_foreign(file):
        return list(stamp_of(status))
    try:
        with open(file, "rb") as content:
            return hashlib.sha256(content.read()).hexdigest()
    except OSError as error:  # there are such files in /proc and /sys
        raise Unsettled(f"{file} can't be read: {error.strerror}") from None


def _stamp(file: str) -> Any:
    status = _status(file)
    return None if status is None else list(stamp_of(status))


def _answers(file: str) -> Any:
    """Return the answer to a query about a file.

    Its content counts as read, since native code may do so. The kernel's information on processes is only
    there or not: a link in /proc has no content.
    """
    status = _status(file)
    if status is None:
        return None
    if file.startswith(_KERNEL):
        return "there"
    is_regular = stat.S_ISREG(status.st_mode)
    return [os.path.realpath(file), _content(file), status.st_mtime_ns if is_regular else 0]


def _entries(folder: str) -> Any:
    """Return the entries of a folder with their stamps; of folders in it only the names."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_file = entry.is_file()
                found.append([entry.name, list(stamp_of(entry.stat())) if is_file else 0])
    except OSError:
        return None
    return hashlib.sha256(repr(sorted(found)).encode("utf-8", "surrogateescape")).hexdigest()


def _modules_in(folder: str, names: Iterable[str]) -> Any:
    """Return what could be imported from a folder (or a zip archive) under these names."""
    wanted = set(names)
    try:
        entries = os.listdir(folder)
    except NotADirectoryError:
        return _stamp(folder)
    except OSError:
        return []
    return sorted(
        entry
        for entry in entries
        if entry.partition(".")[0] in wanted and ("." not in entry or entry.endswith(_MODULES))
    )


def _variables(names: Iterable[str]) -> dict[str, str | None]:
    """Return digests of environment variables: their values may be secrets."""
    wanted = {*names, *(name for name in os.environ if _READ_UNSEEN.match(name))}
    return {name: _secret(os.environ.get(name)) for name in sorted(wanted)}


def _secret(value: str | None) -> str | None:
    if value is None:
        return None
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def _is_foreign(file: str) -> bool:
    """Return whether a file belongs to an installed package or Python: it changes by installation only."""
    return is_installed(file) or file.startswith(_STDLIB)


def _merged(each: Iterable[Mapping[str, Iterable[str]]]) -> dict[str, set[str]]:
    merged: dict[str, set[str]] = {}
    for searched in each:
        for folder, names in searched.items():
            merged.setdefault(folder, set()).update(names)
    return merged


# -- where all this happens -------------------------------------------------------------------------------


def surroundings() -> Any:
    """Return what every verdict depends on: this Python, archcheck itself, what is installed, the folder."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = [
        [file, *stamp_of(os.stat(file))]
        for folder, _, names in os.walk(package)
        for file in sorted(os.path.join(folder, name) for name in names if name.endswith(".py"))
    ]
    digest = hashlib.sha256(repr(sorted(own)).encode("utf-8", "surrogateescape")).hexdigest()
    return [sys.version, sys.executable, sys.prefix, os.getcwd(), sys.path, digest, _distributions()]


def _distributions() -> str:
    """Return a digest of what is installed: names, versions and the files that change `sys.path`."""
    found = []
    for folder in sys.path:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        found += [name for name in names if name.endswith((".dist-info", ".egg-info", ".egg-link"))]
        found += [f"{name} {_stamp(os.path.join(folder, name))}" for name in names if name.endswith(".pth")]
    return hashlib.sha256("\n".join(found).encode("utf-8", "surrogateescape")).hexdigest()
