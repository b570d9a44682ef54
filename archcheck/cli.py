"""The command line: options, the choice of a reporter, exit codes; nothing else.

Exit codes hold for every command: 0 conforms (or done), 1 findings, 2 could not check.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from archcheck import __version__
from archcheck.errors import ArchcheckError, Problem
from archcheck.files import write_text
from archcheck.findings import Report, Status

if TYPE_CHECKING:
    from rich.console import Console

    from archcheck.diagram import Style
    from archcheck.settings import Setting

app = typer.Typer(
    name="archcheck",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Prove a neural network's architecture diagram against the model's code.\n\n"
        "A spec is the diagram: boxes, flow, solid and dashed residual edges. Checking one loads and runs the "
        "model's code: check only what you trust.\n\n"
        "Exit codes: 0 conforms, 1 findings, 2 could not check."
    ),
)

_EXIT = {Status.CONFORMS: 0, Status.DIFFERS: 1, Status.ERROR: 2}


class Format(StrEnum):
    """The report formats."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"


class InspectFormat(StrEnum):
    """The formats of an inspection."""

    TEXT = "text"
    JSON = "json"


class Theme(StrEnum):
    """How a diagram looks."""

    PAPER = "paper"
    README = "readme"
    SLIDES = "slides"


class Arrangement(StrEnum):
    """How a diagram's panels stand."""

    ROW = "row"
    COLUMN = "column"


Specs = Annotated[list[Path], typer.Argument(metavar="SPEC...", help="The specs to check.", show_default=False)]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to a file.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override an argument of the model; may be repeated."),
]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Show more; -vv all.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ThemeOption = Annotated[Theme, typer.Option("--theme", help="How the picture looks.")]
LayoutOption = Annotated[Arrangement, typer.Option("--layout", help="How the panels stand.")]
PanelsOption = Annotated[str, typer.Option("--panels", metavar="A,B", help="Draw only these panels.")]
DpiOption = Annotated[int, typer.Option("--dpi", min=10, max=1200, help="Resolution of a PNG.")]


@app.command()
def verify(
    specs: Specs,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to report.")] = Format.TEXT,
    output: Output = None,
    diagram: Annotated[
        Path | None,
        typer.Option("--diagram", help="Draw the diagram with the verdict: .svg .png .pdf .html .dot .mmd"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="TARGET", help="Check another implementation: pkg.module:factory")
    ] = None,
    set_: Settings = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="SPEC=MODEL", help="A module name of the spec and the model's own."),
    ] = None,
    prove: Annotated[bool, typer.Option("--prove", help="Also replay each trace and ablate each residual.")] = False,
    theme: ThemeOption = Theme.README,
    layout: LayoutOption = Arrangement.ROW,
    panels: PanelsOption = "",
    dpi: DpiOption = 150,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="One line per finding, nothing else.")] = False,
    verbose: Verbose = 0,
    debug: Debug = False,
) -> None:
    """Check each SPEC against its model: exit 0 if it conforms, 1 with findings, 2 if it could not be checked."""
    from archcheck.verification import verify as verify_spec

    with _errors(debug):
        settings, renames = _settings(set_), _renames(rename)
        if diagram is not None and len(specs) > 1:
            raise _usage("--diagram draws one spec.", "Check one spec at a time, or use archcheck render.")
        if diagram is not None:
            _check_suffix(diagram)
        reports = []
        with _progress(format is Format.TEXT and not quiet) as progress:
            for spec in specs:
                reports.append(
                    verify_spec(spec, model, settings=settings, rename=renames, prove=prove, progress=progress)
                )
        _report(reports, format, output, verbose, quiet)
        if diagram is not None and reports[0].status is not Status.ERROR:
            _draw(specs[0], diagram, _style(theme, layout, panels, dpi), reports[0])
    _exit(reports)


@app.command()
def render(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to draw.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture: .svg .png .pdf .html .dot .mmd", show_default=False)
    ],
    check: Annotated[bool, typer.Option("--check", help="Only compare: exit 1 if the picture is out of date.")] = False,
    theme: ThemeOption = Theme.README,
    layout: LayoutOption = Arrangement.ROW,
    panels: PanelsOption = "",
    dpi: DpiOption = 150,
    debug: Debug = False,
) -> None:
    """Draw SPEC. Needs no model, and runs none."""
    with _errors(debug):
        _check_suffix(output)
        style = _style(theme, layout, panels, dpi)
        if check:
            _check_picture(spec, output, style)
        else:
            _draw(spec, output, style, None)


@app.command()
def inspect(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="pkg.module:factory or path/file.py:Class")],
    set_: Settings = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=DTYPE[SHAPE]", help="An input, such as ids=int64[1,16]<6400"),
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Run in training mode.")] = False,
    format: Annotated[InspectFormat, typer.Option("--format", "-f", help="How to report.")] = InspectFormat.TEXT,
    output: Output = None,
    diagram: Annotated[Path | None, typer.Option("--diagram", help="Draw what the code does.")] = None,
    prove: Annotated[bool, typer.Option("--prove", help="Also replay the trace and ablate each residual.")] = False,
    theme: ThemeOption = Theme.README,
    layout: LayoutOption = Arrangement.ROW,
    panels: PanelsOption = "",
    dpi: DpiOption = 150,
    verbose: Verbose = 0,
    debug: Debug = False,
) -> None:
    """List the residual connections of any model, and what is wrong with them whatever a diagram says."""
    from archcheck.inspection import inspect as inspect_target
    from archcheck.settings import parse_input

    with _errors(debug):
        inputs = dict(parse_input(text) for text in input_ or ())
        if diagram is not None:
            _check_suffix(diagram)
        with _progress(format is InspectFormat.TEXT) as progress:
            report, outline = inspect_target(target, _settings(set_), inputs, train, prove, progress)
        if format is InspectFormat.TEXT:
            from archcheck.reporters.text import render_inspection

            _print(lambda console: render_inspection(report, console, verbose=verbose), output)
        else:
            _report([report], Format.JSON, output, verbose, quiet=False)
        if diagram is not None and outline is not None:
            from archcheck.diagram import draw, write

            write(draw(outline(), report, style=_style(theme, layout, panels, dpi)), diagram)
    _exit([report])


