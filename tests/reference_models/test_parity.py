"""The reference models compute what the originals computed; the data was made by running those."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from reference_models import minimind, minimind2

DATA = Path(__file__).parent.parent / "data" / "minimind"

MINIMIND3 = ["minimind3_dense", "minimind3_moe"]
MINIMIND2 = ["minimind2_dense", "minimind2_moe"]
MOE = ["minimind3_moe", "minimind2_moe"]
ALL = MINIMIND3 + MINIMIND2


def module_of(name: str) -> ModuleType:
    return minimind if name in MINIMIND3 else minimind2


def arrays_of(name: str) -> dict[str, Tensor]:
    with np.load(DATA / f"{name}_tiny.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def tiny_model(name: str, **overrides: object) -> nn.Module:
    """The original's tiny configuration with its weights, in evaluation mode."""
    config = json.loads((DATA / f"{name}_tiny_config.json").read_text())
    model: nn.Module = module_of(name).build(**config | overrides)
    weights = {key: value for key, value in arrays_of(name).items() if key.startswith("param:")}
    model.load_state_dict({key.removeprefix("param:"): value for key, value in weights.items()})
    return model.eval()


def assert_close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_state_dict_and_parameter_count_at_default_configuration(name: str) -> None:
    expected: dict[str, Any] = json.loads((DATA / f"{name}_state_dict.json").read_text())
    with torch.device("meta"):
        model = module_of(name).build(use_moe=name in MOE)
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == expected["state_dict"]
    assert sum(parameter.numel() for parameter in model.parameters()) == expected["parameters"]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("flash_attn", [True, False])
def test_logits(name: str, flash_attn: bool) -> None:
    arrays = arrays_of(name)
    output = tiny_model(name, flash_attn=flash_attn)(arrays["input_ids"])
    assert_close(output.logits, arrays["logits"])
    assert output.past_key_values == [None, None]
    assert output.aux_loss == 0


@pytest.mark.parametrize("name", MINIMIND3)
def test_logits_with_padding(name: str) -> None:
    arrays = arrays_of(name)
    output = tiny_model(name)(arrays["input_ids"], attention_mask=arrays["attention_mask"])
    assert_close(output.logits, arrays["logits_masked"])


@pytest.mark.parametrize("name", MINIMIND3)
def test_a_mask_without_padding_changes_nothing(name: str) -> None:
    arrays = arrays_of(name)
    output = tiny_model(name)(arrays["input_ids"], attention_mask=torch.ones_like(arrays["attention_mask"]))
    assert_close(output.logits, arrays["logits"])


@pytest.mark.parametrize("name", MINIMIND3)
def test_logits_of_the_tail_with_a_cache(name: str) -> None:
    arrays, model = arrays_of(name), tiny_model(name)
    head = model(arrays["input_ids"][:, :6], use_cache=True)
    tail = model(arrays["input_ids"][:, 6:], past_key_values=head.past_key_values, use_cache=True)
    assert_close(tail.logits, arrays["logits_cached_tail"])
    assert [tuple(keys.shape) for keys, _ in head.past_key_values] == [(2, 6, 2, 8)] * 2
    assert [tuple(values.shape) for _, values in tail.past_key_values] == [(2, 9, 2, 8)] * 2


@pytest.mark.parametrize("name", MINIMIND2)
def test_logits_of_one_position_with_a_cache(name: str) -> None:
    arrays, model = arrays_of(name), tiny_model(name)
    head = model(arrays["input_ids"][:, :6], use_cache=True)
    step = model(
        arrays["input_ids"][:, 6:7], past_key_values=head.past_key_values, use_cache=True, start_pos=6
    )
    assert_close(step.logits, arrays["logits_cached_position_6"])
    assert [tuple(keys.shape) for keys, _ in head.past_key_values] == [(2, 6, 2, 8)] * 2
    assert [tuple(values.shape) for _, values in step.past_key_values] == [(2, 7, 2, 8)] * 2


@pytest.mark.parametrize("name", MINIMIND2)
def test_several_positions_with_a_cache_see_no_future(name: str) -> None:
    arrays, model = arrays_of(name), tiny_model(name)
    head = model(arrays["input_ids"][:, :6], use_cache=True)
    tail = model(arrays["input_ids"][:, 6:], past_key_values=head.past_key_values, start_pos=6)
    assert_close(tail.logits, arrays["logits"][:, 6:])


@pytest.mark.parametrize("name", MOE)
def test_training_gives_the_same_logits_an_auxiliary_loss_and_gradients(name: str) -> None:
    arrays, model = arrays_of(name), tiny_model(name).train()
    output = model(arrays["input_ids"])
    assert_close(output.logits, arrays["logits"])
    assert output.aux_loss > 0
    (output.logits.float().mean() + output.aux_loss).backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize(
    ("name", "coefficient"), [("minimind3_moe", "router_aux_loss_coef"), ("minimind2_moe", "aux_loss_alpha")]
)
def test_auxiliary_loss_of_a_router_that_scores_all_experts_alike(name: str, coefficient: str) -> None:
    """Every mean score is then 1/4, so that the loss no longer depends on which experts were chosen.

    minimind-3 counts a token once for each of its two experts, MiniMind2 takes shares of the choices:
    load x mean score x experts sums to 2 and to 1.
    """
    model = tiny_model(name, **{coefficient: 0.5}).train()
    for key, parameter in model.named_parameters():
        if key.endswith(".gate.weight"):
            nn.init.zeros_(parameter)
    aux_loss = model(arrays_of(name)["input_ids"]).aux_loss
    per_layer = 2 if name == "minimind3_moe" else 1
    torch.testing.assert_close(aux_loss, torch.tensor(2 * per_layer * 0.5))


def test_an_expert_that_no_token_chose_does_not_run_and_still_gets_a_gradient() -> None:
    model = tiny_model("minimind3_moe", num_experts_per_tok=1).train()
    block = model.get_submodule("model.layers.0.mlp")
    ran: list[int] = []
    for index in range(4):
        expert = block.get_submodule(f"experts.{index}")
        expert.register_forward_hook(lambda *_, index=index: ran.append(index))
    block(torch.randn(1, 1, 32)).sum().backward()
    assert len(ran) == 1
    assert all(parameter.grad is not None for parameter in block.get_submodule("experts").parameters())


def test_rope_buffers_lost_on_the_meta_device_are_made_again() -> None:
    arrays, model = arrays_of("minimind3_dense"), tiny_model("minimind3_dense")
    for buffer in model.buffers():
        buffer.zero_()
    assert_close(model(arrays["input_ids"]).logits, arrays["logits"])
    assert model.get_buffer("model.freqs_cos")[0, 0] == 1


def test_without_a_shared_expert_only_the_routed_ones_remain() -> None:
    with torch.device("meta"):
        model = minimind2.build(use_moe=True, n_shared_experts=False)
    assert [key for key in model.state_dict() if "shared" in key] == []
    assert minimind2.build(use_moe=True, n_shared_experts=False, dim=64, vocab_size=64).eval()(
        torch.zeros(1, 3, dtype=torch.long)
    ).logits.shape == (1, 3, 64)
