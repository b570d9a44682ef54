"""Small configurations of `transformers` models: a default configuration, shrunk by rules on field names.

A rule maps a field's name and default value to a small value; a field that no rule knows keeps its
default. Every stack keeps at least two layers, and one layer of each kind that the default has. What the
rules cannot know (a constraint between two fields) is given as overrides in `zoo_overrides`.

Widths shrink in one of three ways. `NARROW` gives every field of one meaning the same width, whatever
the defaults are: right for transformers, whose parts must agree across configurations. `PROPORTIONAL`
divides every width by one number: right for stages that widen. `SHALLOW` leaves widths alone.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedConfig

from benchmarks.zoo_overrides import BASES, OVERRIDES

VOCABULARY = 128
"""Ids 10 to 99 are ordinary tokens; the special tokens of a configuration are moved to 100 and above."""
WIDTH = 64
HEADS = 4
HEAD_DIM = WIDTH // HEADS
NARROWEST = 32
"""Widths below this are not divided."""
IMAGE = 32
PATCH = 8

Rule = Callable[[int], int]


def at_most(limit: int) -> Rule:
    return lambda value: min(value, limit)


def exactly(number: int) -> Rule:
    """Use `number` for every default that is set; 0, 1 and -1 switch a part off and stay."""
    return lambda value: number if value > 1 else value


def unchanged(value: int) -> int:
    return value


RULES: tuple[tuple[str, Rule], ...] = (
    (r".*(dropout|coefficient|padding|stride|kernel|loss|factor|ratio|prob).*", unchanged),
    (r"max_text_length", at_most(8)),
    (r"num_filters", at_most(8)),
    (r"base_channels|upsample_initial_channel", at_most(32)),
    (r"num_frames|frames_per_clip", at_most(4)),
    (r"upsample_groups", exactly(WIDTH)),
    (r"num_encoder_blocks|num_stages|rescale_every", unchanged),
    (r".*num_(labels|hash|lang|spk).*|type_vocab_size|spkr_.*|.*_classes", unchanged),
    (r".*vocab.*", at_most(VOCABULARY)),
    (
        r"(max_|n_|num_)?((source|target|speech|text)_)?(positions?|position_embeddings)|n_ctx|max_seq_len",
        at_most(256),
    ),
    (r"(num_)?dense_layers|first_k_dense_replace|moe_layer_start_index", at_most(1)),
    (r".*(_period|_interval|sparse_step|_frequency|_every_n_layers|sliding_window_pattern)", at_most(2)),
    (r".*layer_offset", at_most(1)),
    (r"topk_group", at_most(1)),
    (r"n_group|num_expert_group", at_most(2)),
    (r".*(top_?k|experts?_per_tok(en)?|moe_k|shared_experts|index_topk)", at_most(2)),
    (r"(moe_)?(n_|num_)?(routed_|local_)?experts", at_most(4)),
    (r"(.*_)?(n_|num_|attention_)?heads?", at_most(HEADS)),
    (r"(.*_)?(rope_head_dim|rotary_dim)", exactly(HEAD_DIM // 2)),
    (r"(.*_)?(head_dim|headdim|head_size|d_head|d_kv|dim_head|kv_channels)", exactly(HEAD_DIM)),
    (r".*_rank", exactly(16)),
    (r"(.*_)?(d_state|state_size)", exactly(16)),
    (r"(.*_)?(sliding_window|attention_window|local_attention)(_size|_len)?", at_most(8)),
    (r"(.*_)?(chunk_size|chunk_length)", at_most(16)),
    (
        r"(.*_)?((intermediate|ffn|ffn_hidden|inner|mlp|feed_?forward|linear)(_dim|_size|_units)(_mlp)?|d_ff|dff|d_inner|n_inner|dim_ff|feed_forward)",
        exactly(2 * WIDTH),
    ),
    (
        r"d_model|n_embd|dim|(.*_)?(hidden|embed|embedding|projection|pooler|output|out|proj|emb)_(size|dim)(_global)?|hidden_size_per_layer_input|(.*_)?project_dim",
        exactly(WIDTH),
    ),
    (r"(.*_)?(n_|num_)?(hidden_)?(layers?|depth|blocks)", at_most(2)),
    (r"(.*_)?image_size", at_most(IMAGE)),
    (r"patch_size", at_most(PATCH)),
    (
        r"num_queries|num_query_tokens|(.*_)?num_latents|num_denoising|num_detection_tokens|two_stage_num_proposals|latent_query_num|.*n_latents",
        at_most(8),
    ),
)
SIZES = re.compile(
    r"num_frames|frames_per_clip|max_text_length|base_channels|num_filters|.*(vocab|experts|image_size|queries|proposals|latents|per_tok).*|.*(layers|depth|blocks)|(.*_)?(chunk_size|sliding_window).*"
)
"""The fields that rules shrink even where widths stay or are divided."""
UNSET = {
    "head_dim": HEAD_DIM,
    "vocab_size": VOCABULARY,
    "num_key_value_heads": HEADS,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
}
"""Fields that some configuration classes leave open although their models need them."""
KEY_VALUE_HEADS = re.compile(r"(.*_)?(num_key_value(_attention)?_heads|num_kv_heads|kv_n_heads)")
KEPT = re.compile(
    r".*(vocab|position|image_size|patch|window|kernel|stride|layers?$|depth|frames|length|_bins|rate|token|groups|heads"
    r"|factor|ratio|queries|max_|min_|num_mel|chunk|resolution|scale|size_per|input_size|temperature|hop|dilation).*"
)
"""Fields that are no widths though their value looks like one."""
DIVISOR = 4
PERIODS = re.compile(r".*(_period|_interval|sparse_step|_frequency|_every_n_layers|sliding_window_pattern)")
DEPTHS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "depth", "encoder_layers", "num_blocks")
STAGE_DEPTHS = re.compile(r"depths|.*(num_blocks|block_repeats|blocks_per_stage|numb_of_layers)|layers|depth")
LAYER_INDICES = re.compile(r".*(index|indexes|indices|idxs|layer_ids|layers|attention_blocks)")
TOKEN = re.compile(r".*(_token_id|_token_index|_token|_token_ids|eos|bos|pad|_index|_id)")
_DERIVE: Any = object()
"""Stands for a value that the configuration class is to derive itself."""


class Widths(enum.Enum):
    """How widths shrink."""

    NARROW = "narrow"
    PROPORTIONAL = "proportional"
    SHALLOW = "shallow"


def small_config(config_class: type[PreTrainedConfig], name: str, widths: Widths) -> PreTrainedConfig:
    """Return a small configuration of `config_class` for the model class `name`.

    Raises what the configuration class raises if it rejects the values.
    """
    base = config_class(**BASES.get(config_class.model_type, {}))
    given = {
        key: value
        for key, value in BASES.get(config_class.model_type, {}).items()
        if not isinstance(value, dict)
    }
    return _Shrinker(widths).shrink(base, {**given, **OVERRIDES.get(name, {})})


def ways(config_class: type[PreTrainedConfig]) -> tuple[Widths, ...]:
    """Return the ways to try for a configuration class, the likeliest to be right first."""
    if _has_stages(config_class(**BASES.get(config_class.model_type, {}))):
        return (Widths.PROPORTIONAL, Widths.NARROW, Widths.SHALLOW)
    return (Widths.NARROW, Widths.PROPORTIONAL, Widths.SHALLOW)


def _has_stages(config: PreTrainedConfig) -> bool:
    return any(
        _has_stages(value)
        if isinstance(value, PreTrainedConfig)
        else _is_widths(value) and re.search("size|dim|channels|filters", name) is not None
        for name, value in vars(config).items()
    )


def _is_widths(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 1
        and all(type(item) is int and item >= NARROWEST for item in value)
        and len(set(value)) > 1
    )


@dataclasses.dataclass(frozen=True)
class _Layers:
    """Which layers of a stack stay: `kept` are their indices among `count`."""

    count: int
    kept: tuple[int, ...]


class _Shrinker:
    """Shrinks the configurations of one tree; special tokens get ids that are distinct across it."""

    def __init__(self, widths: Widths) -> None:
        self.widths = widths
        self.token_ids: dict[int, int] = {}

    def shrink(self, config: PreTrainedConfig, given: Mapping[str, Any]) -> PreTrainedConfig:
        """Return a small copy of `config`; `given` are overrides, nested like the configuration."""
        defaults = {field.name: field.default for field in dataclasses.fields(config)}
        has_outputs = "_out_indices" in vars(config)
        values = {
            name: vars(config).get(config.attribute_map.get(name, name))
            for name in defaults
            if not (has_outputs and name.strip("_") in ("out_indices", "out_features"))
        }
        overrides = {**OVERRIDES.get(config.model_type, {}), **given}
        layers = _kept_layers(config, values)
        small: dict[str, Any] = {}
        for name, value in values.items():
            override = overrides.get(name, _DERIVE)
            if isinstance(value, PreTrainedConfig) and (override is _DERIVE or isinstance(override, Mapping)):
                small[name] = self.shrink(value, {} if override is _DERIVE else override)
            elif override is not _DERIVE:
                small[name] = override
            else:
                new = self._small(name, value, defaults[name] is None, layers, values)
                if new is not _DERIVE:
                    small[name] = new
        _add_rope_sections(config, small)
        if has_outputs and "out_indices" not in overrides:
            small["out_indices"] = _scaled_outputs(vars(config)["_out_indices"] or [], layers)
        return type(config)(**{**overrides, **small})

    def _small(self, name: str, value: Any, derived: bool, layers: _Layers, values: Mapping[str, Any]) -> Any:
        if value is None:
            return UNSET.get(name, _DERIVE)
        if name == "use_cache":
            return False
        if name in ("id2label", "label2id", "num_labels"):
            return _DERIVE
        if isinstance(value, dict) and "rope" in name:
            return value if self.widths is Widths.SHALLOW else _small_rope(value)
        if isinstance(value, (list, tuple)):
            return self._small_list(name, value, derived, layers)
        if type(value) is not int or (derived and "experts" not in name):
            return _DERIVE if derived else value
        if value == layers.count > 0 and (name in DEPTHS or name.endswith(("layers", "layer"))):
            return len(layers.kept)
        if KEY_VALUE_HEADS.fullmatch(name) and self.widths is Widths.NARROW:
            return HEADS if value == values.get("num_attention_heads", 0) else min(value, 2)
        if TOKEN.fullmatch(name) and "layer" not in name:
            return self._token(value)
        return self._number(name, value)

    def _number(self, name: str, value: int) -> int:
        if self.widths is not Widths.NARROW and not SIZES.fullmatch(name):
            is_width = self.widths is Widths.PROPORTIONAL and not KEPT.fullmatch(name)
            return value // DIVISOR if is_width and value >= NARROWEST and value % DIVISOR == 0 else value
        return next((rule(value) for pattern, rule in RULES if re.fullmatch(pattern, name)), value)

    def _token(self, token: int) -> int:
        return token if token < 10 else self.token_ids.setdefault(token, VOCABULARY - 1 - len(self.token_ids))

    def _small_list(self, name: str, value: Sequence[Any], derived: bool, layers: _Layers) -> Any:
        kind = list if name == "hidden_sizes" else type(value)
        if _is_layer_indices(name, value, layers.count):
            return kind(sorted({_scaled_index(item, layers) for item in value}))
        if len(value) == layers.count > 2:
            return kind(
                self._number(name, value[i]) if type(value[i]) is int else value[i] for i in layers.kept
            )
        if derived and name != "hidden_sizes":
            return _DERIVE
        if TOKEN.fullmatch(name):
            return kind(self._token(item) for item in value)
        if STAGE_DEPTHS.fullmatch(name):
            return kind(min(item, 2) if type(item) is int else item for item in value)
        return (
            kind(value) if self.widths is Widths.SHALLOW else kind(self._nested(name, item) for item in value)
        )

    def _nested(self, name: str, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(self._nested(name, item) for item in value)
        if type(value) is not int or value < NARROWEST or KEPT.fullmatch(name):
            return value
        return value // DIVISOR if value % DIVISOR == 0 else value


def _scaled_index(index: int, layers: _Layers) -> int:
    """Return the index among the kept layers that corresponds to `index`; stages are not cut."""
    return index * len(layers.kept) // layers.count if layers.count else index


def _scaled_outputs(outputs: Sequence[int], layers: _Layers) -> list[int] | None:
    """Return the stages that a backbone gives out, kept apart: the last ones where several fall together."""
    scaled = [_scaled_index(index, layers) for index in outputs]
    if len(set(scaled)) < len(scaled):
        scaled = list(range(len(layers.kept) - len(scaled) + 1, len(layers.kept) + 1))
    return scaled or None


def _add_rope_sections(config: PreTrainedConfig, small: dict[str, Any]) -> None:
    """Sections for multimodal RoPE, where a default of the model's code stands for a full-size head."""
    rope = small.get("rope_parameters")
    if "mrope_section" not in getattr(config, "ignore_keys_at_rope_validation", ()) or rope is None:
        return
    for parameters in [value for value in rope.values() if isinstance(value, dict)] or [rope]:
        parameters.setdefault("mrope_section", [4, 2, 2])


