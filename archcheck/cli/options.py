"""The options of the command line: their names, values and help texts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

Format = StrEnum("Format", "TEXT JSON GITHUB GITLAB SARIF JUNIT MARKDOWN")
InspectFormat = StrEnum("InspectFormat", "TEXT JSON")
DiffFormat = StrEnum("DiffFormat", "TEXT JSON MARKDOWN HTML")
MeasureFormat = StrEnum("MeasureFormat", "TEXT JSON CSV")
ThemeChoice = StrEnum("ThemeChoice", "PAPER README SLIDES")
ArrangementChoice = StrEnum("ArrangementChoice", "ROW COLUMN")

_File = Path | None
_Text = str | None
_Texts = list[str] | None
_PICTURES = ".svg .png .pdf .html .dot .mmd"


def _argument(metavar: str, help: str) -> Any:
    return Argument(metavar=metavar, help=help, show_default=False)


# What a command is about.
SpecPaths = Annotated[
    list[Path] | None, _argument("SPEC", "Specs to check; by default those of the configuration.")
]
SpecPath = Annotated[Path, _argument("SPEC", "The spec to draw.")]
SpecToSync = Annotated[Path, _argument("SPEC", "The spec to rewrite.")]
TargetName = Annotated[str, _argument("TARGET", "pkg.module:factory, path/file.py:Class, timm:NAME, …")]
Subject = Annotated[str, _argument("SPEC|TARGET", "A spec, or pkg.module:factory")]
Codes = Annotated[list[str], _argument("CODE", "Codes, such as RES006, or prefixes, such as RES.")]
Before = Annotated[str, _argument("A", "A revision, spec, target or saved report (.json).")]
After = Annotated[str, _argument("B", "What to compare it with.")]
Named = Annotated[
    _Texts, _argument("SPEC|TARGET", "With revisions: what to compare; by default their specs.")
]

# The model: another one, its arguments and inputs, and where it runs.
OtherModel = Annotated[
    _Text,
    Option("--model", metavar="TARGET", help="Check another implementation of the model: pkg.module:factory"),
]
Settings = Annotated[
    _Texts, Option("--set", metavar="KEY=VALUE", help="Override a model argument; may be repeated.")
]
Unset = Annotated[
    _Texts, Option("--unset", metavar="NAME", help="Drop an argument or input that the spec gives.")
]
ArgumentsFile = Annotated[
    _File, Option("--arguments", metavar="FILE", help="Read model arguments from a YAML or JSON file.")
]
Shrink = Annotated[
    bool, Option("--shrink", help="Build a small version of a timm:, torchvision: or hf: model.")
]
Renames = Annotated[
    _Texts,
    Option("--rename", metavar="SPEC=MODEL", help="Map a module name in the spec to its name in the model."),
]
_INPUT = "A model input, such as ids=int64[1,16]<6400 or use_cache=false."
Inputs = Annotated[_Texts, Option("--input", "-i", metavar="NAME=DTYPE[SHAPE]", help=_INPUT)]
Train = Annotated[bool, Option("--train", help="Run the model in training mode.")]
_PYTHON = "Run the model with this Python interpreter; archcheck need not be installed there."
Python = Annotated[_Text, Option("--python", metavar="PYTHON", help=_PYTHON)]
Timeout = Annotated[float, Option("--timeout", min=0.1, metavar="SECONDS", help="Time limit for one model.")]
_JOBS = "Number of specs to check in parallel; 0 chooses by the number of cores."
Jobs = Annotated[int, Option("--jobs", "-j", min=0, metavar="N", help=_JOBS)]
_IN_PROCESS = (
    "Run the model inside the archcheck process, for debugging; a model that exits, hangs or "
    "tampers with the process can then falsify the report."
)
InProcess = Annotated[bool, Option("--in-process", help=_IN_PROCESS)]
_CACHE = "Keep verdicts in .archcheck_cache and reuse them while nothing they depend on has changed."
KeepVerdicts = Annotated[bool | None, Option("--cache/--no-cache", help=_CACHE, show_default=False)]

# What is checked, and what is accepted.
_PROVE = "Also replay each trace and check each residual numerically (TRC002, TRC003, TRC004)."
Prove = Annotated[bool, Option("--prove", help=_PROVE)]
Strict = Annotated[
    bool, Option("--strict", help="Report each mark that could not be proved as a finding (MARK001).")
]
_SELECT = "Fail only for these codes or prefixes, such as RES002 or BOX."
Select = Annotated[_Texts, Option("--select", metavar="CODE", help=_SELECT)]
_IGNORE = "Accept findings with these codes or prefixes, such as RES002 or BOX."
Ignore = Annotated[_Texts, Option("--ignore", metavar="CODE", help=_IGNORE)]
_BASELINE = "Accept the findings listed in this file; report those that are gone (BAS002)."
BaselineFile = Annotated[_File, Option("--baseline", metavar="FILE", help=_BASELINE)]
WriteBaseline = Annotated[
    _File, Option("--write-baseline", metavar="FILE", help="Write the current findings to a baseline file.")
]
DryRun = Annotated[bool, Option("--dry-run", help="Show the change but write nothing.")]
CheckSync = Annotated[bool, Option("--check", help="Write nothing; exit 1 if something would change.")]

# What is printed and written.
_FORMAT = f"Output format: {', '.join(Format)}. May be repeated; all but one need a FILE."
ReportFormats = Annotated[_Texts, Option("--format", "-f", metavar="NAME[=FILE]", help=_FORMAT)]
ChangesFormat = Annotated[DiffFormat, Option("--format", "-f", help="Output format.")]
LogFormat = Annotated[InspectFormat, Option("--format", "-f", help="Output format.")]
MeasuresFormat = Annotated[MeasureFormat, Option("--format", "-f", help="Output format.")]
Output = Annotated[_File, Option("--output", "-o", help="Write the report to a file.")]
Force = Annotated[bool, Option("--force", help="Let --output overwrite a spec or a source file.")]
_NEW_SPEC = "The spec to write: specs/NAME.yaml by default, - for standard output."
NewSpec = Annotated[_File, Option("--output", "-o", help=_NEW_SPEC)]
Replace = Annotated[bool, Option("--force", help="Overwrite an existing spec.")]
ExitCode = Annotated[bool, Option("--exit-code", help="Exit 1 if something changed.")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Print one line per finding and nothing else.")]
Verbose = Annotated[
    int, Option("--verbose", "-v", count=True, show_default=False, help="Print more; -vv prints everything.")
]
Debug = Annotated[bool, Option("--debug", help="Print the traceback of errors.")]

# Pictures.
Picture = Annotated[
    Path, Option("--output", "-o", help=f"The picture to write: {_PICTURES}", show_default=False)
]
_CHECK = "Write nothing; exit 1 (DIA001) if the picture is out of date or was edited by hand."
Check = Annotated[bool, Option("--check", help=_CHECK)]
_VERDICT = f"Draw the diagram and mark what is proved or wrong: {_PICTURES}"
VerdictPicture = Annotated[_File, Option("--diagram", help=_VERDICT)]
OutlinePicture = Annotated[
    _File, Option("--diagram", help=f"Draw the diagram that init would write: {_PICTURES}")
]
NewPicture = Annotated[_File, Option("--diagram", help=f"Draw the spec as well: {_PICTURES}")]
_MEASURED = "Draw the spec with each residual line as wide as its --show measure is large."
MeasuredPicture = Annotated[_File, Option("--diagram", help=_MEASURED)]
ThemeOption = Annotated[ThemeChoice, Option("--theme", help="Style of the picture.")]
LayoutOption = Annotated[ArrangementChoice, Option("--layout", help="Arrangement of the panels.")]
PanelsOption = Annotated[str, Option("--panels", metavar="A,B", help="Draw only these panels.")]
DpiOption = Annotated[int, Option("--dpi", min=10, max=1200, help="Resolution of a PNG picture.")]

# History.
_PATH = "Only commits that change this file or folder; may be repeated."
Paths = Annotated[_Texts, Option("--path", metavar="PATH", help=_PATH)]
_RESIDUAL = "Only this residual: an edge, a module of its branch or its key."
ResidualName = Annotated[_Text, Option("--residual", metavar="NAME", help=_RESIDUAL)]
Revision = Annotated[str, Option("--revision", metavar="REVISION", help="The last commit to look at.")]
Most = Annotated[
    int | None, Option("--max-count", "-n", min=1, help="Look at no more than this many commits.")
]

# Measures.
_WEIGHTS = "Load weights from a state dict: .safetensors, or a file from torch.save."
Weights = Annotated[_File, Option("--weights", metavar="FILE", help=_WEIGHTS)]
_DATA = "Read inputs and targets from a file: .npz or .safetensors."
Data = Annotated[_File, Option("--data", metavar="FILE", help=_DATA)]
Seeds = Annotated[int, Option("--seeds", min=1, max=100, help="Number of random initialisations to measure.")]
Plot = Annotated[_File, Option("--plot", help="Plot the measures over depth: .svg .png .pdf")]
Show = Annotated[str, Option("--show", metavar="MEASURE", help="The measure that --diagram shows.")]
_FAIL_IF = "Exit 1 if this holds for any residual, such as 'gradient_ratio < 1e-3'."
FailIf = Annotated[_Texts, Option("--fail-if", metavar="BOUND", help=_FAIL_IF)]
