"""`--prove` agrees with what is true, and with nothing else: it knows nothing of the detector."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import archcheck
from archcheck.connections import Factor, Kind, Residual
from archcheck.dataflow.join import Join
from archcheck.errors import TraceError
from archcheck.tracing import Recording
from archcheck.tracing.proof import prove
from tests.examples import CASES
from tests.examples.case import Case, seeded
from tests.residual.blocks import trace_of

# What is added to a slice is a residual from the slice; what is said to be its source is the whole.
_MISJUDGED = frozenset(["AddIntoSlice"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name not in _MISJUDGED], ids=lambda case: case.name
)
def test_no_residual_of_the_examples_is_refuted(case: Case) -> None:
    args, kwargs = case.arguments()
    with seeded():
        trace = archcheck.trace(case.model(), *args, **kwargs)
    summary = prove(trace.recording, trace.joins)[0]
    count = len(trace.joins)
    assert summary == agreed(count, count)


def agreed(count: int, of: int) -> str:
    return f"proved: the trace replays bit for bit, and finite changes agree on {count} of {of} residuals"


class Block(nn.Module):
    """A norm and an MLP, and what `join` makes of the input and their result."""

    def __init__(self, join: Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, lambda tensor: self.mlp(self.norm(tensor)))


def recorded(model: nn.Module, *inputs: Any) -> Recording:
    torch.default_generator.manual_seed(0)
    with torch.no_grad():
        return archcheck.trace(model.eval(), *(inputs or (torch.randn(2, 6, 8),))).recording


def claimed(recording: Recording, kind: str = "identity") -> list[Join]:
    """The claim that the last operation outside of any module joins the input to `norm` and `mlp`."""
    flow = recording.dataflow
    inner = [index for index, call in enumerate(flow.calls) if call.parent == 0]
    inside = {step for index in inner for step in range(flow.calls[index].first, flow.calls[index].end)}
    steps = recording.recorder.tape.steps
    own = [at for at, step in enumerate(steps) if at not in inside and step.kind == "call"]
    *skip, sink = own
    residual = Residual(Kind(kind), "", "", "input", ("norm", "mlp"), None)
    return [Join(residual, sink, 0, (), (0,), tuple(skip), (), tuple(inner), 0, sink)]


RIGHT: dict[str, Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor]] = {
    "sum": lambda x, f: x + f(x),
    "in place": lambda x, f: f(x).add_(x),
    "into a copy": lambda x, f: x.clone().add_(f(x)),
    "minus minus": lambda x, f: x - (-f(x)),
    "transposed with its branch": lambda x, f: x.transpose(1, 2).contiguous() + f(x).transpose(1, 2),
    "through a cast": lambda x, f: x.double().float() + f(x),
}
ELSEWHERE = "the skip path carries elements of the source to other places"
WRONG: dict[str, tuple[Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor], str]] = {
    "no sum": (lambda x, f: f(x) * 1.0, "the skip path does not start at the source"),
    "a copy of x": (lambda x, f: x + 0 * f(x), "the branch does not move with the source"),
    "a flag that is off": (lambda x, f: 0.0 * x + f(x), "the sink does not move with its source"),
    "all masked": (
        lambda x, f: x.masked_fill(torch.ones(2, 6, 8, dtype=torch.bool), 0.0) + f(x),
        "the sink does not move with its source",
    ),
    "halved": (
        lambda x, f: 0.5 * x + f(x),
        "the sink moves by 0.5 times the change of its source, not 1 times",
    ),
    "first token for all": (
        lambda x, f: x[:, :1].expand(-1, 6, -1) + f(x),
        "the skip path does not carry every element of the source",
    ),
    "one channel": (
        lambda x, f: F.pad(x[..., :1], (0, 7)) + f(x),
        "the skip path does not carry every element of the source",
    ),
    "a part of what the branch reads": (
        lambda x, f: x[..., :4] + f(x)[..., :4],
        "the skip path does not carry every element of the source",
    ),
    "flipped": (lambda x, f: x.flip(1) + f(x), ELSEWHERE),
    "shifted": (lambda x, f: x.roll(1, 1) + f(x), ELSEWHERE),
    "rectified": (lambda x, f: x.relu() + f(x), "the sink does not move element by element with its source"),
    "averaged": (
        lambda x, f: x.mean(1, keepdim=True) + f(x),
        "the sink does not move element by element with its source",
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_claim_is_proved(name: str) -> None:
    recording = recorded(Block(RIGHT[name]))
    assert prove(recording, claimed(recording)) == [agreed(1, 1)]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_claim_is_refuted(name: str) -> None:
    join, reason = WRONG[name]
    recording = recorded(Block(join))
    with pytest.raises(TraceError) as caught:
        prove(recording, claimed(recording))
    (problem,) = caught.value.problems
    assert problem.code == "TRC003"
    around = "The identity residual around norm, mlp in Block"
    assert problem.message == f"{around} is not what the model computes: {reason}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return f(x) + x * (x[..., :1] > 0)", "a mask holds back a part of the source"),
        (
            "return torch.cat([x[:, :1], x[:, 1:] + f(x[:, 1:])], 1)",
            "skip path and branch part at a part of the source",
        ),
        (
            "m = torch.vmap(lambda i: i.new_ones(()) & i)(torch.arange(6)); return x + f(m[:, None] * x)",
            "",
        ),
        (
            "return x + f(F.layer_norm(x.unsqueeze(-1), (1,), torch.ones(1), torch.ones(1)).squeeze(-1))",
            "a norm over a single element is constant",
        ),
        (
            "a, b = torch.cat([x, x], -1).chunk(2, -1); return a + f(b)",  # as in Reformer
            "one operation reads the source for the skip path and the branch",
        ),
        ("return x + 0.5 * (f(x) - x)", ""),
        ("return 0.5 * x + 0.5 * f(x)", ""),
        ("return (x + f(x)) * 0.5", ""),
        ("return 3 * (x * 0.5 + f(x))", ""),
        ("return 2 * torch.lerp(x, f(x), 0.5)", ""),
    ],
)
def test_what_the_detector_finds_is_proved_or_left_open(body: str, why: str) -> None:
    trace = trace_of(body)
    summary, *remarks = prove(trace.recording, trace.joins)
    assert summary == agreed(0 if why else 1, 1)
    assert [remark.rpartition(": ")[2] for remark in remarks] == ([why] if why else [])


class Copied(nn.Module):
    """Skip path and branch begin with a copy of the input, and the weight is turned after it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.scale = nn.Parameter(torch.eye(8)), nn.Parameter(torch.ones(8))

    def forward(self, x: Tensor) -> Tensor:
        x = x.mT.contiguous().view(-1, 8)
        return (x.pow(2) * self.scale).sum(1, keepdim=True) - 2 * x @ self.weight.t()


