"""A proof of residual connections from outside of what found them: finite changes in the replayed run."""

from archcheck.tracing.proof.prove import prove

__all__ = ["prove"]
