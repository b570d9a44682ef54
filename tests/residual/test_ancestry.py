"""What depends on what, against the ancestors of each operation computed from the first to the last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcheck.dataflow import queries
from archcheck.dataflow.run import Dataflow, Op
from archcheck.residual import ancestry
from archcheck.residual.ancestry import Ancestors, Ancestry
from archcheck.residual.operation_facts import Facts


@st.composite
def flows(draw: st.DrawFn) -> Dataflow:
    """An input, then operations that read up to three earlier ones; those that read none are constants."""
    ops = [Op("input", (), 0, depends_on_input=True)]
    for at in range(1, draw(st.integers(2, 12))):
        reads = draw(st.lists(st.integers(0, at - 1), max_size=3))
        depends = any(ops[read].depends_on_input for read in reads)
        ops.append(Op("add", tuple((read,) for read in reads), 0, depends_on_input=depends))
    return Dataflow(ops, (), (len(ops) - 1,))


def ancestors(flow: Dataflow) -> list[set[int]]:
    """What each operation depends on, itself among them."""
    above: list[set[int]] = []
    for at, op in enumerate(flow.ops):
        above.append({at}.union(*(above[read] for read in op.reads)))
    return above


@given(flow=flows(), data=st.data())
def test_what_is_reached_and_what_is_live(flow: Dataflow, data: st.DataObject) -> None:
    """The ends are outputs and what escapes, or what Python looked at: in a run without ends, or if asked."""
    some = st.lists(st.integers(0, len(flow.ops) - 1), max_size=3)
    above = ancestors(flow)
    later, earlier, ends, seen = (data.draw(some) for _ in range(4))
    found = list(queries.reached(later, queries.reads(flow)))
    assert sorted(found) == sorted(set().union(*(above[at] for at in later)))
    assert queries.depends(later, earlier, queries.reads(flow)) == (not set(found).isdisjoint(earlier))
    run = replace(flow, outputs=tuple(ends[:1]), escaping=frozenset(ends[1:]), host_reads=((0, tuple(seen)),))
    for asked in (False, True):
        starts = [*ends, *seen] if asked or not ends else ends
        live = set().union(*(above[at] for at in starts))
        assert queries.live(run, with_control=asked) == live


@pytest.mark.parametrize("long_way", [0, 4000])
@given(flow=flows(), data=st.data())
def test_one_way_or_another(long_way: int, flow: Dataflow, data: st.DataObject) -> None:
    """Walking back, and reachability computed once, answer alike, whatever was asked before."""
    above = ancestors(flow)
    fed = [at for at, op in enumerate(flow.ops) if op.depends_on_input]
    reads = tuple(data.draw(st.lists(st.sampled_from(fed), min_size=1, max_size=3)))
    found, back = Ancestry(Facts(flow)), Ancestors(reads)
    known = set().union(*(above[read] for read in reads))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ancestry, "_LONG_WAY", long_way)
        for at in data.draw(st.lists(st.sampled_from(fed), max_size=4)):
            assert found.depends(back, at) == (at in known)
    sources = data.draw(st.lists(st.sampled_from(fed), unique=True, max_size=3))
    assert found.between_each(sources, back) == [
        tuple(sorted(at for at in known if source in above[at] and at != source)) for source in sources
    ]