def test_a_source_that_is_copied_first_is_still_the_source() -> None:
    with torch.no_grad():
        trace = archcheck.trace(nn.Sequential(nn.Linear(6, 6), Copied()), torch.randn(1, 8, 6))
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


def test_the_factor_of_the_whole_sum_is_measured() -> None:
    trace = trace_of("return (x + f(x)) * 0.5")
    (join,) = trace.joins
    wrong = replace(join, residual=replace(join.residual, factors=(Factor("both", 0.25),)))
    with pytest.raises(TraceError, match=r"moves by 0\.5 times the change of its source, not 0\.25 times"):
        prove(trace.recording, [wrong])


def test_a_factor_on_the_branch_is_not_agreed_to_as_identity() -> None:
    recording = recorded(Block(lambda x, f: x + 0.5 * f(x)))
    summary, remark = prove(recording, claimed(recording))
    assert summary == agreed(0, 1)
    assert remark.endswith("the sink moves by 0.5 times what the branch's last module returns, not 1 times")


@pytest.mark.parametrize(
    ("kind", "join"),
    [
        ("concat", lambda x, f: torch.cat([x, f(x)], -1)),
        ("partial", lambda x, f: F.pad(x[..., :4], (0, 4)) + f(x)),
        ("projection", lambda x, f: x @ torch.arange(64.0).view(8, 8).sin() + f(x)),
    ],
)
def test_kinds_are_proved_and_no_other(kind: str, join: Any) -> None:
    if kind not in list(Kind):
        pytest.skip(f"there is no kind {kind} yet")
    recording = recorded(Block(join))
    assert prove(recording, claimed(recording, kind)) == [agreed(1, 1)]


