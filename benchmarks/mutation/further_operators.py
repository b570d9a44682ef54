"""Further rewritings of one sum `y = s + b`, in the notation of `operators`."""

from __future__ import annotations

SEMANTIC = {
    # nothing of the skip path, or not always
    "sum in a dead branch": "y = b\nif s.dim() > 99:\n    y = s + b",
    "sum in an exception": "try:\n    y = b\nexcept RuntimeError:\n    y = s + b",
    "sum in a default": "y = (lambda h=s + b: b)()",
    "sum in a list": "h = [s + b, b]\ny = h[1]",
    "sum in a generator never run": "h = (p + q for p, q in [(s, b)])\ny = b",
    "sum of an empty part": "y = b.clone()\ny[:, :0] += s[:, :0]",
    "sum subtracted": "h = s + b\ny = b + h - h",
    "multiplied by zeros of itself": "y = b + s * (s != s)",
    "masked by false": "y = b + s * torch.zeros_like(s, dtype=torch.bool)",
    "weight of zero": "y = torch.lerp(b, s + b, 0.0)",
    "clamped away": "y = b + s.clamp(0, 0)",
    "sum of tiny": "y = b + s * 1e-3",
    "skip dropped in evaluation": "y = s + b if self.training else b.clone()",
    "in another dtype": "y = b + s.to(torch.int32).to(s.dtype)",
    "sign of the skip": "y = b + torch.sign(s)",
    "only one sample": "y = b.clone()\ny[:, 0] = y[:, 0] + s[:, 0]",
    "every other row": "y = b.clone()\ny[:, ::2] += s[:, ::2]",
    "last channel left out": "y = b + torch.nn.functional.pad(s[..., :-1], (0, 1))",
    "shifted by padding": "y = b + torch.nn.functional.pad(s, (1, 0))[..., :-1]",
    "shifted rows": "y = b + torch.cat([s[:, -1:], s[:, :-1]], 1)",
    "zigzag": "y = b + s.reshape(-1).flip(0).reshape(s.shape)",
    "repeated first half": "n = s.shape[-1] // 2\ny = b + torch.cat([s[..., :n], s[..., :n]], -1)",
    "expanded mean": "y = b + s.mean((1, 2), keepdim=True).expand_as(s)",
    "cumulated channels": "y = b + s.cumsum(-1)",
    "softmax times the skip": "y = b + s * s.softmax(-1)",
    "less its mean": "y = b + (s - s.mean(-1, keepdim=True))",
    "over its maximum": "y = b + s / s.abs().amax()",
    "logarithm of the skip": "y = b + torch.log1p(s.abs())",
    "sine of the skip": "y = b + torch.sin(s)",
    "hardtanh of the skip": "y = b + torch.nn.functional.hardtanh(s, -0.5, 0.5)",
    "batch mean": "y = b + s.mean(0, keepdim=True) * torch.ones_like(s) + s * 0",
    "matrix on the skip": "y = b + s @ (2 * torch.eye(s.shape[-1], dtype=s.dtype))",
    "random matrix on the skip": "y = b + s @ torch.ones(s.shape[-1], s.shape[-1], dtype=s.dtype)",
    # the branch
    "branch negated in place": "b.neg_()\ny = s + b",
    "branch halved in place": "b *= 0.5\ny = s + b",
    "branch clipped in place": "b.clamp_(-0.05, 0.05)\ny = s + b",
    "sine of the branch": "y = s + torch.sin(b)",
    "logarithm of the branch": "y = s + torch.log1p(b.abs())",
    "error function of the branch": "y = s + torch.erf(b)",
    "softplus of the branch": "y = s + torch.nn.functional.softplus(b)",
    "sign of the branch": "y = s + torch.sign(b)",
    "branch plus its mean": "y = s + (b + b.mean(-1, keepdim=True))",
    "branch less its mean": "y = s + (b - b.mean(-1, keepdim=True))",
    "branch plus one": "y = s + (b + 1.0)",
    "branch plus a table": "y = s + (b + torch.arange(b.shape[-1], dtype=b.dtype))",
    "branch times a table": "y = s + b * torch.arange(b.shape[-1], dtype=b.dtype)",
    "branch mixed": "y = s + b @ torch.ones(b.shape[-1], b.shape[-1], dtype=b.dtype)",
    "branch shifted": "y = s + torch.cat([b[:, 1:], b[:, :1]], 1)",
    "branch reordered by an index": "y = s + b[:, torch.arange(b.shape[1]).flip(0)]",
    "branch reordered by a list": "y = s + b[..., list(range(b.shape[-1]))[::-1]]",
    "branch's first half twice": "n = b.shape[-1] // 2\ny = s + torch.cat([b[..., :n], b[..., :n]], -1)",
    "branch where positive": "y = s + torch.where(b > 0, b, torch.zeros_like(b))",
    "branch masked": "y = s + b.masked_fill(b < 0, 0.0)",
    "branch of half the source": "y = s + BRANCH(0.5 * s)",
    "branch of minus the source": "y = s + BRANCH(-s)",
    "branch of the source plus one": "y = s + BRANCH(s + 1)",
    "branch of an exponential": "y = s + BRANCH(s.exp())",
    "branch of a sine": "y = s + BRANCH(torch.sin(s))",
    "branch of reordered rows": "y = s + BRANCH(s[:, torch.arange(s.shape[1]).flip(0)])",
    "branch of the clamped source": "y = s + BRANCH(s.clamp(-0.5, 0.5))",
    "branch of the mean": "y = s + BRANCH(s.mean(1, keepdim=True).expand_as(s))",
    "branch of a sum": "y = s + BRANCH(s + BRANCH(s))",
    "branch three times": "y = s + BRANCH(s)\ny = y + BRANCH(BRANCH(s))",
    "branch after the sum": "y = s + BRANCH(s)\ny = BRANCH(y)",
    "branch in both": "y = BRANCH(s) + BRANCH(BRANCH(s))",
    # the sum
    "sum negated": "y = -(s + b)",
    "sum clamped": "y = (s + b).clamp(-0.5, 0.5)",
    "sum squared": "y = (s + b) ** 2",
    "sum's exponential": "y = torch.exp(s + b)",
    "sum of absolutes": "y = s.abs() + b.abs()",
    "euclidean": "y = (s * s + b * b).sqrt()",
    "logarithm of a sum": "y = torch.logaddexp(s, b)",
    "minimum": "y = torch.minimum(s, b)",
    "harmonic": "y = s * b / (s.abs() + b.abs() + 1)",
    "three to one": "y = 0.75 * s + 0.25 * b",
    "one and a half": "y = 2 * s - 0.5 * s + b",
    "weights that sum to two": "y = 1.5 * s + 0.5 * b",
    "sum cumulated": "y = (s + b).cumsum(1)",
    "sum flipped": "y = (s + b).flip(-1)",
    "sum rounded": "y = (s + b).round()",
    "sum of the clone": "h = s.clone()\nh.mul_(2)\ny = h + b",
    "sum with noise": "y = s + b + 0.1 * torch.randn_like(b)",
    "doubled by a stack": "y = torch.stack([s, b, s]).sum(0)",
    "stack's first": "y = torch.stack([s, b])[0]",
    "stack's difference": "y = torch.stack([s, b]).diff(dim=0)[0]",
    "weighted stack": (
        "w = torch.tensor([0.3, 0.7], dtype=s.dtype)\ny = torch.einsum('k,k...->...', w, torch.stack([s, b]))"
    ),
}

