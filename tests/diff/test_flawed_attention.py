"""Attention that is drawn rightly and computed wrongly: BOX006 at the box that shows it."""

from __future__ import annotations

from pathlib import Path

from tests.diff.cases import Case, check, parameters

MODEL = """
    class Heads(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.o = nn.Linear(8, 24), nn.Linear(8, 8)

        def forward(self, x):
            q, k, v = (part.view(2, 4, 2, 4).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
            weights = torch.softmax(q @ k.mT / 2, -1)
            y = weights @ v  # wrong
            return self.o(y.reshape(2, 4, 8))  #-
            return self.o(y.transpose(1, 2).reshape(2, 4, 8))  #+

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn = Heads()

        def forward(self, x):
            return x + self.attn(x)
"""
FLAW = "puts its heads together across positions: a transpose is missing where they are merged"
OUTER = """
    net:
      boxes:
        attn: {label: Attention, module: attn}  # wrong
      residuals: [{around: attn}]
"""
INNER = """
    attn:
      scope: attn
      boxes:
        qkv: {label: Linear, module: qkv}
        softmax: {label: SoftMax}  # wrong
        o: {label: Linear, module: o}
      flow: [qkv, softmax, o]
      edges: [[qkv, o]]
"""


@parameters(
    Case(
        "its own box and its softmax are one finding",
        "BOX006 net.attn",
        f"Attention is drawn, but the attention in the code {FLAW}",
        f"it {FLAW}",
        MODEL,
        OUTER + INNER.replace("  # wrong", ""),
    ),
    Case(
        "the softmax alone is drawn",
        "BOX006 attn.softmax",
        f"SoftMax is drawn, but the attention in the code {FLAW}",
        f"it {FLAW}",
        MODEL,
        INNER,
    ),
)
def test_a_flaw_is_found_where_attention_is_shown(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)
