"""The sums of the reference and gallery models that are rewritten: where each stands and what it adds."""

from __future__ import annotations

from typing import NamedTuple


class Site(NamedTuple):
    """One residual of a model.

    `source` is the model's file, `text` what stands there now, in the class `owner`; `skip` the tensor that
    is carried past the branch. `branch` is the branch with `{}` for its input, or, where it is computed
    before, the name of its result. `rest` is what happens to the sum, `{}`. `spec` is the diagram.
    """

    spec: str
    source: str
    owner: str
    text: str
    skip: str
    branch: str
    rest: str

    @property
    def name(self) -> str:
        return f"{self.owner}: {self.text.strip()}"


def _gallery(spec: str, owner: str, text: str, branch: str, rest: str = "x = {}", skip: str = "x") -> Site:
    return Site(f"docs/gallery/{spec}.yaml", "reference_models/gallery.py", owner, text, skip, branch, rest)


_OUT = "out: Tensor = "

SITES = (
    _gallery(
        "post_norm",
        "PostNormLayer",
        "x = self.norm1(x + self.attention(x))",
        "self.attention({})",
        "x = self.norm1({})",
    ),
    _gallery(
        "post_norm",
        "PostNormLayer",
        _OUT + "self.norm2(x + self.ffn(x))",
        "self.ffn({})",
        _OUT + "self.norm2({})",
    ),
    _gallery(
        "parallel",
        "ParallelBlock",
        _OUT + "x + self.attention(normed) + self.mlp(normed)",
        "self.attention(self.norm({})) + self.mlp(normed)",
        _OUT + "{}",
    ),
    _gallery(
        "sandwich",
        "SandwichBlock",
        "x = x + self.after_attention(self.attention(self.before_attention(x)))",
        "self.after_attention(self.attention(self.before_attention({})))",
    ),
    _gallery(
        "sandwich",
        "SandwichBlock",
        _OUT + "x + self.after_mlp(self.mlp(self.before_mlp(x)))",
        "self.after_mlp(self.mlp(self.before_mlp({})))",
        _OUT + "{}",
    ),
    _gallery(
        "resnet50",
        "Bottleneck",
        _OUT + "self.relu(y + (x if self.shortcut is None else self.shortcut(x)))",
        "y",
        _OUT + "self.relu({})",
        "(x if self.shortcut is None else self.shortcut(x))",
    ),
    _gallery(
        "encoder_decoder",
        "EncoderLayer",
        "x = x + self.attention(self.norm1(x))",
        "self.attention(self.norm1({}))",
    ),
    _gallery(
        "encoder_decoder",
        "EncoderLayer",
        _OUT + "x + self.ffn(self.norm2(x))",
        "self.ffn(self.norm2({}))",
        _OUT + "{}",
    ),
    _gallery(
        "encoder_decoder",
        "DecoderLayer",
        "x = x + self.attention(self.norm1(x))",
        "self.attention(self.norm1({}))",
    ),
    _gallery(
        "encoder_decoder",
        "DecoderLayer",
        "x = x + self.cross(self.norm2(x), memory)",
        "self.cross(self.norm2({}), memory)",
    ),
    _gallery(
        "encoder_decoder",
        "DecoderLayer",
        _OUT + "x + self.ffn(self.norm3(x))",
        "self.ffn(self.norm3({}))",
        _OUT + "{}",
    ),
    Site(
        "specs/minimind.yaml",
        "reference_models/minimind.py",
        "MiniMindBlock",
        "hidden_states += residual  # in place, on the tensor that attention returned",
        "residual",
        "hidden_states",
        "hidden_states = {}",
    ),
    Site(
        "specs/minimind.yaml",
        "reference_models/minimind.py",
        "MiniMindBlock",
        "hidden_states = hidden_states + self.mlp(self.post_attention_layernorm(hidden_states))",
        "hidden_states",
        "self.mlp(self.post_attention_layernorm({}))",
        "hidden_states = {}",
    ),
)
