"""A line of a file, and how files are named in messages: short, stable from machine to machine."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MACHINERY = ("nn/modules/module.py", "nn/modules/container.py")


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A line of a file: of the spec, or of the model's code. `line` and `column` count from 1."""

    file: str
    line: int
    column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@lru_cache(maxsize=4096)
def display_path(filename: str) -> str:
    """`filename` relative to the working directory, else to the import path that holds it."""
    if filename.startswith("<"):
        return filename
    path = os.path.abspath(filename)
    roots = [
        os.getcwd(),
        *sorted({os.path.abspath(entry) for entry in sys.path if entry}, key=len, reverse=True),
    ]
    for root in roots:
        if path.startswith(root.rstrip(os.sep) + os.sep):
            return Path(os.path.relpath(path, root)).as_posix()
    return Path(path).as_posix()


@lru_cache(maxsize=4096)
def is_model_code(filename: str) -> bool:
    """Is this a file in which a model may be written: not ours, not Python's, not torch's machinery?

    `torch/nn/modules` counts as model code: `nn.TransformerEncoderLayer` adds its residuals there.
    """
    if filename.startswith((_OWN, "<frozen")):
        return False
    if is_torch_code(filename):
        inside = Path(filename[len(_library()) :]).as_posix()
        return inside.startswith("nn/modules/") and inside not in _MACHINERY
    return not filename.endswith(("contextlib.py", "functools.py"))


def location(code: CodeType | None, line: int) -> Location | None:
    """Where `line` of a running function stands, as it is shown to a reader."""
    return Location(display_path(code.co_filename), line) if code is not None and line else None


def is_own_code(filename: str) -> bool:
    """Is this a file of archcheck?"""
    return filename.startswith(_OWN)


def is_torch_code(filename: str) -> bool:
    """Is this a file of torch itself?"""
    return filename.startswith(_library())


def _library() -> str:
    return os.path.dirname(sys.modules["torch"].__file__ or "") + os.sep
