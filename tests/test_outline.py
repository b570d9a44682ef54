"""The outline of a traced run: calls in order, layers once with their number, residuals, deeper panels."""

from __future__ import annotations

from archcheck.connections import Kind, Residual
from archcheck.dataflow.run import Call
from archcheck.diagram import draw
from archcheck.outline import outline
from archcheck.residual import Join
from archcheck.spec.model import Line, Spec


def calls(*entries: str) -> list[Call]:
    """Return calls from `path:Type`, each made by the closest call before it whose path encloses its own."""
    made: list[Call] = []
    for entry in entries:
        path, type_name = entry.split(":")
        above = [i for i, call in enumerate(made) if not call.path or path.startswith(f"{call.path}.")]
        made.append(Call(path, type_name, above[-1] if above else -1, 0, 0, (), (), None))
    return made


def join(
    run: list[Call], scope: str, *branch: int, within: str = "", kind: Kind = Kind.IDENTITY, skip: str = ""
) -> Join:
    """Return a residual connection around calls, added in `within` (or in its scope itself)."""
    sink = within or scope
    base = f"{scope}." if scope else ""
    paths = tuple(run[call].path.removeprefix(base) for call in branch)
    residual = Residual(kind, scope, sink, "input", paths, None, skip=(skip,) if skip else ())
    sink_call = max(index for index, call in enumerate(run[: branch[-1] + 1]) if call.path == sink)
    return Join(residual, 0, 0, (), (), (), (), branch, sink_call, 0)


def panel(spec: Spec, name: str) -> list[tuple[str, object, str | None]]:
    return [(box.label, box.repeat, box.detail) for box in spec.panels[name].boxes.values()]


def edges(spec: Spec, name: str) -> list[tuple[object, ...]]:
    return [(edge.around, edge.line, edge.label) for edge in spec.panels[name].residuals]


STACK = calls(
    ":Model",
    "model:Decoder",
    "model.embed:Embedding",
    "model.layers.0:Block",
    "model.layers.0.norm:RMSNorm",
    "model.layers.0.attn:Attention",
    "model.layers.0.attn.q:Linear",
    "model.layers.0.attn.o:Linear",
    "model.layers.0.mlp:MLP",
    "model.layers.1:Block",
    "model.layers.1.norm:RMSNorm",
    "model.layers.1.attn:Attention",
    "model.layers.1.attn.q:Linear",
    "model.layers.1.attn.o:Linear",
    "model.layers.1.mlp:MLP",
    "head:Linear",
)
STACK_JOINS = [
    join(STACK, "model.layers.0", 4, 5),
    join(STACK, "model.layers.0", 8, kind=Kind.SCALED),
    join(STACK, "model.layers.1", 10, 11),
    join(STACK, "model.layers.1", 14, kind=Kind.SCALED),
]


def test_repeated_layers_stand_once_and_are_opened_in_a_panel() -> None:
    spec = outline(STACK, STACK_JOINS, "a model")
    assert spec.title == "a model"
    assert {name: each.title for name, each in spec.panels.items()} == {"panel0": "Model", "panel1": "Block"}
    assert panel(spec, "panel0") == [
        ("model.embed\nEmbedding", None, None),
        ("Block", 2, "panel1"),
        ("head\nLinear", None, None),
    ]
    assert panel(spec, "panel1") == [
        ("norm\nRMSNorm", None, None),
        ("attn\nAttention", None, None),
        ("mlp\nMLP", None, None),
    ]
    assert edges(spec, "panel1") == [
        (["box0", "box1"], Line.SOLID, ""),
        (["box2", "box2"], Line.SOLID, ""),
    ]
    assert [edge.kind for edge in spec.panels["panel1"].residuals] == [Kind.IDENTITY, Kind.SCALED]
    assert '"panel1.box1" -> "panel1.:sink0"' in draw(spec).dot


def test_depth_opens_what_has_parts_one_level_down() -> None:
    spec = outline(STACK, STACK_JOINS, "", depth=2)
    assert panel(spec, "panel1")[1] == ("attn\nAttention", None, "panel2")
    assert panel(spec, "panel2") == [("q\nLinear", None, None), ("o\nLinear", None, None)]


