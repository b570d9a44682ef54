"""Changed conditions that no input can tell from the right ones, each with the reason."""

from __future__ import annotations

EQUAL = {
    "ancestry.py: if at in seen -> if False": "it only saves time: what is seen again is seen already",
    "ancestry.py: if bits -> if True": "an operation without a bit is in none of the answers",
    "ancestry.py: if ops[read].depends_on_input -> if True": "it saves time: constants depend on nothing",
    "ancestry.py: len(back.seen) > _LONG_WAY -> len(back.seen) >= _LONG_WAY": "both ways give one answer",
    "factors.py: if op.name in FUSED_SUMS -> if True": "no other sink has an alpha, a beta or a value",
    "operation_facts.py: if at not in seen -> if True": "it only saves time: the first of each counts",
    "learned.py: if not streams -> if False": "without such streams no operation is replaced",
}
"""From what `condition_mutants` prints of a mutant to why it is none."""
