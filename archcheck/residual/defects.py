"""Defects of a model that need no diagram: RES007, RES008, RES011 and RES012. Pure functions.

- RES007: the sum `x + (x + f(x))`, or the same branch joined twice: one of the two is counted twice.

- RES008: both operands of a sum are the same tensor, computed by the model: `x = f(x); x + x`.

- RES011: the skip path reads a tensor that an in-place operation of the branch has overwritten.

- RES012: a module with parameters runs but nothing reads its result, or no code ever calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archcheck.dataflow import queries
from archcheck.dataflow.operations import PRODUCTS, VIEWS
from archcheck.dataflow.queries import reached
from archcheck.dataflow.run import Call, Dataflow, Module, Op
from archcheck.findings import Finding
from archcheck.phrasing.module_paths import (
    ModulePath,
    Phrase,
    generic_phrase,
    listed,
    parent,
    parents,
    sentence,
)
from archcheck.residual import Join
from archcheck.rules.codes import RuleCode
from archcheck.source_location import Location

_COPIES = frozenset(["alias", "copy", "setitem"])  # what only puts the source into a buffer


@dataclass(frozen=True, slots=True)
class Defect:
    """A defect that needs no diagram, in a forward of `implemented_in`, about the `modules`."""

    code: RuleCode
    implemented_in: str
    modules: tuple[str, ...]
    message: Phrase
    traced: Phrase
    location: Location | None
    sink: int = -1

    def finding(self) -> Finding:
        """Return the finding as reported when no diagram shows it."""
        return Finding(
            self.code, sentence(self.message), traced=sentence(self.traced), location=self.location
        )


def find(flow: Dataflow, joins: Sequence[Join], modules: Mapping[str, Module]) -> tuple[Defect, ...]:
    """Return all defects of a run, sorted by module and line."""
    faults = [
        *_doubled(flow, joins),
        *_added_to_itself(flow),
        *_overwritten(flow, joins),
        *_dropped(flow, modules),
        *_never_called(flow, modules),
    ]
    return tuple(sorted(set(faults), key=_order))


def merged(faults: Sequence[Defect]) -> tuple[Finding, ...]:
    """Return findings; a defect on one line in many layers becomes one, which names the modules."""
    groups: dict[tuple[str, Location | None, Phrase], list[Defect]] = {}
    for fault in faults:
        what = generic_phrase(fault.message) if fault.location else fault.message
        groups.setdefault((fault.code, fault.location, what), []).append(fault)
    found = []
    for group in groups.values():
        finding = group[0].finding()
        if len(group) > 1:
            more = f" ({len(group)} times, first in {group[0].implemented_in or 'the model'})"
            finding = replace(finding, message=finding.message + more)
        found.append(finding)
    return tuple(found)


def _doubled(flow: Dataflow, joins: Sequence[Join]) -> list[Defect]:
    at_sink: dict[int, list[Join]] = {}
    by_branch: dict[tuple[int, ...], Join] = {}
    found = []
    for join in joins:
        if join.residual.kind.value == "identity":
            for inner in at_sink.get(_value(flow, join.term), ()):
                if inner.residual.kind.value == "identity" and _same(flow, inner.source, join.source):
                    found.append(_doubled_skip(flow, join, inner))
            term = (_value(flow, join.term),)
            earlier = by_branch.get(term)
            if (
                earlier is not None
                and term != (-1,)
                and earlier.sink != join.sink
                and _streams(flow, join, earlier)
            ):
                found.append(_doubled_branch(flow, join, earlier))
            by_branch.setdefault(term, join)
        at_sink.setdefault(join.sink, []).append(join)
    return found


def _doubled_skip(flow: Dataflow, outer: Join, inner: Join) -> Defect:
    here, there = outer.residual.implemented_in, inner.residual.implemented_in
    again = " and again in ", ModulePath(there), f" ({inner.residual.location})"
    also = again if here != there else ()
    return Defect(
        "RES007",
        here,
        _paths(flow, outer),
        ("the source of a residual is added twice",),
        (ModulePath(here), " adds it", *also, ": the sum contains the source twice"),
        outer.residual.location,
        outer.sink,
    )


def _doubled_branch(flow: Dataflow, join: Join, earlier: Join) -> Defect:
    return Defect(
        "RES007",
        join.residual.implemented_in,
        _paths(flow, join),
        ("a branch is added to the same stream twice",),
        (
            "the output of ",
            *(listed(_paths(flow, join)) or ("the branch",)),
            f" was already added ({earlier.residual.location})",
        ),
        join.residual.location,
        join.sink,
    )


def _streams(flow: Dataflow, later: Join, earlier: Join) -> bool:
    """Return whether the later sum adds to a stream that already contains the earlier one."""
    return earlier.sink in later.skip or later.skip_operand == (earlier.sink,)


def _added_to_itself(flow: Dataflow) -> list[Defect]:
    found = []
    for index, op in enumerate(flow.ops):
        if op.name != "add" or len(op.operands) != 2 or not (op.depends_on_parameter and op.floating):
            continue
        if not op.depends_on_input and op.operands[0] == op.operands[1]:
            continue  # arithmetic on a parameter; learned queries and a dropout of them are a stream
        one, other = (_value(flow, operand) for operand in op.operands)
        if one == other and one >= 0 and op.numel > 1 and not _is_multiplied(flow, index):
            calls = flow.stack(flow.ops[one].call)
            inside = [call for call in calls if not flow.calls[call].first <= index < flow.calls[call].end]
            made_by = flow.calls[inside[0]].path if inside else ""
            what = (": the output of ", ModulePath(made_by)) if made_by else ()
            found.append(
                Defect(
                    "RES008",
                    flow.calls[op.call].path,
                    (made_by,) if made_by else (),
                    ("both operands of a sum are the same tensor",),
                    ("a tensor is added to itself", *what),
                    op.location,
                    index,
                )
            )
    return found


def _is_multiplied(flow: Dataflow, index: int) -> bool:
    """Return whether the sum is a step of a multiplication, as in `(x + x + x) / 3`."""
    users = [flow.ops[user] for user in set(flow.users[index])]
    own = [user for user in users if user.call == flow.ops[index].call and len(user.operands) < 3]
    scaled = [user for user in own if user.name in PRODUCTS and len(user.operands) == 1]
    more = [
        user
        for user in own
        if user.name == "add"
        and {_value(flow, operand) for operand in flow.ops[index].operands}
        & {_value(flow, operand) for operand in user.operands}
    ]
    return len(users) == 1 and bool(scaled or more)


def _overwritten(flow: Dataflow, joins: Sequence[Join]) -> list[Defect]:
    found = []
    for join in joins:
        ways = (join.sink, *join.skip)
        parts = {part for at in ways for between in flow.ops[at].inner for part in between}
        for at in (way for way in ways if way not in parts):  # how a sum was put together overwrites nothing
            op = flow.ops[at]
            on_skip = set(join.skip) | {join.source, *join.skip_operand}
            stale = [
                write
                for write in op.stale
                if write in on_skip and flow.ops[write].call >= 0 and flow.ops[write].name not in _COPIES
            ]
            if not stale:
                continue
            write = flow.ops[stale[0]]
            by = flow.calls[write.call].path
            found.append(
                Defect(
                    "RES011",
                    join.residual.implemented_in,
                    (*_paths(flow, join), by),
                    ("the source of a residual is overwritten in place before it is added",),
                    (
                        f"{write.name} in ",
                        ModulePath(by),
                        f" ({write.location}) modifies it; the sum reads the modified values",
                    ),
                    join.residual.location,
                    join.sink,
                )
            )
            break
    return found


def _dropped(flow: Dataflow, modules: Mapping[str, Module]) -> list[Defect]:
    live = queries.live(flow, with_control=True)
    dead: list[int] = []
    used = {call.path for call in flow.calls if any(out in live for out in call.outputs)}
    inside: set[int] = set()  # dead calls and all calls in them
    for index, call in enumerate(flow.calls):
        module = modules.get(call.path)
        if call.parent in inside:
            inside.add(index)
            continue
        if index == 0 or module is None or not module.has_parameters or not call.outputs:
            continue
        if call.path in used or _is_empty(flow, call):  # another call's result may be read
            continue
        if not any(at in live for at in range(call.first, call.end)):
            dead.append(index)
            inside.add(index)
    return [_dropped_fault(flow, group) for group in _branches(flow, dead)]


def _is_empty(flow: Dataflow, call: Call) -> bool:
    """Return whether the result only made an empty selection, which a longer input would read."""
    made = reached(call.outputs, lambda at: flow.users[at])
    return any(flow.ops[at].shape and not flow.ops[at].numel for at in made)


def _branches(flow: Dataflow, dead: Sequence[int]) -> list[list[int]]:
    """Group dropped calls of one module that read each other's results into one dropped branch."""
    groups: list[list[int]] = []
    for index in dead:
        call = flow.calls[index]
        reads = set(call.inputs)
        for group in groups:
            last = flow.calls[group[-1]]
            if last.parent == call.parent and reads & set(last.outputs):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _dropped_fault(flow: Dataflow, group: Sequence[int]) -> Defect:
    last = flow.calls[group[-1]]
    paths = tuple(dict.fromkeys(flow.calls[index].path for index in group))
    verb, whose = ("is", "its") if len(paths) == 1 else ("are", "their")
    return Defect(
        "RES012",
        flow.calls[last.parent].path,
        paths,
        (*listed(paths), f" {verb} computed but {whose} result is never used"),
        ("the model's output does not depend on it",),
        last.location,
        last.first,
    )


