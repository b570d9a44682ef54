"""Every problem of a spec that is valid YAML: the text, and exactly what is said about it."""

from __future__ import annotations

import pytest

from archcheck.errors import SpecError
from archcheck.spec import SPEC_CODES, loads
from archcheck.spec.problems import LIMIT
from tests.spec.common import MODEL, panel, problems

PANELS = "panels: {p: {boxes: {a: {}}}}\n"
AB = "boxes: {a: {}, b: {}}"


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
                "How to build the model and what to call it with.",
                "1:1: SPEC008 The key 'panels' is missing. (at panels) The frames, by name.",
            ],
        ),
        (MODEL + "panels: {}", ["2:9: SPEC009 'panels' needs at least one entry, but has none. (at panels)"]),
        (MODEL + "panels:", ["2:8: SPEC009 'panels' must be a mapping, but is empty. (at panels)"]),
        (
            MODEL + PANELS + "title: 3",
            ["3:8: SPEC009 'title' must be a text, but is 3. (at title)"],
        ),
        (
            MODEL + PANELS + "title: [a]",
            ["3:8: SPEC009 'title' must be a text, but is a list. (at title)"],
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
                "3:10: SPEC009 The key is 'nrom' (did you mean 'norm'?), which is not known. (at colors.nrom) "
                "Known are embedding, norm, linear, convolution, attention, feed_forward, activation, softmax, "
                "dropout, pooling, router, expert, position, mask, block, operator, input, output, other."
            ],
        ),
        (
            MODEL + PANELS + "colors: {norm: 'red\"]; image=\"x'}",
            [
                "3:16: SPEC009 'norm' is 'red\"]; image=\"x', which is no colour: write a name such as lightblue, "
                "or #rrggbb. (at colors.norm)"
            ],
        ),
        (MODEL + PANELS + "1: x", ["3:1: SPEC009 The key 1 is no text. (at [1]) Write it in quotes."]),
        (MODEL + PANELS + "null: x", ["3:1: SPEC009 The key is empty. (at [nothing]) Write it in quotes."]),
        (
            MODEL + PANELS + "title: &t x\ncaption: *t\nnote: {a: *t}",
            ["5:7: SPEC009 'note' must be a text, but is a mapping. (at note)"],
        ),
    ],
)
def test_the_spec(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("3", ["1:8: SPEC009 'model' must be a mapping, but is 3. (at model)"]),
        ("{}", ["1:8: SPEC008 The key 'target' is missing. (at model.target) What to call: `pkg.module:name` or"]),
        ("{target: models}", ["1:17: SPEC020 'models' is no target. (at model.target) Write package.module:name or"]),
        ("{target: 'a b:c'}", ["1:17: SPEC020 'a b:c' is no target. (at model.target) Write package.module:name"]),
        ("{target: 'a:b c'}", ["1:17: SPEC020 'a:b c' is no target. (at model.target) Write package.module:name"]),
        ("{target: ''}", ["1:17: SPEC020 '' is no target.", "1:17: SPEC009 'target' must not be empty."]),
        ("{target: 'm:f', argumnets: {}}", ["1:24: SPEC007 Unknown key 'argumnets' (did you mean 'arguments'?)."]),
        ("{target: 'm:f', arguments: {1: 2}}", ["1:36: SPEC009 The key 1 is no text. (at model.arguments[1])"]),
        (
            "{target: 'm:f', arguments: {config: {target: nothing}}}",
            ["1:53: SPEC020 'nothing' is no target. (at model.arguments.config.target)"],
        ),
        (
            "{target: 'm:f', arguments: {parts: [{target: 'm:C', arguments: {inner: {target: x}}}]}}",
            ["1:88: SPEC020 'x' is no target. (at model.arguments.parts[0].arguments.inner.target)"],
        ),
        (
            "{target: 'm:f', arguments: {config: {target: 'm:C', argument: {}}}}",
            ["1:60: SPEC007 Unknown key 'argument' (did you mean 'arguments'?). (at model.arguments.config.argument)"],
        ),
        ("{target: 'm:f', inputs: {x: {shape: [1, a]}}}", ["1:48: SPEC009 Item 2 of 'shape' must be a whole number"]),
        ("{target: 'm:f', inputs: {x: {shape: [-1]}}}", ["1:45: SPEC009 Item 1 of 'shape' must be at least 0, but is -1"]),
        ("{target: 'm:f', inputs: {x: {shpe: [1]}}}", ["1:36: SPEC008 The key 'shape' is missing.", "1:37: SPEC007 Unknown key 'shpe' (did you mean 'shape'?)."]),
        ("{target: 'm:f', inputs: {x: {dtype: bool}}}", ["1:36: SPEC008 The key 'shape' is missing. (at model.inputs"]),
        ("{target: 'm:f', inputs: {x: {shape: [1], dtype: int46}}}", ["1:56: SPEC009 'int46' is no element type (did you"]),
        (
            "{target: 'm:f', inputs: {x: {shape: [1], low: 4, high: 4}}}",
            ["1:63: SPEC009 'high' must be more than 'low', which is 4, but is 4. (at model.inputs.x.high)"],
        ),
        ("{target: 'm:f', inputs: {x: [{shape: 1}]}}", ["1:45: SPEC009 'shape' must be a list, but is 1. (at model.inputs.x[0]"]),
        ("{target: 'm:f', modes: [evl]}", ["1:32: SPEC009 Item 1 of 'modes' must be 'eval', 'train' or a mapping, but is"]),
        ("{target: 'm:f', modes: [3]}", ["1:32: SPEC009 Item 1 of 'modes' must be 'eval', 'train' or a mapping, but is 3."]),
        (
            "{target: 'm:f', modes: [{nme: x}]}",
            [
                "1:32: SPEC008 The key 'name' is missing. (at model.modes[0].name)",
                "1:33: SPEC007 Unknown key 'nme' (did you mean 'name'?). (at model.modes[0].nme)",
            ],
        ),
        (
            "{target: 'm:f', modes: [{name: x, train: yes}]}",
            [
                "1:49: SPEC009 'train' must be true or false, but is 'yes'. (at model.modes[0].train) "
                "In YAML 1.2 only true and false are booleans."
            ],
        ),
        (
            "{target: 'm:f', modes: [eval, {name: eval}]}",
            ["1:38: SPEC018 The mode 'eval' is given already, in line 1. (at model.modes[1])"],
        ),
        (
            "{target: 'm:f', modes: [{name: x, inputs: {ids: {shape: 3}}}]}",
            ["1:64: SPEC009 'shape' must be a list, but is 3. (at model.modes[0].inputs.ids.shape)"],
        ),
        ("{target: 'm:f', rename: {a..b: c}}", ["1:39: SPEC021 'a..b' is no module pattern: a component between"]),
        ("{target: 'm:f', rename: {a: 3}}", ["1:36: SPEC009 'a' must be a text, but is 3. (at model.rename.a)"]),
    ],
)  # fmt: skip
def test_the_model(model: str, expected: list[str]) -> None:
    found = problems(f"model: {model}\n{PANELS}")
    assert len(found) == len(expected)
    assert all(one.startswith(start) for one, start in zip(sorted(found), sorted(expected), strict=True)), found


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{boxes: {a: {modul: x}}}", ["2:26: SPEC007 Unknown key 'modul' (did you mean 'module'?)."]),
        ("{boxes: {a: {color: x}}}", ["2:26: SPEC007 Unknown key 'color'. (at panels.p.boxes.a.color) It is a key of a panel, not of a box."]),
        ("{boxes: {a: {zzz: x}}}", ["2:26: SPEC007 Unknown key 'zzz'. (at panels.p.boxes.a.zzz) Known keys are label, module, role, detail, repeat, inactive, note."]),
        ("{boxes: {a: }}", ["2:24: SPEC009 'a' must be a mapping, but is empty. (at panels.p.boxes.a) Write {} for a box"]),
        ("{boxes: {a: {module: 3}}}", ["2:34: SPEC009 'module' must be a text or a list, but is 3. (at panels.p.boxes.a.module)"]),
        ("{boxes: {a: {module: [x, 3]}}}", ["2:38: SPEC009 Item 2 of 'module' must be a text, but is 3. (at panels.p.boxes.a.module[1])"]),
        ("{boxes: {a: {module: []}}}", ["2:34: SPEC009 'module' needs at least one entry, but has none."]),
        ("{boxes: {a: {module: ''}}}", ["2:34: SPEC009 'module' must not be empty."]),
        ("{boxes: {a: {module: 'layers[0]'}}}", ["2:34: SPEC021 'layers[0]' is no module pattern: '[' can't stand in a module's name. (at panels.p.boxes.a.module) Write dots, as in layers.0.mlp."]),
        ("{boxes: {a: {module: [x, '**']}}}", ["2:38: SPEC021 '**' is no module pattern: a component can have one '*' only. (at panels.p.boxes.a.module[1])"]),
        ("{scope: .layers, boxes: {a: {}}}", ["2:21: SPEC021 '.layers' is no module pattern: a component between the dots is empty. (at panels.p.scope)"]),
        ("{omit: [drop out], boxes: {a: {}}}", ["2:21: SPEC021 'drop out' is no module pattern: ' ' can't stand in a module's name. (at panels.p.omit[0])"]),
        ("{boxes: {a: {role: 3}}}", ["2:32: SPEC009 'role' is 3, which is not known. (at panels.p.boxes.a.role) Known are embedding,"]),
        ("{boxes: {a: {role: nrom}}}", ["2:32: SPEC009 'role' is 'nrom' (did you mean 'norm'?), which is not known."]),
        ("{boxes: {a: {repeat: 0}}}", ["2:34: SPEC009 'repeat' must be at least 1, but is 0. (at panels.p.boxes.a.repeat)"]),
        ("{boxes: {a: {repeat: 1.5}}}", ["2:34: SPEC009 'repeat' must be a whole number or a text, but is 1.5."]),
        ("{boxes: {a: {repeat: true}}}", ["2:34: SPEC009 'repeat' must be a whole number or a text, but is true."]),
        ("{boxes: {a: {inactive: 'no'}}}", ["2:36: SPEC009 'inactive' must be true or false, but is 'no'."]),
        ("{boxes: {a: {detail: q}}}", ["2:34: SPEC012 No panel 'q'. (at panels.p.boxes.a.detail)"]),
        ("{boxes: {a: {detail: p}}}", ["2:34: SPEC015 Panels detail each other in a circle: p -> p. (at panels.p.boxes.a.detail)"]),
        ("{boxes: {a b: {}}}", ["2:22: SPEC010 The name 'a b' has more than letters, digits, '_' and '-'. (at panels.p.boxes['a b'])"]),
        ("{boxes: {'': {}}}", ["2:22: SPEC009 The key must not be empty. (at panels.p.boxes[''])"]),
        ("{boxes: {1: {}}}", ["2:22: SPEC009 The key 1 is no text. (at panels.p.boxes[1]) Write it in quotes."]),
        ("{boxes: {input: {}}}", ["2:22: SPEC010 The name 'input' is reserved. (at panels.p.boxes.input) It stands for what enters"]),
        ("{boxes: {a: {}}, color: '#12345'}", ["2:37: SPEC009 'color' is '#12345', which is no colour: write a name"]),
        ("3", ["2:13: SPEC009 'p' must be a mapping, but is 3. (at panels.p)"]),
        ("{}", ["2:13: SPEC008 The key 'boxes' is missing. (at panels.p.boxes) The boxes, by name."]),
    ],
)  # fmt: skip
def test_panels_and_boxes(text: str, expected: list[str]) -> None:
    found = panel(text)
    assert len(found) == len(expected), found
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True)), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{{{AB}, flow: [a, c]}}", ["2:47: SPEC011 No box 'c' in this panel. (at panels.p.flow[1])"]),
        (f"{{{AB}, flow: [a]}}", ["2:29: SPEC013 Box 'b' is not in the flow. (at panels.p.boxes.b) Place it in 'flow' or 'edges'."]),
        (f"{{{AB}, edges: [[a, c]]}}", ["2:49: SPEC011 No box 'c' in this panel. (at panels.p.edges[0][1])"]),
        ("{boxes: {a: {}, b: {}, c: {}}, edges: [[a, b]]}", ["2:36: SPEC013 Box 'c' is not in the flow. (at panels.p.boxes.c)"]),
        (f"{{{AB}, flow: [a, b, a]}}", ["2:50: SPEC014 Box 'a' stands in the flow already, in line 2. (at panels.p.flow[2])"]),
        (f"{{{AB}, flow: [a, [b, [a, b]]]}}", ["2:52: SPEC014 Box 'a' stands", "2:55: SPEC014 Box 'b' stands in the flow already"]),
        (f"{{{AB}, flow: [a, b], edges: [[b, a]]}}", ["2:59: SPEC015 The flow runs in a circle: a -> b -> a. (at panels.p.edges[0])"]),
        (f"{{{AB}, edges: [[a, b], [a, a]]}}", ["2:53: SPEC015 The flow runs in a circle: a -> a. (at panels.p.edges[1])"]),
        (f"{{{AB}, flow: [a, 3, {{b: a}}]}}", ["2:47: SPEC009 Item 2 of 'flow' must be a text or a list, but is 3.", "2:50: SPEC009 Item 3 of 'flow' must be"]),
        (f"{{{AB}, flow: [a, [[b, 3]]]}}", ["2:52: SPEC009 Item 2 of item 1 of item 2 of 'flow' must be a text, but is 3. (at panels.p.flow[1][0][1])"]),
        (f"{{{AB}, flow: [a, [[b, [a]]]]}}", ["2:52: SPEC009 Item 2 of item 1 of item 2 of 'flow' must be a text, but is a list.", "2:53: SPEC014"]),
        (f"{{{AB}, flow: [a, []]}}", ["2:47: SPEC009 Item 2 of 'flow' needs at least one entry, but has none. (at panels.p.flow[1])"]),
        (f"{{{AB}, flow: a}}", ["2:43: SPEC009 'flow' must be a list, but is 'a'. (at panels.p.flow)"]),
        (f"{{{AB}, edges: [a, b]}}", ["2:45: SPEC009 Item 1 of 'edges' must be a list, but is 'a'.", "2:48: SPEC009 Item 2"]),
        (f"{{{AB}, edges: [[a]]}}", ["2:45: SPEC009 Item 1 of 'edges' needs at least 2 entries, but has 1. (at panels.p.edges[0])"]),
    ],
)  # fmt: skip
def test_the_flow(text: str, expected: list[str]) -> None:
    found = panel(text)
    assert len(found) == len(expected), found
    assert all(one.startswith(start) for one, start in zip(sorted(found), sorted(expected), strict=True)), found


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("{}", ["2:48: SPEC016 This residual edge has neither 'around' nor 'from' and 'to'. (at panels.p.residuals[0]) Write either around: BOX (or [FIRST, LAST]), or from: BOX and to: BOX."]),
        ("{from: a}", ["2:48: SPEC016 This residual edge has no 'to'. (at panels.p.residuals[0])"]),
        ("{to: a}", ["2:48: SPEC016 This residual edge has no 'from'. (at panels.p.residuals[0])"]),
        ("{around: a, to: b}", ["2:48: SPEC016 A residual edge goes either 'around' boxes or 'from' one 'to' another; this has both."]),
        ("{aroud: a}", ["2:49: SPEC007 Unknown key 'aroud' (did you mean 'around'?)."]),
        ("{from_: a, to: b}", ["2:49: SPEC007 Unknown key 'from_' (did you mean 'from'?)."]),
        ("{around: [a]}", ["2:57: SPEC009 'around' needs at least 2 entries, but has 1. (at panels.p.residuals[0].around)"]),
        ("{around: {a: b}}", ["2:57: SPEC009 'around' must be a text or a list, but is a mapping. (at panels.p.residuals[0].around)"]),
        ("{around: a, line: dahsed}", ["2:66: SPEC009 'line' must be 'solid' or 'dashed', but is 'dahsed' (did you mean 'dashed'?)."]),
        ("{around: a, kind: sum}", ["2:66: SPEC009 'kind' is 'sum', which is not known. (at panels.p.residuals[0].kind) Known are identity, scaled, projection, gated, concat, multi-stream."]),
        ("{around: aa}", ["2:57: SPEC011 No box 'aa' in this panel (did you mean 'a'?). (at panels.p.residuals[0].around)"]),
        ("{around: [a, d]}", ["2:61: SPEC011 No box 'd' in this panel. (at panels.p.residuals[0].around[1])"]),
        ("{around: input}", ["2:57: SPEC011 No box 'input' in this panel. (at panels.p.residuals[0].around) Only 'from' can name"]),
        ("{from: x, to: y, through: [z]}", ["2:55: SPEC011 No box 'x'", "2:62: SPEC011 No box 'y'", "2:75: SPEC011 No box 'z'"]),
        ("{around: [b, a]}", ["2:48: SPEC017 The flow does not lead from 'b' to 'a'. (at panels.p.residuals[0]) Write [a, b]."]),
        ("{from: b, to: a}", ["2:48: SPEC017 The flow does not lead from 'b' to 'a'. (at panels.p.residuals[0]) Turn it round: from a to b."]),
        ("{around: [b, c]}", ["2:48: SPEC017 The flow does not lead from 'b' to 'c'. (at panels.p.residuals[0])"]),
        ("{from: a, to: a}", ["2:48: SPEC017 The residual edge begins and ends at 'a'. (at panels.p.residuals[0]) Write 'around'."]),
        ("{around: a}, {around: [a, a]}", ["2:61: SPEC018 The residual edge 'a' is drawn already, in line 2. (at panels.p.residuals[1])"]),
        ("{around: a}, {around: a, name: x}", ["2:61: SPEC018 The residual edge 'a' is drawn already"]),
        ("{around: a, name: x}, {around: b, name: x}", ["2:70: SPEC018 The residual edge 'x' is drawn already"]),
        ("{around: a}, {around: b, name: a}", ["2:61: SPEC018 The residual edge 'a' is drawn already"]),
        ("{around: a, realized_by: q.x}", ["2:73: SPEC019 Realized_by belongs to a dashed line, and this one is solid."]),
        ("{around: a, line: dashed, realized_by: p.a}", ["2:87: SPEC019 'p.a' is an edge of this same panel."]),
        ("{around: a, line: dashed, realized_by: q}", ["2:87: SPEC019 'q' names no residual edge. (at panels.p.residuals[0].realized_by) Write PANEL.BOX, PANEL.FIRST..LAST or PANEL.NAME."]),
        ("{around: a, line: dashed, realized_by: layr.x}", ["2:87: SPEC012 No panel 'layr' (did you mean 'layer'?). (at panels.p.residuals[0].realized_by)"]),
        ("{around: a, line: dashed, realized_by: q.z}", ["2:87: SPEC019 Panel 'q' has no residual edge 'z'. (at panels.p.residuals[0].realized_by) It has 'x', 'x..y' and 'named'."]),
        ("{around: a, line: dashed, realized_by: layer.x}", ["2:87: SPEC019 Panel 'layer' has no residual edge 'x'. (at panels.p.residuals[0].realized_by) It has none."]),
        ("{around: a, line: dashed, realized_by: q.x..y}", ["2:87: SPEC019 'q.x..y' is a dashed line itself. (at panels.p.residuals[0].realized_by) Name the solid edge that"]),
        ("3", ["2:48: SPEC009 Item 1 of 'residuals' must be a mapping, but is 3. (at panels.p.residuals[0])"]),
    ],
)  # fmt: skip
def test_residual_edges(edges: str, expected: list[str]) -> None:
    found = problems(
        f"{MODEL}panels: {{p: {{flow: [a, [b, c]], residuals:    [{edges}], boxes: {{a: {{}}, b: {{}}, c: {{}}}}}},\n"
        "  layer: {boxes: {x: {}}},\n"
        "  q: {boxes: {x: {}, y: {}}, residuals: [{around: x}, {around: [x, y], line: dashed}, "
        "{around: y, name: named}]}}\n"
    )
    assert len(found) == len(expected), found
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True)), found


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
    ) == ["5:27: SPEC015 Panels detail each other in a circle: q -> r -> q. (at panels.r.boxes.a.detail)"]


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
        "3:11: SPEC020 'nothing' is no target.",
        "8:25: SPEC007 Unknown key 'modul'",
        "8:46: SPEC009 'repeat' must be at least 1, but is 0.",
        "9:12: SPEC009 'ffn' must be a mapping, but is 3.",
        "10:17: SPEC011 No box 'fnf' in this panel",
        "10:22: SPEC009 Item 3 of 'flow' must be a text or a list, but is 7.",
        "12:18: SPEC011 No box 'gqaa' in this panel",
        "12:30: SPEC009 'line' must be 'solid' or 'dashed', but is 'dotted'.",
        "13:23: SPEC007 Unknown key 'lin'",
        "13:49: SPEC019 Panel 'top' has no residual edge 'x'.",
        "15:25: SPEC012 No panel 'layr'",
        "15:32: SPEC013 Box 'b' is not in the flow.",
    ]


