"""The values of options: from the texts of a command line, checked before a model runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcheck.cli.options import ArrangementChoice, ThemeChoice
from archcheck.errors import ArchcheckError
from archcheck.files import SPEC_SUFFIXES

if TYPE_CHECKING:
    from archcheck.diagram import Style
    from archcheck.measures.values import Bound
    from archcheck.model.arguments import Setting


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
    if diagram is not None and not subject.endswith(SPEC_SUFFIXES):
        raise usage_error("--diagram draws a spec.", "Measure a spec, or draw curves with --plot.")


def usage_error(message: str, hint: str) -> ArchcheckError:
    """Return the error for options that can't be combined."""
    return ArchcheckError.of("CLI001", message, hint)
