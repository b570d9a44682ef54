"""Preparing a process for a model: the judge's surroundings, and a limit of memory."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_SHARE = 0.9


@dataclass(frozen=True)
class Surroundings:
    """The judge's working folder, environment and, where the worker's Python is the judge's, its sys.path."""

    folder: str
    environment: dict[str, str]
    path: tuple[str, ...] = ()

    @classmethod
    def here(cls, same_python: bool) -> Surroundings:
        """Return those of this process."""
        path = tuple(entry for entry in sys.path if isinstance(entry, str)) if same_python else ()
        return cls(os.getcwd(), dict(os.environ), path)

    def moved(self, old: str, new: str) -> Surroundings:
        """Return the same in a copy of a folder: module search paths in `old` become paths in `new`."""

        def inside(path: str) -> str:
            is_in = path == old or path.startswith(os.path.join(old, ""))
            return new + path[len(old) :] if is_in and not _is_environment(path) else path

        searched = self.environment.get("PYTHONPATH", "").split(os.pathsep)
        environment = {**self.environment, "PYTHONPATH": os.pathsep.join(map(inside, searched))}
        path = tuple(inside(os.path.abspath(entry)) for entry in self.path)
        return Surroundings(inside(self.folder), environment, path)


def _is_environment(path: str) -> bool:
    """Return whether a folder belongs to a virtual environment, which no revision holds."""
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(sys.prefix), ""))


def isolate(surroundings: Surroundings) -> None:
    """Prepare this process, in which no model has run yet, to run one."""
    os.chdir(surroundings.folder)
    for name in os.environ.keys() - surroundings.environment.keys():
        del os.environ[name]
    os.environ.update(surroundings.environment)
    if surroundings.path:
        sys.path[:] = surroundings.path
    with contextlib.suppress(Exception):  # standard error may be closed
        faulthandler.enable()
    if sys.platform == "linux":
        _die_with_parent()
        _limit_memory()


def _die_with_parent() -> None:
    import ctypes

    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _limit_memory() -> None:
    """Make it fail with a MemoryError, or be the first that the system kills, before the machine is stuck."""
    import resource

    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            sizes.append(int(Path(file).read_text()))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(min(sizes) * _SHARE)
    limits = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *limits]), hard))


def kill_group(process: int) -> None:
    """Kill a process and those that it started, unless they left its group."""
    with contextlib.suppress(OSError):
        os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(process, signal.SIGKILL)