def test_a_query_over_equal_values_is_proved() -> None:
    def attend(x: Tensor, f: Callable[[Tensor], Tensor]) -> Tensor:
        query = f(x)
        return x + torch.softmax(query @ query.transpose(1, 2), -1) @ x

    torch.manual_seed(1)
    with torch.no_grad():
        trace = archcheck.trace(Block(attend).eval(), torch.randn(8).expand(2, 6, 8).clone())
    assert [residual.branch for residual in trace.residuals] == [("norm", "mlp")]
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


def test_a_pooling_of_a_source_with_equal_elements_is_proved() -> None:
    torch.manual_seed(1)
    recording = recorded(
        Block(lambda x, f: F.max_pool1d(x, 3, 1, 1) @ MATRIX + f(x)), (torch.randn(2, 6, 8) - 1).relu()
    )
    assert prove(recording, claimed(recording, "projection")) == [agreed(1, 1)]
    with pytest.raises(TraceError):
        prove(recording, claimed(recording, "identity"))


@pytest.mark.slow
def test_a_pooling_of_many_elements_is_proved_though_some_are_nearly_equal() -> None:
    torch.manual_seed(0)
    recording = recorded(
        Block(lambda x, f: (x @ MATRIX).view(4, -1, 2, 8).amax(2).repeat(1, 2, 1) + f(x)),
        torch.randn(4, 40_000, 8),
    )
    assert prove(recording, claimed(recording, "projection")) == [agreed(1, 1)]


MATRIX = torch.arange(64.0).view(8, 8).sin()
WRONG_KINDS: dict[str, tuple[str, Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor], str]] = {
    "scaled by itself": (
        "scaled",
        lambda x, f: x * torch.tanh(x.mean()) + f(x),
        "the sink does not move element by element with its source",
    ),
    "a part that is the whole": (
        "partial",
        lambda x, f: x + f(x),
        "what moves is no part of the source in its own place",
    ),
    "a part that is turned round": (
        "partial",
        lambda x, f: F.pad(x[..., :4].flip(-1), (0, 4)) + f(x),
        "what moves is no part of the source in its own place",
    ),
    "a part that is scaled": (
        "partial",
        lambda x, f: 2 * F.pad(x[..., :4], (0, 4)) + f(x),
        "the sink moves by 2 times the change of its source, not 1 times",
    ),
    "a projection that is none": (
        "projection",
        lambda x, f: x * 1.0 + f(x),
        "the skip path is the source itself, not a projection of it",
    ),
    "a projection and a ReLU": (
        "projection",
        lambda x, f: (x @ MATRIX).relu() + f(x),
        "the skip path is not an affine map of the source",
    ),
    "a ReLU and a norm": (
        "projection",
        lambda x, f: F.layer_norm((x @ MATRIX).relu(), (8,)) + f(x),
        "the skip path is not an affine map of the source, nor one that is normalized",
    ),
    "a projection of nothing": (
        "projection",
        lambda x, f: 0 * (x @ MATRIX) + f(x),
        "the sink does not move with its source",
    ),
    "a gate that is open": (
        "gated",
        lambda x, f: x + f(x),
        "nothing gates the source on its way to the sink",
    ),
    "a branch that only its gate reads": (
        "gated",
        lambda x, f: (lambda branch: x * torch.sigmoid(branch) + 0 * branch)(f(x)),
        "the branch does not move with the source",
    ),
    "another tensor concatenated": (
        "concat",
        lambda x, f: torch.cat([2 * x, f(x)], -1),
        "the part that is concatenated is not its source's values",
    ),
    "no concatenation": ("concat", lambda x, f: x + f(x), "nothing but the source is concatenated"),
    "streams that a ReLU cuts": (
        "multi-stream",
        lambda x, f: (x @ MATRIX).relu() + f(x),
        "the skip path is not an affine map of the source",
    ),
}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_a_wrong_residual_of_each_kind_is_refuted(name: str) -> None:
    kind, join, reason = WRONG_KINDS[name]
    recording = recorded(Block(join))
    with pytest.raises(TraceError) as caught:
        prove(recording, claimed(recording, kind))
    (problem,) = caught.value.problems
    assert problem.message.partition("is not what the model computes: ")[2] == reason


