"""The label and role of a module's box, by what the module computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from archcheck.diff.label_numbers import counted
from archcheck.diff.marks.claimed import meets
from archcheck.diff.marks.values import Values
from archcheck.drafting import words
from archcheck.drafting.plan import Item
from archcheck.spec.model import Box
from archcheck.vocabulary import Family, Region, claims, is_a
from archcheck.vocabulary.words import ROLES, capital, label_of, sign

_HEADS: Mapping[str, str] = {"heads": "heads", "kv_heads": "KV heads"}


def called(item: Item, shown: Sequence[str], values: Values) -> tuple[str, str]:
    """Return the label and role of the box of a module, which stands for all those `shown`."""
    path, call = item.paths[0], item.calls[0]
    leaf = path.rpartition(".")[2]
    region = _computed(path, call, values)
    if region is None:
        return plain(path, call, values), "block"
    label = label_of(region, leaf, _counts(region, shown, values))
    gates = [each for each in values.recognition.inside(call) if is_a(each.term.name, "GLU")]
    if region.term.name == "gated feed-forward" and gates:
        label = f"{capital(sign(gates[0]))} {label.lower()}"
    return label, ROLES.get(region.term.family, "block")


def plain(path: str, call: int, values: Values) -> str:
    """Return the label of a module by its class or name, where that is true of what it computes."""
    modules = values.execution.modules
    computed = values.recognition.inside(call)
    return words.block_label(
        modules[path].type_name, path.rpartition(".")[2], computed, modules[""].type_name
    )


def _computed(path: str, call: int, values: Values) -> Region | None:
    """Return the operation of the field that a module is, if it is one."""
    recognition, type_name = values.recognition, values.execution.modules[path].type_name
    whole = recognition.whole(call) or _made_by(values, call)
    named = [region for region in whole if region.term.family in ROLES]
    if not named and "attention" in type_name.casefold().replace("attn", "attention"):
        span = values.execution.flow.calls[call]
        inside = [region for region in recognition.inside(call) if region.term.family is Family.ATTENTION]
        named = inside if len(inside) == 1 and not values.execution.joins_within(span.first, span.end) else []
    if not named and not any(each.parent == call for each in values.execution.flow.calls):
        said, inside = claims(words.spaced(type_name)), recognition.inside(call)
        named = [region for region in inside if any(meets(region, claim) for claim in said)]
        named += [region for region in inside if any(_is_step(step, region) for step in named)]
        named.sort(key=lambda region: -len(region.ops))
    return _told(named[0], call, values) if named else None


def _is_step(step: Region, of: Region) -> bool:
    return step.term.family is of.term.family and set(step.ops) < set(of.ops)


def _told(region: Region, call: int, values: Values) -> Region:
    """Return a region that is told of as cross-attention only where its module is given two streams.

    Queries and keys may each have a latent of their own.
    """
    ops = values.execution.flow.ops
    given = {values.made(read): ops[read] for read in values.execution.flow.calls[call].inputs}
    streams = [op for op in given.values() if op.depends_on_input and op.depends_on_parameter and op.floating]
    return region if len(streams) > 1 else replace(region, details={**region.details, "source": None})


def _counts(region: Region, shown: Sequence[str], values: Values) -> dict[str, str]:
    """Return the numbers of heads that the diff would miss in a label if they were others."""

    def is_wrong(text: str) -> bool:
        return any(
            each.is_wrong for path in shown for each in counted(text, Box(), [path], values.execution, {})
        )

    found = {}
    for key, noun in _HEADS.items():
        number = region.details.get(key)
        said = isinstance(number, int) and number > 1 and (key == "heads" or region.term.name == "GQA")
        if said and is_wrong(f"{number}1 {noun}") and not is_wrong(f"{number} {noun}"):
            found[key] = noun
    return found


def _made_by(values: Values, call: int) -> list[Region]:
    """Return what makes the result of a call that computes nothing of the input: a table of positions."""
    span = values.recognition.flow.calls[call]
    if any(map(values.recognition.counts, range(span.first, span.end))):
        return []
    made = {values.made(output) for output in values.execution.flow.calls[call].outputs}
    inside = values.recognition.inside(call)
    return [region for region in inside if region.output in made and region.term.family is Family.POSITION]
