"""Annotations and the job summary, written automatically on GitHub Actions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from archcheck.cli import output
from archcheck.cli.destinations import Destination
from archcheck.cli.options import Format
from archcheck.files import is_same_file
from archcheck.findings import Report

_LARGEST_SUMMARY = 1_000_000
"""In bytes; GitHub drops a step's summary entirely if it exceeds 1 MiB."""


def tell(reports: Sequence[Report], wanted: Sequence[Destination]) -> None:
    """Add annotations and a job summary, unless these formats were asked for.

    Annotations go to standard output after a text, else to standard error, which GitHub reads too. If the
    summary can't be written, say so and leave the exit code alone.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    printed = next((each.format for each in wanted if each.file is None), Format.TEXT)
    if printed is not Format.GITHUB:
        from archcheck.reporters.github import render_github

        annotations = render_github(reports)
        if printed is Format.TEXT:
            output.text(annotations, None)
        else:
            sys.stderr.write(annotations)
    summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if summary and not any(each.file is not None and is_same_file(each.file, summary) for each in wanted):
        try:
            _add_to(summary, reports)
        except OSError as error:
            output.complain(f"{summary}: {error.strerror or error}; the job summary is incomplete")


def _add_to(summary: str, reports: Sequence[Report]) -> None:
    from archcheck.reporters.markdown import render_markdown

    text = render_markdown(reports).encode("utf-8", "backslashreplace")
    with open(summary, "ab") as file:
        room = _LARGEST_SUMMARY - file.tell()
        if len(text) > room:
            text = text[: max(room, 0)].rpartition(b"\n")[0] + b"\n\nThe rest is in the log.\n"
        file.write(text)
