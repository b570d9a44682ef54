"""Rewritings of one sum `y = s + b`: those that change what it computes, and those that do not.

In the snippets `s` is the tensor that the skip path carries, `b` what the branch returned, `y` what the sum
is to be. A snippet that says `BRANCH(t)` runs the branch itself, on `t`; the others find `b` ready. What
follows a line `---` is put at the end of the module.
"""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.mutation.further_operators import EQUAL, SEMANTIC


class Operator(NamedTuple):
    """One rewriting: its name, its snippet, and whether it changes what the sum computes."""

    name: str
    snippet: str
    changes: bool


_SEMANTIC = {
    # no sum
    "sum dropped": "y = b",
    "branch dropped": "y = s",
    "sum unused": "h = s + b\ny = b",
    "sum unused, method": "b.add(s)\ny = b",
    "sum unused, function": "torch.add(b, s)\ny = b",
    "sum unused, skip returned": "h = s + b\ny = s",
    "sum in an assertion": "assert (s + b).numel() > 0\ny = b",
    "sum's shape": "y = b.reshape((s + b).shape)",
    "sum's dtype": "y = b.to((s + b).dtype)",
    "sum as a template": "y = b + torch.zeros_like(s + b)",
    "sum's statistic decides": "y = b if float((s + b).mean()) < 1e9 else s",
    "sum's mean added": "y = b + (s + b).mean(-1, keepdim=True)",
    "sum out elsewhere": "h = torch.empty_like(b)\ntorch.add(s, b, out=h)\ny = b",
    "sum overwritten": "h = s + b\nh.copy_(b)\ny = h",
    "sum undone in place": "h = s + b\nh.sub_(s)\ny = h",
    "skip cancelled": "y = s + b - s",
    "branch cancelled": "y = s + b - b",
    "skip cancelled before": "y = b + (s - s)",
    "only in training": "y = s + b if self.training else b",
    "only behind a flag": "y = s + b if getattr(self, 'use_residual', False) else b",
    "only for large batches": "y = s + b if s.shape[0] > 1000 else b",
    "copied over the skip": "h = s.clone()\nh.copy_(b)\ny = h",
    "assigned over the skip": "h = s.clone()\nh[...] = b\ny = h",
    "accumulated, skip left out": "h = torch.zeros_like(s)\nh += b\ny = h",
    "list without the skip": "y = sum([b])",
    "list of the branch twice": "y = sum([b, b])",
    "added to itself": "y = b + b",
    "skip to itself": "y = s + s",
    # nothing added
    "factor 0": "y = b + 0 * s",
    "factor 0.0 behind": "y = b + s * 0.0",
    "factor False": "y = b + float(False) * s",
    "factor 0 on the branch": "y = s + 0 * b",
    "alpha 0": "y = torch.add(b, s, alpha=0)",
    "zero tensor": "y = b + s * torch.zeros(())",
    "zeros like": "y = b + s * torch.zeros_like(s)",
    "all masked": "y = b + s.masked_fill(torch.ones_like(s, dtype=torch.bool), 0)",
    "where never": "y = b + torch.where(torch.zeros_like(s, dtype=torch.bool), s, torch.zeros_like(s))",
    "dropout of everything": "y = b + torch.nn.functional.dropout(s, 1.0, True)",
    "new zeros": "y = b + s.new_zeros(s.shape)",
    "addcmul with zeros": "y = torch.addcmul(b, s, torch.zeros_like(s))",
    "zeroed copy": "y = b.add(s.clone().zero_())",
    "lerp to the end": "y = torch.lerp(s, b, 1.0)",
    "lerp from the start": "y = torch.lerp(s, b, 0.0)",
    "ones added": "y = b + torch.ones_like(s)",
    "noise added": "y = b + torch.randn_like(s)",
    # part of the source, or moved
    "first column": "y = b + s[..., :1]",
    "first row": "y = b + s[:, :1]",
    "first column and zeros": "y = b + torch.cat([s[..., :1], torch.zeros_like(s[..., 1:])], -1)",
    "part added in place": "y = b.clone()\ny[..., 1:] += s[..., 1:]",
    "flip": "y = b + s.flip(-1)",
    "flip of rows": "y = b + s.flip(1)",
    "roll": "y = b + s.roll(1, -1)",
    "roll of rows": "y = b + s.roll(1, 1)",
    "permuting index": "y = b + s[..., torch.arange(s.shape[-1]).flip(0)]",
    "permuting index_select": "y = b + s.index_select(-1, torch.arange(s.shape[-1]).flip(0))",
    "permuting gather": "y = b + s.gather(-1, torch.arange(s.shape[-1]).flip(0).expand_as(s))",
    "read in another order": "y = b + s.transpose(-1, -2).reshape(s.shape)",
    "halves exchanged": "y = b + torch.cat(s.chunk(2, -1)[::-1], -1)",
    "mean of channels": "y = b + s.mean(-1, keepdim=True)",
    "mean of rows": "y = b + s.mean(1, keepdim=True)",
    "maximum of rows": "y = b + s.amax(1, keepdim=True)",
    "cumulated": "y = b + s.cumsum(1)",
    "sorted": "y = b + s.sort(-1).values",
    "lower triangle": "y = b + torch.tril(s)",
    # another value of the source
    "ReLU of the skip": "y = b + torch.relu(s)",
    "clamped": "y = b + s.clamp(min=0)",
    "sigmoid of the skip": "y = b + torch.sigmoid(s)",
    "tanh of the skip": "y = b + torch.tanh(s)",
    "GELU of the skip": "y = b + torch.nn.functional.gelu(s)",
    "absolute value": "y = b + s.abs()",
    "square": "y = b + s * s",
    "rounded": "y = b + s.round()",
    "cast to integers": "y = b + s.long().to(b.dtype)",
    "normalised": "y = b + torch.nn.functional.layer_norm(s, s.shape[-1:])",
    "unit length": "y = b + torch.nn.functional.normalize(s, dim=-1)",
    "softmax of the skip": "y = b + s.softmax(-1)",
    "only where positive": "y = torch.where(s > 0, s + b, b)",
    "norm after the sum": "y = torch.nn.functional.layer_norm(s + b, s.shape[-1:])",
    "source after tanh": "h = torch.tanh(s)\ny = h + BRANCH(h)",
    "source after a norm": "h = torch.nn.functional.layer_norm(s, s.shape[-1:])\ny = h + BRANCH(h)",
    "branch fed with zeros": "y = s + BRANCH(torch.zeros_like(s))",
    "overwritten after the branch": "b = BRANCH(s)\ns.mul_(0.5)\ny = s + b",
    "zeroed after the branch": "b = BRANCH(s)\ns.zero_()\ny = s + b",
    "ReLU in place after the branch": "b = BRANCH(s)\ns.relu_()\ny = s + b",
    "ReLU in place by torch after the branch": (
        "b = BRANCH(s)\ntorch.nn.functional.relu(s, inplace=True)\ny = s + b"
    ),
    "copied over after the branch": "b = BRANCH(s)\ns.copy_(b)\ny = s + b",
    "view overwritten after the branch": "b = BRANCH(s)\ns.view(-1)[::2] = 0\ny = s + b",
    # another way of joining
    "minus the skip": "y = b - s",
    "minus the branch": "y = s - b",
    "alpha -1": "y = torch.add(s, b, alpha=-1)",
    "product": "y = s * b",
    "modulated": "y = s * (1 + b)",
    "maximum": "y = torch.maximum(s, b)",
    "average": "y = (s + b) / 2",
    "average of a stack": "y = torch.stack([s, b]).mean(0)",
    "maximum of a stack": "y = torch.stack([s, b]).amax(0)",
    "product of a stack": "y = torch.stack([s, b]).prod(0)",
    "half way": "y = torch.lerp(s, b, 0.5)",
    "gated by the branch": "g = torch.sigmoid(b)\ny = g * s + (1 - g) * b",
    "gated by the skip": "g = torch.sigmoid(s)\ny = g * s + (1 - g) * b",
    "neighbours of a concat": "y = torch.cat([s, b], -1).unflatten(-1, (-1, 2)).mean(-1)",
    "concat cut": "y = torch.cat([s, b], -1)[..., : s.shape[-1]]",
    "branch squared by addcmul": "y = torch.addcmul(s, b, b)",
    # another value of the branch
    "ReLU of the branch": "y = s + torch.relu(b)",
    "tanh of the branch": "y = s + b.tanh()",
    "GELU of the branch": "y = s + torch.nn.functional.gelu(b)",
    "sigmoid of the branch": "y = s + torch.sigmoid(b)",
    "absolute value of the branch": "y = s + b.abs()",
    "clamped branch": "y = s + b.clamp(-0.1, 0.1)",
    "rounded branch": "y = s + b.round()",
    "exponential of the branch": "y = s + b.exp()",
    "branch squared": "y = s + b * b",
    "branch to the power of two": "y = s + b.pow(2)",
    "normalised branch": "y = s + torch.nn.functional.layer_norm(b, b.shape[-1:])",
    "unit length of the branch": "y = s + torch.nn.functional.normalize(b, dim=-1)",
    "softmax of the branch": "y = s + b.softmax(-1)",
    "branch flipped": "y = s + b.flip(-1)",
    "branch rolled": "y = s + b.roll(1, 1)",
    "branch sorted": "y = s + b.sort(-1).values",
    "branch in another order": "y = s + b.transpose(-1, -2).reshape(s.shape)",
    "first row of the branch": "y = s + b[:, :1]",
    "first column of the branch": "y = s + b[..., :1]",
    "mean of the branch": "y = s + b.mean(1, keepdim=True)",
    "half of the branch's channels": "y = s.clone()\nn = s.shape[-1] // 2\ny[..., :n] += b[..., :n]",
    "branch cumulated": "y = s + b.cumsum(1)",
    "branch gated by itself": "y = s + b * torch.sigmoid(b)",
    "branch gated by the skip": "y = s + b * torch.sigmoid(s)",
    "branch times the skip": "y = s + b * s",
    "branch of the branch": "y = s + BRANCH(BRANCH(s))",
    "branch of the skip twice": "y = s + BRANCH(2 * s)",
    "branch of tanh": "y = s + BRANCH(torch.tanh(s))",
    "branch of a ReLU": "y = s + BRANCH(torch.relu(s))",
    "branch of a flip": "y = s + BRANCH(s.flip(1))",
    "branch of a norm": "y = s + BRANCH(torch.nn.functional.layer_norm(s, s.shape[-1:]))",
    "branch of noise": "y = s + BRANCH(s + torch.randn_like(s))",
    "branch of the first row": "y = s + BRANCH(s[:, :1].expand_as(s))",
    "masked by itself": "y = b + s * (s > 0)",
    "masked by the branch": "y = s * (b > 0) + b",
    "filled where negative": "y = b + s.masked_fill(s < 0, 0)",
    "only where the branch is positive": "y = torch.where(b > 0, s + b, b)",
    "assigned where positive": "y = s + b\nm = s > 0\ny[m] = b[m]",
    "dropped in training too": "y = b + torch.nn.functional.dropout(s, 0.5, True)",
    "branch dropped out": "y = s + torch.nn.functional.dropout(b, 0.5, True)",
    "constant added": "y = s + b + 1",
    "sum scaled later": "y = s + b\ny *= 0.7",
    "sum divided": "y = (s + b) / 2 ** 0.5",
    "learned factor": "y = s * torch.nn.Parameter(torch.full((1,), 0.5, dtype=s.dtype)) + b",
    "difference of squares": "y = (s + b) * (s - b)",
    "maximum of both in place": "y = s.clone()\ny.clamp_(min=b)",
    "half of the skip": "y = 0.5 * s + b",
    "half of the branch": "y = s + 0.5 * b",
    "alpha 2": "y = torch.add(b, s, alpha=2)",
    # more than once
    "skip twice": "y = s + b + s",
    "branch twice": "y = s + b + b",
    "skip added later": "h = s + b\ny = h + s",
    "a tenth added later": "h = s + b\ny = h + 0.1 * s",
    "executed twice": "h = s + BRANCH(s)\ny = h + BRANCH(h)",
    "branch called twice": "y = s + BRANCH(s) + BRANCH(s)",
    "executed again without the sum": "h = s + BRANCH(s)\ny = BRANCH(h)",
    "branch run in a loop": "y = s\nfor _ in range(2):\n    y = y + BRANCH(y)",
}