def test_a_factor_that_depends_on_the_source_is_not_a_learned_one() -> None:
    recording = recorded(Block(lambda x, f: x * torch.sigmoid(f(x)) + f(x)))
    (claim,) = claimed(recording, "scaled")
    learned = replace(claim, residual=replace(claim.residual, factors=(Factor("skip", None, "gamma"),)))
    with pytest.raises(TraceError, match="the factor on the skip path depends on the source"):
        prove(recording, [learned])


UNPROVED_KINDS: dict[str, tuple[str, Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor], str]] = {
    "a gate that is constant": (
        "gated",
        lambda x, f: 0.5 * x + f(x),
        "the gate does not depend on the source",
    ),
    "half of it concatenated": (
        "concat",
        lambda x, f: torch.cat([x[..., :4], f(x)], -1),
        "only a part of the source is concatenated",
    ),
}


@pytest.mark.parametrize("name", UNPROVED_KINDS)
def test_a_doubtful_residual_of_each_kind_is_not_proved(name: str) -> None:
    kind, join, reason = UNPROVED_KINDS[name]
    recording = recorded(Block(join))
    summary, remark = prove(recording, claimed(recording, kind))
    assert summary == agreed(0, 1)
    assert remark.endswith(f": {reason}")


@pytest.mark.parametrize(
    ("kind", "join"),
    [
        ("gated", lambda x, f: (lambda branch: x * torch.sigmoid(branch) + branch)(f(x))),
        ("projection", lambda x, f: F.layer_norm(x @ MATRIX, (8,)) + f(x)),
        ("projection", lambda x, f: F.max_pool1d(x @ MATRIX, 3, 1, 1) + f(x)),
        ("projection", lambda x, f: F.layer_norm(x @ MATRIX, (8,), eps=0.0) + f(x)),
    ],
)
def test_a_right_residual_of_the_other_kinds(kind: str, join: Any) -> None:
    recording = recorded(Block(join))
    assert prove(recording, claimed(recording, kind)) == [agreed(1, 1)]


def test_a_dropped_sum_is_refuted() -> None:
    recording = recorded(Dropped())
    flow = recording.dataflow
    sink = next(step for step, op in enumerate(flow.ops) if op.name == "add")
    claim = replace(claimed(recording)[0], sink=sink, end=sink, skip=())
    with pytest.raises(TraceError, match="the model's output does not depend on the sink"):
        prove(recording, [claim])


class Dropped(Block):
    def __init__(self) -> None:
        super().__init__(lambda x, f: x)

    def forward(self, x: Tensor) -> Tensor:
        b = self.mlp(self.norm(x))
        b.add(x)
        return b * 1.0


@pytest.mark.parametrize("write", ["self.ones.copy_(y)", "self.ones[:] = y", "self.kept = y"])
def test_a_sum_that_ends_in_a_state_is_proved(write: str) -> None:
    trace = trace_of(f"y = x + f(x); {write}; return x", (16,))
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


def test_a_sum_is_followed_from_one_to_the_next() -> None:
    trace = trace_of("y = x + f(x); z = torch.relu(y) * 2; return z + self.linear(z)")
    assert prove(trace.recording, trace.joins) == [agreed(2, 2)]


@pytest.mark.parametrize("end", ["y.argmax(-1)", "y > 0"])
def test_a_sum_whose_change_is_not_seen_at_the_end_is_not_proved(end: str) -> None:
    """What is no real number is held as it was."""
    trace = trace_of(f"y = x + f(x); return {end}")
    summary, remark = prove(trace.recording, trace.joins)
    assert summary == agreed(0, 1)
    assert remark.endswith(": no change of the sink was seen in the model's output")


class Pick(nn.Module):
    """A whole number for each position."""

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(-1)


