"""From an `nn.Module` and example inputs to a trace: recorder (one real run), replay (as torch.fx)."""

from archcheck.tracing.tracer import Trace, trace

__all__ = ["Trace", "trace"]
