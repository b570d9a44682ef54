"""Formats, files, digests; hostile text; the verdict in the picture. DOT text is compared, never pixels."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from archcheck.connections import Kind, Residual
from archcheck.diagram import (
    SUFFIXES,
    Arrangement,
    DrawError,
    Freshness,
    Style,
    ThemeName,
    draw,
    render,
    state_of,
    write,
)
from archcheck.diagram import drawing as drawing_module
from archcheck.diagram.graphviz_engine import undrawn
from archcheck.findings import Finding, Mark, MarkKind, Proof, Report, Status, Verdict
from archcheck.source_location import Location
from archcheck.spec import load
from archcheck.spec.model import Spec
from tests.diagram.specs import HOSTILE, LAYER, chain, spec

SVG = "{http://www.w3.org/2000/svg}"
TWO_PANELS = {
    "model": {"boxes": {"layers": {"label": "Layer k", "repeat": 8, "detail": "layer"}}, "flow": ["layers"]},
    "layer": {**LAYER, "title": "Layer k"},
}


def report(*findings: Finding, proofs: tuple[Proof, ...] = ()) -> Report:
    status = Status.DIFFERS if findings else Status.CONFORMS
    return Report("spec.yaml", status, findings=findings, proofs=proofs)


def edges(dot: str) -> dict[tuple[str, str], str]:
    """Return the attributes of every edge by its ends, the last one where there are several."""
    found = re.findall(r'^  "([^"]*)" -> "([^"]*)" \[(.*)\]$', dot, re.MULTILINE)
    return {(tail, head): attributes for tail, head, attributes in found}


def texts(svg: bytes) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_solid_and_dashed_lines_and_nothing_else_in_dot() -> None:
    dot = draw(spec({"layer": LAYER})).dot
    found = edges(dot)
    assert sorted(found) == sorted(
        [
            ("layer.:input", "layer.gqa"),
            ("layer.gqa", "layer.:sink0"),
            ("layer.:sink0", "layer.ffn"),
            ("layer.ffn", "layer.:sink1"),
            ("layer.:sink1", "layer.:output"),
            ("layer.:tap0", "layer.:sink0"),
            ("layer.:tap1", "layer.:sink1"),
            ("layer.:sink0", "layer.:sink0"),  # the strokes of a plus
            ("layer.:sink1", "layer.:sink1"),
            (":legend0a", ":legend0b"),  # samples in the legend
            (":legend0sink", ":legend0sink"),
            (":legend1a", ":legend1b"),
            (":legend1sink", ":legend1sink"),
        ]
    )
    assert "style" not in found["layer.:tap0", "layer.:sink0"]
    assert 'style="dashed"' in found["layer.:tap1", "layer.:sink1"]


def test_the_same_spec_gives_the_same_dot_whatever_the_hash_seed() -> None:
    repository = Path(__file__).parents[2]
    file = str(repository / "docs" / "gallery" / "post_norm.yaml")
    script = (
        "from archcheck.diagram.drawing import draw; from archcheck.spec import load; import sys;"
        "d = draw(load(sys.argv[1]).spec); assert 'torch' not in sys.modules; print(d.dot, d.digest)"
    )
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-c", script, file]
    elsewhere = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    here = draw(load(file).spec)
    assert elsewhere == f"{here.dot} {here.digest}\n"


@pytest.mark.parametrize(
    ("suffix", "begin"),
    [
        (".svg", b"<?xml"),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".dot", b"// archcheck-digest "),
        (".mmd", b"%% archcheck-digest "),
        (".mermaid", b"%% archcheck-digest "),
        (".html", b"<!DOCTYPE html>"),
    ],
)
def test_every_format_is_written_and_carries_the_digest(tmp_path: Path, suffix: str, begin: bytes) -> None:
    drawing = draw(spec(TWO_PANELS))
    path = tmp_path / f"picture{suffix}"
    write(drawing, path)
    assert path.read_bytes().startswith(begin)
    assert state_of(path, drawing.digest) is Freshness.CURRENT
    assert suffix in SUFFIXES
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_an_unknown_suffix_names_the_known_ones_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        DrawError, match=r"DIA002 .*'\.jpg'.* \.svg, \.png, \.pdf, \.dot, \.mmd, \.mermaid, \.html"
    ):
        write(draw(spec(TWO_PANELS)), tmp_path / "picture.jpg")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(DrawError, match="DIA002 Can't write the diagram"):
        write(draw(spec(TWO_PANELS)), tmp_path / "missing" / "picture.dot")


def test_the_digest_follows_the_meaning_alone() -> None:
    base = draw(spec(TWO_PANELS))
    other_model = Spec.model_validate({"model": {"target": "n:N"}, "panels": TWO_PANELS})
    assert draw(other_model).digest == base.digest
    assert draw(spec(TWO_PANELS), style=Style(dpi=300)).digest == base.digest
    changed = {**TWO_PANELS, "layer": {**LAYER, "title": "Layer k", "residuals": [{"around": "gqa"}]}}
    assert draw(spec(changed)).digest != base.digest
    assert draw(spec(TWO_PANELS), style=Style(theme=ThemeName.PAPER)).digest != base.digest
    finding = Finding("RES001", "missing", panel="layer", edge="gqa")
    assert draw(spec(TWO_PANELS), report(finding)).digest != base.digest


def test_a_file_that_archcheck_has_not_drawn_is_foreign(tmp_path: Path) -> None:
    (tmp_path / "other.svg").write_text("<svg/>")
    assert state_of(tmp_path / "other.svg", "0" * 64) is Freshness.FOREIGN


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_change_by_hand_is_noticed_in_every_format(tmp_path: Path, suffix: str) -> None:
    drawing = draw(spec(TWO_PANELS))
    path = tmp_path / f"picture{suffix}"
    write(drawing, path)
    whole = path.read_bytes()
    for at in (len(whole) // 3, len(whole) // 2, len(whole) - 200):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert state_of(path, drawing.digest) is Freshness.EDITED
    path.write_bytes(whole)
    assert state_of(path, "0" * 64) is Freshness.OUTDATED
    if suffix in (".svg", ".dot"):  # line ends as Git writes them on Windows
        path.write_bytes(whole.replace(b"\n", b"\r\n"))
        assert state_of(path, drawing.digest) is Freshness.CURRENT


def test_a_pdf_is_cut_to_the_picture_and_knows_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = draw(spec(TWO_PANELS))
    pdf = render(drawing, ".pdf")
    assert b"/CreationDate (D:19700101000000Z)" in pdf
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert b"/CreationDate (D:20231114221320Z)" in render(drawing, ".pdf")
    box = re.search(rb"/MediaBox \[ 0 0 (\d+) (\d+) \]", pdf)
    view = re.search(rb'viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"', render(drawing, ".svg"))
    assert box is not None
    assert view is not None
    for inside, around in zip(box.groups(), view.groups(), strict=True):
        assert 20 < float(around) - float(inside) < 30  # the picture's own margin of 0.2 inches, but 0.02


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_shows_as_text(text: str) -> None:
    panel = chain("a", "b", title=text, note=text, residuals=[{"around": "a", "label": text, "note": text}])
    panel["boxes"]["a"] = {"label": text, "note": text, "repeat": text, "module": text[:200]}
    drawn = draw(
        spec({"p": panel}, title=text, caption=text, note=text),
        report(Finding("RES001", text, panel="p", edge="a", drawn=text, traced=text)),
    )
    assert not re.search(
        r"\b(URL|href|image|target|tooltip|comment)\s*=", re.sub(r'"(\\.|[^"\\])*"|<.*>', "", drawn.dot)
    )
    svg = render(drawn, ".svg")
    names = {element.tag.removeprefix(SVG) for element in ET.fromstring(svg).iter()}
    assert names <= {"svg", "g", "path", "polygon", "ellipse", "text", "tspan", "title", "desc", "style"}
    attributes = {name for element in ET.fromstring(svg).iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}
    page = render(drawn, ".html").decode()
    tags = Tags()
    tags.feed(page)
    assert tags.names.count("script") == 1
    assert not {"a", "img", "iframe", "object", "link", "base", "image", "use"} & set(tags.names)
    assert not [name for name in tags.attributes if name.startswith("on") or name in ("href", "src")]
    mermaid = render(drawn, ".mmd").decode()
    for line in mermaid.splitlines():
        assert re.fullmatch(
            r"%% archcheck-(digest|body) [0-9a-f]{64}|flowchart BT| *[\w #;|\".()\[\]>-]*", line
        ), line
        assert "<" not in line


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("&lt;b&gt;", "&lt;b&gt;"),
        ("\\N \\G \\l", "\\N \\G \\l"),
        ("<b>bold</b>", "<b>bold</b>"),
        ('say "hi"', 'say "hi"'),
        ("\x1b[31mred", "[31mred"),
        ("W_q", "Wq"),
        ("o_proj", "o_proj"),
        ("<i>_{2}", "<i>2"),
        ("\\N \\G &lt; \\_{2}", "\\N \\G &lt; \\2"),
    ],
)
def test_a_label_shows_letter_by_letter(label: str, expected: str) -> None:
    panel = {"boxes": {"a": {"label": label}}, "flow": ["a"]}
    assert texts(render(draw(spec({"p": panel})), ".svg")) == [expected]


def test_svg_has_title_description_dark_colours_and_hover_text() -> None:
    panel = {"boxes": {"a": {"label": "GQA", "module": ["norm", "attn"]}}, "flow": ["a"]}
    root = ET.fromstring(render(draw(spec({"p": panel}, title="A & B")), ".svg"))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A & B"
    assert root.findtext(f"{SVG}desc") == "Panel p: GQA; 0 solid and 0 dashed residual connections."
    assert "@media (prefers-color-scheme:dark)" in (root.findtext(f"{SVG}style") or "")
    assert "GQA\nnorm, attn\nattention" in [element.text for element in root.iter(f"{SVG}title")]
    assert "Noto Sans CJK SC" in (root.get("font-family") or "")


@pytest.mark.parametrize("theme", list(ThemeName))
def test_every_text_changes_its_colour_on_a_dark_page(theme: ThemeName) -> None:
    root = ET.fromstring(render(draw(spec(TWO_PANELS), style=Style(theme=theme)), ".svg"))
    rules = root.findtext(f"{SVG}style") or ""
    for element in root.iter(f"{SVG}text"):
        assert f".{(element.get('class') or '').split()[-1]}{{fill:#" in rules


def test_a_dot_on_path_serves_where_pygraphviz_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    drawing = draw(spec(TWO_PANELS))
    with pytest.raises(DrawError, match=r"DIA002 Graphviz was not found\. Install pygraphviz"):
        render(drawing, ".pdf")
    script = tmp_path / "dot"
    script.write_text('#!/bin/sh\necho "%PDF $@"\n')
    script.chmod(0o755)
    assert render(drawing, ".pdf").startswith(b"%PDF -Kneato -n2 -Tpdf\n")


def test_png_dpi_scales_the_picture() -> None:
    drawn = spec(TWO_PANELS)

    def width(dpi: int) -> int:
        return int.from_bytes(render(draw(drawn, style=Style(dpi=dpi)), ".png")[16:20], "big")

    assert abs(width(192) - 2 * width(96)) <= 2


def test_signs_without_a_glyph_are_named_and_never_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(spec({"p": {"boxes": {"a": {"label": "注意力"}}, "flow": ["a"]}}))
    monkeypatch.setattr(drawing_module.graphviz_engine, "undrawn", lambda dot, signs: signs & {"注", "力"})
    for suffix in (".png", ".pdf"):
        with pytest.raises(DrawError, match=r"力 \(U\+529B\), 注 \(U\+6CE8\).*Noto Sans CJK"):
            render(drawn, suffix)
    assert "注意力" in render(drawn, ".svg").decode()


def test_a_pdf_tells_which_signs_were_drawn() -> None:
    dot = draw(spec({"p": {"boxes": {"a": {"label": "café"}}, "flow": ["a"]}})).dot
    assert undrawn(dot, {"é", "中"}) == {"中"}


def test_panels_choose_a_subset_in_the_order_of_the_spec() -> None:
    dot = draw(spec({"a": LAYER, "b": LAYER, "c": LAYER}), style=Style(panels=("c", "a"))).dot
    assert "a.gqa" in dot
    assert "b.gqa" not in dot
    assert dot.index('"a.gqa"') < dot.index('"c.gqa"')
    with pytest.raises(DrawError, match=r"DIA003 Unknown panels: x\. The spec has a\."):
        draw(spec({"a": LAYER}), style=Style(panels=("x",)))


def test_column_puts_panels_one_above_the_other() -> None:
    def places(layout: Arrangement) -> list[list[float]]:
        dot = draw(spec({"a": LAYER, "b": LAYER}), style=Style(layout=layout)).dot
        found = re.findall(r'"[ab]\.gqa" \[pos="([\d.]+),([\d.]+)"', dot)
        return [[float(x) for x in place] for place in found]

    (ax, ay), (bx, by) = places(Arrangement.ROW)
    assert ax < bx
    assert ay == by
    (ax, ay), (bx, by) = places(Arrangement.COLUMN)
    assert ax == bx
    assert ay > by


def test_a_role_takes_the_colour_of_the_spec() -> None:
    panel = {"boxes": {"a": {"label": "Linear"}}, "flow": ["a"]}
    assert 'fillcolor="#008080"' in draw(spec({"p": panel}, colors={"linear": "teal"})).dot


@pytest.mark.parametrize("style", [{"theme": "neon"}, {"layout": "spiral"}])
def test_an_unknown_theme_or_layout_is_refused(style: dict[str, str]) -> None:
    with pytest.raises(DrawError, match=r"DIA003 Unknown (theme 'neon'|layout 'spiral')"):
        Style(**style)  # type: ignore[arg-type]


def test_a_picture_too_large_for_its_resolution_is_drawn_at_a_lower_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing_module, "MOST_PIXELS", 10_000)
    png = render(draw(spec(TWO_PANELS)), ".png")
    assert int.from_bytes(png[16:20], "big") * int.from_bytes(png[20:24], "big") < 15_000


def marked(finding: Finding, panels: dict[str, Any] = TWO_PANELS) -> str:
    return draw(spec(panels), report(finding)).dot


def test_a_drawn_but_absent_edge_is_red_crossed_and_numbered() -> None:
    dot = marked(Finding("RES006", "the layer adds", panel="layer", edge="gqa"))
    assert 'color="#c62828"' in edges(dot)["layer.:tap0", "layer.:sink0"]
    assert 'color="#c62828"' not in edges(dot)["layer.:tap1", "layer.:sink1"]
    assert edges(dot)["layer.:cross1", "layer.:cross1"].endswith('class="cross"')
    assert re.search(r'":badge1" \[.*label="1"', dot)
    assert 'label="RES006 the layer adds\\l"' in dot


def test_a_present_but_undrawn_edge_is_a_ghost() -> None:
    panels = {"layer": chain("gqa", "ffn")}
    finding = Finding("RES002", "not drawn", panel="layer", code_branch=("ffn",), code_source="gqa")
    dot = marked(finding, panels)
    ghost = [line for line in dot.splitlines() if '"layer.:tap0" -> "layer.:sink0"' in line]
    assert len(ghost) == 2  # a broad dashed line and its core
    assert 'color="#b26a00"' in ghost[0]
    assert 'style="dashed"' in ghost[0]


def test_a_wrong_source_gets_an_arrow_to_the_true_one() -> None:
    dot = marked(Finding("RES004", "from the input", panel="layer", edge="ffn", code_source="input"))
    assert 'color="#b26a00"' in edges(dot)["layer.:from1", "layer.:to1"]


def test_a_wrong_box_is_outlined_and_a_finding_without_a_place_marks_its_panel() -> None:
    dot = marked(Finding("BOX001", "no such module", panel="layer", edge="ffn"))
    assert re.search(r'"layer\.ffn" \[.*color="#c62828"', dot)
    assert '":badge1"' in marked(Finding("BOX002", "not drawn: norm", panel="layer"))


def test_a_proved_edge_gets_a_tick_and_says_where_it_is_in_the_code() -> None:
    residual = Residual(
        Kind.IDENTITY,
        "model.layers.0",
        "model.layers.0",
        "input",
        ("attn",),
        Location("/home/me/model.py", 193),
    )
    proof = Proof("layer", "gqa", "solid", "residual around GQA", 8, residuals=(residual,))
    drawn = draw(spec(TWO_PANELS), report(proofs=(proof,)))
    assert re.search(r'"layer\.:proved0" \[.*label="✓"', drawn.dot)
    hovers = [element.text for element in ET.fromstring(render(drawn, ".svg")).iter(f"{SVG}title")]
    expected = "proved: residual around GQA\nidentity residual of model.layers.0\nmodel.py:193\nin 8 layers"
    assert expected in hovers


def test_the_page_shows_spec_and_code_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("one: 1\nline: <two>\n")
    (tmp_path / "model.py").write_text("".join(f"code {number}\n" for number in range(1, 30)))
    finding = Finding(
        "RES001",
        "not in the code",
        panel="layer",
        edge="gqa",
        spec=Location(str(tmp_path / "spec.yaml"), 2),
        location=Location(str(tmp_path / "model.py"), 12),
    )
    page = render(draw(spec(TWO_PANELS), report(finding)), ".html").decode()
    card = page[page.index('<section class="card" data-edge="edge-1-0">') :]
    assert "<mark>    2  line: &lt;two&gt;</mark>" in card
    assert "<mark>   12  code 12</mark>" in card
    assert "   16  code 16" in card
    assert "code 17" not in card
    assert 'class="edge residual edge-1-0' in page
    assert str(tmp_path) not in page
    assert "default-src 'none'" in page


def test_a_notebook_shows_the_drawing() -> None:
    assert draw(spec(TWO_PANELS))._repr_svg_().startswith("<?xml")


def test_mermaid_draws_solid_and_dashed_lines_and_sinks() -> None:
    assert render(draw(spec({"layer": {**LAYER, "title": "Layer k"}})), ".mmd").decode().splitlines()[2:] == [
        "flowchart BT",
        '  subgraph p0["Layer k"]',
        "    direction BT",
        '    p0b0["gqa"]',
        '    p0b1["ffn"]',
        '    p0r0(("#8853;"))',
        "    p0b0 --> p0r0",
        '    p0r1(("#8853;"))',
        "    p0b1 --> p0r1",
        '    p0in((" "))',
        "    p0in --> p0b0",
        "    p0r0 --> p0b1",
        "    p0in --> p0r0",
        "    p0r0 -.-> p0r1",
        "  end",
    ]


def meanings(dot: str) -> list[str]:
    """The texts of the legend."""
    return re.findall(r'":legend\d+" \[.*label="([^"\\]*)', dot)


def test_the_legend_explains_what_the_picture_has_and_no_more() -> None:
    panel = chain("a", "b", residuals=[{"around": "a"}])
    assert meanings(draw(spec({"p": panel})).dot) == ["residual implemented here"]
    assert meanings(draw(spec({"p": chain("a")})).dot) == []
    boxes = {"a": {"inactive": True}, "b": {"outside": True}, "c": {"detail": "q"}}
    assert meanings(draw(spec({"p": {"boxes": boxes}, "r": chain("x"), "q": chain("y")})).dot) == [
        "leads to the contents of the box",
        "not chosen here",
        "outside the model",
    ]


def test_a_dashed_edge_that_the_code_contradicts_is_not_said_to_be_implemented_elsewhere() -> None:
    finding = Finding("RES003", "it is implemented here", panel="p", edge="a")
    panel = chain("a", residuals=[{"around": "a", "line": "dashed"}])
    assert meanings(draw(spec({"p": panel}), report(finding)).dot) == [
        "contradicted by the code",
        "drawn, but not in the code here",
    ]


@pytest.mark.parametrize("layout", list(Arrangement))
def test_every_panel_that_details_a_box_is_tied_to_it(layout: Arrangement) -> None:
    layer = chain("gqa", "ffn")
    for name in ("gqa", "ffn"):
        layer["boxes"][name]["detail"] = name
    drawing = draw(spec({"p": layer, "gqa": chain("x"), "ffn": chain("y")}), style=Style(layout=layout))
    ties = [tail for tail, head in edges(drawing.dot) if tail.startswith(":leader.")]
    assert sorted(ties) == [":leader.p.ffna", ":leader.p.gqaa"]


def test_siblings_that_open_different_panels_have_one_colour() -> None:
    blocks = {name: {"label": "Block", "detail": name} for name in "ab"}
    top = {"boxes": {**blocks, "m": {"label": "MLP", "detail": "c"}}}
    dot = draw(spec({"top": top, "a": chain("x"), "b": chain("x"), "c": chain("x")})).dot
    fills = dict(re.findall(r'"top\.(\w)" \[.*fillcolor="([^"]*)"', dot))
    assert fills["a"] == fills["b"] != fills["m"]


def test_a_panel_has_the_tint_that_goes_with_the_role_it_opens() -> None:
    top = {"boxes": {"attention": {"label": "Attention"}, "mlp": {"label": "MLP", "detail": "mlp"}}}
    dot = draw(spec({"top": top, "a": chain("x"), "mlp": chain("y")})).dot
    fills = dict(re.findall(r'"top\.(\w+)" \[.*fillcolor="([^"]*)"', dot))
    assert fills == {"attention": "#d6ebc4", "mlp": "#fcdcb5"}


def test_marks_that_were_not_checked_or_accepted_look_so_and_are_counted() -> None:
    panel = chain("a", "b", "c", residuals=[{"around": "c"}])
    marks = (
        Mark("p", MarkKind.BOX, "a", Verdict.UNCHECKED, reason="its label names no operation"),
        Mark("p", MarkKind.BOX, "b", Verdict.ACCEPTED),
        Mark("p", MarkKind.LINE, "a->b", Verdict.UNCHECKED),
        Mark("p", MarkKind.EDGE, "c", Verdict.ACCEPTED),
        Mark("p", MarkKind.BOX, "c", Verdict.PROVED),
    )
    drawing = draw(spec({"p": panel}), Report("s.yaml", Status.CONFORMS, marks=marks))
    assert 'class="box unchecked"' in node(drawing.dot, "p.a")
    assert 'color="#6a3fb5"' in node(drawing.dot, "p.b")
    assert "unchecked" in edges(drawing.dot)["p.a", "p.b"]
    assert 'color="#6a3fb5"' in edges(drawing.dot)["p.:tap0", "p.:sink0"]
    assert meanings(drawing.dot) == ["differs, but was accepted", "not checked"]
    assert "1 of 5 marks proved" in drawing.dot
    assert "its label names no operation" in drawing.hovers["p.a"]


def test_lines_that_the_data_does_not_take_and_lines_that_are_not_drawn() -> None:
    panel = chain("a", "b", "c")
    wrong = Finding("FLOW001", "no data goes there", panel="p", edge="a->b")
    missing = Finding("FLOW002", "data goes there", panel="p", edge="a->c")
    drawing = draw(spec({"p": panel}), report(wrong, missing))
    assert 'color="#c62828"' in edges(drawing.dot)["p.a", "p.b"]
    assert meanings(drawing.dot) == [
        "contradicted by the code",
        "drawn, but not in the code here",
        "in the code, but not drawn",
    ]


def node(dot: str, key: str) -> str:
    found = re.search(rf'^  "{re.escape(key)}" (\[.*)$', dot, re.MULTILINE)
    assert found is not None
    return found[1]


def test_a_picture_replaces_what_a_link_points_to_and_keeps_its_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "target.svg", tmp_path / "link.svg"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(draw(spec(TWO_PANELS)), link)
    assert link.is_symlink()
    assert (target.read_bytes()[:5], target.stat().st_mode & 0o777) == (b"<?xml", 0o640)