def test_a_model_without_children_is_one_box() -> None:
    spec = outline(calls(":Model"), [], "long " * 5_000)
    assert panel(spec, "panel0") == [("model", None, None)]
    assert len(spec.title) == 1_000


def test_modules_on_the_skip_path_stand_on_it() -> None:
    run = calls(":Block", "conv:Conv2d", "down:Conv2d")
    (drawn,) = outline(run, [join(run, "", 1, kind=Kind.PROJECTION, skip="down")], "").panels.values()
    assert drawn.flow == ["box0"]
    assert [(edge.around, edge.through) for edge in drawn.residuals] == [(["box0", "box0"], ["box1"])]


def test_a_module_that_runs_twice_stands_twice() -> None:
    run = calls(":Block", "attn:Attention", "drop:Dropout", "mlp:MLP", "drop:Dropout")
    spec = outline(run, [join(run, "", 1, 2), join(run, "", 3, 4)], "")
    labels = [label for label, _, _ in panel(spec, "panel0")]
    assert labels == ["attn\nAttention", "drop\nDropout", "mlp\nMLP", "drop\nDropout"]
    assert [around for around, *_ in edges(spec, "panel0")] == [["box0", "box1"], ["box2", "box3"]]


def test_a_sum_that_a_child_executes_is_dashed_and_the_child_is_opened() -> None:
    run = calls(":Layer", "self:Attention", "output:Output", "output.dense:Linear", "output.norm:LayerNorm")
    spec = outline(run, [join(run, "", 1, 3, within="output")], "")
    labels = [label for label, _, _ in panel(spec, "panel0")]
    assert labels == ["self\nAttention", "output.dense\nLinear", "output.norm\nLayerNorm"]
    assert edges(spec, "panel0") == [(["box0", "box1"], Line.DASHED, "in output")]


def test_layers_around_each_of_which_there_is_a_residual_say_so() -> None:
    run = calls(":Net", "layers.0:Conv", "layers.1:Conv", "layers.2:Conv")
    spec = outline(run, [join(run, "", 1), join(run, "", 2), join(run, "", 3)], "")
    assert panel(spec, "panel0") == [("Conv", 3, None)]
    assert edges(spec, "panel0") == [(["box0", "box0"], Line.SOLID, "each")]


def test_blocks_built_otherwise_have_a_panel_each_and_alike_ones_share_theirs() -> None:
    run = calls(
        ":Net",
        "encoder.0:Block",
        "encoder.0.conv:Conv",
        "encoder.0.down:Conv",
        "encoder.1:Block",
        "encoder.1.conv:Conv",
        "decoder.0:Block",
        "decoder.0.conv:Conv",
    )
    joins = [join(run, "encoder.0", 2), join(run, "encoder.1", 5), join(run, "decoder.0", 7)]
    spec = outline(run, joins, "")
    assert panel(spec, "panel0") == [
        ("encoder.0\nBlock", None, "panel1"),
        ("encoder.1\nBlock", None, "panel2"),
        ("decoder.0\nBlock", None, "panel2"),
    ]
    titles = [each.title for each in spec.panels.values()]
    assert titles == ["Net", "Block\nencoder.0", "Block\nencoder.1"]


def test_a_sequence_of_two_types_in_turn_is_no_stack() -> None:
    run = calls(":Net", "block.0:Conv", "block.1:ReLU", "block.2:Conv", "block.3:ReLU")
    labels = [label for label, _, _ in panel(outline(run, [], ""), "panel0")]
    assert labels == ["block.0\nConv", "block.1\nReLU", "block.2\nConv", "block.3\nReLU"]


def test_layers_of_two_types_stand_apart() -> None:
    run = calls(":Net", "stages.0:Conv", "stages.1:Conv", "stages.2:Pool", "fc:Linear")
    assert panel(outline(run, [], ""), "panel0") == [
        ("Conv", 2, None),
        ("stages.2\nPool", None, None),
        ("fc\nLinear", None, None),
    ]
