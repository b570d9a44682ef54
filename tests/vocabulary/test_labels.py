"""Labels and what they claim."""

from __future__ import annotations

import pytest

from archcheck.vocabulary import TERMS, claims
from archcheck.vocabulary.notations import NOTATIONS


@pytest.mark.parametrize(
    ("label", "terms"),
    [
        ("Add & Norm", ["sum", "Norm"]),
        ("Linear Q", ["Linear"]),
        ("Swish", ["SiLU"]),
        ("LN", ["LayerNorm"]),
        ("RMSNorm", ["RMSNorm"]),
        ("多头注意力", ["MHA"]),
        ("归一化", ["Norm"]),
        ("R", ["repeat"]),
        ("RoPE", ["RoPE"]),
        ("GELU (tanh)", ["tanh GELU"]),
        ("Linear attention", ["linear attention"]),
        ("Multi-Head\nAttention", ["MHA"]),
        ("Rotary Position Embedding (RoPE)", ["RoPE"]),
        ("Activation (GELU)", ["GELU"]),
        ("SiLU / Swish", ["SiLU"]),
        ("SwiGLU FFN", ["SwiGLU", "feed-forward"]),
        ("Conv-BN-ReLU 3×3", ["convolution", "BatchNorm", "ReLU"]),
        ("RoPE 旋转位置编码", ["RoPE"]),
        ("log-softmax", ["log SoftMax"]),
        ("σ(·)", ["Sigmoid"]),
        ("input_layernorm", []),
        ("Residual", []),
        ("Routed Expert Y", []),
        ("Encoder layer × 6", []),
        ("Dense block", []),
        ("hello + world", []),
        ("Tokenizer Encoder", []),
        ("K'", ["key"]),
        ("Q", ["query"]),
        ("Q K V", []),
        ("σ", ["Sigmoid"]),
        ("Σ", ["sum"]),
        ("Noise Σ", []),
        ("z = μ + σ ⊙ ε", []),
        ("Multi Head Attention", ["MHA"]),
        ("MultiheadAttention", ["MHA"]),
        ("Mask", ["mask"]),
        ("Mask head", []),
        ("Mask & SoftMax", ["mask", "SoftMax"]),
        ("Attention map", []),
        ("Attention layer", ["attention"]),
        ("Product key memory", []),
        ("Multi-scale features", []),
        ("Non-linear layer", []),
        ("Dense features", []),
        ("Softmax loss", []),
        ("Graph Conv", []),
        ("Multi-scale deformable attention", []),
        ("Spectral Norm", []),
        ("Global Response Norm", []),
        ("Local response norm", ["local response norm"]),
        ("Linear Embedding", ["convolution"]),
        ("Linear Recurrent Unit", ["recurrence"]),
        ("Abs. position", []),
    ],
)
def test_what_a_label_claims(label: str, terms: list[str]) -> None:
    assert [claim.terms[0] for claim in claims(label)] == terms


def test_numbers_belong_to_the_claim() -> None:
    (claim,) = claims("7×7 conv, 64, /2")
    assert dict(claim.details) == {"kernel": (7, 7), "channels": 64, "stride": 2}
    (claim,) = claims("Masked self-attention")
    assert dict(claim.details) == {"causal": True, "source": "self"}


@pytest.mark.parametrize(
    ("label", "details"),
    [
        ("Causal Multi-Head Attention", {"causal": True}),
        ("Masked local cross-attention", {"causal": True, "window": True, "source": "cross"}),
        ("Multi-Head Self-Attention", {"source": "self"}),
        ("掩码多头自注意力", {"causal": True, "source": "self"}),
        ("Scaled Dot-Product Attention", {"scale": "1/√d"}),
        ("Top-2 router", {"k": 2}),
        ("Dropout (p=0.1)", {"p": 0.1}),
        ("RoPE (interleaved)", {"pairs": "neighbours"}),
        ("Patch embedding (conv 16×16, stride 16)", {"kernel": (16, 16), "stride": 16}),
        ("nn.Conv2d(64, 128, 3, 2, 1)", {"from": 64, "channels": 128, "kernel": 3, "stride": 2}),
        ("Linear(768, 3072)", {"from": 768, "channels": 3072}),
    ],
)
def test_what_a_label_says_beyond_its_term(label: str, details: dict[str, object]) -> None:
    (claim,) = claims(label)
    assert dict(claim.details) == details


def test_a_kernel_is_of_the_convolution_beside_it() -> None:
    assert [dict(claim.details) for claim in claims("Conv1x1, Swish")] == [{"kernel": (1, 1)}, {}]


def test_numbers_belong_to_the_convolution_among_several_claims() -> None:
    assert [dict(claim.details) for claim in claims("Conv 3×3, BN, ReLU")] == [{"kernel": (3, 3)}, {}, {}]


def test_either_of_two_norms() -> None:
    assert [claim.terms for claim in claims("LayerNorm / RMSNorm")] == [("LayerNorm", "RMSNorm")]


def test_a_block_holds_what_its_label_names() -> None:
    assert [(claim.terms[0], claim.block) for claim in claims("Conv block, 64")] == [("convolution", True)]


def test_every_notation_stands_for_known_terms() -> None:
    assert {term for _, terms, _ in NOTATIONS for term in terms.split("|")} <= set(TERMS)
