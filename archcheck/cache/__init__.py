"""A cache of verdicts, valid while nothing that they depend on changes. No torch, and no spec is read."""

from archcheck.cache.store import Cache, Question

__all__ = ["Cache", "Question"]
