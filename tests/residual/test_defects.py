"""What is wrong whatever a diagram says: for each condition a body that is told from its neighbour."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

import archcheck
from tests.residual.blocks import trace_of

SOURCE_TWICE = (
    "RES007: the source of a residual is added twice; the model adds it: the sum contains the source twice"
)
BRANCH_TWICE = "RES007: a branch is added to the same stream twice; the output of norm, mlp was already added"
ITSELF = "RES008: both operands of a sum are the same tensor; a tensor is added to itself"
OVERWRITTEN = "RES011: the source of a residual is overwritten in place before it is added; "


@pytest.mark.parametrize(
    ("body", "findings"),
    [
        ("return x + (x + f(x))", [SOURCE_TWICE]),
        ("y = x + f(x); return x + y", [SOURCE_TWICE]),
        ("y = x + f(x); return 2 * x + y", []),
        ("y = 2 * x + f(x); return x + y", []),
        ("y = x + f(x); return self.linear(x) + y", []),
        ("b = f(x); y = x + b; return y + b", [f"{BRANCH_TWICE} (4)"]),
        ("b = f(x); y = x + b; return x + b, y", []),
        ("b = f(x); y = x + b; return self.linear(y) + b", []),
        ("y = f(x); return y + y", [f"{ITSELF}: the output of mlp"]),
        ("y = f(x); return y.clone() + y", [f"{ITSELF}: the output of mlp"]),
        ("y = torch.relu(f(x)); return y + y", [ITSELF]),
        ("y = f(x); return y * y", []),
        ("y = f(x); return y.flip(0) + y", []),
        ("y = f(x); z = torch.cat([y, y], 1); return z + torch.cat([y, y], 1)", []),
        ("y = self.gamma * 2; return x * (y + y)", []),
        ("y = self.gamma * 2; y = y + F.dropout(y, 0.1, False); return x + f(y)", [ITSELF]),
        ("y = x * 2; return y + y", []),
        ("y = f(x).mean(); return x * (y + y)", []),
        ("y = (f(x) > 0).long(); return y + y", []),
        (
            "y = self.linear(x); b = f(y.relu_()); return y + b",
            [f"{OVERWRITTEN}relu in the model (4) modifies it; the sum reads the modified values"],
        ),
        ("y = self.linear(x); b = f(y).relu_(); return y + b", []),
        ("y = self.linear(x); b = f(y); y.copy_(b); return y + b", []),
    ],
)
def test_what_is_wrong_with_a_sum(body: str, findings: list[str]) -> None:
    assert _found(body) == findings


NEVER_USED = "is computed but its result is never used"
ALL_NEVER_USED = "are computed but their result is never used"


@pytest.mark.parametrize(
    ("body", "findings"),
    [
        ("f(x); return self.linear(x)", [f"norm, mlp {ALL_NEVER_USED}"]),
        ("f(x); f(x); return self.linear(x)", [f"norm, mlp {ALL_NEVER_USED} (2 times, first in the model)"]),
        ("self.norm(x); self.mlp(x); return self.linear(x)", [f"norm {NEVER_USED}", f"mlp {NEVER_USED}"]),
        ("y = f(x); self.linear(y); return x * 2", [f"norm, mlp, linear {ALL_NEVER_USED}"]),
        ("self.linear(x); y = self.linear(2 * x); return f(x) + y", []),
        ("y = self.linear(x); return f(x) if y.sum() > -1e9 else x", []),
        ("y = self.linear(x)[:0]; return f(x)", []),
        ("self.linear(x)[:1]; return f(x)", [f"linear {NEVER_USED}"]),
    ],
)
def test_what_is_computed_and_never_used(body: str, findings: list[str]) -> None:
    traced = "the model's output does not depend on it"
    assert _found(body) == [f"RES012: {finding}; {traced}" for finding in findings]


def _found(body: str) -> list[str]:
    """Code, message and trace of each finding, its place as the line; `linear` need not be called."""
    found = []
    for finding in trace_of(body).findings:
        if finding.message == "linear is never called":
            continue
        found.append(re.sub(r"block \d+\.py:", "", f"{finding.code}: {finding.message}; {finding.traced}"))
    return found


class Twice(nn.Module):
    """Two layers with one defect, a layer that nothing calls, and parameters that are read without a call."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Doubled(), Doubled()])
        self.head = nn.Linear(4, 4)
        self.unused = nn.Linear(4, 4)
        self.empty = nn.ReLU()
        self.unused_list = nn.ModuleList([nn.Linear(4, 4)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x @ self.head.weight


class Doubled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.f(x)
        return y + y


def test_one_defect_in_many_layers_is_one_finding() -> None:
    findings = archcheck.trace(Twice(), torch.randn(2, 4)).findings
    assert [(finding.code, finding.message, finding.traced) for finding in findings] == [
        (
            "RES008",
            "both operands of a sum are the same tensor (2 times, first in layers.0)",
            "a tensor is added to itself: the output of layers.0.f",
        ),
        ("RES012", "unused is never called", "Twice makes it, but none of its code uses it"),
        ("RES012", "unused_list is never called", "Twice makes it, but none of its code uses it"),
    ]


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))


class Sliced(Layers):
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = layer(x)
        return x


class Left(Layers):
    def forward(self, x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            if index == 2:
                continue
            x = layer(x)
        return x


class Picked(Layers):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.layers[index](x) for index in range(3)]).sum(0)


class UpTo(Layers):
    def forward(self, x: Tensor, end: int = 2) -> Tensor:
        for layer in self.layers[:end]:
            x = layer(x)
        return x


class Early(Layers):
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
            if x.abs().max() < 100:
                break
        return x


class InTraining(Layers):
    def forward(self, x: Tensor) -> Tensor:
        for index, layer in enumerate(self.layers):
            if self.training or index < 2:
                x = layer(x)
        return x


class ByWeight(Layers):
    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](x) @ self.layers[1].weight @ self.layers[2].weight @ self.layers[3].weight


@pytest.mark.parametrize(
    ("kind", "left_out"),
    [
        (Sliced, ["layers.3 is never called"]),
        (Left, ["layers.2 is never called"]),
        (Picked, ["layers.3 is never called"]),
        (UpTo, []),
        (Early, []),
        (InTraining, []),
        (ByWeight, []),
    ],
)
def test_what_a_loop_leaves_out(kind: type[Layers], left_out: list[str]) -> None:
    """An argument, a value or the mode may have another item called next time."""
    findings = archcheck.trace(kind().eval(), torch.randn(2, 4)).findings
    assert [finding.message for finding in findings] == left_out