def _kept_layers(config: PreTrainedConfig, values: Mapping[str, Any]) -> _Layers:
    names = [config.attribute_map.get("num_hidden_layers", "num_hidden_layers"), *DEPTHS]
    count = next((v for name in names if isinstance(v := values.get(name), int) and v > 0), 0)
    per_layer = [
        value
        for name, value in values.items()
        if isinstance(value, (list, tuple))
        and len(value) == count > 2
        and not _is_layer_indices(name, value, count)
    ]
    first_of_kind = {str(kind): i for i, kind in reversed(list(enumerate(zip(*per_layer, strict=True))))}
    kept = sorted(first_of_kind.values())
    least = 2
    if any(_is_layer_indices(name, value, count) for name, value in values.items()):
        least = 4
    if len(vars(config).get("_out_indices") or ()) > 1:
        least = 4
    if any(PERIODS.fullmatch(name) and type(value) is int and value > 1 for name, value in values.items()):
        least = 4
    spare = [i for i in range(count) if i not in kept]
    return _Layers(count, tuple(sorted(kept + spare[: max(0, min(least, count) - len(kept))])))


def _is_layer_indices(name: str, value: Any, count: int) -> bool:
    return (
        LAYER_INDICES.fullmatch(name) is not None
        and isinstance(value, (list, tuple))
        and len(value) > 0
        and all(type(item) is int and 0 <= item < count for item in value)
        and all(one < following for one, following in itertools.pairwise(value))
    )


def _small_rope(parameters: dict[str, Any]) -> dict[str, Any]:
    """RoPE parameters for a head of `HEAD_DIM`: sections and factors per frequency are cut to its half."""
    small = dict(parameters)
    half = HEAD_DIM // 2
    for key, value in parameters.items():
        if isinstance(value, dict):
            small[key] = _small_rope(value)
        elif key == "mrope_section":
            small[key] = [half // 2, *[half // 2 // (len(value) - 1)] * (len(value) - 1)]
        elif isinstance(value, list) and len(value) > half:
            small[key] = value[:half]
    return small
