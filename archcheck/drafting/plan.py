"""Which panels there are, and which modules stand in each of them as a box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from archcheck.diff.marks.values import Values
from archcheck.drafting.choices import Choices
from archcheck.drafting.kinds import Kind, Kinds, natural, numbered
from archcheck.drafting.words import title_of
from archcheck.phrasing.module_paths import is_within
from archcheck.vocabulary import Family, Region

_ATOMS = frozenset(
    [Family.NORM, Family.ACTIVATION, Family.LINEAR, Family.CONVOLUTION, Family.EMBEDDING, Family.POSITION,
     Family.SOFTMAX, Family.POOLING, Family.DROPOUT, Family.RESAMPLING, Family.SCALE]
)  # fmt: skip
"""What a figure never opens."""
_LISTS = frozenset(["Sequential", "ModuleList", "ModuleDict"])
_MOST_BOXES = 40


MODEL: Kind = ("model",)
"""The kind of the whole model, which has a panel always."""


@dataclass(eq=False)
class Item:
    """What one box of a panel stands for: modules of one kind that run one after the other, or side by side.

    `calls` are their calls in the panel's first frame, and `others` the modules that it stands for besides,
    which did not run there.
    """

    paths: tuple[str, ...]
    calls: tuple[int, ...]
    detail: str = ""


@dataclass(eq=False)
class Sheet:
    """One panel to be: the modules of one kind that it shows, and what is in the first call of the first.

    `opened` are calls in it whose own parts stand in this panel.
    """

    kind: Kind
    name: str
    scopes: list[str]
    call: int
    title: str
    items: list[Item] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)


class Planner:
    """Decides what a panel opens, as the figures in READMEs do: the model, its blocks, what is in those."""

    def __init__(self, values: Values, choices: Choices) -> None:
        self.values = values
        self.execution = values.execution
        self.calls = values.execution.flow.calls
        self.kinds = Kinds(values)
        self.choices = choices
        self.sheets: dict[Kind, Sheet] = {}
        self.inside: dict[int, list[int]] = {}
        for index, call in enumerate(self.calls):
            if index:
                self.inside.setdefault(call.parent, []).append(index)
        self.sinks = [(self.calls[join.sink_call].path, join.residual.scope) for join in self.execution.joins]

    def plan(self) -> list[Sheet]:
        """The panels, each before what it opens."""
        self._sheet(MODEL, [""], 0, "model")
        return list(self.sheets.values())

    def _sheet(self, kind: Kind, scopes: list[str], call: int, name: str) -> Sheet:
        sheet = Sheet(kind, name, scopes, call, title_of(self.calls[call].type_name))
        self.sheets[kind] = sheet
        shown = list(self._shown(call, sheet))
        sheet.items = list(self._grouped(shown))
        for item in sheet.items:
            item.detail = self._detail(item, sheet)
        return sheet

    # -- what stands in a panel ---------------------------------------------------------------------

    def _shown(self, call: int, sheet: Sheet) -> Iterator[int]:
        """The calls that a panel shows, in order; of what is only a holder, what it holds."""
        base = self.calls[sheet.call].path
        for inner in self.inside.get(call, ()):
            if not is_within(self.calls[inner].path, base):
                continue  # a module from elsewhere has no name here; what it computes is shown
            if not self._counts(inner):
                continue  # dropout in evaluation, a table of positions
            if self._is_opened(inner, sheet):
                sheet.opened.append(inner)
                yield from self._shown(inner, sheet)
            else:
                yield inner

    def _is_opened(self, call: int, sheet: Sheet) -> bool:
        path, parts = self.calls[call].path, self.inside.get(call, ())
        kind = self.kinds.of(path)
        if not parts:
            return False
        if any(is_within(sink, path) and not is_within(scope, path) for sink, scope in self.sinks):
            return True  # it ends a residual connection that begins outside of it
        if self.is_atom(call):
            return False
        if self._only_part(call):
            return True
        if kind in self.choices.closed:
            return False
        if sheet.call == 0 and self._holds_stack(call):
            return True
        return self.calls[call].type_name == "Sequential" and not self._whole(call) and not numbered(path)

    def _only_part(self, call: int) -> bool:
        """Is it a mere wrapper of one other module?"""
        parts = self.inside[call]
        if len(parts) != 1:
            return False
        (inner,) = parts
        span, own = self.calls[call], self.calls[inner]
        first, end = self.values.span(span.first, span.end)
        within = range(*self.values.span(own.first, own.end))
        counts = self.values.recognition.counts
        return not any(counts(node) for node in range(first, end) if node not in within)

    def _holds_stack(self, call: int) -> bool:
        """Are there several blocks of a numbered stack somewhere in it?"""
        seen: dict[str, set[str]] = {}
        span = self.calls[call]
        for inner in range(call + 1, len(self.calls)):
            if self.calls[inner].first >= span.end and self.calls[inner].parent < call:
                break
            path = self.calls[inner].path
            if self.inside.get(inner) and (stack := numbered(path)) and is_within(path, span.path):
                seen.setdefault(stack, set()).add(path)
        here = numbered(span.path)
        return any(len(paths) > 1 and stack != here for stack, paths in seen.items())

    def _grouped(self, shown: list[int]) -> Iterator[Item]:
        """The calls as items: neighbours of one kind in one stack together."""
        for _, group in groupby(shown, key=self._stack_of):
            calls = tuple(group)
            paths = tuple(dict.fromkeys(self.calls[call].path for call in calls))
            if len(calls) > 1 and (len(paths) == 1 or self._stack_of(calls[0])[0] == "stack"):
                yield Item(paths, calls)
            else:
                for call in calls:
                    yield Item((self.calls[call].path,), (call,))

    def _stack_of(self, call: int) -> tuple[object, ...]:
        path = self.calls[call].path
        stack = numbered(path)
        if not self.inside.get(call):
            return "one", call
        if not stack:
            return "one", path
        return "stack", stack, self.kinds.of(path)

    # -- what is opened in a panel of its own ---------------------------------------------------------

    def _detail(self, item: Item, sheet: Sheet) -> str:
        """The panel that opens an item; it is made where there is none. "" for what stays closed."""
        call = item.calls[0]
        kind = self.kinds.of(item.paths[0])
        if kind in self.choices.closed or not self._is_worth_opening(call):
            return ""
        base = self.calls[sheet.call].path
        scopes = [
            other
            for scope in sheet.scopes
            for path in item.paths
            if (other := _moved(path, base, scope)) in self.execution.calls_by_path
        ]
        if kind in self.sheets:
            known = self.sheets[kind]
            known.scopes = natural({*known.scopes, *scopes})
            return known.name
        return self._sheet(kind, scopes, call, self._name(item)).name

    def _is_worth_opening(self, call: int) -> bool:
        return bool(self.inside.get(call)) and not self.is_atom(call)

    def _name(self, item: Item) -> str:
        """A panel's name, from what the module is called."""
        parts = item.paths[0].split(".")
        word = parts[-1] if not parts[-1].isdigit() else parts[-2].rstrip("s") if len(parts) > 1 else "block"
        taken = {sheet.name for sheet in self.sheets.values()}
        return unused(word, taken)

    # -- questions about calls ------------------------------------------------------------------------

    def is_atom(self, call: int) -> bool:
        """Is it one operation of the field, whatever it is made of?"""
        return any(region.term.family in _ATOMS for region in self._whole(call))

    def _counts(self, call: int) -> bool:
        span = self.calls[call]
        return any(map(self.values.recognition.counts, range(*self.values.span(span.first, span.end))))

    def _whole(self, call: int) -> tuple[Region, ...]:
        return self.values.recognition.whole(call)


def unused(word: str, taken: set[str]) -> str:
    """The word, with a number where it is taken."""
    if word not in taken:
        return word
    number = 2
    while f"{word}_{number}" in taken:
        number += 1
    return f"{word}_{number}"


def _moved(path: str, base: str, scope: str) -> str:
    """The module of another layer that has the place which `path` has in the layer `base`."""
    rest = path[len(base) :].lstrip(".") if base else path
    return f"{scope}.{rest}" if scope and rest else scope or rest