def test_quoted_text_is_cut() -> None:
    (found,) = panel("{boxes: {a: {}}, " + "x" * 500 + ": 1}")
    assert found.startswith(f"2:30: SPEC007 Unknown key '{'x' * 60}'…. (at panels.p['{'x' * 60}'…]) Known keys")
    assert len(found) < 400


def test_nothing_of_pydantic_is_shown() -> None:
    text = "\n".join(panel("{boxes: {a: 3}, flow: [[[[[3]]]], {}], residuals: [{around: [[]]}], color: [], omit: {}}"))
    assert "pydantic" not in text
    assert "Input should" not in text
    assert "constrained-str" not in text


def test_a_spec_with_endless_problems_is_given_up_soon() -> None:
    boxes = ", ".join(f"b{index}: {{role: x}}" for index in range(400))
    assert len(panel(f"{{boxes: {{{boxes}}}}}")) == LIMIT


def test_codes_count_up_and_explain_themselves() -> None:
    assert [code for code, _, _ in SPEC_CODES] == [f"SPEC{number:03}" for number in range(1, len(SPEC_CODES) + 1)]
    assert all(title and explanation.endswith(".") for _, title, explanation in SPEC_CODES)


def test_problems_carry_their_parts() -> None:
    with pytest.raises(SpecError) as caught:
        loads(MODEL + "panels: {p: {boxes: {a: {rol: norm}}}}", "my spec.yaml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("my spec.yaml", 2, 26)
    assert (problem.code, problem.path) == ("SPEC007", "panels.p.boxes.a.rol")
    assert problem.message == "Unknown key 'rol' (did you mean 'role'?)."
    assert problem.hint == "Known keys are label, module, role, detail, repeat, inactive, note."
