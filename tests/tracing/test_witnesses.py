"""Recogniser and behaviour agree on random chains of operations, in any dtype and at any size of values."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor

from archcheck import trace
from archcheck.tracing.behaviour import disagreements
from archcheck.vocabulary import probes, recognise
from tests.vocabulary.conftest import Between
from tests.vocabulary.test_attention import by_bmm, by_einsum, by_hand, fused, grouped, shared
from tests.vocabulary.test_elementwise import FORMS

ATTENTIONS = [by_hand, by_einsum, by_bmm, fused, grouped, shared]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


class Chain:
    """One function after the other, and attention between three streams, or one thrice, if there is one."""

    def __init__(self, functions: list[Callable[[Tensor], Tensor]], attention: Callable[..., Tensor]) -> None:
        self.functions, self.attention = functions, attention

    def __call__(self, *streams: Tensor) -> Tensor:
        x = self.attention(*streams)
        for function in self.functions:
            x = function(x).reshape(2, 6, 16)
        return x


@pytest.mark.filterwarnings("ignore:Mismatch dtype")
@given(
    st.lists(st.sampled_from([function for _, function in FORMS]), max_size=3),
    st.sampled_from(ATTENTIONS),
    st.sampled_from(DTYPES),
    st.sampled_from([0.0, 1e-30, 1e-4, 1.0, 1e4, 1e30]),
)
def test_the_witnesses_agree(
    functions: list[Callable[[Tensor], Tensor]],
    attention: Callable[..., Tensor],
    dtype: torch.dtype,
    scale: float,
) -> None:
    torch.manual_seed(0)
    model = Between(Chain(functions, attention), 16, 3).eval().to(dtype)
    x = (torch.randn(2, 6, 16, dtype=torch.float64) * scale).to(dtype)
    try:
        with torch.no_grad():
            model(x)
    except RuntimeError:  # weights and masks of another dtype
        return
    with torch.no_grad():
        traced = trace(model, x)
    found = recognise(traced.dataflow)
    assert disagreements(traced.recording.recorder, probes(traced.dataflow, found))[1] == []


@pytest.mark.parametrize("attention", [by_hand, fused, shared])
def test_nothing_fails_without_values(attention: Callable[..., Tensor]) -> None:
    with torch.device("meta"), torch.no_grad():
        model = Between(attention, 16, 3).eval()
        traced = trace(model, torch.randn(2, 6, 16))
    found = recognise(traced.dataflow)
    checked, wrong = disagreements(traced.recording.recorder, probes(traced.dataflow, found))
    assert wrong == []
    assert checked
