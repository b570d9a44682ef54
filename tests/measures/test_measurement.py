"""Every measure against plain PyTorch: hooks on the model itself, and models edited by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reference_models import minimind
from tests.measures.common import measured, measured_addition

CLOSE = 1e-9


class Stack(nn.Module):
    """Blocks in a row. `cut` is (block, what is otherwise in it), or None; None as the block means all."""

    def __init__(self, blocks: int, make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(make() for _ in range(blocks))
        self.cut: tuple[int | None, str] | None = None

    def forward(self, x: Tensor) -> Tensor:
        for number, block in enumerate(self.blocks):
            part = self.cut[1] if self.cut and self.cut[0] in (number, None) else ""
            x = block(x, part)
        return x


def joined(x: Tensor, branch: Tensor, part: str) -> Tensor:
    """The sum, kept as what hooks can see; `part` is left out."""
    if part == "skip":
        return branch
    if part == "inner":
        return x + (x + branch)
    return x if part == "branch" else x + branch


class PreNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor, part: str = "") -> Tensor:
        return joined(x, self.mlp(self.norm(x)), part)


class PostNorm(PreNorm):
    def forward(self, x: Tensor, part: str = "") -> Tensor:
        return self.norm(joined(x, self.mlp(x), part))


class ReZero(PreNorm):
    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(0.25))

    def forward(self, x: Tensor, part: str = "") -> Tensor:
        return joined(x, self.alpha * self.mlp(x), part)


class Bottleneck(nn.Module):
    """A ResNet block, its sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
        )

    def forward(self, x: Tensor, part: str = "") -> Tensor:
        branch = self.mlp(x)
        if part:
            return torch.relu(joined(x, branch, part))
        branch += x
        return torch.relu(branch)


MODELS = {
    "pre-norm": (PreNorm, (2, 3, 8)),
    "post-norm": (PostNorm, (2, 3, 8)),
    "ReZero": (ReZero, (2, 3, 8)),
    "ResNet": (Bottleneck, (2, 4, 5, 5)),
}


def built(name: str) -> tuple[Stack, Tensor]:
    torch.manual_seed(0)
    make, shape = MODELS[name]
    return Stack(3, make).double().eval(), torch.randn(shape, dtype=torch.float64)


def by_hand(model: Stack, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor], list[Tensor]]:
    """The output, each block's input with its gradient, each branch and each block's result."""
    sources: list[Tensor] = []
    branches: list[Tensor] = []
    hooks = []
    for block in model.blocks:
        hooks.append(block.register_forward_pre_hook(lambda _, args: sources.append(args[0])))
        hooks.append(block.mlp.register_forward_hook(lambda _, args, out: branches.append(out.clone())))
    x = x.clone().requires_grad_()
    output = model(x)
    for tensor in sources:
        tensor.retain_grad()
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (output * direction / direction.norm()).sum().backward()
    for hook in hooks:
        hook.remove()
    return output.detach(), sources, branches, [*sources[1:], output]


@pytest.mark.parametrize("name", MODELS)
def test_signal(name: str) -> None:
    model, x = built(name)
    _, sources, branches, _ = by_hand(model, x)
    for values, source, branch, block in zip(
        measured(model, x), sources, branches, model.blocks, strict=True
    ):
        source, branch = source.detach(), branch.detach()
        added = (branch * block.alpha if name == "ReZero" else branch).detach()
        total = source + added
        assert values["branch_ratio"] == pytest.approx(float(added.norm() / source.norm()), rel=CLOSE)
        assert values["cosine"] == pytest.approx(_cosine(added, source), rel=CLOSE)
        assert values["growth"] == pytest.approx(float(total.norm() / source.norm()), rel=CLOSE)
        assert values["influence"] == pytest.approx(1 - _cosine(source, total), rel=CLOSE)