def _never_called(flow: Dataflow, modules: Mapping[str, Module]) -> list[Defect]:
    """Return a defect for each module that no code calls, and for what a loop leaves out of each list."""
    called = {call.path for call in flow.calls}
    touched = set(called)
    for op in flow.ops:
        if op.parameter:
            touched.add(parent(op.parameter))
    touched |= {above for path in touched for above in parents(path)}
    found, skipped = [], dict[str, list[str]]()
    for path, module in modules.items():
        if not path or path in touched or not module.has_parameters:
            continue
        owner = parent(path)
        if owner in called and not module.mentioned:
            why = f"{modules[owner].type_name} makes it, but none of its code uses it"
            found.append(_uncalled(modules, owner, (path,), why))
        elif module.looped and owner in touched and parent(owner) in called:
            skipped.setdefault(owner, []).append(path)
    for container, paths in skipped.items():
        owner = parent(container)
        if not _is_decided_by_values(flow, owner):
            run = sum(parent(path) == container for path in called)
            why = f"{modules[owner].type_name} runs {run} of {run + len(paths)} items of its list"
            found.append(_uncalled(modules, owner, tuple(paths), why))
    return found


def _uncalled(modules: Mapping[str, Module], owner: str, paths: tuple[str, ...], why: str) -> Defect:
    what = (*listed(paths), " is never called")
    return Defect("RES012", owner, paths, what, (why,), modules[owner].location)


