"""The ways to write one add: operators, in-place operators, functions, factors, dropped paths."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case, residual
from tests.examples.parts import Attention, D, DropPath, LayerScale, Mlp, RMSNorm


class _Branch(nn.Module):
    """What all the models here share: a branch `f`."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()


class Plain(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


class BranchFirst(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return self.f(x) + x  # sink


class LinearBranch(nn.Module):
    """The branch is affine, the skip path is bare: still a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)  # sink


class Augmented(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        x += self.f(x)  # sink
        return x


class AugmentedBranch(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.f(x)
        out += identity  # sink
        return out


class StatementAdd(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        out = self.f(x)
        out.add_(x)  # sink
        return out


class FunctionAdd(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return torch.add(self.f(x), x)  # sink


class OutArgument(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = torch.empty_like(x)
            torch.add(x, self.f(x), out=y)  # sink
        return y


class AddIntoView(_Branch):
    """The sum is written through a view; the stream is read through the base."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        branch = self.f(x)
        x.view(-1, D).add_(branch.view(-1, D))  # sink
        return F.relu(x)


class AddIntoSlice(_Branch):
    """Only the first positions are updated; the rest of the stream stays."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[:, :2] += self.f(x[:, :2])  # sink
        return x


class SeveralLines(_Branch):
    """An expression over several lines is placed where it begins."""

    def forward(self, x: Tensor) -> Tensor:
        return (
            x  # sink
            + self.f(x)
        )


class Activated(_Branch):
    """An activation after the sum belongs to neither path."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.f(x))  # sink


class ThroughNames(_Branch):
    """Names that come and go change nothing."""

    def forward(self, hidden: Tensor) -> Tensor:
        shortcut = hidden
        hidden = self.f(hidden)
        hidden = hidden.contiguous().to(shortcut.dtype)
        shortcut = shortcut.to(hidden.dtype)
        return shortcut + hidden  # sink


class KeywordInput(_Branch):
    def forward(self, *, x: Tensor) -> Tensor:
        return x + self.f(x=x)  # sink


class ConstantOnBranch(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.f(x)  # sink


class ConstantOnSkip(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return x * 1.5 + self.f(x)  # sink


class DividedBranch(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x) / 4  # sink


class AlphaArgument(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return torch.add(x, self.f(x), alpha=0.25)  # sink


class AlphaInPlace(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y.add_(self.f(x), alpha=0.25)  # sink
        return y


class Halved(_Branch):
    """Both operands scaled at once, after the sum."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.f(x)) * 0.5  # sink


class BothScaled(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return 0.8 * x + 0.6 * self.f(x)  # sink


class ReZero(_Branch):
    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.f(x)  # sink


class ScaledSkip(_Branch):
    """A learned factor per channel on the skip path."""

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.ones(D))

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x) + self.beta * x  # sink


class LayerScaled(_Branch):
    def __init__(self) -> None:
        super().__init__()
        self.scale = LayerScale()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale(self.f(x))  # sink


class ScaledImage(nn.Module):
    """A factor per channel where channels are not the last dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.gamma = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma.view(1, -1, 1, 1) * self.conv(x)  # sink


class DeepNorm(nn.Module):
    """Post-norm with a constant above one on the skip path."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.norm1 = nn.LayerNorm(D)
        self.mlp = Mlp()
        self.norm2 = nn.LayerNorm(D)
        self.alpha = 1.7

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x * self.alpha + self.attn(x))  # sink attn
        return self.norm2(x * self.alpha + self.mlp(x))  # sink mlp


class Dropped(_Branch):
    """Dropout at the branch's end; in evaluation it hands its input through."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(self.f(x))  # sink


class DroppedFirst(_Branch):
    """Dropout at the branch's start: in evaluation skip and branch hold one tensor, the source is still x."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(self.dropout(x))  # sink


class DroppedBefore(_Branch):
    """Dropout before the parting belongs to neither path and is the source."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(D, D)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(self.embed(x))
        return x + self.f(x)  # sink


class FunctionalDropout(_Branch):
    def forward(self, x: Tensor) -> Tensor:
        return x + F.dropout(self.f(x), 0.3, self.training)  # sink


class StochasticDepth(_Branch):
    def __init__(self) -> None:
        super().__init__()
        self.norm = RMSNorm()
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.f(self.norm(x)))  # sink


class ScaledStochasticDepth(_Branch):
    """Vision transformers drop the path after they scale it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = LayerScale()
        self.drop_path = DropPath()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.scale(self.f(x)))  # sink


class IdentityShortcut(_Branch):
    """A module on the skip path that does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.shortcut = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x) + self.shortcut(x)  # sink


_PLAIN = (
    Plain,
    BranchFirst,
    LinearBranch,
    Augmented,
    AugmentedBranch,
    StatementAdd,
    FunctionAdd,
    OutArgument,
    AddIntoView,
    AddIntoSlice,
    SeveralLines,
    Activated,
    ThroughNames,
    FunctionalDropout,
)

_SCALED: tuple[tuple[type[nn.Module], str, tuple[tuple[str, float | str], ...]], ...] = (
    (ConstantOnBranch, "f", (("branch", 0.5),)),
    (ConstantOnSkip, "f", (("skip", 1.5),)),
    (DividedBranch, "f", (("branch", 0.25),)),
    (AlphaArgument, "f", (("branch", 0.25),)),
    (AlphaInPlace, "f", (("branch", 0.25),)),
    (Halved, "f", (("both", 0.5),)),
    (BothScaled, "f", (("skip", 0.8), ("branch", 0.6))),
    (ReZero, "f", (("branch", "alpha"),)),
    (ScaledSkip, "f", (("skip", "beta"),)),
    (LayerScaled, "f scale", (("branch", "scale.gamma"),)),
)

CASES = (
    *(
        Case(
            model.__name__,
            model,
            (residual(model, "input", "f", skip=""),),
        )
        for model in _PLAIN
    ),
    *(
        Case(
            model.__name__,
            model,
            (residual(model, "input", branch, kind="scaled", skip="", factors=factors),),
        )
        for model, branch, factors in _SCALED
    ),
    Case(
        "KeywordInput",
        KeywordInput,
        (residual(KeywordInput, "input", "f"),),
        inputs=tuple,
        keywords=lambda: {"x": torch.randn(2, 6, D)},
    ),
    Case(
        "ScaledImage",
        ScaledImage,
        (residual(ScaledImage, "input", "conv", kind="scaled", factors=(("branch", "gamma"),)),),
        inputs=lambda: (torch.randn(2, 4, 5, 5),),
    ),
    Case(
        "DeepNorm",
        DeepNorm,
        (
            residual(DeepNorm, "input", "attn", "attn", kind="scaled", factors=(("skip", 1.7),)),
            residual(DeepNorm, "norm1", "mlp", "mlp", kind="scaled", factors=(("skip", 1.7),)),
        ),
    ),
    *(
        Case(f"{model.__name__}{'InTraining' * train}", model, (expected,), train=train)
        for model, expected in (
            (Dropped, residual(Dropped, "input", "f dropout")),
            (DroppedFirst, residual(DroppedFirst, "input", "dropout f")),
            (DroppedBefore, residual(DroppedBefore, "dropout", "f")),
            (StochasticDepth, residual(StochasticDepth, "input", "norm f drop_path")),
            (
                ScaledStochasticDepth,
                residual(
                    ScaledStochasticDepth,
                    "input",
                    "f scale drop_path",
                    kind="scaled",
                    factors=(("branch", "scale.gamma"),),
                ),
            ),
        )
        for train in (False, True)
    ),
    Case("IdentityShortcut", IdentityShortcut, (residual(IdentityShortcut, "input", "f", skip="shortcut"),)),
)
