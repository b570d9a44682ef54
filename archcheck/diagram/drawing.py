"""A drawing: DOT text with a digest of its meaning, and the files made from it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.diagram import graphviz_engine, mermaid, svg
from archcheck.diagram.composition import Composer
from archcheck.diagram.dot import FORMAT, texts, to_dot
from archcheck.diagram.line_widths import Widths
from archcheck.diagram.mark_looks import SHOWN
from archcheck.diagram.seal import sealed
from archcheck.diagram.theme import THEMES, Style
from archcheck.diagram.verdict_marks import Marker, with_ghosts
from archcheck.errors import DrawError
from archcheck.files import write_bytes
from archcheck.findings import Report, count_of
from archcheck.spec.model import Spec

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".mmd", ".mermaid", ".html")
MOST_PIXELS = 40_000_000
_LAST_SECOND = 253_402_300_799  # of the year 9999


@dataclass(frozen=True, slots=True)
class Drawing:
    """A diagram ready to be written. `dot` is its DOT text, `digest` what it means, as a SHA-256 in hex.

    The digest covers what the spec draws, the findings and the style; it is the same for every Graphviz, font
    and machine. `hovers` maps elements to the text that an SVG viewer shows over them, `signs` are those that
    need a glyph, `points` is the area in square points.
    """

    spec: Spec
    report: Report | None
    style: Style
    dot: str
    digest: str
    title: str
    description: str
    hovers: dict[str, str]
    signs: frozenset[str]
    points: float

    def _repr_svg_(self) -> str:
        """Show the drawing in a notebook."""
        return render(self, ".svg").decode()


def draw(
    spec: Spec,
    report: Report | None = None,
    *,
    style: Style = Style(),  # noqa: B008
    widths: Widths | None = None,
) -> Drawing:
    """Draw a spec, with the verdict of a report, or with measures as line widths, if given.

    Raises DrawError (DIA003) for a panel that the spec does not have.
    """
    composer = Composer(with_ghosts(spec, report), style)
    placed = composer.compose()
    marker = Marker(composer, placed, report) if report is not None else None
    if marker is not None:
        marker.mark()
    count = count_of(report.marks) if report is not None and report.marks else ""
    composer.finish(placed, marker.listing() if marker else [], count)
    scene = composer.scene
    if widths is not None:
        widths.apply(scene, spec)
    digest = _digest(spec, report, style, widths)
    hovers = {shape.key: shape.hover for shape in [*scene.shapes, *scene.above] if shape.hover}
    hovers |= {f"{curve.tail}->{curve.head}": curve.hover for curve in scene.curves if curve.hover}
    signs = frozenset(sign for text in texts(scene) for sign in text if _needs_glyph(sign))
    dot, area = to_dot(scene), scene.width * scene.height
    return Drawing(spec, report, style, dot, digest, scene.title, scene.description, hovers, signs, area)


def render(drawing: Drawing, suffix: str) -> bytes:
    """Return the drawing in the format that a file suffix (one of SUFFIXES) names.

    Raises DrawError: DIA002 for another suffix or without Graphviz, DIA003 if a PNG or PDF would show empty
    boxes because no font here has a glyph.
    """
    suffix = suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise DrawError.of(
            "DIA002", f"Can't draw to a file ending in {suffix[:20]!r}.", f"Choose one of {known}."
        )
    return sealed(_content(drawing, suffix), suffix, drawing.digest)


def _content(drawing: Drawing, suffix: str) -> bytes:
    match suffix:
        case ".svg":
            return _svg(drawing)
        case ".png":
            _check_glyphs(drawing)
            return graphviz_engine.run(_with_graph(drawing, f"dpi={_dpi(drawing):.0f}"), "png")
        case ".pdf":
            _check_glyphs(drawing)
            return _timeless(graphviz_engine.run(_with_graph(drawing, "margin=0 pad=0.02"), "pdf"))
        case ".html":
            from archcheck.diagram import html_page

            return html_page.page(drawing, _svg(drawing)).encode()
        case ".dot":
            return drawing.dot.encode()
    return mermaid.to_mermaid(drawing.spec, drawing.style).encode()


def _svg(drawing: Drawing) -> bytes:
    return svg.finished(
        graphviz_engine.run(drawing.dot, "svg"),
        title=drawing.title,
        description=drawing.description,
        fonts=THEMES[drawing.style.theme].fonts,
        hovers=drawing.hovers,
    )


def _with_graph(drawing: Drawing, attributes: str) -> str:
    """Return the drawing's DOT text with further attributes of the graph; the last of a name holds."""
    head, rest = drawing.dot.split("  graph [", 1)
    inside, tail = rest.split("]\n", 1)
    return f"{head}  graph [{inside} {attributes}]\n{tail}"


