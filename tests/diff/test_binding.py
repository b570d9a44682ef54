"""How a spec's names find the model's modules: scopes, wildcards, details, renaming, what matches nothing."""

from __future__ import annotations

import pytest

from archcheck.diff.binding import BoundPanel, bind, suggestion
from archcheck.errors import SpecError
from archcheck.phrasing.module_paths import sentence
from archcheck.spec import loads

NAMES = (
    "",
    "embed",
    "layers",
    "layers.0",
    "layers.0.norm",
    "layers.0.mlp",
    "layers.0.mlp.up",
    "layers.0.mlp.down",
    "layers.1",
    "layers.1.norm",
    "layers.1.mlp",
    "layers.1.mlp.up",
    "layers.1.mlp.down",
)


def bound(
    panels: str, names: tuple[str, ...] = NAMES, known: tuple[str, ...] = (), model: str = ""
) -> list[BoundPanel]:
    return list(bind(loads(f"model: {{target: 'm:f'{model}}}\npanels:\n{panels}"), names, known))


def problems(panels: str, **how: tuple[str, ...]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        bound(panels, **how)  # type: ignore[arg-type]
    return [str(problem).removeprefix("<spec>:") for problem in caught.value.problems]


LAYER = """\
  layer:
    scope: layers.*
    boxes: {norm: {module: norm}, ffn: {module: [mlp.up, mlp.down], detail: ffn}}
"""


def test_a_panel_without_a_scope_is_of_the_model() -> None:
    ((layer,),) = [panel.layers for panel in bound("  model: {boxes: {e: {module: embed}, f: {label: +}}}\n")]
    assert (layer.index, layer.base, layer.own) == (None, "", ("",))
    assert (dict(layer.boxes), dict(layer.missing)) == ({"e": ("embed",), "f": ()}, {})


def test_a_wildcard_gives_a_layer_for_each_match() -> None:
    (panel,) = bound(LAYER.replace(", detail: ffn", ""))
    assert [(layer.index, layer.base, layer.own) for layer in panel.layers] == [
        (0, "layers.0", ("layers.0",)),
        (1, "layers.1", ("layers.1",)),
    ]
    assert panel.layers[1].bound("ffn") == ("layers.1.mlp.up", "layers.1.mlp.down")


def test_two_wildcards_give_both_numbers() -> None:
    (panel,) = bound("  part: {scope: layers.*.mlp.*, boxes: {a: {}}}\n")
    assert [layer.index for layer in panel.layers] == ["0.down", "0.up", "1.down", "1.up"]


def test_a_detail_shows_the_modules_of_its_box_with_names_of_the_panel_above() -> None:
    _, detail = bound(LAYER + "  ffn: {boxes: {up: {module: mlp.up}}}\n")
    assert detail.details
    assert [(layer.index, layer.base, layer.own) for layer in detail.layers] == [
        (0, "layers.0", ("layers.0.mlp.up", "layers.0.mlp.down")),
        (1, "layers.1", ("layers.1.mlp.up", "layers.1.mlp.down")),
    ]
    assert detail.layers[0].bound("up") == ("layers.0.mlp.up",)


def test_a_detail_of_a_wildcard_box_has_a_layer_for_each_match() -> None:
    _, detail = bound(
        "  model: {boxes: {l: {module: layers.*, detail: layer}}}\n  layer: {boxes: {n: {module: norm}}}\n"
    )
    assert [(layer.index, layer.bound("n")) for layer in detail.layers] == [
        (0, ("layers.0.norm",)),
        (1, ("layers.1.norm",)),
    ]


def test_a_plain_name_that_is_not_there_is_missing() -> None:
    (panel,) = bound("  layer: {scope: layers.*, boxes: {d: {module: [drop, norm]}}}\n")
    assert [dict(layer.missing) for layer in panel.layers] == [
        {"d": ("layers.0.drop",)},
        {"d": ("layers.1.drop",)},
    ]


def test_what_is_omitted() -> None:
    (panel,) = bound("  layer: {scope: layers.*, boxes: {n: {module: norm}}, omit: [mlp.*]}\n")
    assert panel.layers[1].omitted == ("layers.1.mlp.down", "layers.1.mlp.up")


@pytest.mark.parametrize(
    ("panels", "problem"),
    [
        (
            "  p: {scope: layer.*, boxes: {a: {}}}\n",
            "3:14: SPEC030 no module of the model matches 'layer.*' (at panels.p.scope) "
            "Did you mean layers.0?",
        ),
        (
            "  p: {boxes: {a: {module: layers.*.attn}}}\n",
            "3:27: SPEC030 no module of the model matches 'layers.*.attn' (at panels.p.boxes.a.module) "
            "layers.0 has norm, mlp.",
        ),
        (
            "  p: {boxes: {a: {module: embed}}, omit: [embd]}\n",
            "3:43: SPEC030 no module of the model matches 'embd' (at panels.p.omit[0]) Did you mean embed?",
        ),
    ],
)
def test_a_pattern_that_matches_nothing(panels: str, problem: str) -> None:
    assert problems(panels) == [problem]


def test_what_another_mode_has_is_no_error() -> None:
    known = ("layers.0.moe", "layers.0.moe.experts.0")
    panel, expert = bound(
        "  layer: {scope: layers.*, boxes: {e: {module: moe.experts.*}}, omit: [moe]}\n"
        "  expert: {scope: layers.*.moe, boxes: {a: {}}}\n",
        known=known,
    )
    assert dict(panel.layers[0].missing) == {"e": ("layers.0.moe.experts.*",)}
    assert expert.layers == ()


def test_a_wildcard_that_some_layers_lack_is_missing_there() -> None:
    (panel,) = bound(
        "  layer: {scope: layers.*, boxes: {e: {module: experts.*}}}\n",
        names=("", "layers.0", "layers.0.experts.0", "layers.1"),
    )
    assert [dict(layer.missing) for layer in panel.layers] == [{}, {"e": ("layers.1.experts.*",)}]


RENAMED = ("", "h", "h.0", "h.0.ln", "h.0.ffn", "h.0.ffn.fc")


@pytest.mark.parametrize(
    "rename",
    [
        "{layers: h, layers.*.norm: h.*.ln, layers.*.mlp: h.*.ffn, layers.*.mlp.up: h.*.ffn.fc}",
        "{layers: h, norm: ln, mlp: ffn, mlp.up: ffn.fc}",
    ],
)
def test_renaming_by_whole_names_or_as_the_panel_writes_them(rename: str) -> None:
    (panel,) = bound(
        "  layer: {scope: layers.*, boxes: {n: {module: norm}, m: {module: mlp}, u: {module: mlp.up}}}\n",
        names=RENAMED,
        model=f", rename: {rename}",
    )
    (layer,) = panel.layers
    assert (layer.base, layer.written) == ("h.0", "layers.0")
    assert dict(layer.boxes) == {"n": ("h.0.ln",), "m": ("h.0.ffn",), "u": ("h.0.ffn.fc",)}


def test_the_longest_prefix_wins() -> None:
    (panel,) = bound(
        "  p: {boxes: {a: {module: layers.0.mlp}, b: {module: layers.0.norm}}}\n",
        names=("", "x.mlp", "h.0.norm"),
        model=", rename: {layers: h, layers.0.mlp: x.mlp}",
    )
    assert dict(panel.layers[0].boxes) == {"a": ("x.mlp",), "b": ("h.0.norm",)}


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("layers.0.nrm", "Did you mean layers.0.norm?"),
        ("layers.0.attention", "layers.0 has norm, mlp."),
        ("layer.0.mlp.up", "Did you mean layers.0.mlp.up?"),
        ("zzz.q.k", ""),
    ],
)
def test_suggestion(path: str, hint: str) -> None:
    assert sentence(suggestion(path, NAMES)) == hint
