"""The options of the command line: their names, values and help texts."""

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
    """The formats of a comparison."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


class ThemeChoice(StrEnum):
    """The style of a diagram."""

    PAPER = "paper"
    README = "readme"
    SLIDES = "slides"


class ArrangementChoice(StrEnum):
    """The arrangement of a diagram's panels."""

    ROW = "row"
    COLUMN = "column"


SpecPaths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[SPEC...]", help="Specs to check; by default those of the configuration.", show_default=False
    ),
]
SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to draw.", show_default=False)]
SpecToSync = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec to rewrite.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change but write nothing.")]
CheckSync = Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if something would change.")]
TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="pkg.module:factory, path/file.py:Class, timm:NAME, …", show_default=False
    ),
]
Codes = Annotated[
    list[str], typer.Argument(metavar="CODE...", help="Codes, such as RES006.", show_default=False)
]
Before = Annotated[
    str,
    typer.Argument(metavar="A", help="A revision, spec, target or saved report (.json).", show_default=False),
]
After = Annotated[str, typer.Argument(metavar="B", help="What to compare it with.", show_default=False)]
Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--path", metavar="PATH", help="Only commits that change this file or folder; may be repeated."
    ),
]
ResidualName = Annotated[
    str | None,
    typer.Option(
        "--residual", metavar="NAME", help="Only this residual: an edge, a module of its branch or its key."
    ),
]
Revision = Annotated[str, typer.Option("--revision", metavar="REVISION", help="The last commit to look at.")]
Most = Annotated[
    int | None, typer.Option("--max-count", "-n", min=1, help="Look at no more than this many commits.")
]
LogFormat = Annotated[InspectFormat, typer.Option("--format", "-f", help="Output format.")]
Named = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SPEC|TARGET...]",
        help="With revisions: what to compare; by default their specs.",
        show_default=False,
    ),
]
ChangesFormat = Annotated[DiffFormat, typer.Option("--format", "-f", help="Output format.")]
ExitCode = Annotated[bool, typer.Option("--exit-code", help="Exit 1 if something changed.")]
ReportFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="NAME[=FILE]",
        help=f"Output format: {', '.join(Format)}. May be repeated; all but one need a FILE.",
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
    bool, typer.Option("--force", help="Let --output overwrite a spec or a source file.", show_default=False)
]
Picture = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="The picture to write: .svg .png .pdf .html .dot .mmd", show_default=False
    ),
]
VerdictPicture = Annotated[
    Path | None,
    typer.Option(
        "--diagram", help="Draw the diagram and mark what is proved or wrong: .svg .png .pdf .html .dot .mmd"
    ),
]
OutlinePicture = Annotated[
    Path | None,
    typer.Option("--diagram", help="Draw the diagram that init would write: .svg .png .pdf .html .dot .mmd"),
]
NewSpec = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="The spec to write: specs/NAME.yaml by default, - for standard output."
    ),
]
NewPicture = Annotated[
    Path | None, typer.Option("--diagram", help="Draw the spec as well: .svg .png .pdf .html .dot .mmd")
]
Replace = Annotated[bool, typer.Option("--force", help="Overwrite an existing spec.")]
Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Write nothing; exit 1 (DIA001) if the picture is out of date or was edited by hand."
    ),
]
OtherModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="TARGET", help="Check another implementation of the model: pkg.module:factory"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a model argument; may be repeated."),
]
Unset = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="NAME", help="Drop an argument or input that the spec gives."),
]
ArgumentsFile = Annotated[
    Path | None,
    typer.Option(
        "--arguments",
        metavar="FILE",
        help="Read model arguments from a YAML or JSON file.",
        show_default=False,
    ),
]
Shrink = Annotated[
    bool, typer.Option("--shrink", help="Build a small version of a timm:, torchvision: or hf: model.")
]
Renames = Annotated[
    list[str] | None,
    typer.Option(
        "--rename", metavar="SPEC=MODEL", help="Map a module name in the spec to its name in the model."
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=DTYPE[SHAPE]",
        help="A model input, such as ids=int64[1,16]<6400 or use_cache=false.",
    ),
]
Train = Annotated[bool, typer.Option("--train", help="Run the model in training mode.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Report each mark that could not be proved as a finding (MARK001).")
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select", metavar="CODE", help="Fail only for these codes or prefixes, such as RES002 or BOX."
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="CODE",
        help="Accept findings with these codes or prefixes, such as RES002 or BOX.",
    ),
]
BaselineFile = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Accept the findings listed in this file; report those that are gone (BAS002).",
    ),
]
WriteBaseline = Annotated[
    Path | None,
    typer.Option("--write-baseline", metavar="FILE", help="Write the current findings to a baseline file."),
]
Prove = Annotated[
    bool,
    typer.Option(
        "--prove",
        help="Also replay each trace and check each residual numerically (TRC002, TRC003, TRC004).",
    ),
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PYTHON",
        help="Run the model with this Python interpreter; archcheck need not be installed there.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Time limit for one model.")
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        min=0,
        metavar="N",
        help="Number of specs to check in parallel; 0 chooses by the number of cores.",
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process",
        help="Run the model inside the archcheck process, for debugging; a model that exits, hangs or "
        "tampers with the process can then falsify the report.",
    ),
]
KeepVerdicts = Annotated[
    bool | None,
    typer.Option(
        "--cache/--no-cache",
        help="Keep verdicts in .archcheck_cache and reuse them while nothing they depend on has changed.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print one line per finding and nothing else.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, help="Print more; -vv prints everything."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of errors.")]