class Layers(nn.Module):
    """Layers for each case, whose `forward` is given."""

    def __init__(self, forward: Callable[..., Tensor]) -> None:
        super().__init__()
        self.norm, self.f, self.lstm = nn.LayerNorm(8), nn.Linear(8, 8), nn.LSTM(8, 8, batch_first=True)
        self.same, self.pick, self.table = nn.Identity(), Pick(), nn.Embedding(8, 8)
        self.weight = nn.Parameter(torch.rand(6, 8))
        self.run = forward

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.run(self, *inputs)


@pytest.mark.parametrize(
    "forward",
    [
        # What multiplies the branch may be another input, or depend on the source.
        lambda m, x: x + m.f(x) * x.mean(1, keepdim=True),
        lambda m, x: torch.addcmul(x, m.f(x), torch.sigmoid(x)),
        lambda m, x, z: x + torch.sigmoid(z) * m.f(x),
        # Modules that are not on the branch: of constants, or read by nothing.
        lambda m, x: m.f(x) * m.norm(m.weight) + x,
        lambda m, x: (m.norm(x), x + m.f(x))[1],
        # A branch without a module, with one that does nothing, with several results, with whole numbers.
        lambda m, x: x + torch.softmax(x, -1),
        lambda m, x: x + m.same(m.f(x)),
        lambda m, x: x + m.lstm(x)[0],
        lambda m, x: x + m.f(x) * m.table(m.pick(x)),
    ],
)
def test_what_a_branch_may_be(forward: Callable[..., Tensor]) -> None:
    inputs = [torch.randn(2, 6, 8) for _ in range(forward.__code__.co_argcount - 1)]
    torch.manual_seed(0)
    with torch.no_grad():
        trace = archcheck.trace(Layers(forward).eval(), *inputs)
    assert len(trace.joins) == 1
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


HELD = "the branch does not move with the source while what was counted or drawn at random is held"


def test_a_branch_of_nothing_but_whole_numbers_is_not_proved() -> None:
    with torch.no_grad():
        trace = archcheck.trace(Layers(lambda m, x: x + m.table(m.pick(x))).eval(), torch.randn(2, 6, 8))
    assert prove(trace.recording, trace.joins)[1].endswith(f": {HELD}")


def test_a_branch_that_chance_has_dropped_is_not_proved() -> None:
    trace = trace_of("m = torch.bernoulli(torch.zeros(2, 1, 1)); return x + f(x) * m", train=True)
    assert prove(trace.recording, trace.joins)[1].endswith(f": {HELD}")


def test_what_is_not_proved_of_one_line_is_one_remark() -> None:
    body = "m = torch.bernoulli(torch.zeros(2, 1, 1)); h = x; [h := h + f(h) * m for _ in range(2)]; return h"
    summary, remark = prove(*(lambda trace: (trace.recording, trace.joins))(trace_of(body, train=True)))
    assert summary == agreed(0, 2)
    assert re.fullmatch(rf"not proved: 2 residuals at block \d+\.py:5: {HELD}", remark)


def test_what_a_fused_kernel_computes_is_proved_by_the_steps_beside_it() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
        trace = archcheck.trace(layer, torch.randn(2, 6, 8))
    assert prove(trace.recording, trace.joins) == [agreed(2, 2)]


@pytest.mark.parametrize(
    ("body", "train"),
    [
        # What is drawn is drawn again: a dropout, a step that draws and computes, one that gives a choice.
        ("return x + F.dropout(f(x), 0.5, True)", True),
        ("return x + F.rrelu(f(x), training=True)", True),
        ("return x + F.gumbel_softmax(f(x), dim=-1)", True),
        # Whole numbers are held, alone, beside real ones, and written to a tensor.
        ("v, i = f(x).sort(-1); return x + v.gather(-1, i.argsort(-1))", False),
        ("i = torch.zeros(2, 6).long(); i.copy_(x.argmax(-1)); return x + f(x) * self.gamma[i, None]", False),
        # A cast makes a copy that is written to, though all is in double precision already.
        ("h = x.double(); h += f(x).double(); return h.float() - self.norm(x)", False),
        # The operands of a reflected method stand the other way round.
        ("return torch.Tensor.__rsub__(f(x), x)", False),
        ("return f(x).__rsub__(x)", False),
    ],
)
def test_what_is_run_again_with_other_values(body: str, train: bool) -> None:
    trace = trace_of(body, train=train)
    assert prove(trace.recording, trace.joins) == [agreed(len(trace.joins), len(trace.joins))]
    assert trace.joins


