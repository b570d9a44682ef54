"""An independent proof of residual connections: finite changes in the replayed run."""

from archcheck.tracing.proof.prove import prove

__all__ = ["prove"]