def _timeless(pdf: bytes) -> bytes:
    """Return a PDF with the time of SOURCE_DATE_EPOCH, or 1970, instead of now; its length is unchanged."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = min(int(epoch), _LAST_SECOND) if re.fullmatch("[0-9]{1,20}", epoch) else 0
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds)).encode()
    return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", stamp, pdf)


def write(drawing: Drawing, path: Path) -> None:
    """Write the drawing to `path`, in the format of its suffix, or raise DrawError (DIA002)."""
    content = render(drawing, path.suffix)
    try:
        write_bytes(path, content)
    except OSError as error:
        message = f"Can't write the diagram: {error.strerror or error}."
        raise DrawError.of(
            "DIA002", message, "Choose a file in a folder that can be written.", str(path)
        ) from error


def _digest(spec: Spec, report: Report | None, style: Style, widths: Widths | None) -> str:
    meaning: dict[str, Any] = {
        "format": FORMAT,
        "spec": spec.model_dump(mode="json", exclude={"model"}, exclude_defaults=True),
        "style": [str(style.theme), str(style.layout), style.panels],
        "findings": [
            [f.code, f.panel, f.edge, [str(layer) for layer in f.layers], f.code_source, list(f.code_branch)]
            for f in (report.findings if report else ())
        ],
        "marks": [
            [m.panel, m.kind, m.name, m.verdict]
            for m in (report.marks if report else ())
            if m.verdict in SHOWN
        ],
        "count": count_of(report.marks) if report else "",
        "proofs": sorted({(p.panel, p.edge) for p in (report.proofs if report else ())}),
    }
    if widths is not None:
        meaning["widths"] = [widths.measure, sorted(widths.values.items())]
    text = json.dumps(meaning, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _dpi(drawing: Drawing) -> float:
    """Return the resolution asked for, or the highest that keeps the picture within MOST_PIXELS."""
    return min(drawing.style.dpi, math.sqrt(MOST_PIXELS / drawing.points) * 72)


def _needs_glyph(sign: str) -> bool:
    if ord(sign) < 0x7F or unicodedata.combining(sign):
        return False
    return unicodedata.category(sign)[0] in "LNPS" or unicodedata.category(sign) == "Mc"


def _check_glyphs(drawing: Drawing) -> None:
    """Refuse to draw signs as empty boxes."""
    if not drawing.signs:
        return
    missing = sorted(graphviz_engine.undrawn(drawing.dot, set(drawing.signs)))
    if not missing:
        return
    names = ", ".join(f"{sign} (U+{ord(sign):04X})" for sign in missing[:12])
    more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
    wide = any(unicodedata.east_asian_width(sign) in "WF" for sign in missing)
    font = "Noto Sans CJK (Debian: apt install fonts-noto-cjk)" if wide else "Noto Sans or DejaVu Sans"
    hint = (
        f"Install a font that has them, such as {font}, or write .svg, which leaves the font to the viewer."
    )
    raise DrawError.of("DIA003", f"No font on this machine has {names}{more}.", hint)
