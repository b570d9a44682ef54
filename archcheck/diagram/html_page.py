"""One self-contained page: the diagram with its verdict; a click on an edge shows spec and code side by side.

The page loads nothing: its policy forbids every request, and the one script is allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from archcheck.diagram.composition import chosen
from archcheck.diagram.labels import clean, plain
from archcheck.diagram.panel_picture import edge_class
from archcheck.diagram.verdict_marks import place
from archcheck.findings import Finding, Proof, Report, count_of
from archcheck.source_location import Location
from archcheck.spec.edges import edge_id, ends

if TYPE_CHECKING:
    from archcheck.diagram.drawing import Drawing

AROUND = 4
_LARGEST = 2_000_000
_SCRIPT, _STYLE = (
    Path(__file__).with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".js", ".css")
)
_NOWHERE = "base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class _Card:
    """What is known of one residual edge or of one finding that has no edge."""

    name: str
    heading: str
    findings: tuple[tuple[int, Finding], ...]
    proofs: tuple[Proof, ...]


def page(drawing: Drawing, picture: bytes) -> str:
    """Return the page for a drawing and its SVG; lines of spec and code come from the report's files."""
    svg = re.sub(r"^<\?xml[^>]*\?>\s*", "", picture.decode(), flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; {_NOWHERE}"
    cards = list(_cards(drawing))
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(drawing.title, 200)}</title>",
            f"<style>{_STYLE}</style></head>",
            "<body>",
            f"<h1>{_text(drawing.title, 200)}</h1>",
            _verdict(drawing.report),
            f"<figure>{svg}</figure>",
            _findings(drawing.report, cards),
            '<p id="hint" class="muted" hidden>Choose a residual connection to see it in spec and code.</p>',
            *(_card(card) for card in cards),
            f"<script>{_SCRIPT}</script>",
            "</body></html>",
            "",
        ]
    )


def _cards(drawing: Drawing) -> Iterator[_Card]:
    report = drawing.report
    findings = list(enumerate(report.findings)) if report else []
    shown: set[int] = set()
    for name in chosen(drawing.spec, drawing.style):
        panel = drawing.spec.panels[name]
        for index, edge in enumerate(panel.residuals):
            names = {edge_id(edge), ends(edge)}
            mine = tuple((n, f) for n, f in findings if f.panel == name and f.edge in names)
            proofs = tuple(
                p for p in (report.proofs if report else ()) if p.panel == name and p.edge in names
            )
            shown |= {number for number, _ in mine}
            kind = f", {edge.kind}" if edge.kind else ""
            heading = f"{panel.title or name}: {edge_id(edge)} ({edge.line}{kind})"
            yield _Card(edge_class(drawing.spec, name, index), heading, mine, proofs)
    for number, finding in findings:
        if number not in shown:
            yield _Card(
                f"finding-{number}", f"{finding.panel} {finding.edge}".strip(), ((number, finding),), ()
            )


def _verdict(report: Report | None) -> str:
    if report is None:
        return ""
    count = len(report.findings)
    words = "The diagram matches the code." if not count else f"{count} finding{'s' * (count != 1)}."
    words += f" {count_of(report.marks)}." if report.marks else ""
    return f'<p class="{"wrong" if count else "proved"}"><strong>{words}</strong></p>'


def _findings(report: Report | None, cards: list[_Card]) -> str:
    if report is None or not report.findings:
        return ""
    names = {number: card.name for card in cards for number, _ in card.findings}
    items = "".join(
        f'<li><button data-edge="{names[number]}">{_text(f"{finding.code} {finding.message}")}</button></li>'
        for number, finding in enumerate(report.findings)
    )
    return f'<ol class="wrong">{items}</ol>'


def _card(card: _Card) -> str:
    parts = [f'<section class="card" data-edge="{card.name}"><h2>{_text(card.heading, 300)}</h2>']
    spec: Location | None = None
    code: Location | None = None
    for number, finding in card.findings:
        parts.append(
            f'<p class="wrong">✗ {number + 1}. {_text(finding.code, 20)} {_text(finding.message)}</p>'
        )
        parts += [f'<p class="muted">Drawn: {_text(finding.drawn)}</p>'] if finding.drawn else []
        parts += [f'<p class="muted">Code: {_text(finding.traced)}</p>'] if finding.traced else []
        spec, code = spec or finding.spec, code or finding.location
    for proof in card.proofs:
        layers = f" in {proof.count} layers" if proof.count > 1 else ""
        parts.append(f'<p class="proved">✓ {_text(proof.statement or "proved")}{layers}</p>')
        spec = spec or proof.spec
        code = code or next((residual.location for residual in proof.residuals if residual.location), None)
    if not card.findings and not card.proofs:
        parts.append('<p class="muted">Not checked in this run.</p>')
    parts.append(f'<div class="sides">{_excerpt("Spec", spec)}{_excerpt("Code", code)}</div></section>')
    return "".join(parts)


def _excerpt(heading: str, location: Location | None) -> str:
    """Return the line with those around it, or only its place where the file can't be read."""
    if location is None:
        return ""
    title = f"<div><h2>{heading}: {_text(place(location), 200)}</h2>"
    lines = _lines(location)
    first = max(1, location.line - AROUND)
    body = []
    for number, line in enumerate(lines[first - 1 : location.line + AROUND], start=first):
        text = f"{number:5d}  {escape(clean(line[:300]))}"
        body.append(f"<mark>{text}</mark>" if number == location.line else text)
    return title + (f"<pre>{chr(10).join(body)}</pre></div>" if body else "</div>")


def _lines(location: Location) -> list[str]:
    path = Path(location.file)
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return []
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return []


def _text(text: str, limit: int = 1_000) -> str:
    return escape(plain(text, limit))
