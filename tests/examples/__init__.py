"""The registry of small models that replay, detector and oracle are judged on."""

from __future__ import annotations

from tests.examples import adds, chains, concat, foreign, joins, kinds, layers, levels, streams
from tests.examples.case import Case

CASES: tuple[Case, ...] = (
    *joins.CASES,
    *kinds.CASES,
    *concat.CASES,
    *layers.CASES,
    *levels.CASES,
    *chains.CASES,
    *streams.CASES,
    *foreign.CASES,
    *adds.CASES,
)
