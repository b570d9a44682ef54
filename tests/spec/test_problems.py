"""Every problem of a spec that is valid YAML: the text, and exactly what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archcheck.spec import loads
from archcheck.spec.problems import LIMIT
from tests.spec.common import MODEL, panel, problems

PANELS = "panels: {p: {boxes: {a: {}}}}\n"
AB = "boxes: {a: {}, b: {}}"
RESIDUALS = (
    MODEL
    + """\
panels: {p: {flow: [a, [b, c]], residuals:    [EDGES], boxes: {a: {}, b: {}, c: {}}},
  layer: {boxes: {x: {}}},
  q: {boxes: {x: {}, y: {}},
      residuals: [{around: x}, {around: [x, y], line: dashed}, {around: y, name: named}]}}
"""
)
CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", ["1:1: SPEC009 A spec must be a mapping, but is a list."]),
        ("just text", ["1:1: SPEC009 A spec must be a mapping, but is 'just text'."]),
        ("# nothing\n", ["1:1: SPEC009 The spec is empty. It needs 'model' and 'panels'."]),
        (
            "title: x",
            [
                "1:1: SPEC008 The key 'model' is missing. (at model) "
                "How to build the model and which inputs to run it with.",
                "1:1: SPEC008 The key 'panels' is missing. (at panels) The panels, by name.",
            ],
        ),
        (MODEL + "panels: {}", ["2:9: SPEC009 'panels' needs at least one entry, but has none. (at panels)"]),
        (MODEL + "panels:", ["2:8: SPEC009 'panels' must be a mapping, but is empty. (at panels)"]),
        (
            MODEL + PANELS + "title: 3",
            ["3:8: SPEC009 'title' must be text, but is 3. (at title) Write it in quotes."],
        ),
        (
            MODEL + PANELS + "title: [a]",
            ["3:8: SPEC009 'title' must be text, but is a list. (at title)"],
        ),
        (
            MODEL + PANELS + "title: " + "x" * 10_001,
            ["3:8: SPEC009 'title' has more than 10,000 characters. (at title)"],
        ),
        (
            MODEL + PANELS + "residuals: []",
            [
                "3:1: SPEC007 Unknown key 'residuals'. (at residuals) "
                "It is a key of a panel, not of the spec itself."
            ],
        ),
        (
            MODEL + PANELS + "colors: {nrom: red}",
            [
                "3:10: SPEC009 The key is 'nrom' (did you mean 'norm'?), which is not known. "
                "(at colors.nrom) "
                "Known: embedding, norm, linear, convolution, attention, feed_forward, activation, "
                "softmax, dropout, pooling, router, expert, position, mask, block, operator, input, output, "
                "other."
            ],
        ),
        (
            MODEL + PANELS + "colors: {norm: 'red\"]; image=\"x'}",
            [
                "3:16: SPEC009 'norm' is 'red\"]; image=\"x', which is not a colour: write #rrggbb or a "
                "CSS name such as teal. (at colors.norm)"
            ],
        ),
        (MODEL + PANELS + "1: x", ["3:1: SPEC009 The key 1 is not text. (at [1]) Write it in quotes."]),
        (MODEL + PANELS + "null: x", ["3:1: SPEC009 The key is empty. (at [nothing]) Write it in quotes."]),
        (
            MODEL + PANELS + "title: &t x\ncaption: *t\nnote: {a: *t}",
            ["5:7: SPEC009 'note' must be text, but is a mapping. (at note)"],
        ),
    ],
)
def test_the_spec(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def cases(name: str) -> list[tuple[str, list[str]]]:
    """What the file of this name holds: a piece of a spec in one line, and indented below it its problems."""
    blocks = (CASES / f"{name}.txt").read_text(encoding="utf-8").split("\n\n")[1:]
    return [(lines[0], [line.strip() for line in lines[1:]]) for lines in map(str.splitlines, blocks)]


@pytest.mark.parametrize(("text", "expected"), cases("model"))
def test_the_model(text: str, expected: list[str]) -> None:
    assert problems(f"model: {text}\n{PANELS}") == expected


@pytest.mark.parametrize(("text", "expected"), cases("boxes") + cases("flow"))
def test_a_panel(text: str, expected: list[str]) -> None:
    assert panel(text) == expected


@pytest.mark.parametrize(("text", "expected"), cases("residuals"))
def test_residual_edges(text: str, expected: list[str]) -> None:
    assert problems(RESIDUALS.replace("EDGES", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{target: 'folder/file.py:Class'}",
        "{target: 'pkg.module:Class.method'}",
        "{target: 'C:\\models\\gpt.py:GPT'}",
        "{target: 'm:f', arguments: {config: {target: 'm:C', arguments: null}}}",
        "{target: 'm:f', arguments: {table: {target: 3, other: 4}}}",
        "{target: 'm:f', inputs: {x: {shape: [], value: 1}, y: 3, z: {a: [1, {b: c}]}}}",
        "{target: 'm:f', modes: [eval, train, {name: cached, inputs: {x: null}}]}",
        "{target: 'm:f', rename: {model.layers: transformer.h, head: ''}}",
    ],
)
def test_models_that_are_right(text: str) -> None:
    assert loads(f"model: {text}\n{PANELS}").spec.model


@pytest.mark.parametrize("reference", ["q.x", "q.x..y", "q.x->y", "q.named", "q.y"])
def test_realized_by_names_an_edge_by_its_ends_or_its_name(reference: str) -> None:
    assert loads(
        f"{MODEL}panels:\n"
        f"  p: {{boxes: {{a: {{}}}}, residuals: [{{around: a, line: dashed, realized_by: {reference}}}]}}\n"
        "  q: {boxes: {x: {}, y: {}}, residuals: [{around: x}, {around: [x, y]}, {from: x, to: y}, "
        "{around: y, name: named}]}\n"
    )


def test_a_circle_of_panels_is_named() -> None:
    assert problems(
        f"{MODEL}panels:\n"
        "  p: {boxes: {a: {detail: q}}}\n"
        "  q: {boxes: {a: {}, b: {detail: r}}}\n"
        "  r: {boxes: {a: {detail: q}}}\n"
    ) == ["5:27: SPEC015 Panels open each other in a cycle: q -> r -> q. (at panels.r.boxes.a.detail)"]


def test_what_may_stay_outside_the_flow() -> None:
    assert loads(f"{MODEL}panels: {{p: {{boxes: {{only: {{}}}}}}}}")
    assert loads(f"{MODEL}panels: {{p: {{{AB}}}}}")  # no flow at all: as written
    skip = "{boxes: {a: {}, b: {}, down: {}}, flow: [a, b], residuals: [{around: [a, b], through: [down]}]}"
    assert loads(f"{MODEL}panels: {{p: {skip}}}")


def test_all_problems_come_at_once_and_none_twice() -> None:
    found = problems(
        """\