_EQUAL = {
    # the order, the spelling
    "as it is": "y = s + b",
    "exchanged": "y = b + s",
    "method": "y = s.add(b)",
    "method of the branch": "y = b.add(s)",
    "torch.add": "y = torch.add(s, b)",
    "torch.add exchanged": "y = torch.add(b, s)",
    "keywords": "y = torch.add(input=s, other=b)",
    "alpha 1": "y = torch.add(s, b, alpha=1)",
    "operator.add": "import operator\ny = operator.add(s, b)",
    "operator.iadd": "import operator\ny = operator.iadd(b, s)",
    "__add__": "y = s.__add__(b)",
    "__radd__": "y = s.__radd__(b)",
    "Tensor.add": "y = torch.Tensor.add(s, b)",
    "aten.add": "y = torch.ops.aten.add(s, b)",
    "aten.add.Tensor": "y = torch.ops.aten.add.Tensor(s, b)",
    "minus minus": "y = s - (-b)",
    "sub alpha": "y = torch.sub(s, b, alpha=-1)",
    "sub of a negation": "y = torch.sub(b, s.neg())",
    "rsub": "y = torch.rsub(-s, b)",
    "rsub alpha": "y = torch.rsub(s, b, alpha=-1)",
    "factor 1": "y = s * 1 + b",
    "factor 1.0": "y = b + 1.0 * s",
    "divided by 1": "y = s / 1 + b",
    "plus 0": "y = s + 0 + b",
    "addcmul with ones": "y = torch.addcmul(s, b, torch.ones_like(b))",
    "addcdiv with ones": "y = torch.addcdiv(b, s, torch.ones_like(s))",
    "twice the middle": "y = 2 * torch.lerp(s, b, 0.5)",
    # in place
    "augmented": "y = s.clone()\ny += b",
    "augmented branch": "b += s\ny = b",
    "add_ on a clone": "y = s.clone().add_(b)",
    "add_ on the branch": "y = b.add_(s)",
    "out": "y = torch.empty_like(b)\ntorch.add(s, b, out=y)",
    "out the branch": "torch.add(s, b, out=b)\ny = b",
    "accumulated into zeros": "y = torch.zeros_like(s)\ny += s\ny += b",
    "accumulated out of place": "y = torch.zeros_like(b)\ny = y + b\ny = y + s",
    "copied and added": "y = torch.empty_like(s)\ny.copy_(s)\ny.add_(b)",
    "added to a whole slice": "y = s.clone()\ny[:] += b",
    "assigned to a whole slice": "y = torch.empty_like(s)\ny[...] = s + b",
    "slice by slice": (
        "y = torch.empty_like(b)\ny[..., :1] = s[..., :1] + b[..., :1]\ny[..., 1:] = s[..., 1:] + b[..., 1:]"
    ),
    "row by row": "y = torch.zeros_like(b)\nfor i in range(s.shape[1]):\n    y[:, i] = s[:, i] + b[:, i]",
    "buffer of two": "h = torch.empty(2, *s.shape, dtype=s.dtype)\nh[0] = s\nh[1] = b\ny = h[0] + h[1]",
    "buffer of two, summed": "h = s.new_empty(2, *s.shape)\nh[0] = s\nh[1] = b\ny = h.sum(0)",
    "index_add": "y = s.index_add(0, torch.arange(s.shape[0]), b)",
    # sums of several
    "sum of a list": "y = sum([s, b])",
    "sum from the skip": "y = sum([b], s)",
    "reduce": "import functools, operator\ny = functools.reduce(operator.add, [s, b])",
    "sum of a stack": "y = torch.stack([s, b]).sum(0)",
    "torch.sum of a stack": "y = torch.sum(torch.stack((b, s)), dim=0)",
    "sum of a stack at the end": "y = torch.stack([s, b], -1).sum(-1)",
    "sum of a concat": "y = torch.cat([s[None], b[None]]).sum(0)",
    "sum of an unflattened concat": "y = torch.cat([s, b], -1).unflatten(-1, (2, -1)).sum(-2)",
    "twice the mean of a stack": "y = torch.stack([s, b]).mean(0) * 2",
    "einsum of a stack": "y = torch.einsum('k...->...', torch.stack([s, b]))",
    "tensordot of a stack": (
        "y = torch.tensordot(torch.ones(2, dtype=s.dtype), torch.stack([s, b]), dims=1)"
    ),
    "foreach": "y = torch._foreach_add([s], [b])[0]",
    "foreach in place": "y = s.clone()\ntorch._foreach_add_([y], [b])",
    "matmul of a stack": "y = (torch.stack([s, b], -1) @ torch.ones(2, 1, dtype=s.dtype))[..., 0]",
    "einsum of two": "y = torch.einsum('b...,b...->b...', s, torch.ones_like(s)) + b",
    "buffer of two, views": "h = s.new_empty(2, *s.shape)\nh[0].copy_(s)\nh[1].copy_(b)\ny = h[0] + h[1]",
    "accumulated in a buffer": "h = s.new_zeros(1, *s.shape)\nh[0] += s\nh[0] += b\ny = h[0]",
    "written through a view": "y = torch.empty_like(b)\nv = y.view(-1)\nv.copy_((s + b).reshape(-1))",
    "narrowed": "y = torch.cat([(s + b).narrow(1, 0, 1), (s + b).narrow(1, 1, s.shape[1] - 1)], 1)",
    "split and joined": "y = torch.cat(torch.split(s + b, 1, 1), 1)",
    "list of rows": "y = torch.stack([p + q for p, q in zip(s.unbind(1), b.unbind(1), strict=True)], 1)",
    "padded and cut": "y = torch.nn.functional.pad(s, (0, 1))[..., :-1] + b",
    "repeated once": "y = s.repeat(*[1] * s.dim()) + b",
    "index of all": "y = s[torch.arange(s.shape[0])] + b",
    "index_select of all": "y = s.index_select(1, torch.arange(s.shape[1])) + b",
    "permuted and back": "y = s.permute(*reversed(range(s.dim()))).permute(*reversed(range(s.dim()))) + b",
    "complex": "y = torch.complex(s, s).real + b",
    "clamped to infinity": "y = s.clamp(min=-float('inf')) + b",
    "hypot": "y = torch.add(s, b) * (s.new_ones(()))",
    "times a buffer of one": "y = s * s.new_ones(s.shape[-1]) + b",
    "power of one": "y = s.pow(1) + b",
    "minus zero": "y = s - torch.zeros_like(s) + b",
    "half and half": "y = 0.5 * s + 0.5 * s + b",
    "two halves of the branch": "y = s + 0.5 * b + 0.5 * b",
    "product with its inverse": "y = (s * 2) / 2 + b",
    "addmm with identity": "y = torch.addcmul(b, torch.ones_like(s), s)",
    # taken apart and put back
    "chunks put back": "p, q = s.chunk(2, -1)\ny = torch.cat([p, q], -1) + b",
    "chunk by chunk": (
        "y = torch.cat([p + q for p, q in zip(s.chunk(2, -1), b.chunk(2, -1), strict=True)], -1)"
    ),
    "unbound and stacked": "y = torch.stack([p + q for p, q in zip(s.unbind(0), b.unbind(0), strict=True)])",
    "skip unbound and stacked": "y = torch.stack(list(s.unbind(1)), 1) + b",
    "flipped twice": "y = s.flip(-1).flip(-1) + b",
    "rolled back": "y = s.roll(1, -1).roll(-1, -1) + b",
    "both flipped": "y = (s.flip(-1) + b.flip(-1)).flip(-1)",
    "flat": "y = (s.reshape(-1) + b.reshape(-1)).view(s.shape)",
    "skip flat and back": "y = s.flatten().view(b.shape) + b",
    "transposed twice": "y = s.transpose(1, 2).transpose(1, 2) + b",
    "both transposed": "y = (s.transpose(1, 2) + b.transpose(1, 2)).transpose(1, 2)",
    "movedim": "y = (s.movedim(1, -1) + b.movedim(1, -1)).movedim(-1, 1)",
    "unsqueezed": "y = (s.unsqueeze(0) + b.unsqueeze(0)).squeeze(0)",
    "indexed None": "y = s[None][0] + b",
    "all of it": "y = s[...] + b[:]",
    "expand_as": "y = s.expand_as(b) + b",
    "view_as": "y = s.view_as(b) + b",
    "broadcast_tensors": "p, q = torch.broadcast_tensors(s, b)\ny = p + q",
    "contiguous": "y = s.contiguous() + b.contiguous()",
    "cloned": "y = s.clone() + b",
    "sum cloned": "y = (s + b).clone()",
    "sum viewed": "h = s + b\ny = h.view(h.shape)",
    "in double": "y = (s.double() + b.double()).to(s.dtype)",
    "type_as": "y = s.type_as(b) + b",
    "to the branch": "y = s.to(b) + b",
    "where always": "y = torch.where(torch.ones_like(s, dtype=torch.bool), s, b) + b",
    "nothing masked": "y = s.masked_fill(torch.zeros_like(s, dtype=torch.bool), 0) + b",
    "Identity": "y = torch.nn.Identity()(s) + b",
    "dropout of nothing": "y = torch.nn.functional.dropout(s, 0.0) + b",
    "dropout in evaluation": "y = s + torch.nn.functional.dropout(b, 0.1, self.training)",
    # Python around it
    "helper": "y = added_together(s, b)\n---\ndef added_together(one, other):\n    return one + other",
    "helper with the branch": (
        "y = with_residual(s, lambda t: BRANCH(t))\n---\ndef with_residual(t, f):\n    return t + f(t)"
    ),
    "lambda": "y = (lambda p, q: p + q)(s, b)",
    "closure": "def close(p):\n    def add(q):\n        return p + q\n    return add\ny = close(s)(b)",
    "partial": "import functools\ny = functools.partial(torch.add, s)(b)",
    "loop": "y = None\nfor part in (s, b):\n    y = part if y is None else y + part",
    "while": "parts = [s, b]\ny = parts.pop()\nwhile parts:\n    y = y + parts.pop()",
    "renamed": "shortcut = s\nidentity = shortcut\nout = b\nout = out + identity\ny = out",
    "walrus": "y = (h := s) + b",
    "dict": "d = {'skip': s, 'branch': b}\ny = d['skip'] + d['branch']",
    "tuple": "p, q = (s, b)\ny = p + q",
    "comprehension": "y = sum(part for part in [s, b])",
    "namespace": "import types\nc = types.SimpleNamespace(skip=s, branch=b)\ny = c.skip + c.branch",
    "dataclass": (
        "c = Carrier(s, b)\ny = c.skip + c.branch\n---\n@__import__('dataclasses').dataclass\n"
        "class Carrier:\n    skip: object\n    branch: object"
    ),
    "split lines": "y = (\n    s\n    +\n    b\n)",
    "conditional": "y = s + b if s.shape == b.shape else b",
    "try": "try:\n    y = s + b\nfinally:\n    pass",
    "with": "import contextlib\nwith contextlib.nullcontext():\n    y = s + b",
    "asserted": "assert s.shape == b.shape\ny = s + b",
    "skip after the branch": "y = BRANCH(s) + s",
    "skip cloned before the branch": "h = s.clone()\ny = BRANCH(s) + h",
    "overwritten after the sum": "y = s + BRANCH(s)\ns.mul_(0.5)",
    "branch fed with a view": "y = s + BRANCH(s.view(s.shape))",
    "branch by a lambda": "f = lambda t: BRANCH(t)\ny = s + f(s)",
    "checkpointed branch": (
        "from torch.utils.checkpoint import checkpoint\n"
        "y = s + checkpoint(lambda t: BRANCH(t), s, use_reentrant=False)"
    ),
    "checkpointed": (
        "from torch.utils.checkpoint import checkpoint\n"
        "y = checkpoint(lambda t: t + BRANCH(t), s, use_reentrant=False)"
    ),
    "module made on the spot": (
        "y = AddOfTwo()(s, b)\n---\nclass AddOfTwo(nn.Module):\n    def forward(self, p, q):\n"
        "        return p + q"
    ),
    "module with the branch": (
        "y = AroundIt(lambda t: BRANCH(t))(s)\n---\nclass AroundIt(nn.Module):\n    def __init__(self, f):\n"
        "        super().__init__()\n        self.f = f\n    def forward(self, t):\n"
        "        return t + self.f(t)"
    ),
    "generator": "y = next(p + q for p, q in [(s, b)])",
    "recursion": (
        "y = total([s, b])\n---\ndef total(parts):\n"
        "    return parts[0] if len(parts) == 1 else parts[0] + total(parts[1:])"
    ),
    "match": "match s.dim():\n    case _:\n        y = s + b",
    "no gradient": "with torch.enable_grad():\n    y = s + b",
    "inference of a copy": "y = torch.Tensor.__add__(s.detach(), b.detach())",
    "compiled sum": "y = torch.compile(torch.add, backend='eager')(s, b)",
    "scripted sum": (
        "y = scripted_add(s, b)\n---\n@torch.jit.script\ndef scripted_add(p, q):\n    return p + q"
    ),
    "subclass": (
        "y = (s.as_subclass(Marked) + b).as_subclass(torch.Tensor)\n---\n"
        "class Marked(torch.Tensor):\n    pass"
    ),
    "subclass with an operator": (
        "y = s.as_subclass(Adding) + b\n---\nclass Adding(torch.Tensor):\n    def __add__(self, other):\n"
        "        return torch.add(self.as_subclass(torch.Tensor), other)"
    ),
    "threads": (
        "import threading\nfound = []\nt = threading.Thread(target=lambda: found.append(s + b))\n"
        "t.start()\nt.join()\ny = found[0]"
    ),
    "branch in a thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool:\n    y = s + pool.submit(lambda: BRANCH(s)).result()"
    ),
    "list of numbers": "y = torch.tensor(s.tolist(), dtype=s.dtype) + b",
    "vmap of the sum": "y = torch.vmap(lambda p, q: p + q, in_dims=1, out_dims=1)(s, b)",
    "vmap": "y = torch.vmap(torch.add)(s, b)",
    "thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(1) as pool:\n    y = pool.submit(torch.add, s, b).result()"
    ),
    "custom function": (
        "y = CustomAdd.apply(s, b)\n---\nclass CustomAdd(torch.autograd.Function):\n    @staticmethod\n"
        "    def forward(ctx, p, q):\n        return p + q\n    @staticmethod\n"
        "    def backward(ctx, g):\n        return g, g"
    ),
    "NumPy": "y = torch.from_numpy(s.detach().numpy() + b.detach().numpy())",
}

OPAQUE = {
    "vmap": "inside of a transform operations are recorded on batched wrappers",
    "thread": "torch's function modes are per thread",
    "custom function": "an autograd.Function hides what it computes",
    "compiled sum": "torch.compile hides what it computes",
    "scripted sum": "torch.jit.script hides what it computes",
    "list of numbers": "what Python numbers become is not followed",
    "vmap of the sum": "inside of a transform operations are recorded on batched wrappers",
    "NumPy": "NumPy's operations are not torch's",
}
"""Rewritings that may end in "could not tell" (status error), and why."""

OPERATORS = tuple(
    Operator(name, snippet, changes)
    for table, changes in ((_SEMANTIC | SEMANTIC, True), (_EQUAL | EQUAL, False))
    for name, snippet in table.items()
)
