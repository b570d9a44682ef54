"""The pictures in a real browser: what fits, what a click shows, what never runs or loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archcheck.diagram import Style, ThemeName, draw, write
from archcheck.findings import Finding, Proof, Report, Status
from archcheck.source_location import Location
from archcheck.spec import load
from tests.diagram.browser import Browser, installed
from tests.diagram.specs import HOSTILE, LAYER, chain, spec

ROOT = Path(__file__).parents[2]
SPECS = sorted([*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("docs/gallery/*.yaml")])

MISFITS = """(() => {
  const found = [], svg = document.querySelector('svg'), page = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  for (const node of svg.querySelectorAll('g.node')) {
    const shape = node.querySelector('path, ellipse');
    for (const text of node.querySelectorAll('text')) {
      if (!shape) continue;
      const inner = text.getBBox(), outer = shape.getBBox();
      if (inner.x < outer.x || inner.x + inner.width > outer.x + outer.width)
        found.push(`wider than its box: ${text.textContent}`);
    }
  }
  texts.forEach((text, place) => {
    const a = text.getBoundingClientRect();
    if (a.left < page.left || a.right > page.right || a.top < page.top || a.bottom > page.bottom)
      found.push(`cut: ${text.textContent}`);
    for (const other of texts.slice(place + 1)) {
      const b = other.getBoundingClientRect();
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
        found.push(`overlap: ${text.textContent} | ${other.textContent}`);
    }
  });
  return found;
})()"""
MIDDLE = """(() => {
  const path = document.querySelector('.%s > .hit'), matrix = path.getScreenCTM();
  const point = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(matrix);
  return [point.x, point.y];
})()"""
SHOWN = "[...document.querySelectorAll('.card')].filter((card) => !card.hidden).map((card) => card.innerText)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = installed()
    if executable is None:
        pytest.skip("there is no Chromium here")
    with Browser(executable) as opened:
        yield opened


@pytest.mark.parametrize("theme", list(ThemeName))
def test_every_label_fits_its_box_and_none_is_cut_or_overlaps(
    browser: Browser, tmp_path: Path, theme: ThemeName
) -> None:
    for path in SPECS:
        picture = tmp_path / f"{path.stem}.svg"
        write(draw(load(path).spec, style=Style(theme=theme)), picture)
        browser.open(picture)
        assert (path.name, browser.run(MISFITS)) == (path.name, [])


@pytest.mark.parametrize(
    "family", ["DejaVu Sans", "DejaVu Serif", "Liberation Sans", "Noto Sans", "Noto Serif"]
)
def test_labels_fit_in_the_fonts_that_stand_in_for_others(
    browser: Browser, tmp_path: Path, family: str
) -> None:
    picture = tmp_path / "picture.svg"
    write(draw(load(ROOT / "specs/minimind-moe.yaml").spec), picture)
    browser.open(picture)
    browser.run(f"document.documentElement.setAttribute('font-family', '{family}')")
    assert browser.run(MISFITS) == []


def test_a_click_shows_the_line_of_the_spec_beside_the_line_of_the_code(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "layer.yaml").write_text("panels:\n  layer:\n    residuals:\n      - {around: gqa}\n")
    (tmp_path / "model.py").write_text("def forward(x):\n    y = gqa(x)\n    return x + y\n")
    places = (Location(str(tmp_path / "layer.yaml"), 4), Location(str(tmp_path / "model.py"), 3))
    finding = Finding(
        "RES001", "no residual here", panel="layer", edge="gqa", spec=places[0], location=places[1]
    )
    proof = Proof("layer", "ffn", "dashed", "not implemented here", 1)
    page = tmp_path / "report.html"
    write(
        draw(spec({"layer": LAYER}), Report("s", Status.DIFFERS, findings=(finding,), proofs=(proof,))), page
    )
    browser.open(page)
    assert browser.run(SHOWN) == []
    browser.click(*browser.run(MIDDLE % "edge-0-0"))
    (card,) = browser.run(SHOWN)
    assert "✗ 1. RES001 no residual here" in card
    assert "Spec: layer.yaml:4" in card
    assert "Code: model.py:3" in card
    marked = browser.run(
        "[...document.querySelectorAll('.card:not([hidden]) mark')].map((m) => m.innerText.trim())"
    )
    assert marked == ["4        - {around: gqa}", "3      return x + y"]
    shown = "document.querySelectorAll('.card:not([hidden]) pre')"
    left, right = browser.run(f"[...{shown}].map((pre) => pre.getBoundingClientRect().top)")
    assert left == right
    browser.click(*browser.run(MIDDLE % "edge-0-1"))
    (card,) = browser.run(SHOWN)
    assert "✓ not implemented here" in card


def test_a_click_on_a_line_that_several_edges_share_shows_them_all(browser: Browser, tmp_path: Path) -> None:
    panel = {
        "boxes": {name: {} for name in ("norm", "attn", "mlp")},
        "flow": ["norm", ["attn", "mlp"]],
        "residuals": [{"around": ["norm", "attn"]}, {"around": ["norm", "mlp"]}],
    }
    write(draw(spec({"p": panel})), tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    browser.click(*browser.run(MIDDLE % "edge-0-1"))
    assert [card.splitlines()[0] for card in browser.run(SHOWN)] == [
        "p: norm..attn (solid)",
        "p: norm..mlp (solid)",
    ]


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_hostile_labels_run_nothing_and_load_nothing(browser: Browser, tmp_path: Path, suffix: str) -> None:
    for number, text in enumerate(HOSTILE):
        panel = chain(
            "a", "b", title=text, note=text, residuals=[{"around": "a", "label": text, "note": text}]
        )
        panel["boxes"]["a"] = {"label": text, "note": text, "repeat": text, "module": text[:200]}
        finding = Finding("RES001", text, panel="p", edge="a", drawn=text, traced=text)
        drawn = draw(
            spec({"p": panel}, title=text, caption=text), Report(text, Status.DIFFERS, findings=(finding,))
        )
        path = tmp_path / f"picture{number}{suffix}"
        write(drawn, path)
        browser.open(path)
        assert browser.requests == [path.resolve().as_uri()]
        assert browser.complaints == []
        assert (
            browser.run("document.querySelectorAll('a, img, image, iframe, object, foreignObject').length")
            == 0
        )
        assert browser.run("document.scripts.length") == (1 if suffix == ".html" else 0)


def test_the_policy_of_the_page_stops_requests_and_other_scripts(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write(draw(spec({"layer": LAYER})), page)
    altered = tmp_path / "altered.html"
    strange = '<img src="file:///etc/hostname"><script>document.title = "run"</script></body>'
    altered.write_text(page.read_text().replace("</body>", strange))
    browser.open(altered)
    assert browser.run("document.title") == "Architecture diagram"
    assert len([text for text in browser.complaints if "Content Security Policy" in text]) == 2


def test_the_page_is_dark_where_the_reader_prefers_it(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write(draw(spec({"layer": LAYER})), page)
    ground = "getComputedStyle(document.body).backgroundColor"
    paper = "getComputedStyle(document.querySelector('svg polygon')).fill"
    browser.open(page)
    assert browser.run(f"[{ground}, {paper}]") == ["rgb(255, 255, 255)", "rgb(255, 255, 255)"]
    browser.open(page, dark=True)
    assert browser.run(f"[{ground}, {paper}]") == ["rgb(19, 19, 19)", "rgb(19, 19, 19)"]
