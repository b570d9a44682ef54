"""From an `nn.Module` and example inputs to a recording: recorder (one real run), replay (as torch.fx)."""

from archcheck.tracing.tracer import Recording, record

__all__ = ["Recording", "record"]
