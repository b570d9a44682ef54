"""A model at a glance: what its figure would show, as a tree folded by repetition, in the field's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archcheck.diff.execution import Execution
from archcheck.diff.marks.values import Values, values
from archcheck.drafting.choices import Choices
from archcheck.drafting.kinds import Kind, numbered, numbers_of, ranges
from archcheck.drafting.labels import called
from archcheck.drafting.plan import Item, Planner
from archcheck.drafting.words import title_of
from archcheck.findings import Part
from archcheck.phrasing.module_paths import is_within, joined, leaf
from archcheck.residual import Join
from archcheck.vocabulary import Family, Region

_GATED = ("SwiGLU", "GEGLU", "ReGLU", "bilinear GLU", "sigmoid GLU", "GLU")
_OF_TOKENS = frozenset(["LayerNorm", "RMSNorm"])
_WEIGHTED = frozenset([Family.LINEAR, Family.CONVOLUTION, Family.ATTENTION])


def structure(execution: Execution) -> Part:
    """Return the whole model: its modules as they are nested, without mere wrappers and lists."""
    run = values(execution)
    return _Tree(run, Planner(run, Choices())).part([""], "")


def modules(execution: Execution) -> Part:
    """Return the whole model, module by module, without looking at what they compute."""
    scopes = {each.residual.scope for each in execution.joins}

    def part(path: str) -> Part:
        module = execution.modules[path]
        below = [child for child in execution.children(path) if execution.calls(child)]
        parts = tuple(map(part, below))
        is_block = path in scopes or any(part.is_block for part in parts)
        return Part(leaf(path), title_of(module.type_name), 1, parts, is_block)

    return part("")


@dataclass(frozen=True)
class _Tree:
    run: Values
    planner: Planner
    opened: dict[Kind, tuple[str, str]] = field(default_factory=dict)
    blocks: set[Kind] = field(default_factory=set)

    def part(self, paths: Sequence[str], base: str) -> Part:
        """Return modules of one kind as a part of `base`, with their contents once for all of a kind."""
        path, name = paths[0], _name(paths, base)
        kind, joins = self._kind(path), next(filter(None, map(self._made_in, paths)), [])
        groups = self._groups(path)
        shown = [path for group in groups for path in group]
        label = self._label(paths)
        kinds = [word for word in self._kinds(self._calls(path)[0], shown) if word not in " ".join(label)]
        words = [*label, *kinds, *self._placement(joins)]
        what = ", ".join(dict.fromkeys(filter(None, ", ".join(words).split(", "))))
        if not groups or kind in self.opened:
            other, known = self.opened.get(kind, ("", ""))
            like = known if other == base else joined(other, known)
            return Part(name, what, len(paths), is_block=bool(joins) or kind in self.blocks, like=like)
        self.opened[kind] = base, name
        parts = tuple(self.part(group, path) for group in groups)
        is_block = bool(joins) or any(part.is_block for part in parts)
        self.blocks.update([kind] if is_block else [])
        return Part(name, what, len(paths), parts, is_block)

    def _label(self, paths: Sequence[str]) -> list[str]:
        type_name = self.run.execution.modules[paths[0]].type_name
        if not paths[0]:
            return [type_name]
        label, _ = called(Item(tuple(paths), tuple(self._calls(paths[0]))), paths, self.run)
        says_nothing = label.casefold() == leaf(paths[0]).casefold()
        return [title_of(type_name)] if says_nothing else label.split("\n")

    def _groups(self, path: str) -> list[list[str]]:
        """Return what a module is made of, neighbours of a kind as a group, if it is more than one thing."""
        shown = [] if self._is_closed(path) else list(self._shown(path))
        groups: list[list[str]] = []
        for each in shown:
            stack = numbered(each)
            is_next = bool(groups and stack) and numbered(groups[-1][-1]) == stack
            if is_next and self._kind(groups[-1][-1]) == self._kind(each):
                groups[-1].append(each)
            else:
                groups.append([each])
        return groups if len(shown) > 1 else []

    def _shown(self, path: str) -> Iterator[str]:
        """Yield the modules in a module, in the order they run; for a list or wrapper, its contents."""
        found = [child for child in self.run.execution.children(path) if self._calls(child)]
        for child in sorted(found, key=lambda child: self._calls(child)[0]):
            if self._is_holder(child):
                yield from self._shown(child)
            elif any(map(self.planner.counts, self._calls(child))):
                yield child

    def _is_holder(self, path: str) -> bool:
        """Return whether it is a list, a wrapper, or computes the sum of a residual from outside."""
        if path not in self.run.execution.calls_by_path:
            return True
        call = self._calls(path)[0]
        if self._is_closed(path) or not self.planner.inside.get(call):
            return False
        if self.run.execution.modules[path].type_name == "Sequential":
            return True
        ends = any(is_within(sink, path) and not is_within(scope, path) for sink, scope in self.planner.sinks)
        return not numbered(path) and (ends or self.planner.is_wrapper(call))

    def _is_closed(self, path: str) -> bool:
        return path in self.run.execution.calls_by_path and self.planner.is_atom(self._calls(path)[0])

    def _kind(self, path: str) -> Kind:
        return self.planner.kinds.of(path)

    def _calls(self, path: str) -> list[int]:
        """Return the calls of a module, or of those in a list."""
        known = self.run.execution.calls_by_path
        inside = (call for child in self.run.execution.children(path) for call in self._calls(child))
        return known[path] if path in known else sorted(inside)

    def _made_in(self, scope: str) -> list[Join]:
        """Return the residuals around what is in a module, except those in members of a stack in it."""
        length = len(scope.split(".")) if scope else 0
        return [
            join
            for join in self.run.execution.joins
            if is_within(join.residual.scope, scope)
            and not any(map(str.isdigit, join.residual.scope.split(".")[length:]))
        ]

    def _kinds(self, call: int, shown: Sequence[str]) -> Iterator[str]:
        """Yield the number of attention heads and the kind of gated FFN of parts not `shown` separately."""
        calls = self.run.recognition.flow.calls
        inside = [calls[each] for path in shown for each in self._calls(path)]
        regions = [
            region
            for region in self.run.recognition.inside(call)
            if not any(part.first <= region.ops[0] and region.output < part.end for part in inside)
        ]
        attentions = [region for region in regions if region.term.family is Family.ATTENTION]
        if len(attentions) == 1:
            yield from _heads(attentions[0])
        if Family.FEED_FORWARD in {region.term.family for region in regions}:
            names = {region.term.name for region in regions}
            yield next((name for name in _GATED if name in names), "")

    def _placement(self, joins: Sequence[Join]) -> Iterator[str]:
        """Yield where the norms of a block are, and whether its branches are parallel."""
        before, inside, after = [], [], []
        for join in joins:
            residual = join.residual
            branch = [joined(residual.scope, path) for path in residual.branch]
            if branch:
                before.append(self._is_norm(branch[0]))
                inside.append(len(branch) > 1 and self._is_norm(branch[-1]))
                summed = any(other.sink < join.source for other in joins)
                after.append(summed and self._is_normed(join.source))
        if before and all(before):
            yield "sandwich norm" if all(inside) else "pre-norm"
        elif any(after) and not any(before):
            yield "post-norm"
        elif inside and all(inside) and not any(before):
            yield "norm at the end of each branch"
        branches = [each.residual.branch[-1:] for each in joins]
        if len(joins) > 1 and len({each.source for each in joins}) == 1 and len({*branches}) == len(joins):
            yield "parallel"

    def _is_norm(self, path: str) -> bool:
        """Return whether it is a norm of tokens. Batch norms belong to their convolutions."""
        calls = self.run.execution.calls_by_path.get(path, ())
        regions = [region for call in calls[:1] for region in self.run.recognition.inside(call)]
        weighted = any(region.term.family in _WEIGHTED for region in regions)
        return not weighted and any(region.term.name in _OF_TOKENS for region in regions)

    def _is_normed(self, op: int) -> bool:
        """Return whether it is the output of a norm of tokens."""
        made = self.run.recognition.by_output.get(self.run.made(op), ())
        return any(region.term.name in _OF_TOKENS for region in made)


def _heads(region: Region) -> Iterator[str]:
    heads, kv_heads = region.details.get("heads"), region.details.get("kv_heads")
    if isinstance(heads, int) and heads > 1:
        yield f"{heads} heads"
        if isinstance(kv_heads, int) and kv_heads != heads:
            yield f"{kv_heads} KV heads"


def _name(paths: Sequence[str], base: str) -> str:
    """Return the name of a stack's modules in what holds them: `layer1.1–2`."""
    path = (
        f"{numbered(paths[0])[:-1]}{ranges(sorted(numbers_of(path)[-1] for path in paths))}"
        if len(paths) > 1
        else paths[0]
    )
    return path[len(base) :].lstrip(".") if base else path
