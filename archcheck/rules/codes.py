"""Every code that archcheck reports. A type, so that a misspelled code is an error for mypy."""

from __future__ import annotations

from typing import Literal

RuleCode = Literal[
    "RES001",
    "RES002",
    "RES003",
    "RES004",
    "RES005",
    "RES006",
    "RES007",
    "RES008",
    "RES009",
    "RES010",
    "RES011",
    "RES012",
    "BOX001",
    "BOX002",
    "BOX003",
    "BOX004",
    "BOX005",
    "BOX006",
    "BOX007",
    "BOX008",
    "FLOW001",
    "FLOW002",
    "MARK001",
    "DIA001",
    "BAS002",
]
"""The codes of findings."""
