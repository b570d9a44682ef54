"""Attention that is drawn rightly and computed wrongly: BOX006 at the box that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diff.cases import Case, check, parameters, run

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


HEADS = """
    attn:
      scope: attn
      boxes:
        qkv: {label: Linear, module: qkv}
        attend: {label: Scaled Dot-Product Attention}
        concat: {label: Concat}
        o: {label: Linear, module: o}
      flow: [qkv, attend, concat, o]
"""


def test_merging_heads_may_be_drawn_as_a_concatenation(tmp_path: Path) -> None:
    report = run(Case("", "", "", "", MODEL, HEADS), tmp_path / "mended", wrong=False)
    assert (report.findings, report.problems) == ((), ())


def test_scaled_attention_divides_by_the_root_of_its_width(tmp_path: Path) -> None:
    model = MODEL.replace("k.mT / 2", "k.mT / 4")
    report = run(Case("", "", "", "", model, HEADS), tmp_path / "scaled", wrong=False)
    (finding,) = report.findings
    assert (finding.code, finding.edge) == ("BOX007", "attend")


ROUTED = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.experts = nn.Linear(8, 4), nn.ModuleList(Mlp() for _ in range(4))

        def forward(self, x):
            weights, chosen = self.gate(x).softmax(-1).topk(2, -1)
            y = torch.zeros_like(x)
            for index, expert in enumerate(self.experts):
                y = y + expert(x) * (weights * (chosen == index)).sum(-1, keepdim=True)
            return y
"""


@pytest.mark.parametrize(
    ("label", "told"), [("Top-2 router", []), ("Top-k router", []), ("Top-1 router", ["BOX005"])]
)
def test_how_many_experts_a_router_picks(label: str, told: list[str], tmp_path: Path) -> None:
    panels = f"""
    net:
      boxes:
        router: {{label: {label}, module: gate}}
        experts: {{label: Experts, module: experts.*}}
      flow: [[router, experts]]
    """
    report = run(Case("", "", "", "", ROUTED, panels), tmp_path / "routed", wrong=False)
    assert [finding.code for finding in report.findings] == told
