"""A claim about a few operations of a run, in a form that the model's side can test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archcheck.source_location import Location


@dataclass(frozen=True)
class Probe:
    """The claim that `steps` of the run, the last of which makes the result, compute `term`.

    `inputs` are the operations whose results can be replaced by others, by role (`stream`, `query`, `gate`)
    or, without one, by their number as text; `details` are further claims (`causal`, `dim`, …).
    """

    term: str
    family: str
    steps: tuple[int, ...]
    inputs: Mapping[str, int]
    details: Mapping[str, Any]
    location: Location | None = None
