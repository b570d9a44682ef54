"""`archcheck render`: draw a spec to a file, or check that the file is up to date. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archcheck.diagram import SUFFIXES, Freshness, Style, draw, state_of, write
from archcheck.diagram.line_widths import Widths
from archcheck.errors import ArchcheckError
from archcheck.files import check_writable
from archcheck.findings import Report
from archcheck.spec import load
from archcheck.spec.model import Spec


def check_picture(path: Path) -> None:
    """Refuse a picture that can't be written, before the work is done. Raises ArchcheckError or OSError."""
    if path.suffix.lower() not in SUFFIXES:
        hint = f"Choose one of {', '.join(SUFFIXES)}."
        raise ArchcheckError.of("CLI001", f"Can't draw to {path.name}.", hint)
    check_writable(path)


def render(spec: Path, picture: Path, style: Style, report: Report | None = None) -> None:
    """Draw a spec, with the verdict of `report` in it. Raises ArchcheckError; writes whole or not at all."""
    render_spec(load(spec).spec, picture, style, report)


def render_spec(spec: Spec, picture: Path, style: Style, report: Report | None = None) -> None:
    """Draw a spec that has been read or made already."""
    write(draw(spec, report, style=style), picture)


def render_measures(
    spec: Path, picture: Path, measure: str, values: Mapping[str, float], theme: str, dpi: int
) -> None:
    """Draw a spec with residual lines as wide as a measure is large. Raises ArchcheckError."""
    drawing = draw(load(spec).spec, style=Style(theme=theme, dpi=dpi), widths=Widths(measure, values))
    write(drawing, picture)


def staleness(spec: Path, picture: Path, style: Style) -> str:
    """Return why the file at `picture` is not the picture of the spec; "" if it is."""
    wanted = draw(load(spec).spec, style=style).digest
    if not picture.exists():
        return "does not exist"
    state = state_of(picture, wanted) if picture.is_file() else Freshness.FOREIGN
    return "" if state is Freshness.CURRENT else state.value
