"""A scene as DOT text. Every position is pinned (`neato -n2`), so Graphviz draws and decides nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from archcheck.diagram.labels import SHIFTED_SIZE, Line, shown
from archcheck.diagram.scene import Curve, Patch, Point, Scene, Shape

FORMAT = "2"


def to_dot(scene: Scene) -> str:
    """Return the scene as DOT: the same scene gives the same text, byte for byte."""
    lines = [
        "digraph architecture {",
        "  graph " + _attributes(_graph(scene)),
        "  node "
        + _attributes({"shape": "box", "label": '""', "margin": "0", "fontname": _font(scene, False, False)}),
        "  edge " + _attributes({"arrowhead": "normal", "arrowsize": "0.7"}),
    ]
    lines += [
        f"  {quote(shape.key)} {_attributes(_node(shape, scene))}" for shape in [*scene.below, *scene.shapes]
    ]
    lines += [line for curve in scene.curves for line in _edges(curve)]
    lines += [f"  {quote(shape.key)} {_attributes(_node(shape, scene))}" for shape in scene.above]
    lines += [line for curve in scene.top for line in _edges(curve)]
    return "\n".join([*lines, "}", ""])


def quote(text: str) -> str:
    r"""Return `text` as a DOT string that stands for exactly that text.

    A quoted DOT string ends at a bare quote, and in labels Graphviz expands `\N`, `\G`, `\l` and the like and
    `&…;` entities: quotes and backslashes are escaped and ampersands become entities, so nothing in it is a
    command. The result is never an HTML-like label, which only unquoted angle brackets make.

    >>> print(quote('say "N"'))
    "say \"N\""
    """
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def label(lines: tuple[Line, ...], size: float, *, left: bool = False, width: float = 0.0) -> str:
    """Return the lines as a DOT label: quoted text, or HTML-like where one has sub- or superscripts."""
    if all(run.shift == 0 for line in lines for run in line):
        texts = [quote(shown(line))[1:-1] for line in lines]
        return '"' + ("".join(f"{text}\\l" for text in texts) if left else "\\n".join(texts)) + '"'
    end = '<BR ALIGN="LEFT"/>' if left else "<BR/>"
    body = end.join("".join(_html_run(run.text, run.shift, size) for run in line) or " " for line in lines)
    if not left:
        return f"<{body}>"
    table = '<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0">'
    return f'<{table}<TR><TD ALIGN="LEFT" WIDTH="{number(width)}">{body}{end}</TD></TR></TABLE>>'


def number(value: float) -> str:
    """Return a coordinate in its shortest form with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _html_run(text: str, shift: int, size: float) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    text = text.replace("\\", "\\\\")  # Graphviz expands \N and the like here too
    if not shift:
        return text
    tag = "SUB" if shift < 0 else "SUP"
    return f'<{tag}><FONT POINT-SIZE="{number(size * SHIFTED_SIZE)}">{text}</FONT></{tag}>'


def _graph(scene: Scene) -> dict[str, str]:
    background = " ".join(_patch(patch) for patch in scene.patches)
    return {
        "bgcolor": quote(scene.paper),
        "pad": "0.2",
        "inputscale": "72",
        "splines": "true",
        **({"_background": quote(background)} if background else {}),
    }


def _patch(patch: Patch) -> str:
    """Return a filled shape in Graphviz's xdot language, its corners rounded by Bézier pieces."""
    width = f"setlinewidth({number(patch.pen)})"
    colors = f"S {len(width)} -{width} c 7 -{patch.stroke or patch.fill} C 7 -{patch.fill}"
    points: list[Point] = list(patch.points)
    operation = "P"
    if patch.radius:
        operation = "b"
        points = _rounded(patch)
    return f"{colors} {operation} {len(points)} " + " ".join(f"{number(x)} {number(y)}" for x, y in points)


def _rounded(patch: Patch) -> list[Point]:
    pieces: list[Point] = []
    corners = patch.points
    for before, corner, after in zip(
        (corners[-1], *corners), corners, (*corners[1:], corners[0]), strict=False
    ):
        enter, leave = _towards(corner, before, patch.radius), _towards(corner, after, patch.radius)
        pieces += [pieces[-1], enter, enter] if pieces else [enter]
        pieces += [
            _towards(corner, before, patch.radius * 0.45),
            _towards(corner, after, patch.radius * 0.45),
            leave,
        ]
    return [*pieces, pieces[-1], pieces[0], pieces[0]]


