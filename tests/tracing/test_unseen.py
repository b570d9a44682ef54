"""What torch's function modes do not see: other threads, other classes, values that leave torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archcheck
from archcheck.tracing.proof import prove
from tests.residual.blocks import residuals_of, trace_of

WHOLE = ["identity of input: norm, mlp"]


@pytest.mark.parametrize(
    "body",
    [
        "pool = Pool(1); y = pool.submit(torch.add, x, f(x)).result(); pool.shutdown(); return y",
        "pool = Pool(1); b = pool.submit(f, x).result(); pool.shutdown(); return x + b",
        "r = []; t = Thread(target=lambda: r.append(x + f(x))); t.start(); t.join(); return r[0]",
    ],
)
def test_a_thread_goes_on_with_the_calls_of_the_one_that_starts_it(body: str) -> None:
    body = "from concurrent.futures import ThreadPoolExecutor as Pool; from threading import Thread; " + body
    assert residuals_of(body) == WHOLE
    assert {op.location is None for op in trace_of(body).dataflow.ops if op.name == "add"} == {False}


def test_a_tensor_of_another_class_is_the_same_tensor() -> None:
    made = "S = type('S', (torch.Tensor,), {}); "
    assert residuals_of(made + "return (x.as_subclass(S) + f(x)).as_subclass(torch.Tensor)") == WHOLE


@pytest.mark.parametrize("outside", ["torch.from_numpy(t.numpy() * 2)", "torch.tensor(t.tolist())"])
def test_values_that_leave_torch_come_back_through_something_opaque(outside: str) -> None:
    body = f"out = lambda t: {outside}; return x + f(out(x))"
    trace = trace_of(body)
    assert [op.operands for op in trace.dataflow.ops if op.opaque] == [((0,),)]
    assert residuals_of(body) == WHOLE
    assert prove(trace.recording, trace.joins)[1].endswith("values leave torch on the way")
    assert residuals_of(f"out = lambda t: {outside}; return out(x) + f(x)") == []


def test_a_result_that_comes_from_outside_hides_nothing_else() -> None:
    body = "x = x + f(x); y = f(x); return torch.from_numpy(x.numpy() + y.numpy())"
    assert residuals_of(body) == WHOLE
    assert [len(op.operands) for op in trace_of(body).dataflow.ops if op.opaque] == [2]


class Halved(nn.Linear):
    """A layer whose `__call__` does more than `forward`, before and after, and calls another module."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.norm = nn.LayerNorm(4)

    def __call__(self, x: Tensor) -> Tensor:
        return x + super().__call__(self.norm(2 * x)) * 0.5


def test_what_a_models_call_does_beside_forward_is_the_models() -> None:
    traced = archcheck.trace(Halved(), torch.randn(3, 4))
    assert [call.path for call in traced.dataflow.calls] == ["", "norm"]
    assert [op.name for op in traced.dataflow.ops if op.call == 0 and op.operands] == [
        "mul",
        "linear",
        "mul",
        "add",
    ]
    assert [(str(found.kind), found.branch) for found in traced.residuals] == [("scaled", ("norm",))]