Subject = Annotated[
    str, typer.Argument(metavar="SPEC|TARGET", help="A spec, or pkg.module:factory", show_default=False)
]
MeasuresFormat = Annotated[MeasureFormat, typer.Option("--format", "-f", help="Output format.")]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Load weights from a state dict: .safetensors, or a file from torch.save.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="Read inputs and targets from a file: .npz or .safetensors."),
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=100, help="Number of random initialisations to measure.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Plot the measures over depth: .svg .png .pdf")]
MeasuredPicture = Annotated[
    Path | None,
    typer.Option(
        "--diagram", help="Draw the spec with each residual line as wide as its --show measure is large."
    ),
]
Show = Annotated[str, typer.Option("--show", metavar="MEASURE", help="The measure that --diagram shows.")]
FailIf = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-if",
        metavar="BOUND",
        help="Exit 1 if this holds for any residual, such as 'gradient_ratio < 1e-3'.",
    ),
]
ThemeOption = Annotated[ThemeChoice, typer.Option("--theme", help="Style of the picture.")]
LayoutOption = Annotated[ArrangementChoice, typer.Option("--layout", help="Arrangement of the panels.")]
PanelsOption = Annotated[str, typer.Option("--panels", metavar="A,B", help="Draw only these panels.")]
DpiOption = Annotated[int, typer.Option("--dpi", min=10, max=1200, help="Resolution of a PNG picture.")]


def settings(
    texts: list[str] | None, unset: list[str] | None = None, file: Path | None = None, *, shrink: bool = False
) -> list[Setting]:
    """Return the settings of `--arguments`, `--shrink`, `--unset` and `--set`, in this order."""
    if not (texts or unset or file or shrink):
        return []  # with nothing imported
    from archcheck.commands.settings import SHRINK, parse_setting, read_arguments
    from archcheck.model.arguments import UNSET

    from_file = [] if file is None else read_arguments(file)
    small: list[Setting] = [(SHRINK, True)] if shrink else []
    taken = [(name, UNSET) for name in unset or ()]
    return [*from_file, *small, *taken, *(parse_setting(text) for text in texts or ())]


def inputs(texts: list[str] | None) -> dict[str, Any]:
    """Return the inputs of `--input`. Raises ArchcheckError."""
    if not texts:
        return {}
    from archcheck.commands.settings import parse_input

    return dict(parse_input(text) for text in texts)


def renames(texts: list[str] | None) -> dict[str, str]:
    """Return the names of `--rename`, the spec's to the model's. Raises ArchcheckError."""
    pairs = {}
    for text in texts or ():
        spec, equals, model = text.partition("=")
        if not equals or not spec:
            hint = "Write --rename SPEC=MODEL, such as layers=transformer.h"
            raise usage_error(f"{text!r} is not a renaming.", hint)
        pairs[spec] = model
    return pairs


def style(theme: ThemeChoice, layout: ArrangementChoice, panels: str, dpi: int) -> Style:
    """Return the look of a picture."""
    from archcheck.diagram import Style

    subset = tuple(name.strip() for name in panels.split(",") if name.strip()) or None
    return Style(theme=theme.value, layout=layout.value, panels=subset, dpi=dpi)


def bounds(texts: list[str] | None) -> list[Bound]:
    """Return the bounds of `--fail-if`. Raises ArchcheckError."""
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
        raise usage_error(f"Unknown measure {show!r}.", f"Choose one of {', '.join(MEASURES)}.")
    if diagram is not None and not subject.endswith((".yaml", ".yml")):
        raise usage_error("--diagram draws a spec.", "Measure a spec, or draw curves with --plot.")


def usage_error(message: str, hint: str) -> ArchcheckError:
    """Return the error for options that can't be combined."""
    return ArchcheckError(Problem("", None, None, "CLI001", message, hint=hint))
