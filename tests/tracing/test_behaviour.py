"""The second witness: regions behave as their terms say, and one that is said to be another does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck import trace
from archcheck.commands.trace import Trace
from archcheck.errors import TraceError
from archcheck.tracing.behaviour import _behaviour, disagreements, witness
from archcheck.vocabulary import TERMS, Recognition, probes, recognise
from tests.examples import CASES
from tests.examples.case import Case


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
    torch.default_generator.manual_seed(0)
    with torch.no_grad():
        traced = trace(Layer().eval(), torch.randn(2, 6, 16))
    return traced, recognise(traced.dataflow)


def test_both_witnesses_agree(run: tuple[Trace, Recognition]) -> None:
    traced, found = run
    checked, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, found))
    assert wrong == []
    assert checked == 46


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
        ("product", "sum", "it is not affine in its summands"),
        ("sum", "product", "scaling a factor does not scale its result"),
        ("SoftMax", "scale", "it is not linear"),
        ("scale", "split", "it does not only take elements out"),
        ("scale", "transpose", "it does not only move elements"),
        ("SiLU", "dropout", "it scales elements differently"),
        ("SiLU", "power", "it raises elements to different powers"),
        ("SoftMax", "mask", "what it does to a score depends on the score"),
        ("Linear", "running sum", "it is no cumsum along any dimension"),
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
    traced = case.traced()
    _, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, recognise(traced.dataflow)))
    assert wrong == []


class Fused(nn.Module):
    """Attention in one call, of four heads that share two."""

    def forward(self, q: Tensor) -> Tensor:
        k, v = q[:, :2], q[:, 2:]
        return F.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=True, dropout_p=0.5 * self.training
        )


class Each(nn.Module):
    """One function of the input."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) + 0


def judged(model: nn.Module, x: Tensor, term: str) -> list[str | None]:
    """What the probes of a term give: "" where it behaves, None where nothing can be said."""
    with torch.no_grad():
        traced = trace(model, x)
    found = probes(traced.dataflow, recognise(traced.dataflow))
    mine = [probe for probe in found if probe.term == term]
    with torch.no_grad():
        return [_behaviour(traced.recording.recorder, probe) for probe in mine]


@pytest.mark.skipif(torch.__version__ < (2, 5), reason="PyTorch 2.4 has no enable_gqa")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("term", ["GQA", "scores", "mask", "SoftMax", "attend"])
def test_the_steps_of_a_fused_attention_are_told_by_what_it_does(term: str, training: bool) -> None:
    torch.default_generator.manual_seed(0)
    assert judged(Fused().train(training), torch.randn(2, 4, 5, 8), term) == [""]


def test_a_dropout_does_not_hide_what_an_attention_does() -> None:
    torch.default_generator.manual_seed(0)
    attend = Each(lambda x: F.dropout((x[:, :2] @ x[:, 2:4].mT / 3).softmax(-1), 0.5) @ x[:, 4:])
    assert judged(attend, torch.randn(2, 6, 5, 8), "MHA") == [""]


def test_a_norm_over_the_batch_lets_one_row_change_others() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
    assert judged(network, torch.randn(6, 8), "feed-forward") == [None]
    assert judged(network.eval(), torch.randn(6, 8), "feed-forward") == [""]


def test_a_norm_over_two_nearly_equal_elements_is_one() -> None:
    torch.default_generator.manual_seed(0)
    assert judged(nn.BatchNorm1d(512), torch.randn(1, 512, 2), "BatchNorm") == [""]


TABLE = nn.Embedding(7, 4)
RECURRENT = nn.LSTM(8, 8, batch_first=True)


@pytest.mark.parametrize(
    ("term", "function"),
    [
        ("Embedding", lambda x: TABLE((x > 0).long())),
        ("top-k", lambda x: x.topk(3).values),
        ("running sum", lambda x: x.cumsum(1)),
        ("cyclic shift", lambda x: x.roll(1, 1)),
        ("flip", lambda x: x.flip(1)),
        ("sort", lambda x: x.sort(-1).values),
        ("product", lambda x: x * torch.randn_like(x)),
        ("absolute value", lambda x: x.abs()),
        ("rounding", lambda x: x.round()),
        ("repeat", lambda x: x.repeat(1, 2, 1)),
        ("concat", lambda x: torch.cat([x, x.sin()], -1)),
        ("log SoftMax", lambda x: x.log_softmax(-1)),
        ("LSTM", lambda x: RECURRENT(x)[0]),
        ("upsampling", lambda x: F.interpolate(x[:, None], scale_factor=2, mode="nearest")),
        ("average pooling", lambda x: F.avg_pool1d(x, 2)),
        ("global average pooling", lambda x: F.adaptive_avg_pool1d(x, 1)),
        ("local response norm", lambda x: F.local_response_norm(x, 3)),
    ],
)
def test_terms_of_every_sort_are_tested(term: str, function: Callable[[Tensor], Tensor]) -> None:
    torch.default_generator.manual_seed(0)
    assert judged(Each(function), torch.randn(2, 6, 8), term) == [""]
