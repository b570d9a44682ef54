"""How source and branch are joined: as drawn, or differently (RES009)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from archcheck.connections import Factor, Kind
from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.edge_labels import contradicted
from archcheck.diff.marks.claimed import claimed
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.wording import Names
from archcheck.phrasing.module_paths import is_within, joined
from archcheck.residual import Join
from archcheck.spec.factors import factor_value
from archcheck.vocabulary import TERMS, Family

_SIDES = {"skip": "the skip path", "branch": "the branch", "both": "the whole sum"}
_KINDS = {
    Kind.IDENTITY: ("computes a plain sum", "the source itself is added to the branch"),
    Kind.SCALED: ("computes a scaled sum", "a factor scales the skip path or the branch"),
    Kind.PROJECTION: ("projects the source", "the skip path is a projection of the source"),
    Kind.GATED: ("computes a gated sum", "a gate mixes source and branch"),
    Kind.CONCAT: ("concatenates", "source and branch are concatenated"),
    Kind.PARTIAL: (
        "adds only a part of the source",
        "the skip path carries a part of the source, maybe padded with zeros",
    ),
    Kind.MULTI_STREAM: (
        "mixes several streams",
        "several streams are mixed, and each receives a share of the branch",
    ),
}
_TOLERANCE = 1e-5  # of a factor that the code keeps in single precision


@dataclass(frozen=True, slots=True)
class KindDifference:
    """A difference in kind, or (`of_label`) in the label; `words` are the edge's right keys and values."""

    message: str
    traced: str
    words: tuple[tuple[str, str | float | None], ...] = ()
    of_label: bool = False


def wrong_kind(drawn: Drawn, join: Join, call: PanelCall) -> KindDifference | None:
    """Return the difference if a drawn residual is executed as another kind or with another factor."""
    kind, around = join.residual.kind, f"the residual {drawn.around()}"
    factors = tuple(factor for factor in join.residual.factors if not _is_drawn(factor, drawn, join, call))
    says = _factors(factors, call.names)
    if kind is Kind.SCALED and drawn.edge.kind is None and not _draws_a_factor(drawn):
        if not factors:
            return _wrong_label(drawn, join)  # the boxes are the factors
        subtracts = any((factor.value or 0) < 0 for factor in factors)
        what = "the code subtracts" if subtracts else f"the code {_KINDS[kind][0]}"
        return KindDifference(
            f"{around} is drawn as a sum, but {what}",
            f"one factor is negative: {says}" if subtracts else f"{_KINDS[kind][1]}: {says}",
            _factor_words(factors),
        )
    if kind not in _claimed(drawn):
        through = call.names.paths(joined(join.residual.scope, path) for path in join.residual.skip)
        details = says or (through if kind is Kind.PROJECTION else "")
        words = _factor_words(factors) if kind is Kind.SCALED else (("kind", kind.value),)
        return KindDifference(
            f"{around} is drawn as {drawn.edge.kind.value if drawn.edge.kind else 'a sum'}, "
            f"but the code {_KINDS[kind][0]}",
            _KINDS[kind][1] + (f": {details}" if details else ""),
            words,
        )
    return _wrong_factor(drawn, join.residual.factors, call.names) or _wrong_label(drawn, join)


def _wrong_label(drawn: Drawn, join: Join) -> KindDifference | None:
    residual = join.residual
    # A gate or a scale may be a box of the branch; what projects or concatenates is on the skip path.
    said = [claim.terms[0] for box in drawn.inside for claim in claimed(drawn.panel, box)]
    terms = {term for term in said if TERMS[term].family in (Family.PRODUCT, Family.SCALE, Family.SUM)}
    terms |= {
        term for box in drawn.edge.through for claim in claimed(drawn.panel, box) for term in claim.terms
    }
    if not contradicted(drawn.edge.label, residual.kind, _products(residual.factors), terms):
        return None
    what = _KINDS[residual.kind]
    return KindDifference(
        f"the residual {drawn.around()} is labelled '{' '.join(drawn.edge.label.split())}', "
        f"but the code {what[0]}",
        what[1],
        (("label", None),),
        of_label=True,
    )


def _claimed(drawn: Drawn) -> tuple[Kind, ...]:
    """Return the kinds that an edge may have as it is drawn."""
    if drawn.edge.kind is not None:
        return (drawn.edge.kind,)
    if _draws_a_factor(drawn):
        return (Kind.SCALED,)
    # A box on the skip path may be empty in some layers, as ResNet's shortcuts are.
    return (Kind.IDENTITY, Kind.PROJECTION) if drawn.edge.through else (Kind.IDENTITY,)


def _draws_a_factor(drawn: Drawn) -> bool:
    return drawn.edge.factor is not None or drawn.edge.factor_on is not None


def _is_drawn(factor: Factor, drawn: Drawn, join: Join, call: PanelCall) -> bool:
    """Return whether a box on either path is the factor: its module has it, or the box is a Scale."""
    for box in (*drawn.inside, *drawn.edge.through):
        if any(factor.parameter and is_within(factor.parameter, path) for path in call.layer.bound(box)):
            return True
        at_the_sum = box == drawn.last or box in drawn.edge.through
        for claim in claimed(drawn.panel, box):
            if claim.terms[0] == "scale" or ("scale" in claim.terms and at_the_sum):
                return True
    return False


def _wrong_factor(drawn: Drawn, factors: tuple[Factor, ...], names: Names) -> KindDifference | None:
    edge, around = drawn.edge, f"the residual {drawn.around()}"
    sides = sorted({factor.on for factor in factors})
    where = " and ".join(_SIDES[side] for side in sides)
    code = f"the factor is {_factors(factors, names) or 'none'}"
    if edge.factor_on is not None and sides != [edge.factor_on]:
        return KindDifference(
            f"the factor of {around} is drawn on {_SIDES[edge.factor_on]}, "
            f"but the code has {f'it on {where}' if where else 'none'}",
            code,
            _factor_words(factors),
        )
    if edge.factor is not None and not any(
        value is not None and math.isclose(value, factor_value(edge.factor), rel_tol=_TOLERANCE)
        for value in _products(factors)
    ):
        return KindDifference(
            f"the factor of {around} is drawn as {edge.factor}, but the code has a different one",
            code,
            _factor_words(factors),
        )
    return None


def _products(factors: tuple[Factor, ...]) -> Iterator[float | None]:
    """Yield the product of each side's factors; None if it is learned."""
    for side in dict.fromkeys(factor.on for factor in factors):
        values = [factor.value for factor in factors if factor.on == side]
        yield None if None in values else math.prod(value for value in values if value is not None)


def _factor_words(factors: tuple[Factor, ...]) -> tuple[tuple[str, str | float], ...]:
    """Return the keys and values that draw these factors."""
    words: list[tuple[str, str | float]] = [("kind", Kind.SCALED.value)]
    products = list(_products(factors))
    if len(products) == 1:
        words += [("factor", products[0])] if products[0] is not None else []
        words.append(("factor_on", factors[0].on))
    return tuple(words)


def _factors(factors: tuple[Factor, ...], names: Names) -> str:
    return " and ".join(
        f"{names.path(factor.parameter) if factor.parameter else _shown(factor.value)} on {_SIDES[factor.on]}"
        for factor in factors
    )


def _shown(value: float | None) -> str:
    return "a tensor" if value is None else f"{value:.6g}" if value != int(value) else f"{value:.1f}"
