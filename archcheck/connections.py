"""The value objects shared by the spec side and the trace side; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from archcheck.source_location import Location


class Kind(str, Enum):  # noqa: UP042 - the worker's side runs on Python 3.10, which has no StrEnum
    """How a residual connection joins its skip path and its branch."""

    IDENTITY = "identity"
    SCALED = "scaled"
    PROJECTION = "projection"
    GATED = "gated"
    CONCAT = "concat"
    PARTIAL = "partial"
    MULTI_STREAM = "multi-stream"

    def __str__(self) -> str:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)


@dataclass(frozen=True, slots=True)
class Factor:
    """The factor of a residual: on `skip`, `branch` or `both` (their sum), a number or a parameter's path."""

    on: str
    value: float | None = None
    parameter: str = ""

    def __str__(self) -> str:
        where = "the whole sum" if self.on == "both" else f"the {self.on}"
        what = "a tensor" if self.value is None else self.value
        return f"{self.parameter or what} on {where}"


@dataclass(frozen=True, slots=True)
class Residual:
    """One residual connection `y = x + F(x)` that the model executed.

    `scope` is the path of the deepest module that contains the whole branch and the sink;
    `implemented_in` that of the module whose own forward executes the sink ("" is the model itself).
    `source` is `input`, the path (relative to scope) of the module that produced x, or, where x is the
    sum of an earlier residual, `sink(BRANCH)` with that residual's last branch module. `branch` and
    `skip` are the ordered paths, relative to scope, of the modules that make F and the skip path.
    `location` is the line of the sink, `source_location` the line that made x. `modes` names the traced modes
    that execute it, empty when that is all of them.
    """

    kind: Kind
    scope: str
    implemented_in: str
    source: str
    branch: tuple[str, ...]
    location: Location | None
    skip: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()
    source_location: Location | None = None
    modes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same connection when lines, kinds or sources change: `layers.0:norm+attn`."""
        return f"{self.scope}:{'+'.join(self.branch)}"

    @property
    def layer(self) -> str:
        """The indices in its scope: `3` of `layers.3.mlp`, `3.1` of `layers.3.experts.1`, "" of `head`."""
        return ".".join(part for part in self.scope.split(".") if part.isdigit())
