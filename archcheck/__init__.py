"""archcheck: prove a neural network's architecture diagram against the model's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archcheck.commands.trace import Trace, trace
    from archcheck.commands.verify import assert_conforms, verify

__all__ = ["Trace", "__version__", "assert_conforms", "trace", "verify"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # torch takes a second to import: only what traces pays for it.
    if name in ("trace", "Trace"):
        from archcheck.commands import trace

        return getattr(trace, name)
    if name in ("assert_conforms", "verify"):
        from archcheck.commands import verify

        return getattr(verify, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
