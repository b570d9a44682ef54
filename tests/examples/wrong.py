"""Code that is wrong whatever a diagram says, each model above its mended version.

A comment `# wrong` marks the line that the finding names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.parts import Attention, D, Mlp


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


# RES007: added twice


class AddedInParentToo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = Block()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)  # wrong


class AddedInBlockOnly(AddedInParentToo):
    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class AddedInOutputToo(nn.Module):
    """The output module got the stream and added it; the layer adds it again."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.output = _Output()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.output(self.attn(x), x)
        hidden += x  # wrong
        return hidden


class AddedInOutputOnly(AddedInOutputToo):
    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.attn(x), x)


class _Output(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(D, D)

    def forward(self, hidden: Tensor, stream: Tensor) -> Tensor:
        return self.dense(hidden) + stream


class BranchJoinedTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(x)
        x = x + attended
        x = x + self.mlp(x)
        return x + attended  # wrong


class BranchJoinedOnce(BranchJoinedTwice):
    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(x)
        x = x + attended
        return x + self.mlp(x)


class JoinedTwiceInPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        x = x + h
        x += h  # wrong
        return x


class JoinedOnceInPlace(JoinedTwiceInPlace):
    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        h += x
        return h


class AroundProjectedBlocks(AddedInParentToo):
    """A residual around a residual is a design: the outer branch goes on after the inner sum."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.block(x))


# RES008: added to itself


class InputOverwritten(nn.Module):
    """The name of the input was reused for the branch: the sum doubles the branch."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = self.f(x)
        return x + x  # wrong


class InputKept(InputOverwritten):
    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        return x + h


class SavedTooLate(InputOverwritten):
    """The residual is saved after the branch, under another name, behind a dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        residual = h
        return residual + self.dropout(h)  # wrong


class SavedInTime(SavedTooLate):
    def forward(self, x: Tensor) -> Tensor:
        residual = x
        h = self.f(x)
        return residual + self.dropout(h)


class AddedToItselfInPlace(InputOverwritten):
    def forward(self, x: Tensor) -> Tensor:
        h = self.f(x)
        out = h
        out += h  # wrong
        return out


class AddedToInputInPlace(InputOverwritten):
    def forward(self, x: Tensor) -> Tensor:
        out = self.f(x)
        out += x
        return out


class Symmetric(nn.Module):
    """A tensor plus its transpose, and one next to itself, are no mistakes."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(D, 6)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.f(x)
        angles = torch.arange(6.0)
        return (scores + scores.transpose(1, 2)) @ torch.cat((angles, angles))[:6] * scores.mul(2).sum()


# RES011: the source is overwritten in place


class LeadingInPlace(nn.Module):
    """The first activation of the branch writes into the tensor that the skip path reads."""

    inplace = True

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(self.inplace), nn.Linear(D, D), nn.ReLU(self.inplace), nn.Linear(D, D)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x * 1.0
        return x + self.body(x)


class LeadingCopy(LeadingInPlace):
    inplace = False


class NormedFirst(LeadingInPlace):
    """In place as well, but on the norm's fresh output."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(self.norm(x))


class SharedInPlace(nn.Module):
    """Pre-activation with the block's one in-place ReLU: the identity was saved, and is overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv1d(6, 6, 1)
        self.conv2 = nn.Conv1d(6, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        identity = x
        out = self.relu(x)
        out = self.conv2(out)
        out += identity
        return out


class Rebound(SharedInPlace):
    """The activation comes before the parting, and the name says so."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        x = self.relu(x)
        out = self.conv2(x)
        out += x
        return out


class ActivatedAfter(SharedInPlace):
    """ResNet's own order: in-place on fresh tensors, in-place add, in-place ReLU on the sum."""

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.conv1(x))
        out = self.conv2(out)
        out += identity
        return self.relu(out)


class StatementStyle(SharedInPlace):
    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.conv2(F.relu_(self.conv1(x)))
        out.add_(identity)
        out.relu_()
        return out


class FunctionInPlace(SharedInPlace):
    """`F.relu(…, inplace=True)` on another name of the source."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        shortcut = x
        return self.conv2(F.relu(x, inplace=True)) + shortcut


class FunctionCopy(SharedInPlace):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        shortcut = x
        return self.conv2(F.relu(x)) + shortcut


class ThroughView(SharedInPlace):
    """The branch writes through a view."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        identity = x
        flat = x.view(-1, 6, D)
        flat.clamp_(min=0)
        return identity + self.conv2(flat)


class ThroughCopy(SharedInPlace):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        identity = x
        flat = x.view(-1, 6, D).clamp(min=0)
        return identity + self.conv2(flat)


class DropoutInPlace(nn.Module):
    """In training the dropout at the branch's start also empties the skip path."""

    inplace = True

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.f = nn.Sequential(nn.Dropout(0.4, inplace=self.inplace), nn.Linear(D, D))
        self.train_only = True

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        return x + self.f(x)


class DropoutCopy(DropoutInPlace):
    inplace = False


# RES012: computed and dropped, or never called


class ResultDropped(nn.Module):
    """The attention's output is computed and never read."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.attn(x)  # wrong
        h = self.mlp(x)
        return x + h


class ResultUsed(ResultDropped):
    def forward(self, x: Tensor) -> Tensor:
        h = self.attn(x)
        h = self.mlp(h)
        return x + h


class NotAssigned(ResultDropped):
    """The sum is made and thrown away."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp(x)
        x + self.attn(x)  # type: ignore[operator]  # wrong
        return x


class Assigned(ResultDropped):
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp(x)
        return x + self.attn(x)


class NeverMentioned(nn.Module):
    """The second norm is built and forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D)
        self.norm2 = nn.LayerNorm(D)
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(self.norm1(x))


class Mentioned(NeverMentioned):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm2(x + self.f(self.norm1(x)))


class SwitchedOff(NeverMentioned):
    """A flag decides; in this configuration the norm rests."""

    post_norm = False

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.f(self.norm1(x))
        if self.post_norm:
            x = self.norm2(x)
        return x


class ByWeight(NeverMentioned):
    """A module that serves through its weight alone."""

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x + self.f(self.norm1(x)), (D,), self.norm2.weight)


class UnchosenExperts(nn.Module):
    """One expert of three is chosen; the others rest."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(D, 3)
        self.experts = nn.ModuleList([Mlp() for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(self.router(x.mean((0, 1))), dim=-1)
        chosen = int(weights.argmax())
        return x + weights[chosen] * self.experts[chosen](x)


class Remembered(nn.Module):
    """Auxiliary outputs kept on the module, keys kept in a cache, weights of an attention left behind."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(D, 2, batch_first=True)
        self.key = nn.Linear(D, D)
        self.probe = nn.Linear(D, 2)
        self.cache: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.cache.append(self.key(x))
        self.probed = self.probe(x)
        attended, _ = self.attn(x, x, x)
        return x + attended


class Elsewhere(nn.Module):
    """A module that another method of the model serves."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.reader = nn.Linear(D, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)

    def read(self, x: Tensor) -> Tensor:
        return self.reader(self(x))


BUGS: tuple[tuple[str, type[nn.Module], type[nn.Module]], ...] = (
    ("RES007", AddedInParentToo, AddedInBlockOnly),
    ("RES007", AddedInOutputToo, AddedInOutputOnly),
    ("RES007", BranchJoinedTwice, BranchJoinedOnce),
    ("RES007", JoinedTwiceInPlace, JoinedOnceInPlace),
    ("RES008", InputOverwritten, InputKept),
    ("RES008", SavedTooLate, SavedInTime),
    ("RES008", AddedToItselfInPlace, AddedToInputInPlace),
    ("RES011", LeadingInPlace, LeadingCopy),
    ("RES011", SharedInPlace, Rebound),
    ("RES011", FunctionInPlace, FunctionCopy),
    ("RES011", ThroughView, ThroughCopy),
    ("RES011", DropoutInPlace, DropoutCopy),
    ("RES012", ResultDropped, ResultUsed),
    ("RES012", NotAssigned, Assigned),
    ("RES012", NeverMentioned, Mentioned),
)

SOUND: tuple[type[nn.Module], ...] = (
    *(fixed for _, _, fixed in BUGS),
    AroundProjectedBlocks,
    Symmetric,
    NormedFirst,
    ActivatedAfter,
    StatementStyle,
    SwitchedOff,
    ByWeight,
    UnchosenExperts,
    Remembered,
    Elsewhere,
)
