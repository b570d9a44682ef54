"""How each term behaves, by its own definition, whatever computes it: the tests of the second witness.

They know nothing of the vocabulary's recognisers, and share no code with them.
"""

from __future__ import annotations

from collections.abc import Mapping

from archcheck.tracing.behaviours import blocks, elements, moving
from archcheck.tracing.behaviours.probing import Behaviour

BEHAVIOURS: Mapping[str, Behaviour] = {**moving.BEHAVIOURS, **elements.BEHAVIOURS, **blocks.BEHAVIOURS}
"""By term, or by the family of terms that behave alike."""
