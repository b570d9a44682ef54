"""The second witness: regions behave as their terms say, and one that is said to be another does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck import trace
from archcheck.commands.trace import Trace
from archcheck.errors import TraceError
from archcheck.tracing.behaviour import disagreements, witness
from archcheck.vocabulary import TERMS, Recognition, probes, recognise
from tests.examples import CASES
from tests.examples.case import Case, seeded


class Layer(nn.Module):
    """A layer with an operation of each sort, some written out."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(16)
        self.weight = nn.Parameter(torch.rand(16) + 0.5)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.up, self.gate, self.down = nn.Linear(16, 32), nn.Linear(16, 32), nn.Linear(32, 16)
        angles = torch.outer(torch.arange(6.0), 0.5 ** torch.arange(2.0)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def turn(self, x: Tensor) -> Tensor:
        return x * self.cos + torch.cat([-x[..., 2:], x[..., :2]], -1) * self.sin

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (each.view(2, 6, 4, 4).transpose(1, 2) for each in self.qkv(self.norm(x)).chunk(3, dim=-1))
        scores = self.turn(q) @ self.turn(k).mT / 2 + torch.full((6, 6), -1e9).triu(1)
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(2, 6, 16))
        h = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight
        gate = self.gate(h)
        return x + self.down(gate * torch.sigmoid(gate) * self.up(h)) + F.gelu(self.out(h))


@pytest.fixture(scope="module")
def run() -> tuple[Trace, Recognition]:
    torch.manual_seed(0)
    with torch.no_grad():
        traced = trace(Layer().eval(), torch.randn(2, 6, 16))
    return traced, recognise(traced.dataflow)


def test_both_witnesses_agree(run: tuple[Trace, Recognition]) -> None:
    traced, found = run
    checked, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, found))
    assert wrong == []
    assert checked == 16


@pytest.mark.parametrize(
    ("term", "said", "behaviour"),
    [
        ("LayerNorm", "RMSNorm", "shifting its input does not change its result"),
        ("RMSNorm", "LayerNorm", "shifting its input changes its result"),
        ("exact GELU", "tanh GELU", "its values are not those of the formula"),
        ("SiLU", "Sigmoid", "its values are not those of the formula"),
        ("SwiGLU", "ReGLU", "its gate is another function"),
        ("RMSNorm", "Linear", "it is not affine"),
        ("Linear", "max pooling", "it does not keep the order of values"),
    ],
)
def test_a_wrong_term_is_noticed(
    run: tuple[Trace, Recognition], term: str, said: str, behaviour: str
) -> None:
    traced, found = run
    region = next(region for region in found.regions if region.term.name == term)
    claimed = replace(found, regions=(replace(region, term=TERMS[said]),))
    _, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, claimed))
    assert [each.behaviour for each in wrong] == [behaviour]


def test_an_attention_that_sees_what_comes_later_is_not_causal(run: tuple[Trace, Recognition]) -> None:
    traced, found = run
    region = next(region for region in found.regions if region.term.name == "MHA")
    full = replace(region, details={**region.details, "causal": False})
    claimed = probes(traced.dataflow, replace(found, regions=(full,)))
    _, wrong = disagreements(traced.recording.recorder, claimed)
    assert [each.behaviour for each in wrong] == ["a later token changes no earlier result"]


def test_a_wrong_term_is_an_error(run: tuple[Trace, Recognition]) -> None:
    traced, found = run
    region = next(region for region in found.regions if region.term.name == "SiLU")
    claimed = replace(found, regions=(replace(region, term=TERMS["Sigmoid"]),))
    with pytest.raises(TraceError, match="TRC004 What was recognised as Sigmoid does not behave like one"):
        witness(traced.recording.recorder, probes(traced.dataflow, claimed))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_witnesses_agree_on_every_example(case: Case) -> None:
    args, kwargs = case.arguments()
    with seeded():
        traced = trace(case.model(), *args, **kwargs)
    _, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, recognise(traced.dataflow)))
    assert wrong == []