@pytest.mark.parametrize("name", MODELS)
def test_gradient_with_a_part_cut(name: str) -> None:
    model, x = built(name)
    found = measured(model, x)
    whole, sources, _, _ = by_hand(model, x)
    for number, values in enumerate(found):
        assert values["gradient"] == pytest.approx(float(sources[number].grad.norm()), rel=CLOSE)
        for part in ("skip", "branch"):
            model.cut = (number, part)
            output, cut, _, _ = by_hand(model, x)
            gradient = float(cut[number].grad.norm())
            assert values[f"gradient_without_{part}"] == pytest.approx(gradient, rel=CLOSE)
            effect = float((output - whole).norm() / whole.norm())
            assert values[f"effect_without_{part}"] == pytest.approx(effect, rel=CLOSE)
        model.cut = (None, "skip")
        _, cut, _, _ = by_hand(model, x)
        assert values["gradient_without_skips"] == pytest.approx(float(cut[number].grad.norm()), rel=CLOSE)
        model.cut = None


@pytest.mark.parametrize("name", ["pre-norm", "ReZero"])
def test_the_share_that_passes_the_skip(name: str) -> None:
    """Where the block ends with the sum, the gradient through its skip is that of its result."""
    model, x = built(name)
    _, sources, _, _ = by_hand(model, x)
    for number, values in enumerate(measured(model, x)[:-1]):
        share = float(sources[number + 1].grad.norm() / sources[number].grad.norm())
        assert values["gradient_ratio"] == pytest.approx(share, rel=CLOSE)


@pytest.mark.parametrize("name", ["pre-norm", "post-norm"])
def test_a_residual_that_is_only_drawn(name: str) -> None:
    """Added to the replay in every block, against a model that has it."""
    model, x = built(name)
    whole, before, branches, _ = by_hand(model, x)
    values = measured_addition(model, x, [(f"blocks.{n}", f"blocks.{n}.mlp") for n in range(3)])
    model.cut = (None, "inner")
    output, after, _, _ = by_hand(model, x)
    expected = {
        "gradient": before[0].grad.norm(),
        "gradient_with": after[0].grad.norm(),
        "stream": before[-1].norm(),
        "stream_with": after[-1].norm(),
        "added_ratio": before[-1].norm() / branches[-1].norm(),
        "effect_with": (output - whole).norm() / whole.norm(),
    }
    assert values == {
        name: pytest.approx(float(value.detach()), rel=CLOSE) for name, value in expected.items()
    }


def test_minimind() -> None:
    torch.manual_seed(0)
    model = minimind.build(num_hidden_layers=2, hidden_size=32, vocab_size=32).double().eval()
    tokens = torch.randint(0, 32, (1, 8))
    found = measured(model, tokens)
    seen: dict[str, Tensor] = {}

    def note(path: str, tensor: Tensor) -> None:
        seen[path] = tensor.clone()
        if tensor.requires_grad:
            tensor.register_hook(lambda gradient: seen.__setitem__(f"{path} gradient", gradient))

    for path, module in model.named_modules():
        if path.endswith("_layernorm"):
            module.register_forward_pre_hook(lambda _, args, path=path: note(path, args[0]))
        if path.endswith("mlp"):
            module.register_forward_hook(lambda _, args, out, path=path: note(path, _first(out)))
    output = _first(model(tokens))
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (output * direction / direction.norm()).sum().backward()
    for layer in range(2):
        attention, ffn = found[2 * layer], found[2 * layer + 1]
        at = f"model.layers.{layer}"
        source = seen[f"{at}.post_attention_layernorm"].detach()
        branch = seen[f"{at}.mlp"].detach()
        assert ffn["branch_ratio"] == pytest.approx(float(branch.norm() / source.norm()), rel=1e-6)
        for values, norm in ((attention, "input_layernorm"), (ffn, "post_attention_layernorm")):
            gradient = float(seen[f"{at}.{norm} gradient"].norm())
            assert values["gradient"] == pytest.approx(gradient, rel=1e-6)


def _first(out: Any) -> Tensor:
    while not isinstance(out, Tensor):
        out = out[0] if isinstance(out, (tuple, list)) else next(iter(vars(out).values()))
    return out


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0))
