"""Transformer layers: where norms stand, and branches side by side."""

from __future__ import annotations

from torch import Tensor, nn

from tests.examples.case import Case, Expected, residual
from tests.examples.parts import Attention, D, Mlp, RMSNorm


class PreNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = RMSNorm()
        self.attn = Attention()
        self.norm2 = RMSNorm()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))  # sink attn
        return x + self.mlp(self.norm2(x))  # sink mlp


class InPlacePreNorm(PreNorm):
    """The form of many language models: the residual is kept in a name and added in place."""

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        hidden = self.attn(self.norm1(x))
        hidden += residual  # sink attn
        residual = hidden
        hidden = self.mlp(self.norm2(hidden))
        hidden += residual  # sink mlp
        return hidden


class PostNorm(PreNorm):
    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attn(x))  # sink attn
        return self.norm2(x + self.mlp(x))  # sink mlp


class Sandwich(PreNorm):
    """Norms on both ends of each branch; a norm's weight is no factor of the join."""

    def __init__(self) -> None:
        super().__init__()
        self.after1 = RMSNorm()
        self.after2 = RMSNorm()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.after1(self.attn(self.norm1(x)))  # sink attn
        return x + self.after2(self.mlp(self.norm2(x)))  # sink mlp


class BranchNorm(PreNorm):
    """Norms at the end of the branch only."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.norm1(self.attn(x))  # sink attn
        return x + self.norm2(self.mlp(x))  # sink mlp


class StaleInput(PreNorm):
    """The second branch reads the first one's sum, its skip path the block's input: a longer residual."""

    def forward(self, x: Tensor) -> Tensor:
        h = x + self.attn(self.norm1(x))  # sink attn
        return x + self.mlp(self.norm2(h))  # sink mlp


class NormedSource(PreNorm):
    """The skip path starts after the norm."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = h + self.attn(h)  # sink attn
        h = self.norm2(x)
        return h + self.mlp(h)  # sink mlp


class Parallel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return x + self.attn(h) + self.mlp(h)  # sink


class ParallelGrouped(Parallel):
    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return self.attn(h) + self.mlp(h) + x  # sink


class ParallelNested(Parallel):
    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return self.attn(h) + (x + self.mlp(h))  # sink


class ParallelAffine(nn.Module):
    """One of the two branches is a bare linear map; the skip path is x all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(D, D)
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + (x + self.mlp(x))  # sink


class ParallelInPlace(Parallel):
    """Two statements, one sum."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        out = x + self.attn(h)  # sink attn
        out += self.mlp(h)  # sink mlp
        return out


class ParallelTwoNorms(PreNorm):
    """Each branch with its own norm, computed one after the other, added together first."""

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(self.norm1(x))
        return x + (attended + self.mlp(self.norm2(x)))  # sink


class SerialOneSum(PreNorm):
    """Looks parallel in its last line; the second branch depends on the first one's sum."""

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(self.norm1(x))
        h = x + attended  # sink attn
        return h + self.mlp(self.norm2(h))  # sink mlp


def pair(
    owner: type[nn.Module], first: str, second: str, source: str, scope: str = ""
) -> tuple[Expected, ...]:
    """The two residuals of a layer, around attention and feed-forward."""
    return (
        residual(owner, "input", first, "attn", scope=scope),
        residual(owner, source, second, "mlp", scope=scope),
    )


_PARALLEL = (Parallel, ParallelGrouped, ParallelNested)

CASES = (
    Case("PreNorm", PreNorm, pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)")),
    Case("InPlacePreNorm", InPlacePreNorm, pair(InPlacePreNorm, "norm1 attn", "norm2 mlp", "sink(attn)")),
    Case("PostNorm", PostNorm, pair(PostNorm, "attn", "mlp", "norm1")),
    Case("Sandwich", Sandwich, pair(Sandwich, "norm1 attn after1", "norm2 mlp after2", "sink(after1)")),
    Case("BranchNorm", BranchNorm, pair(BranchNorm, "attn norm1", "mlp norm2", "sink(norm1)")),
    Case(
        "StaleInput",
        StaleInput,
        (
            residual(StaleInput, "input", "norm1 attn", "attn"),
            residual(StaleInput, "input", "norm1 attn norm2 mlp", "mlp"),
        ),
    ),
    Case(
        "NormedSource",
        NormedSource,
        (
            residual(NormedSource, "norm1", "attn", "attn"),
            residual(NormedSource, "norm2", "mlp", "mlp"),
        ),
    ),
    *(
        Case(model.__name__, model, tuple(residual(model, "input", f"norm {f}") for f in order))
        for model, order in zip(_PARALLEL, (("attn", "mlp"), ("attn", "mlp"), ("mlp", "attn")), strict=True)
    ),
    Case(
        "ParallelAffine",
        ParallelAffine,
        (residual(ParallelAffine, "input", "mlp"), residual(ParallelAffine, "input", "linear")),
    ),
    Case("ParallelInPlace", ParallelInPlace, pair(ParallelInPlace, "norm attn", "norm mlp", "input")),
    Case(
        "ParallelTwoNorms",
        ParallelTwoNorms,
        (
            residual(ParallelTwoNorms, "input", "norm1 attn"),
            residual(ParallelTwoNorms, "input", "norm2 mlp"),
        ),
    ),
    Case("SerialOneSum", SerialOneSum, pair(SerialOneSum, "norm1 attn", "norm2 mlp", "sink(attn)")),
)
