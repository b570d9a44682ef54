"""What `init` writes of small models, word for word, and that it is proved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archcheck.commands.init import DraftedSpec, init
from archcheck.commands.run_modes import in_this_process
from archcheck.commands.verify import verify
from archcheck.connections import Kind
from archcheck.findings import Status

TRANSFORMER = """\
# yaml-language-server: $schema=archcheck.schema.json
title: TinyTransformer
strict: true

model:
  target: tests.drafting.models:TinyTransformer
  inputs:
    ids: {shape: [1, 16], dtype: int64, high: 11}

panels:
  model:
    title: TinyTransformer
    scope: ""
    boxes:
      tokens: {label: Tokens, role: input}
      embed: {label: Embedding, module: embed, role: embedding}
      blocks: {label: Block, module: blocks.*, repeat: 2, role: block, detail: block}
      norm: {label: LayerNorm, module: norm, role: norm}
      head: {label: Linear, module: head, role: linear}
    flow: [tokens, embed, blocks, norm, head]

  block:
    title: Block
    scope: blocks.*
    boxes:
      ln1: {label: LayerNorm, module: ln1, role: norm}
      attn: {label: Multi-head attention, module: attn, role: attention, detail: attn}
      ln2: {label: LayerNorm, module: ln2, role: norm}
      mlp: {label: Feed-forward, module: mlp, role: feed_forward, detail: mlp}
    flow: [ln1, attn, ln2, mlp]
    residuals:
      - {around: [ln1, attn]}
      - {around: [ln2, mlp]}

  attn:
    title: Multi-head attention
    scope: blocks.*.attn
    boxes:
      q: {label: Linear Q, module: q, role: linear}
      k: {label: Linear K, module: k, role: linear}
      v: {label: Linear V, module: v, role: linear}
      matmul: {label: ⊗, role: operator}
      softmax: {label: SoftMax, role: softmax}
      matmul_2: {label: ⊗, role: operator}
      out: {label: Linear, module: out, role: linear}
    flow: [[[[q, k], matmul, softmax], v], matmul_2, out]

  mlp:
    title: Feed-forward
    scope: blocks.*.mlp
    boxes:
      linear: {label: Linear, module: "0", role: linear}
      gelu: {label: GELU, module: "1", role: activation}
      linear_2: {label: Linear, module: "2", role: linear}
    flow: [linear, gelu, linear_2]
