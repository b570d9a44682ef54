"""The outline of a traced model: layers once with their number, children in the order of calls, residuals."""

from __future__ import annotations

from archcheck.diagram import draw
from archcheck.diagram.from_trace import Module, outline
from archcheck.graph import Kind, Residual
from archcheck.spec.model import Spec


def modules(*entries: str) -> list[Module]:
    return [(path, kind, place) for place, entry in enumerate(entries) for path, kind in [entry.split(":")]]


def residual(scope: str, *branch: str, kind: Kind = Kind.IDENTITY) -> Residual:
    return Residual(kind, scope, scope, "input", branch, None)


def panel(spec: Spec, name: str) -> list[tuple[str, object, str | None]]:
    return [(box.label, box.repeat, box.detail) for box in spec.panels[name].boxes.values()]


STACK = modules(
    ":Model",
    "model:Decoder",
    "model.embed:Embedding",
    "model.layers.0:Block",
    "model.layers.0.norm:RMSNorm",
    "model.layers.0.attn:Attention",
    "model.layers.0.attn.q:Linear",
    "model.layers.0.mlp:MLP",
    "model.layers.1:Block",
    "model.layers.1.norm:RMSNorm",
    "model.layers.1.attn:Attention",
    "model.layers.1.attn.q:Linear",
    "model.layers.1.mlp:MLP",
    "head:Linear",
)


def test_repeated_layers_stand_once_and_are_opened_in_a_panel() -> None:
    spec = outline(
        [
            residual("model.layers.0", "norm", "attn", "attn.q"),
            residual("model.layers.0", "mlp", kind=Kind.SCALED),
            residual("model.layers.1", "norm", "attn", "attn.q"),
        ],
        STACK,
        "a model",
    )
    assert spec.title == "a model"
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
    assert spec.panels["panel1"].title == "model.layers.0: Block"
    edges = [(edge.around, edge.kind) for edge in spec.panels["panel1"].residuals]
    assert edges == [(["box0", "box1"], Kind.IDENTITY), (["box2", "box2"], Kind.SCALED)]
    assert '"panel1.box1" -> "panel1.:sink0"' in draw(spec).dot


def test_a_model_without_children_is_one_box() -> None:
    spec = outline([], modules(":Model"), "long " * 5_000)
    assert panel(spec, "panel0") == [("model", None, None)]
    assert len(spec.title) == 1_000


def test_modules_on_the_skip_path_stand_on_it() -> None:
    block = modules(":Block", "conv:Conv2d", "down:Conv2d")
    projected = Residual(Kind.PROJECTION, "", "", "input", ("conv",), None, skip=("down",))
    (drawn,) = outline([projected], block, "").panels.values()
    assert drawn.flow == ["box0"]
    assert [(edge.around, edge.through) for edge in drawn.residuals] == [(["box0", "box0"], ["box1"])]


def test_a_sequence_of_two_types_in_turn_is_no_stack() -> None:
    block = modules(
        ":Net", "block:Sequential", "block.0:Conv", "block.1:ReLU", "block.2:Conv", "block.3:ReLU"
    )
    assert panel(outline([], block, ""), "panel0") == [("block\nSequential", None, None)]


def test_layers_of_two_types_stand_apart() -> None:
    stages = modules(":Net", "stages.0:Conv", "stages.1:Conv", "stages.2:Pool", "fc:Linear")
    assert panel(outline([], stages, ""), "panel0") == [
        ("Conv", 2, None),
        ("stages.2\nPool", None, None),
        ("fc\nLinear", None, None),
    ]
