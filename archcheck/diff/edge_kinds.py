"""How source and branch are joined: as drawn, or otherwise (RES009)."""

from __future__ import annotations

from archcheck.connections import Kind
from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.wording import Names
from archcheck.residual import Join
from archcheck.spec.patterns import join as joined

_ADDITIVE = (Kind.IDENTITY, Kind.SCALED, Kind.PROJECTION, Kind.MULTI_STREAM)
_SIDES = {"skip": "skip path", "branch": "branch", "both": "sum as a whole"}
_KINDS = {
    Kind.IDENTITY: ("the plain sum", "the source itself is added to the branch"),
    Kind.SCALED: ("a scaled sum", "a factor scales the skip path or the branch"),
    Kind.PROJECTION: ("a projection", "the skip path is a projection of the source"),
    Kind.GATED: ("a gate", "a gate mixes source and branch"),
    Kind.CONCAT: ("a concatenation", "source and branch are concatenated"),
    Kind.PARTIAL: ("a part of the source", "the skip path carries a part of the source, or it and zeros"),
    Kind.MULTI_STREAM: ("several streams", "several streams are mixed and the branch is spread over them"),
}


def wrong_kind(drawn: Drawn, join: Join, names: Names) -> tuple[str, str] | None:
    """What to say, and what the code does, where a drawn residual is executed as another kind; else None.

    An edge without a kind is a sum: scaled or projected, but no difference.
    """
    kind, wanted = join.residual.kind, drawn.edge.kind
    if wanted is None and any((factor.value or 0) < 0 for factor in join.residual.factors):
        message = f"the residual {drawn.around()} is drawn as a sum, and the code subtracts"
        return message, f"a factor is negative: {_factors(join, names)}"
    if kind is not wanted and (wanted is not None or kind not in _ADDITIVE):
        shown = f"is drawn as {wanted.value}" if wanted else "is drawn as a sum"
        through = names.paths(joined(join.residual.scope, path) for path in join.residual.skip)
        details = _factors(join, names) or (through if kind is Kind.PROJECTION else "")
        return (
            f"the residual {drawn.around()} {shown}, and the code has {_KINDS[kind][0]}",
            _KINDS[kind][1] + (f": {details}" if details else ""),
        )
    return _wrong_factor(drawn, join, names)


def _wrong_factor(drawn: Drawn, join: Join, names: Names) -> tuple[str, str] | None:
    sides = sorted({factor.on for factor in join.residual.factors})
    if drawn.edge.factor_on is None or sides == [drawn.edge.factor_on]:
        return None
    return (
        f"the factor of the residual {drawn.around()} is drawn on the {_SIDES[drawn.edge.factor_on]}, "
        f"and stands on {' and '.join(f'the {_SIDES[side]}' for side in sides) or 'neither side'}",
        f"the factor is {_factors(join, names) or 'none'}",
    )


def _factors(join: Join, names: Names) -> str:
    return " and ".join(
        f"{names.path(factor.parameter) if factor.parameter else factor.value} on the {factor.on}"
        for factor in join.residual.factors
    )
