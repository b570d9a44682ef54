"""BOX005: numbers in labels against what the model counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diff.cases import ONE_RESIDUAL_LAYER, Case, check, parameters, run, stack

STACK = stack(count=4)
HEADS = """
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.num_heads, self.num_kv_heads = 4, 2
            self.q, self.kv, self.o = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            k, v = (part.repeat(1, 1, 2) for part in self.kv(x).chunk(2, dim=-1))
            return self.o(torch.softmax(self.q(x) @ k.mT, dim=-1) @ v)


    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            self.attn = Attention()

        def forward(self, x):
            return x + self.attn(x)  # wrong


"""
EXPERTS = """
    class Config:
        num_experts = 3

        def __init__(self):
            self.num_experts_per_tok, self.n_routed_experts, self.num_hidden_layers = 1, 3, 9


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = Moe(Config())

        def forward(self, x):
            return x + self.mlp(x)  # wrong


    class Moe(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.config, self.gate = config, nn.Linear(8, 3)
            self.experts = nn.ModuleList(Mlp() for _ in range(3))

        def forward(self, x):
            weights = self.gate(x).softmax(-1)
            return sum(weights[..., [i]] * expert(x) for i, expert in enumerate(self.experts))
"""


def _labels(wrong: str, mended: str, module: str, scope: str = "layers.*", more: str = "") -> str:
    return f"""
    panel:
      scope: {scope}
      boxes:
        box: {{label: "{wrong}", module: {module}{more}}} # wrong #-
        box: {{label: "{mended}", module: {module}{more}}} #+
      residuals:
        - {{around: box}}
"""


NUMBERS = (
    Case(
        "heads",
        finding="BOX005 panel.box",
        message="the label 'Attention, 8 heads' says 8 heads, but the model has 4",
        traced="attn.num_heads is 4",
        layers=(0, 1, 2, 3),
        model=HEADS + STACK,
        panels=_labels("Attention, 8 heads", "Attention, 4 heads", "attn"),
    ),
    Case(
        "key-value heads, beside the right number of query heads",
        finding="BOX005 panel.box",
        message="the label 'Heads (4 query heads, 4 KV heads)' says 4 key-value heads, but the model has 2",
        traced="attn.num_kv_heads is 2",
        layers=(0, 1, 2, 3),
        model=HEADS + STACK,
        panels=_labels("Heads (4 query heads, 4 KV heads)", "Heads (4 query heads, 2 KV heads)", "attn"),
    ),
    Case(
        "experts, by the config",
        finding="BOX005 panel.box",
        message="the label '8 routed experts' says 8 experts, but the model has 3",
        traced="mlp.n_routed_experts is 3",
        model=EXPERTS,
        panels=_labels("8 routed experts", "3 routed experts", "mlp", '""'),
    ),
    Case(
        "experts, by their list",
        finding="BOX005 panel.box",
        message="the label '8 experts, top-2 experts' says 8 experts, but the model has 3",
        traced="the length of mlp.experts is 3",
        model=EXPERTS.replace("self.config, self.gate = config,", "self.gate ="),
        panels=_labels("8 experts, top-2 experts", "3 experts, top-2 experts", "mlp", '""'),
    ),
    Case(
        "layers, by their list",
        finding="BOX005 panel.box",
        message="the label 'Encoder of 12 layers' says 12 layers, but the model has 4",
        traced="the length of encoder.layers is 4",
        model=ONE_RESIDUAL_LAYER
        + STACK.replace("Net(", "Inner(")
        + """

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = Inner()

        def forward(self, x):
            return x + self.encoder(x)  # wrong
""",
        panels=_labels("Encoder of 12 layers", "Encoder of 4 layers", "encoder", '""'),
    ),
    Case(
        "a stack by the sign ×",
        finding="BOX005 panel.box",
        message="the label 'Layer ×12' says 12 modules, but the model has 4",
        traced="the box stands for 4 modules",
        model=ONE_RESIDUAL_LAYER + STACK.replace("x = layer(x)", "x = layer(x)  # wrong"),
        panels="""
    panel:
      boxes:
        box: {label: Layer ×12, module: layers.*, role: block} # wrong #-
        box: {label: Layer ×4, module: layers.*, role: block} #+
""",
    ),
)
SILENT = (
    "2-layer MLP",
    "3×3",
    "up ×2",
    "Block 512",
    "8 heads",
    "top-8 experts",
    "Expert 1",
    "2 of 4 heads",
    "Layer ×8",
    "1.5 heads",
    "E-8",
    "8 shared experts",
)


@pytest.mark.parametrize("label", SILENT)
def test_a_number_that_the_model_does_not_tell_is_no_matter(label: str, tmp_path: Path) -> None:
    case = Case(model=ONE_RESIDUAL_LAYER + STACK, panels=_labels(label, label, "[norm, mlp]"))
    assert run(case, tmp_path / "case", wrong=False).findings == ()


@parameters(*NUMBERS)
def test_number(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
