"""What a box claims: by its `op` and a label of another sort, else by its label or, of a module, its role."""

from __future__ import annotations

import re
from collections.abc import Mapping

from archcheck.diff.wording import label
from archcheck.spec.model import Box, Panel, Role
from archcheck.vocabulary import TERMS, Claim, Family, Region, claims, is_a

_ROLES: Mapping[Role, tuple[str, ...]] = {
    Role.EMBEDDING: ("Embedding",),
    Role.NORM: ("Norm",),
    Role.LINEAR: ("Linear",),
    Role.CONVOLUTION: ("convolution",),
    Role.ATTENTION: ("attention",),
    Role.FEED_FORWARD: ("feed-forward", "mixture of experts"),
    Role.ACTIVATION: ("activation",),
    Role.SOFTMAX: ("SoftMax",),
    Role.DROPOUT: ("dropout",),
    Role.POOLING: ("pooling",),
    Role.POSITION: ("positions",),
    Role.ROUTER: ("router",),
    Role.MASK: ("mask",),
}
_LOOSE = frozenset([Role.FEED_FORWARD, Role.ROUTER])
"""Roles that imply no single operation if the label names none."""

WIDTHS = frozenset(["channels", "from"])
"""Numbers that a spec's narrow model changes: they are only compared with the published size."""

NUMBERS = WIDTHS | {"kernel", "stride", "dilation", "groups", "k", "p", "heads"}


def claimed(panel: Panel, box: str) -> tuple[Claim, ...]:
    """Return the claims of a box; () if it names nothing that the vocabulary knows."""
    value = panel.boxes[box]
    found = claims(label(panel, box))
    if value.op:
        said = {term for claim in found for term in claim.terms}
        akin = value.op in TERMS and any(is_a(value.op, term) or is_a(term, value.op) for term in said)
        named = Claim((value.op,), value.op)
        return (named,) if akin else (named, *found)
    if value.module is not None:  # "Q" may be what a module makes, and "R" its name
        found = tuple(
            claim
            for claim in found
            if TERMS[claim.terms[0]].family is not Family.VALUE and not re.fullmatch("[a-z]", claim.text)
        )
    own = role_claim(value)
    if found or own is None or value.module is None or value.role in _LOOSE:
        return found
    return (own,)


def role_claim(value: Box) -> Claim | None:
    """Return the claim that a box's role makes by itself, or None."""
    terms = _ROLES.get(value.role) if value.role else None
    return Claim(terms, value.role.value) if terms and value.role else None


def meets(region: Region, claim: Claim) -> bool:
    """Return whether a region computes what a claim says, as far as its term goes."""
    return any(term in TERMS and is_a(region.term.name, term) for term in claim.terms)


def contradiction(region: Region, claim: Claim, widths: bool = False) -> str:
    """Return the first detail of a claim that a region contradicts, `widths` included; "" if none."""
    for name, said in claim.details.items():
        if name in WIDTHS and not widths:
            continue
        actual = region.details.get(name)
        if actual is not None and not _agree(said, actual):
            return name
    return ""


def untold(region: Region, claim: Claim) -> str:
    """Return the first detail of a claim, except numbers, that a region does not settle; "" if none."""
    details = (name for name in claim.details if name not in NUMBERS)
    return next((name for name in details if region.details.get(name) is None), "")


def _agree(said: object, actual: object) -> bool:
    if said is True and isinstance(actual, int):
        return bool(actual)
    if isinstance(actual, tuple) and not isinstance(said, tuple):
        return all(part == said for part in actual)
    if isinstance(said, tuple) and isinstance(actual, tuple) and len(said) != len(actual):
        return len(set(said)) == 1 and set(said) == set(actual)
    return said == actual


def detail_words(name: str, value: object) -> str:
    """Return a detail in words: `kernel 7×7`, `not causal`."""
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, tuple):
        return f"{name} {'×'.join(map(str, value))}"
    return f"{name} {value}"
