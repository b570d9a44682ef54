"""The registry of small models that replay, detector and oracle are judged on."""

from __future__ import annotations

from tests.models import adds, foreign, joins, kinds, layers, streams
from tests.models.case import Case

CASES: tuple[Case, ...] = (
    *joins.CASES,
    *kinds.CASES,
    *layers.CASES,
    *streams.CASES,
    *foreign.CASES,
    *adds.CASES,
)
