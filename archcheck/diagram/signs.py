"""Signs that a figure draws in a circle, and what they stand for."""

from __future__ import annotations

from archcheck.spec.model import Box

PLUS = frozenset({"⊕", "+", "＋", "add", "sum", "∑", "Σ"})
TIMES = frozenset({"⊗", "×", "✕", "@", "matmul"})
DOT = frozenset({"⊙", "·", "∘", "*"})
JOIN = frozenset({"c", "∥", "‖", "||", "concat", "cat", "ⓒ"})


def sign_of(box: Box, name: str) -> str:
    """Return how the sign of an operator is drawn: plus, times or dot; "" for any other text."""
    label = (box.label or name).strip().lower()
    return "plus" if label in PLUS else "times" if label in TIMES else "dot" if label in DOT else ""


def is_sign(label: str) -> bool:
    """Say whether a label is the sign of an operation alone, not a word for it."""
    label = label.strip()
    return label in PLUS | TIMES | DOT | JOIN and not label.isalpha()
