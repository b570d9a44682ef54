"""Reading a saved report, written by `archcheck verify --format json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from archcheck.errors import ArchcheckError
from archcheck.findings import Report
from archcheck.reporters.json import VERSION

_T = TypeVar("_T")


def read_reports(text: str, root: Path, file: str = "") -> tuple[Report, ...]:
    """Return the reports that `render_json` has written, equal to them but for their pictures.

    Files are named from `root`, the folder of the repository. Raises ArchcheckError (HIS002) for what is no
    such report; `file` is what it calls the text.
    """
    try:
        document = json.loads(text)
        version, specs = document["version"], document["specs"]
    except RecursionError:
        raise _unusable(file, "it is nested too deeply") from None
    except (ValueError, KeyError, TypeError) as error:
        raise _unusable(file, f"it is not a JSON report ({' '.join(str(error).split())[:100]})") from None
    if version != VERSION:
        raise _unusable(file, f"its version is {version!r}, not {VERSION}")
    try:
        reports = TypeAdapter(tuple[Report, ...]).validate_python(specs)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unusable(file, f"specs.{place}: {first['msg']}") from None
    return tuple(with_files(report, lambda file: _whole(file, root)) for report in reports)


def with_files(value: _T, named: Callable[[str], str]) -> _T:
    """Return a report, or a part of one, with each of its files renamed."""
    parts: Any = value
    if isinstance(value, tuple):
        parts = tuple(with_files(item, named) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        old = {field.name: getattr(value, field.name) for field in fields(value)}
        new = {name: with_files(part, named) for name, part in old.items()}
        # An inspected model is not a file.
        if old.get("file") and not (isinstance(value, Report) and value.file == value.target):
            new["file"] = named(old["file"])
        parts = replace(value, **new)
    result: _T = parts
    return result


def _whole(file: str, root: Path) -> str:
    if file.startswith("<"):
        return file
    first, _, rest = file.partition("/")
    installed = [Path(entry, rest) for entry in sys.path] if first == "site-packages" else []
    return str(next((path for path in installed if path.exists()), root / file))


def _unusable(file: str, why: str) -> ArchcheckError:
    hint = "Save one with: archcheck verify SPEC --format json=report.json"
    return ArchcheckError.of("HIS002", f"can't be read: {why}", hint, file=file)
