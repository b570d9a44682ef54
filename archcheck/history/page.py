"""A comparison as one self-contained page, with the pictures of both sides next to each other."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from archcheck.history.changes import Changes
from archcheck.history.tables import headline, text_lines
from archcheck.history.wording import summary, verdicts
from archcheck.reporters.common import one_line

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1f2328; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; align-items: start; }
figure { margin: 0; border: 1px solid #d0d7de; border-radius: 6px; padding: .75rem; min-width: 0; }
figcaption { font-weight: 600; margin-bottom: .5rem; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
.muted { color: #59636e; }
ul { list-style: none; padding: 0; font: 13px/1.7 ui-monospace, monospace; overflow-wrap: anywhere; }
li { padding: 0 .5rem; border-left: 4px solid #d0d7de; }
.add { border-color: #1a7f37; background: #f0fff4; } .rem { border-color: #cf222e; background: #fff5f5; }
.mod { border-color: #9a6700; background: #fffbea; }
@media (max-width: 900px) { .sides { grid-template-columns: 1fr; } }
"""
_CLASSES = {"+": "add", "✓": "add", "-": "rem", "!": "rem", "~": "mod", ">": "mod"}

Pictures = tuple[str | None, str | None]
"""The pictures of both sides as SVG, where they can be drawn."""


def as_html(found: Sequence[tuple[Changes, Pictures]], before: str, after: str) -> str:
    """Return a page with a section for each spec or model that changed or could not be compared."""
    shown = [each for each in found if each[0] or each[0].problems]
    title = f"archcheck: {headline([changes for changes, _ in found])}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(title)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f'<p class="muted">{_text(before)} → {_text(after)}</p>',
            *(_section(changes, pictures, (before, after)) for changes, pictures in shown),
            "</body></html>",
            "",
        ]
    )


def _section(changes: Changes, pictures: Pictures, sides: tuple[str, str]) -> str:
    lines = [
        f'<li class="{_CLASSES.get(line.strip()[:1], "")}">{_text(line.strip())}</li>'
        for line in text_lines(changes)
    ]
    figures = [_figure(picture, side) for picture, side in zip(pictures, sides, strict=True)]
    heading = f"<h2>{_text(changes.name)}: {_text(verdicts(changes))}</h2>"
    said = f"<p>{_text(summary(changes))}</p><ul>{''.join(lines)}</ul>"
    return f'<section>{heading}{said}<div class="sides">{"".join(figures)}</div></section>'


def _figure(picture: str | None, side: str) -> str:
    shown = '<p class="muted">This side has no picture.</p>'
    if picture is not None:  # as an image, so that nothing in it runs and no two ids meet
        data = base64.b64encode(picture.encode()).decode()
        shown = f'<img alt="The diagram of {_text(side)}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure><figcaption>{_text(side)}</figcaption>{shown}</figure>"


def _text(text: str) -> str:
    return escape(one_line(text))
