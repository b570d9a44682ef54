"""A spec as Mermaid text, which GitHub draws: a plainer picture with the same lines."""

from __future__ import annotations

from archcheck.connections import Kind
from archcheck.diagram.composition import chosen
from archcheck.diagram.labels import plain
from archcheck.diagram.layout.series_parallel import is_join
from archcheck.diagram.theme import Style, role_of
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Line, Panel, ResidualEdge, Role, Spec

_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")


def to_mermaid(spec: Spec, style: Style) -> str:
    """Return the spec as a flowchart: a subgraph for each panel, `-->` for solid, `-.->` for dashed."""
    lines = ["flowchart BT"]
    ids: dict[tuple[str, str], str] = {}
    names = chosen(spec, style)
    for number, name in enumerate(names):
        lines += _panel(number, name, spec.panels[name], ids)
    for name in names:
        for key, box in spec.panels[name].boxes.items():
            if box.detail in names:
                lines.append(f"  {ids[name, key]} -.- p{names.index(box.detail)}")
    return "\n".join([*lines, ""])


def escaped(text: str) -> str:
    """Return `text` for a quoted label: every sign that is not a letter, digit or space as an entity."""
    return "".join(
        sign if sign in _SAFE or (ord(sign) > 0x7F and sign.isalnum()) else f"#{ord(sign)};"
        for sign in plain(text, 200)
    )


def _panel(number: int, name: str, panel: Panel, ids: dict[tuple[str, str], str]) -> list[str]:
    lines = [f'  subgraph p{number}["{escaped(panel.title or name)}"]', "    direction BT"]
    for index, (key, box) in enumerate(panel.boxes.items()):
        ids[name, key] = f"p{number}b{index}"
        label = escaped(box.label or key)
        if box.repeat is not None:
            label += f" #215;{escaped(str(box.repeat).removeprefix('×'))}"
        round_box = role_of(key, box) is Role.OPERATOR
        lines.append(f'    {ids[name, key]}{"((" if round_box else "["}"{label}"{"))" if round_box else "]"}')
    lines += _lines(number, name, panel, ids)
    return [*lines, "  end"]


def _lines(number: int, name: str, panel: Panel, ids: dict[tuple[str, str], str]) -> list[str]:
    """Return the edges of a panel: a residual's sink stands between its last box and what follows."""
    edges = [(before, after) for before, after in flow_edges(panel)]
    into = {key: [before for before, after in edges if after == key] for key in panel.boxes}
    out = {key: ids[name, key] for key in panel.boxes}
    entry = f"p{number}in"
    uses_entry = False
    lines: list[tuple[list[str], str, str]] = []
    sinks: list[str] = []
    for index, edge in sorted(
        enumerate(panel.residuals), key=lambda each: not isinstance(each[1].around, str)
    ):
        first, last = edge.span
        if last not in panel.boxes:
            continue
        kind = edge.kind or Kind.IDENTITY
        after = [head for tail, head in edges if tail == last]
        if len(after) == 1 and is_join(after[0], panel, kind):
            sink = ids[name, after[0]]
        else:
            sink = f"p{number}r{index}"
            sinks.append(f'    {sink}(("{"C" if kind is Kind.CONCAT else "#8853;"}"))')
            sinks.append(f"    {out[last]} --> {sink}")
            out[last] = sink
        before = [first] if edge.around is None else into.get(first, [])
        sources = [key for key in before if key in panel.boxes]
        uses_entry = uses_entry or not sources
        lines.append((sources, _arrow(edge), sink))
    flow = [f"    {out[before]} --> {ids[name, after]}" for before, after in edges]
    drawn = []
    for sources, arrow, sink in lines:
        tails = [out[key] if out[key] != sink else ids[name, key] for key in sources] or [entry]
        drawn += [f"    {tail} {arrow} {sink}" for tail in tails]
    if uses_entry:
        firsts = [key for key in panel.boxes if not into[key] and any(before == key for before, _ in edges)]
        flow = [f'    {entry}((" "))', *(f"    {entry} --> {ids[name, key]}" for key in firsts[:1]), *flow]
    return [*sinks, *flow, *drawn]


def _arrow(edge: ResidualEdge) -> str:
    label = f'|"{escaped(edge.label)}"|' if edge.label else ""
    return f"{'-.->' if edge.line is Line.DASHED else '-->'}{label}"
