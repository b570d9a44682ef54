"""The options of the command line: what they are called, what they take, and what their texts mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archcheck.errors import ArchcheckError, Problem

if TYPE_CHECKING:
    from archcheck.diagram import Style
    from archcheck.measures.values import Bound
    from archcheck.model.arguments import Setting


class Format(StrEnum):
    """The report formats."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"


class InspectFormat(StrEnum):
    """The formats of an inspection."""

    TEXT = "text"
    JSON = "json"


class DiffFormat(StrEnum):
    """The formats of what changed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class Theme(StrEnum):
    """How a diagram looks."""

    PAPER = "paper"
    README = "readme"
    SLIDES = "slides"


class Arrangement(StrEnum):
    """How a diagram's panels stand."""

    ROW = "row"
    COLUMN = "column"


SpecPaths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[SPEC...]", help="The specs; else the configuration's.", show_default=False),
]
SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to draw.", show_default=False)]
SpecToSync = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to rewrite.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show the change; write nothing.")]
CheckSync = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 if there is something to change.")
]
TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="pkg.module:factory, path/file.py:Class, timm:NAME, …", show_default=False
    ),
]
Codes = Annotated[
    list[str], typer.Argument(metavar="CODE...", help="Codes such as RES006.", show_default=False)
]
Before = Annotated[
    str,
    typer.Argument(metavar="A", help="A revision, spec, target or saved report (.json).", show_default=False),
]
After = Annotated[str, typer.Argument(metavar="B", help="The same, later.", show_default=False)]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path", metavar="PATH", help="Only commits that change this file or folder; may be repeated."
    ),
]
ResidualName = Annotated[
    str | None,
    typer.Option(
        "--residual", metavar="NAME", help="Only this one: an edge, a module of its branch, its key."
    ),
]
Revision = Annotated[str, typer.Option("--revision", metavar="REVISION", help="Where the history ends.")]
Most = Annotated[int | None, typer.Option("--max-count", "-n", min=1, help="At most so many commits.")]
LogFormat = Annotated[InspectFormat, typer.Option("--format", "-f", help="How to report.")]
Named = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC|TARGET...]", help="Of revisions: these; else their specs.", show_default=False
    ),
]
ChangesFormat = Annotated[DiffFormat, typer.Option("--format", "-f", help="How to report.")]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="Exit 1 if something changed.")]
ReportFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME[=FILE]",
        help=f"How to report: {', '.join(Format)}. Several at once, each but one with its file.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the report to a file.", show_default=False)
]