@app.command()
def explain(codes: Annotated[list[str], typer.Argument(metavar="CODE...", help="Codes such as RES006.")]) -> None:
    """Say what a rule or an error code means: bad, good, fix."""
    from archcheck.codes import OTHER_CODES
    from archcheck.rules import explain as explain_code

    try:
        pages = [explain_code(code, OTHER_CODES) for code in codes]
    except LookupError as error:
        typer.echo(f"archcheck: {error.args[0]}", err=True)
        raise typer.Exit(2) from None
    typer.echo("\n".join(page.rstrip("\n") + "\n" for page in pages), nl=False)


@app.command()
def schema(output: Output = None) -> None:
    """Print the JSON Schema of a spec, for editors."""
    import json

    from archcheck.spec import schema as spec_schema

    text = json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n"
    with _errors(False):
        _write(text, output)


@app.callback()
def _global(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=lambda value: _version(value), help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console script."""
    # What a run makes lives to its end: looking for garbage all the time only costs.
    gc.set_threshold(100_000, 50, 1_000)
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"archcheck {__version__}")
        raise typer.Exit


# -- reporting ------------------------------------------------------------------------------------


def _report(reports: Sequence[Report], format: Format, output: Path | None, verbose: int, quiet: bool) -> None:
    if format is Format.TEXT:
        from archcheck.reporters.text import render_text

        _print(lambda console: render_text(reports, console, verbose=verbose, quiet=quiet), output)
    else:
        from archcheck.reporters import FORMATS

        _write(FORMATS[format.value](reports), output)


def _print(show: object, output: Path | None) -> None:
    import io

    from rich.console import Console

    assert callable(show)
    if output is None:
        show(Console(highlight=False, soft_wrap=False))
        return
    text = io.StringIO()
    show(Console(file=text, width=120, highlight=False))
    write_text(output, text.getvalue())


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
    else:
        write_text(output, text)


def _exit(reports: Sequence[Report]) -> None:
    code = max((_EXIT[report.status] for report in reports), default=0)
    if code:
        raise typer.Exit(code)


@contextmanager
def _progress(wanted: bool) -> Iterator[object]:
    """Says on a terminal's standard error what a long run is doing."""
    if not wanted or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(Text(f"{text} …"))


@contextmanager
def _errors(debug: bool) -> Iterator[None]:
    """Our own errors as text with exit code 2; a full disk or closed pipe likewise."""
    try:
        yield
    except ArchcheckError as error:
        if debug:
            raise
        for problem in error.problems:
            typer.echo(f"archcheck: {_shown(problem)}", err=True)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(2) from None
    except OSError as error:
        if debug:
            raise
        typer.echo(f"archcheck: {error.filename or 'output'}: {error.strerror or error}", err=True)
        raise typer.Exit(2) from None


def _shown(problem: Problem) -> str:
    from archcheck.reporters.common import one_line

    return one_line(str(problem).removeprefix(": "))


def _usage(message: str, hint: str) -> ArchcheckError:
    return ArchcheckError(Problem("", None, None, "CLI001", message, hint=hint))


# -- options --------------------------------------------------------------------------------------


def _settings(texts: list[str] | None) -> list[Setting]:
    from archcheck.settings import parse_setting

    return [parse_setting(text) for text in texts or ()]


def _renames(texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        spec, equals, model = text.partition("=")
        if not equals or not spec:
            raise _usage(f"{text!r} is no renaming.", "Write --rename SPEC=MODEL, such as layers=transformer.h")
        pairs[spec] = model
    return pairs


def _style(theme: Theme, layout: Arrangement, panels: str, dpi: int) -> Style:
    from archcheck.diagram import Style

    subset = tuple(name.strip() for name in panels.split(",") if name.strip()) or None
    return Style(theme=theme.value, layout=layout.value, panels=subset, dpi=dpi)


def _check_suffix(path: Path) -> None:
    """Refuse before the work is done, not after it."""
    from archcheck.diagram import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        raise _usage(f"Can't draw to {path.name}.", f"Choose one of {', '.join(SUFFIXES)}.")


def _draw(spec: Path, picture: Path, style: Style, report: Report | None) -> None:
    from archcheck.diagram import draw, write
    from archcheck.spec import load

    write(draw(load(spec).spec, report, style=style), picture)


def _check_picture(spec: Path, picture: Path, style: Style) -> None:
    from archcheck.diagram import digest_of, draw
    from archcheck.spec import load

    wanted = draw(load(spec).spec, style=style).digest
    found = digest_of(picture) if picture.is_file() else None
    if found == wanted:
        return
    why = "does not exist" if not picture.exists() else "is out of date" if found else "was not made by archcheck"
    fix = f"archcheck render {spec} -o {picture}"
    typer.echo(f"{picture}: DIA001 the picture of {spec} {why}. Make it anew: {fix}", err=True)
    raise typer.Exit(1)


__all__ = ["app", "main"]

if TYPE_CHECKING:
    _ = Console
