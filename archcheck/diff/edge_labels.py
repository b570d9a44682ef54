"""What the label of a residual edge claims about the join, and whether that is true."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from archcheck.connections import Kind
from archcheck.spec.factors import factor_value

_SUMS = frozenset(Kind) - {Kind.CONCAT}
# Whole words at an edge, the kinds that they name, and the terms of boxes on the way that they may name.
_WORDS: tuple[tuple[re.Pattern[str], frozenset[Kind], frozenset[str]], ...] = tuple(
    (re.compile(rf"(?<![a-z])(?:{words})(?![a-z])"), frozenset(kinds), frozenset(terms.split("|")))
    for words, kinds, terms in (
        (r"concat(?:enat(?:e|ed|ion))?|cat|©|‖|拼接", [Kind.CONCAT], "concat"),
        (r"gate[ds]?|gating|门控", [Kind.GATED, Kind.SCALED], "gate|product|GLU"),
        (r"(?:layer-?)?scaled?|scaling|缩放", [Kind.SCALED], "scale|product"),
        (
            r"proj(?:ect(?:ed|ion))?|linear|(?:\d\s*[×x]\s*\d\s*)?conv(?:olution)?|投影|线性|卷积",
            [Kind.PROJECTION],
            "Linear|convolution|pointwise convolution",
        ),
        (r"identity|恒等", [Kind.IDENTITY], ""),
        (r"add|sum|\+|⊕|相加", _SUMS, "sum"),
        (r"multi-?streams?|(?:\d+|n|m) streams", [Kind.MULTI_STREAM], ""),
    )
)
_NUMBER = r"\d+(?:\.\d+)?(?:\s*/\s*(?:√\s*)?\d+(?:\.\d+)?)?|√\s*\d+"
_FACTOR = re.compile(rf"[×*·]\s*({_NUMBER})|(?<![\w.])({_NUMBER})\s*[×*·](?!\s*\d)")
_LEARNED = re.compile(
    r"[×*·]\s*\\?(?:[αβγλ]|alpha|beta|gamma|lambda)|(?:[αβγλ]|\\(?:alpha|beta|gamma|lambda))\s*[×*·]"
)


def contradicted(label: str, kind: Kind, factors: Iterable[float | None], terms: Iterable[str]) -> bool:
    """Return whether a label claims what neither the edge's kind and factors nor its boxes have.

    `factors` are the factors of each side, None if learned; `terms` what boxes claim.

    >>> contradicted("concat", Kind.IDENTITY, [], []), contradicted("× 0.2", Kind.SCALED, [0.2], [])
    (True, False)
    """
    text, named, values = label.casefold(), frozenset(terms), list(factors)
    for words, kinds, boxes in _WORDS:
        if words.search(text) and kind not in kinds and named.isdisjoint(boxes):
            return True
    has_scale = (
        bool(values) or kind in (Kind.SCALED, Kind.GATED) or not named.isdisjoint({"scale", "product"})
    )
    if _LEARNED.search(text) and not has_scale:
        return True
    match = _FACTOR.search(text)
    if match is None or "conv" in text:
        return False
    said = factor_value(match[1] or match[2])
    return not any(value is not None and math.isclose(value, said, rel_tol=1e-2) for value in values)
