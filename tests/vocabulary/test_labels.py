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
    ],
)
def test_what_a_label_claims(label: str, terms: list[str]) -> None:
    assert [claim.terms[0] for claim in claims(label)] == terms


def test_numbers_belong_to_the_claim() -> None:
    (claim,) = claims("7×7 conv, 64, /2")
    assert dict(claim.details) == {"kernel": (7, 7), "channels": 64, "stride": 2}
    (claim,) = claims("Masked self-attention")
    assert dict(claim.details) == {"causal": True, "source": "self"}


def test_numbers_belong_to_the_convolution_among_several_claims() -> None:
    assert [dict(claim.details) for claim in claims("Conv 3×3, BN, ReLU")] == [{"kernel": (3, 3)}, {}, {}]


def test_either_of_two_norms() -> None:
    assert [claim.terms for claim in claims("LayerNorm / RMSNorm")] == [("LayerNorm", "RMSNorm")]


def test_a_block_holds_what_its_label_names() -> None:
    assert [(claim.terms[0], claim.block) for claim in claims("Conv block, 64")] == [("convolution", True)]


def test_every_notation_stands_for_known_terms() -> None:
    assert {term for _, terms, _ in NOTATIONS for term in terms.split("|")} <= set(TERMS)