titel: x
model:
  target: nothing
panels:
  layer:
    scope: layers.*
    boxes:
      gqa: {label: GQA, modul: attn, repeat: 0}
      ffn: 3
    flow: [gqa, fnf, 7]
    residuals:
      - {around: gqaa, line: dotted}
      - {around: ffn, lin: dashed, realized_by: top.x}
  top:
    boxes: {a: {detail: layr}, b: {}}
    flow: [a]
"""
    )
    assert [problem.split(" (")[0].split(". ")[0] for problem in found] == [
        "1:1: SPEC007 Unknown key 'titel'",
        "3:11: SPEC020 'nothing' is not a target.",
        "8:25: SPEC007 Unknown key 'modul'",
        "8:46: SPEC009 'repeat' must be at least 1, but is 0.",
        "9:12: SPEC009 'ffn' must be a mapping, but is 3.",
        "10:17: SPEC011 This panel has no box 'fnf'",
        "10:22: SPEC009 Item 3 of 'flow' must be text or a list, but is 7.",
        "12:18: SPEC011 This panel has no box 'gqaa'",
        "12:30: SPEC009 'line' must be 'solid' or 'dashed', but is 'dotted'.",
        "13:23: SPEC007 Unknown key 'lin'",
        "13:49: SPEC019 Panel 'top' has no residual edge 'x'.",
        "15:25: SPEC012 There is no panel 'layr'",
        "15:32: SPEC013 Box 'b' is not in the flow.",
    ]


def test_quoted_text_is_cut() -> None:
    (found,) = panel("{boxes: {a: {}}, " + "x" * 500 + ": 1}")
    assert found.startswith(
        f"2:30: SPEC007 Unknown key '{'x' * 60}'…. (at panels.p['{'x' * 60}'…]) Known keys"
    )
    assert len(found) < 400


def test_nothing_of_pydantic_is_shown() -> None:
    text = "\n".join(
        panel("{boxes: {a: 3}, flow: [[[[[3]]]], {}], residuals: [{around: [[]]}], color: [], omit: {}}")
    )
    assert "pydantic" not in text
    assert "Input should" not in text
    assert "constrained-str" not in text


def test_a_spec_with_endless_problems_is_given_up_soon() -> None:
    boxes = ", ".join(f"b{index}: {{role: x}}" for index in range(400))
    assert len(panel(f"{{boxes: {{{boxes}}}}}")) == LIMIT
