"""The definitions at the top of `archcheck.residual`, sentence by sentence, each with what it decides."""

from __future__ import annotations

import re

import pytest

import archcheck.residual
from tests.residual.blocks import residuals_of

PLAIN = "identity of input: norm, mlp"
SCALED = "scaled of input: norm, mlp"
PART = "partial of input: norm, mlp"
PROJECTED = "projection of input: norm, mlp"
TOKENS = "q = self.linear.weight[:6].expand(2, 6, 16); a = lambda q: f(torch.softmax(q @ x.mT, -1) @ x)"
TURNED = "torch.cat([-x[..., 8:], x[..., :8]], -1)"
GATE = "g = torch.sigmoid(self.linear(x))"
SCORES = "s = self.linear(x) @ x.mT"
STREAMS = "s = x.view(2, 3, 2, 16)"

SENTENCES: dict[str, dict[str, list[str]]] = {
    "A **sink** is a sum, a concatenation or an interpolation, however it is written, of two tensors that "
    "depend on the model's input.": {
        "return x + f(x)": [PLAIN],
        "return f(x).add(x)": [PLAIN],
        "return torch.stack([x, f(x)]).sum(0)": [PLAIN],
        "return torch.cat([x, f(x)], -1)": ["concat of input: norm, mlp"],
        "return torch.lerp(x, f(x), 0.25)": [f"{SCALED}; 0.75 on the skip; 0.25 on the branch"],
        "return x * f(x)": [],
        "return torch.maximum(x, f(x))": [],
        "return self.gamma + f(x)": [],
        "return x + self.gamma": [],
    },
    "It is **live**: its values reach the output, or a state that outlives the call.": {
        "b = f(x); x + b; return b": [],
        "b = f(x); return b.view_as(x + b)": [],
        "self.state = x + f(x); return x": [PLAIN],
        "return {'out': [x + f(x)]}": [PLAIN],
    },
    "A zero factor (a number or a constant; no learned parameter, no random mask), or a mask or dropout of "
    "everything, passes no values, nor does a sum that its module exchanges for the branch alone, or for a "
    "number, in a part or on a condition.": {
        "return 0 * x + f(x)": [],
        "return x + self.zeros * f(x)": [],
        "return x + self.alpha * f(x)": [f"{SCALED}; alpha on the branch"],
        "train: return x + f(x) * torch.bernoulli(torch.zeros(2, 1, 1))": [PLAIN],
        "return x.masked_fill(torch.ones(2, 6, 16) > 0, 0.0) + f(x)": [],
        "return F.dropout(x, 1.0, True) + f(x)": [],
        "b = f(x); return torch.where(x > 0, x + b, b)": [],
        "return torch.where(x > 0, x + f(x), 0.0)": [],
        "y = x + f(x); return torch.where(x > 0, y, y * 0.1)": [PLAIN],
    },
    "Multiples of one tensor in a sum count together: `0.5*x + 0.5*x + f(x)` has x once, `(x + f(x)) - x` "
    "not at all.": {
        "return 0.5 * x + 0.5 * x + f(x)": [PLAIN],
        "return (x + f(x)) - x": [],
        "return x + x + f(x)": [f"{SCALED}; 2.0 on the skip"],
        "b = f(x); return x + 0.5 * b + 0.5 * b": [PLAIN],
    },
    "A tensor that is added unscaled several times stays several summands, if it is the branch.": {
        "b = f(x); return x + b + b": [PLAIN, PLAIN],
        "b = f(x); return x + 0.5 * b + b": [f"{SCALED}; 1.5 on the branch"],
    },
    "The **skip path** leads back from one operand of the sink through what merely moves or rescales, and "
    "through sums: those made by the sink's own module to either side, so that `x + a(x) + b(x)` is one sum "
    "whatever its grouping, and those of earlier residuals along their skip path.": {
        "return x.view(2, 96).view(2, 6, 16) * 2 + f(x)": [f"{SCALED}; 2.0 on the skip"],
        "return torch.relu(x) + f(x)": [],
        "return x + f(x) + self.linear(x)": [PLAIN, "identity of input: linear"],
        "return x + (f(x) + self.linear(x))": [PLAIN, "identity of input: linear"],
        "b = f(x); return x + b + self.linear(b)": [PLAIN, "identity of mlp: linear"],
        "b = f(x); h = torch.lerp(x, b, 0.25); return h + self.linear(b)": [
            f"{SCALED}; 0.75 on the skip; 0.25 on the branch",
            "scaled of input: norm, mlp, linear; 0.75 on the skip",
        ],
        "y = x + f(x); return y + self.linear(y)": [PLAIN, "identity of sink(mlp): linear"],
    },
    "Only where no such path holds may it pass mixing weights, and only then affine maps, which a "
    "normalization may follow.": {
        "return x * torch.sigmoid(self.linear(x)) + f(x)": ["gated of input: norm, mlp"],
        "return self.linear(x) + f(x)": [PROJECTED],
        "return self.norm(self.linear(x)) + f(x)": [PROJECTED],
        "return self.norm(x) + f(x)": [],
        "y = self.linear(x); return y + x + f(y)": [
            "identity of input: linear",
            "identity of linear: norm, mlp",
        ],
        f"{GATE}; h = g * x; return h + self.linear(h)": ["identity of mul: linear"],
    },
    "It carries every element of the source to its own place, perhaps several times.": {
        "return x.unsqueeze(0).expand(3, 2, 6, 16) + f(x)": [PLAIN],
        "return x.transpose(0, 1).contiguous().transpose(0, 1) + f(x)": [PLAIN],
        "return x[:, :1].expand(2, 6, 16) + f(x)": [],
    },
    "Axes may be exchanged where the branch exchanges some too.": {
        "return x.mT + f(x).mT": [PLAIN],
        "return x.mT.reshape(2, 6, 16) + f(x)": [],
    },
    "A part, or the source and zeros, is `partial`.": {
        "return x[:, ::2] + f(x)[:, ::2]": [PART],
        "return F.pad(x[..., :8], (4, 4)) + f(x)": [PART],
    },
    "Moved elements (flipped, rolled, gathered) are no residual, nor is a part that the branch never "
    "reads.": {
        "return x.flip(1) + f(x)": [],
        "return x.roll(1, 1) + f(x)": [],
        "return x[:, [1, 0, 2, 3, 4, 5]] + f(x)": [],
        "a, b = x.chunk(2, 1); return b + f(a)": [],
        "a, b = x.chunk(2, 1); return a + f(a)": [PLAIN],
    },
    "The **source** is the latest tensor on the skip path on which the other operand depends.": {
        "h = torch.relu(x); return h + f(h)": ["identity of relu: norm, mlp"],
        "h = torch.relu(x); return h + f(x)": [],
        "h = self.linear(x); return h + x + f(h)": [
            "identity of input: linear",
            "identity of linear: norm, mlp",
        ],
    },
    "What is made of parameters alone can be one, where what was computed from it and the input is added to "
    "it, in a single place: a class token, learned queries.": {
        f"{TOKENS}; return q + a(q)": ["identity of linear.weight: norm, mlp"],
        f"{TOKENS}; return q + f(x)": [],
        f"{TOKENS}; return q + f(q)": [],
        f"{TOKENS}; return q + a(torch.relu(q + a(q)))": [],
    },
    "The **branch** is everything between the source and that operand.": {
        "return x + self.linear(f(x) * torch.sigmoid(self.linear(x)))": [
            "identity of input: norm, mlp, linear"
        ],
        "h = self.linear(x); return h + f(h)": ["identity of linear: norm, mlp"],
    },
    "It must mix positions or channels.": {
        "return x + torch.softmax(x, -1)": ["identity of input: "],
        "return x + x.mean(1, keepdim=True)": ["identity of input: "],
        "return x + torch.tanh(x)": [],
    },
    "Pointwise arithmetic alone, learned or not, is an activation function (the polynomial of a GELU, a "
    "Snake).": {
        "x = self.linear(x); return self.linear(x + 0.044715 * x * x * x)": [],
        "x = self.linear(x); return self.linear(x + torch.sin(self.gamma * x) ** 2 / self.gamma)": [],
    },
    "A permutation is a rotary embedding, whatever it is multiplied by.": {
        f"return x * self.gamma + {TURNED} * self.gamma": [],
        f"return x * self.gamma + {TURNED} * self.ones": [],
    },
    "A rescaled copy is the source itself.": {
        "return x + 0.5 * x": [],
        "return x + x.clone() * self.gamma": [],
    },
    "What comes from a single number is an offset.": {
        "return x + x.amax()": [],
        "return x + self.linear(x.mean() * self.gamma)": [],
    },
    "A branch without parameters, in a sum that one module call executes over and over, is a recurrence (a "
    "linear attention's state).": {
        "h = x; [h := h + torch.softmax(h, -1) for _ in range(2)]; return h": [],
        "h = x; [h := h + self.linear(h) for _ in range(2)]; return h": [
            "identity of input: linear",
            "identity of sink(linear): linear",
        ],
    },
    "What is added to attention scores on their way to the softmax is a mask or bias.": {
        f"{SCORES}; return torch.softmax(s + s @ s, -1)": [],
        f"{SCORES}; return s + self.mlp[0].weight[:6, :6] @ s": ["identity of matmul: "],
    },
    "Of what is nothing but a gate's argument, neither summand is a projection.": {
        "return x * torch.sigmoid(self.linear(x) + f(x))": [],
        "return x * torch.relu(self.linear(x) + f(x))": [PROJECTED],
    },
    "The sink's own module adds the branch's output as it is, or a part of it to a part of the source.": {
        "b = f(x); return x[:, :1] + b[:, :1]": [PART],
        "b = f(x); return x + b.view(2, 96).view(2, 6, 16)": [PLAIN],
    },
    "In another order than the source's, or as a part expanded over the rest, it is another tensor.": {
        "return x + f(x).mT.reshape(2, 6, 16)": [],
        "return x + f(x)[:, [1, 0, 2, 3, 4, 5]]": [],
        "return x + f(x).flip(1)": [],
        "return x + f(x.flip(1)).flip(1)": [PLAIN],
        "return x + f(x)[:, :1]": [],
    },
    "A **concatenation** has a residual for each two of its parts of which one was computed from the other, "
    "at the first concatenation that holds both.": {
        "a = f(x); h = torch.cat([x, a], -1); return torch.cat([x, a, self.mlp[2](h)], -1)": [
            "concat of input: norm, mlp",
            "concat of mlp: mlp.2",
            "concat of input: norm, mlp, mlp.2",
        ],
        "return torch.cat([f(x), self.linear(x)], -1)": [],
    },
    "**Kind**: `multi-stream` if the branch is spread over parallel streams.": {
        f"{STREAMS}; return s + self.gamma[:3].view(3, 1, 1) * f(s.sum(1)).unsqueeze(1)": [
            "multi-stream of input: norm, mlp"
        ],
        f"{STREAMS}; return s + f(s)": [PLAIN],
    },
    "`projection` if the skip path is an affine map, batch norm in either mode among them; then the branch "
    "must not be one, and more than an addend of it is learned.": {
        "return F.avg_pool1d(x, 3, 1, 1) + f(x)": [PROJECTED],
        "train: return F.batch_norm(x.mT, None, None, training=True).mT + f(x)": [PROJECTED],
        "return F.batch_norm(x.mT, self.zeros, self.ones).mT + f(x)": [PROJECTED],
        "return self.linear(x) + self.mlp[2](self.mlp[0](x))": [],
        "return x.pow(2).sum(-1, keepdim=True) + self.gamma.pow(2) - 2 * self.linear(x)": [],
    },
    "`gated` if a mixing weight on it depends on the input; the branch's values must depend on the source, "
    "not their weights alone.": {
        f"{GATE}; return g * x + (1 - g) * f(x)": ["gated of input: linear, norm, mlp"],
        f"{GATE}; return g * x + (1 - g) * self.gamma": [],
        "return torch.lerp(x, f(x), torch.sigmoid(self.linear(x)))": ["gated of input: norm, mlp, linear"],
    },
    "`partial` as above.": {"return x[..., ::2] + f(x)[..., ::2]": [PART]},
    "`scaled` if a factor is constant or learned.": {
        "return x * 0.5 + f(x)": [f"{SCALED}; 0.5 on the skip"],
        "return x + f(x) * self.gamma": [f"{SCALED}; gamma on the branch"],
        "return x + f(x) * x.mean(1, keepdim=True)": [PLAIN],
    },
    "`concat` if the sink concatenates.": {
        "return torch.cat([0.5 * x, x, f(x)], -1)": ["concat of input: norm, mlp"],
    },
    "Else `identity`.": {"return x - (-f(x))": [PLAIN]},
}


def test_each_sentence_of_the_definitions_is_shown() -> None:
    text = str(archcheck.residual.__doc__)
    definitions = text[text.index("\n- ") : text.index("Reading order:")]
    paragraphs = [" ".join(part.split()) for part in definitions.split("\n- ")]
    sentences = [one for part in paragraphs for one in re.split(r"(?<=\.) (?=[A-Z`*])", part) if one]
    assert list(SENTENCES) == sentences


@pytest.mark.parametrize(
    ("body", "residuals"), [(body, found) for shown in SENTENCES.values() for body, found in shown.items()]
)
def test_what_a_sentence_decides(body: str, residuals: list[str]) -> None:
    assert residuals_of(body.removeprefix("train: "), train=body.startswith("train: ")) == residuals
