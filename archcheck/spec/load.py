"""From a spec's text to a checked `LoadedSpec`, or to a SpecError with everything that is wrong."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archcheck.rules.spec_codes import UNREADABLE, WRONG_VALUE
from archcheck.source_location import Location
from archcheck.spec.check import check
from archcheck.spec.context import Context
from archcheck.spec.model import Panel, Spec
from archcheck.spec.problems import Problems, TextPosition
from archcheck.spec.validation import fit, repaired
from archcheck.spec.yaml import Document, compose

MAX_BYTES = 1_000_000
"""The largest size of a spec; a larger file is refused unread."""


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """A spec that was read without a problem. `file` is as the user gave it, `source` the text."""

    file: str
    spec: Spec
    source: str = field(repr=False)
    _document: Document = field(repr=False, compare=False)

    def place(self, *path: str | int) -> Location:
        """Return the place of the node at `path`, such as `place("panels", "layer", "residuals", 0)`.

        The keys are those of the YAML (`from`, not `from_`). Points at the node, or at its key if the node
        begins on a later line; for a node that is not written, at the nearest one around it.
        """
        line, column = self._document.place(path)
        return Location(self.file, line, column)


def load(path: str | Path) -> LoadedSpec:
    """Return the spec in the file at `path`. Raises SpecError with all its problems, each with its line."""
    problems = Problems(str(path))
    return loads(_text(_bytes(path, problems), problems), str(path))


def loads(text: str, file: str = "<spec>") -> LoadedSpec:
    r"""Return the spec that `text` holds; `file` is what problems call it.

    Raises SpecError with all its problems.

    >>> loads("model: {target: 'm:f'}\npanels: {p: {boxes: {a: {}}}}").place("panels", "p").line
    2
    """
    problems = Problems(file)
    document = compose(text.removeprefix("\ufeff"), problems)
    spec = _read(document, problems)
    problems.raise_if_any()
    assert spec is not None
    return LoadedSpec(file, spec, text, document)


def _read(document: Document, problems: Problems) -> Spec | None:
    if document.data is None:
        problems.add(
            WRONG_VALUE, "the spec is empty", TextPosition(1, 1), hint="It needs 'model' and 'panels'."
        )
        return None
    spec, misfits = fit(Spec, document.data)
    panels = spec.panels if spec else _readable_panels(document.data)
    context = Context(document, panels, frozenset(misfit.path for misfit in misfits), problems)
    for misfit in misfits:
        context.add(misfit.code, misfit.path, misfit.message, misfit.hint, at_key=misfit.at_key)
    check(context)
    return spec


def _readable_panels(data: Any) -> dict[str, Panel]:
    """Return the panels, without the parts that do not fit, that are still panels."""
    panels = data.get("panels") if isinstance(data, dict) else None
    readable = {}
    for name, panel in panels.items() if isinstance(panels, dict) else ():
        if isinstance(name, str) and isinstance(panel, dict):
            own, misfits = fit(Panel, panel)
            if own is None:
                own, _ = fit(Panel, repaired(panel, misfits))
            if own is not None:
                readable[name] = own
    return readable


def _bytes(path: str | Path, problems: Problems) -> bytes:
    if str(path).endswith(".py"):
        hint = "Give the path of a YAML file; `archcheck inspect` looks at a model without a spec."
        problems.add(UNREADABLE, "this is Python code, not a spec", hint=hint)
        problems.stop()
    try:
        _refuse_irregular(os.stat(path), problems)
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        messages: dict[type[Exception], str] = {
            FileNotFoundError: "there is no such file",
            PermissionError: "you don't have permission to read this file",
        }
        reason = f"the file can't be read: {getattr(error, 'strerror', None) or error}"
        problems.add(UNREADABLE, messages.get(type(error), reason), hint="Check the path.")
        problems.stop()
    return content


def _refuse_irregular(status: os.stat_result, problems: Problems) -> None:
    """Refuse what is not a file of a sensible size: reading a pipe or a device might never end."""
    if stat.S_ISDIR(status.st_mode):
        problems.add(UNREADABLE, "this is a directory", hint="Give the path of a YAML file.")
    elif not stat.S_ISREG(status.st_mode):
        problems.add(UNREADABLE, "this is not a regular file", hint="Give the path of a YAML file.")
    elif status.st_size > MAX_BYTES:
        message = f"the file has {status.st_size:,} bytes; a spec may have at most {MAX_BYTES:,}"
        problems.add(UNREADABLE, message, hint="Give the path of a YAML file.")
    problems.raise_if_any()


def _text(content: bytes, problems: Problems) -> str:
    encoding = "UTF-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = TextPosition(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        message = f"this is not UTF-8 text: byte 0x{content[error.start]:02x}"
        problems.add(UNREADABLE, message, None if encoding else place, hint="Save the file as UTF-8.")
        problems.stop()
    if "\0" in text:
        problems.add(UNREADABLE, "this is a binary file", hint="A spec is a YAML text file.")
        problems.stop()
    return text
