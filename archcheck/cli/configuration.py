"""The project's configuration: `archcheck.toml`, or `[tool.archcheck]` in `pyproject.toml`.

Command-line options override it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from archcheck.errors import ArchcheckError
from archcheck.phrasing.suggestions import suggestion

DEFAULT_SPECS = ("specs/*.yaml", "specs/*.yml")


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of a project. `folder` holds its file; `specs` are patterns relative to it.

    `select` and `ignore` are codes or prefixes of codes, `baseline` is a file of accepted findings. `cache`
    keeps verdicts, though not in a CI.
    """

    folder: Path
    specs: tuple[str, ...] = DEFAULT_SPECS
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    baseline: str = ""
    strict: bool = False
    cache: bool = False

    def matches(self) -> list[Path]:
        """Return the specs that the patterns match, sorted."""
        return sorted(
            {path for pattern in self.specs for path in self.folder.glob(pattern) if path.is_file()}
        )

    def find_specs(self) -> list[Path]:
        """Return the specs that the patterns match, sorted.

        Paths are relative to the current folder if they are inside it. Raises ArchcheckError (CFG002) if
        nothing matches: an empty check would be a pass.
        """
        found = self.matches()
        if not found:
            hint = "Name the specs, or set `specs` to their patterns in archcheck.toml or [tool.archcheck]."
            message = f"no spec in {self.folder.name or self.folder} matches {', '.join(self.specs)}"
            raise ArchcheckError.of("CFG002", message, hint)
        here = Path.cwd()
        return [path.relative_to(here) if path.is_relative_to(here) else path for path in found]


def configuration(start: Path | None = None) -> Configuration:
    """Return the configuration of the project around a folder (by default the current one).

    It is in the nearest file on the way up to the project's root. Raises ArchcheckError (CFG001) for a file
    that can't be read, an unknown key or a value of the wrong type.
    """
    folder = (start or Path.cwd()).resolve()
    for place in (folder, *folder.parents):
        own, project = place / "archcheck.toml", place / "pyproject.toml"
        if own.is_file():
            return _read(own, _load(own))
        if project.is_file():
            table = _load(project).get("tool", {})
            if isinstance(table, Mapping) and "archcheck" in table:
                return _read(project, table["archcheck"])
        if (place / ".git").exists():
            return Configuration(place)
    return Configuration(folder)


def specs_of(folder: Path) -> list[Path]:
    """Return the specs of the project around a folder, perhaps none. Raises ArchcheckError (CFG001)."""
    return configuration(folder).matches()


def _load(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _error(file, f"can't be read: {error}") from None


def _read(file: Path, table: Any) -> Configuration:
    if not isinstance(table, Mapping):
        raise _error(file, "tool.archcheck is not a table")
    values: dict[str, Any] = {}
    known = {field.name for field in fields(Configuration)} - {"folder"}
    for key, value in table.items():
        if key not in known:
            hint = suggestion(key, sorted(known), f"Known keys: {', '.join(sorted(known))}.")
            raise _error(file, f"has an unknown key '{key}'", hint)
        values[key] = _value(file, key, value)
    return Configuration(file.parent, **values)


def _value(file: Path, key: str, value: Any) -> Any:
    if key in ("strict", "cache"):
        if isinstance(value, bool):
            return value
        raise _error(file, f"'{key}' must be true or false")
    if key == "baseline":
        if isinstance(value, str):
            return value
        raise _error(file, f"'{key}' must be a file name")
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
        if key == "specs" and not all(text and not Path(text).is_absolute() for text in texts):
            raise _error(file, "'specs' must be patterns relative to the folder of this file")
        return tuple(texts)
    raise _error(file, f"'{key}' must be a list of strings")


def _error(file: Path, message: str, hint: str = "") -> ArchcheckError:
    return ArchcheckError.of("CFG001", f"{file.name} {message}", hint, file=str(file))