EQUAL = {
    # numbers that cancel
    "three thirds": "y = (s + s + s) / 3 + b",
    "thrice less twice": "y = 3 * s - 2 * s + b",
    "quarters": "y = 0.25 * s + 0.75 * s + b",
    "branch in parts": "y = s + 0.3 * b + 0.7 * b",
    "middle of twice both": "y = (2 * s + 2 * b) / 2",
    "half of the doubled": "y = 0.5 * (2 * s) + b",
    "minus of minuses": "y = -(-s - b)",
    "difference of differences": "y = s - (s - (s + b))",
    "times two halves": "y = s * 0.5 * 2 + b",
    "lerp to the doubled": "y = torch.lerp(s, s + 2 * b, 0.5)",
    "lerp of one": "y = torch.lerp(s, s + b, 1.0)",
    "addcmul of one": "y = torch.addcmul(s, b, torch.tensor(1.0, dtype=b.dtype))",
    "alpha of a sum": "y = torch.add(0.5 * s, s, alpha=0.5) + b",
    "root of a square's factor": "y = s * (4 ** 0.5) / 2 + b",
    "true divide": "y = torch.true_divide(s, 1.0) + b",
    "float of true": "y = float(True) * s + b",
    "pow zero": "y = s * 3.0 ** 0 + b",
    # buffers
    "full buffer": "y = torch.full_like(s, 0.0)\ny += s\ny += b",
    "new tensor of zeros": "y = s.new_full(s.shape, 0.0)\ny.add_(s).add_(b)",
    "halves of a buffer": (
        "n = s.shape[-1] // 2\ny = torch.empty_like(b)\ny[..., :n] = s[..., :n] + b[..., :n]\n"
        "y[..., n:] = s[..., n:] + b[..., n:]"
    ),
    "sample by sample": "y = torch.stack([s[i] + b[i] for i in range(len(s))])",
    "in place of the branch's clone": "y = b.clone()\ny += s",
    "out of a method": "y = torch.zeros_like(s)\ntorch.add(b, s, out=y)",
    "copied into a slice": "y = torch.zeros_like(s)\ny[:] = s\ny[:] += b",
    "written to the end": (
        "h = torch.empty(*s.shape, 2, dtype=s.dtype)\nh[..., 0] = s\nh[..., 1] = b\ny = h.sum(-1)"
    ),
    "a row at a time": "y = b.clone()\nfor i in range(s.shape[1]):\n    y[:, i] += s[:, i]",
    "index_put": "y = b.index_put((torch.arange(b.shape[0]),), s, accumulate=True)",
    "index_copy": "y = torch.zeros_like(s).index_copy(0, torch.arange(s.shape[0]), s) + b",
    "masked_scatter": "y = torch.zeros_like(s).masked_scatter(torch.ones_like(s, dtype=torch.bool), s) + b",
    "where of both": "y = torch.where(torch.ones_like(s, dtype=torch.bool), s + b, s)",
    # shapes
    "squeezed": "y = (s[None] + b[None])[0]",
    "double transposition of the sum": "y = (s.mT + b.mT).mT",
    "swapped axes": "y = (s.swapaxes(0, 1) + b.swapaxes(0, 1)).swapaxes(0, 1)",
    "flat rows": "y = (s.flatten(0, 1) + b.flatten(0, 1)).unflatten(0, s.shape[:2])",
    "split in three": (
        "y = torch.cat([p + q for p, q in zip(s.tensor_split(3, -1), b.tensor_split(3, -1), "
        "strict=True)], -1)"
    ),
    "narrowed halves": (
        "n = s.shape[1] // 2\ny = torch.cat([s.narrow(1, 0, n) + b.narrow(1, 0, n), s[:, n:] + b[:, n:]], 1)"
    ),
    "stacked columns": (
        "y = torch.stack([p + q for p, q in zip(s.unbind(-1), b.unbind(-1), strict=True)], -1)"
    ),
    "as strided": "y = s.contiguous().as_strided(s.shape, s.contiguous().stride()) + b",
    "repeated and cut": "y = s.repeat(2, *[1] * (s.dim() - 1))[: s.shape[0]] + b",
    "rotated thrice": "y = s.flip(0).flip(1).flip(0).flip(1) + b",
    "rolled by all": "y = s.roll(s.shape[1], 1) + b",
    "both rolled": "y = (s.roll(1, 1) + b.roll(1, 1)).roll(-1, 1)",
    "both reversed in rows": "y = (s.flip(1) + b.flip(1)).flip(1)",
    "meshed": "y = torch.cat([s.unsqueeze(-1), b.unsqueeze(-1)], -1).sum(-1)",
    "hstack": "y = torch.hstack([s[:, None], b[:, None]]).sum(1)",
    "vstack": "y = torch.vstack([s[None], b[None]]).sum(0)",
    "dim by name": "y = torch.stack(tensors=[s, b], dim=0).sum(dim=0)",
    "mean of a pair doubled": "y = 2 * torch.mean(torch.stack([s, b]), 0)",
    "sum over two axes": "y = torch.stack([s, b])[:, None].sum((0, 1))",
    "einsum identity": "y = torch.einsum('...->...', s) + b",
    "nansum of a stack": "y = torch.nansum(torch.stack([s, b]), 0)",
    "add of a list": "from itertools import accumulate\n*_, y = accumulate([s, b])",
    "baddbmm": (
        "e = torch.eye(s.shape[-1], dtype=s.dtype)\n"
        "y = torch.baddbmm(s.reshape(1, -1, s.shape[-1]), b.reshape(1, -1, s.shape[-1]), e[None])\n"
        "y = y.view(s.shape)"
    ),
    "identity matrix": "y = s @ torch.eye(s.shape[-1], dtype=s.dtype) + b",
    "identity linear": "y = torch.nn.functional.linear(s, torch.eye(s.shape[-1], dtype=s.dtype)) + b",
    # spelling
    "sum method": "y = s.__iadd__(b) if False else s.add(b)",
    "chained comparison": "y = s + b if 0 < s.dim() < 99 else s",
    "star arguments": "y = torch.add(*(s, b))",
    "keyword dictionary": "y = torch.add(**{'input': b, 'other': s})",
    "getattr": "y = getattr(torch, 'add')(s, b)",
    "method of a list": "h = []\nh.append(s)\nh.append(b)\ny = h.pop() + h.pop()",
    "deque": "from collections import deque\nh = deque([s, b])\ny = h.popleft() + h.popleft()",
    "nested function": (
        "def outer():\n    def inner():\n        return s + b\n    return inner()\ny = outer()"
    ),
    "context variable": "import contextvars\nc = contextvars.ContextVar('c')\nc.set(s)\ny = c.get() + b",
    "map": "y = next(map(torch.add, [s], [b]))",
    "starmap": "from itertools import starmap\ny = next(starmap(torch.add, [(s, b)]))",
    "zip": "y = [p + q for p, q in zip([s], [b], strict=True)][0]",
    "enumerate": "parts = {i: p for i, p in enumerate([s, b])}\ny = parts[0] + parts[1]",
    "exception": "try:\n    raise ValueError\nexcept ValueError:\n    y = s + b",
    "finally": "try:\n    pass\nfinally:\n    y = s + b",
    "for else": "for _ in range(1):\n    pass\nelse:\n    y = s + b",
    "early continue": "for i in range(2):\n    if i == 0:\n        continue\n    y = s + b",
    "static method": (
        "y = Adding.of(s, b)\n---\nclass Adding:\n    @staticmethod\n    def of(p, q):\n        return p + q"
    ),
    "callable object": (
        "y = Adder()(s, b)\n---\nclass Adder:\n    def __call__(self, p, q):\n        return p + q"
    ),
    "named tuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'a b')\np = P(s, b)\ny = p.a + p.b"
    ),
    "cached": (
        "from functools import cached_property\nclass C:\n    @cached_property\n    def v(c):\n"
        "        return s + b\ny = C().v"
    ),
    "single dispatch": (
        "y = dispatched(s, b)\n---\nimport functools\n@functools.singledispatch\n"
        "def dispatched(p, q):\n    return p + q"
    ),
    "decorated": (
        "y = decorated(s, b)\n---\ndef around(f):\n    return lambda *a: f(*a)\n"
        "@around\ndef decorated(p, q):\n    return p + q"
    ),
    "Sequential of nothing": "y = torch.nn.Sequential()(s) + b",
    "Dropout module in evaluation": "y = s + torch.nn.Dropout(0.5).eval()(b)",
    "Flatten and Unflatten": "y = torch.nn.Unflatten(1, s.shape[1:])(torch.nn.Flatten()(s)) + b",
    "no grad": "with torch.no_grad():\n    h = s * 1\ny = h + b",
    "cast back": "y = s.to(torch.float64).to(s.dtype) + b",
    "same device": "y = s.to(b.device) + b.to(s.device)",
    "detached and attached": "y = s.detach().requires_grad_(False) + b",
    "positive": "y = +s + (+b)",
    "nan_to_num": "y = torch.nan_to_num(s) + b",
    "max with minus infinity": "y = torch.maximum(s, s.new_full((), -float('inf'))) + b",
    "real of a cast": "y = s.to(torch.complex128).real.to(s.dtype) + b",
}
