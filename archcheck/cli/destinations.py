"""The reports of one run: which formats, each to which file or to standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from archcheck.cli import output, parsing
from archcheck.cli.options import Format
from archcheck.files import check_output, is_same_file
from archcheck.findings import Report
from archcheck.phrasing.suggestions import suggestion


@dataclass(frozen=True, slots=True)
class Destination:
    """A report in `format` to `file`, or to standard output."""

    format: Format
    file: Path | None = None


def destinations(texts: Sequence[str] | None, file: Path | None) -> list[Destination]:
    """Return what `--format NAME` and `--format NAME=FILE` say, several at once.

    `file` is that of `--output`.

    Raises ArchcheckError for an unknown format, and where two reports would go to the same place.
    """
    found = [_destination(text) for text in texts or [Format.TEXT.value]]
    bare = [each for each in found if each.file is None]
    if len(bare) > 1:
        both = " and ".join(each.format for each in bare)
        raise parsing.usage_error(
            f"Only one report can go to standard output, not {both}.",
            "Give the others a file: --format sarif=out.sarif",
        )
    if file is not None and not bare:
        raise parsing.usage_error(
            "--output is for a format without a file of its own.", "Every format here already has one."
        )
    found = [Destination(each.format, each.file or file) for each in found]
    files = [each.file for each in found if each.file is not None]
    for number, one in enumerate(files):
        if any(is_same_file(one, other) for other in files[:number]):
            raise parsing.usage_error(f"Two reports would go to {one}.", "Give each a file of its own.")
    return found


def _destination(text: str) -> Destination:
    name, equals, file = text.partition("=")
    if name not in list(Format):
        hint = suggestion(name, list(Format), f"Choose one of {', '.join(Format)}.")
        raise parsing.usage_error(f"Unknown format '{name}'.", hint)
    if equals and not file:
        raise parsing.usage_error(f"--format {text} names no file.", f"Write --format {name}=FILE.")
    return Destination(Format(name), Path(file) if equals else None)


def check(
    wanted: Iterable[Destination], others: Iterable[Path | None], inputs: Iterable[Path], *, force: bool
) -> None:
    """Refuse files that can't or should not be written, before a model runs.

    `others` are the files that the run writes besides. Raises ArchcheckError or OSError.
    """
    inputs, others = list(inputs), list(others)
    for file in (each.file for each in wanted):
        if file is None:
            continue
        check_output(file, inputs, force=force)
        if any(other is not None and is_same_file(file, other) for other in others):
            raise parsing.usage_error(
                f"Two things would be written to {file}.", "Give each a file of its own."
            )


def write(
    reports: Sequence[Report], wanted: Iterable[Destination], verbose: int = 0, quiet: bool = False
) -> None:
    """Write every report; one that can't be written does not keep the others back, but the exit code is 2."""
    failed = False
    for each in wanted:
        try:
            output.report(reports, each.format, each.file, verbose, quiet)
        except OSError as error:
            output.complain(f"{error.filename or 'output'}: {error.strerror or error}")
            failed = True
    if failed:
        raise typer.Exit(2)
