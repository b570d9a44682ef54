"""Graphviz's SVG made fit for the web: dark mode, the viewer's fonts, hover text, title and description."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from archcheck.diagram.theme import dark

_SVG = "http://www.w3.org/2000/svg"
_KEPT = frozenset(
    {"svg", "g", "path", "polygon", "polyline", "ellipse", "text", "title", "desc", "style", "tspan"}
)
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def finished(
    drawn: bytes, *, title: str, description: str, fonts: tuple[str, ...], hovers: Mapping[str, str]
) -> bytes:
    """Return Graphviz's SVG with what a page needs. `hovers` maps titles of elements to what they show.

    Colours stay as attributes, for viewers that know no style sheets, and get a class each, whose colour the
    style sheet changes where the reader prefers a dark page.
    """
    root = ET.fromstring(re.sub(rb"<!DOCTYPE.*?>", b"", drawn, count=1, flags=re.DOTALL))
    _check(root)
    graph = root.find(f"{{{_SVG}}}g")
    if graph is not None:
        graph.attrib.pop("id", None)
        heading = graph.find(f"{{{_SVG}}}title")
        if heading is not None:
            graph.remove(heading)
    colors: dict[str, str] = {}
    for element in root.iter(f"{{{_SVG}}}g"):
        _element(element, hovers)
    for element in root.iter():
        _recolor(element, colors)
        if element.tag == f"{{{_SVG}}}text":
            _text(element, fonts)
    _join_runs(root)
    root.set("role", "img")
    root.set("aria-labelledby", "archcheck-title archcheck-desc")
    root.set("font-family", _families(fonts))
    root.set("width", root.get("width", "").replace("pt", ""))
    root.set("height", root.get("height", "").replace("pt", ""))
    root.attrib.pop(f"{{{_SVG}}}xlink", None)
    head = [
        ET.Element(f"{{{_SVG}}}title", id="archcheck-title"),
        ET.Element(f"{{{_SVG}}}desc", id="archcheck-desc"),
    ]
    head[0].text, head[1].text = title, description
    style = ET.Element(f"{{{_SVG}}}style")
    style.text = _style(colors)
    root[0:0] = [*head, style]
    ET.register_namespace("", _SVG)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()


def _check(root: ET.Element) -> None:
    """Hold Graphviz to drawing: no link, image or script can be in the picture, whatever a label says."""
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        assert name in _KEPT, f"unexpected SVG element {name}"


def _element(element: ET.Element, hovers: Mapping[str, str]) -> None:
    """Give a node or edge its hover text in place of Graphviz's name for it."""
    title = element.find(f"{{{_SVG}}}title")
    element.attrib.pop("id", None)
    if title is None:
        return
    hover = hovers.get(title.text or "")
    if hover:
        title.text = hover
    else:
        element.remove(title)


def _recolor(element: ET.Element, colors: dict[str, str]) -> None:
    is_text = element.tag == f"{{{_SVG}}}text"
    if is_text and not element.get("fill"):
        element.set("fill", "#000000")  # Graphviz leaves black unsaid
    for attribute, prefix in (("fill", "t" if is_text else "f"), ("stroke", "s")):
        value = element.get(attribute, "")
        if value == "black":
            value = "#000000"
        if value == "white":
            value = "#ffffff"
        if not _HEX.fullmatch(value):
            continue
        name = f"{prefix}{value[1:]}"
        colors[name] = f"{attribute}:{dark(value, ground=prefix == 'f')}"
        element.set("class", f"{element.get('class', '')} {name}".strip())


def _text(element: ET.Element, fonts: tuple[str, ...]) -> None:
    """Take out the family, which the whole picture shares, and say the font's style in SVG's words."""
    family = element.attrib.pop("font-family", "")
    words = family.split()
    if "Bold" in words:
        element.set("font-weight", "bold")
    if "Italic" in words:
        element.set("font-style", "italic")


def _join_runs(root: ET.Element) -> None:
    """Join the pieces of a line with sub- or superscripts into one centred text, so that any font fits."""
    for group in root.iter(f"{{{_SVG}}}g"):
        if "node" not in group.get("class", "").split():
            continue
        rows: dict[str, list[ET.Element]] = {}
        for text in group.findall(f"{{{_SVG}}}text"):
            rows.setdefault(text.get("y", ""), []).append(text)
        for row in rows.values():
            if len(row) > 1 and any(text.get("baseline-shift") for text in row):
                _join(group, row)


def _join(group: ET.Element, row: list[ET.Element]) -> None:
    first, last = row[0], row[-1]
    start, end = float(first.get("x", 0)), float(last.get("x", 0))
    end += float(last.get("font-size", 0)) * 0.55 * len(last.text or "")
    whole = ET.Element(first.tag, {k: v for k, v in first.attrib.items() if k not in ("baseline-shift",)})
    whole.set("text-anchor", "middle")
    whole.set("x", f"{(start + end) / 2:.2f}")
    whole.set("font-size", max((text.get("font-size", "0") for text in row), key=float))
    level = 0.0
    for text in row:
        size = float(text.get("font-size", 0))
        wanted = {"sub": size * 0.3, "super": -size * 0.55}.get(text.get("baseline-shift", ""), 0.0)
        span = ET.SubElement(whole, f"{{{_SVG}}}tspan", {"font-size": text.get("font-size", "")})
        if wanted != level:
            span.set("dy", f"{wanted - level:.2f}")
        level = wanted
        span.text = text.text
    group.insert(list(group).index(first), whole)
    for text in row:
        group.remove(text)


def _families(fonts: tuple[str, ...]) -> str:
    generic = ("serif", "sans-serif", "monospace")
    return ",".join(font if font in generic else f"'{font}'" for font in fonts)


def _style(colors: Mapping[str, str]) -> str:
    rules = "".join(f".{name}{{{rule}}}" for name, rule in sorted(colors.items()))
    return (
        ".node:hover>path,.node:hover>ellipse,.residual:hover>path{stroke-width:2.5}"
        f"@media (prefers-color-scheme:dark){{{rules}}}"
    )
