"""Which panels there are, and which modules are boxes in each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from archcheck.dataflow.queries import depends, reads
from archcheck.diff.marks.values import Values
from archcheck.drafting.choices import Choices
from archcheck.drafting.kinds import Kind, Kinds, natural, numbered, pattern_of
from archcheck.drafting.words import title_of
from archcheck.phrasing.module_paths import is_within, joined, leaf
from archcheck.vocabulary import Region, families

_ATOMS = families(
    "norm, activation, linear, convolution, embedding, position, softmax, pooling, dropout, resampling, scale"
)
"""Terms that figures never open."""
_FEW = 3
_MOST_BOXES = 30
_MOST_ALIKE = 2
"""Modules of one class with numbered names of which there are more are a stack, as those of a list are."""
_MOST_RUNS = 4
"""How often the kind may change in a stack in which each run of one kind has its own box."""


MODEL: Kind = ("model",)
"""The kind of the whole model, which always has a panel."""


@dataclass(eq=False)
class Item:
    """What a box stands for: modules of one kind in sequence or side by side, and their first calls."""

    paths: tuple[str, ...]
    calls: tuple[int, ...]
    detail: str = ""


@dataclass(eq=False)
class Sheet:
    """One panel to be: the modules of one kind that it shows, and what is in the first call of the first.

    It `is_coarse` where it would have too many boxes if holders of others were opened in it.
    """

    kind: Kind
    name: str
    scopes: list[str]
    call: int
    title: str
    items: list[Item] = field(default_factory=list)
    is_coarse: bool = False


class Planner:
    """Decides what a panel opens, as the figures in READMEs do: the model, its blocks, what is in those."""

    def __init__(self, values: Values, choices: Choices) -> None:
        self.values = values
        self.execution = values.execution
        self.calls = values.execution.flow.calls
        self.kinds = Kinds(values)
        self.model = self.calls[0].type_name
        self.choices = choices
        self.sheets: dict[str, Sheet] = {}
        self.inside: dict[int, list[int]] = {}
        for index, call in enumerate(self.calls):
            if index:
                self.inside.setdefault(call.parent, []).append(index)
        self.members: dict[str, list[str]] = {}  # the classes of a stack's modules
        for path in self.execution.calls_by_path:
            if stack := numbered(path):
                self.members.setdefault(stack, []).append(self.execution.modules[path].type_name)
        self.sinks = [(self.calls[join.sink_call].path, join.residual.scope) for join in self.execution.joins]

    def plan(self) -> list[Sheet]:
        """Return the panels, each before those that it opens."""
        self._sheet(MODEL, [""], 0, "model")
        return list(self.sheets.values())

    def _sheet(self, kind: Kind, scopes: list[str], call: int, name: str) -> Sheet:
        title = title_of(self.calls[call].type_name, self.model if call else "")
        sheet = Sheet(kind, name, scopes, call, title)
        self.sheets[name] = sheet
        sheet.is_coarse = kind in self.choices.closed
        sheet.items = list(self._grouped(list(self._shown(call, sheet))))
        if len(sheet.items) > _MOST_BOXES:
            sheet.is_coarse = True
            sheet.items = list(self._grouped(list(self._shown(call, sheet))))
        for item in sheet.items:
            item.detail = self._detail(item, sheet)
        return sheet

    # -- the contents of a panel --------------------------------------------------------------------

    def _shown(self, call: int, sheet: Sheet) -> Iterator[int]:
        """Yield the calls that a panel shows, in order; in place of a mere holder, what it holds."""
        base = self.calls[sheet.call].path
        for inner in self.inside.get(call, ()):
            if not is_within(self.calls[inner].path, base) or self._is_shared(inner):
                continue  # a module from elsewhere has no name here; what it computes is shown
            if not self.counts(inner):
                continue  # dropout in evaluation, an identity
            if self._is_opened(inner, sheet):
                yield from self._shown(inner, sheet)
            else:
                yield inner

    def _is_shared(self, call: int) -> bool:
        """Return whether it is a function that several modules hold (an activation shared by all layers)."""
        path = self.calls[call].path
        others = self.execution.calls_by_path[path]
        holders = {self.calls[self.calls[other].parent].path for other in others}
        module = self.execution.modules.get(path)
        return len(holders) > 1 and module is not None and not module.has_parameters

    def _is_opened(self, call: int, sheet: Sheet) -> bool:
        path = self.calls[call].path
        if not self.inside.get(call):
            return False
        if self._is_handed_modules(call):
            return True
        is_member = self._stack(call) != path
        ends = any(is_within(sink, path) and not is_within(scope, path) for sink, scope in self.sinks)
        if ends and not is_member:
            return True  # it makes the sum of a residual connection that begins outside of it
        if self.is_atom(call) or self._kind(call) in self.choices.closed or sheet.is_coarse:
            return False
        if self.is_wrapper(call):
            return sheet.call == 0 or not self._is_long_list(self.inside[call][0])
        if sheet.call == 0 and self._holds_stack(call) and not (is_member and self._own(call)):
            return True
        if is_member or self.calls[call].type_name in self._types_of_members:
            return False
        is_list = self.calls[call].type_name == "Sequential" and not self._whole(call)
        return is_list or self._makes_residuals(path) or self._is_small(call)

    def _is_handed_modules(self, call: int) -> bool:
        """Return whether it runs modules that another holds, as `x + sublayer(norm(x))` may."""
        path = self.calls[call].path
        return any(
            not is_within(self.calls[inner].path, path) and not self._is_shared(inner)
            for inner in self.inside.get(call, ())
        )

    def _makes_residuals(self, path: str) -> bool:
        return any(is_within(scope, path) for _, scope in self.sinks)

    def _is_small(self, call: int) -> bool:
        """Return whether it is a chain of a few atoms without a name in the field (Conv-BatchNorm-ReLU)."""
        parts = self._parts(call)
        if len(parts) > _FEW or self._whole(call) or not all(map(self._is_simple, parts)):
            return False
        return not self._own(call)

    def _is_simple(self, call: int) -> bool:
        return not self.inside.get(call) or self.is_atom(call)

    def is_wrapper(self, call: int) -> bool:
        """Return whether it only wraps one other module."""
        parts = self.inside[call]
        if len(parts) != 1:
            return False
        return not self._own(call)

    def _own(self, call: int) -> list[int]:
        """Return what it computes in its own code."""
        span = self.calls[call]
        parts = [self.calls[inner] for inner in self.inside.get(call, ())]
        within = {node for part in parts for node in range(*self.values.span(part.first, part.end))}
        nodes = range(*self.values.span(span.first, span.end))
        return [node for node in nodes if node not in within and self.values.recognition.counts(node)]

    def _is_long_list(self, call: int) -> bool:
        """Return whether it is a list of so many parts that only what holds it can stand for them."""
        return self.calls[call].type_name == "Sequential" and len(self._parts(call)) > _FEW

    @cached_property
    def _types_of_members(self) -> frozenset[str]:
        """The classes of the blocks in stacks: a block that is alone is drawn like them."""
        members = (
            call for call in range(1, len(self.calls)) if self._stack(call) not in ("", self.calls[call].path)
        )
        return frozenset(self.calls[call].type_name for call in members) - {"Sequential"}

    def _holds_stack(self, call: int) -> bool:
        """Return whether a stack runs somewhere in it, several blocks in sequence. Experts are parallel."""
        seen: dict[str, dict[str, int]] = {}
        span = self.calls[call]
        for inner in range(call + 1, len(self.calls)):
            if self.calls[inner].first >= span.end and self.calls[inner].parent < call:
                break
            path = self.calls[inner].path
            stack = self._stack(inner)
            if is_within(path, span.path) and stack not in ("", path) and not self._is_handed_modules(inner):
                seen.setdefault(stack, {}).setdefault(path, inner)
        seen.pop(self._stack(call), None)
        return any(
            self._is_chain(*list(members.values())[:2]) for members in seen.values() if len(members) > 1
        )

    def _is_chain(self, one: int, other: int) -> bool:
        """Return whether the second call gets what the first made."""
        flow = self.execution.flow
        return depends(self.calls[other].inputs, self.calls[one].outputs, reads(flow))

    def _grouped(self, shown: list[int]) -> Iterator[Item]:
        """Yield the calls as items: in a stack neighbours of one kind together, or all if kinds alternate."""
        for stack, group in groupby(shown, key=self._stack):
            calls = tuple(group)
            runs = [run for _, same in groupby(calls, key=self._kind) for run in self._parted(tuple(same))]
            if not stack:
                yield from (self._item((call,)) for call in calls)
            elif len(runs) > _MOST_RUNS or self._is_same_but_for_one(runs):
                yield self._item(calls)
            else:
                yield from map(self._item, runs)

    def _parted(self, calls: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield a run of calls in parts that end where skip connections do, as on the sides of a U-Net."""
        first, end = self.calls[calls[0]].first, self.calls[calls[-1]].end
        ends, begins = [], []
        for join in self.execution.joins:
            branch = [self.calls[call] for call in join.branch_calls]
            ends += [join.sink] if any(call.first < first for call in branch) else []
            begins += [join.source] if any(call.first >= end for call in branch) else []
        start = 0
        for at in range(1, len(calls)):
            one, other = self.calls[calls[at - 1]], self.calls[calls[at]]
            ended = any(one.end <= sink < other.first for sink in ends)
            if ended or any(one.first <= source < other.first for source in begins):
                yield calls[start:at]
                start = at
        yield calls[start:]

    def _is_same_but_for_one(self, runs: Sequence[tuple[int, ...]]) -> bool:
        """Return whether only the first of a stack has more than all have, such as a table of positions."""
        if len(runs) != 2 or len(runs[0]) > 1:
            return False
        one, rest = (self.kinds.parts_of(self.calls[run[0]].path) for run in runs)
        return one > rest

    def _kind(self, call: int) -> Kind:
        return self.kinds.of(self.calls[call].path)

    def _item(self, calls: tuple[int, ...]) -> Item:
        return Item(tuple(dict.fromkeys(self.calls[call].path for call in calls)), calls)

    def _stack(self, call: int) -> str:
        """Return the stack that a module belongs to, or forms by running several times; "" if none."""
        path = self.calls[call].path
        if not self.inside.get(call) or self.is_atom(call):
            return ""
        types = self.members.get(numbered(path), [])
        is_listed = leaf(path).isdigit()
        if is_listed and len(types) == len(set(types)) > 1:
            return path  # a list of unlike parts, as attention and feed-forward are
        is_alike = len(types) > _MOST_ALIKE and len(set(types)) == 1 and types[0] != "Sequential"
        is_member = is_listed or is_alike or self._makes_residuals(path)
        return (is_member and numbered(path)) or path

    # -- what opens in a panel of its own --------------------------------------------------------

    def _detail(self, item: Item, sheet: Sheet) -> str:
        """Return the panel that opens an item, the first's if of several kinds; "" if it stays closed."""
        kinds = {self._kind(call): call for call in reversed(item.calls)}
        names = [self._opened(item, call, sheet) for call in reversed(kinds.values())]
        return next(filter(None, names), "")

    def _opened(self, item: Item, call: int, sheet: Sheet) -> str:
        """Return the panel of an item's modules of the same kind as a call, creating it if need be."""
        kind = self._kind(call)
        if kind in self.choices.closed or not self._is_worth_opening(call):
            return ""
        base = self.calls[sheet.call].path
        paths = [path for path in item.paths if self.kinds.of(path) == kind]
        scopes = [
            other
            for scope in sheet.scopes
            for path in paths
            if (other := moved(path, base, scope)) in self.execution.calls_by_path
        ]
        for known in self.sheets.values():
            together = natural({*known.scopes, *scopes})
            if known.kind != kind:
                continue
            if together == known.scopes:
                return known.name
            if pattern_of(together, self.execution.modules):
                known.scopes = together
                for inner in known.items:
                    self._detail(inner, known)
                return known.name
        return self._sheet(kind, scopes, call, self._name(item)).name

    def _is_worth_opening(self, call: int) -> bool:
        parts = self._parts(call)
        return bool(parts) and not self.is_atom(call) and (len(parts) > 1 or bool(self.inside.get(parts[0])))

    def _name(self, item: Item) -> str:
        """Return a panel's name, based on the module's."""
        parts = item.paths[0].split(".")
        names = [part for part in parts if not part.isdigit()] or ["block"]
        word = names[-1] if names[-1] == parts[-1] else names[-1].rstrip("s")
        return unused(word, {*self.sheets})

    # -- questions about calls ------------------------------------------------------------------------

    def is_atom(self, call: int) -> bool:
        """Return whether it is one operation of the field, whatever it consists of."""
        return any(region.term.family in _ATOMS for region in self._whole(call))

    def _parts(self, call: int) -> list[int]:
        """Return the calls in it that compute anything."""
        return [inner for inner in self.inside.get(call, ()) if self.counts(inner)]

    def counts(self, call: int) -> bool:
        """Return whether it computes anything from the input, or from parameters of its own."""
        span = self.calls[call]
        nodes = range(*self.values.span(span.first, span.end))
        if any(map(self.values.recognition.counts, nodes)):
            return True
        module = self.execution.modules.get(span.path)
        ops = self.values.recognition.flow.ops
        held = module is not None and module.has_parameters
        return held and any(ops[node].floating and ops[node].operands for node in nodes)

    def _whole(self, call: int) -> tuple[Region, ...]:
        return self.values.recognition.whole(call)


def unused(word: str, taken: set[str]) -> str:
    """Return the word, with a number if it is taken."""
    if word not in taken:
        return word
    number = 2
    while f"{word}_{number}" in taken:
        number += 1
    return f"{word}_{number}"


def moved(path: str, base: str, scope: str) -> str:
    """Return the module of another layer that has the place which `path` has in the layer `base`."""
    rest = path[len(base) :].lstrip(".") if base else path
    return joined(scope, rest)
