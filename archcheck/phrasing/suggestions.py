"""Hints such as "Did you mean …?"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return the choice most like a word, ignoring case; "" if none is like it.

    >>> nearest("mpl", ["attn", "mlp"]), nearest("Attn", ["attn"]), nearest("conv", ["attn"])
    ('mlp', 'attn', '')
    """
    by_lower = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else ""


def suggestion(word: str, choices: Iterable[str], otherwise: str = "") -> str:
    """Return a hint that names the choice that may have been meant; `otherwise` if none is similar.

    >>> suggestion("mpl", ["attn", "mlp"]), suggestion("conv", ["attn"], "It has attn.")
    ("Did you mean 'mlp'?", 'It has attn.')
    """
    near = nearest(word, choices)
    return f"Did you mean '{near}'?" if near else otherwise