"""


def written(name: str, inputs: Mapping[str, Any] | None = None) -> DraftedSpec:
    target = f"tests.drafting.models:{name}"
    return init(target, [], inputs or {}, "spec.yaml", lambda _: None, in_this_process)


@pytest.fixture(scope="module")
def transformer() -> DraftedSpec:
    return written("TinyTransformer")


def test_a_transformer_is_drawn_as_model_block_attention_and_feed_forward(transformer: DraftedSpec) -> None:
    assert transformer.text == TRANSFORMER
    assert transformer.report.status is Status.CONFORMS


def test_what_init_writes_verify_accepts(transformer: DraftedSpec, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(transformer.text, encoding="utf-8")
    report = verify(file, strict=True, worker=in_this_process)
    assert (report.status, report.findings) == (Status.CONFORMS, ())


def test_a_block_that_hands_its_sublayers_to_the_modules_that_make_the_sums_is_one_panel() -> None:
    made = written("HandedSublayers")
    assert made.report.status is Status.CONFORMS
    assert list(made.spec.panels) == ["model", "layer", "attn", "mlp"]
    layer = made.spec.panels["layer"]
    assert {name: box.module for name, box in layer.boxes.items()} == {
        "attn": "attn",
        "norm": "sums.0.norm",
        "mlp": "mlp",
        "norm_2": "sums.1.norm",
    }
    assert layer.flow == ["attn", "norm", "mlp", "norm_2"]
    assert [(edge.around, edge.line.value) for edge in layer.residuals] == [
        ("attn", "solid"),
        ("mlp", "solid"),
    ]


def test_a_wrapper_is_not_called_a_norm() -> None:
    found = written("Wrapped", {"x": {"shape": [1, 4, 8]}})
    assert found.report.status is Status.CONFORMS
    assert "PostNorm" not in found.text


def test_experts_that_a_loop_runs_are_one_box_in_the_panel_of_the_mixture() -> None:
    made = written("MixtureBlocks")
    assert made.report.status is Status.CONFORMS
    assert list(made.spec.panels) == ["model", "layer", "attn", "moe", "expert", "shared"]
    experts = made.spec.panels["moe"].boxes["experts"]
    assert (experts.module, experts.repeat, experts.detail) == ("experts.*", 3, "expert")
    assert made.spec.panels["expert"].scope == "layers.*.moe.experts.*"


def test_what_could_not_be_proved_in_all_is_not_opened_and_said() -> None:
    report = written("UnweighedBlocks").report
    assert report.status is Status.CONFORMS
    said = "no panel opens Unweighed experts: not all of what is inside could be proved"
    assert said in report.remarks


def test_the_blocks_of_a_unet_are_parted_where_its_skips_join() -> None:
    made = written("UNet", {"image": {"shape": [1, 3, 8, 8]}})
    assert made.report.status is Status.CONFORMS
    model = made.spec.panels["model"]
    assert model.flow == ["image", "d1", "d2", "mid", "u2", "u1"]
    assert [(edge.around, edge.kind) for edge in model.residuals] == [
        ("mid", Kind.CONCAT),
        (["d2", "u2"], Kind.CONCAT),
    ]


def test_what_follows_two_parallel_branches_gets_a_line_from_each() -> None:
    made = written("ParallelThenSerial", {"x": {"shape": [1, 4, 8]}})
    assert made.report.status is Status.CONFORMS
    assert made.spec.panels["model"].flow == ["features", "norm", ["attn", "conv"], "mlp"]


@pytest.mark.slow
def test_minimind_conforms_at_once_with_a_panel_for_model_layer_attention_and_feed_forward() -> None:
    made = init("reference_models.minimind:build", [], {}, "spec.yaml", lambda _: None, in_this_process)
    assert made.report.status is Status.CONFORMS
    assert list(made.spec.panels) == ["model", "layer", "self_attn", "mlp"]
    assert made.spec.panels["layer"].scope == "model.layers.*"
    assert made.spec.panels["self_attn"].boxes["q_rope"].label == "RoPE"


def test_the_sum_inside_a_rotation_is_no_sum_of_the_figure() -> None:
    made = written("Turned", {"x": {"shape": [1, 6, 8]}})
    assert made.report.status is Status.CONFORMS
    labels = [box.label for box in made.spec.panels["model"].boxes.values()]
    assert labels.count("RoPE") == 2
    assert "+" not in labels


def test_the_encoder_stands_beside_the_decoder_that_reads_it() -> None:
    made = init("reference_models.gallery:EncoderDecoder", [], {}, "s.yaml", lambda _: None, in_this_process)
    assert made.report.status is Status.CONFORMS
    model, decoder, cross = (made.spec.panels[name] for name in ("model", "decoder", "cross"))
    assert model.flow == ["target_tokens", "target_embed", "decoder", "head"]
    assert model.edges == [["source_tokens", "source_embed", "encoder", "decoder"]]
    assert decoder.edges == [["encoder_output", "cross"]]
    assert [cross.boxes[name].label for name in ("hidden_states", "encoder_output")] == [
        "Hidden states",
        "Encoder output",
    ]


def test_blocks_that_hold_unlike_parts_in_a_list_are_one_panel_each_of_those_that_differ() -> None:
    made = written("Listed", {"x": {"shape": [1, 6, 8]}})
    assert made.report.status is Status.CONFORMS
    assert made.spec.panels["model"].boxes["blocks"].repeat == 3
    titles = {name: panel.title for name, panel in made.spec.panels.items()}
    assert titles["block"] == "Listed block\nlayer 0"
    assert titles["block_2"] == "Listed block\nlayers 1–2"
    block = made.spec.panels["block"]
    assert [edge.around for edge in block.residuals] == [["norm", "attn"], ["norm_2", "down"]]


def test_a_stage_that_grows_stays_closed_as_its_layers_make_its_sums() -> None:
    made = written("Dense", {"image": {"shape": [1, 3, 8, 8]}})
    assert made.report.status is Status.CONFORMS
    labels = [box.label for box in made.spec.panels["model"].boxes.values()]
    assert labels == ["Image", "1×1 conv", "Stage", "1×1 conv", "Stage"]


def test_runs_of_one_kind_are_listed_and_counted() -> None:
    made = written("TakingTurns", {"x": {"shape": [1, 6, 8]}})
    assert made.report.status is Status.CONFORMS
    boxes = made.spec.panels["model"].boxes
    assert [(box.module, box.repeat) for box in boxes.values() if box.module] == [
        (["blocks.0", "blocks.1"], 2),
        ("blocks.2", None),
        (["blocks.3", "blocks.4"], 2),
    ]


def test_an_input_that_all_layers_read_is_drawn_to_each() -> None:
    inputs = {"x": {"shape": [4, 8]}, "edges": {"shape": [2, 6], "dtype": "int64", "high": 4}}
    made = written("Graph", inputs)
    assert made.report.status is Status.CONFORMS
    assert made.spec.panels["model"].edges == [["tokens", "layers_1"], ["tokens", "layers_2"]]
