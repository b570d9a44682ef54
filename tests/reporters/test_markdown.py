"""Markdown: whole output, and parsed back: any text stays text in its cell."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from markdown_it import MarkdownIt

from archcheck.reporters.common import one_line
from archcheck.reporters.markdown import escape, render_markdown
from tests.reporters.samples import CONFORMS, DIFFERS, FIX, REPORTS, SPEC_TEXT, any_text, differs


def test_the_whole_document() -> None:
    assert (
        render_markdown(REPORTS)
        == """\
## archcheck: 3 specs: 1 conforms, 1 differs, 1 could not be checked

### ❌ <code>specs/a.yaml</code> differs: 2 findings

A &#91;bold&#93;model&#91;/bold&#93; 模型, <code>model&#58;build</code>

| # | Rule | Finding | Where |
| --- | --- | --- | --- |
| 1 | RES006 | the residual around norm..out is implemented one level up\
<br>drawn&#58; solid residual around norm..out (specs/a.yaml&#58;4&#58;9)\
<br>code&#58; layers.&#42; adds around norm, attn (model.py&#58;3)<br>layers 3, 7 of 8\
<br>note&#58; drawn as published | <code>model.py&#58;3</code> |
| 2 | BOX001 | no module mlp.dropout<br>drawn&#58; Dropout (specs/a.yaml&#58;99&#58;5)\
<br>all 8 layers, mode train | <code>specs/a.yaml&#58;99&#58;5</code> |

Proved:

- layer: 2 solid edges and the boxes, in 8 layers

Remarks:

- traced on the meta device

### ✅ <code>specs/b.yaml</code> conforms

Proved:

- layer: 1 solid edge in 2 layers
- attn: 1 dashed edge

### ⚠️ <code>specs/c.yaml</code> could not be checked: 2 problems

| Code | Problem | Where |
| --- | --- | --- |
| SPEC003 | unknown key 'arround' (at panels.gqa) Did you mean 'around'? \
| <code>specs/c.yaml&#58;4&#58;7</code> |
| TGT001 | no module named 'model' |  |
"""
    )


def test_a_fix_is_a_diff() -> None:
    finding = replace(DIFFERS.findings[0], fix=FIX)
    shown = render_markdown([replace(DIFFERS, findings=(DIFFERS.findings[1], finding))])
    assert (
        """
Fix of 2:

```diff
@@ specs/a.yaml:4 @@
-      - {around: [norm, out], line: solid}
+      - {around: [norm, out], line: dashed}
```

Proved:
"""
        in shown
    )


def test_no_text_of_a_spec_ends_the_diff() -> None:
    text = SPEC_TEXT.replace("line: solid", "line: solid, note: '```` @x'")
    Path("specs/a.yaml").write_text(text, encoding="utf-8")
    finding = replace(DIFFERS.findings[0], fix=FIX)
    (block,) = [
        token
        for token in MarkdownIt().parse(render_markdown([replace(DIFFERS, findings=(finding,))]))
        if token.type == "fence"
    ]
    assert block.content.splitlines()[1:] == [
        "-      - {around: [norm, out], line: solid, note: '```` @x'}",
        "+      - {around: [norm, out], line: dashed, note: '```` @x'}",
    ]


def test_one_spec_is_not_counted() -> None:
    assert render_markdown([CONFORMS]).startswith("## archcheck: conforms\n")


def test_names_and_numbers_are_no_links_on_github() -> None:
    assert escape("@name, #12, a @ b") == "&#64;&#8203;name, &#35;&#8203;12, a &#64; b"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(any_text)
def test_any_text_stays_in_its_cell(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown([differs(text)]))
    cells = [after for before, after in pairwise(tokens) if before.type == "td_open"]
    assert len(cells) == 4 + 3
    children = cells[2].children or []
    assert {child.type for child in children} <= {"text", "text_special", "html_inline"}
    assert {child.content for child in children if child.type == "html_inline"} == {"<br>"}
    first = next(n for n, child in enumerate(children) if child.type == "html_inline")
    shown = "".join(child.content for child in children[:first]).replace("\u200b", "")
    assert shown.strip() == one_line(text).strip(" ").replace("\u200b", "").strip()
