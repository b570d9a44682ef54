"""Positions that are added to a stream: learned tables and sinusoidal ones."""

from __future__ import annotations

from archcheck.dataflow.operations import NORMS, VIEWS
from archcheck.vocabulary.regions import Region, region_of
from archcheck.vocabulary.walking import Walks, near

_MOST = 40


def added(walks: Walks, at: int) -> Region | None:
    """Return the positions, a learned or sine table, that a sum adds to values of the input."""
    op = walks.ops[at]
    if op.name != "add" or len(op.operands) != 2:
        return None
    for one, other in ((0, 1), (1, 0)):
        table, stream = op.operands[one][0], op.operands[other][0]
        name = _kind(walks, table, op.shape) if walks.ops[stream].depends_on_input else ""
        if name and walks.ops[stream].shape == op.shape:
            ops = [view for view in walks.views(table) if walks.ops[view].name in VIEWS | {"embedding"}]
            return region_of(walks.flow, name, ops or [table], table)
    return None


def _kind(walks: Walks, table: int, shape: tuple[int, ...]) -> str:
    op = walks.ops[table]
    root = walks.ops[walks.root(table)]
    if root.name == "embedding":
        weight = root.operands[root.roles.get("weight", 1)][0]
        indices = next((operand[0] for operand in root.operands if operand[0] != weight), -1)
        if indices < 0 or not _counts_positions(walks, indices):
            return ""
        return "learned positions" if walks.ops[weight].depends_on_parameter else "sinusoidal positions"
    rows = [size for size in op.shape if size > 1]
    if (
        op.depends_on_input
        or len(rows) < 2
        or op.shape[-len(rows) :] != shape[-len(op.shape) :][-len(rows) :]
    ):
        return ""
    names = {walks.ops[below].name for below in near(walks.flow, table, _MOST)}
    if op.depends_on_parameter:  # what a norm makes of it is no table, but a stream of its own
        return "" if names & NORMS else "learned positions"
    return "sinusoidal positions" if names & {"sin", "cos", "attribute"} and op.floating else ""


def _counts_positions(walks: Walks, indices: int) -> bool:
    """Return whether these indices are the position numbers, not something the model was given."""
    if not walks.ops[indices].depends_on_input:
        return True
    return any(walks.ops[below].name in ("arange", "cumsum") for below in near(walks.flow, indices, _MOST))


def table_lookup(walks: Walks, at: int) -> Region | None:
    """Return an embedding written as an index into a learned table."""
    op = walks.ops[at]
    if op.name not in ("getitem", "index_select") or len(op.operands) < 2:
        return None
    table, index = walks.ops[walks.root(op.operands[0][0])], walks.ops[op.operands[1][0]]
    if table.name != "attribute" or not table.depends_on_parameter or index.floating:
        return None
    if len(table.shape) != 2 or not index.depends_on_input or index.dtype == "bool":
        return None
    return region_of(walks.flow, "Embedding", [at], at)