def test_branches_side_by_side_are_proved() -> None:
    trace = trace_of("return x + f(x) + self.linear(x)")
    assert prove(trace.recording, trace.joins) == [agreed(2, 2)]


def test_a_branch_that_chance_has_kept_is_proved() -> None:
    """Divided by the probability of that, which is no factor."""
    trace = trace_of("m = torch.bernoulli(torch.ones(2, 1, 1)) / 0.5; return x + f(x) * m", train=True)
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


def test_a_module_on_the_branch_that_does_nothing_for_it_is_named() -> None:
    recording = recorded(Layers(lambda m, x: (m.norm(x), x + m.f(x))[1]))
    with pytest.raises(TraceError, match="replacing what norm returns does not move the sink"):
        prove(recording, claimed(recording))


@pytest.mark.parametrize("change", [{"source": 99}, {"sink": 0}, {"end": 1}, {"source": 11}])
def test_a_residual_of_other_places_is_refuted(change: dict[str, int]) -> None:
    recording = recorded(Block(lambda x, f: x + f(x)))
    (claim,) = claimed(recording)
    with pytest.raises(TraceError, match="the skip path does not lead from the source to the sink"):
        prove(recording, [replace(claim, **change)])  # type: ignore[arg-type]


class TwoBranches(nn.Module):
    """No residual: relu(b(h)) + relu(c(h))."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x).relu()
        return self.b(h).relu() + self.c(h).relu()


@pytest.mark.parametrize("source", [0, 4])
def test_a_residual_made_up_from_any_sum_is_refuted(source: int) -> None:
    recording = recorded(TwoBranches())
    ops = recording.dataflow.ops
    sink = max(step for step, op in enumerate(ops) if op.name == "add")
    one, other = ops[sink].operands
    made_up = Join(
        Residual(Kind.IDENTITY, "", "", "input", ("b",), ops[sink].location),
        sink,
        source,
        one,
        other,
        (),
        (),
        (),
        0,
        sink,
    )
    with pytest.raises(TraceError) as caught:
        prove(recording, [made_up])
    assert [problem.code for problem in caught.value.problems] == ["TRC003"]


def test_a_module_that_is_not_in_the_branch_is_named() -> None:
    recording = recorded(Block(lambda x, f: x + f(x)))
    (claim,) = claimed(recording)
    with pytest.raises(TraceError, match="mlp moves the sink and is not in the branch"):
        prove(recording, [replace(claim, branch_calls=claim.branch_calls[:1])])


def test_a_corrupted_tape_does_not_replay() -> None:
    recording = recorded(Block(lambda x, f: x + f(x)))
    step = next(step for step in recording.recorder.tape.steps if step.name == "add")
    step.func = torch.Tensor.sub
    with pytest.raises(TraceError) as caught:
        prove(recording, claimed(recording))
    assert [problem.code for problem in caught.value.problems] == ["TRC002"]


# -- weights and precisions that hide a part ---------------------------------------------------------


class ZeroLast(Block):
    """The last linear map starts at zero."""

    def __init__(self) -> None:
        super().__init__(lambda x, f: x + f(x))
        last = self.mlp[2]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


class LayerScale(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.f = nn.Linear(8, 8)
        self.gamma = nn.Parameter(torch.full((8,), scale))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma * self.f(x)


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        (ZeroLast(), torch.float32),
        (LayerScale(1e-9), torch.float32),
        (LayerScale(1e-6), torch.bfloat16),
    ],
    ids=["zero last map", "tiny LayerScale", "tiny LayerScale in bfloat16"],
)
def test_what_rounds_away_is_proved_with_other_weights(model: nn.Module, dtype: torch.dtype) -> None:
    trace = archcheck.trace(model.to(dtype).eval(), torch.randn(2, 8).to(dtype).unsqueeze(0))
    assert len(trace.joins) == 1
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


class Plain(nn.Module):
    """A residual around one linear map without a bias, of real or complex numbers."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.f = nn.Linear(8, 8, bias=False, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (Plain(), torch.zeros(2, 6, 8)),
        (Plain(torch.complex64), torch.randn(2, 6, 8, dtype=torch.complex64)),
    ],
    ids=["all zeros", "complex"],
)
def test_a_stream_of_zeros_and_one_of_complex_numbers_are_proved(model: nn.Module, x: Tensor) -> None:
    trace = archcheck.trace(model.eval(), x)
    assert len(trace.joins) == 1
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