class MeasureFormat(StrEnum):
    """The formats of measures."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


Force = Annotated[
    bool, typer.Option("--force", help="Let --output replace a spec or a source file.", show_default=False)
]
Picture = Annotated[
    Path,
    typer.Option("--output", "-o", help="The picture: .svg .png .pdf .html .dot .mmd", show_default=False),
]
VerdictPicture = Annotated[
    Path | None,
    typer.Option("--diagram", help="Draw the diagram with the verdict: .svg .png .pdf .html .dot .mmd"),
]
OutlinePicture = Annotated[
    Path | None, typer.Option("--diagram", help="Draw the spec that init would write.")
]
NewSpec = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Where the spec goes: specs/NAME.yaml unless given, - for standard output."
    ),
]
NewPicture = Annotated[
    Path | None, typer.Option("--diagram", help="Draw the spec too: .svg .png .pdf .html .dot .mmd")
]
Replace = Annotated[bool, typer.Option("--force", help="Replace the spec that is there.")]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Only compare: exit 1 if the picture is out of date or was changed by hand."
    ),
]
OtherModel = Annotated[
    str | None,
    typer.Option("--model", metavar="TARGET", help="Check another implementation: pkg.module:factory"),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override an argument of the model; may be repeated."),
]
Unset = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="NAME", help="Leave out an argument or input of the spec."),
]
ArgumentsFile = Annotated[
    Path | None,
    typer.Option(
        "--arguments", metavar="FILE", help="Arguments of the model: YAML or JSON.", show_default=False
    ),
]
Shrink = Annotated[
    bool, typer.Option("--shrink", help="Of timm:, torchvision: and hf: models: the same, small.")
]
Renames = Annotated[
    list[str] | None,
    typer.Option("--rename", metavar="SPEC=MODEL", help="A module's name in the spec, and in the model."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", "-i", metavar="NAME=DTYPE[SHAPE]", help="An input: ids=int64[1,16]<6400, use_cache=false"
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Run in training mode.")]
Strict = Annotated[bool, typer.Option("--strict", help="Make each mark that is not proved a finding.")]
Select = Annotated[
    list[str] | None, typer.Option("--select", metavar="CODE", help="Fail only for these: RES002, BOX.")
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="CODE", help="Accept findings of these: RES002, BOX.")
]
BaselineFile = Annotated[
    Path | None, typer.Option("--baseline", metavar="FILE", help="Accept the findings in this file.")
]
WriteBaseline = Annotated[
    Path | None, typer.Option("--write-baseline", metavar="FILE", help="Write the findings to such a file.")
]
Prove = Annotated[
    bool, typer.Option("--prove", help="Also replay each trace, and prove residuals by finite changes.")
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python", metavar="PYTHON", help="Run the model with this Python; it need not have archcheck."
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long a model may take.")
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        metavar="N",
        help="Specs checked at the same time; 0: as many as fit the cores.",
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process",
        help="Run the model in this process, for debuggers: one that exits, hangs or alters the process then "
        "decides what is reported.",
    ),
]
KeepVerdicts = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Keep verdicts in .archcheck_cache, for as long as nothing changes that they depend on.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="One line per finding, nothing else.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Show more; -vv all.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Subject = Annotated[
    str, typer.Argument(metavar="SPEC|TARGET", help="A spec, or pkg.module:factory", show_default=False)
]
MeasuresFormat = Annotated[MeasureFormat, typer.Option("--format", "-f", help="How to report.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="A state dict: .safetensors or torch.save's.")
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="The inputs, and targets: .npz or .safetensors.")
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=100, help="How many times to initialise the model.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Draw curves over depth: .svg .png .pdf")]
MeasuredPicture = Annotated[
    Path | None, typer.Option("--diagram", help="Draw the spec; each residual line is as wide as its --show.")
]
Show = Annotated[str, typer.Option("--show", metavar="MEASURE", help="What --diagram shows.")]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if", metavar="BOUND", help="Exit 1 if it holds for a residual: 'gradient_ratio < 1e-3'"
    ),
]
ThemeOption = Annotated[Theme, typer.Option("--theme", help="How the picture looks.")]
LayoutOption = Annotated[Arrangement, typer.Option("--layout", help="How the panels are arranged.")]
PanelsOption = Annotated[str, typer.Option("--panels", metavar="A,B", help="Draw only these panels.")]
DpiOption = Annotated[int, typer.Option("--dpi", min=10, max=1200, help="Resolution of a PNG.")]


def settings(
    texts: list[str] | None, unset: list[str] | None = None, file: Path | None = None, *, shrink: bool = False
) -> list[Setting]:
    """The settings of `--arguments`, `--shrink`, `--unset` and `--set`, in this order."""
    if not (texts or unset or file or shrink):
        return []  # with nothing imported
    from archcheck.commands.settings import SHRINK, parse_setting, read_arguments
    from archcheck.model.arguments import UNSET

    from_file = [] if file is None else read_arguments(file)
    small: list[Setting] = [(SHRINK, True)] if shrink else []
    taken = [(name, UNSET) for name in unset or ()]
    return [*from_file, *small, *taken, *(parse_setting(text) for text in texts or ())]


def inputs(texts: list[str] | None) -> dict[str, Any]:
    """The inputs of `--input`. Raises ArchcheckError."""
    if not texts:
        return {}
    from archcheck.commands.settings import parse_input

    return dict(parse_input(text) for text in texts)


def renames(texts: list[str] | None) -> dict[str, str]:
    """The names of `--rename`, the spec's to the model's. Raises ArchcheckError."""
    pairs = {}
    for text in texts or ():
        spec, equals, model = text.partition("=")
        if not equals or not spec:
            hint = "Write --rename SPEC=MODEL, such as layers=transformer.h"
            raise usage_error(f"{text!r} is not a renaming.", hint)
        pairs[spec] = model
    return pairs


def style(theme: Theme, layout: Arrangement, panels: str, dpi: int) -> Style:
    """The look of a picture."""
    from archcheck.diagram import Style

    subset = tuple(name.strip() for name in panels.split(",") if name.strip()) or None
    return Style(theme=theme.value, layout=layout.value, panels=subset, dpi=dpi)


def bounds(texts: list[str] | None) -> list[Bound]:
    """The bounds of `--fail-if`. Raises ArchcheckError."""
    from archcheck.measures.values import Bound

    found = []
    for text in texts or ():
        try:
            found.append(Bound.parse(text))
        except ValueError as error:
            raise usage_error(f"{text!r} is not a bound.", str(error)) from None
    return found


def check_plot(plot: Path | None) -> None:
    """Refuse a plot that can't be drawn, before the model runs. Raises ArchcheckError or OSError."""
    if plot is None:
        return
    from archcheck.diagram.plot import PLOT_SUFFIXES
    from archcheck.files import check_writable

    if plot.suffix.lower() not in PLOT_SUFFIXES:
        raise usage_error(f"Can't plot to {plot.name}.", f"Choose one of {', '.join(PLOT_SUFFIXES)}.")
    check_writable(plot)


def check_measured_picture(diagram: Path | None, subject: str, show: str) -> None:
    """Refuse a picture of measures that can't be drawn. Raises ArchcheckError or OSError."""
    from archcheck.measures.values import MEASURES

    if show not in MEASURES:
        raise usage_error(f"There is no measure {show!r}.", f"Choose one of {', '.join(MEASURES)}.")
    if diagram is not None and not subject.endswith((".yaml", ".yml")):
        raise usage_error("--diagram draws a spec.", "Measure a spec, or draw curves with --plot.")


def usage_error(message: str, hint: str) -> ArchcheckError:
    """The error for options that do not go together."""
    return ArchcheckError(Problem("", None, None, "CLI001", message, hint=hint))
