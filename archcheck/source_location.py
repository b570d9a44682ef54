"""A line of a file, and how files are named where they are shown: the same on every machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_INSTALLED = ("site-packages", "dist-packages")
_MACHINERY = ("nn/modules/module.py", "nn/modules/container.py")


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A line of a file: of the spec, or of the model's code. `line` and `column` count from 1.

    `file` is the real path; how it is shown depends on where it is read, see `shown_path`.
    """

    file: str
    line: int
    column: int | None = None

    def __str__(self) -> str:
        return f"{shown_path(self.file)}:{self.line}"


def shown_path(file: str) -> str:
    """Return `file` relative to the repository, wherever the command was started.

    It is unchanged if it is in none. The repository is the one that the CI has checked out, else the one
    around the working directory, else the one around the file: git's, or else the folder of archcheck.toml or
    pyproject.toml. Without one, the working directory takes its place. Installed files begin with
    `site-packages/`, wherever that is.
    """
    if not file or file.startswith("<"):
        return file
    absolute = Path(os.path.abspath(file))
    for folder in absolute.parents:
        if folder.name in _INSTALLED:
            return f"site-packages/{absolute.relative_to(folder).as_posix()}"
    here = Path.cwd()
    bases = [here] if not os.path.isabs(file) and not os.path.lexists(file) else _roots(absolute, here)
    base = next((base for base in bases if base is not None and absolute.is_relative_to(base)), None)
    return file if base is None else absolute.relative_to(base).as_posix()


def _roots(file: Path, here: Path) -> Iterator[Path | None]:
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        if os.environ.get(name):
            yield Path(os.path.abspath(os.environ[name]))
    yield from (_repository(here), _repository(file.parent), here)


def _repository(folder: Path) -> Path | None:
    """Return the folder of the git repository around this one, else of the project."""
    for names in ((".git",), ("archcheck.toml", "pyproject.toml")):
        for above in (folder, *folder.parents):
            if any(os.path.exists(above / name) for name in names):
                return above
    return None


@lru_cache(maxsize=4096)
def is_model_code(filename: str) -> bool:
    """Return whether a model may be written in this file.

    It is not ours, not Python's and not torch's machinery.

    `torch/nn/modules` counts as model code: `nn.TransformerEncoderLayer` adds its residuals there.
    """
    if filename.startswith((_OWN, "<frozen")):
        return False
    if is_torch_code(filename):
        inside = Path(filename[len(_library()) :]).as_posix()
        return inside.startswith("nn/modules/") and inside not in _MACHINERY
    return not filename.endswith(("contextlib.py", "functools.py"))


def location(code: CodeType | None, line: int) -> Location | None:
    """Return the place of a running function's `line`."""
    return Location(real_path(code.co_filename), line) if code is not None and line else None


def real_path(filename: str) -> str:
    """Return the full path of a function's file; what is not a file (`<string>`) is unchanged."""
    return filename if filename.startswith("<") else os.path.abspath(filename)


def is_own_code(filename: str) -> bool:
    """Return whether this is a file of archcheck."""
    return filename.startswith(_OWN)


def is_torch_code(filename: str) -> bool:
    """Return whether this is a file of torch itself."""
    return filename.startswith(_library())


def _library() -> str:
    return os.path.dirname(sys.modules["torch"].__file__ or "") + os.sep
