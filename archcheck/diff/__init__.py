"""The comparison: from a bound spec and traced runs to sorted findings and proofs. Pure."""

from archcheck.diff.compare import compare

__all__ = ["compare"]
