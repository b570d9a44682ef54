"""Random networks with known residual connections.

A network is drawn as a plan (`tests/networks.py`), which hypothesis shrinks; `expected` reads the residuals
off the plan, never off the module.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from hypothesis import strategies as st

from tests.examples.case import Case, Expected, residual
from tests.examples.parts import VOCABULARY, D
from tests.networks import (
    AFFINE,
    PARTS,
    Block,
    BlockModule,
    Nested,
    Network,
    NetworkModule,
    OutputModule,
    Unit,
)

LENGTH = 4


def expected(plan: Network) -> tuple[Expected, ...]:
    """The residual connections of a network, in the order of their sinks."""
    found = [_block_residuals(block, f"blocks.{number}") for number, block in enumerate(plan.blocks)]
    rows = [row for rows in found for row in rows] * plan.rounds
    if plan.long_skip:
        names = " ".join(f"blocks.{number}" for number in range(len(plan.blocks)))
        source = None if plan.memory else "input" if plan.stem == "none" else "stem"
        rows.append(residual(NetworkModule.forward, source, f"{names} out"))
    return tuple(rows)


def _block_residuals(block: Block, scope: str) -> list[Expected]:
    inner = [
        _nested_residuals(unit.part, f"{scope}.f{0 if block.shared else number}")
        for number, unit in enumerate(block.units)
    ]
    branches = [_branch(block, number) for number in range(len(block.units))]
    if block.arrangement == "parallel":
        order = (1, 0) if block.grouping in ("statements", "nested") else (0, 1)
        per_branch = block.grouping == "statements"
        return (
            inner[0]
            + inner[1]
            + [
                residual(
                    BlockModule.parallel,
                    "input",
                    " ".join(branches[number]),
                    f"statements{number}" if per_branch else block.grouping,
                    scope=scope,
                    **_kind(block, number, scope),
                )
                for number in order
            ]
        )
    if block.arrangement == "stale":
        both = list(dict.fromkeys(branches[0] + branches[1]))
        forward = BlockModule.forward
        return [
            *inner[0],
            residual(
                forward, "input", " ".join(branches[0]), "stale0", scope=scope, **_kind(block, 0, scope)
            ),
            *inner[1],
            residual(forward, "input", " ".join(both), "stale1", scope=scope, **_kind(block, 1, scope)),
        ]
    rows: list[Expected] = []
    source: str | None = "input"
    for number, unit in enumerate(block.units):
        rows += inner[number]
        row = _unit_residual(block, number, unit, branches[number], source, scope)
        rows += [] if row is None else [row]
        source = _next_source(number, unit, branches[number], row)
    return rows


def _nested_residuals(part: str | Nested, scope: str) -> list[Expected]:
    if isinstance(part, str):
        return []
    return [
        row
        for number, block in enumerate(part.blocks)
        for row in _block_residuals(block, f"{scope}.blocks.{number}")
    ]


def _branch(block: Block, number: int) -> list[str]:
    unit = block.units[number]
    own = 0 if block.shared else number
    names = [f"norm{own}"] * unit.pre + [f"f{own}"] + [f"end{number}"] * unit.end
    return names + [f"scale{number}"] * (unit.kind == "layer_scale") + [f"drop{number}"] * bool(unit.dropout)


def _unit_residual(
    block: Block, number: int, unit: Unit, branch: list[str], source: str | None, scope: str
) -> Expected | None:
    if unit.kind == "none" or (unit.kind == "projection" and _is_affine(block, number)):
        return None
    if unit.delegated:
        within = f"{scope}.output{number}"
        words = " ".join([*branch, f"output{number}.dense"])
        return residual(
            OutputModule, source, words, scope=scope, within=within, **_kind(block, number, scope)
        )
    if unit.kind == "gated":
        branch = [*branch, f"gate{number}"]
    plain = unit.kind in ("identity", "layer_scale")
    return residual(
        BlockModule.add if plain and unit.join != "fused" else BlockModule.join,
        source,
        " ".join(branch),
        unit.join if plain else unit.kind,
        scope=scope,
        **_kind(block, number, scope),
    )


def _next_source(number: int, unit: Unit, branch: list[str], row: Expected | None) -> str | None:
    """What produced the stream after a unit; None where that is an operation that bears no name."""
    if unit.post:
        return f"post{number}"
    if unit.kind == "none":
        is_named = unit.layout == "as it is" and not unit.offset
        return branch[-1] if is_named or len(branch) > 1 + unit.pre else None
    if unit.kind == "concat":
        return f"reduce{number}"
    if unit.delegated:
        return f"output{number}"
    return f"sink({row.branch[-1]})" if row is not None and row.branch else None


def _is_affine(block: Block, number: int) -> bool:
    unit = block.units[number]
    return unit.part in AFFINE and not (unit.pre or unit.end)


def _kind(block: Block, number: int, scope: str) -> dict[str, Any]:
    unit = block.units[number]
    factors: dict[str, tuple[str, float | str]] = {
        "constant_branch": ("branch", 0.5),
        "constant_skip": ("skip", 1.5),
        "alpha": ("branch", 0.25),
        "parameter": ("branch", f"{scope}.alpha{number}"),
        "layer_scale": ("branch", f"{scope}.scale{number}.gamma"),
    }
    if unit.kind in factors:
        return {"kind": "scaled", "factors": (factors[unit.kind],), "skip": ""}
    if unit.kind == "projection":
        return {"kind": "projection", "skip": f"project{number}"}
    return {"kind": unit.kind}


def case_of(plan: Network) -> Case:
    """The network as a case like those of the registry."""
    inputs = {
        "embedding": lambda: (torch.randint(0, VOCABULARY, (2, LENGTH)),),
    }.get(plan.stem, lambda: (torch.randn(2, LENGTH, D),))
    both = (lambda: (*inputs(), torch.randn(2, LENGTH, D))) if plan.memory else inputs
    return Case(repr(plan), lambda: NetworkModule(plan), expected(plan), inputs=both, train=plan.train)


def ablatable(plan: Network) -> Network:
    """Return the network without what an ablation can't see past.

    That is random drops, streams that no module takes, and loops: an emptied stream may recur in them.
    """
    return replace(plan, train=False, rounds=1, blocks=tuple(map(_seen, plan.blocks)))


def _seen(block: Block) -> Block:
    return replace(
        block,
        units=tuple(
            replace(
                unit,
                table=unit.table and unit.pre,
                part=unit.part if isinstance(unit.part, str) else Nested(tuple(map(_seen, unit.part.blocks))),
            )
            for unit in block.units
        ),
    )


KINDS = (
    "identity",
    "identity",
    "identity",
    "none",
    "constant_branch",
    "constant_skip",
    "alpha",
    "parameter",
    "layer_scale",
    "projection",
    "concat",
    "gated",
)


JOINS = ("sum", "swapped", "function", "into_stream", "into_branch", "method", "fused")


LAYOUTS = ("as it is", "as it is", "rolled", "windows", "transposed")


@st.composite
def networks(draw: st.DrawFn, depth: int = 2) -> Network:
    """Networks of one to three blocks, nested up to `depth` levels deep."""
    return Network(
        blocks=_several(draw, 3, depth),
        stem=draw(st.sampled_from(("linear", "embedding", "none"))),
        rounds=draw(st.sampled_from((1, 1, 2, 3))),
        memory=draw(st.booleans()),
        long_skip=draw(st.booleans()),
        train=draw(st.booleans()),
    )


def _several(draw: st.DrawFn, most: int, depth: int) -> tuple[Block, ...]:
    return tuple(_block(draw, depth) for _ in range(draw(st.integers(1, most))))


def _block(draw: st.DrawFn, depth: int) -> Block:
    return _sensible_block(
        Block(
            units=tuple(_unit(draw, depth) for _ in range(draw(st.integers(1, 3)))),
            arrangement=draw(st.sampled_from(("chain", "chain", "parallel", "stale"))),
            grouping=draw(st.sampled_from(("left", "branches", "statements", "nested"))),
            norm=draw(st.sampled_from(("layer", "rms"))),
            shared=draw(st.booleans()),
            gives=draw(st.sampled_from(("tensor", "tuple"))),
        )
    )


def _unit(draw: st.DrawFn, depth: int) -> Unit:
    part: str | Nested = draw(st.sampled_from(sorted(PARTS)))
    if depth and draw(st.integers(0, 5)) == 5:
        part = Nested(_several(draw, 2, depth - 1))
    kind = draw(st.sampled_from(KINDS))
    return Unit(
        part=part,
        pre=draw(st.booleans()),
        end=draw(st.booleans()),
        post=draw(st.booleans()),
        layout=draw(st.sampled_from(LAYOUTS)),
        dropout=draw(st.sampled_from(("", "", "dropout", "path"))),
        kind=kind,
        join=draw(
            st.sampled_from(JOINS if kind == "identity" else JOINS[:-1])
        ),  # a product takes the scale in
        delegated=kind == "identity" and draw(st.booleans()),
        table=draw(st.integers(0, 3)) == 3,
        offset=kind != "projection" and draw(st.integers(0, 3)) == 3,
    )


def _sensible_block(block: Block) -> Block:
    """Side by side and stale take two units that join by a plain sum, with or without a learned scale."""
    units = block.units
    # The block's input is the caller's tensor too: only what the block made itself is added into.
    if units[0].join == "into_stream":
        units = (replace(units[0], join="sum"), *units[1:])
    units = tuple(
        replace(unit, join="sum") if before.kind == "none" and unit.join == "into_stream" else unit
        for before, unit in zip((units[0], *units), units, strict=False)
    )
    arrangement = block.arrangement if len(units) > 1 else "chain"
    if arrangement != "chain":
        plain = {"layer_scale": "layer_scale"}
        units = tuple(
            replace(unit, kind=plain.get(unit.kind, "identity"), post=False, delegated=False)
            for unit in units[:2]
        )
    shared = block.shared and len(units) > 1 and arrangement == "chain"
    if shared:
        units = tuple(replace(unit, part=units[0].part, pre=units[0].pre) for unit in units)
    return replace(block, units=units, arrangement=arrangement, shared=shared)
