"""What the command line writes: reports to standard output or a file, the rest to standard error."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from archcheck.cli.options import Format
from archcheck.cli.streams import reader_left, write_utf8
from archcheck.errors import ArchcheckError, Problem, own_failure
from archcheck.files import check_output, check_writable, write_text
from archcheck.findings import Report, Status
from archcheck.source_location import shown_path

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[str], None]

_NARROWEST, _USUAL_WIDTH = 20, 80
"""Widths that no terminal has (COLUMNS=0) count as the usual one."""

_EXIT = {Status.CONFORMS: 0, Status.DIFFERS: 1, Status.ERROR: 2}


def report(reports: Sequence[Report], format: Format, output: Path | None, verbose: int, quiet: bool) -> None:
    """Write a report in any format. Raises OSError."""
    if format is Format.TEXT:
        from archcheck.reporters.text import render_text

        page(lambda console: render_text(reports, console, verbose=verbose, quiet=quiet), output)
    else:
        from archcheck.reporters import FORMATS

        text(FORMATS[format.value](reports), output)


def page(show: Callable[[Console], None], output: Path | None) -> None:
    """Write what `show` prints to a console; plain and 120 wide if it goes to a file. Raises OSError."""
    from rich.console import Console

    if output is None:

        class Output(Console):
            def on_broken_pipe(self) -> None:  # rich would end the process with exit code 1
                raise BrokenPipeError

        console = Output(highlight=False, soft_wrap=False)
        console.width = console.width if console.width >= _NARROWEST else _USUAL_WIDTH
        with _reader_may_leave():
            show(console)
        return
    plain = io.StringIO()
    show(Console(file=plain, width=120, highlight=False))
    write_text(output, plain.getvalue())


def text(content: str, output: Path | None) -> None:
    """Write a text. Raises OSError."""
    if output is not None:
        write_text(output, content)
        return
    with _reader_may_leave():
        write_utf8(content if content.endswith("\n") or not content else f"{content}\n")


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Let a reader of our output leave when it has seen enough (`| head -1`)."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        reader_left()


def exit_with(reports: Sequence[Report]) -> None:
    """End with the exit code of the worst report."""
    code = max((_EXIT[each.status] for each in reports), default=0)
    if code:
        raise typer.Exit(code)


def check_files(
    output: Path | None, diagram: Path | None = None, inputs: Iterable[Path] = (), *, force: bool = False
) -> None:
    """Refuse files that can't or should not be written, before the model runs. Raises ArchcheckError."""
    if output is not None:
        check_output(output, inputs, force=force)
    if diagram is not None:
        from archcheck.commands.render import check_picture

        check_picture(diagram)


def check_new(spec: Path, diagram: Path | None, *, force: bool) -> None:
    """Refuse to overwrite an existing spec. Raises ArchcheckError or OSError."""
    if str(spec) != "-":
        if spec.exists() and not force:
            hint = "choose another file with -o, or add --force"
            raise FileExistsError(None, f"the file already exists; {hint}", str(spec))
        if spec.parent.is_dir():
            check_writable(spec)
    check_files(None, diagram)


@contextmanager
def progress(wanted: bool) -> Iterator[Progress]:
    """Show on a terminal's standard error what a long run is doing."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda doing: status.update(Text(f"{doing} …"))


@contextmanager
def errors(debug: bool) -> Iterator[None]:
    """Print errors without a report as text, with exit code 2: in options, in files that can't be written."""
    try:
        yield
    except ArchcheckError as error:
        shown_cause(debug)(error)
        for problem in error.problems:
            complain(problem)
        raise typer.Exit(2) from None
    except OSError as error:
        shown_cause(debug)(error)
        complain(f"{error.filename or 'output'}: {error.strerror or error}")
        raise typer.Exit(2) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        shown_cause(debug)(error)
        complain(own_failure(error))
        raise typer.Exit(2) from None


@contextmanager
def failures(file: str, reports: list[Report], debug: bool) -> Iterator[None]:
    """Turn a failure of archcheck into a report, so that other specs get theirs and JSON stays JSON."""
    try:
        yield
    except Exception as error:
        shown_cause(debug)(error)
        reports.append(Report(file, Status.ERROR, problems=(own_failure(error),)))


def shown_cause(debug: bool) -> Callable[[Exception], None]:
    """Return what to do with an error beyond printing it: show its traceback, or nothing."""
    return traceback.print_exception if debug else lambda _: None


def complain(about: str | Problem) -> None:
    """Print one line on standard error, if it is open."""
    from archcheck.reporters.common import one_line

    if isinstance(about, Problem):
        file = shown_path(about.file)
        place = f"{file}:{about.line}: " if file and about.line else f"{file}: " if file else ""
        about = f"{place}{about.code} {about.message.rstrip('.')}. {about.hint}".strip()
    with suppress(OSError, ValueError):
        typer.echo(f"archcheck: {one_line(about)}", err=True)