def test_nothing_is_proved_of_infinite_numbers() -> None:
    trace = trace_of("return x + f(x) / 0.0")
    summary, remark = prove(trace.recording, trace.joins)
    assert summary == agreed(0, 1)
    assert remark.endswith(": the sink holds numbers that are not finite")


class Scaled(Block):
    def __init__(self) -> None:
        super().__init__(lambda x, f: x + f(x))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 1e12)


def test_a_stream_of_huge_numbers_is_proved() -> None:
    trace = archcheck.trace(Scaled().eval(), torch.randn(2, 6, 8))
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


# -- what one run does not tell of the next ----------------------------------------------------------


class ByChance(nn.Module):
    """Adds its input, or does not, by the system's entropy alone."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(8, 8)
        self.flips = [True, False]

    def forward(self, x: Tensor) -> Tensor:
        os.urandom(1)
        return x + self.f(x) if self.flips.pop(0) else self.f(x)


def test_a_forward_that_depends_on_chance_is_told() -> None:
    trace = archcheck.trace(ByChance(), torch.randn(2, 8))
    summary, remark = prove(trace.recording, trace.joins)
    assert summary == agreed(1, 1)
    assert remark.startswith("two runs on the same inputs differ in structure from ")
    assert "tests/tracing/test_proof.py" in remark


class Counting(nn.Module):
    """Multiplies by the number of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = numpy.ones(8)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * torch.from_numpy(self.calls.copy())


def test_a_forward_that_remembers_its_calls_is_told() -> None:
    assert prove(recorded(Counting()), [])[1] == (
        "two runs on the same inputs give different values: its forward depends on time, on entropy, or on "
        "what an earlier run left behind"
    )


def test_nothing_is_proved_without_numbers() -> None:
    with torch.device("meta"):
        recording = recorded(nn.Linear(8, 8))
    assert prove(recording, []) == ["not proved: the model is too large to be run on real values"]


class Unwritten(nn.Module):
    """Returns memory that nothing was written to, beside its result."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        rest = torch.empty(2000), torch.empty_like(x), x.new_empty(3, 4), torch.empty(5, dtype=torch.int64)
        return (x + self.f(x), *rest)


def test_what_memory_held_before_is_no_value() -> None:
    for _ in range(5):
        torch.full((2000,), 3.0)
        trace = archcheck.trace(Unwritten(), torch.randn(2, 8))
        assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


class Out(dict[str, Any]):
    """An output with fields beside its items, set in an order of their own."""


class OutOfOrder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Out:
        out = Out()
        out.__setattr__("last", x * 2)
        out["first"] = x + self.f(x)
        out.__setattr__("cache", (x * 3, None))
        out["second"] = x * 4
        return out


def test_an_output_object_with_fields_set_out_of_order() -> None:
    trace = archcheck.trace(OutOfOrder(), torch.randn(2, 8))
    assert prove(trace.recording, trace.joins) == [agreed(1, 1)]


class Chain(nn.Module):
    """Two residual connections, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(F.leaky_relu(x, 0.1))
        return x


class SideBySide(nn.Module):
    """Three such chains, summed, as in HiFi-GAN: each brings the source along."""

    def __init__(self) -> None:
        super().__init__()
        self.chains = nn.ModuleList(Chain() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        one, other, last = (chain(x) for chain in self.chains)
        return (one + other + last) / 3  # type: ignore[no-any-return]


def test_a_skip_path_through_earlier_residuals_leaves_their_branches_alone() -> None:
    with torch.no_grad():
        trace = archcheck.trace(SideBySide(), torch.randn(2, 8))
    count = len(trace.joins)
    assert count >= 8
    assert prove(trace.recording, trace.joins) == [agreed(count, count)]