def _node(shape: Shape, scene: Scene) -> dict[str, str]:
    attributes = {"pos": quote(f"{number(shape.x)},{number(shape.y)}")}
    if shape.form == "point":
        return attributes | {"shape": "point", "style": "invis", "width": "0", "height": "0"}
    form = {"circle": "circle", "dot": "circle", "text": "plaintext", "plate": "box"}.get(shape.form, "box")
    attributes |= {"shape": form, "width": _inches(shape.w), "height": _inches(shape.h)}
    if form == "plaintext":
        attributes["style"] = "solid"
    else:
        style = ["rounded"] if shape.form == "box" else []
        style += ["dashed"] if shape.broken else []
        attributes |= {
            "style": quote(",".join([*style, "filled"])),
            "fillcolor": quote(shape.fill),
            "color": quote(shape.stroke or shape.fill),
            "penwidth": number(shape.pen if shape.stroke else 0),
        }
    if form == "circle":
        attributes["fixedsize"] = "true"
    if shape.lines:
        attributes |= {
            "label": label(shape.lines, shape.size, left=shape.left, width=shape.w),
            "fontsize": number(shape.size),
            "fontcolor": quote(shape.ink),
        }
        if shape.bold or shape.italic:
            attributes["fontname"] = _font(scene, shape.bold, shape.italic)
    if shape.group:
        attributes["class"] = quote(shape.group)
    return attributes


def _inches(points: float) -> str:
    return f"{points / 72:.4f}".rstrip("0").rstrip(".")


def _edges(curve: Curve) -> Iterator[str]:
    """Yield a line's statement; a doubled one is a broad line with a narrow one of another colour on it."""
    ends = f"  {quote(curve.tail)} -> {quote(curve.head)} "
    if not curve.core:
        yield ends + _attributes(_edge(curve))
        return
    yield ends + _attributes(_edge(replace(curve, pen=curve.pen * 3.2)))
    core = replace(curve, pen=curve.pen * 1.3, color=curve.core, line="solid", arrow=False, core="")
    points = (*curve.points[:-1], _towards(curve.points[-1], curve.points[-2], 9.0))
    yield ends + _attributes(_edge(replace(core, points=points if curve.arrow else curve.points)))


def _edge(curve: Curve) -> dict[str, str]:
    attributes = {"pos": quote(_spline(curve)), "color": quote(curve.color), "penwidth": number(curve.pen)}
    if curve.line != "solid":
        attributes["style"] = quote(curve.line)
    if not curve.arrow:
        attributes["dir"] = "none"
    if curve.group:
        attributes["class"] = quote(curve.group)
    return attributes


def _spline(curve: Curve) -> str:
    """Return the polyline as Bézier pieces with rounded corners and room for the arrowhead."""
    points = list(curve.points)
    prefix = ""
    if curve.arrow:
        tip = points[-1]
        points[-1] = _towards(tip, points[-2], 7.0 * max(1.0, curve.pen / 1.25) ** 0.5)
        prefix = f"e,{_pair(tip)} "
    pieces = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(curve.radius, _distance(before, corner) / 2, _distance(corner, after) / 2)
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        pieces += [pieces[-1], enter, enter]
        pieces += [_towards(corner, before, radius * 0.45), _towards(corner, after, radius * 0.45), leave]
    pieces += [pieces[-1], points[-1], points[-1]]
    return prefix + " ".join(_pair(point) for point in pieces)


def _towards(start: Point, end: Point, length: float) -> Point:
    distance = _distance(start, end) or 1.0
    part = min(1.0, length / distance)
    return (start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)


def _distance(a: Point, b: Point) -> float:
    return math.hypot(a[0] - b[0], a[1] - b[1])


def _pair(point: Point) -> str:
    return f"{number(point[0])},{number(point[1])}"


def _font(scene: Scene, bold: bool, italic: bool) -> str:
    """Return a font description that Pango and SVG viewers both read: families, then style."""
    style = "".join((" Bold" if bold else "", " Italic" if italic else ""))
    return quote(",".join(scene.fonts) + style)


def _attributes(attributes: dict[str, str]) -> str:
    return "[" + " ".join(f"{name}={value}" for name, value in attributes.items()) + "]"


def texts(scene: Scene) -> Iterator[str]:
    """Yield every text that the picture shows."""
    for shape in [*scene.shapes, *scene.above]:
        for line in shape.lines:
            yield shown(line)