def _is_decided_by_values(flow: Dataflow, owner: str) -> bool:
    """Return whether Python inspected values while a module ran: they may have decided what it calls."""
    spans = [call for call in flow.calls if call.path == owner]
    return any(call.first <= at <= call.end for call in spans for at, _ in flow.host_reads)


def _value(flow: Dataflow, reads: tuple[int, ...]) -> int:
    """Return the operation that made these values, past views that keep the shape; -1 for a patchwork."""
    if len(reads) != 1:
        return -1
    at = reads[0]
    while _renames(flow, flow.ops[at]):
        at = flow.ops[at].operands[0][0]
    return at


def _renames(flow: Dataflow, op: Op) -> bool:
    moves = op.name in (
        "alias",
        "contiguous",
        "clone",
        "to",
        "detach",
        "float",
        "dropout",
        "view_as",
        "data",
        "type",
    )
    return moves and op.name in VIEWS and len(op.operands) == 1 and len(op.operands[0]) == 1


def _same(flow: Dataflow, one: int, other: int) -> bool:
    return _value(flow, (one,)) == _value(flow, (other,))


def _paths(flow: Dataflow, join: Join) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flow.calls[call].path for call in join.branch_calls))


def _order(fault: Defect) -> tuple[object, ...]:
    place = fault.location
    return (
        fault.code,
        place.file if place else "",
        place.line if place else 0,
        fault.sink,
        fault.modules,
        fault.message,
    )
