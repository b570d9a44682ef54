"""What building and running a model touched outside itself, as the worker reports it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

Stamp = tuple[int, int, int, int, int]
"""Of a file: kind, inode, size, and the times of its last change and of its status's (nanoseconds)."""


@dataclass(frozen=True)
class Touched:
    """What a run depends on. All paths are absolute.

    `opened` and `asked` are the files that were opened, or whose existence was checked, with their stamps
    then (None: looked for in vain). `listed` are folders whose entries were listed. `searched` are the
    folders that imports searched, with the names that they looked for, the first part of a file's name.
    `modules` are the files behind modules. `variables` are names of environment variables. `beyond` has what
    can't be tracked.
    """

    opened: dict[str, Stamp | None]
    asked: dict[str, Stamp | None]
    listed: tuple[str, ...]
    searched: dict[str, tuple[str, ...]]
    modules: tuple[str, ...]
    variables: tuple[str, ...]
    beyond: tuple[str, ...]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file with this status."""
    kind = stat.S_IFMT(status.st_mode)
    return kind, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
