"""What stays of a model that is made small."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from torch import nn

from archcheck.model.shrinking import cut_runs, divisors, shrunk_config


def block(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 8), nn.Linear(8, width))


def test_two_blocks_stay_of_each_run() -> None:
    model = nn.Sequential(block(), *(block(6) for _ in range(5)), *(block() for _ in range(3)))
    widths = [part[0].in_features for part in cut_runs(model).children()]  # type: ignore[index]
    assert widths == [4, 6, 6, 4, 4]
    assert list(dict(model.named_children())) == ["0", "1", "2", "3", "4"]


def test_named_blocks_keep_their_names_and_parts_of_a_block_stay() -> None:
    stage = nn.Sequential()
    for index in range(4):
        stage.add_module(f"unit_{index}", block())
    parts = nn.ModuleList(nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)) for _ in range(4))
    model = nn.ModuleDict({"stage": stage, "parts": parts})
    cut_runs(model)
    assert list(dict(stage.named_children())) == ["unit_0", "unit_1"]
    assert len(parts) == 4


class Config(SimpleNamespace):
    """With what a configuration of transformers has."""

    model_type = "some"

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Config:
        return cls(**values)

    def to_diff_dict(self) -> dict[str, Any]:
        return vars(self)


def shrunk(**values: Any) -> dict[str, Any]:
    config = Config(**values)
    return vars(shrunk_config(config, values, divisors(config)[0]))


def test_all_widths_are_divided_by_one_number_and_heads_stay() -> None:
    small = shrunk(
        hidden_size=4096,
        intermediate_size=11008,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
        num_hidden_layers=32,
        vocab_size=32000,
        max_position_embeddings=4096,
        pad_token_id=31999,
        rope_parameters={"mrope_section": [16, 24, 24], "theta": 1e4},
    )
    assert small == {
        "hidden_size": 512,
        "intermediate_size": 1376,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 16,
        "num_hidden_layers": 2,
        "vocab_size": 1024,
        "max_position_embeddings": 4096,
        "pad_token_id": 1023,
        "rope_parameters": {"mrope_section": [2, 3, 3], "theta": 1e4},
    }


def test_widths_of_stages_stay_multiples_of_their_heads() -> None:
    small = shrunk(embed_dim=180, num_heads=[6, 6, 6], depths=[6, 6, 6])
    assert small == {"embed_dim": 90, "num_heads": [6, 6, 6], "depths": [2, 2, 2]}
    small = shrunk(embed_dim=192, num_heads=[6, 6, 6])
    assert small["embed_dim"] == 48
    assert shrunk(hidden_sizes=[128, 256], key_dim=[16, 16]) == {"hidden_sizes": [64, 128], "key_dim": [8, 8]}
    assert shrunk(hidden_size=256, image_embedding_size=64)["image_embedding_size"] == 64


def test_the_depth_shows_each_kind_of_layer() -> None:
    kinds = ["sliding", "sliding", "full", "sliding", "sliding", "full"]
    small = shrunk(num_hidden_layers=6, layer_types=kinds)
    assert small == {"num_hidden_layers": 3, "layer_types": ["sliding", "sliding", "full"]}
    assert shrunk(num_hidden_layers=60, first_k_dense_replace=3)["num_hidden_layers"] == 5
    assert shrunk(num_hidden_layers=32, attn_layer_period=8)["num_hidden_layers"] == 8
    assert shrunk(depths=[3, 4, 23, 3], hidden_sizes=[64, 128, 320, 512]) == {
        "depths": [2, 2, 2, 2],
        "hidden_sizes": [8, 16, 40, 64],
    }


def test_the_parts_of_a_configuration_shrink_with_it() -> None:
    text = Config(hidden_size=1024, num_attention_heads=16, num_hidden_layers=24, num_experts=256)
    small = shrunk(text_config=text, projection_dim=512)
    assert small["projection_dim"] == 64
    assert small["text_config"] == {
        "model_type": "some",
        "hidden_size": 128,
        "num_attention_heads": 16,
        "num_hidden_layers": 2,
        "num_experts": 32,
    }
